package supervisor

import (
	"sync/atomic"
	"time"

	"github.com/byova-host/byova-host/internal/pluginwire"
)

// maxSuspect is how often a turn may have been open when its process died before
// its call is no longer let near a process.
const maxSuspect = 4

// longTrial is for a call that was suspected before: what it does may take a while
// to kill.
const longTrial = 2 * time.Second

// A process soon shows that it dies of being told of a call. The first suspect comes
// when those with no open turn have had idleFirst, and one of them that is suspected
// itself has idleTrial.
const (
	idleFirst = 50 * time.Millisecond
	idleTrial = 2 * idleFirst
)

// trials has the suspects, calls that their process may have died of, come back one
// at a time: if that process dies as well, one call is to blame and the others are not.
type trials struct {
	from time.Time             // no trial before
	on   atomic.Pointer[trial] // nil, or over: the place is free
	last atomic.Int64          // when a process was told something, in nanoseconds
}

// trial is one suspect's time with a process.
type trial struct {
	call      *call
	process   *pluginwire.Process
	until     time.Time
	turn      bool        // it is the open turn that is suspected
	disturbed atomic.Bool // the process was told of another call as well, or shortly before
	rivalled  atomic.Bool // it was given something new to do in another call
	blamed    bool        // the process died of it
}

// back says that a process has taken over.
func (t *trials) back() { t.from = time.Now().Add(idleFirst) }

// wait is how long the place is taken; at most, since a trial may end early.
func (t *trials) wait() time.Duration {
	free := t.from
	if x := t.on.Load(); x != nil && x.until.After(free) {
		free = x.until
	}
	return max(0, time.Until(free))
}

// begin has a call take the place, which must be free.
func (t *trials) begin(c *call, turn bool, window time.Duration) *trial {
	now := time.Now()
	x := &trial{call: c, process: c.process, until: now.Add(window), turn: turn}
	x.disturbed.Store(now.Sub(time.Unix(0, t.last.Load())) < idleFirst)
	t.on.Store(x)
	return x
}

// end gives the place back. It may be called for any trial, nil too, at any time.
func (t *trials) end(x *trial) {
	if x != nil {
		t.on.CompareAndSwap(x, nil)
	}
}

// told takes note that a process is told something of a call, and whether that gives
// it something to do. It may be called concurrently with all others.
func (t *trials) told(c *call, work bool) {
	t.last.Store(time.Now().UnixNano())
	if x := t.on.Load(); x != nil && x.call != c && x.process == c.process {
		x.disturbed.Store(true)
		if work {
			x.rivalled.Store(true)
		}
	}
}

// died says that a process is gone, and tells whether a suspect is to blame: not when
// the process had something else to do meanwhile, of which it may have died as well.
// One with no open turn is only if nothing else was going on at all.
func (t *trials) died(process *pluginwire.Process) bool {
	x := t.on.Load()
	if x == nil || x.process != process || !time.Now().Before(x.until) {
		return false
	}
	t.on.Store(nil)
	x.blamed = !x.disturbed.Load() || x.turn && !x.rivalled.Load()
	return x.blamed
}

// window is how long the trial of a turn that was tried so often before lasts, or that
// of a call with none, at a plugin that takes that many a second.
func window(tried int, rate uint32) time.Duration {
	switch {
	case tried == 0:
		return idleTrial
	case tried > 1:
		return longTrial
	case rate == 0:
		rate = 10
	}
	return time.Second / time.Duration(rate)
}
