//go:build unix

package checked_test

import (
	"path/filepath"
	"syscall"
	"testing"
)

func TestCopyRefusesOnUnix(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o700); err != nil {
		t.Fatal(err)
	}
	refuses(t, pipe, "", "it is no regular file") // and does not wait for a writer
	refuses(t, file(t, "text", []byte("hi"), 0o600), "", "it is not executable: make it so with chmod +x")
	refuses(t, "/dev/null", "", "it is no regular file")
}
