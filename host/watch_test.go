//go:build unix

package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.uber.org/goleak"

	"github.com/byova-host/byova-host/host/config"
	"github.com/byova-host/byova-host/host/supervisor"
	"github.com/byova-host/byova-host/internal/logtest"
)

// swaps is a supervisor that notes what it is asked for.
type swaps struct {
	mu      sync.Mutex
	running map[string]string // sums
	asked   chan string       // NAME=CONTENT of each swap, before it goes on
	goOn    chan error        // how each ends
	ended   chan struct{}     // when it has
}

func (s *swaps) Swap(ctx context.Context, name string, o supervisor.SwapOptions) (supervisor.Swapped, error) {
	content, _ := os.ReadFile(o.Path)
	sum, err := config.Sum(o.Path)
	if err != nil {
		return supervisor.Swapped{}, err
	}
	if o.Policy == nil || *o.Policy != supervisor.Move {
		return supervisor.Swapped{}, errors.New("swapped without a move")
	}
	select {
	case s.asked <- fmt.Sprintf("%s=%s", name, content):
	case <-ctx.Done():
		return supervisor.Swapped{}, ctx.Err()
	}
	select {
	case err := <-s.goOn:
		defer func() { s.ended <- struct{}{} }()
		if err != nil {
			return supervisor.Swapped{}, err
		}
	case <-ctx.Done():
		return supervisor.Swapped{}, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running[name] = sum
	return supervisor.Swapped{Name: name, Generation: 2, SHA256: sum}, nil
}

func (s *swaps) Status() (all []supervisor.Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, sum := range s.running {
		all = append(all, supervisor.Status{Name: name, Generation: 1, SHA256: sum}, supervisor.Status{Name: name, Generation: 2, State: "draining"})
	}
	return all
}

// watched is a watcher of the programs in a directory.
type watched struct {
	*swaps
	t   *testing.T
	dir string
	w   *watcher
	log *logtest.Log
}

func watch(t *testing.T, names ...string) *watched {
	t.Helper()
	v := &watched{t: t, dir: filepath.Join(t.TempDir(), "bin"), log: &logtest.Log{}, swaps: &swaps{
		running: map[string]string{}, asked: make(chan string), goOn: make(chan error), ended: make(chan struct{}),
	}}
	for _, name := range names {
		v.write(name, "1")
		v.running[name], _ = config.Sum(v.path(name))
	}
	var err error
	if v.w, err = newWatcher(v.swaps, hclog.New(&hclog.LoggerOptions{Output: v.log})); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		v.w.run(ctx, v.plugins(names...))
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		goleak.VerifyNone(t)
	})
	return v
}

func (v *watched) path(name string) string { return filepath.Join(v.dir, name) }

func (v *watched) plugins(names ...string) (all []config.Plugin) {
	for _, name := range names {
		all = append(all, config.DefaultPlugin(name, v.path(name)))
	}
	return all
}

// write writes a program in place.
func (v *watched) write(name, content string) {
	v.t.Helper()
	if err := errors.Join(os.MkdirAll(v.dir, 0o755), os.WriteFile(v.path(name), []byte(content), 0o755)); err != nil {
		v.t.Fatal(err)
	}
}

// rename puts a program in the place of another.
func (v *watched) rename(name, content string) {
	v.t.Helper()
	v.write(".new", content)
	if err := os.Rename(v.path(".new"), v.path(name)); err != nil {
		v.t.Fatal(err)
	}
}

// wantSwap waits for a swap and lets it end with an error, or nil.
func (v *watched) wantSwap(what string, end error) {
	v.t.Helper()
	v.wantBegin(what)
	v.finish(end)
}

func (v *watched) finish(end error) {
	v.goOn <- end
	<-v.ended
}

func (v *watched) wantBegin(what string) {
	v.t.Helper()
	select {
	case got := <-v.asked:
		if got != what {
			v.t.Fatalf("swapped %s, want %s", got, what)
		}
	case <-time.After(10 * time.Second):
		v.t.Fatalf("no swap, want %s", what)
	}
}

// wantNoSwap makes a change that must lead to none, and then one of the plugin
// "mark": when that is swapped, the first would have been.
func (v *watched) wantNoSwap(change func()) {
	v.t.Helper()
	change()
	content := fmt.Sprint(time.Now().UnixNano())
	v.write("mark", content)
	v.wantSwap("mark="+content, nil)
}

func TestWatch(t *testing.T) {
	v := watch(t, "echo", "mark")
	v.rename("echo", "2")
	v.wantSwap("echo=2", nil)
	v.write("echo", "3")
	v.wantSwap("echo=3", nil)
	v.wantNoSwap(func() { v.rename("echo", "3") }) // the same bytes
	v.wantNoSwap(func() { v.write("other", "x") }) // no plugin
	v.wantNoSwap(func() { os.Remove(v.path("echo")) })
	v.write("echo", "4")
	v.wantSwap("echo=4", nil)
}

