package session

import (
	"slices"
	"time"
)

const (
	// suspendWait is how long a process may take to give a call back, and
	// acceptWait to take one that is resumed: as long as it may take for anything.
	suspendWait = 2 * time.Second
	acceptWait  = 5 * time.Second
	// goOnWait is how long a resumed bot may take to go on with an answer that had
	// partly left.
	goOnWait = time.Second
	// lostFiller is how long a caller waits for an answer whose process died before
	// the filler is played.
	lostFiller = time.Second
	// maxCut is how many turns in a row are kept that were cut before the bot
	// showed that it had seen them.
	maxCut = 8
	// maxLosses is how often in a row, with no answer between, a call may lose its
	// process in a turn, or before it has taken the call.
	maxLosses = 5
	// suddenly is how soon a process dies that may have died of being told of a call.
	suddenly = 100 * time.Millisecond
	// Caller audio outside of a turn that a process was sent is kept for a moment,
	// because an utterance is recognised late, and for longer while no process has
	// the call.
	keptBehind, keptAhead = kept, 5 * time.Second
	// pruneEvery is how many events are logged until the old ones are forgotten.
	pruneEvery = 8
	// keptAside is for all that a process was sent between two turns beside audio.
	keptAside = time.Minute
)

// bond says whether a process has the call.
type bond uint8

const (
	bound      bond = iota
	suspending      // it was asked to give the call back
	unbound         // the call waits for a process to go on at
)

// binding is the tie between a session and the process that answers it. A move and
// a crash take one path: unbind, and bind again. What the caller does meanwhile is
// kept and told to the next process.
type binding struct {
	bond      bond
	number    int           // of the process: what an earlier one says is late
	accepted  bool          // it has taken the call
	stillborn error         // it was lost before the session had it
	since     time.Duration // when it was asked to give the call back, or was lost
	cause     ResumeCause   // why the call was unbound last

	wanted func(version uint32) bool // a move, to a process that reads these versions; or nil

	log      []logged      // what the next process is to be told, in order
	current  time.Duration // of the newest event outside of input: what is older than it by much is not kept
	unpruned int           // events since the log was pruned
	sent     int           // how much of it this process was sent
	newest   uint64        // the highest number that a process was sent
	partial  uint64        // the open turn, when its answer had partly left; or 0
	losses   int           // since the last answer, with a part in them
	came     time.Duration // when this process was told of the call
	sudden   int           // how often in a row one died as soon as it was
	resumed  int           // how often the call came to another process
	unheard  int           // bytes of caller audio that no process could take

	prompts uint64 // the highest number of a prompt
	before  uint64 // prompts up to it are of earlier processes
}

// logged is an event and the turn that it belongs to or leads to.
type logged struct {
	Event
	turn uint64
}

// keeps says that the call may go on in another process.
func (s *state) keeps() bool { return s.traits.Resume != ResumeNone || s.traits.Movable }

// send tells the bot an event, or keeps it until a process has the call.
func (s *state) send(e Event) {
	b := &s.bind
	switch e.Body.(type) {
	case Started, Suspend, Ended: // this process's part begins, pauses or ends
		if b.bond != unbound {
			s.act(action{kind: tell, event: e})
		}
		return
	case Credit, Refused: // another process could do nothing with it
		if b.bond == bound {
			s.act(action{kind: tell, event: e})
		}
		return
	}
	if _, done := e.Body.(PromptDone); s.keeps() && (!done || b.bond != bound) {
		b.log = append(b.log, logged{e, s.leadsTo(e.Body)})
	}
	if b.bond == bound {
		b.newest, b.sent = e.Seq, len(b.log)
		a := s.next()
		a.kind, a.event = tell, e
	}
	if s.turn == nil || !s.turn.inputOpen {
		b.current = e.At
		if b.unpruned++; b.unpruned >= pruneEvery {
			s.prune()
		}
	}
}

