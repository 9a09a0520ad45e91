package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	hclog "github.com/hashicorp/go-hclog"

	"github.com/byova-host/byova-host/internal/lane"
	"github.com/byova-host/byova-host/internal/pluginwire/wire"
	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

// longestStack is how much of a panic's stack goes to the host.
const longestStack = 8 << 10

// longestMessage is how much of an error's text does.
const longestMessage = 4 << 10

// Call is one call, as a Handler gets it; there is no other way to make one. Next is for
// one goroutine at a time, and not for Turns and HandlerFunc, which use it themselves. The
// other methods may be used concurrently, also while Next waits.
//
// Commands are carried out in the order in which they were given. All but Play and
// Prompt.Write return at once. They fail with ErrCallEnded once the call has ended, which a
// transfer and an end bring about, or has left this process, and with ErrTurnEnded if they
// name a turn that is not open. What the host does not carry out for another reason it tells by
// a RefusedEvent.
type Call struct {
	number uint64
	plugin *Plugin
	info   Info
	log    hclog.Logger
	inbox  *lane.Inbox[*pluginv1.Event]
	out    *lane.Lane[*pluginv1.Command]
	ctx    context.Context // ends with the call
	cancel context.CancelCauseFunc

	// Of the goroutine that calls Next.
	formatIn Format
	heard    time.Duration // of the caller's audio, since the log had a line of it
	reading  atomic.Bool   // somebody does so
	taken    []*pluginv1.Event
	given    int  // of taken
	moved    bool // nothing comes any more: the call goes on in another process

	mu      sync.Mutex
	changed chan struct{} // closed, and made anew, when what is below changes
	credit  int           // bytes of audio that the host still takes
	open    map[uint64]struct{}
	prompts uint64
	labels  map[uint64]string // by the prompt's number
	refs    uint64
	sent    origins
	// speaking are the prompts that may not be closed yet.
	speaking []*Prompt
	// interrupted is the turn that an earlier process had partly answered, until
	// something is said for it.
	interrupted uint64
	left        bool   // a transfer or an end was sent
	leftIn      uint64 // the turn that it answered, or 0
	over        bool   // nothing can be sent any more
}

// newCall makes a call of its first event.
func newCall(parent context.Context, p *Plugin, e *pluginv1.Event, out *lane.Lane[*pluginv1.Command], log hclog.Logger) *Call {
	start := e.GetStart()
	c := &Call{
		number:  e.Call,
		plugin:  p,
		info:    infoFromWire(start),
		inbox:   lane.NewInbox(wire.Events(wire.Format(start.GetFormatIn()))),
		out:     out,
		changed: make(chan struct{}),
		credit:  int(start.GetCredit()),
		open:    map[uint64]struct{}{},
		labels:  map[uint64]string{},
	}
	c.formatIn = c.info.FormatIn
	if r := start.GetResume(); r != nil {
		c.prompts, c.interrupted = r.GetPrompts(), r.GetInterruptedTurn()
	}
	if c.interrupted != 0 {
		c.open[c.interrupted] = struct{}{}
	}
	c.log = log.With("session", c.info.SessionID, "conversation", c.info.ConversationID)
	c.ctx, c.cancel = context.WithCancelCause(context.WithoutCancel(parent))
	return c
}

// Info is what is known of the call from its start. It does not change, and what its maps
// and pointers lead to is shared: do not change that either.
func (c *Call) Info() Info { return c.info }

// Log is the call's log: Log, with lines that carry session and conversation. Never log what
// the caller said or pressed.
func (c *Call) Log() hclog.Logger { return c.log }

// Next returns the call's next event, in order, and waits for it until ctx ends.
// After SessionEndEvent, and when the call goes on in another process, it returns
// io.EOF, also without the former. When ctx ends the error is its cause. Events that came
// before ctx ended are still returned.
func (c *Call) Next(ctx context.Context) (Event, error) {
	if !c.reading.CompareAndSwap(false, true) {
		return nil, misuse(errReading)
	}
	defer c.reading.Store(false)
	for {
		ended := ctx.Err() != nil // asked first: the end of the call ends ctx, too
		event, err := c.next()
		_, asked := event.(suspendEvent)
		switch {
		case asked:
			c.suspend()
			continue
		case event != nil || err != nil:
			return event, err
		case ended:
			return nil, context.Cause(ctx)
		}
		select {
		case <-c.inbox.Ready():
		case <-ctx.Done():
		}
	}
}