// TestWatchWaitsForQuiet: a program that is being written is not one yet.
func TestWatchWaitsForQuiet(t *testing.T) {
	v := watch(t, "echo")
	file, err := os.OpenFile(v.path("echo"), os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	tick := time.NewTicker(quiet / 10)
	defer tick.Stop()
	for range 20 {
		last := time.Now()
		if _, err := file.WriteString("x"); err != nil {
			t.Fatal(err)
		}
		select {
		case <-tick.C:
		case got := <-v.asked:
			if time.Since(last) < quiet {
				t.Fatalf("swapped while it was written: %s", got)
			}
			t.Skip("this machine stood still")
		}
	}
	v.wantSwap("echo="+strings.Repeat("x", 20), nil)
}

// TestWatchDuringASwap: all that changes meanwhile leads to one more swap.
func TestWatchDuringASwap(t *testing.T) {
	v := watch(t, "echo", "mark")
	v.write("echo", "2")
	v.wantBegin("echo=2")
	v.wantNoSwap(func() {
		for i := range 5 {
			v.rename("echo", fmt.Sprint("3.", i))
		}
	})
	v.finish(nil)
	v.wantSwap("echo=3.4", nil)
}

// TestWatchFails: the reason is in the log, and the next change is tried.
func TestWatchFails(t *testing.T) {
	v := watch(t, "echo", "mark")
	v.write("echo", "broken")
	v.wantSwap("echo=broken", errors.New("it says nothing"))
	v.wantNoSwap(func() {})
	v.write("echo", "2")
	v.wantSwap("echo=2", nil)
	v.wantNoSwap(func() {})
	if log := v.log.String(); !strings.Contains(log, "not swapped, the old one stays: plugin=echo error=\"it says nothing\"") {
		t.Errorf("the log has no reason:\n%s", log)
	}
}

// TestWatchADirectoryThatGoes: make clean removes it, the next build makes it anew.
func TestWatchADirectoryThatGoes(t *testing.T) {
	v := watch(t, "echo")
	for i := range 6 {
		if i%2 == 1 {
			if err := os.RemoveAll(v.dir); err != nil {
				t.Fatal(err)
			}
		}
		v.write("echo", fmt.Sprint("try ", i))
		v.wantSwap(fmt.Sprint("echo=try ", i), nil)
	}
}

// TestWatchALink: to another program, and that program itself.
func TestWatchALink(t *testing.T) {
	v := watch(t, "echo")
	elsewhere := filepath.Join(t.TempDir(), "release")
	for _, err := range []error{
		os.WriteFile(elsewhere, []byte("2"), 0o755), os.Symlink(elsewhere, v.path("link")), os.Rename(v.path("link"), v.path("echo")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	v.wantSwap("echo=2", nil)
	// What it leads to is watched when the swap has ended: written again until then.
	tick := time.NewTicker(2 * quiet)
	defer tick.Stop()
	for i := 3; i < 30; i++ {
		if err := os.WriteFile(elsewhere, fmt.Append(nil, i), 0o755); err != nil {
			t.Fatal(err)
		}
		select {
		case got := <-v.asked:
			v.finish(nil)
			if got != fmt.Sprint("echo=", i) {
				t.Errorf("swapped %s, want %d", got, i)
			}
			return
		case <-tick.C:
		}
	}
	t.Error("what the link leads to is not watched")
}

// TestWatchFollows: after a reload, other plugins are watched.
func TestWatchFollows(t *testing.T) {
	v := watch(t, "echo", "mark")
	elsewhere := filepath.Join(t.TempDir(), "new")
	if err := os.WriteFile(elsewhere, []byte("1"), 0o755); err != nil {
		t.Fatal(err)
	}
	plugins := append(v.plugins("mark"), config.DefaultPlugin("new", elsewhere))
	v.mu.Lock()
	v.running["new"], _ = config.Sum(elsewhere)
	v.mu.Unlock()
	v.w.follow(t.Context(), plugins)
	v.wantNoSwap(func() { v.write("echo", "2") })
	if err := os.WriteFile(elsewhere, []byte("2"), 0o755); err != nil {
		t.Fatal(err)
	}
	v.wantSwap("new=2", nil)
	plugins[1].Path = v.path("echo") // another program of the same plugin
	v.w.follow(t.Context(), plugins)
	v.wantNoSwap(func() {})
	v.write("echo", "3")
	v.wantSwap("new=3", nil)
}

// TestWatchStops: a swap that is under way is not waited for.
func TestWatchStops(t *testing.T) {
	v := watch(t, "echo")
	v.write("echo", "2")
	v.wantBegin("echo=2")
}
