// Package hosttest runs a host within a test, with plugins in processes of their own, and
// calls it.
package hosttest
