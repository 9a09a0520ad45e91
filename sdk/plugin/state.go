package plugin

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

// MaxState is the longest state that is kept of a call, in bytes. It does not become less.
const MaxState = 64 << 10

// Resume says what becomes of a call whose process dies, or is to be swapped. The zero
// Resume is ResumeAuto.
type Resume int

// What may become of a call.
const (
	// ResumeAuto is ResumeStateless for a HandlerFunc and ResumeNone for the others,
	// also for a Handler of your own that calls a HandlerFunc.
	ResumeAuto Resume = iota
	// ResumeNone: a swap waits for the call's end; after a crash the caller hears
	// the host's fallback.
	ResumeNone
	// ResumeStateless: the call goes on in another process with nothing handed
	// over.
	ResumeStateless
	// ResumeSaved: it goes on with what was saved last; see Call.SaveState.
	ResumeSaved
	// ResumeReconnect: after a crash it goes on with what was saved last, and its
	// handler connects again to what it held. A swap waits for its end.
	ResumeReconnect
)

// ResumeCause says why a session came to another process. There may be more causes with a
// later host.
type ResumeCause int

// Why a session comes to another process.
const (
	_              ResumeCause = iota
	ResumedBySwap              // this process takes over from an earlier one
	ResumedByCrash             // the earlier process died
	ResumedByHost              // the host did not see the call begin
)

// String is the cause's name, as it is logged, or "unknown".
func (c ResumeCause) String() string {
	return nameOf(int(c), "unknown", "swap", "crash", "host", "reconnect")
}

// Resumption is what a session brings along that lived before it came to this
// process.
type Resumption struct {
	Cause ResumeCause
	// State is what was saved last, empty if nothing was, and StateVersion the
	// Plugin.StateVersion of the process that saved it. It comes from another process,
	// perhaps of an earlier release: check it.
	State        []byte
	StateVersion uint32
	// Attempt is that of the turn that comes again because the earlier process died in
	// it: 2, or more. It is 1 when none does.
	Attempt int
	// InterruptedTurn is a turn whose answer had partly left when the earlier process
	// died; 0 for none. It does not come again, and is still open: Turn functions
	// leave it at what the caller has heard. The others may go on with it, and close
	// it with Call.Done.
	InterruptedTurn uint64
	// InFlight is the earlier process's prompt that may still be playing, zero for none.
	InFlight PromptInFlight
}

// PromptInFlight is a prompt of which nothing more comes. The zero one is none.
type PromptInFlight struct {
	Prompt uint64        // its number, as Prompt.ID had it; 0 for none
	Sent   time.Duration // what the host had of it
	Left   time.Duration // what of that is probably still to be heard, at the start of the call here
}

// SaveState hands the host a state to keep for the next process of this session, of
// at most MaxState bytes, instead of the one before. Turn is the turn in which it
// came to be, 0 for none. Save before you speak: the state counts once something of
// that turn's answer has left, or the turn is closed, and is forgotten when the
// process dies earlier, because the turn then comes again. Of a turn that is closed
// already it counts at once. A state of no bytes is one, too. The slice stays the caller's.
// A state that is too long is an error, and the one before stays; after the call's end
// the error is ErrCallEnded. It does not wait.
func (c *Call) SaveState(turn uint64, state []byte) error {
	if len(state) > MaxState {
		return misuse(fmt.Errorf("save state: it has %d bytes, and at most %d are kept", len(state), MaxState))
	}
	return c.command(&pluginv1.Command{Turn: turn, Body: &pluginv1.Command_State{State: &pluginv1.State{
		Blob: bytes.Clone(state), Version: c.plugin.StateVersion, // the author keeps his slice
	}}})
}

// reads is which versions of state the plugin takes.
func (p Plugin) reads() []uint32 {
	all := append([]uint32{p.StateVersion}, p.ReadsStateVersions...)
	slices.Sort(all)
	return slices.Compact(all)
}

// movable says whether live calls may go to another process.
func (p Plugin) movable() bool {
	return !p.Immovable && (p.Resume == ResumeStateless || p.Resume == ResumeSaved)
}

// checkState says why the call's state cannot be read. The host does not let one
// come that the plugin does not read.
func (c *Call) checkState() error {
	r := c.info.Resumed
	if r == nil || (len(r.State) == 0 && r.StateVersion == 0) || slices.Contains(c.plugin.reads(), r.StateVersion) {
		return nil
	}
	return fmt.Errorf("resume call: its state has version %d, and this plugin reads %v", r.StateVersion, c.plugin.reads())
}

// closeInterrupted closes the turn whose answer had partly left, unless the bot has
// gone on with it.
func (c *Call) closeInterrupted() {
	c.mu.Lock()
	turn := c.interrupted
	c.mu.Unlock()
	if turn != 0 {
		_ = c.Done(turn) // it may have been closed meanwhile
	}
}

// suspend answers the host that wants to move the call. Nothing can be sent in a
// call that was given back.
func (c *Call) suspend() {
	if c.ended() {
		return // the host did not wait
	}
	if err := c.askSuspend(); err != nil {
		reason := shorten(err.Error())
		c.log.Info("call is not moved", "reason", reason)
		_ = c.command(&pluginv1.Command{Body: &pluginv1.Command_Declined{Declined: &pluginv1.Declined{Reason: reason}}})
		return
	}
	c.mu.Lock()
	err := c.send(&pluginv1.Command{Body: &pluginv1.Command_Suspended{Suspended: &pluginv1.Suspended{}}})
	if err == nil {
		c.shut()
	}
	c.mu.Unlock()
	if err == nil { // or the end is among the events
		c.move()
	}
}

// move ends the call here: it goes on in another process.
func (c *Call) move() {
	c.moved = true
	c.cancel(ErrCallMoved)
}

// askSuspend asks the author. A panic keeps the call where it is: it is as well as
// before.
func (c *Call) askSuspend() (err error) {
	if !c.plugin.movable() {
		return errKeepsCalls
	}
	if c.plugin.Suspend == nil {
		return nil
	}
	defer func() {
		if p, ok := errors.AsType[*panicError](err); ok {
			c.log.Error("Suspend panicked", "panic", p.value, "at", p.at, "stack", string(p.stack))
		}
	}()
	defer recoverInto(&err)
	return c.plugin.Suspend(c.ctx, c)
}
