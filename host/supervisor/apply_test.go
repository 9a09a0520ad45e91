//go:build unix

package supervisor

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/byova-host/byova-host/host/session"
)

func TestApply(t *testing.T) {
	h := newHost(t)
	named := func(name, version string) Plugin {
		b := h.bot(version)
		b.Agents = []string{name}
		return Plugin{Name: name, Path: b.file(t, name), Swap: Move}
	}
	kept, changed, removed := named("kept", "1"), named("changed", "1"), named("removed", "1")
	config := h.config(kept, changed, removed)
	h.start(config)
	call := func(agent string) *caller {
		t.Helper()
		c, err := h.try(agent)
		if err != nil {
			t.Fatal(err)
		}
		c.hears("v1")
		return c
	}
	a, b, c := call("kept"), call("changed"), call("removed")
	before := h.states()

	// An error leaves all as it was.
	broken := named("broken", "1")
	if err := os.WriteFile(broken.Path, []byte("#!/bin/sh\nexit 4\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	twice := named("twice", "1")
	twice.Path = kept.Path
	for _, wrong := range [][]Plugin{{named("changed", "2"), broken}, {kept, changed, twice}, {kept, kept}} {
		if err := h.Apply(t.Context(), wrong); err == nil {
			t.Errorf("%v was applied", wrong)
		}
		if got := h.states(); !slices.Equal(got, before) {
			t.Errorf("generations = %q, want %q", got, before)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(h.dir, "*-*")); len(left) < 3 || len(left) > 6 {
		t.Errorf("left: %v", left)
	}

	newer := named("changed", "2")
	kept.Sessions, kept.Orgs = 1, []string{"org"}
	if err := h.Apply(t.Context(), []Plugin{named("new", "1"), newer, kept}); err != nil {
		t.Fatal(err)
	}
	b.hears(`v2 resumed ""/0`)
	call("new")
	h.until("changed", "it has moved", func(p *plugin) bool { return p.old == nil })
	h.wantStates("new 1 running 1 100", "changed 3 running 1 100", "kept 1 running 1 100", "removed 1 draining 1 0")
	if _, err := h.try("kept"); !errors.Is(err, session.ErrFull) {
		t.Errorf("a call above the new limit: %v", err)
	}
	if _, err := h.try("removed"); !errors.Is(err, session.ErrUnknownAgent) {
		t.Errorf("a call for the removed plugin: %v", err)
	}
	a.press("on")
	a.hears("on")
	// The removed plugin's call goes on to its end, with a new process if need be.
	for _, s := range h.Status() {
		if s.Name == "removed" {
			if p, err := os.FindProcess(s.Pid); err != nil || p.Kill() != nil {
				t.Fatal(err)
			}
		}
	}
	c.hears(`v1 resumed ""/0`)
	c.hangUp(session.EndedByCaller)
	h.await("it is gone", func() bool { return len(h.states()) == 3 })

	// The same again changes nothing; other settings are a swap to the same bytes.
	if err := h.Apply(t.Context(), []Plugin{newer, kept}); err != nil {
		t.Fatal(err)
	}
	newer.Settings = map[string]any{"voice": "anna"}
	if err := h.Apply(t.Context(), []Plugin{newer, kept}); err != nil {
		t.Fatal(err)
	}
	b.hears(`v2 resumed ""/0`)
}

// A reload does not go over what somebody does by hand.
func TestApplyBesideASwap(t *testing.T) {
	h := start(t, newBotPlugin(t, "1"))
	other := newBotPlugin(t, "2")
	h.swap(other.Path, SwapOptions{Canary: 10})
	if err := h.Apply(t.Context(), []Plugin{other}); err == nil || !strings.Contains(err.Error(), "promote it or roll it back") {
		t.Errorf("with a canary: %v", err)
	}
	if _, err := h.Rollback(t.Context(), "p", SwapOptions{}); err != nil {
		t.Fatal(err)
	}
	h.until("p", "it is gone", func(p *plugin) bool { return p.old == nil })
	if err := h.Apply(t.Context(), []Plugin{other}); err != nil {
		t.Error(err)
	}
}

func sum(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s := sha256.Sum256(text)
	return hex.EncodeToString(s[:])
}

// The lock file keeps a program from being replaced behind the operator's back.
func TestLock(t *testing.T) {
	h := newHost(t)
	lock := filepath.Join(t.TempDir(), "lock")
	holds := func(path string) {
		t.Helper()
		var all locked
		text, _ := os.ReadFile(lock)
		if err := json.Unmarshal(text, &all); err != nil || all.Plugins["p"] != (lockedPlugin{path, sum(t, path)}) {
			t.Errorf("the lock file has %+v (%v), want %s", all, err, path)
		}
	}
	p := h.plugin(h.bot("1"))
	config := h.config(p)
	config.LockFile = lock
	h.start(config)
	holds(p.Path)
	two := h.bot("2").file(t, "p")
	h.swap(two, SwapOptions{Canary: 10})
	holds(p.Path)
	if _, err := h.Promote(t.Context(), "p"); err != nil {
		t.Fatal(err)
	}
	holds(two)
	h.Stop(t.Context())

	_, err := Start(t.Context(), config) // the configuration still has version 1
	for _, text := range []string{`start plugin "p"`, p.Path, sum(t, p.Path), two, sum(t, two), lock, `take "p" out of the lock file`} {
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("error %v does not say %q", err, text)
		}
	}
	config.Plugins[0].SHA256 = sum(t, p.Path) // who pins it trusts it
	h.start(config)
	holds(p.Path)

	// A pin refuses any other program, in a swap as well.
	_, err = h.Swap(t.Context(), "p", SwapOptions{Path: two})
	for _, text := range []string{two, sum(t, two), sum(t, p.Path)} {
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("error %v does not say %q", err, text)
		}
	}
	holds(p.Path)

	// A lock file that cannot be written keeps the swap from happening.
	if err := os.Remove(lock); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(lock, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Restart(t.Context(), "p", SwapOptions{}); err == nil || !strings.Contains(err.Error(), lock) {
		t.Errorf("a swap without a lock file: %v", err)
	}
	if s := h.Status(); len(s) != 1 || s[0].Generation != 1 {
		t.Errorf("status = %+v", s)
	}
}
