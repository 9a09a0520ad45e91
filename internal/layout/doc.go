// Package layout holds the project's own rules in tests: which package may
// import which, and that each has a doc.go.
package layout