// leadsTo is the turn that an event belongs to, or else the next one.
func (s *state) leadsTo(body EventBody) uint64 {
	next := s.turns + 1
	switch body := body.(type) {
	case TurnEnded:
		return body.Turn
	case BargedIn:
		return next
	case CallerAudio:
		if s.turn != nil && !s.turn.inputOpen {
			return next
		}
	}
	if s.turn != nil {
		return s.turn.id
	}
	return next
}

// prune forgets what belongs to no turn yet, when it is old. It looks at all that is
// kept, which is not worth it for each frame: before the log is used, and before a turn
// begins, it is enough.
func (s *state) prune() {
	b := &s.bind
	b.unpruned = 0
	sent, kept := 0, b.log[:0]
	for i, l := range b.log {
		told := i < b.sent
		if l.turn > s.turns && l.At < b.current-keptFor(l.Body, told) {
			if heard, ok := l.Body.(CallerAudio); ok && !told {
				b.unheard += len(heard.Data)
			}
			continue
		}
		if told {
			sent++
		}
		kept = append(kept, l)
	}
	clear(b.log[len(kept):])
	b.log, b.sent = kept, sent
}

// keptFor is how long an event is kept that belongs to no turn yet.
func keptFor(body EventBody, told bool) time.Duration {
	_, audio := body.(CallerAudio)
	switch {
	case audio && told:
		return keptBehind
	case audio:
		return keptAhead
	case told:
		return keptAside
	default:
		return never // no process was told: it is not lost
	}
}

// forget drops what this process was sent of the turns up to one.
func (b *binding) forget(turn uint64) {
	kept := slices.DeleteFunc(b.log[:b.sent:b.sent], func(l logged) bool { return l.turn <= turn })
	n := len(kept)
	b.log = append(kept, b.log[b.sent:]...)
	b.sent = n
}

// turnClosed keeps of a closed turn what the next process must be told. An answered
// one is done with. One that was cut before anything of its answer had left may not
// have been seen by the bot yet: it is kept until the bot shows that it has gone on.
func (s *state) turnClosed(t *turn, how TurnEnd) {
	done := t.begun || t.saved != nil || how == Answered
	if t.saved != nil {
		s.saved, t.saved = *t.saved, nil
	}
	if t.tries > 0 && !t.begun {
		s.act(action{kind: settled})
	}
	s.act(action{kind: turnOver, how: how, pause: t.waited})
	switch {
	case s.bind.bond == unbound: // no process knows of its end
	case done:
		s.bind.forget(t.id)
	case t.id > maxCut:
		s.bind.forget(t.id - maxCut)
	}
	if how == Answered {
		s.bind.losses = 0
	}
	if s.bind.partial == t.id {
		s.bind.partial, s.due.goOn = 0, never
	}
}

// saveState keeps what the bot saved. What it saves in an open turn counts once
// something of the answer has left or the turn is closed: only so is a turn that
// comes again after a crash neither counted twice nor lost.
func (s *state) saveState(now time.Duration, c Command, save SaveState) {
	switch t := s.turn; {
	case len(save.State.Data) > MaxState:
		s.refuse(now, c, "state", tooLongState(len(save.State.Data)))
	case t != nil && t.id == c.Turn:
		t.saved = &save.State
	default:
		if t != nil && t.saved != nil {
			t.saved = &save.State // newer
		}
		s.saved = save.State
		s.bind.forget(min(c.Turn, s.closed())) // it has seen that turn, and all before
	}
}

// closed is the last turn that was closed.
func (s *state) closed() uint64 {
	if s.turn != nil {
		return s.turn.id - 1
	}
	return s.turns
}

// begin takes note that something of the open turn's answer is on its way.
func (s *state) begin(now time.Duration, prompt *prompt) {
	t := s.turn
	if t == nil || prompt.turn != t.id || t.begun {
		return
	}
	t.begun = true
	t.answered(now)
	if t.tries > 0 {
		s.act(action{kind: settled})
	}
}

// answered takes note of when the caller was answered first.
func (t *turn) answered(now time.Duration) {
	switch {
	case t.waited >= 0:
	case t.inputOpen:
		t.waited = 0
	default:
		t.waited = now - t.ended
	}
}
