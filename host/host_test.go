//go:build unix

package host

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.uber.org/goleak"

	"github.com/byova-host/byova-host/host/admin"
	"github.com/byova-host/byova-host/host/config"
	"github.com/byova-host/byova-host/internal/caller"
)

// echoHost runs a host with echo in this process, until end is called.
func echoHost(t *testing.T, with func(*Config)) (addr, runtime string, end func()) {
	t.Helper()
	runtime, err := os.MkdirTemp("", "hf") // short, for the sockets in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(runtime) })
	t.Setenv("XDG_RUNTIME_DIR", runtime)
	echo := filepath.Join(runtime, "echo")
	if out, err := exec.Command("go", "build", "-o", echo, "../plugins/echo").CombinedOutput(); err != nil {
		t.Fatalf("build echo: %v\n%s", err, out)
	}
	c := Config{Config: config.Default(), Log: hclog.New(&hclog.LoggerOptions{Output: t.Output(), Level: hclog.Warn})}
	c.VerifyTokens = false
	c.Listen, c.Plugins = "127.0.0.1:0", []config.Plugin{config.DefaultPlugin("echo", echo)}
	with(&c)
	stop, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	lines, out := io.Pipe()
	go func() { ended <- Run(stop, t.Context(), c, out) }()
	line, err := bufio.NewReader(lines).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(strings.TrimPrefix(line, "listening on ")), runtime, func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// call places calls, all of which must be well.
func call(t *testing.T, addr string, calls int) error {
	summary, err := caller.Load(t.Context(), caller.LoadOptions{Calls: calls, Call: caller.Options{
		Addr: addr, Org: "org", Agent: "echo",
		Steps: []caller.Step{caller.WaitAnswer(), caller.Press("12"), caller.WaitAnswer(), caller.HangUp()},
	}})
	if err == nil && !summary.AllOK() {
		err = fmt.Errorf("%+v", summary)
	}
	return err
}

// TestFiftyCalls: all complete with a clean verdict; after them the host has as
// many goroutines as before, the plugin has no calls, and when the host has
// ended nothing of it is left.
func TestFiftyCalls(t *testing.T) {
	defer goleak.VerifyNone(t)
	addr, dir, end := echoHost(t, func(*Config) {})
	place := func(calls int) {
		t.Helper()
		if err := call(t, addr, calls); err != nil {
			t.Fatalf("%d calls: %v", calls, err)
		}
	}
	desk := admin.NewClient(admin.DefaultAddress(filepath.Join(dir, "byova-host"), 1))
	settled := func() (goroutines, calls int) {
		t.Helper()
		plugins, err := desk.Plugins(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return runtime.NumGoroutine(), plugins[0].Sessions
	}

	place(1)
	before, _ := settled()
	place(50)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(10 * time.Second); ; {
		goroutines, calls := settled()
		if goroutines <= before && calls == 0 {
			break
		}
		select {
		case <-tick.C: // connections of the callers are still closing
		case <-deadline:
			t.Fatalf("%d goroutines, before the calls %d; %d calls at the plugin", goroutines, before, calls)
		}
	}
	end()
}

// TestReloadUnderCalls: calls that begin and end while the configuration changes are
// all well.
func TestReloadUnderCalls(t *testing.T) {
	defer goleak.VerifyNone(t)
	reload, loads := make(chan os.Signal), 0
	addr, _, end := echoHost(t, func(c *Config) {
		settings := c.Config
		c.Watch, c.Reload = true, reload
		c.Load = func() (config.Config, error) {
			loads++
			next := settings
			next.Limits.Idle += time.Duration(loads) * time.Second
			next.Calls.Input.NoInput += time.Duration(loads) * time.Second
			return next, nil
		}
	})
	called := make(chan error, 1)
	go func() { called <- call(t, addr, 20) }()
	for calling := true; calling; {
		select {
		case reload <- os.Interrupt: // any
		case err := <-called:
			if err != nil {
				t.Error(err)
			}
			calling = false
		}
	}
	end()
	if loads < 2 {
		t.Errorf("%d reloads", loads)
	}
}

// TestDoorsInUse: a host that cannot have an address says which and leaves nothing.
func TestDoorsInUse(t *testing.T) {
	defer goleak.VerifyNone(t)
	dir, err := os.MkdirTemp("", "hf") // short, for the sockets in it
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	t.Setenv("XDG_RUNTIME_DIR", dir)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for what, change := range map[string]func(*config.Config){
		"another address with --listen": func(c *config.Config) { c.Listen = taken.Addr().String() },
		"listen for Webex":              func(c *config.Config) { c.Listen = taken.Addr().String() },
		"listen for the ping":           func(c *config.Config) { c.Ping.Listen = taken.Addr().String() },
		"admin address":                 func(c *config.Config) { c.Admin = taken.Addr().String() },
		"/none.pem":                     func(c *config.Config) { c.TLS.Cert, c.TLS.Key = "/none.pem", "/none.key" },
		"no plugin":                     func(c *config.Config) { c.Plugins = nil },
	} {
		settings := config.Default()
		settings.Listen, settings.Plugins = "127.0.0.1:0", []config.Plugin{config.DefaultPlugin("none", "/none")}
		change(&settings)
		err := Run(t.Context(), t.Context(), Config{Config: settings, Log: hclog.NewNullLogger()}, io.Discard)
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%v, want %q", err, what)
		}
	}
}
