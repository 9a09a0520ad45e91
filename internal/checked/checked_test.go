package checked_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/byova-host/byova-host/internal/checked"
)

func file(t *testing.T, name string, content []byte, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

func TestCopy(t *testing.T) {
	content := bytes.Repeat([]byte("a plugin "), 100_000)
	right := sum(content)
	for _, test := range []struct{ name, pin, begins, ends string }{
		{"echo", "", "echo-", ""},
		{"echo", right, "echo-", ""},
		{"echo", strings.ToUpper(right), "echo-", ""},
		{"echo.exe", right, "echo-", ".exe"},
		{"echo-v1.2.3", "", "echo-v1.2-", ".3"},
		{".hidden", "", ".hidden-", ""},
		{"a*b.*c", "", "a_b-", "._c"},
		{strings.Repeat("n", 250), "", strings.Repeat("n", 200) + "-", ""},
		{strings.Repeat("ä", 120), "", strings.Repeat("ä", 100) + "-", ""},
	} {
		path, dir := file(t, test.name, content, 0o755), t.TempDir()
		var paths []string
		for range 3 {
			f, err := checked.Copy(dir, path, test.pin)
			if err != nil {
				t.Fatal(err)
			}
			name := filepath.Base(f.Path)
			if f.SHA256 != right || filepath.Dir(f.Path) != dir || !strings.HasPrefix(name, test.begins) || !strings.HasSuffix(name, test.ends) {
				t.Errorf("copy of %s: %+v, want %s...%s in %s", test.name, f, test.begins, test.ends, dir)
			}
			if got, err := os.ReadFile(f.Path); err != nil || !bytes.Equal(got, content) {
				t.Errorf("copy of %s has other bytes (%v)", test.name, err)
			}
			if info, err := os.Stat(f.Path); err != nil || os.PathSeparator == '/' && info.Mode().Perm() != 0o500 {
				t.Errorf("copy of %s: mode %v (%v), want 0500", test.name, info.Mode(), err)
			}
			paths = append(paths, f.Path)
			defer func() {
				if err := f.Remove(); err != nil {
					t.Error(err)
				}
			}()
		}
		if paths[0] == paths[1] || paths[1] == paths[2] {
			t.Errorf("copies of %s share a name: %q", test.name, paths)
		}
	}
}

func TestCopyRefuses(t *testing.T) {
	content := []byte("#!/bin/sh\n")
	good := file(t, "good", content, 0o755)
	other := sum([]byte("another"))
	for _, test := range []struct {
		name, path, pin string
		want            []string // besides the path
	}{
		{"missing", filepath.Join(t.TempDir(), "none"), "", []string{"no such file"}},
		{"a directory", t.TempDir(), "", []string{"it is a directory, not a plugin's executable"}},
		{"another sum", good, other, []string{sum(content), other, "pin the new sum"}},
		{"no sum", good, "abc", []string{`"abc" is no sha256 sum: it must have 64 hexadecimal digits`}},
	} {
		t.Run(test.name, func(t *testing.T) { refuses(t, test.path, test.pin, test.want...) })
	}
	if _, err := checked.Copy(filepath.Join(t.TempDir(), "none"), good, ""); err == nil {
		t.Error("a copy into a directory that is not there")
	}
}

func refuses(t *testing.T, path, pin string, want ...string) {
	t.Helper()
	dir := t.TempDir()
	f, err := checked.Copy(dir, path, pin)
	if err == nil || f != (checked.File{}) {
		t.Fatalf("Copy = %+v, %v, want an error", f, err)
	}
	for _, text := range append(want, path) {
		if strings.Count(err.Error(), text) != 1 {
			t.Errorf("error = %v, want %q once", err, text)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func FuzzParseSum(f *testing.F) {
	f.Add(sum(nil))
	f.Add(strings.ToUpper(sum(nil)))
	f.Add("sha256:" + sum(nil))
	f.Add(sum(nil)[1:])
	f.Fuzz(func(t *testing.T, s string) {
		got, err := checked.ParseSum(s)
		if err != nil {
			return
		}
		if again, err := checked.ParseSum(got); len(got) != 64 || !strings.EqualFold(got, s) || again != got || err != nil {
			t.Errorf("ParseSum(%q) = %q, and of that %q, %v", s, got, again, err)
		}
	})
}
