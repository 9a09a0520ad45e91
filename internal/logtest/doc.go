// Package logtest has a log that a test reads while others write it.
package logtest