// next returns an event that waits, io.EOF after the last one, or nothing.
func (c *Call) next() (Event, error) {
	for !c.moved {
		if c.given == len(c.taken) {
			clear(c.taken)
			closed := c.inbox.Closed() // asked first: nothing comes after it
			c.taken, c.given = c.inbox.Take(c.taken[:0]), 0
			if len(c.taken) == 0 {
				if closed {
					return nil, io.EOF
				}
				return nil, nil
			}
		}
		e := c.taken[c.given]
		c.given++
		if hasMoved(e) {
			c.move()
		} else if event := c.convert(e); event != nil {
			c.logEvent(event)
			return event, nil
		}
	}
	return nil, io.EOF
}

// hasMoved says whether e ends the call because it goes on in another process.
func hasMoved(e *pluginv1.Event) bool {
	return e.GetEnd().GetReason() == pluginv1.SessionEnd_MOVED
}

// observe takes from an event what commands depend on, before the handler gets to
// see it: a handler that waits in Play takes no events.
func (c *Call) observe(e *pluginv1.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch body := e.Body.(type) {
	case *pluginv1.Event_Credit:
		c.credit += int(body.Credit.GetBytes())
	case *pluginv1.Event_TurnStarted:
		c.open[body.TurnStarted.GetTurn()] = struct{}{}
	case *pluginv1.Event_TurnEnded:
		delete(c.open, body.TurnEnded.GetTurn())
	default:
		return
	}
	close(c.changed)
	c.changed = make(chan struct{})
}

// deliver hands an event to the handler. It is called by the demultiplexer and
// never blocks.
func (c *Call) deliver(e *pluginv1.Event) {
	c.observe(e)
	if e.GetCredit() != nil {
		return
	}
	if format := e.GetFormat(); format != nil {
		c.inbox.SetPolicy(wire.Events(wire.Format(format)))
	}
	// ErrClosed: the handler has returned, and needs nothing more.
	if err := c.inbox.Push(e); errors.Is(err, lane.ErrFull) {
		c.fail(errors.New("the handler does not take its events"))
	}
}

// end makes e the call's last event. Commands are refused first: a handler that
// has seen the end may return.
func (c *Call) end(e *pluginv1.Event) {
	c.refuse()
	_ = c.inbox.Push(e)
	c.inbox.Close()
	if hasMoved(e) {
		c.cancel(ErrCallMoved)
	} else {
		c.cancel(ErrCallEnded)
	}
}

// stop refuses further commands and ends the call's context.
func (c *Call) stop(cause error) {
	c.refuse()
	c.cancel(cause)
}

func (c *Call) refuse() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shut()
}

// shut refuses what is sent from now on. It needs the lock.
func (c *Call) shut() {
	if !c.over {
		c.over = true
		close(c.changed)
		c.changed = make(chan struct{})
	}
}

// ended says whether nothing can be sent any more.
func (c *Call) ended() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.over
}

// run serves the call and tells the host when the handler gives up.
func (c *Call) run() {
	defer c.out.Close()
	defer c.stop(ErrCallEnded)
	defer c.inbox.Close()
	err := c.serve()
	c.mu.Lock()
	left, turn, over := c.left, c.leftIn, c.over
	c.mu.Unlock()
	if err == nil && left && turn != 0 {
		err = c.awaitLeave()
	}
	_, panicked := errors.AsType[*panicError](err)
	switch {
	case panicked:
		c.fail(err)
	case over && err != nil && !errors.Is(err, ErrCallEnded) && !errors.Is(err, context.Canceled) && !errors.Is(err, io.EOF):
		c.log.Warn("handler ended with an error after its call", "error", err)
	case over, err == nil && left:
	case err == nil:
		c.fail(c.returned())
	default:
		c.fail(err)
	}
}

