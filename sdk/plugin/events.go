package plugin

import (
	"context"
	"errors"
	"io"
	"time"
)

// afterCall is how long SessionEnd may work on when the call is over.
const afterCall = 10 * time.Second

// Events is a Handler with a func for each kind of event. Funcs that are nil are
// skipped. For one call they are called in order, one at a time, and for many
// calls at the same time. Ctx is the call's: it ends when the call does, with ErrCallEnded
// as its cause. The zero Events answers nothing. *Events is a Handler as well.
//
// While a func works the call's next events wait, so let a long answer run in a
// goroutine if barge-in should be seen meanwhile; what it plays fails with
// ErrTurnEnded anyway when its turn ends, and returning that error is fine.
//
// A turn is answered between InputEnded and Call.Done. An error gives the call back to the
// host, but for one that is ErrTurnEnded or ErrCallEnded, which goes on; see Error.
//
// Each func has the name of its event, without "Event".
type Events struct {
	// SessionStart gets new calls, and those that another process had before, with
	// Info.Resumed. A turn that was interrupted is closed when the func returns,
	// unless it has begun to say something for it.
	SessionStart func(ctx context.Context, call *Call, e SessionStartEvent) error
	TurnStarted  func(ctx context.Context, call *Call, e TurnStartedEvent) error
	// AudioInput gets the caller's audio while it comes. Setting it asks the host
	// for all of it; see Plugin.Audio.
	AudioInput func(ctx context.Context, call *Call, e AudioInputEvent) error
	InputEnded func(ctx context.Context, call *Call, e InputEndedEvent) error
	DTMFInput  func(ctx context.Context, call *Call, e DTMFInputEvent) error
	BargeIn    func(ctx context.Context, call *Call, e BargeInEvent) error
	NoInput    func(ctx context.Context, call *Call, e NoInputEvent) error
	Custom     func(ctx context.Context, call *Call, e CustomEvent) error
	TurnEnded  func(ctx context.Context, call *Call, e TurnEndedEvent) error
	PromptDone func(ctx context.Context, call *Call, e PromptDoneEvent) error
	// SessionEnd is called last. Its ctx lives for 10 s more, to save something. A
	// call that goes on in another process has not ended.
	SessionEnd func(ctx context.Context, call *Call, e SessionEndEvent) error
	// Error gets what the other funcs return, but for ErrTurnEnded and ErrCallEnded.
	// What it returns itself gives the call back to the host; nil goes on. Without it
	// every error does so.
	Error func(ctx context.Context, call *Call, e ErrorEvent) error
	// Other gets the events that have no func here, those of later versions too.
	Other func(ctx context.Context, call *Call, e Event) error
}

// ServeCall calls the funcs until the call ends. It returns nil then, or the error of a func.
func (h Events) ServeCall(ctx context.Context, call *Call) error {
	for {
		event, err := call.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		err = h.alone(ctx, call, event)
		if err == nil || errors.Is(err, ErrTurnEnded) || errors.Is(err, ErrCallEnded) {
			continue
		}
		if h.Error != nil {
			err = h.Error(ctx, call, ErrorEvent{Err: err, Event: event})
		}
		if err != nil {
			return err
		}
	}
}

// alone handles an event. Meanwhile nobody else may take the next one.
func (h Events) alone(ctx context.Context, call *Call, event Event) error {
	call.reading.Store(true)
	defer call.reading.Store(false)
	return h.handle(ctx, call, event)
}

func (h Events) handle(ctx context.Context, call *Call, event Event) error {
	switch e := event.(type) {
	case SessionStartEvent:
		err := handle(ctx, call, h.SessionStart, e)
		call.closeInterrupted()
		return err
	case TurnStartedEvent:
		return handle(ctx, call, h.TurnStarted, e)
	case AudioInputEvent:
		return handle(ctx, call, h.AudioInput, e)
	case InputEndedEvent:
		return handle(ctx, call, h.InputEnded, e)
	case DTMFInputEvent:
		return handle(ctx, call, h.DTMFInput, e)
	case BargeInEvent:
		return handle(ctx, call, h.BargeIn, e)
	case NoInputEvent:
		return handle(ctx, call, h.NoInput, e)
	case CustomEvent:
		return handle(ctx, call, h.Custom, e)
	case TurnEndedEvent:
		return handle(ctx, call, h.TurnEnded, e)
	case PromptDoneEvent:
		return handle(ctx, call, h.PromptDone, e)
	case SessionEndEvent:
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), afterCall)
		defer cancel()
		return handle(ctx, call, h.SessionEnd, e)
	default:
		return handle(ctx, call, h.Other, event)
	}
}

func handle[E Event](ctx context.Context, call *Call, f func(context.Context, *Call, E) error, e E) error {
	if f == nil {
		return nil
	}
	return f(ctx, call, e)
}

func (h Events) wanted() AudioWanted {
	if h.AudioInput != nil {
		return AudioAll
	}
	return AudioUtterances
}
