package session

import "time"

// leave ends the bot's part of the call on rpc, behind what was said there.
func (s *state) leave(now time.Duration, rpc rpcID, l Leave) {
	s.leaving = nil
	s.flushWaiting(rpc)
	if s.turn != nil {
		if s.turn.inputOpen {
			s.endOfInput(now)
		}
		if t := s.releaseTurn(now, Answered); t.rpc != rpc {
			s.complete(t.rpc)
		}
	}
	s.respond(rpc, Response{Type: Final, Event: l.Event, Name: l.Name, Metadata: l.Metadata,
		Transcript: l.Transcript, Summary: l.Summary})
	s.forget(rpc, nil)
	switch {
	case s.botGone:
		s.end(now, EndedFailed, s.detail)
	case l.Event == CustomOutput:
		s.phase = away
		s.completeAll(nil)
	default:
		s.end(now, EndedByBot, l.Name)
	}
}

// fallBack takes the call from a bot that cannot go on and hands it to a human:
// a caller is not left in silence.
func (s *state) fallBack(now time.Duration, why string) {
	if s.botGone {
		return
	}
	s.act(action{kind: note, note: "the fallback takes the call", detail: why})
	s.detail = why
	rpc := s.speakingRPC()
	if s.turn != nil {
		s.releaseTurn(now, Failed)
	}
	s.dismiss(now, EndedFailed, why)
	if s.leaving != nil {
		return // the bot had ended its part already
	}
	l := Leave{Event: TransferToAgent, Name: "bot_failed", Metadata: map[string]any{"reason": "bot failed"}}
	if rpc == 0 {
		s.leaving = &l // the next RPC carries it
		return
	}
	s.leave(now, rpc, l)
}

// end closes the session: what still comes is only completed.
func (s *state) end(now time.Duration, reason EndReason, detail string) {
	if s.phase == dead {
		return
	}
	s.reason, s.detail = reason, detail
	if s.turn != nil {
		s.releaseTurn(now, Interrupted)
	}
	s.dismiss(now, reason, detail)
	s.completeAll(nil)
	s.phase = dead
	s.due = noDeadlines
	s.act(action{kind: over})
}

// shutDown ends a call that outlived the host's patience.
func (s *state) shutDown(now time.Duration) {
	s.dropAudio(now, 0)
	s.completeAll(ErrStopped)
	s.end(now, EndedShutdown, "")
}

// dismiss ends the bot's part; it hears no more of the call.
func (s *state) dismiss(now time.Duration, reason EndReason, detail string) {
	if s.botGone {
		return
	}
	s.tell(now, Ended{Reason: reason, Detail: detail})
	s.botGone = true
	s.act(action{kind: closeAgent})
}

func (s *state) completeAll(err error) {
	for len(s.rpcs) > 0 {
		s.forget(s.rpcs[0].id, err)
	}
}

// speakingRPC is the RPC that can carry the bot's words now, or 0.
func (s *state) speakingRPC() rpcID {
	if s.turn != nil {
		return s.turn.rpc
	}
	if rpc := s.listening(); rpc != 0 && s.rpc(rpc).heard {
		return rpc
	}
	return 0
}
