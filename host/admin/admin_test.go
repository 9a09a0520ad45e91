package admin

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/byova-host/byova-host/internal/ownsocket"
)

// desk is a host with one plugin, echo, and a func that does whatever is asked.
type desk func(ctx context.Context, verb, name string, asked any, progress func(string)) (Swapped, error)

func (d desk) Plugins() []Plugin { return []Plugin{{Name: "echo", Pid: 7}} }

func (d desk) Swap(ctx context.Context, name string, s Swap, progress func(string)) (Swapped, error) {
	return d(ctx, "swap", name, s, progress)
}

func (d desk) Promote(ctx context.Context, name string) (Swapped, error) {
	return d(ctx, "promote", name, nil, nil)
}

func (d desk) Rollback(ctx context.Context, name string, t Terms, progress func(string)) (Swapped, error) {
	return d(ctx, "rollback", name, t, progress)
}

func (d desk) Restart(ctx context.Context, name string, t Terms, progress func(string)) (Swapped, error) {
	return d(ctx, "restart", name, t, progress)
}

func (d desk) Reset(name string) error {
	_, err := d(context.Background(), "reset", name, nil, nil)
	return err
}

func (d desk) Calls() []Call { return []Call{{Conversation: "c1", Turn: 3}} }

// Trace has a trace that waits for the end of whoever reads it.
func (d desk) Trace(id string, o TraceOptions) (Tracing, error) {
	if id != "c/1" {
		return nil, fmt.Errorf("no such call: %q", id)
	}
	return &desktrace{o: o}, nil
}

type desktrace struct {
	o    TraceOptions
	read int
}

func (t *desktrace) Call() Call { return Call{Conversation: "c/1"} }
func (t *desktrace) Close()     {}

func (t *desktrace) Next(ctx context.Context) ([]TraceLine, error) {
	switch t.read++; {
	case t.read == 1:
		return []TraceLine{{Missed: 1}, {Entry: &TraceEntry{At: 1.5, What: fmt.Sprintf("%+v", t.o)}}}, nil
	case !t.o.Follow:
		return nil, io.EOF
	}
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

// serve answers on a listener until the test, or stop, ends it.
func serve(t *testing.T, l net.Listener, d desk) (stop func()) {
	t.Helper()
	numbers := func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "numbers 1\n") }
	s := NewServer(d, http.HandlerFunc(numbers))
	var served sync.WaitGroup
	served.Go(func() {
		if err := s.Serve(l); err != nil {
			t.Error(err)
		}
	})
	stop = sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
		served.Wait()
	})
	t.Cleanup(stop)
	return stop
}

// open serves on a socket of its own.
func open(t *testing.T, d desk) (c *Client, stop func()) {
	t.Helper()
	l, a, err := ListenDefault(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return NewClient(a), serve(t, l, d)
}

func TestHostsTakeTheNextSocket(t *testing.T) {
	dir := t.TempDir()
	stale := filepath.Join(dir, "admin.sock")
	left, err := net.Listen("unix", stale)
	if err != nil {
		t.Fatal(err)
	}
	left.(*net.UnixListener).SetUnlinkOnClose(false) // as after a kill
	left.Close()
	for n := 1; n <= 2; n++ {
		l, a, err := ListenDefault(dir)
		if err != nil || a != DefaultAddress(dir, n) {
			t.Fatalf("host %d listens at %v, %v", n, a, err)
		}
		serve(t, l, nil)
		if info, err := os.Stat(a.address); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("socket has mode %v, %v", info.Mode(), err)
		}
		got, err := NewClient(a).Plugins(t.Context())
		if err != nil || len(got) != 1 || got[0].Pid != 7 {
			t.Errorf("plugins %v, %v", got, err)
		}
	}
}

func TestErrors(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serve(t, l, nil)
	a, err := ParseAddress(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := NewClient(a).get(t.Context(), "/v1/nothing", nil); err == nil || !strings.Contains(err.Error(), "/v1/nothing is not part") {
		t.Errorf("unknown path: %v", err)
	}
	nobody := DefaultAddress(t.TempDir(), 1)
	if _, err := NewClient(nobody).Plugins(t.Context()); err == nil || !strings.Contains(err.Error(), nobody.String()) {
		t.Errorf("nobody there: %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (Address{"unix", file}).Listen(); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("listen on a file: %v", err)
	}
}

func TestParseAddress(t *testing.T) {
	tests := map[string]bool{
		"unix:///run/x.sock": true, "127.0.0.1:9": true, "[::1]:9": true, "localhost:0": true,
		"unix:///" + strings.Repeat("x", ownsocket.LongestPath-1): true, "unix:///" + strings.Repeat("x", ownsocket.LongestPath): false,
		"unix://x.sock": false, "0.0.0.0:9": false, ":9": false, "example.org:9": false, "x": false, "": false,
	}
	for s, good := range tests {
		a, err := ParseAddress(s)
		if (err == nil) != good || (good && a.String() != s) {
			t.Errorf("%q: %v, %v", s, a, err)
		}
	}
}
