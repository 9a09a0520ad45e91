package session

import (
	"maps"
	"time"
)

// ending is how the bot's part of a call ends: as the bot wants it, or by the
// fallback.
type ending struct {
	Leave
	prompt []byte // the host's, played first
	err    error  // status instead of an event
}

// The reasons that a fallback gives the flow.
const (
	botFailed = "bot failed"
	tooLong   = "call too long"
)

// departs says that the bot has ended its part for good, but for an RPC to carry the
// end. From a custom event it may come back.
func (s *state) departs() bool { return s.leaving != nil && s.leaving.Event != CustomOutput }

// leave ends the bot's part of the call on rpc, behind what was said there.
func (s *state) leave(now time.Duration, rpc rpcID, e ending) {
	s.leaving = nil
	s.flushWaiting(now, rpc)
	if s.turn != nil {
		if s.turn.inputOpen {
			s.endOfInput(now)
		}
		s.tellEndOfInput(now)
		if t := s.releaseTurn(now, Answered); t.rpc != rpc {
			s.complete(t.rpc)
		}
	}
	s.sayLast(rpc, e)
	switch {
	case s.botGone:
		s.end(now, EndedFailed, s.detail)
	case e.Event == CustomOutput:
		s.phase = away
		s.completeAll(nil)
	default:
		s.end(now, EndedByBot, e.Name)
	}
}

// sayLast completes an RPC with the end of the bot's part.
func (s *state) sayLast(rpc rpcID, e ending) {
	last := Response{Type: Final, Event: e.Event, Name: e.Name, Metadata: e.Metadata,
		Transcript: e.Transcript, Summary: e.Summary, Clips: s.takeHeld()}
	switch {
	case len(e.prompt) == 0:
	case s.Answers == WAV:
		last.Clips = append(last.Clips, s.clip(e.prompt, false))
	default:
		s.sendClip(rpc, s.clip(e.prompt, false))
	}
	for i := range last.Clips {
		last.Clips[i].BargeIn = false // it ends the call, and is heard to its end
	}
	if e.err == nil {
		s.respond(rpc, last)
	}
	s.forget(rpc, e.err)
}

// fallBack takes the call from a bot that cannot go on: a caller is not left in
// silence.
func (s *state) fallBack(now time.Duration, reason, why string) {
	if s.botGone {
		return
	}
	s.act(action{kind: note, note: "the fallback takes the call", detail: why})
	s.act(action{kind: fellBack, note: reason})
	s.detail = why
	rpc := s.speakingRPC()
	if s.turn != nil {
		s.turn.untold = s.turn.untold || s.turn.inputOpen // the caller is cut off
		s.tellEndOfInput(now)
		s.releaseTurn(now, Failed)
	}
	s.dismiss(now, EndedFailed, why)
	switch {
	case s.leaving != nil: // the bot had ended its part already
	case rpc == 0:
		e := s.fallback(reason)
		s.leaving = &e // the next RPC carries it
	default:
		s.leave(now, rpc, s.fallback(reason))
	}
}

// fallback is how a call goes on without its bot.
func (s *state) fallback(reason string) ending {
	f := s.Fallback
	metadata := maps.Clone(f.Metadata)
	if metadata == nil {
		metadata = map[string]any{}
	}
	metadata["reason"] = reason
	events := map[FallbackAction]OutputEvent{
		FallbackTransfer: TransferToAgent, FallbackEnd: EndSession, FallbackCustom: CustomOutput,
	}
	e := ending{Leave: Leave{Event: events[f.Action], Name: f.Name, Metadata: metadata}, prompt: f.Prompt}
	if f.Action == FallbackError {
		e.err = ErrBotFailed
	}
	return e
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
}

// mayReturn says that more may come of a call that is over: it was only given up,
// or the fallback left it to the flow.
func (s *state) mayReturn() bool {
	return s.reason == EndedGone || s.reason == EndedFailed && s.Fallback.Action == FallbackCustom
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
	s.dropBacklog(now)
	s.bind.wanted, s.bind.log = nil, nil
	s.due.suspend, s.due.accept, s.due.goOn = never, never, never
	s.act(action{kind: closeAgent, reason: reason})
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
	if rpc := s.listening(); s.greeting == 0 && rpc != 0 && s.rpc(rpc).heard {
		return rpc
	}
	return 0
}
