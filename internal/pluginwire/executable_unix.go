//go:build unix

package pluginwire

import (
	"errors"
	"io/fs"
)

func checkExecutable(info fs.FileInfo) error {
	if info.Mode().Perm()&0o111 == 0 {
		return errors.New("it is not executable")
	}
	return nil
}
