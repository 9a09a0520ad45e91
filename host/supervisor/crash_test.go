//go:build unix

package supervisor

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/byova-host/byova-host/host/session"
)

// A call goes on in another process when its own is killed, with its state.
func TestCrash(t *testing.T) {
	for _, standby := range []bool{false, true} {
		t.Run(map[bool]string{false: "cold", true: "standby"}[standby], func(t *testing.T) {
			h := newHost(t)
			p := h.plugin(h.bot("1"))
			p.Standby = standby
			h.start(h.config(p))
			c, other := h.begin(with("three", 1)), h.begin()
			c.hears("v1")
			other.hears("v1")
			for n := range 3 {
				if standby {
					h.await("another standby", func() bool { return h.log.Count("standby is ready") == n+1 })
				}
				h.kill(1)
				c.hears(`v1 resumed "three"/1`)
				other.hears(`v1 resumed ""/0`)
			}
			c.press("hello")
			c.hears("hello")
			h.wantStates("p 1 running 2 100")
			if s := h.Status()[0]; s.Restarts != 3 || !strings.Contains(s.Error, "signal: killed") {
				t.Errorf("status = %+v", s)
			}
			c.hangUp(session.EndedByCaller)
			other.hangUp(session.EndedByCaller)
			h.wantStates("p 1 running 0 100")
		})
	}
}

// With a standby, one is there before the other dies.
func TestStandbyTakesOverAtOnce(t *testing.T) {
	h := newHost(t)
	blocked := filepath.Join(t.TempDir(), "blocked")
	b := h.bot("1")
	b.HangsIf = blocked
	p := h.plugin(b)
	p.Standby = true
	h.start(h.config(p))
	waiting := func() bool { return h.log.Count("standby is ready") == 1 }
	h.await("a standby", waiting)
	if err := os.WriteFile(blocked, nil, 0o600); err != nil { // no start ends any more
		t.Fatal(err)
	}
	c := h.begin()
	c.hears("v1")
	h.kill(1)
	c.hears(`v1 resumed ""/0`)
	// The one that dies before it is needed is replaced, too.
	if err := os.Remove(blocked); err != nil {
		t.Fatal(err)
	}
	h.await("a start", func() bool { return len(h.started()) >= 3 })
}

// await is for what no plugin tells of.
func (h *host) await(what string, is func() bool) {
	h.t.Helper()
	for late := time.Now().Add(limit); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(late) {
			h.t.Fatalf("never: %s; %+v\n%s", what, h.Status(), h.log.String())
		}
	}
}

