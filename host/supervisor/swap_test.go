//go:build unix

package supervisor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/byova-host/byova-host/host/session"
	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

//go:fix inline
func TestSwap(t *testing.T) {
	h := newHost(t)
	first := h.plugin(h.bot("1"))
	h.start(h.config(first))
	c := h.begin(with("three", 1))
	c.hears("v1")

	path := h.bot("2").file(t, "p")
	done := h.swap(path, SwapOptions{}) // drain is the default
	text, _ := os.ReadFile(path)
	if now := h.Status()[0]; done.Generation != 2 || done.Version != "2" || done.Name != "p" ||
		done.SHA256 != now.SHA256 || len(done.SHA256) != 64 || done.Pid != now.Pid || now.Path != path || len(text) == 0 {
		t.Errorf("swapped = %+v, status %+v", done, now)
	}
	d := h.begin()
	d.hears("v2")
	c.press("still there")
	c.hears("still there")
	h.wantStates("p 2 running 1 100", "p 1 draining 1 0")
	c.hangUp(session.EndedByCaller)
	h.until("p", "the old one is gone", func(p *plugin) bool { return p.old == nil })
	h.wantStates("p 2 running 1 100")
	h.until("p", "its process is gone", func(p *plugin) bool { return p.previous.ended })

	// Rollback is a swap to the bytes from before, whatever has become of the file.
	if err := os.WriteFile(first.Path, []byte("no program"), 0o700); err != nil {
		t.Fatal(err)
	}
	back, err := h.Rollback(t.Context(), "p", SwapOptions{Policy: new(Move)})
	if err != nil || back.Version != "1" || back.Generation != 3 {
		t.Fatalf("rollback: %+v, %v", back, err)
	}
	d.hears(`v1 resumed ""/0`)
	// And again: forward.
	if forth, err := h.Rollback(t.Context(), "p", SwapOptions{Policy: new(Move)}); err != nil || forth.Version != "2" {
		t.Fatalf("second rollback: %+v, %v", forth, err)
	}
	d.hears(`v2 resumed ""/0`)
	// A swap to the same bytes is a swap.
	if same, err := h.Restart(t.Context(), "p", SwapOptions{Policy: new(Move)}); err != nil || same.Version != "2" || same.Generation != 5 || same.SHA256 != done.SHA256 {
		t.Fatalf("restart: %+v, %v", same, err)
	}
	d.hears(`v2 resumed ""/0`)
	h.wantStates("p 5 running 1 100")
	h.await("the ends", func() bool { return h.log.Count("end MOVED") == 3 }) // each process was told
	if n := h.log.Count("plugin swapped"); n != 4 {
		t.Errorf("the log has %d swaps", n)
	}
}

