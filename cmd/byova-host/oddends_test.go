//go:build unix

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/byova-host/byova-host/host/admin"
	"github.com/byova-host/byova-host/host/config"
)

// endsWithin is how long a process may take that has gone wrong until it is replaced,
// or ended. An idle machine needs half of it.
const endsWithin = 12 * time.Second

// watched is a host of its own with a bot that is called.
type watched struct {
	*process
	*callers
	base string
	pids string
	call *regular
}

// serveBot starts a host with a bot named bot, and calls it. More is what else the
// configuration says of the program.
func serveBot(t *testing.T, b bot, more func(path string) string) *watched {
	t.Helper()
	w := &watched{pids: filepath.Join(t.TempDir(), "pids")}
	b.Version, b.Agent, b.Pids, b.Died = "1", "bot", w.pids, t.TempDir()
	path := b.file(t)
	text := fmt.Sprintf("verify_tokens: false\nplugins:\n  bot: {path: %s, crash_wait: 1m, %s}\n", path, more(path))
	config := filepath.Join(t.TempDir(), "host.yaml")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	w.process = start(t, runtimeDir(t), "--config", config)
	if w.addr == "" {
		t.Fatal("the host did not start")
	}
	w.base = filepath.Join(w.runtime, "byova-host")
	w.callers = newCallers(t, w.addr, "bot")
	w.call = w.caller(0)
	if err := w.call.start(); err != nil {
		t.Fatal(err)
	}
	return w
}

func nothingElse(string) string { return "" }

func (w *watched) plugin(t *testing.T) admin.Plugin {
	t.Helper()
	live := generations(t, w.base, "bot")
	if len(live) != 1 {
		t.Fatalf("the bot is %+v", live)
	}
	return live[0]
}

// counts holds that the call is up and each entry was counted.
func (w *watched) counts(t *testing.T) {
	t.Helper()
	a, err := w.call.press(survive, true)
	if err != nil {
		t.Fatal(err)
	}
	if n, _, err := countIn(a.audio); err != nil || n != w.call.inputs {
		t.Errorf("%d entries were counted as %d (%v)", w.call.inputs, n, err)
	}
}

// end hangs up and stops the host, of which nothing may be left.
func (w *watched) end(t *testing.T) {
	t.Helper()
	if err := w.call.hangUp(); err != nil {
		t.Error(err)
	}
	w.close(t)
	w.stop(t)
	checkGone(t, w.process)
	noneLeft(t, processes(t, w.pids))
}

// TestOddEnds: a process that goes wrong is replaced, whatever it leaves behind or
// does not let go of, and its call goes on.
func TestOddEnds(t *testing.T) {
	t.Parallel()
	signal := func(s syscall.Signal) func(*testing.T, *watched, int) {
		return func(t *testing.T, _ *watched, pid int) {
			if err := syscall.Kill(pid, s); err != nil {
				t.Fatal(err)
			}
		}
	}
	tests := []struct {
		name string
		kind string
		do   func(t *testing.T, w *watched, pid int)
		says string // the log
	}{
		{"it is stopped", "crasher", signal(syscall.SIGSTOP), "it has not answered in its stream for 5s"},
		{"a child of it holds its stderr", "family", signal(syscall.SIGKILL), "signal: killed"},
		{"it floods its stdout", "crasher", func(t *testing.T, w *watched, _ int) {
			if _, err := w.call.press(flood, false); err != nil {
				t.Fatal(err)
			}
		}, "it writes too much"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := serveBot(t, bot{Kind: test.kind}, nothingElse)
			w.counts(t)
			before := w.plugin(t)
			left := processes(t, w.pids)
			began := time.Now()
			test.do(t, w, before.Pid)
			eventually(t, endsWithin, "another process has taken over", func() bool {
				now := w.plugin(t)
				return now.Restarts == 1 && now.State == "running"
			})
			printResult(t, "replaced_when_"+strings.ReplaceAll(test.name, " ", "_"), fmt.Sprintf("%.2f", time.Since(began).Seconds()), "s")
			noneLeft(t, left)
			w.counts(t)
			if !strings.Contains(w.log.String(), test.says) {
				t.Errorf("the log does not say %q", test.says)
			}
			w.end(t)
		})
	}
}

