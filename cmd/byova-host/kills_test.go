//go:build unix

package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"

	"github.com/byova-host/byova-host/host/admin"
	"github.com/byova-host/byova-host/host/config"
	"github.com/byova-host/byova-host/host/session"
	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
)

var (
	kills     = flag.Int("kills", 6, "how often TestKills kills the plugin, with and without a standby")
	killCalls = flag.Int("killcalls", 20, "under how many calls TestKills and TestPoison do so")
)

const sixFile = "../../internal/audio/testdata/speech/kal16-six.wav"

// patient is a plugin that may die as often as it likes and be slow to come back.
func patient(name, path string) config.Plugin {
	p := config.DefaultPlugin(name, path)
	p.Breaker = config.Breaker{Starts: 1000, Deaths: 100_000}
	p.CrashWait = answeredWithin
	return p
}

// quiet are settings with which a caller hears the bot and nobody else, also when the
// machine has something else to do for a while.
func quiet() session.Settings {
	s := session.DefaultSettings()
	s.FillerAfter, s.NoInputBackstop = 0, 0
	return s
}

// runPlugins starts a host in this process with plugins.
func runPlugins(t *testing.T, plugins ...config.Plugin) *inside {
	t.Helper()
	return runConfigured(t, func(c *config.Config) {
		c.Calls.Settings, c.Shutdown, c.Plugins = quiet(), completeWithin, plugins
	})
}

// adminOf is how the command line speaks to the host of a runtime directory.
func adminOf(base string) *admin.Client { return admin.NewClient(admin.DefaultAddress(base, 1)) }

func (h *inside) admin() *admin.Client { return adminOf(h.base) }

// generations are the live ones of a plugin.
func (h *inside) generations(t *testing.T, name string) []admin.Plugin {
	t.Helper()
	return generations(t, h.base, name)
}

func generations(t *testing.T, base, name string) []admin.Plugin {
	t.Helper()
	all, err := adminOf(base).Plugins(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(p admin.Plugin) bool { return p.Name != name })
}

// end stops the host. Nothing may be left of it: no call that was cut, no file, no
// process of those that are known.
func (h *inside) end(t *testing.T, pids ...int) {
	t.Helper()
	h.settle(t)
	all, err := h.admin().Plugins(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		pids = append(pids, p.Pid)
	}
	h.close(t)
	noneLeft(t, pids)
	entries, err := os.ReadDir(h.base)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != "lock" {
			t.Errorf("the host left %s behind", e.Name())
		}
	}
}

// noLeaks holds that the test leaves no goroutine. Call it first.
func noLeaks(t *testing.T) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		if !t.Failed() {
			goleak.VerifyNone(t, before)
		}
	})
}

// noneLeft holds that processes are gone. Whose parent died is not reaped at once.
func noneLeft(t *testing.T, pids []int) {
	t.Helper()
	eventually(t, endsWithin, fmt.Sprintf("none is left of the processes %v", pids), func() bool {
		return !slices.ContainsFunc(pids, func(pid int) bool { return pid > 0 && alive(pid) })
	})
}

// callers are regular ones that call one agent.
type callers struct {
	ctx   context.Context
	conns []*grpc.ClientConn
	agent string
	seed  uint64
	waits waits
	tally tally
	words []byte
	lines sync.WaitGroup
}

func newCallers(t *testing.T, addr, agent string) *callers {
	t.Helper()
	c := &callers{ctx: t.Context(), agent: agent, seed: *stressSeed, words: readWAV(t, sixFile).Data}
	if c.seed == 0 {
		c.seed = rand.Uint64()
	}
	t.Logf("repeat with -seed %d", c.seed)
	c.waits.open = map[*regular]*wait{}
	c.conns = dialHost(t, addr, 5)
	return c
}

func (c *callers) caller(n int) *regular {
	return &regular{
		ctx: c.ctx, client: mediav1.NewVoiceVirtualAgentClient(c.conns[n%len(c.conns)]),
		org: "org", id: fmt.Sprint(c.agent, "-", n), agent: c.agent, waits: &c.waits,
	}
}

