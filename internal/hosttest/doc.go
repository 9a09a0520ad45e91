// Package hosttest runs a host within a test, with plugins in processes of their own, calls
// it, and finds the words that were said in what was heard.
package hosttest
