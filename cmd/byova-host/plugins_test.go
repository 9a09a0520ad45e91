//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/byova-host/byova-host/host/admin"
)

// shelf is a host with plugins that a test has put there. A swap waits twice and then
// fails if the program's name says so.
type shelf []admin.Plugin

func (s shelf) Plugins() []admin.Plugin { return s }

func (s shelf) Swap(_ context.Context, name string, o admin.Swap, progress func(string)) (admin.Swapped, error) {
	progress(fmt.Sprintf("waits for %+v", o))
	progress("waits\nfor another")
	if strings.HasSuffix(o.Path, "broken") {
		return admin.Swapped{}, fmt.Errorf("swap plugin %q: %s: it hangs in its description", name, o.Path)
	}
	return s.Promote(context.Background(), name)
}

func (s shelf) Promote(_ context.Context, name string) (admin.Swapped, error) {
	return admin.Swapped{Name: name, Generation: 2, Version: "2.0.0", SHA256: "1a2b3c4d5e6f7a8b", Pid: 8}, nil
}

func (s shelf) Rollback(ctx context.Context, name string, t admin.Terms, progress func(string)) (admin.Swapped, error) {
	return s.Swap(ctx, name, admin.Swap{Path: "back", Terms: t}, progress)
}

func (s shelf) Restart(ctx context.Context, name string, t admin.Terms, progress func(string)) (admin.Swapped, error) {
	return s.Swap(ctx, name, admin.Swap{Path: "again", Terms: t}, progress)
}

func (s shelf) Reset(name string) error { return fmt.Errorf("reset plugin %q: it runs", name) }

func (s shelf) Calls() []admin.Call { return nil }

func (s shelf) Trace(string, admin.TraceOptions) (admin.Tracing, error) {
	return nil, errors.ErrUnsupported
}

// serveShelf answers on the socket of a user's first host.
func serveShelf(t *testing.T, s shelf) {
	t.Helper()
	dir := runtimeDir(t)
	t.Setenv("XDG_RUNTIME_DIR", dir)
	if err := os.Mkdir(filepath.Join(dir, "byova-host"), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := admin.DefaultAddress(filepath.Join(dir, "byova-host"), 1).Listen()
	if err != nil {
		t.Fatal(err)
	}
	server := admin.NewServer(s, http.NotFoundHandler())
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		if err := errors.Join(server.Stop(context.Background()), <-served); err != nil {
			t.Error(err)
		}
	})
}

func TestPluginCommands(t *testing.T) {
	serveShelf(t, shelf{
		{Name: "echo", Version: "1.0.0", Generation: 1, State: "draining", Pid: 7, Sessions: 37, SHA256: "00112233445566778899", Path: "/p/echo"},
		{Name: "echo", Version: "2.0.0", Generation: 2, State: "canary", Pid: 8, Percent: 10, SHA256: "1a2b3c4d5e6f7a8b", Path: "/p/echo-2",
			Restarts: 3, Error: "signal: killed\n\x1b[31mlast\twords"},
	})
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	const done = "echo: generation 2, version 2.0.0 (sha256 1a2b3c4d5e6f), takes 10 % of new calls; generation 1 drains 37 calls\n"
	waits := func(path string, canary int, policy string, force bool) string {
		return fmt.Sprintf("echo: waits for {Path:%s Canary:%d Terms:{Policy:%s Force:%v}}\necho: waits for another\n", path, canary, policy, force)
	}
	tests := []struct {
		args   string
		code   int
		stdout string
		stderr string // a part of it
	}{
		{"swap echo v2", 0, waits(here+"/v2", 0, "", false) + done, ""},
		{"swap echo /v2 --policy move --canary 10 --force", 0, waits("/v2", 10, "move", true) + done, ""},
		{"swap echo /broken", 1, waits("/broken", 0, "", false), `swap plugin "echo": /broken: it hangs in its description`},
		{"promote echo", 0, done, ""},
		{"rollback echo --policy=drain", 0, waits("back", 0, "drain", false) + done, ""},
		{"restart echo --force", 0, waits("again", 0, "", true) + done, ""},
		{"reset echo", 1, "", `reset plugin "echo": it runs`},
		{"swap none /v2", 1, "", `no plugin "none"`},
		{"swap echo", 2, "", "<path>"},
		{"swap echo /v2 --policy wait", 2, "", "--policy wait: want drain or move"},
		{"restart echo --policy wait", 2, "", "--policy wait: want drain or move"},
		{"swap echo unix:///run/bot.sock", 2, "", "give it to serve as --plugin"},
		{"swap echo /v2 --canary 0", 2, "", "1 to 99"},
		{"swap echo /v2 --canary 100", 2, "", "1 to 99"},
		{"swap echo /v2 --admin nowhere", 2, "", "nowhere"},
		{"promote echo --force", 2, "", "--force"},
		{"restart", 2, "", "<name>"},
		{"list", 0, "" +
			"NAME  VERSION  GENERATION  STATE        PID  SESSIONS  RESTARTS  SHA256        PATH       ERROR\n" +
			"echo  1.0.0    1           draining     7    37        0         001122334455  /p/echo    \n" +
			"echo  2.0.0    2           canary(10%)  8    0         3         1a2b3c4d5e6f  /p/echo-2  signal: killed [31mlast words\n", ""},
	}
	for _, test := range tests {
		code, out, errs := cli(t, append([]string{"plugins"}, strings.Fields(test.args)...)...)
		if code != test.code || code != exitUsage && out != test.stdout || !strings.Contains(errs, test.stderr) {
			t.Errorf("plugins %s: exit %d, want %d\n%s%s\nwant\n%s%s", test.args, code, test.code, out, errs, test.stdout, test.stderr)
		}
	}
}

func TestSummary(t *testing.T) {
	tests := []struct {
		name  string
		moves bool
		live  []admin.Plugin
		says  string
	}{
		{"alone", false, []admin.Plugin{{Name: "echo", Generation: 3, State: "running", Percent: 100}}, "takes new calls"},
		{"nothing is known", false, nil, "takes new calls"},
		{"an idle one before it", false, []admin.Plugin{{Name: "echo", Generation: 2, State: "draining"}}, "takes new calls"},
		{"another plugin", false, []admin.Plugin{{Name: "desk", Generation: 2, State: "draining", Sessions: 4}}, "takes new calls"},
		{"a last call", false, []admin.Plugin{{Name: "echo", Generation: 2, State: "draining", Sessions: 1}}, "takes new calls; generation 2 drains 1 call"},
		{"calls that move", true, []admin.Plugin{{Name: "echo", Generation: 2, State: "draining", Sessions: 3}}, "takes new calls; generation 2 moves 3 calls if it can"},
		{"a canary", false, []admin.Plugin{{Name: "echo", Generation: 3, State: "canary", Percent: 5}, {Name: "echo", Generation: 2, State: "running", Sessions: 4, Percent: 95}},
			"takes 5 % of new calls; generation 2 takes the rest"},
	}
	for _, test := range tests {
		done := admin.Swapped{Name: "echo", Generation: 3, Version: "2", SHA256: "ab", Moves: test.moves}
		if got, want := summary(done, test.live), "echo: generation 3, version 2 (sha256 ab), "+test.says; got != want {
			t.Errorf("%s: %q, want %q", test.name, got, want)
		}
	}
}
