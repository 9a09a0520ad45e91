package session

import (
	"slices"
	"time"

	"github.com/byova-host/byova-host/internal/audio"
)

// playback estimates what the caller hears. Webex buffers what it is sent, plays
// it in real time and reports nothing, so the estimate starts from what has left.
type playback struct {
	prompts []*prompt     // in the order in which they play
	ends    time.Duration // when all that has left will have been played
}

// prompt is one prompt that is being received, sent or played.
type prompt struct {
	id        uint64
	turn      uint64
	bargeIn   bool
	converter *audio.Converter
	queued    int           // bytes on their way to the wire
	held      bool          // some of it waits for an RPC or an answer to carry it
	dropped   bool          // some of it will not be heard
	sent      int           // bytes that have left
	from, to  time.Duration // when those play
	paused    time.Duration // of that, nothing was there to play
	ended     bool          // no more audio comes
}

// convert turns a piece of the prompt into what plays. At an error the prompt ends.
func (p *prompt) convert(a PromptAudio) (data []byte, err error) {
	p.ended = a.End
	if data = a.Data; !p.converter.Passthrough() {
		data, err = p.converter.Convert(nil, data)
	}
	if err == nil && a.End {
		data, err = p.converter.Flush(data)
	}
	p.ended = p.ended || err != nil
	return data, err
}

// active says whether the caller hears, or is about to hear, some of the prompt.
func (p *prompt) active(now time.Duration) bool { return p.queued > 0 || p.to > now }

// pausing says that the prompt has begun, and that its turn may go on with it.
func (p *prompt) pausing() bool { return p.turn != 0 && p.sent > 0 && !p.ended }

// heard is how much of the prompt has probably been heard.
func (p *prompt) heard(now time.Duration) time.Duration {
	if p.sent == 0 {
		return 0
	}
	return max(0, min(now, p.to)-p.from-p.paused)
}

func (b *playback) find(id uint64) *prompt {
	for i := len(b.prompts) - 1; i >= 0; i-- {
		if b.prompts[i].id == id {
			return b.prompts[i]
		}
	}
	return nil
}

func (b *playback) start(p *prompt) { b.prompts = append(b.prompts, p) }

// current is the prompt that plays now, or else one that pauses because its audio
// comes late, or nil.
func (b *playback) current(now time.Duration) (pausing *prompt) {
	for _, p := range b.prompts {
		if p.active(now) {
			return p
		}
		if p.pausing() {
			pausing = p
		}
	}
	return pausing
}

// queued says whether audio is still on its way to the wire.
func (b *playback) queued() bool {
	return slices.ContainsFunc(b.prompts, func(p *prompt) bool { return p.queued > 0 })
}

// left takes note of audio that was handed to the wire.
func (b *playback) left(now time.Duration, id uint64, bytes int) {
	p := b.find(id)
	if p == nil {
		return // cut meanwhile
	}
	if begin := max(now, b.ends); p.sent == 0 {
		p.from = begin
	} else {
		p.paused += begin - p.to
	}
	p.queued -= bytes
	p.sent += bytes
	b.ends = max(now, b.ends) + audio.Telephone.Duration(bytes)
	p.to = b.ends
}

// taken takes note of audio that will not leave.
func (b *playback) taken(id uint64, bytes int) {
	if p := b.find(id); p != nil {
		p.queued -= bytes
		p.dropped = true
	}
}

// release takes note that what was held of a prompt is on its way to the wire;
// of nothing it means that it was dropped.
func (b *playback) release(id uint64, bytes int) {
	if p := b.find(id); p != nil {
		p.held = false
		p.queued += bytes
		p.dropped = p.dropped || bytes == 0
	}
}

// allowBargeIn lets input count while a turn's prompts play.
func (b *playback) allowBargeIn(turn uint64) {
	for _, p := range b.prompts {
		p.bargeIn = p.bargeIn || p.turn == turn
	}
}

// cut forgets everything: Webex drops the rest of what it plays.
func (b *playback) cut(now time.Duration) {
	b.prompts = nil
	b.ends = min(b.ends, now)
}

// endTurn marks a closed turn's prompts as complete.
func (b *playback) endTurn(turn uint64) {
	for _, p := range b.prompts {
		if p.turn == turn {
			p.ended = true
		}
	}
}

// finished removes and returns the prompts that have been played to their end.
func (b *playback) finished(now time.Duration) (ids []uint64) {
	b.prompts = slices.DeleteFunc(b.prompts, func(p *prompt) bool {
		over := p.ended && !p.held && !p.active(now)
		if over && p.id&hostPrompt == 0 && (p.sent > 0 || !p.dropped) {
			ids = append(ids, p.id)
		}
		return over
	})
	return ids
}

// nextFinish is when finished will have something to return.
func (b *playback) nextFinish() time.Duration {
	next := never
	for _, p := range b.prompts {
		if p.ended && !p.held && p.queued == 0 {
			next = min(next, p.to)
		}
	}
	return next
}
