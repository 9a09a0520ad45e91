package supervisor

import (
	"time"

	"github.com/byova-host/byova-host/internal/pluginwire"
)

// maxSuspect is how often a turn may have been open when its process died before
// its call is no longer let near a process.
const maxSuspect = 4

// longTrial is for a call that was suspected before: what it does may take a while
// to kill.
const longTrial = 2 * time.Second

// trials has the suspects, calls whose turn may be what their process died of, come
// back one at a time: if that process dies as well, one call is to blame and the
// others are not.
type trials struct {
	on *trial // nil, or over: the place is free
}

// trial is one suspect's time with a process.
type trial struct {
	process *pluginwire.Process
	until   time.Time
	blamed  bool // the process died of it
}

// wait is how long the place is taken; at most, since a trial may end early.
func (t *trials) wait() time.Duration {
	if t.on == nil {
		return 0
	}
	return max(0, time.Until(t.on.until))
}

// begin takes the place, which must be free.
func (t *trials) begin(process *pluginwire.Process, window time.Duration) *trial {
	t.on = &trial{process: process, until: time.Now().Add(window)}
	return t.on
}

// end gives the place back. It may be called for any trial, nil too, at any time.
func (t *trials) end(x *trial) {
	if x != nil && t.on == x {
		t.on = nil
	}
}

// died says that a process is gone, and tells whether a suspect is to blame.
func (t *trials) died(process *pluginwire.Process) bool {
	if t.wait() == 0 || t.on.process != process {
		return false
	}
	t.on.blamed = true
	t.on = nil
	return true
}

// window is how long a suspect's trial lasts at a plugin that takes that many a second.
func window(suspect int, rate uint32) time.Duration {
	if suspect > 1 {
		return longTrial
	}
	if rate == 0 {
		rate = 10
	}
	return time.Second / time.Duration(rate)
}
