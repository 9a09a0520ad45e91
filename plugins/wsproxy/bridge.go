package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"sync"
	"time"

	"github.com/byova-host/byova-host/plugins/wsproxy/internal/adapter"
	"github.com/byova-host/byova-host/plugins/wsproxy/internal/socket"
	"github.com/byova-host/byova-host/sdk/plugin"
)

// frameTime is the length of a frame, and how often a bridge looks at the clock.
const (
	frameTime  = 20 * time.Millisecond
	frameBytes = 160
)

// bridge is one call. Its goroutine alone touches it; it never waits for backend,
// host or network.
type bridge struct {
	proxy    *proxy
	settings *settings
	call     *plugin.Call
	session  adapter.Session
	traits   adapter.Traits
	detects  bool
	ctx      context.Context
	wg       sync.WaitGroup // everything that was started for the call

	link
	hearing
	answer
	turns
	record

	noted  map[string]bool
	timers []timer
	over   bool  // nothing more is to be done
	err    error // why the host is to take the call
}

// timer is something that an adapter wants done later, on the same connection.
type timer struct {
	at   time.Time
	conn *socket.Conn
	do   func()
}

func newBridge(p *proxy, call *plugin.Call) *bridge {
	b := &bridge{
		proxy: p, settings: p.settings, call: call,
		traits: p.settings.backend.Traits(), detects: p.settings.detects(), noted: map[string]bool{},
	}
	b.queue.Lead = time.Duration(p.settings.Lead)
	b.restore(call.Info().Resumed)
	if b.ID == "" {
		sum := sha256.Sum256([]byte(call.Info().SessionID + "/" + call.Info().ConversationID))
		b.ID = hex.EncodeToString(sum[:16])
	}
	b.session = p.settings.backend.Session(b, adapter.Call{
		Info: call.Info(), Parameters: p.settings.Parameters, ID: b.ID, Detects: b.detects,
	})
	return b
}

// run bridges the call until it ends. An error gives it to the host.
func (b *bridge) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // an event tells of the call's end, in its place
	defer b.unwanted()
	defer b.wg.Wait()
	defer cancel()
	b.ctx = ctx
	events := make(chan plugin.Event)
	b.wg.Go(func() { pump(ctx, b.call, events) })
	if b.detects {
		if err := b.call.SetEndpointing(plugin.PluginEndpointing); err != nil {
			return nil // the call is over already
		}
	}
	b.connect(time.Now())
	tick := time.NewTicker(frameTime)
	defer tick.Stop()
	for !b.over && b.err == nil {
		select {
		case e, more := <-events:
			b.over = b.over || !more
			if more {
				b.happened(time.Now(), e)
			}
		case m, more := <-b.messages:
			if more {
				b.received(m)
			} else {
				b.disconnected(time.Now())
			}
		case <-b.room:
			b.drain()
		case d := <-b.dialled:
			b.connected(time.Now(), d)
		case <-tick.C:
			b.tick(time.Now())
		}
	}
	b.hangUp(b.ending)
	return b.err
}

// pump hands on the call's events, because waiting for the next one blocks.
func pump(ctx context.Context, call *plugin.Call, events chan<- plugin.Event) {
	defer close(events)
	for {
		e, err := call.Next(ctx)
		if err != nil {
			return
		}
		select {
		case events <- e:
		case <-ctx.Done():
			return
		}
	}
}

// happened takes an event of the call.
func (b *bridge) happened(now time.Time, e plugin.Event) {
	switch e := e.(type) {
	case plugin.SessionStartEvent:
		if e.Info.Resumed == nil {
			b.sync(now, e.At)
		}
		b.resumed(e.Info.Resumed)
	case plugin.AudioInputEvent:
		b.heard(now, e)
	case plugin.TurnStartedEvent:
		b.turnStarted(now, e)
	case plugin.InputEndedEvent:
		b.inputEnded(now, e)
	case plugin.BargeInEvent:
		b.bargedIn(now, e)
	case plugin.TurnEndedEvent:
		b.turnEnded(e)
	case plugin.DTMFInputEvent:
		b.tell(adapter.DTMF{Turn: e.Turn, Digits: e.Digits})
	case plugin.NoInputEvent:
		b.tell(adapter.NoInput{Turn: e.Turn, Count: e.Count})
	case plugin.CustomEvent:
		b.tell(adapter.Custom{Turn: e.Turn, Name: e.Name, Parameters: e.Parameters})
	case plugin.RefusedEvent:
		b.refused(e)
	case plugin.SessionEndEvent:
		b.ending, b.over = e.Reason.String(), true
	}
}

// refused takes note of a command that the host did not carry out.
func (b *bridge) refused(e plugin.RefusedEvent) {
	switch e.Command {
	case "endpoint":
		b.awaiting = time.Time{} // no turn comes of it
		return
	case "detect": // a host from before this could be said
		b.detects = false
	}
	b.Note("the host refuses what the backend wants", "command", e.Command, "message", e.Message)
	b.tell(adapter.RefusedByHost{Command: e.Command, Message: e.Message})
}

// tick does what is due. It comes every 20 ms.
func (b *bridge) tick(now time.Time) {
	for i := 0; i < len(b.timers); i++ {
		if t := b.timers[i]; !t.at.After(now) {
			b.timers = append(b.timers[:i], b.timers[i+1:]...)
			i--
			if t.conn == b.conn {
				t.do()
			}
		}
	}
	b.keepConnected(now)
	b.fill(now)
	b.release(now)
	b.settle(now)
	b.depart(now)
}

// Note puts a line into the log, once for each what.
func (b *bridge) Note(what string, args ...any) {
	if !b.noted[what] {
		b.noted[what] = true
		b.call.Log().Warn(what, args...)
	}
}

// After has f called on the call's goroutine, unless the connection ends first.
func (b *bridge) After(d time.Duration, f func()) {
	b.timers = append(b.timers, timer{time.Now().Add(d), b.conn, f})
}

// report counts something for the host.
func (b *bridge) report(name string, value float64) {
	_ = b.call.Report(map[string]float64{name: value}) // the call may be over
}

// Send implements adapter.Line.
func (b *bridge) Send(v any) {
	text, err := json.Marshal(v)
	if err != nil {
		b.Note("a message could not be made", "error", err)
		return
	}
	if b.conn != nil {
		b.conn.Send(false, text)
	}
}

// SendBinary implements adapter.Line.
func (b *bridge) SendBinary(data []byte) {
	if b.conn != nil {
		b.conn.Send(true, data)
	}
}

// SetInput implements adapter.Line.
func (b *bridge) SetInput(in plugin.Input) { b.check(b.call.SetInput(in)) }
