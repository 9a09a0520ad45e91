package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Turn is the caller's input and the occasion to answer it. It is the function's own, to keep
// and to change.
type Turn struct {
	// ID is the same whenever this turn is attempted: the session's ID, a slash
	// and Number.
	ID string
	// Number counts the turns of a session from 1.
	Number uint64
	// Attempt is 1, or 2 and more when the turn comes again after a crash.
	Attempt int
	// Kind says what opened the turn, and which of the fields below is set. Answer a kind
	// that you do not know as you do silence: there may be more.
	Kind TurnKind
	// Utterance is what the caller said, for TurnSpeech: from a little before
	// speech began to a little after it ended, in the format of the call. It is empty
	// where Plugin.Audio says AudioNone.
	Utterance Audio
	// DTMF is the keys pressed, 0-9, *, #, A-D, without the one that ended the entry, for
	// TurnDTMF.
	DTMF string
	// NoInputs is how often in a row the caller was silent, from 1, for TurnNoInput.
	NoInputs int
	// Custom is the event of the flow, for TurnCustom, and for a TurnStart with which the
	// flow came back from a custom event; its name is empty otherwise.
	Custom CustomEvent
	// BargeIn says what the input cut: the caller heard that much of an earlier answer.
	// It is nil if nothing was.
	BargeIn *BargeInEvent
	// Refused are the commands that the host did not carry out since the turn before,
	// such as a text that it could not speak: the last 100 of them.
	Refused []RefusedEvent
	// Call is the call. What is sent by it and not by the Reply belongs to no turn,
	// unless it names one.
	Call *Call
}

// HandlerFunc is a Handler that answers one turn after another. It is called for
// many calls at the same time, but for one turn of a call at a time. Ctx ends with
// the turn: its cause is ErrBargeIn when the caller interrupts and ErrCallEnded
// when the call is over. An error or a panic while the turn is open gives the call
// back to the host; what is returned after ctx has ended does not matter.
//
// A call may go on in another process, because nothing of it is kept here; see Turns
// for functions that keep something.
type HandlerFunc func(ctx context.Context, turn Turn, reply *Reply) error

// ServeCall answers the turns of a call until it ends. It returns nil then, or the error that
// gives the call back.
func (f HandlerFunc) ServeCall(ctx context.Context, call *Call) error {
	return serveTurns(ctx, call, f)
}

// Turns makes a Handler of a func that is called once for each call and returns
// the function that answers its turns. What a call is to remember lives in the
// variables of that func; no lock is needed. What is to outlive the process is saved
// with Reply.SaveState, and begin finds it in call.Info().Resumed.
//
// Begin may be called concurrently, for calls of their own. It should not wait: nothing of
// the call is seen meanwhile, its end neither. If it cannot begin, it returns a function
// that returns an error.
func Turns(begin func(call *Call) HandlerFunc) Handler { return turns(begin) }

type turns func(call *Call) HandlerFunc

func (t turns) ServeCall(ctx context.Context, call *Call) error {
	return serveTurns(ctx, call, t(call))
}

// An utterance has this much around the speech that was found in it: detectors
// find soft beginnings late.
const (
	beforeSpeech = 300 * time.Millisecond
	afterSpeech  = 100 * time.Millisecond
)

// talk is a call as turns. It belongs to the goroutine of ServeCall; the answer to
// a turn runs in another, so that its context can be cancelled meanwhile.
type talk struct {
	call   *Call
	ctx    context.Context
	answer HandlerFunc
	heard  recorder
	asked  bool // for the call, to move it

	input    *Turn // whose input goes on
	speechAt time.Duration
	bargeIn  *BargeInEvent // told with the next turn
	refused  []RefusedEvent
	waiting  *Turn // whose input is complete while another is answered

	answering *Turn // nil for none
	reply     *Reply
	stop      context.CancelCauseFunc // of the turn that is answered
	turnCtx   context.Context
	answered  chan error
}

func serveTurns(ctx context.Context, call *Call, answer HandlerFunc) error {
	t := &talk{call: call, ctx: ctx, answer: answer, answered: make(chan error, 1)}
	call.reading.Store(true) // to the end of the call
	call.closeInterrupted()
	for {
		if t.asked && t.answering == nil {
			t.asked = false
			call.suspend()
		}
		event, err := call.next()
		switch {
		case errors.Is(err, io.EOF):
			return t.finish(ErrCallEnded) // or ErrCallMoved, with which ctx has ended
		case event != nil:
			t.take(event)
			continue
		}
		select {
		case <-call.inbox.Ready():
		case err := <-t.answered:
			if err := t.settle(err); err != nil {
				return err
			}
		case <-ctx.Done():
			if event, _ := call.next(); event != nil {
				t.take(event)
				continue
			}
			return t.finish(context.Cause(ctx))
		}
	}
}

