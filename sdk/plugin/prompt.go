package plugin

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/byova-host/byova-host/internal/audio"
	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

// largestPiece is the most audio in one command: two seconds of telephone audio.
const largestPiece = 16 << 10

// PromptOptions say how a prompt plays. The zero value is what one wants most, but for the
// turn.
type PromptOptions struct {
	// Turn is the turn that the prompt answers; 0 for one that the bot says of
	// its own accord, which plays as soon as it can. A Reply fills it in, whatever is
	// there. A prompt of a turn ends with it.
	Turn uint64
	// Uninterruptible plays the prompt to its end whatever the caller does.
	Uninterruptible bool
	// Language is that of the text that is said, as BCP 47 has it, for example en-GB;
	// empty means the call's. Audio has no use for it.
	Language string
	// Label is told again with the BargeInEvent and the PromptDoneEvent of the prompt, so
	// that a bot knows which of its prompts they are about: "menu", for example. It does not
	// leave the process; of a call's prompts the labels of the last 256 are kept.
	Label string
}

// keptLabels is how many of a call's prompts keep their labels.
const keptLabels = 256

// Prompt is something to be said that is written while it is made; it is an
// io.WriteCloser. It is used by one goroutine at a time. Prompts come from Call.Stream and
// Reply.Stream, and are to be closed; an open one has the host wait for the rest of it.
type Prompt struct {
	call   *Call
	ctx    context.Context
	turn   uint64
	id     uint64
	ref    uint64 // of the command that began it, and of its audio
	format Format

	mu     sync.Mutex
	half   []byte // the beginning of a sample
	sent   int    // bytes
	begun  origin
	file   audio.WAVCheck
	closed bool
}

// Stream begins a prompt that is written while it is made, in a format that may be a WAVFile.
// Close it. Ctx limits how long its Write waits. At most one PromptOptions is given. An
// unknown format is an error.
func (c *Call) Stream(ctx context.Context, format Format, options ...PromptOptions) (*Prompt, error) {
	if err := format.validate(); err != nil {
		return nil, misuse(err)
	}
	o := last(options)
	id, ref, err := c.startPrompt(o, &pluginv1.Prompt{Format: format.wire()}, false)
	if err != nil {
		return nil, err
	}
	p := &Prompt{call: c, ctx: ctx, turn: o.Turn, id: id, ref: ref, format: format}
	p.begun.depth = runtime.Callers(2, p.begun.stack[:])
	c.mu.Lock()
	c.speaking = append(slices.DeleteFunc(c.speaking, (*Prompt).whole), p)
	c.mu.Unlock()
	return p, nil
}

// warnOfOpen logs which prompts of a turn that is answered were not closed.
func (c *Call) warnOfOpen(turn uint64) {
	c.mu.Lock()
	var open []*Prompt
	c.speaking = slices.DeleteFunc(c.speaking, func(p *Prompt) bool {
		if p.turn == turn && !p.whole() {
			open = append(open, p)
		}
		return p.turn == turn
	})
	c.mu.Unlock()
	for _, p := range open {
		c.log.Warn("a prompt was not closed", "turn", turn, "prompt", p.id, "begun", authorsLine(p.begun.stack[:p.begun.depth]))
	}
}

// startPrompt sends the beginning of a prompt, which is all of it for a text. It returns the
// numbers of the prompt and of the command.
func (c *Call) startPrompt(options PromptOptions, body *pluginv1.Prompt, whole bool) (id, ref uint64, err error) {
	body.BargeIn, body.Language = !options.Uninterruptible, options.Language
	c.mu.Lock()
	c.prompts++
	id = c.prompts
	if options.Label != "" {
		c.labels[id] = options.Label
	}
	delete(c.labels, id-keptLabels)
	c.mu.Unlock()
	command := &pluginv1.Command{
		Turn: options.Turn, Prompt: id, PromptEnd: whole,
		Body: &pluginv1.Command_PromptStart{PromptStart: body},
	}
	err = c.command(command)
	return id, command.Ref, err
}

// label is that of a prompt of this process; empty if it has none.
func (c *Call) label(prompt uint64) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.labels[prompt]
}

// Play plays audio to the caller. It waits while the host has enough, and returns
// when the host has taken all of it, which is before it has been heard. It returns
// ErrTurnEnded when its turn is closed, ErrCallEnded when the call is, and ctx's
// cause when ctx ends; what the host has taken until then is heard, unless it was cut.
// Audio that is not what its format says is an error, and nothing of it is played. Empty
// audio is nothing to play and no error. At most one PromptOptions is given. Play one
// prompt after the other: pieces of two that are played at the same time are heard as they
// come.
func (c *Call) Play(ctx context.Context, audio Audio, options ...PromptOptions) error {
	if err := audio.validate(); err != nil {
		return misuse(err)
	}
	if len(audio.Data) == 0 {
		return nil
	}
	p, err := c.Stream(ctx, audio.Format, options...)
	if err != nil {
		return err
	}
	if _, err := p.write(audio.Data, true); err != nil {
		p.abandon()
		return err
	}
	return nil
}