// talk has a caller enter keys, and now and then speak, until the time is over.
func (c *callers) talk(r *regular, random *rand.Rand, over <-chan struct{}) error {
	if err := r.start(); err != nil {
		return err
	}
	for {
		select {
		case <-over:
			return nil
		case <-time.After(time.Duration(50+random.IntN(800)) * time.Millisecond):
		}
		var a reply
		var err error
		if random.IntN(12) == 0 {
			a, err = r.say(c.words)
		} else {
			keys := 100 + random.IntN(900) // shorter ones may be commands
			a, err = r.press(strconv.Itoa(keys), random.IntN(2) == 0)
		}
		if err != nil {
			return err
		}
		if len(a.audio) == 0 {
			return fmt.Errorf("call %s: the answer to input %d is silent", r.id, r.inputs)
		}
	}
}

// place has n callers talk until the time is over, and then asks each for its count.
func (c *callers) place(n int, over <-chan struct{}, count func(*regular) (int, error)) {
	for i := range n {
		random := rand.New(rand.NewPCG(c.seed, uint64(i)))
		c.lines.Go(func() {
			r := c.caller(i)
			err := c.talk(r, random, over)
			if err == nil {
				var got int
				inputs := r.inputs
				if got, err = count(r); err == nil && got != inputs {
					err = fmt.Errorf("call %s: %d inputs were counted as %d", r.id, inputs, got)
				}
			}
			if err != nil {
				c.tally.fault("%v", err)
			}
			c.tally.calls.Add(1)
			c.tally.answers.Add(int64(r.inputs))
		})
	}
}

// close waits for the callers and tells what was wrong.
func (c *callers) close(t *testing.T) {
	t.Helper()
	c.lines.Wait()
	for _, conn := range c.conns {
		conn.Close()
	}
	for _, wrong := range c.tally.wrong {
		t.Error(wrong)
	}
}

// echoCount asks echo for its count, and hangs up.
func echoCount(r *regular) (int, error) {
	a, err := r.press("8", false)
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(keysIn(a.audio))
	if err != nil {
		return 0, fmt.Errorf("call %s: its count is no number: %w", r.id, err)
	}
	return n, r.hangUp()
}

// death is when a process was killed, and when another had not taken over yet.
type death struct{ at, without, back time.Time }