// TestKilledHostLeavesNothing: not the process that takes calls, nor the one that
// stands by, nor one that is stopped; and the next host sweeps what lies about.
func TestKilledHostLeavesNothing(t *testing.T) {
	w := serveBot(t, bot{Kind: "crasher"}, func(string) string { return "standby: true" })
	eventually(t, endsWithin, "a standby is ready", func() bool { return strings.Contains(w.log.String(), "standby is ready") })
	if err := syscall.Kill(w.plugin(t).Pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := w.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-w.exited
	noneLeft(t, processes(t, w.pids))
	printResult(t, "ended_when_the_host_is_killed", fmt.Sprintf("%.2f", time.Since(began).Seconds()), "s")
	w.close(t)
	next := start(t, w.runtime, "--plugin", echoBinary)
	if next.addr == "" {
		t.Fatal("the next host did not start")
	}
	next.stop(t)
	checkGone(t, next)
}

// TestBrokenSwaps offers what is no plugin to a host. It says why, and the old one
// stays as it was and has its call.
func TestBrokenSwaps(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain.txt")
	if err := os.WriteFile(plain, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := func(kind string) string { return bot{Kind: kind, Agent: "bot"}.file(t) }
	w := serveBot(t, bot{Kind: "crasher"}, nothingElse)
	before := w.plugin(t)
	for _, test := range []struct{ name, path, says string }{
		{"no handshake", broken("no-handshake"), "handshake"},
		{"another wire", broken("other-wire"), "version 99"},
		{"hangs in its description", broken("hangs-describe"), "describe"},
		{"panics in the probe call", broken("panics-in-probe"), "this is a probe"},
		{"writes without end", broken("prattles-to-end"), "it writes too much"},
		{"not executable", plain, "not executable"},
		{"a directory", dir, "a directory"},
		{"nothing there", filepath.Join(dir, "missing"), "no such file"},
	} {
		t.Run(test.name, func(t *testing.T) { w.refuses(t, before, test.path, test.says) })
	}
	w.counts(t)
	w.end(t)
}

// TestPinnedSwap: where the configuration pins a sum, no other program is taken.
func TestPinnedSwap(t *testing.T) {
	w := serveBot(t, bot{Kind: "crasher"}, func(path string) string { return "sha256: " + sumOf(t, path) })
	other := bot{Kind: "crasher", Version: "2", Agent: "bot"}.file(t)
	w.refuses(t, w.plugin(t), other, "is pinned")
	w.counts(t)
	w.end(t)
}

// refuses holds that a swap fails, says why and what, and has changed nothing.
func (w *watched) refuses(t *testing.T, before admin.Plugin, path, says string) {
	t.Helper()
	address := "unix://" + filepath.Join(w.base, "admin.sock")
	code, out, errs := cli(t, "plugins", "swap", "bot", path, "--admin", address)
	if code != 1 || !strings.Contains(errs, says) || !strings.Contains(errs, path) {
		t.Errorf("exit %d, want 1 that says %q of %s\n%s%s", code, says, path, out, errs)
	}
	if now := w.plugin(t); now.Pid != before.Pid || now.Generation != before.Generation || now.State != "running" {
		t.Errorf("the plugin was %+v and is %+v", before, now)
	}
	w.counts(t)
}

func sumOf(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// TestEndsAreSeen: a bot gets to see the ends of its last calls before its host ends it.
func TestEndsAreSeen(t *testing.T) {
	path, err := resumingTestbot()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "events")
	const calls = 10
	h := runConfigured(t, func(c *config.Config) {
		p := patient("log", path)
		p.Settings = map[string]any{"events": file, "pace": 0.1}
		c.Plugins = []config.Plugin{p}
	})
	c := newCallers(t, h.addr, "log")
	var all []*regular
	for i := range calls {
		r := c.caller(i)
		if err := r.start(); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	for _, r := range all {
		if err := r.hangUp(); err != nil {
			t.Error(err)
		}
	}
	h.close(t) // at once
	c.close(t)
	for name, s := range seenIn(t, file) {
		if !s.ended {
			t.Errorf("call %s: its bot did not see the end", name)
		}
	}
}

// TestLastWords: what a bot prints before its process ends is in the log.
func TestLastWords(t *testing.T) {
	w := serveBot(t, bot{Kind: "parting"}, nothingElse)
	for range 3 {
		pid := w.plugin(t).Pid
		address := "unix://" + filepath.Join(w.base, "admin.sock")
		if code, out, errs := cli(t, "plugins", "restart", "bot", "--policy", "move", "--admin", address); code != 0 {
			t.Fatalf("restart: exit %d\n%s%s", code, out, errs)
		}
		noneLeft(t, []int{pid})
		words := fmt.Sprintf("goodbye from %d", pid)
		eventually(t, time.Second, words, func() bool { return strings.Contains(w.log.String(), words) })
	}
	w.end(t)
}