// MaxText is the longest text that the host speaks, in bytes: ten minutes of speech. It does
// not become less.
const MaxText = 10_000

// Say has the host speak a text, which is SSML if it begins with <speak. What is said or
// played after it comes after it. It does not wait: a text that the host cannot speak is
// told as a RefusedEvent, and the caller hears a prompt of the host's instead. An empty
// text, and one of more than MaxText bytes, is an error. At most one PromptOptions is given.
func (c *Call) Say(text string, options ...PromptOptions) error {
	switch {
	case strings.TrimSpace(text) == "":
		return misuse(errors.New("say: the text is empty"))
	case len(text) > MaxText:
		return misuse(fmt.Errorf("say: the text has %d bytes, and at most %d are spoken", len(text), MaxText))
	}
	_, _, err := c.startPrompt(last(options), &pluginv1.Prompt{Text: text}, true)
	return err
}

// ID is the prompt's number, from 1 in each call, as BargeInEvent and PromptDoneEvent have it
// and Call.Clear takes it.
func (p *Prompt) ID() uint64 { return p.id }

// Write plays b after what was written before. It waits and fails as Call.Play
// does, and returns how much of b the host has taken. A sample may be split between two
// calls. Of a WAVFile that is broken, the piece where it shows is not sent, and the error
// says what is wrong at which byte.
func (p *Prompt) Write(b []byte) (int, error) { return p.write(b, false) }

// write plays b. Last says that it ends the prompt and has whole samples.
func (p *Prompt) write(b []byte, last bool) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return 0, misuse(errPromptClosed)
	}
	if p.format.Encoding == WAVFile {
		if _, err := p.file.Write(b); err != nil {
			return 0, misuse(fmt.Errorf("write prompt: %w", badFile(err)))
		}
	}
	all := b
	if len(p.half) > 0 {
		all = slices.Concat(p.half, b)
	}
	p.half = nil
	sample := p.format.audio().FrameBytes()
	whole := len(all) / sample * sample
	carried := len(all) - len(b)
	for sent := 0; sent < whole; {
		n, err := p.playPiece(all[sent:whole], sample, last)
		if err != nil {
			return max(0, sent-carried), err
		}
		sent += n
		p.sent += n
	}
	p.half = append(p.half, all[whole:]...)
	if p.closed = last; last {
		p.logAudio()
	}
	return len(b), nil
}

// Close ends the prompt and does not wait. It is an error if a part of a sample is left, or
// if a WAVFile has ended before its sound, and ErrTurnEnded or ErrCallEnded where nobody
// needs the end any more. Closing twice is fine; writing after it is an error.
func (p *Prompt) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	p.closed = true
	p.logAudio()
	err := p.end()
	for _, unfinished := range []error{p.format.whole(len(p.half)), badFile(p.file.Close())} {
		if unfinished != nil {
			err = errors.Join(misuse(fmt.Errorf("close prompt: %w", unfinished)), err)
		}
	}
	return err
}

// whole says that the prompt has ended. One that is being written has not.
func (p *Prompt) whole() bool {
	if !p.mu.TryLock() {
		return false
	}
	defer p.mu.Unlock()
	return p.closed
}

// abandon ends a prompt that could not be written to its end. Where the turn or
// the call has ended, the host needs no telling.
func (p *Prompt) abandon() {
	if err := p.Close(); err != nil {
		p.call.log.Debug("prompt given up", "prompt", p.id, "error", err)
	}
}

// playPiece sends as much of audio as one command and the credit allow, and
// returns how much that was. It waits for credit.
func (p *Prompt) playPiece(audio []byte, sample int, last bool) (int, error) {
	c := p.call
	for {
		if p.ctx.Err() != nil {
			return 0, context.Cause(p.ctx)
		}
		c.mu.Lock()
		if err := c.closed(p.turn); err != nil {
			c.mu.Unlock()
			return 0, err
		}
		if n := min(len(audio), largestPiece, c.credit) / sample * sample; n > 0 {
			c.credit -= n
			err := c.push(&pluginv1.Command{
				Call: c.number, Turn: p.turn, Prompt: p.id, Ref: p.ref,
				Audio:     append([]byte(nil), audio[:n]...), // the author keeps his slice
				PromptEnd: last && n == len(audio),
			})
			c.mu.Unlock()
			return n, err
		}
		changed := c.changed
		c.mu.Unlock()
		select {
		case <-changed:
		case <-p.ctx.Done():
		}
	}
}

// Credit is how many bytes of audio can be written now without waiting, in the format
// of the prompt they are for. All prompts of the call share it.
func (c *Call) Credit() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.credit
}

// end tells the host that nothing more comes.
func (p *Prompt) end() error {
	c := p.call
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.closed(p.turn); err != nil {
		return err
	}
	return c.push(&pluginv1.Command{Call: c.number, Turn: p.turn, Prompt: p.id, Ref: p.ref, PromptEnd: true})
}