// kill kills a plugin's process and waits until another has taken over and every turn
// that it may have known is over: one that is hit twice gets the fallback.
func (c *callers) kill(t *testing.T, h *inside, name string) (d death) {
	t.Helper()
	before := h.generations(t, name)[0]
	d.at = time.Now()
	d.without = d.at
	if err := syscall.Kill(before.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for d.back.IsZero() {
		asked := time.Now()
		now := h.generations(t, name)[0]
		if now.Restarts > before.Restarts {
			d.back = time.Now()
			break
		}
		d.without = asked
		if asked.Sub(d.at) > answeredWithin {
			t.Fatalf("the plugin is not back after %v: %+v", answeredWithin, now)
		}
	}
	eventually(t, answeredWithin, "the turns of that time are over", func() bool { return c.waits.since(d.back) == 0 })
	return d
}

// TestKills kills echo at random moments under calls. None of them notices more than
// a pause, and each is counted right.
func TestKills(t *testing.T) {
	for _, standby := range []bool{false, true} {
		t.Run(map[bool]string{false: "cold", true: "standby"}[standby], func(t *testing.T) {
			noLeaks(t)
			echo := patient("echo", echoBinary)
			echo.Standby = standby
			h := runPlugins(t, echo)
			c := newCallers(t, h.addr, "echo")
			over := make(chan struct{})
			c.place(*killCalls, over, echoCount)
			random := rand.New(rand.NewPCG(c.seed, 1<<32))
			var deaths []death
			var pids []int
			for n := range *kills {
				if standby {
					eventually(t, answeredWithin, "a standby is ready", func() bool { return strings.Count(h.log.String(), "standby is ready") > n })
				}
				<-time.After(time.Duration(200+random.IntN(400)) * time.Millisecond)
				pids = append(pids, h.generations(t, "echo")[0].Pid)
				deaths = append(deaths, c.kill(t, h, "echo"))
			}
			close(over)
			c.close(t)
			h.end(t, pids...)
			c.report(t, deaths)
		})
	}
}

// report prints how long after a death those heard the beginning of their answer who
// waited for it then, or asked before another process took over.
func (c *callers) report(t *testing.T, deaths []death) {
	var after, back []time.Duration
	for _, d := range deaths {
		back = append(back, d.back.Sub(d.at))
		for _, w := range c.waits.answered {
			// What the dead one had sent may still come when it is gone.
			if w.asked.Before(d.back) && w.heard.After(d.at) && (w.asked.After(d.at) || w.heard.After(d.without)) {
				after = append(after, w.heard.Sub(d.at))
			}
		}
	}
	name := strings.ReplaceAll(strings.TrimPrefix(t.Name(), "Test"), "/", "_")
	printResult(t, name+"_kills", len(deaths), "kills")
	printResult(t, name+"_calls", int(c.tally.calls.Load()), "calls")
	printResult(t, name+"_inputs", int(c.tally.answers.Load()), "inputs")
	printResult(t, name+"_wrong", len(c.tally.wrong), "calls")
	printResult(t, name+"_waited", len(after), "answers")
	printTimes(t, name+"_death_to_answer", after)
	printTimes(t, name+"_death_to_process", back)
}

func printResult(t *testing.T, name string, value any, unit string) {
	t.Helper()
	fmt.Printf("RESULT %s %v %s\n", name, value, unit)
}

// printTimes prints what half of the times stay below, and 99 of 100, and all.
func printTimes(t *testing.T, name string, times []time.Duration) {
	t.Helper()
	if len(times) == 0 {
		return
	}
	slices.Sort(times)
	for _, p := range []struct {
		name string
		part float64
	}{{"p50", 0.5}, {"p99", 0.99}, {"max", 1}} {
		at := times[int(float64(len(times)-1)*p.part)]
		printResult(t, name+"_"+p.name, fmt.Sprintf("%.1f", float64(at)/float64(time.Millisecond)), "ms")
	}
}

// resumingTestbot is the test bot whose calls outlive its process.
var resumingTestbot = sync.OnceValues(func() (string, error) {
	path := filepath.Join(filepath.Dir(testbotBinary), "testbot-saved")
	return path, build(append(raced(), "-ldflags", "-X main.resume=saved", "-o", path, "../../internal/testbot"))
})

// TestPoison: calls whose entry kills the process, each time, get the fallback. The
// others lose nothing.
func TestPoison(t *testing.T) {
	noLeaks(t)
	path, err := resumingTestbot()
	if err != nil {
		t.Fatal(err)
	}
	const victims = 3
	testbot := config.DefaultPlugin("testbot", path) // with the breaker that everyone has
	testbot.CrashWait = answeredWithin
	h := runPlugins(t, testbot)
	c := newCallers(t, h.addr, "poison")
	over := make(chan struct{})
	c.place(*killCalls, over, transferCount)
	for n := range victims {
		v := c.caller(1000 + n)
		if err := v.start(); err != nil {
			t.Fatal(err)
		}
		_, err := v.press("66", true)
		if left, ok := asLeft(err); !ok || left.GetEventType() != mediav1.OutputEvent_TRANSFER_TO_AGENT || reason(left) != "bot failed" {
			t.Errorf("who killed the process twice got %v, want the fallback", err)
		}
		_ = v.hangUp()
	}
	close(over)
	c.close(t)
	if p := h.generations(t, "testbot"); len(p) != 1 || p[0].State != "running" || p[0].Restarts < 2*victims {
		t.Errorf("after %d poisonous calls the plugin is %+v", victims, p)
	}
	h.end(t)
	printResult(t, "poison_others_calls", c.tally.calls.Load(), "calls")
	printResult(t, "poison_others_wrong", len(c.tally.wrong), "calls")
}

// transferCount asks the test bot for its count.
func transferCount(r *regular) (int, error) {
	_, err := r.press("0", false)
	left, ok := asLeft(err)
	if !ok {
		return 0, fmt.Errorf("asked for its count: %w", err)
	}
	n, ok := left.GetMetadata().AsMap()["count"].(float64)
	if !ok {
		return 0, fmt.Errorf("call %s: it left without a count: %w", r.id, err)
	}
	return int(n), r.hangUp()
}
