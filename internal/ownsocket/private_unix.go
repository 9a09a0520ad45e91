//go:build unix

package ownsocket

import "syscall"

// private calls f, which makes files that only this user may use from the moment they are
// there. The mask is the process's: what others make meanwhile is as private.
func private(f func()) {
	defer syscall.Umask(syscall.Umask(0o077))
	f()
}
