package store

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// actAsProcess is what a process does that shares the store of a test.
func actAsProcess(act string) int {
	f, err := Open(FileConfig{Dir: os.Getenv("STORE_TEST_DIR"), Key: key(1)})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ctx := context.Background()
	count := func(o *Org) error {
		o.Generation++
		o.Target = strings.Repeat("x", int(o.Generation%3000)) // of another size each time
		return nil
	}
	switch act {
	case "count": // a hundred times
		for range 100 {
			if err = f.UpdateOrg(ctx, orgA, count); err != nil {
				break
			}
		}
	case "write": // until it is killed
		for err == nil {
			err = f.UpdateOrg(ctx, orgA, count)
			fmt.Println("written")
		}
	case "hold": // a lock, until it is killed
		if _, err = f.Lock(ctx, "work"); err == nil {
			fmt.Println("held")
			_, err = io.Copy(io.Discard, os.Stdin)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func process(t *testing.T, act, dir string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), "STORE_TEST_ACT="+act, "STORE_TEST_DIR="+dir)
	cmd.Stderr = t.Output()
	return cmd
}

// TestProcesses: no update is lost between processes.
func TestProcesses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "s")
	f := openFile(t, dir, key(1))
	var all sync.WaitGroup
	for range 4 {
		cmd := process(t, "count", dir)
		all.Go(func() {
			if err := cmd.Run(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if o, err := f.Org(t.Context(), orgA); err != nil || o.Generation != 400 {
		t.Errorf("%d updates, %v, want 400", o.Generation, err)
	}
}

// TestKilled: a process that is killed while it writes leaves the old record or the
// new one, no lock, and nothing that the next one does not remove.
func TestKilled(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "s")
	openFile(t, dir, key(1))
	kills := 100
	if testing.Short() {
		kills = 10
	}
	before := int64(0)
	for range kills {
		cmd := process(t, "write", dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		written := int64(0)
		for range 1 + rand.N(3) {
			if lines.Scan() {
				written++
			}
		}
		time.Sleep(rand.N(3 * time.Millisecond)) // somewhere within the next write
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() {
			written++
		}
		_ = cmd.Wait() // killed
		f := openFile(t, dir, key(1))
		o, err := f.Org(t.Context(), orgA)
		if err != nil || o.Generation < before+written || o.Generation > before+written+1 {
			t.Fatalf("generation %d, %v, after %d and %d writes that were told of", o.Generation, err, before, written)
		}
		before = o.Generation
		if err := f.UpdateOrg(t.Context(), orgA, func(*Org) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	openFile(t, dir, key(1))
	if left, err := filepath.Glob(filepath.Join(dir, ".*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestLockOfTheDead: a lock ends with its process.
func TestLockOfTheDead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "s")
	f := openFile(t, dir, key(1))
	cmd := process(t, "hold", dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := f.Lock(ctx, "work"); err == nil {
		t.Error("two processes have the lock")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	unlock, err := f.Lock(t.Context(), "work")
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}
