// Package starter writes new plugins: each a module of its own, with a program that
// answers at once, a test that runs a whole call, and a Makefile.
package starter
