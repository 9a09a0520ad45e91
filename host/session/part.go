package session

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/byova-host/byova-host/internal/audio"
)

// part is a process's part in a call: it carries the session's events there, and is
// the Sink of what comes back. A session that is moved, or whose process dies, has
// one part after another.
type part struct {
	session *Session
	number  int
	call    AgentCall
	traits  Traits

	commands atomic.Int64 // how many wait for the session
	converts atomic.Bool  // the agent plays what has to be converted
	credit   atomic.Int64 // bytes of audio that the agent may still send
}

func (s *Session) newPart(number, credit int) *part {
	p := &part{session: s, number: number}
	p.credit.Store(int64(credit))
	return p
}

// maxCommands bounds the commands that wait for the session. A session takes them
// as fast as they are read; an agent that is further ahead floods it.
const maxCommands = 10_000

// Why an agent that does not keep to the rules of the wire loses its call.
var (
	errFlood     = fmt.Errorf("%w: more than %d commands are waiting", ErrNoResume, maxCommands)
	errOverdrawn = fmt.Errorf("%w: it sent more audio than its credit allows", ErrNoResume)
)

// Command implements Sink.
func (p *part) Command(c Command) {
	if a, ok := c.Body.(PromptAudio); ok {
		n := int64(len(a.Data))
		if left := p.credit.Add(-n); left < 0 {
			if left+n >= 0 { // the first time
				p.Lost(errOverdrawn)
			}
			return
		}
	}
	if start, ok := c.Body.(StartPrompt); ok && start.Format.Normal() != audio.Telephone {
		p.converts.Store(true)
	}
	switch waiting := p.commands.Add(1); {
	case waiting < maxCommands:
		p.put(input{kind: commanded, number: p.number, command: c, part: p})
	case waiting == maxCommands:
		p.Lost(errFlood) // what follows is dropped
	}
}

// put has the session take a command. Whoever brings it reads for other calls, too: he
// carries out what is quickly done, and no more than that.
func (p *part) put(in input) {
	if p.converts.Load() {
		p.session.inputs.Post(in)
		return
	}
	p.session.inputs.Put(in)
}

// Lost implements Sink.
func (p *part) Lost(err error) {
	p.session.inputs.Put(input{kind: lost, number: p.number, err: err})
}

// Move implements Sink.
func (p *part) Move(reads func(version uint32) bool) {
	p.session.inputs.Put(input{kind: moveWanted, number: p.number, reads: reads})
}

// tell sends an event. A call that cannot take it goes to the fallback; that its
// process is gone is said by Lost, behind what the process sent last.
func (p *part) tell(e Event) {
	if c, ok := e.Body.(Credit); ok {
		p.credit.Add(int64(c.Bytes))
	}
	if err := p.call.Send(e); err != nil {
		p.Lost(fmt.Errorf("%w: %w", ErrNoResume, err))
	}
}

// reopen asks for another process, and tells the session of it. The session waits
// for the goroutine.
func (s *Session) reopen(number int, r Resumption) {
	next, call := s.newPart(number, s.state.limits.credit), s.part.call
	s.helpers.Go(func() {
		var err error
		if next.call, err = call.Resume(s.ctx, r, next); err == nil {
			next.traits = next.call.Traits()
		}
		in := input{kind: reopened, number: number, err: err, part: next}
		if !s.inputs.Put(in) && err == nil {
			next.call.Close(EndedGone)
		}
	})
}

// take puts the next process's part in the place of the last one's, unless nobody
// needs it any more.
func (s *Session) take(in *input) {
	if in.err != nil {
		return
	}
	if s.state.botGone || in.number != s.state.bind.number {
		in.part.call.Close(s.state.reason)
		return
	}
	s.audioLost += s.part.call.AudioLost()
	s.part = in.part
}

// nobody takes the part of an agent that has no process for a call that begins.
type nobody struct{ agent string }

func (n nobody) Agent() string    { return n.agent }
func (n nobody) Traits() Traits   { return Traits{} }
func (n nobody) Send(Event) error { return nil }
func (n nobody) AudioLost() int64 { return 0 }
func (n nobody) Close(EndReason)  {}
func (n nobody) Settled()         {}
func (n nobody) Resume(context.Context, Resumption, Sink) (AgentCall, error) {
	return nil, errors.ErrUnsupported
}
