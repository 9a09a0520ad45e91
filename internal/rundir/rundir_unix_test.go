package rundir

import (
	"os"
	"path/filepath"
	"testing"
)

func TestSweepsWhatTheDeadLeft(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", shortDir(t))
	sweeps(t, Make)
	base := filepath.Join(t.TempDir(), "new")
	sweeps(t, func() (*Dir, error) { return MakeIn(base) })
	if info, err := os.Stat(base); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%s: %v, want mode 0700", base, err)
	}
}

func sweeps(t *testing.T, make func() (*Dir, error)) {
	t.Helper()
	first, err := make()
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(first.Path, "plugin.sock")
	if err := os.WriteFile(socket, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	second, err := make()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(socket); err != nil {
		t.Errorf("a living process's file is gone: %v", err)
	}
	first.lock.Close() // as the kernel does when a process is killed
	third, err := make()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(first.Path); !os.IsNotExist(err) {
		t.Errorf("a dead process's directory is still there: %v", err)
	}
	for _, d := range []*Dir{second, third} {
		if err := d.Remove(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(d.Path); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", d.Path, err)
		}
	}
}

func TestBaseMustBePrivate(t *testing.T) {
	dir := shortDir(t)
	t.Setenv("XDG_RUNTIME_DIR", dir)
	base := filepath.Join(dir, "byova-host")
	if err := os.Mkdir(base, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Base(); err == nil {
		t.Error("a directory that others may enter was taken")
	}
	if err := os.Remove(base); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(t.TempDir(), base); err != nil {
		t.Fatal(err)
	}
	if _, err := Base(); err == nil {
		t.Error("a link was taken")
	}
}

// shortDir is a temporary directory whose path leaves room for sockets.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
