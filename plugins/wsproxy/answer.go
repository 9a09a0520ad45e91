package main

import (
	"errors"
	"math"
	"time"

	"github.com/byova-host/byova-host/plugins/wsproxy/internal/adapter"
	"github.com/byova-host/byova-host/plugins/wsproxy/internal/playout"
	"github.com/byova-host/byova-host/sdk/plugin"
)

// answer is what goes from the backend to the caller: a queue that is let go at the
// pace at which it plays, as one prompt for each item and turn.
type answer struct {
	queue     playout.Queue
	item      string // what is being received
	protected bool
	format    plugin.Format
	converter *plugin.Converter // nil where the audio is mu-law
	complete  bool              // nothing more comes for this answer
	came      time.Time         // the last of it
	loud      time.Time         // when the last of it that is not quiet has left

	prompt          *plugin.Prompt // what is being played, or nil
	promptItem      string
	promptTurn      uint64
	promptProtected bool
}

// Play implements adapter.Line.
func (b *bridge) Play(item string, audio plugin.Audio, options adapter.PlayOptions) {
	if len(audio.Data) == 0 || b.gone {
		return
	}
	now := time.Now()
	if item != b.item || audio.Format != b.format || options.Protected != b.protected {
		b.endItem()
		converter, err := converterFor(audio.Format)
		if err != nil {
			b.Note("the backend's audio cannot be played", "error", err)
			return
		}
		b.item, b.format, b.protected, b.converter = item, audio.Format, options.Protected, converter
	}
	data := audio.Data
	if b.converter != nil {
		data = b.converter.Convert(nil, data)
	}
	quiet := b.settings.QuietLevel != 0 && level(data) <= b.settings.QuietLevel
	if quiet && (b.turn == 0 || !b.spoke) {
		return // it is background, which is heard between the words of an answer alone
	}
	b.complete, b.came = false, now
	b.queue.Add(item, options.Protected, data)
	if !quiet {
		b.loud = now.Add(b.queue.Waiting())
	}
	if most := time.Duration(b.settings.MaxAnswer); b.queue.Waiting() > most {
		b.Fail(true, errors.New("it is more than "+most.String()+" of audio ahead of what plays"))
		return
	}
	b.release(now)
}

// converterFor is nil for what plays as it is.
func converterFor(f plugin.Format) (*plugin.Converter, error) {
	if f.Encoding == plugin.MuLaw && (f.Rate == 0 || f.Rate == 8000) && f.Channels < 2 {
		return nil, nil
	}
	return plugin.NewConverter(f, plugin.Format{})
}

// endItem brings the last samples of what was received.
func (b *bridge) endItem() {
	if b.converter != nil {
		b.queue.Add(b.item, b.protected, b.converter.Flush(nil))
	}
	b.item, b.converter, b.format = "", nil, plugin.Format{Encoding: -1}
}

// AnswerDone implements adapter.Line.
func (b *bridge) AnswerDone() {
	b.endItem()
	b.complete = true
}

// Mark implements adapter.Line.
func (b *bridge) Mark(name string) {
	b.queue.Mark(name)
	b.reached(time.Now())
}

// reached tells of marks up to which everything was heard.
func (b *bridge) reached(now time.Time) {
	for _, name := range b.queue.Reached(now) {
		b.tell(adapter.Played{Mark: name})
	}
}

// Flush implements adapter.Line.
func (b *bridge) Flush() adapter.Interrupted {
	b.holding = false // what comes now is something new
	return b.flush(time.Now())
}

// flush drops what was not heard, here and at the host.
func (b *bridge) flush(now time.Time) adapter.Interrupted {
	b.endItem()
	cut := b.queue.Flush(now)
	b.complete = false
	if b.prompt != nil {
		b.check(b.call.Clear(b.prompt.ID()))
		b.closePrompt()
	}
	for _, name := range cut.Marks {
		b.tell(adapter.Played{Mark: name, Dropped: true})
	}
	return adapter.Interrupted{Turn: b.turn, Item: cut.Item, Heard: cut.Heard}
}

// SayText implements adapter.Line.
func (b *bridge) SayText(text, language string) {
	b.closePrompt()
	b.check(b.call.Say(text, plugin.PromptOptions{Turn: b.turn, Language: language}))
	b.spoke, b.came = true, time.Now()
}

// release lets go what is to play next.
func (b *bridge) release(now time.Time) {
	for !b.held(now) {
		credit := b.call.Credit()
		piece, any := b.queue.Release(now, credit, b.complete || now.Sub(b.came) > 2*frameTime, b.leave != nil)
		if !any {
			break
		}
		b.write(now, piece)
	}
	b.reached(now)
}

// write plays a piece. The host has credit for it, so that this does not wait.
func (b *bridge) write(now time.Time, piece playout.Piece) {
	if b.prompt == nil || b.promptItem != piece.Item || b.promptTurn != b.turn || b.promptProtected != piece.Protected {
		b.closePrompt()
		prompt, err := b.call.Stream(b.ctx, plugin.Format{}, plugin.PromptOptions{Turn: b.turn, Uninterruptible: piece.Protected})
		if err != nil {
			b.check(err)
			return
		}
		b.prompt, b.promptItem, b.promptTurn, b.promptProtected = prompt, piece.Item, b.turn, piece.Protected
	}
	audio := piece.Audio
	if n := len(audio); n < playout.Frame { // less than what can be sent alone
		audio = append(audio[:n:n], silence[n:]...)
	}
	if _, err := b.prompt.Write(audio); err != nil {
		b.check(err)
		return
	}
	b.spokeFirst(now)
}

func (b *bridge) closePrompt() {
	if b.prompt != nil {
		b.check(b.prompt.Close())
		b.prompt = nil
	}
}

// check takes an error of the host's side: a turn that is over makes what was said in
// it moot, and a call that is over ends the bridge.
func (b *bridge) check(err error) {
	switch {
	case err == nil, errors.Is(err, plugin.ErrTurnEnded):
	case errors.Is(err, plugin.ErrCallEnded), b.ctx.Err() != nil:
		// The event that says why is on its way, or was seen.
	default:
		b.Note("the host did not take a command", "error", err)
	}
}

// level is how loud mu-law audio is, in dB below full scale.
func level(muLaw []byte) float64 {
	pcm := plugin.Audio{Data: muLaw}.PCM()
	sum := 0.0
	for _, s := range pcm {
		sum += float64(s) * float64(s)
	}
	if sum == 0 {
		return math.Inf(-1)
	}
	return 10 * math.Log10(sum/float64(len(pcm))/(math.MaxInt16*math.MaxInt16))
}
