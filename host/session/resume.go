package session

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/byova-host/byova-host/internal/audio"
)

func tooLongState(bytes int) string {
	return fmt.Sprintf("a state of %d bytes: at most %d are kept", bytes, MaxState)
}

// moveWanted takes note that the call should go to the process that takes over, if
// it is asked of the process that has the call or is about to.
func (s *state) moveWanted(number int, reads func(version uint32) bool) {
	if number == s.bind.number {
		s.bind.wanted = reads
	}
}

// movable says that the process may give the call back while it lives.
func (s *state) movable() bool {
	return s.traits.Movable || s.traits.OwnEndpointing && s.traits.Resume != ResumeNone
}

// suspend asks the process to give the call back, if a move is wanted and the call
// is between two turns.
func (s *state) suspend(now time.Duration) {
	b := &s.bind
	if b.wanted == nil || b.bond != bound || !b.accepted || !s.movable() || s.phase == unborn || s.botGone || s.leaving != nil || s.saying.prompt != 0 || !s.betweenTurns() {
		return
	}
	reads := b.wanted
	b.wanted = nil
	if len(s.saved.Data) > 0 && !reads(s.saved.Version) {
		s.act(action{kind: note, note: "the call stays in its process until it ends",
			detail: fmt.Sprintf("the next one does not read a state of version %d", s.saved.Version)})
		return
	}
	b.since = now
	s.due.suspend = now + suspendWait
	s.tell(now, Suspend{By: s.due.suspend})
	b.bond = suspending
}

// betweenTurns says that the last turn is closed and no input has begun since. A bot
// that finds speech itself may know better, and talk without end.
func (s *state) betweenTurns() bool {
	return s.turn == nil && s.greeting == 0 && !s.keying && (s.traits.OwnEndpointing ||
		!slices.ContainsFunc(s.play.prompts, func(p *prompt) bool { return !p.ended }))
}

// suspended takes the call back from its process. That has handled all it was sent.
func (s *state) suspended(now time.Duration, c Command, body Suspended) {
	switch {
	case s.bind.bond != suspending:
		s.refuse(now, c, "suspended", "nobody asked for it")
		return
	case s.departs(): // the bot's part is over anyway
		s.due.suspend = never
		return
	case len(body.State.Data) > MaxState:
		s.refuse(now, c, "suspended", tooLongState(len(body.State.Data)))
		return
	case len(body.State.Data) > 0 || body.State.Version > 0:
		s.saved = body.State
	}
	b := &s.bind
	b.log = slices.Delete(b.log, 0, b.sent)
	b.sent = 0
	s.unbind(now, ByTakeover, false)
}

// declined leaves the call where it is.
func (s *state) declined(now time.Duration, c Command) {
	if s.bind.bond != suspending {
		s.refuse(now, c, "declined", "nobody asked for it")
		return
	}
	s.due.suspend = never
	s.bind.bond = bound
	s.flushLog()
	s.repay(now, 0)
}

// lost takes note that the process is gone. The call goes on in another one, if the
// bot allows that.
func (s *state) lost(now time.Duration, number int, err error) {
	b := &s.bind
	suspicious := !errors.Is(err, ErrOtherCall)
	involved := suspicious && (s.turn != nil || !b.accepted) // an idle call has no part in what its process dies of
	switch {
	case s.botGone || number < b.number:
		return
	case b.bond == unbound: // the next one is gone before the session had it
		b.stillborn = err
		return
	case s.traits.Resume == ResumeNone || s.departs() || errors.Is(err, ErrNoResume):
		s.fallBack(now, botFailed, "the bot is gone: "+err.Error())
		return
	case involved && b.losses >= maxLosses:
		s.fallBack(now, botFailed, fmt.Sprintf("the bot is gone for the %dth time without an answer: %v", b.losses+1, err))
		return
	}
	if involved {
		b.losses++
	}
	s.unbind(now, ByCrash, suspicious && !errors.Is(err, errNotAccepted)) // it did not die
}

