//go:build unix

package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

var crashPoints = flag.Int("crashpoints", 30, "how often TestRandomCrashPoints has a bot die")

// TestRandomCrashPoints has real processes die at random points of a turn, as the
// model of host/session has them die: before and behind each act of a bot that saves
// before it speaks. Each entry of each call counts once.
func TestRandomCrashPoints(t *testing.T) {
	noLeaks(t)
	const calls = 8
	p := newPointed(t)
	random := rand.New(rand.NewPCG(p.seed, 0))
	for i := range calls {
		p.call(t, i)
	}
	for n := 0; p.deaths < *crashPoints; n++ {
		r := p.calls[random.IntN(calls)]
		order := orders[1+random.IntN(len(orders)-2)] // not the one that is wrong
		dies := plan{order, random.IntN(points(order)), pauses[random.IntN(len(pauses)-1)]}
		if n%4 > 0 {
			p.enter(t, r, dies)
		} else {
			p.cut(t, r, dies, time.Duration(random.IntN(20))*time.Millisecond)
		}
		if n%2 > 0 { // before another death has the call resumed once more
			p.counts(t, r, 0)
		}
	}
	for _, r := range p.calls {
		p.counts(t, r, 0)
	}
	p.close(t)
	if p.attempts[1] == 0 || p.attempts[2] == 0 || len(p.attempts) > 2 {
		t.Errorf("so many turns were kept and came again: %v", p.attempts)
	}
	printResult(t, "crash_points", p.deaths, "deaths")
	printResult(t, "crash_points_entries", p.entries, "entries")
	printResult(t, "crash_points_kept", p.attempts[1], "answers")
	printResult(t, "crash_points_again", p.attempts[2], "answers")
}

// TestSavesTooLate: a bot that has spoken and dies before it saves counts that turn
// never, so that the test above could see it.
func TestSavesTooLate(t *testing.T) {
	p := newPointed(t)
	r := p.call(t, 0)
	p.press(t, r, survive)
	p.enter(t, r, plan{order: "as", point: 2, wait: pauses[len(pauses)-1]})
	p.counts(t, r, 1)
	p.close(t)
}

// pointed is a host with a crasher and calls to it.
type pointed struct {
	*inside
	*callers
	pids    string
	died    string
	calls   []*regular
	deaths  int
	entries int

	attempts map[int]int // that answered an entry of which a process died
}

func newPointed(t *testing.T) *pointed {
	p := &pointed{attempts: map[int]int{}, pids: filepath.Join(t.TempDir(), "pids"), died: t.TempDir()}
	path := bot{Kind: "crasher", Version: "1", Agent: "crasher", Pids: p.pids, Died: p.died}.file(t)
	p.inside = runPlugins(t, patient("crasher", path))
	p.callers = newCallers(t, p.addr, "crasher")
	return p
}

func (p *pointed) call(t *testing.T, n int) *regular {
	t.Helper()
	r := p.caller(n)
	if err := r.start(); err != nil {
		t.Fatal(err)
	}
	p.calls = append(p.calls, r)
	return r
}

func (p *pointed) press(t *testing.T, r *regular, keys string) reply {
	t.Helper()
	a, err := r.press(keys, false)
	if err != nil {
		t.Fatalf("behind %d deaths: %v", p.deaths, err)
	}
	p.entries++
	return a
}

// enter presses an entry of which the process dies, and waits for the next one.
func (p *pointed) enter(t *testing.T, r *regular, of plan) {
	t.Helper()
	a := p.press(t, r, of.keys())
	if _, attempt, err := countIn(a.audio); err == nil {
		p.attempts[attempt]++
	}
	if died := p.awaitDeaths(t); died != p.deaths+1 {
		t.Fatalf("%d processes have died, want %d: the last entry was %+v", died, p.deaths+1, of)
	}
	p.deaths++
}

// awaitDeaths waits until every process that dies of an entry has been replaced.
func (p *pointed) awaitDeaths(t *testing.T) (died int) {
	t.Helper()
	marks, err := os.ReadDir(p.died)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, answeredWithin, fmt.Sprint(len(marks), " processes have been replaced"), func() bool {
		now := p.generations(t, "crasher")[0]
		return now.Restarts == len(marks) && now.State == "running"
	})
	return len(marks)
}

// cut presses such an entry, and another one before the answer has come, so that it
// may not come to the point.
func (p *pointed) cut(t *testing.T, r *regular, of plan, after time.Duration) {
	t.Helper()
	first := *r
	answered := make(chan error, 1)
	go func() {
		_, err := first.exchange(true, keysInput(of.keys()))
		answered <- err
	}()
	<-time.After(after)
	r.inputs++
	p.press(t, r, survive)
	if err := <-answered; err != nil {
		t.Fatalf("behind %d deaths: %v", p.deaths, err)
	}
	p.entries++
	p.deaths = p.awaitDeaths(t)
}

// counts holds that the bot has counted all entries of a call but so many.
func (p *pointed) counts(t *testing.T, r *regular, missing int) {
	t.Helper()
	got, _, err := countIn(p.press(t, r, survive).audio)
	if err != nil || got != r.inputs-missing {
		t.Fatalf("call %s: behind %d deaths %d entries are counted as %d (%v), want %d less", r.id, p.deaths, r.inputs, got, err, missing)
	}
}

func (p *pointed) close(t *testing.T) {
	t.Helper()
	for _, r := range p.calls {
		if err := r.hangUp(); err != nil {
			t.Error(err)
		}
	}
	p.callers.close(t)
	p.end(t, processes(t, p.pids)...)
}
