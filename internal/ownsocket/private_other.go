//go:build !unix

package ownsocket

// private calls f, which makes files. Who may use them, their directory says.
func private(f func()) { f() }