// unbind takes the call from its process and asks for another. Suspicious says that
// the call may be what the process died of.
func (s *state) unbind(now time.Duration, cause ResumeCause, suspicious bool) {
	b := &s.bind
	if cause == ByTakeover || !b.accepted { // it may live
		s.tell(now, Ended{Reason: EndedMoved})
	}
	if b.bond == bound {
		b.since = now
	}
	s.prune()
	b.bond, b.cause, b.stillborn, b.wanted = unbound, cause, nil, nil
	b.number++
	b.before = b.prompts
	s.due.suspend, s.due.accept, s.due.goOn, s.due.answer = never, never, never, never
	b.countAttempts()
	suspect := s.commit(now, suspicious)
	switch {
	case !suspicious:
	case s.introduced && now-b.came <= suddenly:
		b.sudden++
	default:
		b.sudden = 0
	}
	s.hush() // nothing waits behind it: the loss would
	s.endPrompts()
	b.sent = 0 // the next one was sent nothing
	s.act(action{kind: reopen, number: b.number, resumption: Resumption{State: s.saved, Suspect: suspect, Sudden: b.sudden > 1}})
}

// countAttempts has each turn that the process was told of come as another attempt,
// closed or not.
func (b *binding) countAttempts() {
	for i, l := range b.log[:b.sent] {
		if started, ok := l.Body.(TurnStarted); ok {
			started.Attempt++
			b.log[i].Body = started
		}
	}
}

// commit settles what becomes of the open turn. If something of its answer had
// left, that is kept, with what was saved in it. Otherwise what was saved is
// forgotten and the turn comes again.
func (s *state) commit(now time.Duration, suspicious bool) (suspect int) {
	b, t := &s.bind, s.turn
	b.partial = 0
	if t == nil {
		return 0
	}
	if t.begun {
		if t.saved != nil {
			s.saved, t.saved = *t.saved, nil
		}
		b.partial = t.id
		b.forget(t.id)
		return 0
	}
	t.saved = nil
	s.wished = t.wished
	s.takeBack(now, t.id)
	if s.FillerAfter > 0 && !t.inputOpen {
		s.due.filler = min(s.due.filler, now+lostFiller)
	}
	if !s.knows(t.id) {
		return 0 // it cannot have harmed the process
	}
	t.attempt++
	if suspicious && (!t.inputOpen || t.attempt > 2) { // many a caller is speaking when a process dies
		t.tries++
	}
	return t.tries
}

// knows says that the process was told of a turn.
func (s *state) knows(turn uint64) bool {
	return slices.ContainsFunc(s.bind.log[:s.bind.sent], func(l logged) bool {
		started, ok := l.Body.(TurnStarted)
		return ok && started.Turn == turn
	})
}

// takeBack drops the prompts of a turn, of which nothing has left.
func (s *state) takeBack(now time.Duration, turn uint64) {
	for _, p := range slices.Clone(s.play.prompts) {
		if p.turn == turn && p.id&hostPrompt == 0 {
			s.dropAudio(now, p.id)
		}
	}
	s.play.prompts = slices.DeleteFunc(s.play.prompts, func(p *prompt) bool { return p.turn == turn && p.id&hostPrompt == 0 })
}

// endPrompts takes note that no more comes of the prompts of a process.
func (s *state) endPrompts() {
	for i := range s.waiting {
		s.waiting[i].cost = 0 // the next process has credit of its own
	}
	for _, p := range s.play.prompts {
		p.ended = true
	}
	if rpc := s.speakingRPC(); rpc != 0 {
		s.act(action{kind: seal, rpc: rpc})
	}
}

// reopened gives the call to the process at which it goes on.
func (s *state) reopened(now time.Duration, in *input) {
	b := &s.bind
	if s.botGone || b.bond != unbound || in.number != b.number {
		return
	}
	if in.err != nil {
		s.fallBack(now, botFailed, "no process for the bot: "+in.err.Error())
		return
	}
	s.adopt(in.part.traits)
	if t := s.turn; t != nil && !t.inputOpen { // the bot has all the time again
		t.limit = now + s.AnswerLimit
		s.awaitAnswer(now)
	}
	b.bond, s.owed = bound, 0
	b.resumed++
	b.accepted = !s.introduced
	switch {
	case s.introduced:
		s.due.accept = now + acceptWait
		b.came = now
		s.introduce(now)
	case s.phase != unborn:
		s.introduced, b.came = true, now
		s.act(action{kind: tell, event: Event{Seq: 1, Body: s.started}})
	}
	s.flushLog()
	if b.sudden <= 1 && (s.turn == nil || s.turn.tries == 0) { // meanwhile
		s.act(action{kind: settled})
	}
	s.act(action{kind: resumed, pause: now - b.since, cause: b.cause})
	if err := b.stillborn; err != nil {
		b.stillborn = nil
		s.lost(now, b.number, err)
	}
}