// take handles one event.
func (t *talk) take(event Event) {
	switch e := event.(type) {
	case TurnStartedEvent:
		t.input = &Turn{
			ID:     fmt.Sprintf("%s/%d", t.call.info.SessionID, e.Turn),
			Number: e.Turn, Attempt: e.Attempt, Kind: e.Kind,
			BargeIn: t.bargeIn, Call: t.call,
		}
		t.speechAt, t.bargeIn = e.SpeechAt, nil
	case AudioInputEvent:
		t.heard.add(e.At, e.Audio, t.input != nil)
	case DTMFInputEvent:
		if t.input != nil {
			t.input.DTMF = e.Digits
		}
	case NoInputEvent:
		if t.input != nil {
			t.input.NoInputs = e.Count
		}
	case CustomEvent:
		if t.input != nil {
			t.input.Custom = e
		}
	case BargeInEvent:
		t.bargeIn = &e
	case InputEndedEvent:
		t.complete(e)
	case TurnEndedEvent:
		t.close(e)
	case suspendEvent:
		t.asked = true
	case RefusedEvent:
		t.refused = append(t.refused[max(0, len(t.refused)-maxRefused+1):], e)
	}
}

// maxRefused bounds the refusals that a turn is told of: the last ones.
const maxRefused = 100

// complete answers a turn whose input is complete, or has it wait for the turn
// that is still being answered.
func (t *talk) complete(e InputEndedEvent) {
	turn := t.input
	if turn == nil || turn.Number != e.Turn {
		return
	}
	t.input = nil
	if turn.Kind == TurnSpeech {
		turn.Utterance = t.heard.between(t.speechAt-beforeSpeech, e.SpeechEnd+afterSpeech)
	}
	t.heard.trim()
	t.waiting = turn
	t.begin()
}

// begin answers the waiting turn if no other is being answered.
func (t *talk) begin() {
	if t.waiting == nil || t.answering != nil {
		return
	}
	turn := t.waiting
	t.waiting, t.answering = nil, turn
	turn.Refused, t.refused = t.refused, nil
	t.turnCtx, t.stop = context.WithCancelCause(t.ctx)
	t.reply = &Reply{call: t.call, ctx: t.turnCtx, turn: turn.Number}
	ctx, reply := t.turnCtx, t.reply
	go func() { // settle and finish wait for it
		t.answered <- runTurn(ctx, t.answer, *turn, reply)
	}()
}

func runTurn(ctx context.Context, answer HandlerFunc, turn Turn, reply *Reply) (err error) {
	defer func() { reply.over(answer, err) }()
	defer recoverInto(&err)
	return answer(ctx, turn, reply)
}

// close ends a turn wherever it is.
func (t *talk) close(e TurnEndedEvent) {
	if t.input != nil && t.input.Number == e.Turn {
		t.input = nil
	}
	if t.waiting != nil && t.waiting.Number == e.Turn {
		t.waiting = nil
	}
	if t.answering != nil && t.answering.Number == e.Turn {
		cause := ErrTurnEnded
		if e.Reason == TurnInterrupted {
			cause = ErrBargeIn
		}
		t.stop(cause)
	}
}

// settle takes note that the function returned. An error of it ends the call's
// part here.
func (t *talk) settle(err error) error {
	turn := t.answering
	over := t.turnCtx.Err() != nil
	t.stop(ErrTurnEnded)
	t.answering = nil
	_, panicked := errors.AsType[*panicError](err)
	switch {
	case panicked:
		return err
	case over, errors.Is(err, ErrTurnEnded), errors.Is(err, ErrCallEnded):
		// What was left unsaid has no listener.
	case err != nil:
		return fmt.Errorf("answer turn %d: %w", turn.Number, err)
	default:
		options, left := t.reply.end()
		if left {
			break
		}
		err := t.call.Done(turn.Number, options)
		if err != nil && !errors.Is(err, ErrTurnEnded) && !errors.Is(err, ErrCallEnded) {
			return err
		}
	}
	t.begin()
	return nil //nolint:nilerr // err was the end of the turn, or told above
}

// finish waits for the function, whose context has ended with the call.
func (t *talk) finish(cause error) error {
	if t.answering == nil {
		return nil
	}
	t.stop(cause)
	err := <-t.answered
	if _, panicked := errors.AsType[*panicError](err); panicked {
		return err
	}
	return nil
}
