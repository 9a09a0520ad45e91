//go:build unix

package pluginwire_test

import (
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/byova-host/byova-host/internal/pluginwire"
	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

// onStream waits until the plugin said on which stream a call is.
func onStream(t *testing.T, s *sink) string {
	t.Helper()
	s.until(t, "the stream's number", func() bool { return len(s.commands) > 0 })
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.commands[0].GetCustom().GetName()
}

func TestCallsPerStream(t *testing.T) {
	l := newLauncher(t)
	p := l.start(t, "limited")
	var calls []*pluginwire.Call
	for i, want := range []string{"stream 2", "stream 2", "stream 3", "stream 3", "stream 4"} {
		s := newSink()
		calls = append(calls, open(t, p, s))
		if got := onStream(t, s); got != want {
			t.Errorf("call %d is on %s, want %s", i, got, want)
		}
	}
	calls[2].Close() // its stream has room again
	s := newSink()
	calls = append(calls, open(t, p, s))
	if got := onStream(t, s); got != "stream 3" {
		t.Errorf("a call after another is on %s, want stream 3", got)
	}
	calls[0].Close()
	calls[1].Close() // ends stream 2, and that alone
	s = newSink()
	send(t, open(t, p, s), &pluginv1.Event{})
	if got := onStream(t, s); got != "stream 4" {
		t.Errorf("a call after a stream's end is on %s, want stream 4", got)
	}
	s = newSink()
	c := open(t, p, s)
	onStream(t, s)
	send(t, c, keys("1"))
	s.until(t, "its loss", func() bool { return len(s.lost) == 1 })
	if !strings.Contains(fmt.Sprint(s.lost), "gave its calls up: the plugin ended the stream") || p.Err() != nil {
		t.Errorf("a stream that ended with its calls: lost %v, process %v", s.lost, p.Err())
	}
	s = newSink()
	open(t, p, s) // the process takes calls all the same
	onStream(t, s)
}

// A host that is killed leaves no plugin behind.
func TestPluginDiesWithItsHost(t *testing.T) {
	l := newLauncher(t)
	config := l.config("good")
	dir := t.TempDir() // the sockets stay: the next host sweeps them
	if len(dir) > 60 {
		dir = l.dir
	}
	cmd := exec.Command(config.Path, "plugin-host", dir)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var plugin, grandchild int
	if _, err := fmt.Fscan(stdout, &plugin, &grandchild); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	limit := time.Now().Add(5 * time.Second)
	for alive(plugin) && time.Now().Before(limit) {
		time.Sleep(10 * time.Millisecond) // nobody tells about the end of a stranger's child
	}
	if alive(plugin) {
		t.Errorf("plugin %d outlived its host by 5 s", plugin)
		_ = syscall.Kill(plugin, syscall.SIGKILL)
	}
	_ = syscall.Kill(grandchild, syscall.SIGKILL) // it left the group
}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }

// A server may allow fewer streams than there are calls. Who waits for one holds up
// nobody else, and does not wait for ever.
func TestNoMoreStreams(t *testing.T) {
	l := newLauncher(t)
	p := l.start(t, "narrow")
	var calls []*pluginwire.Call
	for range 6 { // on three streams
		calls = append(calls, open(t, p, newSink()))
	}
	opened := make(chan error)
	try := func() {
		_, err := p.Open(newSink())
		opened <- err
	}
	go try()
	for waiting := true; waiting; {
		select {
		case err := <-opened:
			if err == nil || !strings.Contains(err.Error(), "allowed no further stream") {
				t.Errorf("one call too many: %v", err)
			}
			waiting = false
		case <-time.After(10 * time.Millisecond):
			if err := p.Err(); err != nil { // it can be asked
				t.Fatal(err)
			}
		}
	}
	go try()
	calls[0].Close()
	calls[1].Close()
	if err := <-opened; err != nil {
		t.Errorf("with room for one more: %v", err)
	}
}