// adopt takes over what the bot of the new process wants.
func (s *state) adopt(traits Traits) {
	s.traits = traits
	s.speech.recalls = traits.Audio == Utterances
	s.speech.setOn(!traits.OwnEndpointing, s.SpeechStart, s.told.EndSilence)
}

// introduce tells the process of a call that it resumes. It is the event that began
// the call, with a mark.
func (s *state) introduce(now time.Duration) {
	b := &s.bind
	started := s.started
	started.Format = s.speech.format
	b.tidy()
	r := Resumed{Cause: b.cause, State: s.saved, AfterSeq: b.newest, Attempt: 1, InterruptedTurn: b.partial, Prompts: b.prompts}
	if s.turn != nil && b.partial == 0 {
		r.Attempt = s.turn.attempt
	}
	if p := s.play.current(now); p != nil && p.id&hostPrompt == 0 {
		r.InFlight = p.id
		onItsWay := audio.Telephone.Duration(p.queued)
		r.Sent = audio.Telephone.Duration(p.sent) + onItsWay
		r.Left = max(0, p.to-now) + onItsWay
	}
	started.Resumed = &r
	s.act(action{kind: tell, event: Event{Seq: 1, Body: started}})
}

// tidy drops what is of no use to the next process: changes of format and the
// caller audio before the last one, since it is told that format at once, and the
// end of a turn that it does not know.
func (b *binding) tidy() {
	last := 0
	known := map[uint64]bool{b.partial: true}
	for i, l := range b.log {
		switch body := l.Body.(type) {
		case FormatChanged:
			last = i
		case TurnStarted:
			known[body.Turn] = true
		}
	}
	i := -1
	b.log = slices.DeleteFunc(b.log, func(l logged) bool {
		i++
		switch body := l.Body.(type) {
		case FormatChanged:
			return true
		case CallerAudio:
			return i < last
		case TurnEnded:
			return !known[body.Turn]
		default:
			return false
		}
	})
}

// flushLog sends the process what it was not sent yet.
func (s *state) flushLog() {
	s.prune()
	b := &s.bind
	for _, l := range b.log[b.sent:] {
		e := l.Event
		e.Replayed = e.Seq <= b.newest
		b.newest = max(b.newest, e.Seq)
		switch body := e.Body.(type) {
		case InputEnded:
			if s.turn != nil && s.turn.id == body.Turn {
				body.AnswerBy = s.due.answer
			}
			e.Body = body
		case CallerAudio:
			e.Body = CallerAudio{Data: slices.Clip(body.Data)} // two processes have it
		}
		s.act(action{kind: tell, event: e})
	}
	b.sent = len(b.log)
}

// accept takes note that a resumed process has the call.
func (s *state) accept(now time.Duration) {
	b := &s.bind
	if b.accepted {
		return
	}
	b.accepted, s.due.accept = true, never
	if b.partial != 0 {
		s.due.goOn = now + goOnWait
	}
}

// expireBinding does what is due between the session and its process.
func (s *state) expireBinding(now time.Duration) {
	if s.due.suspend <= now {
		s.due.suspend = never
		switch {
		case s.saying.prompt != 0: // what it said before is said
			s.due.suspend = now + suspendWait
		case !s.departs():
			s.unbind(now, ByTakeover, false) // with what was saved last
		}
	}
	if s.due.accept <= now {
		s.due.accept = never
		s.lost(now, s.bind.number, errNotAccepted)
	}
	if s.due.goOn <= now {
		s.closePartial(now)
	}
}

var errNotAccepted = fmt.Errorf("it has not taken the call within %v", acceptWait)

// closePartial closes a turn that a resumed bot does not go on with.
func (s *state) closePartial(now time.Duration) {
	s.due.goOn = never
	if s.turn != nil && s.turn.id == s.bind.partial {
		s.agree(s.turn.cause)
		s.closeTurn(now, Answered, Response{})
	}
}