// A swap goes through although agents are gone with it, and says which.
func TestSwapLosesAgents(t *testing.T) {
	h := newHost(t)
	one, two := h.bot("1"), h.bot("2")
	one.Agents = []string{"a", "b", "c"}
	h.start(h.config(h.plugin(one)))
	var said []string
	for canary, want := range map[int]int{50: 0, 0: 1} {
		said = nil
		h.swap(two.file(t, "p"), SwapOptions{Canary: canary, Progress: func(text string) { said = append(said, text) }})
		if len(said) != want || want == 1 && said[0] != "the new program does not offer b, c" {
			t.Errorf("with %d percent: %q", canary, said)
		}
		if canary > 0 {
			if _, err := h.Rollback(t.Context(), "p", SwapOptions{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := h.log.Count("agents are gone"); n != 1 {
		t.Errorf("the log has it %d times", n)
	}
}

// Whether a call moves depends on its state and on both programs.
func TestMove(t *testing.T) {
	for _, test := range []struct {
		name     string
		from, to func(*bot)
		call     func(*caller)
		want     string // what it hears of version 2; empty: it stays
		crash    string // what a call that stayed hears after a crash
	}{
		{"the same version of state", nil, nil, with("s", 1), `v2 resumed "s"/1`, ""},
		{"one that is read", nil, func(b *bot) { b.State, b.Reads = 2, []uint32{7, 1} }, with("s", 1), `v2 resumed "s"/1`, ""},
		{"one that is not read", nil, func(b *bot) { b.State, b.Reads = 2, []uint32{7} }, with("s", 1), "", `v1 resumed "s"/1`},
		{"no state", nil, func(b *bot) { b.State = 2 }, nil, `v2 resumed ""/0`, ""},
		{"a stateless bot", func(b *bot) { b.Resume = stateless }, func(b *bot) { b.State = 2 }, nil, `v2 resumed ""/0`, ""},
		{"a bot that does not move", func(b *bot) { b.Fixed = true }, nil, nil, "", `v2 resumed ""/0`},
		{"a call that declines", nil, nil, func(c *caller) { c.stays = true }, "", `v2 resumed ""/0`},
		{"to one that resumes nothing", nil, func(b *bot) { b.Resume = pluginv1.DescribeResponse_RESUME_NONE }, with("s", 1), "", `v1 resumed "s"/1`},
		{"to one without the agent", nil, func(b *bot) { b.Agents = []string{"b"} }, with("s", 1), "", `v1 resumed "s"/1`},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHost(t)
			one, two := h.bot("1"), h.bot("2")
			for b, change := range map[*bot]func(*bot){&one: test.from, &two: test.to} {
				if change != nil {
					change(b)
				}
			}
			p := h.plugin(one)
			p.Swap = Move
			h.start(h.config(p))
			var of []func(*caller)
			if test.call != nil {
				of = append(of, test.call)
			}
			c := h.begin(of...)
			c.hears("v1")
			done := h.swap(two.file(t, "p"), SwapOptions{})
			if test.want != "" {
				c.hears(test.want)
				h.until("p", "the old one is gone", func(p *plugin) bool { return p.old == nil })
				return
			}
			if done.Moves != (test.from == nil) {
				t.Errorf("said to move: %v", done.Moves)
			}
			c.press("stays")
			c.hears("stays")
			h.wantStates("p 2 running 0 100", "p 1 draining 1 0")
			h.kill(1)
			c.hears(test.crash)
		})
	}
}

// A bot that holds nothing moves whatever it saved, which is left out if it is not
// read.
func TestStateThatIsNotReadIsLeftOut(t *testing.T) {
	h := newHost(t)
	one, two := h.bot("1"), h.bot("2")
	one.Resume, two.State = pluginv1.DescribeResponse_RESUME_RECONNECT, 2
	h.start(h.config(h.plugin(one)))
	c := h.begin(with("s", 1))
	c.hears("v1")
	h.swap(two.file(t, "p"), SwapOptions{Policy: new(Move)})
	h.kill(1)
	c.hears(`v2 resumed ""/0`)
}

// A call of a generation that drains goes to the current one when its process dies,
// if that takes it.
func TestCrashWhileDraining(t *testing.T) {
	h := start(t, newBotPlugin(t, "1"))
	c := h.begin(with("s", 1))
	c.hears("v1")
	h.swap(h.bot("2").file(t, "p"), SwapOptions{})
	h.kill(1)
	c.hears(`v2 resumed "s"/1`)
	h.until("p", "the old one is gone", func(p *plugin) bool { return p.old == nil })
	h.wantStates("p 2 running 1 100")
}

func newBotPlugin(t *testing.T, version string) Plugin {
	b := bot{Version: version, Agents: []string{"a"}, State: 1, Resume: saved}
	return Plugin{Name: "p", Path: b.file(t, "p")}
}

// After the drain timeout what can be moved is moved; after the cut the rest gets the
// fallback.
func TestDrainTimeoutAndCut(t *testing.T) {
	h := newHost(t)
	p := h.plugin(h.bot("1"))
	p.DrainTimeout, p.CutAfter = 300*time.Millisecond, 300*time.Millisecond
	h.start(h.config(p))
	moves, stays := h.begin(), h.begin(func(c *caller) { c.stays = true })
	moves.hears("v1")
	stays.hears("v1")
	began := time.Now()
	h.swap(h.bot("2").file(t, "p"), SwapOptions{})
	moves.hears(`v2 resumed ""/0`)
	if took := time.Since(began); took < p.DrainTimeout {
		t.Errorf("moved after %v", took)
	}
	if err := stays.failed(); !errors.Is(err, session.ErrNoResume) || time.Since(began) < p.DrainTimeout+p.CutAfter {
		t.Errorf("cut after %v: %v", time.Since(began), err)
	}
	h.until("p", "the old one is gone", func(p *plugin) bool { return p.old == nil })
	h.until("p", "the slot is taken until the call ends", func(p *plugin) bool { return p.used == 2 })
	stays.hangUp(session.EndedFailed)
	h.until("p", "the slot is free", func(p *plugin) bool { return p.used == 1 })
}

// A third generation waits for the first one's calls, and says so.
func TestTwoGenerationsAtMost(t *testing.T) {
	for _, force := range []bool{false, true} {
		t.Run(map[bool]string{false: "waits", true: "forced"}[force], func(t *testing.T) {
			h := newHost(t)
			b := h.bot("1")
			b.Fixed = true
			h.start(h.config(h.plugin(b)))
			c := h.begin()
			c.hears("v1")
			h.swap(h.bot("2").file(t, "p"), SwapOptions{})
			d := h.begin()
			d.hears("v2")
			waits := make(chan string, 9)
			type result struct {
				Swapped
				error
			}
			done := make(chan result, 1)
			third := h.bot("3").file(t, "p")
			go func() {
				s, err := h.Swap(t.Context(), "p", SwapOptions{Path: third, Force: force, Progress: func(text string) { waits <- text }})
				done <- result{s, err}
			}()
			want := "waiting for 1 call of generation 1 that cannot be moved; --force gives what is left the fallback"
			if force {
				want = "1 call of generation 1 cannot be moved: the fallback takes over"
			}
			if got := <-waits; got != want {
				t.Errorf("progress %q, want %q", got, want)
			}
			if force {
				if err := c.failed(); !errors.Is(err, session.ErrNoResume) {
					t.Errorf("the call: %v", err)
				}
			} else {
				h.wantStates("p 3 starting 0 0", "p 2 running 1 100", "p 1 draining 1 0")
				_, err := h.Restart(t.Context(), "p", SwapOptions{})
				if err == nil || !strings.Contains(err.Error(), "a swap is under way") {
					t.Errorf("a swap beside another: %v", err)
				}
				c.press("still there")
				c.hears("still there")
				c.hangUp(session.EndedByCaller)
			}
			if r := <-done; r.error != nil || r.Version != "3" {
				t.Errorf("swap: %+v", r)
			}
			h.wantStates("p 3 running 0 100", "p 2 draining 1 0")
			// Those of generation 2 can be moved: the next swap asks them to.
			h.swap(h.bot("4").file(t, "p"), SwapOptions{})
			d.hears(`v3 resumed ""/0`)
			h.until("p", "it is moved", func(p *plugin) bool { return p.current.number == 4 && p.old.number == 3 })
		})
	}
}

// A swap that waits can be given up, and fails when its process dies meanwhile.
func TestWaitingSwapGivesUp(t *testing.T) {
	h := newHost(t)
	b := h.bot("1")
	b.Fixed = true
	h.start(h.config(h.plugin(b)))
	h.begin().hears("v1")
	h.swap(h.bot("2").file(t, "p"), SwapOptions{})
	for _, test := range []struct {
		name, want string
		do         func(cancel func())
	}{
		{"given up", "given up while generation 1 had 1 call: ", func(cancel func()) { cancel() }},
		{"its process dies", "the new process ended while generation 1 had 1 call: ", func(func()) {
			h.until("p", "candidate", func(p *plugin) bool { return p.candidate != nil })
			h.kill(h.find("p").candidate.number)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			_, err := h.Swap(ctx, "p", SwapOptions{Path: h.bot("3").file(t, "p"), Progress: func(string) { go test.do(cancel) }})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("swap: %v, want %q", err, test.want)
			}
			h.wantStates("p 2 running 0 100", "p 1 draining 1 0")
		})
	}
}

// Whatever is wrong with the new program, the old one stays as it is, and the error
// says why.
func TestSwapRefuses(t *testing.T) {
	h := newHost(t)
	here := filepath.Join(t.TempDir(), "here")
	if err := os.WriteFile(here, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	other := h.bot("1")
	other.Agents = []string{"other"}
	p := h.plugin(h.bot("1"))
	p.Settings = map[string]any{"voice": "anna"}
	config := h.config(p, Plugin{Name: "q", Path: other.file(t, "q")})
	config.StartLimit = 2 * time.Second
	var failures, swaps []string
	config.Watch.SwapDone = func(name string, ok bool) {
		if swaps = append(swaps, name); !ok {
			failures = append(failures, name)
		}
	}
	h.start(config)
	c := h.begin()
	c.hears("v1")
	began := h.started()
	made := func(change func(*bot)) string {
		b := h.bot("2")
		change(&b)
		return b.file(t, "p")
	}
	script := func(text string, mode os.FileMode) string {
		path := filepath.Join(t.TempDir(), "p")
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, test := range []struct {
		name, path string
		canary     int
		want       []string
	}{
		{"no file", filepath.Join(t.TempDir(), "none"), 0, []string{"none", "no such file"}},
		{"not executable", script("#!/bin/sh\n", 0o600), 0, []string{"not executable"}},
		{"no plugin", script("#!/bin/sh\necho hello\n", 0o700), 0, []string{"is it a byova plugin?"}},
		{"dies at its start", made(func(b *bot) { b.DiesIf = here }), 0, []string{"no licence"}},
		{"hangs", made(func(b *bot) { b.HangsIf = here }), 0, []string{"within the start limit of 2s"}},
		{"settings", made(func(b *bot) { b.Settings = "berta" }), 0, []string{"voice: no such voice"}},
		{"agents of another", made(func(b *bot) { b.Agents = []string{"a", "other"} }), 0, []string{`plugins "q" and "p" both offer virtual agent "other"`}},
		{"dies in the probe", made(func(b *bot) { b.Probe = "dies" }), 0, []string{"probe", "exit status 9"}},
		{"panics in the probe", made(func(b *bot) { b.Probe = "fails" }), 0, []string{"probe", "nil map", "main.answer()"}},
		{"hangs in the probe", made(func(b *bot) { b.Probe = "hangs" }), 0, []string{"probe", "not accepted in time"}},
		{"too much of a canary", made(func(*bot) {}), 100, []string{"want 1 to 99"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			began := time.Now()
			_, err := h.Swap(t.Context(), "p", SwapOptions{Path: test.path, Canary: test.canary})
			if err == nil {
				t.Fatal("it was swapped")
			}
			for _, text := range append(test.want, `"p"`) {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("error %q does not say %q", err, text)
				}
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
			h.wantStates("p 1 running 1 100", "q 1 running 0 100")
			if left, _ := filepath.Glob(filepath.Join(h.dir, "p-*")); len(left) != 1 {
				t.Errorf("copies: %v", left)
			}
		})
	}
	c.press("still there")
	c.hears("still there")
	if h.Status()[0].Pid != began[0] {
		t.Error("the old one has another process")
	}
	if len(failures) != 11 || len(swaps) != 11 {
		t.Errorf("told of %d swaps, %d failed", len(swaps), len(failures))
	}
	if _, err := h.Swap(t.Context(), "none", SwapOptions{}); err == nil || !strings.Contains(err.Error(), "this host has p, q") {
		t.Errorf("swap of an unknown plugin: %v", err)
	}
	if _, err := h.Rollback(t.Context(), "p", SwapOptions{}); err == nil || !strings.Contains(err.Error(), "no generation before") {
		t.Errorf("rollback to nothing: %v", err)
	}
	if _, err := h.Promote(t.Context(), "p"); err == nil || !strings.Contains(err.Error(), "no canary") {
		t.Errorf("promotion of nothing: %v", err)
	}
}

// Of new sessions exactly the percentage goes to a canary, evenly.
func TestCanary(t *testing.T) {
	h := start(t, newBotPlugin(t, "1"))
	old := h.begin(with("s", 1))
	old.hears("v1")
	h.swap(h.bot("2").file(t, "p"), SwapOptions{Canary: 10})
	h.wantStates("p 2 canary 0 10", "p 1 running 1 90")
	var calls []*caller
	for i := range 30 {
		c := h.begin(with("s", 1))
		c.hears(map[bool]string{true: "v2", false: "v1"}[i%10 == 9])
		calls = append(calls, c)
	}
	h.wantStates("p 2 canary 3 10", "p 1 running 28 90")
	if _, err := h.Swap(t.Context(), "p", SwapOptions{Path: h.bot("3").file(t, "p")}); err == nil || !strings.Contains(err.Error(), "promote it or roll it back") {
		t.Errorf("a swap beside a canary: %v", err)
	}
	h.kill(2) // its calls stay with it
	calls[9].hears(`v2 resumed "s"/1`)
	h.kill(1)
	calls[0].hears(`v1 resumed "s"/1`)

	if _, err := h.Promote(t.Context(), "p"); err != nil {
		t.Fatal(err)
	}
	h.begin().hears("v2")
	h.wantStates("p 2 running 4 100", "p 1 draining 28 0")
	// Once it is current, Rollback goes back to what was before.
	back, err := h.Rollback(t.Context(), "p", SwapOptions{Policy: new(Move), Progress: func(text string) { t.Log(text) }})
	if err != nil || back.Version != "1" {
		t.Errorf("rollback: %+v, %v", back, err)
	}
	calls[9].hears(`v1 resumed "s"/1`)
}

func TestCanaryIsRolledBack(t *testing.T) {
	h := start(t, newBotPlugin(t, "1"))
	v2 := h.bot("2")
	v2.State, v2.Reads = 2, []uint32{1}
	h.swap(v2.file(t, "p"), SwapOptions{Canary: 50})
	h.begin().hears("v1")
	c := h.begin(with("s", 1))
	c.hears("v2")
	h.begin().hears("v1")
	newer := h.begin(with("t", 2)) // a state that version 1 does not read
	newer.hears("v2")
	back, err := h.Rollback(t.Context(), "p", SwapOptions{})
	if err != nil || back.Version != "1" || back.Generation != 1 {
		t.Errorf("rollback: %+v, %v", back, err)
	}
	c.hears(`v1 resumed "s"/1`)
	h.begin().hears("v1")
	h.begin().hears("v1")
	h.wantStates("p 1 running 5 100", "p 2 draining 1 0")
	newer.hangUp(session.EndedByCaller)
	h.until("p", "the canary is gone", func(p *plugin) bool { return p.old == nil })
	h.swap(h.bot("3").file(t, "p"), SwapOptions{})
}

// A canary is rolled back by itself when too many of its calls crash or get the
// fallback.
func TestCanaryRollsBackByItself(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(h *host, c []*caller)
		want bool
	}{
		{"4 calls end well", func(_ *host, c []*caller) { end(c[:4], session.EndedByCaller) }, false},
		{"1 of 4 gets the fallback", func(_ *host, c []*caller) { end(c[4:], session.EndedByCaller); end(c[:1], session.EndedFailed) }, true},
		{"1 of 5", func(_ *host, c []*caller) { end(c[:1], session.EndedFailed) }, true},
		{"all crash", func(h *host, _ []*caller) { h.kill(2) }, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHost(t)
			p := h.plugin(h.bot("1"))
			p.CanaryLimit = 19
			rolled := make(chan string, 9)
			config := h.config(p)
			config.Watch.RolledBack = func(name string) { rolled <- name }
			h.start(config)
			h.swap(h.bot("2").file(t, "p"), SwapOptions{Canary: 99})
			h.begin().hears("v1") // the first of a hundred
			var calls []*caller
			for range 5 {
				c := h.begin()
				c.hears("v2")
				calls = append(calls, c)
			}
			test.do(h, calls)
			if !test.want {
				if p := h.find("p"); p.canary == nil || len(rolled) > 0 {
					t.Error("it is rolled back")
				}
				return
			}
			h.until("p", "it is rolled back", func(p *plugin) bool { return p.canary == nil })
			if <-rolled != "p" || h.log.Count("canary is rolled back by itself") != 1 {
				t.Error("nobody says so")
			}
			h.until("p", "its calls are back", func(p *plugin) bool { return p.old == nil })
			h.begin().hears("v1")
		})
	}
	t.Run("its breaker opens", func(t *testing.T) {
		h := newHost(t)
		dies := filepath.Join(t.TempDir(), "dies")
		p := h.plugin(h.bot("1"))
		p.Breaker.Starts = 2
		h.start(h.config(p))
		b := h.bot("2")
		b.DiesIf = dies
		h.swap(b.file(t, "p"), SwapOptions{Canary: 50})
		h.begin().hears("v1")
		c := h.begin()
		c.hears("v2")
		if err := os.WriteFile(dies, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		h.kill(2)
		c.hears(`v1 resumed ""/0`)
		h.begin().hears("v1")
		h.wantStates("p 1 running 3 100")
	})
}

func end(calls []*caller, reason session.EndReason) {
	for _, c := range calls {
		c.hangUp(reason)
	}
}

// New calls do not wait for a canary's process, and those for an agent that only the
// current generation has do not go there.
func TestCanaryIsNotWaitedFor(t *testing.T) {
	h := newHost(t)
	one := h.bot("1")
	one.Agents = []string{"a", "b"}
	h.start(h.config(h.plugin(one)))
	hangs := filepath.Join(t.TempDir(), "hangs")
	two := h.bot("2")
	two.HangsIf = hangs
	h.swap(two.file(t, "p"), SwapOptions{Canary: 99})
	h.begin().hears("v1")
	for range 3 {
		b, err := h.try("b")
		if err != nil {
			t.Fatal(err)
		}
		b.hears("v1")
	}
	h.begin().hears("v2")
	if err := os.WriteFile(hangs, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	h.kill(2)
	h.until("p", "it has no process", func(p *plugin) bool { return p.canary.process == nil })
	h.begin().hears("v1")
	if got := h.states(); !slices.Contains(got, "p 2 restarting 1 99") {
		t.Errorf("generations = %q", got)
	}
}

// A forced swap lets calls move that can, and cuts those that do not.
func TestForcedSwapLetsCallsMove(t *testing.T) {
	h := start(t, newBotPlugin(t, "1"))
	moves, stays := h.begin(), h.begin(func(c *caller) { c.stays = true })
	moves.hears("v1")
	stays.hears("v1")
	h.swap(h.bot("2").file(t, "p"), SwapOptions{})
	began := time.Now()
	said := make(chan string, 9)
	h.swap(h.bot("3").file(t, "p"), SwapOptions{Force: true, Progress: func(text string) { said <- text }})
	if got := <-said; !strings.HasSuffix(got, "calls of generation 1 to move or end; after 5s what is left gets the fallback") {
		t.Errorf("progress %q", got)
	}
	moves.hears(`v2 resumed ""/0`)
	if err := stays.failed(); !errors.Is(err, session.ErrNoResume) || time.Since(began) < forceGrace {
		t.Errorf("cut after %v: %v", time.Since(began), err)
	}
}

// A call that gives itself back stays where it was when the new process is gone.
func TestMoveToNowhere(t *testing.T) {
	for _, hangs := range []bool{false, true} {
		t.Run(map[bool]string{false: "broken", true: "not in time"}[hangs], func(t *testing.T) {
			h := newHost(t)
			there := filepath.Join(t.TempDir(), "there")
			p := h.plugin(h.bot("1"))
			p.Breaker.Starts, p.CrashWait = 1, 200*time.Millisecond
			h.start(h.config(p))
			c := h.begin(with("s", 1))
			c.hears("v1")
			two := h.bot("2")
			if two.DiesIf = there; hangs {
				two.DiesIf, two.HangsIf = "", there
			}
			h.swap(two.file(t, "p"), SwapOptions{})
			if err := os.WriteFile(there, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			h.kill(2)
			h.awaitState(map[bool]string{false: "broken", true: "restarting"}[hangs])
			h.find("p").old.hurry()
			c.hears(`v1 resumed "s"/1`)
			c.press("on")
			c.hears("on")
		})
	}
}

// A call that has just come to a generation whose calls were asked to move is asked
// as well.
func TestLateComerIsAskedToMove(t *testing.T) {
	h := start(t, newBotPlugin(t, "1"))
	h.begin(func(c *caller) { c.stays = true }).hears("v1")
	h.swap(h.bot("2").file(t, "p"), SwapOptions{Policy: new(Move)})
	p := h.find("p")
	p.mu.Lock()
	old := p.old
	p.mu.Unlock()
	h.await("the others are asked", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return old.moving
	})
	late := &caller{t: t, changed: make(chan struct{}), stays: true}
	c := &call{plugin: p, agent: "a", sink: &part{late, 0}}
	if err := p.place(t.Context(), c, placing{at: func(bool) (*generation, error) { return old, nil }}); err != nil {
		t.Fatal(err)
	}
	if late.asked != 1 {
		t.Errorf("it was asked %d times", late.asked)
	}
	c.Close(session.EndedByCaller)
}
