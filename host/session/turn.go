package session

import (
	"fmt"
	"time"
)

// openTurn begins a turn whose input came on rpc, and whose answer will go there.
// It interrupts whatever is going on.
func (s *state) openTurn(now time.Duration, rpc rpcID, cause TurnCause) *turn {
	switch s.greeting {
	case 0:
	case rpc:
		s.greeting, s.due.greet = 0, never
	default:
		s.greet(now)
	}
	if cause != ByStart || s.turn != nil { // what a bot says while it is introduced is its greeting
		s.interrupt(now, rpc)
	}
	if s.bind.sudden > 1 && s.bind.bond == bound {
		s.act(action{kind: settled})
	}
	s.bind.sudden = 0 // what the process dies of now is the turn
	s.prune()
	s.turns++
	s.turn = &turn{id: s.turns, cause: cause, rpc: rpc, inputOpen: true, attempt: 1, wished: s.wished, waited: -1}
	s.keying = false
	s.rpc(rpc).taken = true
	s.silences, s.ungreeted = 0, false
	if cause != BySpeech {
		s.speech.reset()
		s.flushWaiting(now, rpc)
		s.tell(now, TurnStarted{Turn: s.turn.id, Attempt: 1, Cause: cause})
	}
	return s.turn
}

// endInput says that the turn's input is complete and the bot's answer is due.
func (s *state) endInput(now time.Duration) {
	t := s.turn
	t.inputOpen, t.ended = false, now
	t.limit = now + s.AnswerLimit
	s.awaitAnswer(now)
	if s.FillerAfter > 0 {
		s.due.filler = now + s.FillerAfter
	}
	ended := InputEnded{Turn: t.id, AnswerBy: s.due.answer}
	s.due.speech = never
	if t.cause == BySpeech {
		ended.SpeechEnd = t.speechEnd
		if t.speechEnd == 0 { // it was cut off
			ended.SpeechEnd = s.speech.now
		}
	}
	if r := s.rpc(t.rpc); r != nil && !t.listens {
		r.ended = true
	}
	s.tell(now, ended)
}

// awaitAnswer sets when the bot must have said more: it may be silent for so long
// after what it said was heard, and talk for so long at all.
func (s *state) awaitAnswer(now time.Duration) {
	s.due.answer = min(max(now, s.play.ends)+s.AnswerWithin, s.turn.limit)
}

// overdue says what the bot owes in the open turn, whose time is over.
func (s *state) overdue(now time.Duration) string {
	if now >= s.turn.limit {
		return fmt.Sprintf("turn %d was not answered after %v", s.turn.id, s.AnswerLimit)
	}
	return fmt.Sprintf("nothing came in turn %d for %v", s.turn.id, s.AnswerWithin)
}

// closeTurn closes the open turn. This happens once to each turn, and the FINAL
// of its RPC belongs to it.
func (s *state) closeTurn(now time.Duration, how TurnEnd, last Response) {
	t := s.releaseTurn(now, how)
	s.finish(t.rpc, last)
}

// releaseTurn closes the open turn and leaves its RPC open for what follows.
func (s *state) releaseTurn(now time.Duration, how TurnEnd) *turn {
	t := s.turn
	s.turn, s.due.speech, s.due.answer, s.due.filler = nil, never, never, never
	s.quiet = now
	if t.cause == BySpeech && t.inputOpen {
		s.speech.reset() // what is said next is another utterance
	}
	s.play.endTurn(t.id)
	if s.saying.prompt != 0 && s.saying.command.Turn == t.id {
		s.hush()
	}
	if how == Interrupted {
		s.cut = t.id
	}
	if how != Answered {
		s.dropHeld(0) // half an answer
	}
	s.tell(now, TurnEnded{Turn: t.id, Reason: how})
	s.turnClosed(t, how)
	return t
}

// protected says that the prompt now playing must not be cut, so that the
// caller's input does not count. A text that is being spoken plays from when the bot
// said it; and the last words of a bot that leaves are heard.
func (s *state) protected(now time.Duration) bool {
	p := s.play.current(now)
	if text := s.play.find(s.saying.prompt); text != nil && (p == nil || p.id&hostPrompt != 0) {
		p = text
	}
	return s.saying.leave || p != nil && !p.bargeIn
}

// interrupt drops what is playing or being answered, because new input began. A
// prompt that must not be cut plays on. The RPC of the turn that is given up is
// completed, unless the input is on that very RPC.
func (s *state) interrupt(now time.Duration, by rpcID) {
	p := s.play.current(now)
	if p == nil && s.turn == nil {
		return
	}
	if !s.protected(now) {
		s.cutShort(now, p)
	}
	if s.turn == nil {
		return
	}
	if t := s.releaseTurn(now, Interrupted); t.rpc != by {
		s.final(t.rpc)
	}
}

// cutShort drops what is playing, tells the bot how much of it was heard.
func (s *state) cutShort(now time.Duration, p *prompt) {
	cut := BargedIn{}
	if s.turn != nil {
		cut.Turn = s.turn.id
	}
	switch {
	case p == nil:
	case p.id&hostPrompt != 0:
		cut.Turn = p.turn
	default:
		cut.Turn, cut.Prompt, cut.Heard = p.turn, p.id, p.heard(now)
	}
	s.tell(now, cut)
	s.dropAudio(now, 0)
	s.play.cut(now)
}

// dropAudio takes back the audio of a prompt that has not left; of all for 0.
func (s *state) dropAudio(now time.Duration, prompt uint64) {
	if prompt == 0 || prompt == s.saying.prompt {
		s.hush()
	}
	kept := s.waiting[:0]
	for _, r := range s.waiting {
		if prompt != 0 && r.prompt != prompt {
			kept = append(kept, r)
			continue
		}
		s.play.release(r.prompt, 0)
		s.repay(now, r.cost)
	}
	clear(s.waiting[len(kept):])
	s.waiting = kept
	s.dropHeld(prompt)
	s.act(action{kind: drop, response: Response{prompt: prompt}})
}
