package supervisor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/byova-host/byova-host/host/session"
	"github.com/byova-host/byova-host/internal/pluginwire"
	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

// call is a session's call at a process of a plugin; it implements
// session.AgentCall. A session that is resumed gets another one.
type call struct {
	plugin *plugin
	agent  string
	sink   session.Sink

	// Under plugin.mu until Open or Resume returns it; then they stay.
	at      *generation
	process *pluginwire.Process
	wire    *pluginwire.Call // nil while it is being opened

	// Under plugin.mu.
	seat    bool   // it has the session's slot
	early   error  // lost while it was being opened
	trial   *trial // nil for a call that nothing is held against
	spoiled bool   // the session has crashed or got the fallback: counted once
	cleared bool   // another call is to blame for the end of its process
	cut     bool   // it has got the fallback
	closed  bool
}

func (c *call) Agent() string          { return c.agent }
func (c *call) Traits() session.Traits { return c.at.traits }
func (c *call) AudioLost() int64       { return c.wire.Dropped() }

// Placed implements session.Placed.
func (c *call) Placed() (plugin string, generation int) { return c.plugin.name, c.at.number }

// Send drops what is for a process that is gone: Lost says so, behind what that has
// sent last. It keeps a state from a program that does not read it.
func (c *call) Send(e session.Event) error {
	if b, ok := e.Body.(session.Started); ok && b.Resumed != nil && !c.at.reads(b.Resumed.State.Version) {
		without := *b.Resumed
		without.State = session.State{}
		b.Resumed = &without
		e.Body = b
	}
	switch e.Body.(type) {
	case session.CallerAudio:
	case session.Started, session.TurnStarted, session.InputEnded:
		c.plugin.trials.told(c, true)
	default:
		c.plugin.trials.told(c, false)
	}
	err := c.wire.Send(toEvent(e))
	if gone := err != nil && (errors.Is(err, pluginwire.ErrClosed) || c.process.Err() != nil); gone {
		err = nil
	}
	return err
}

// Settled ends the call's trial, if it is on one.
func (c *call) Settled() {
	c.plugin.mu.Lock()
	defer c.plugin.mu.Unlock()
	c.acquit()
}

// acquit lets the next suspect have its trial.
func (c *call) acquit() {
	if c.trial != nil {
		c.plugin.trials.end(c.trial)
		c.trial = nil
		c.plugin.notify()
	}
}

// Close ends the call here and gives the session's slot back, unless the session
// goes on elsewhere.
func (c *call) Close(reason session.EndReason) {
	p := c.plugin
	p.mu.Lock()
	if c.closed {
		p.mu.Unlock()
		return
	}
	c.closed = true
	c.acquit()
	if reason == session.EndedFailed {
		c.spoil()
	}
	if c.seat {
		p.used--
	}
	c.leave()
	say := p.judge(c.at)
	p.mu.Unlock()
	c.wire.Close()
	say()
}

// leave takes the call off its generation. Call it under the plugin's lock.
func (c *call) leave() {
	delete(c.at.calls, c)
	c.at.check()
	if c.at.retired.Err() != nil {
		c.plugin.notify()
	}
}

// spoil counts the session against a canary. Call it under the plugin's lock.
func (c *call) spoil() {
	if !c.spoiled {
		c.spoiled = true
		c.at.bad++
	}
}

// Resume opens the session's call at another process, hands the slot over to it and
// closes this one.
func (c *call) Resume(ctx context.Context, r session.Resumption, sink session.Sink) (session.AgentCall, error) {
	next, err := c.resume(ctx, r, sink)
	switch {
	case err == nil:
		c.wire.Close()
		return next, nil
	case ctx.Err() != nil:
		c.Close(session.EndedGone)
	default:
		c.Close(session.EndedFailed)
	}
	return nil, err
}

func (c *call) resume(ctx context.Context, r session.Resumption, sink session.Sink) (*call, error) {
	if r.Suspect >= maxSuspect {
		return nil, noResume(fmt.Sprintf("its turn was open at %d deaths of plugin %q", r.Suspect, c.plugin.name))
	}
	next := &call{plugin: c.plugin, agent: c.agent, sink: sink}
	err := c.plugin.place(ctx, next, placing{from: c, suspect: r.Suspect, sudden: r.Sudden, state: r.State, at: func(late bool) (*generation, error) {
		if c.closed || c.cut {
			return nil, noResume("it has ended here")
		}
		return c.plugin.home(c, r.State, late), nil
	}})
	return next, err
}

// handOver gives the session's slot to the call that it goes on with. Call it under
// the plugin's lock.
func (c *call) handOver(next *call) {
	next.seat, c.seat = c.seat, false
	next.spoiled = c.spoiled
	c.closed = true
	c.acquit()
	c.leave()
}

// readable tells whether the current generation takes the call with a state of
// that version.
func (c *call) readable(version uint32) bool {
	c.plugin.mu.Lock()
	defer c.plugin.mu.Unlock()
	return c.plugin.current.takes(c, session.State{Data: []byte{0}, Version: version})
}

// fromPlugin hands a plugin's commands to a session; it implements pluginwire.Sink.
type fromPlugin struct {
	*call
	at      *generation
	process *pluginwire.Process
}

func (f fromPlugin) Command(c *pluginv1.Command) { f.sink.Command(toCommand(c)) }

// Lost tells the session, if it still cares.
func (f fromPlugin) Lost(err error) {
	c, p := f.call, f.plugin
	alone := f.process.Err() == nil // the process lives on without the call
	if !alone {
		f.at.died(f.process)
	}
	p.mu.Lock()
	if c.process != f.process { // an attempt to open it that was given up
		p.mu.Unlock()
		return
	}
	if c.wire == nil {
		c.early = err
		p.notify()
		p.mu.Unlock()
		return
	}
	silent := c.cut || c.closed
	switch {
	case c.trial.blames(alone):
		err = fmt.Errorf("%w: it was lost in this turn again: %w", session.ErrNoResume, err)
	case c.cleared:
		err = fmt.Errorf("%w: %w", session.ErrOtherCall, err)
	}
	p.mu.Unlock()
	if !silent {
		c.sink.Lost(err)
	}
}

// blames says whether the loss of the call is its own fault; alone, if its process
// lives on.
func (t *trial) blames(alone bool) bool {
	return t != nil && (t.blamed || alone && time.Now().Before(t.until))
}

// noResume is the end of the bot's part in a call.
func noResume(why string) error { return fmt.Errorf("%w: %s", session.ErrNoResume, why) }