func TestStandbyThatDiesIsReplaced(t *testing.T) {
	h := newHost(t)
	p := h.plugin(h.bot("1"))
	p.Standby = true
	h.start(h.config(p))
	for n := range 2 {
		h.await("a standby", func() bool { return h.log.Count("standby is ready") == n+1 })
		standby := h.started()[n+1]
		if err := syscall.Kill(standby, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	h.await("another", func() bool { return h.log.Count("standby is ready") == 3 })
	if s := h.Status()[0]; s.State != "running" || s.Restarts != 0 {
		t.Errorf("status = %+v", s)
	}
}

// A standby that does not start says nothing against the process that runs.
func TestStandbyThatDoesNotStart(t *testing.T) {
	h := newHost(t)
	dies := filepath.Join(t.TempDir(), "dies")
	b := h.bot("1")
	b.DiesIf = dies
	p := h.plugin(b)
	p.Standby, p.Breaker.Starts = true, 2
	h.start(h.config(p))
	h.await("a standby", func() bool { return h.log.Count("standby is ready") == 1 })
	if err := os.WriteFile(dies, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(h.started()[1], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	h.await("three starts", func() bool { return h.log.Count("plugin did not start") == 3 })
	h.begin().hears("v1")
	h.wantStates("p 1 running 1 100")
	if h.find("p").current.breaker.open {
		t.Error("the breaker is open")
	}
	if err := os.Remove(dies); err != nil {
		t.Fatal(err)
	}
	if err := h.Reset("p"); err != nil { // not to wait for so long
		t.Fatal(err)
	}
	h.await("a standby", func() bool { return h.log.Count("standby is ready") == 2 })
}

// A new call waits for the process, and gets an error when none comes in time.
func TestOpenWaitsForTheProcess(t *testing.T) {
	h := newHost(t)
	dies := filepath.Join(t.TempDir(), "dies")
	b := h.bot("1")
	b.HangsIf = dies
	p := h.plugin(b)
	p.CrashWait = 300 * time.Millisecond
	h.start(h.config(p))
	h.kill(1)
	h.awaitState("restarting")
	c := h.begin()
	c.hears("v1")

	if err := os.WriteFile(dies, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	h.kill(1)
	h.awaitState("restarting")
	began := time.Now()
	_, err := h.try("a")
	if took := time.Since(began); !errors.Is(err, session.ErrAgentUnavailable) || took < p.CrashWait || took > 20*p.CrashWait || !strings.Contains(err.Error(), `plugin "p" of agent "a"`) {
		t.Errorf("%v after %v", err, took)
	}
	if err := c.failed(); !errors.Is(err, session.ErrAgentUnavailable) {
		t.Errorf("the live call: %v", err)
	}
}

// A process that does not answer takes no calls. Those that come meanwhile get the
// one after it, however little patience they have.
func TestOpenWaitsWhileTheProcessHangs(t *testing.T) {
	h := newHost(t)
	p := h.plugin(h.bot("1"))
	p.CrashWait = time.Second
	h.start(h.config(p))
	idle := h.begin()
	idle.hears("v1")
	if err := syscall.Kill(h.Status()[0].Pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	process := h.find("p").current.process
	h.await("it hangs", process.Hangs)
	h.begin().hears("v1")
	idle.hears(`v1 resumed ""/0`)
	if h.log.Count("it has not answered in its stream") == 0 {
		t.Error("the process was not replaced")
	}
}

func TestBreakerOpensAndIsReset(t *testing.T) {
	h := newHost(t)
	dies := filepath.Join(t.TempDir(), "dies")
	b := h.bot("1")
	b.DiesIf = dies
	p := h.plugin(b)
	p.Breaker.Starts = 3
	p.CrashWait = time.Minute
	opened := make(chan string, 9)
	config := h.config(p)
	config.Watch.BreakerOpened = func(name string) { opened <- name }
	h.start(config)
	c := h.begin()
	c.hears("v1")
	if err := os.WriteFile(dies, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	h.kill(1)
	err := c.failed() // at once, when the breaker opens, not after a minute
	for _, text := range []string{"no licence", "byova-host plugins reset p"} {
		if !errors.Is(err, session.ErrAgentUnavailable) || !strings.Contains(err.Error(), text) {
			t.Errorf("the call: %v, want %q", err, text)
		}
	}
	if got := len(h.started()); got != 4 {
		t.Errorf("%d starts, want 1 and 3", got)
	}
	h.wantStates("p 1 broken 0 100")
	if _, err := h.try("a"); !errors.Is(err, session.ErrAgentUnavailable) || !strings.Contains(err.Error(), "reset") {
		t.Errorf("a new call: %v", err)
	}
	h.await("somebody says so", func() bool { return len(opened) == 1 && h.log.Count("ended too often") == 1 })
	if err := h.Reset("none"); err == nil {
		t.Error("reset of no plugin")
	}
	if err := os.Remove(dies); err != nil {
		t.Fatal(err)
	}
	if err := h.Reset("p"); err != nil {
		t.Fatal(err)
	}
	h.begin().hears("v1")
	h.wantStates("p 1 running 1 100")
}

// Too many deaths a minute open it as well.
func TestBreakerOfDeaths(t *testing.T) {
	h := newHost(t)
	p := h.plugin(h.bot("1"))
	p.Breaker.Deaths = 3
	h.start(h.config(p))
	for range 2 {
		h.kill(1)
		h.awaitState("restarting")
		h.awaitState("running")
	}
	h.kill(1)
	h.awaitState("broken")
	// A swap that passes its checks closes it.
	h.swap(h.bot("2").file(t, "p"), SwapOptions{})
	h.begin().hears("v2")
	h.wantStates("p 2 running 1 100")
}

// The call that kills its process each time gets the fallback, the others go on and
// the breaker knows of one death alone.
func TestPoison(t *testing.T) {
	h := newHost(t)
	p := h.plugin(h.bot("1"))
	p.Breaker.Deaths = 2
	h.start(h.config(p))
	poison := h.begin(suspect(1))
	others := []*caller{h.begin(), h.begin(), h.begin(suspect(1)), h.begin(suspect(1)), h.begin(suspect(2))}
	for _, c := range append([]*caller{poison}, others...) {
		c.hears("v1")
	}
	again := make(chan struct{})
	go func() { // its turn comes again
		defer close(again)
		poison.until("resumed", func() bool { return poison.resumed == 1 })
		poison.press("die")
	}()
	poison.press("die")
	if err := poison.failed(); !errors.Is(err, session.ErrNoResume) {
		t.Errorf("the poison: %v", err)
	}
	<-again
	for i, c := range others {
		c.until("resumed", func() bool { return len(c.said) > 0 && c.said[len(c.said)-1] == `v1 resumed ""/0` && c.resumed >= 1 })
		if c.fallback != nil {
			t.Errorf("call %d: %v", i, c.fallback)
		}
	}
	if idle := others[0]; !errors.Is(idle.lost[len(idle.lost)-1], session.ErrOtherCall) {
		t.Errorf("an idle call lost %v", idle.lost)
	}
	h.awaitState("running")
	h.until("p", "all are back", func(p *plugin) bool { return len(p.current.calls) >= 5 })
	if n := h.find("p").current.breaker; len(n.deaths) != 1 || n.open {
		t.Errorf("the breaker counts %d deaths, open %v", len(n.deaths), n.open)
	}
	if h.log.Count("that call alone gets the fallback") != 1 {
		t.Error("the log does not say so")
	}
	poison.hangUp(session.EndedFailed)
	h.await("five calls", func() bool { return slices.Equal(h.states(), []string{"p 1 running 5 100"}) })
}

// Suspects come back one at a time, each when the one before is out of danger.
func TestSuspectsTakeTurns(t *testing.T) {
	h := newHost(t)
	b := h.bot("1")
	b.Rate = 5 // 200 ms each
	h.start(h.config(h.plugin(b)))
	var suspects []*caller
	for range 4 {
		suspects = append(suspects, h.begin(suspect(1)))
	}
	idle := h.begin()
	hopeless := h.begin(suspect(4))
	for _, c := range append(suspects, idle, hopeless) {
		c.hears("v1")
	}
	back := func() (n int) {
		for _, c := range suspects {
			c.mu.Lock()
			n += c.resumed
			c.mu.Unlock()
		}
		return n
	}
	h.kill(1)
	idle.hears(`v1 resumed ""/0`)
	if err := hopeless.failed(); !errors.Is(err, session.ErrNoResume) {
		t.Errorf("a call with four deaths: %v", err)
	}
	h.await("the first", func() bool { return back() == 1 })
	began := time.Now()
	h.await("the second", func() bool { return back() == 2 })
	if took := time.Since(began); took < 150*time.Millisecond || took > time.Second {
		t.Errorf("the second suspect came after %v", took)
	}
	for n := 3; n <= 4; n++ { // when they are settled, at once
		for _, c := range suspects {
			c.now().Settled()
		}
		h.await("the next", func() bool { return back() == n })
	}
	if took := time.Since(began); took > 550*time.Millisecond {
		t.Errorf("with Settled it took %v", took)
	}
}

// Resume ends with its session and with the host, and leaves no slot taken.
func TestResumeEnds(t *testing.T) {
	h := newHost(t)
	hangs := filepath.Join(t.TempDir(), "hangs")
	b := h.bot("1")
	b.HangsIf = hangs
	p := h.plugin(b)
	p.CrashWait = time.Minute
	p.Sessions = 2
	h.start(h.config(p))
	c, d := h.begin(), h.begin()
	c.hears("v1")
	d.hears("v1")
	if err := os.WriteFile(hangs, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	h.kill(1)
	c.until("is lost", func() bool { return len(c.lost) == 1 })
	c.hangUp(session.EndedByCaller) // while it resumes
	if err := c.failed(); !errors.Is(err, session.ErrAgentUnavailable) {
		t.Errorf("a call that ended: %v", err)
	}
	h.until("p", "one slot is free", func(p *plugin) bool { return p.used == 1 })
	d.until("is lost", func() bool { return len(d.lost) == 1 })
	h.Stop(t.Context())
	if err := d.failed(); !errors.Is(err, session.ErrAgentUnavailable) || !strings.Contains(err.Error(), "the host stops") {
		t.Errorf("a call while the host stops: %v", err)
	}
	if got := slices.Max([]int{h.find("p").used, len(h.find("p").current.calls)}); got != 0 {
		t.Errorf("%d calls are left", got)
	}
}

// The calls of a canary that does not come back go to the program that it was to
// replace.
func TestCanaryThatDoesNotComeBack(t *testing.T) {
	h := newHost(t)
	p := h.plugin(h.bot("1"))
	p.CrashWait = 300 * time.Millisecond
	h.start(h.config(p))
	hangs := filepath.Join(t.TempDir(), "hangs")
	b := h.bot("2")
	b.HangsIf = hangs
	h.swap(b.file(t, "p"), SwapOptions{Canary: 50})
	calls := []*caller{h.begin(), h.begin()}
	calls[0].hears("v1")
	calls[1].hears("v2")
	if err := os.WriteFile(hangs, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	h.kill(2)
	calls[1].hears(`v1 resumed ""/0`)
}

// A process that ends while a reload waits for something else fails it.
func TestReloadLosesAProcess(t *testing.T) {
	h := newHost(t)
	b := h.bot("1")
	b.Fixed = true
	p := h.plugin(b)
	h.start(h.config(p))
	c := h.begin()
	c.hears("v1")
	h.swap(b.file(t, "p"), SwapOptions{})
	p.Settings = map[string]any{"voice": "low"}
	q := h.bot("1")
	q.Agents = []string{"q"}
	applied := make(chan error)
	go func() { applied <- h.Apply(t.Context(), []Plugin{p, {Name: "q", Path: q.file(t, "q")}}) }()
	h.await("it waits", func() bool {
		return h.log.Count("reload is waiting for 1 call of generation 1 that cannot be moved: ") == 1
	})
	if err := syscall.Kill(h.started()[3], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	h.await("it is seen", func() bool { return h.log.Count("plugin lost") == 1 })
	c.hangUp(session.EndedByCaller)
	if err := <-applied; err == nil || !strings.Contains(err.Error(), `the new process of plugin "q" ended`) {
		t.Errorf("reloaded: %v", err)
	}
	h.wantStates("p 2 running 0 100")
}

// Processes are killed and programs swapped at the same time: no call is lost, and
// none is counted twice.
func TestStorm(t *testing.T) {
	h := newHost(t)
	p := h.plugin(h.bot("1"))
	p.Breaker = Breaker{Starts: 1000, Deaths: 1000}
	p.CrashWait, p.Standby = limit, true
	h.start(h.config(p))
	var calls []*caller
	for range 30 {
		c := h.begin(with("s", 1))
		c.hears("v1")
		calls = append(calls, c)
	}
	other := h.bot("2").file(t, "p")
	stop := make(chan struct{})
	killed := make(chan int)
	go func() {
		n := 0
		defer func() { killed <- n }()
		for {
			for _, s := range h.Status() {
				if s.State == "running" && s.Pid != 0 && syscall.Kill(s.Pid, syscall.SIGKILL) == nil {
					n++
				}
			}
			select {
			case <-stop:
				return
			case <-time.After(30 * time.Millisecond):
			}
		}
	}()
	for n := range 8 {
		var err error
		switch n % 3 {
		case 0:
			_, err = h.Swap(t.Context(), "p", SwapOptions{Path: other, Policy: new(Move)})
		case 1:
			_, err = h.Rollback(t.Context(), "p", SwapOptions{})
		case 2:
			_, err = h.Restart(t.Context(), "p", SwapOptions{})
		}
		if err != nil {
			t.Errorf("act %d: %v", n, err)
		}
	}
	close(stop)
	t.Logf("%d processes were killed", <-killed)
	q := h.find("p")
	q.mu.Lock()
	if q.old != nil {
		q.old.hurry()
	}
	q.mu.Unlock()
	h.await("all calls are in one place", func() bool {
		q.mu.Lock()
		defer q.mu.Unlock()
		for c := range q.current.calls {
			if c.wire == nil || c.process != q.current.process {
				return false
			}
		}
		return q.old == nil && len(q.current.calls) == 30 && q.current.process != nil
	})
	for _, c := range calls {
		c.resumes.Wait() // or what it says goes to where it was
		c.until("answers", func() bool { return c.fallback == nil })
		c.change(func() { c.said = nil })
		c.press("on")
		c.until("answers", func() bool { return slices.Contains(c.said, "on") || c.fallback != nil })
		if c.fallback != nil {
			t.Errorf("a call got the fallback: %v", c.fallback)
		}
		c.hangUp(session.EndedByCaller)
	}
	h.until("p", "no slot is taken", func(p *plugin) bool { return p.used == 0 && len(p.current.calls) == 0 })
}
