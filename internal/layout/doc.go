// Package layout holds the project's own rules in tests: which package may
// import which, that each has a doc.go, and that the documents' links lead
// somewhere.
package layout