// returned is the error of a handler that has returned too early.
func (c *Call) returned() error {
	if f, ok := c.plugin.Handler.(CallFunc); ok {
		return misuseAt(lineOf(f), errNoAnswer)
	}
	return errNoAnswer
}

// awaitLeave waits for the end of the call of a handler that has left it in a turn and
// returned. If the caller begins another turn instead, the host had interrupted that one
// before it knew, and nobody is there to answer.
func (c *Call) awaitLeave() error {
	for {
		event, err := c.next()
		_, again := event.(TurnStartedEvent)
		switch {
		case again:
			return errors.New("the handler returned after a transfer or an end that came too late: the caller had interrupted its turn")
		case err != nil:
			return nil //nolint:nilerr // it is the end of the call
		case event != nil:
			continue
		}
		select {
		case <-c.inbox.Ready():
		case <-c.ctx.Done():
			return nil
		}
	}
}

func (c *Call) serve() (err error) {
	defer recoverInto(&err)
	if err := c.checkState(); err != nil {
		return err
	}
	return c.plugin.Handler.ServeCall(c.ctx, c)
}

// recoverInto turns a panic into an error of this call alone.
func recoverInto(err *error) {
	if v := recover(); v != nil {
		stack := debug.Stack()
		var frames [64]uintptr
		at := authorsLine(frames[:runtime.Callers(1, frames[:])])
		*err = &panicError{value: v, stack: stack[:min(len(stack), longestStack)], at: at}
	}
}

// shorten cuts a message to what a log can bear, at a whole character.
func shorten(s string) string {
	s = strings.ToValidUTF8(s, "\ufffd") // or it could not be sent
	if len(s) <= longestMessage {
		return s
	}
	return strings.ToValidUTF8(s[:longestMessage], "") + "..."
}

// fail gives the call back to the host.
func (c *Call) fail(err error) {
	failed := &pluginv1.Failed{Message: shorten(err.Error())}
	if p, ok := errors.AsType[*panicError](err); ok {
		failed.Stack = strings.ToValidUTF8(string(p.stack), "")
		c.log.Error("handler panicked", "panic", p.value, "at", p.at, "stack", strings.ReplaceAll(failed.Stack, "\t", "    "))
	} else {
		c.log.Error("handler failed", "error", err)
	}
	_ = c.command(&pluginv1.Command{Body: &pluginv1.Command_Failed{Failed: failed}})
	c.stop(err)
}

// leave sends a command after which the handler may return.
func (c *Call) leave(command *pluginv1.Command) error {
	if err := c.command(command); err != nil {
		return err
	}
	c.mu.Lock()
	c.left, c.leftIn = true, command.Turn
	c.mu.Unlock()
	return nil
}

// command sends anything but audio. It never blocks.
func (c *Call) command(command *pluginv1.Command) error {
	// One command that cannot be written would end the stream of all calls.
	if err := wire.Check(command); err != nil {
		return misuse(fmt.Errorf("send command: %w", err))
	}
	c.mu.Lock()
	err := c.send(command)
	c.mu.Unlock()
	c.logCommand(command, err)
	return err
}

// send numbers a command and queues it. It needs the lock.
func (c *Call) send(command *pluginv1.Command) error {
	turn := command.Turn
	if command.GetState() != nil {
		turn = 0 // it is kept, be the turn closed or not
	}
	if err := c.closed(turn); err != nil {
		return err
	}
	if turn == c.interrupted {
		c.interrupted = 0
	}
	c.refs++
	command.Call, command.Ref = c.number, c.refs
	c.sent.note(c.refs)
	return c.push(command)
}

// closed says why commands of a turn cannot be sent, if so. It needs the lock.
func (c *Call) closed(turn uint64) error {
	if c.over {
		return ErrCallEnded
	}
	if _, ok := c.open[turn]; turn != 0 && !ok {
		return ErrTurnEnded
	}
	return nil
}

// push queues a command. Under the lock, so that what one goroutine sends after
// another keeps that order.
func (c *Call) push(command *pluginv1.Command) error {
	err := c.out.Push(command)
	if errors.Is(err, lane.ErrClosed) {
		return ErrCallEnded
	}
	if err != nil {
		return fmt.Errorf("send command: %w", err)
	}
	return nil
}
