//go:build unix

package checked

import (
	"errors"
	"io/fs"
	"syscall"
)

// noWait keeps a pipe from holding up the one who opens it.
const noWait = syscall.O_NONBLOCK

func checkMode(info fs.FileInfo) error {
	if info.Mode().Perm()&0o111 == 0 {
		return errors.New("it is not executable: make it so with chmod +x")
	}
	return nil
}
