package rundir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// maxBase is the longest base directory, in bytes: a socket's path has at most
// 104 on macOS, and plugins add theirs.
const maxBase = 50

const (
	prefix   = "run-" // of each process's directory
	lockName = "lock"
)

// Dir is a process's private directory.
type Dir struct {
	Path string
	lock *os.File
}

// Base makes sure that the base directory exists and is the user's alone, and
// returns it.
func Base() (string, error) {
	base := basePath()
	if err := os.Mkdir(base, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return "", fmt.Errorf("make runtime directory: %w", err)
	}
	if err := checkPrivate(base); err != nil {
		return "", fmt.Errorf("runtime directory %s: %w", base, err)
	}
	return base, nil
}

func basePath() string {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" && len(dir)+len("/byova-host") <= maxBase {
		return filepath.Join(dir, "byova-host")
	}
	name := fmt.Sprintf("byova-host-%d", os.Getuid())
	if base := filepath.Join(os.TempDir(), name); len(base) <= maxBase || os.PathSeparator != '/' {
		return base
	}
	return filepath.Join("/tmp", name)
}

// Make returns a new directory, after removing those of dead processes.
func Make() (*Dir, error) {
	base, err := Base()
	if err != nil {
		return nil, err
	}
	return MakeIn(base)
}

// MakeIn does the same in another directory, which it makes if it is not there.
func MakeIn(base string) (*Dir, error) {
	if err := os.Mkdir(base, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("make directory: %w", err)
	}
	// One at a time: a directory is not locked yet when it is made.
	turn, err := lock(filepath.Join(base, lockName), true)
	if err != nil {
		return nil, fmt.Errorf("lock directory: %w", err)
	}
	defer turn.Close()
	sweep(base)
	path, err := os.MkdirTemp(base, prefix)
	if err != nil {
		return nil, fmt.Errorf("make directory: %w", err)
	}
	held, err := lock(filepath.Join(path, lockName), false)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), os.RemoveAll(path))
	}
	return &Dir{Path: path, lock: held}, nil
}

// sweep removes the directories whose lock is free. What cannot be removed now
// is left to the next.
func sweep(base string) {
	entries, err := os.ReadDir(base)
	if err != nil {
		return
	}
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), prefix) {
			continue
		}
		path := filepath.Join(base, e.Name())
		if free, err := lock(filepath.Join(path, lockName), false); err == nil {
			free.Close()
			os.RemoveAll(path)
		}
	}
}

// Remove removes the directory and what is in it.
func (d *Dir) Remove() error {
	return errors.Join(d.lock.Close(), os.RemoveAll(d.Path))
}
