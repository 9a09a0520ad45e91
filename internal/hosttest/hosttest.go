package hosttest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.uber.org/goleak"

	"github.com/byova-host/byova-host/examples/speech"
	"github.com/byova-host/byova-host/host"
	"github.com/byova-host/byova-host/host/config"
	"github.com/byova-host/byova-host/internal/caller"
	"github.com/byova-host/byova-host/internal/logtest"
)

// Main runs the tests of a package that serves hosts. No goroutine may be left of them.
func Main(m *testing.M) {
	dir, err := os.MkdirTemp("", "rt") // of all hosts
	if err == nil {
		err = os.Setenv("XDG_RUNTIME_DIR", dir)
	}
	if err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// Host is a host that ends with its test.
type Host struct {
	Addr  string
	Admin string
	Log   logtest.Log
}

var hosts atomic.Int32 // so far

// Serve starts a host with the test binary as a plugin of that name. Configure changes what
// the host would do without.
func Serve(t *testing.T, plugin string, settings map[string]any, configure ...func(*config.Config)) *Host {
	t.Helper()
	c := config.Default()
	c.Listen, c.VerifyTokens, c.Shutdown = "127.0.0.1:0", false, 5*time.Second
	c.Admin = fmt.Sprintf("unix://%s/%d.sock", os.Getenv("XDG_RUNTIME_DIR"), hosts.Add(1))
	c.Speech.Engines = []string{"clips"} // on every machine
	p := config.DefaultPlugin(plugin, os.Args[0])
	p.Settings = settings
	c.Plugins = []config.Plugin{p}
	for _, f := range configure {
		f(&c)
	}
	h := &Host{Admin: c.Admin}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	lines, out := io.Pipe()
	go func() {
		defer close(done)
		err := host.Run(ctx, context.Background(), host.Config{Config: c, Log: hclog.New(&hclog.LoggerOptions{Output: &h.Log, Level: hclog.Debug})}, out)
		out.CloseWithError(errors.Join(err, io.EOF))
	}()
	t.Cleanup(func() {
		stop()
		<-done
		if t.Failed() {
			t.Logf("the host's log:\n%s", h.Log.String())
		}
	})
	line, err := bufio.NewReader(lines).ReadString('\n')
	if err != nil {
		t.Fatalf("the host did not start: %v\n%s", err, h.Log.String())
	}
	h.Addr = strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
	return h
}

// Call plays a script to an agent, "" for the default one. The caller says hello whatever
// it is to say. All must be as the script says, with no rule broken. Watch is shown what
// happens as it happens.
func (h *Host) Call(t *testing.T, agent, script string, watch ...func(caller.Entry)) *caller.Result {
	t.Helper()
	s, err := caller.ParseScript(filepath.Base(t.Name()), []byte(script), nil)
	if err != nil {
		t.Fatal(err)
	}
	o, err := s.Apply(caller.Options{Addr: h.Addr, Agent: agent, Record: true}, func(string) ([]byte, error) { return speech.Hello, nil })
	if err != nil {
		t.Fatal(err)
	}
	var timeline bytes.Buffer
	written := caller.NewTimeline(&timeline)
	o.Log = func(e caller.Entry) {
		written.Log(e)
		for _, f := range watch {
			f(e)
		}
	}
	r, err := caller.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the call:\n%s", timeline.String())
		}
	})
	if !r.OK() || r.Skipped != "" {
		t.Errorf("call: failure %v, skipped %q, unmet %+v, verdict %+v", r.Failure, r.Skipped, r.Unmet, r.Verdict)
	}
	return r
}
