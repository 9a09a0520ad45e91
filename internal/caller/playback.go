package caller

import (
	"time"

	"github.com/byova-host/byova-host/internal/audio"
)

// maxQueued is how far a server may send ahead of playback.
const maxQueued = 10 * time.Minute

// player is the loudspeaker: prompts in the order received, played by the
// media clock. It belongs to the goroutine of the call.
type player struct {
	queue  []sound
	bytes  int           // waiting in queue
	on     *rpc          // whose answer is being played; nil when silent
	played int           // bytes of that answer so far
	tell   func(e Entry) // entries, without At
}

// sound is one prompt, or what is left of it.
type sound struct {
	rpc     *rpc
	data    []byte
	bargeIn bool
	filler  bool // a PARTIAL, which the real answer replaces
}

// add queues a prompt. It reports false when too much waits already.
func (p *player) add(s sound) bool {
	if len(s.data) == 0 {
		return true
	}
	if lengthOf(p.bytes+len(s.data)) > maxQueued {
		return false
	}
	p.queue = append(p.queue, s)
	p.bytes += len(s.data)
	return true
}

// busy reports whether something waits to be played or is playing.
func (p *player) busy() bool { return p.bytes > 0 || p.on != nil }

// head is the prompt that plays now or next; false when there is none.
func (p *player) head() (sound, bool) {
	if len(p.queue) == 0 {
		return sound{}, false
	}
	return p.queue[0], true
}

// current is the RPC whose prompt plays and may be interrupted; nil when none
// is.
func (p *player) current() *rpc {
	if s, playing := p.head(); playing && s.bargeIn {
		return s.rpc
	} else if !playing && p.pausing() && p.on.bargeIn {
		return p.on
	}
	return nil
}

// settle notes, at the start of a tick, that what came has been played. An
// answer of which more is to come only pauses.
func (p *player) settle() {
	if p.bytes == 0 && !p.pausing() {
		p.stopped()
	}
}

// pausing reports whether more of the answer that plays is to come.
func (p *player) pausing() bool {
	return p.on != nil && p.on.answers && !p.on.final && !p.on.done && !p.on.interrupted
}

// frame fills dst with what is heard during one tick.
func (p *player) frame(dst []byte) {
	filled := 0
	for filled < len(dst) && len(p.queue) > 0 {
		s := &p.queue[0]
		if p.on != s.rpc {
			p.stopped()
			p.on = s.rpc
			p.tell(Entry{Kind: PlayStart, RPC: s.rpc.n})
		}
		n := copy(dst[filled:], s.data)
		filled, p.played, p.bytes = filled+n, p.played+n, p.bytes-n
		s.rpc.played += n
		if s.data = s.data[n:]; len(s.data) == 0 {
			p.queue[0] = sound{} // lets its memory go
			p.queue = p.queue[1:]
		}
	}
	for i := filled; i < len(dst); i++ {
		dst[i] = audio.MuLawSilence
	}
}

// stopped tells that the answer now playing has been played as far as it came.
func (p *player) stopped() {
	if p.on == nil {
		return
	}
	p.tell(Entry{Kind: PlayEnd, RPC: p.on.n, Audio: lengthOf(p.played)})
	p.on, p.played = nil, 0
}

// cut stops playback and forgets what waits.
func (p *player) cut() {
	if p.bytes == 0 && !p.pausing() {
		p.stopped()
		return
	}
	if p.on == nil { // it waits, but nothing of it was heard
		p.on = p.queue[0].rpc
	}
	p.tell(Entry{Kind: PlayCut, RPC: p.on.n, Audio: lengthOf(p.played), Dropped: lengthOf(p.bytes)})
	*p = player{tell: p.tell}
}

// dropFiller removes the waiting PARTIAL prompts of an RPC: its answer is here.
func (p *player) dropFiller(r *rpc) {
	kept := p.queue[:0]
	for _, s := range p.queue {
		if s.rpc == r && s.filler {
			p.bytes -= len(s.data)
			continue
		}
		kept = append(kept, s)
	}
	clear(p.queue[len(kept):])
	p.queue = kept
}

// protect makes the waiting prompts of r play to their end: it has sent a
// terminal event.
func (p *player) protect(r *rpc) {
	for i := range p.queue {
		if p.queue[i].rpc == r {
			p.queue[i].bargeIn = false
		}
	}
}
