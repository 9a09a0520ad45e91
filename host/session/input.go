package session

import (
	"strings"
	"time"

	"github.com/byova-host/byova-host/internal/audio"
)

func (s *state) opened(now time.Duration, in *input) {
	s.rpcs = append(s.rpcs, &rpcState{id: in.rpc, stamp: in.stamp, since: now})
	s.newest = max(s.newest, in.stamp)
}

// requested takes one request of the caller's side.
func (s *state) requested(now time.Duration, rpc rpcID, q *Request) {
	r := s.rpc(rpc)
	if r == nil {
		return // completed meanwhile: what still arrives is not heard
	}
	r.partial = r.partial || q.Partial
	if q.Language != "" {
		s.callLanguage = q.Language
	}
	if q.Kind == Audio && q.Format != (audio.Format{}) {
		r.format = q.Format // who says it once means all that follows, too
	}
	if s.phase == unborn {
		s.born(now, q)
		if q.Kind == SessionStart {
			s.awaitGreeting(now, rpc)
			return
		}
	}
	if s.phase == away {
		switch q.Kind {
		case Audio, Silence, DTMFStart: // on its way while the flow took the call
			s.complete(rpc)
			return
		case DTMF, CustomInput:
			s.phase = live
		}
	}
	if s.leaving != nil && q.Kind != SessionEnd && q.Kind != SessionStart {
		s.leave(now, rpc, *s.leaving)
		return
	}
	switch q.Kind {
	case Audio:
		s.callerAudio(now, rpc, r, q)
	case DTMFStart:
		s.dtmfStart(now, rpc, r)
	case DTMF:
		s.dtmf(now, rpc, r, q.Digits)
	case Silence:
		s.noInput(now, rpc, r)
	case CustomInput:
		t := s.openTurn(now, rpc, ByCustom)
		s.tell(now, CustomEvent{Turn: t.id, Name: q.Name, Parameters: q.Parameters})
		s.endInput(now)
	case SessionStart:
		s.startAgain(now, rpc, q)
	case SessionEnd:
		s.dropAudio(now, 0)
		s.end(now, EndedByCaller, "")
	}
}

// born introduces the call to the bot. A first request other than SESSION_START
// means that the call is older than this session: the bot is told so.
func (s *state) born(now time.Duration, q *Request) {
	s.phase = live
	var resumed *Resumed
	if q.Kind != SessionStart {
		resumed = &Resumed{Cause: ByUnknownCall, Attempt: 1}
	}
	s.started = Started{
		SessionID: s.id, Key: s.key, Agent: s.agent,
		VendorConfig: q.VendorConfig, Additional: q.Additional, Parameters: q.Parameters, Language: q.Language,
		Format: s.speech.format, Credit: s.limits.credit, Resumed: resumed,
	}
	s.introduced, s.bind.came = s.bind.bond != unbound, now
	s.tell(now, s.started)
}

// awaitGreeting holds the greeting turn until the half-close, which Webex sends
// behind SESSION_START: it listens to nothing before. A client that never
// half-closes is not waited for longer than greetWait.
func (s *state) awaitGreeting(now time.Duration, rpc rpcID) {
	s.greeting = rpc
	s.rpc(rpc).taken = true
	s.due.greet = now + s.limits.greetWait
	if s.rpc(rpc).halfClosed {
		s.greet(now)
	}
}

// greet opens the greeting turn.
func (s *state) greet(now time.Duration) {
	rpc := s.greeting
	s.greeting, s.due.greet = 0, never
	if s.ungreeted = s.rpc(rpc) == nil; s.ungreeted {
		return
	}
	if s.leaving != nil {
		s.leave(now, rpc, *s.leaving)
		return
	}
	t := s.openTurn(now, rpc, ByStart)
	if back := s.returned; back != nil {
		s.returned = nil
		s.tell(now, CustomEvent{Turn: t.id, Name: back.Name, Parameters: back.Parameters})
	}
	s.flushWaiting(now, rpc)
	s.endInput(now)
}

// startAgain answers a SESSION_START of a call that is already known.
func (s *state) startAgain(now time.Duration, rpc rpcID, q *Request) {
	if s.phase != away && s.leaving == nil && !s.ungreeted {
		if !s.answering(rpc) && rpc != s.greeting {
			s.final(rpc)
		}
		return
	}
	if s.phase == away {
		s.phase, s.returned = live, q
	}
	s.awaitGreeting(now, rpc)
}

func (s *state) halfClosed(now time.Duration, rpc rpcID) {
	r := s.rpc(rpc)
	if r == nil {
		return
	}
	r.halfClosed = true
	switch {
	case rpc == s.greeting:
		s.greet(now)
	case s.answering(rpc):
		if s.turn.inputOpen { // no more of the utterance will come
			s.speech.reset()
			s.endInput(now)
		}
		s.turn.untold, s.turn.listens = false, false // Webex knows
		s.flushWaiting(now, rpc)
	default:
		s.complete(rpc)
	}
}

// gone takes note of an RPC that broke off. The call may live on.
func (s *state) gone(now time.Duration, rpc rpcID, err error) {
	if s.rpc(rpc) == nil {
		return
	}
	s.forget(rpc, err)
	s.cancelled = true
	if rpc == s.greeting {
		s.greet(now)
	}
	if s.answering(rpc) {
		s.play.allowBargeIn(s.turn.id) // whether it goes on to play, nobody knows
		s.closeTurn(now, Interrupted, Response{})
	}
}

// stale says that an RPC is older than one that has begun. Handlers may start in
// another order than the wire had, so what such an RPC announces is past.
func (s *state) stale(r *rpcState) bool { return r.stamp < s.newest }

// dtmfStart is the first key: it interrupts as speech does, and speech before it
// was not meant as input.
func (s *state) dtmfStart(now time.Duration, rpc rpcID, r *rpcState) {
	if !s.stale(r) && !s.protected(now) {
		s.speech.reset()
		s.interrupt(now, 0)
		s.keying = true
		s.quiet = now + time.Duration(s.told.DTMFLength)*s.told.InterDigit // who presses keys is not silent
		s.tell(now, DTMFStarted{})
	}
	if !s.answering(rpc) {
		s.complete(rpc)
	}
}

func (s *state) dtmf(now time.Duration, rpc rpcID, r *rpcState, digits string) {
	if s.turn != nil && s.protected(now) { // as Webex does: to take it would cut the answer short
		if !s.answering(rpc) {
			s.final(rpc)
		}
		return
	}
	if digits == "" { // another way to say NO_INPUT
		s.noInput(now, rpc, r)
		return
	}
	if s.told.Terminator != 0 {
		digits = strings.TrimSuffix(digits, string(s.told.Terminator))
	}
	if digits == "" {
		s.silence(now, rpc, false)
		return
	}
	sensitive := s.told.Sensitive
	t := s.openTurn(now, rpc, ByDTMF)
	s.tell(now, DTMFEntry{Turn: t.id, Digits: digits, Sensitive: sensitive})
	s.endInput(now)
}
