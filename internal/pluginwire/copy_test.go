//go:build unix

package pluginwire_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/byova-host/byova-host/internal/checked"
	"github.com/byova-host/byova-host/internal/pluginwire"
)

// TestCopyIsWhatRuns: what becomes of a plugin's file after the copy is nobody's
// concern, also not at the next start.
func TestCopyIsWhatRuns(t *testing.T) {
	l := newLauncher(t)
	config := l.config("good")
	config.Origin = filepath.Join(t.TempDir(), "bot")
	from, err := os.Open(config.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	original, err := os.OpenFile(config.Origin, os.O_CREATE|os.O_WRONLY, 0o700)
	if err != nil {
		t.Fatal(err)
	}
	defer original.Close()
	if _, err := io.Copy(original, from); err != nil {
		t.Fatal(err)
	}
	file, err := checked.Copy(t.TempDir(), config.Origin, "")
	if err != nil {
		t.Fatal(err)
	}
	config.Path = file.Path
	runs := func() {
		t.Helper()
		p, err := pluginwire.Launch(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		defer stop(t, p)
		s := newSink()
		send(t, open(t, p, s), keys("7"))
		s.did(t, "7")
	}
	runs()
	if err := original.Truncate(0); err != nil {
		t.Fatal(err)
	}
	runs()
	if again, err := checked.Copy(t.TempDir(), config.Origin, file.SHA256); err == nil {
		t.Errorf("another file was copied under the sum of the first: %+v", again)
	}
}

// TestCopiesStartAtOnce: a copy runs although other goroutines start processes
// while it is written.
func TestCopiesStartAtOnce(t *testing.T) {
	l := newLauncher(t)
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nexit 3\n"+strings.Repeat("# x\n", 100_000)), 0o700); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var work sync.WaitGroup
	for range 8 {
		work.Go(func() {
			for range 25 {
				file, err := checked.Copy(dir, script, "")
				if err != nil {
					t.Error(err)
					return
				}
				config := l.config("script")
				config.Path, config.Origin = file.Path, script
				// Whether the exit is seen in time for the error does not matter here.
				if _, err := pluginwire.Launch(t.Context(), config); err == nil || !strings.Contains(err.Error(), "without a handshake") {
					t.Errorf("Launch = %v", err)
				}
				if err := file.Remove(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	ended := make(chan struct{})
	var forks sync.WaitGroup
	for range 2 {
		forks.Go(func() {
			for {
				select {
				case <-ended:
					return
				default:
					_ = exec.Command("/bin/true").Run()
				}
			}
		})
	}
	work.Wait()
	close(ended)
	forks.Wait()
}
