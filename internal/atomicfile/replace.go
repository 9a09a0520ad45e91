package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
)

// Replace puts a whole new file, readable by its owner alone, in the place of the
// old one, if there is one. What it has returned without an error stays when the
// machine loses its power. A process that is killed may leave a file .NAME-* beside
// it.
func Replace(path string, content []byte) (err error) {
	dir, name := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	f, err := os.CreateTemp(dir, "."+name+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(content); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes a rename last. Windows has no such call, and needs none.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir) //nolint:gosec // the directory of a file that the caller names
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
