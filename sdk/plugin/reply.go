package plugin

import (
	"context"
	"sync"
)

// Reply answers one turn. A turn function gets it; there is no other way to make one. Its
// methods may be used concurrently, until the turn's function returns, which completes the
// answer. They fail as those of Call do: with ErrTurnEnded, which ErrBargeIn is too, or with
// ErrCallEnded. At most one of each kind of options is given, and their Turn is filled in.
type Reply struct {
	call *Call
	ctx  context.Context
	turn uint64

	mu   sync.Mutex
	left bool
	done DoneOptions

	said     bool // something was asked for
	returned bool // the function has
	warned   bool // of what came after it
}

// Play plays audio, after what was played before. It waits while the host has
// enough, or until the turn's context ends, and returns when the host has taken all of it,
// which is before it has been heard. Empty audio is nothing to play and no error. See
// Call.Play.
func (r *Reply) Play(audio Audio, options ...PromptOptions) error {
	if err := r.use(); err != nil {
		return err
	}
	return r.call.Play(r.ctx, audio, r.prompt(options))
}

// Say has the host speak a text; see Call.Say.
func (r *Reply) Say(text string, options ...PromptOptions) error {
	if err := r.use(); err != nil {
		return err
	}
	return r.call.Say(text, r.prompt(options))
}

// Stream begins a prompt that is written while it is made. Close it. Its Write waits until the
// turn's context ends; see Call.Stream.
func (r *Reply) Stream(format Format, options ...PromptOptions) (*Prompt, error) {
	if err := r.use(); err != nil {
		return nil, err
	}
	return r.call.Stream(r.ctx, format, r.prompt(options))
}

// Transfer hands the call to a person, with the reason, once what was played has
// been heard. Return after it; see Call.Transfer.
func (r *Reply) Transfer(reason string, options ...TransferOptions) error {
	if err := r.use(); err != nil {
		return err
	}
	o := last(options)
	o.Turn = r.turn
	return r.leave(r.call.Transfer(reason, o))
}

// End ends the call once what was played has been heard. Return after it; see Call.End.
func (r *Reply) End(options ...EndOptions) error {
	if err := r.use(); err != nil {
		return err
	}
	o := last(options)
	o.Turn = r.turn
	return r.leave(r.call.End(o))
}

// SetInput sets how the caller's next input is taken; see Call.SetInput.
func (r *Reply) SetInput(in Input) error { return r.call.SetInput(in) }

// SaveState hands the host a state for the next process of this session. Save before
// you speak; see Call.SaveState. It is kept also when the turn has ended meanwhile.
func (r *Reply) SaveState(state []byte) error { return r.call.SaveState(r.turn, state) }

// Custom triggers what the flow has prepared under that name, once what was played has been
// heard. Return after it: the flow may come back with another turn; see Call.Custom.
func (r *Reply) Custom(name string, metadata map[string]any) error {
	if err := r.use(); err != nil {
		return err
	}
	return r.leave(r.call.Custom(r.turn, name, metadata))
}

// Tell has the flow told of an event when the answer is complete; the last one counts, and
// NoFlowEvent takes it back. A turn that leaves the call tells of none.
func (r *Reply) Tell(event FlowEvent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done.Event, r.said = event, true
}

func (r *Reply) prompt(options []PromptOptions) PromptOptions {
	o := last(options)
	o.Turn = r.turn
	return o
}

// leave remembers that the turn is answered by leaving the call.
func (r *Reply) leave(err error) error {
	if err == nil {
		r.mu.Lock()
		r.left = true
		r.mu.Unlock()
	}
	return err
}

// use is called with each answer. One that comes when the function has returned is an
// error; where the turn was cut before that, the answer itself finds out.
func (r *Reply) use() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = true
	if cause := context.Cause(r.ctx); !r.returned || cause != nil && cause != ErrTurnEnded { //nolint:errorlint // not what wraps it
		return nil
	}
	err := misuse(errReturned)
	if !r.warned {
		r.warned = true
		r.call.log.Warn("a reply is used when its turn function has returned", "turn", r.turn, "error", err)
	}
	return err
}

// over takes note that the function has returned, and logs what it has forgotten.
func (r *Reply) over(function HandlerFunc, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.returned = true
	if err != nil || r.ctx.Err() != nil {
		return
	}
	if !r.said {
		r.call.log.Debug("the turn function has returned without an answer", "turn", r.turn, "function", lineOf(function))
	}
	r.call.warnOfOpen(r.turn)
}

// end says how the turn is to be closed, if it has not been by leaving the call.
func (r *Reply) end() (options DoneOptions, left bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.done, r.left
}
