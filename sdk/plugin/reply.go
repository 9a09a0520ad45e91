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
}

// Play plays audio, after what was played before. It waits while the host has
// enough, or until the turn's context ends, and returns when the host has taken all of it,
// which is before it has been heard. Empty audio is nothing to play and no error. See
// Call.Play.
func (r *Reply) Play(audio Audio, options ...PromptOptions) error {
	return r.call.Play(r.ctx, audio, r.prompt(options))
}

// Say has the host speak a text; see Call.Say.
func (r *Reply) Say(text string, options ...PromptOptions) error {
	return r.call.Say(text, r.prompt(options))
}

// Stream begins a prompt that is written while it is made. Close it. Its Write waits until the
// turn's context ends; see Call.Stream.
func (r *Reply) Stream(format Format, options ...PromptOptions) (*Prompt, error) {
	return r.call.Stream(r.ctx, format, r.prompt(options))
}

// Transfer hands the call to a person, with the reason, once what was played has
// been heard. Return after it; see Call.Transfer.
func (r *Reply) Transfer(reason string, options ...TransferOptions) error {
	o := last(options)
	o.Turn = r.turn
	return r.leave(r.call.Transfer(reason, o))
}

// End ends the call once what was played has been heard. Return after it; see Call.End.
func (r *Reply) End(options ...EndOptions) error {
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
	return r.leave(r.call.Custom(r.turn, name, metadata))
}

// Tell has the flow told of an event when the answer is complete; the last one counts, and
// NoFlowEvent takes it back. A turn that leaves the call tells of none.
func (r *Reply) Tell(event FlowEvent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done.Event = event
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

// end says how the turn is to be closed, if it has not been by leaving the call.
func (r *Reply) end() (options DoneOptions, left bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.done, r.left
}
