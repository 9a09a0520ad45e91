package checked_test

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/byova-host/byova-host/internal/checked"
)

func TestDirectoryWithoutPrograms(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("none", dir, "tmpfs", unix.MS_NOEXEC, ""); err != nil {
		t.Skipf("cannot mount a file system noexec here: %v", err)
	}
	defer unix.Unmount(dir, 0)
	_, err := checked.Copy(dir, file(t, "good", []byte("#!/bin/sh\n"), 0o755), "")
	if err == nil || !strings.Contains(err.Error(), dir+" is mounted noexec") || !strings.Contains(err.Error(), "plugin_dir") {
		t.Errorf("Copy = %v", err)
	}
}
