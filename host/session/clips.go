package session

import (
	_ "embed"
	"slices"
	"time"

	"github.com/byova-host/byova-host/internal/audio"
)

//go:embed clips/filler.wav
var fillerWAV []byte

//go:embed clips/fallback.wav
var fallbackWAV []byte

//go:embed clips/unspoken.wav
var unspokenWAV []byte

func defaultFiller() []byte { return bundled(fillerWAV) }

func defaultUnspoken() []byte { return bundled(unspokenWAV) }

func defaultFallback() []byte { return bundled(fallbackWAV) }

// bundled is a WAV file as it plays; a test holds that all can be read.
func bundled(file []byte) []byte {
	wav, err := audio.ParseWAV(file)
	if err != nil {
		return nil
	}
	muLaw, err := wav.MuLaw8k()
	if err != nil {
		return nil
	}
	return muLaw
}

// hostPrompt marks the numbers of prompts that are the host's own: the bot hears
// nothing of them.
const hostPrompt = 1 << 63

// clip makes a prompt of the host's own, which is part of the estimate of what
// the caller hears.
func (s *state) clip(data []byte, bargeIn bool) Clip {
	s.clips++
	p := &prompt{id: hostPrompt | s.clips, bargeIn: bargeIn, ended: true, queued: len(data)}
	if s.turn != nil {
		p.turn = s.turn.id
	}
	s.play.start(p)
	return Clip{Audio: slices.Clone(data), BargeIn: bargeIn, prompt: p.id}
}

// sendClip sends a clip on an RPC in chunks.
func (s *state) sendClip(rpc rpcID, c Clip) {
	s.rpc(rpc).chunks = true
	s.respond(rpc, Response{Type: Chunk, Audio: c.Audio, BargeIn: c.BargeIn, prompt: c.prompt})
	s.act(action{kind: seal, rpc: rpc})
}

// fill plays the filler to a caller whose answer takes long. In WAV mode that
// takes a PARTIAL, which is not welcome everywhere.
func (s *state) fill(now time.Duration) {
	s.due.filler = never
	r := s.rpc(s.turn.rpc)
	switch {
	case r == nil || len(s.Filler) == 0:
		return
	case s.play.current(now) != nil:
		s.due.filler = max(now, s.play.ends) + s.FillerAfter
		return
	}
	if s.Answers == WAV && (!s.PartialResponses || !r.partial) {
		return
	}
	s.tellEndOfInput(now)
	c := s.clip(s.Filler, s.GreetingBargeIn || s.turn.cause != ByStart)
	s.filling = c.prompt
	if s.Answers == WAV {
		s.respond(r.id, Response{Type: Partial, Clips: []Clip{c}})
		return
	}
	s.sendClip(r.id, c)
}

// stopFilling takes back what has not left of the filler: the answer comes.
func (s *state) stopFilling() {
	s.due.filler = never
	if s.filling != 0 {
		s.act(action{kind: drop, response: Response{prompt: s.filling}})
		s.filling = 0
	}
}
