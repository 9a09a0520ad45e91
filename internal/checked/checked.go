package checked

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// longestName is how much of a plugin's name its copy keeps, in bytes: a file's
// name may have 255, and the copy's has a number as well.
const longestName = 200

// File is a private copy of a plugin's file.
type File struct {
	Path   string
	SHA256 string // of what was copied, in lower-case hex
}

// Copy copies the plugin at path into dir, which must be private to this user. The
// copy has a name of its own that begins with the plugin's. With a pin the copy's
// sum must be that one; pin is as ParseSum takes it, or empty. On an error nothing
// is left.
func Copy(dir, path, pin string) (File, error) {
	f, err := copyFile(dir, path, pin)
	if err != nil {
		return File{}, fmt.Errorf("copy plugin %s: %w", path, err)
	}
	return f, nil
}

func copyFile(dir, path, pin string) (_ File, err error) {
	if pin != "" {
		if pin, err = ParseSum(pin); err != nil {
			return File{}, err
		}
	}
	if refusesPrograms(dir) {
		return File{}, NoExecError(dir)
	}
	original, err := os.OpenFile(path, os.O_RDONLY|noWait, 0) //nolint:gosec // the operator's path
	if err != nil {
		return File{}, errors.Unwrap(err) // the path is named already
	}
	defer original.Close()
	info, err := original.Stat()
	if err != nil {
		return File{}, err
	}
	if err := Executable(info); err != nil {
		return File{}, err
	}
	f, err := write(dir, filepath.Base(path), original)
	if err == nil && pin != "" && f.SHA256 != pin {
		_ = f.Remove()
		return File{}, fmt.Errorf("its sha256 is %s, but %s is pinned: put the pinned file back, or pin the new sum if you trust it",
			f.SHA256, pin)
	}
	return f, err
}

// write makes the copy. It is closed before anyone can execute it, but a child
// that another goroutine forks meanwhile may hold it open until it has executed
// its own program: who starts the copy must try again on ETXTBSY. Holding
// syscall.ForkLock instead would hold up every start of a process, also of one
// that a call waits for, while the file comes from a slow disk.
func write(dir, name string, original io.Reader) (_ File, err error) {
	to, err := os.CreateTemp(dir, pattern(name))
	if err != nil {
		return File{}, err
	}
	defer func() {
		to.Close() // the second time an error that means nothing
		if err != nil {
			_ = os.Remove(to.Name())
		}
	}()
	sum := sha256.New()
	if _, err := io.Copy(io.MultiWriter(to, sum), original); err != nil {
		return File{}, err
	}
	if err := to.Chmod(0o500); err != nil {
		return File{}, err
	}
	if err := to.Close(); err != nil {
		return File{}, err
	}
	return File{Path: to.Name(), SHA256: hex.EncodeToString(sum.Sum(nil))}, nil
}

// pattern is for os.CreateTemp: what comes in place of the star makes the name
// unique. The ending stays, Windows needs it.
func pattern(name string) string {
	name = strings.ReplaceAll(name, "*", "_")
	ext := filepath.Ext(name)
	if ext == name || len(ext) > 20 { // a hidden file, or no ending but a part of the name
		ext = ""
	}
	stem := strings.TrimSuffix(name, ext)
	return strings.ToValidUTF8(stem[:min(len(stem), longestName)], "") + "-*" + ext
}

// Remove removes the copy.
func (f File) Remove() error { return os.Remove(f.Path) }

// Executable says why a file cannot be a plugin, if so.
func Executable(info fs.FileInfo) error {
	switch {
	case info.IsDir():
		return errors.New("it is a directory, not a plugin's executable")
	case !info.Mode().IsRegular():
		return errors.New("it is no regular file")
	}
	return checkMode(info)
}

// NoExecError is what is wrong with a directory of copies where nothing can be
// executed.
func NoExecError(dir string) error {
	return fmt.Errorf("the directory %s is mounted noexec, no plugin can run from there: choose another with plugin_dir in the configuration", dir)
}

// ParseSum reads a sha256 sum as people write it, 64 hexadecimal digits of either
// case, and returns it in lower case.
func ParseSum(s string) (string, error) {
	if b, err := hex.DecodeString(s); err != nil || len(b) != sha256.Size {
		return "", fmt.Errorf("%q is no sha256 sum: it must have %d hexadecimal digits", s, hex.EncodedLen(sha256.Size))
	}
	return strings.ToLower(s), nil
}
