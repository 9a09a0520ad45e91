package session

import (
	"slices"
	"time"

	"github.com/byova-host/byova-host/internal/audio"
)

// rpcID is the ordinal of an RPC within its session, from 1.
type rpcID int

// never is a deadline that does not come.
const never = time.Duration(1<<63 - 1)

// input is something that happened: one of the kinds below with its fields.
type input struct {
	kind    inputKind
	rpc     rpcID
	stamp   uint64                    // opened
	request *Request                  // requested
	command Command                   // commanded
	number  int                       // commanded, lost, moveWanted, reopened: of the process; spoken: of the speech
	prompt  uint64                    // left, dropped: whose audio
	bytes   int                       // left, dropped: audio
	cost    int                       // left, dropped: credit
	err     error                     // gone, lost, reopened
	reads   func(version uint32) bool // moveWanted
	joined  *RPC                      // opened: for the one who carries actions out, not for step
	part    *part                     // reopened
	speech  []byte                    // spoken: mu-law
	over    bool                      // spoken: no more comes
	ask     chan<- Call               // queried
}

type inputKind uint8

const (
	tick       inputKind = iota // a deadline may be due
	opened                      // an RPC joined
	requested                   // a request came on it
	halfClosed                  // no more requests come on it
	gone                        // it was cancelled or cannot be written
	left                        // audio was handed to the wire
	dropped                     // audio was taken back before it left
	commanded                   // the agent wants something
	lost                        // the agent's process is gone
	moveWanted                  // another process is to take over
	reopened                    // the call has another process, or gets none
	spoken                      // some of a text was spoken
	stopped                     // the host stops
	queried                     // somebody wants to know how the call stands; not for step
)

// action is something to be done: one of the kinds below with its fields.
type action struct {
	kind       actionKind
	rpc        rpcID
	response   Response           // respond
	event      Event              // tell
	err        error              // complete: nil for an orderly end
	note       string             // note: what happened
	detail     string             // note: why
	reason     EndReason          // closeAgent
	number     int                // reopen: of the process that is wanted; speak: of the speech
	resumption Resumption         // reopen
	cause      ResumeCause        // resumed
	pause      time.Duration      // resumed: how long no process had the call; turnOver: how long the caller waited to be answered
	how        TurnEnd            // turnOver
	values     map[string]float64 // measure
	text       Text               // speak
	bytes      int                // allow
}

type actionKind uint8

const (
	respond    actionKind = iota // queue a response
	seal                         // the audio queued last is complete
	drop                         // take back a prompt's audio that has not left; all for prompt 0
	complete                     // end the RPC behind what is queued
	tell                         // send the agent an event
	closeAgent                   // the agent's part is over
	reopen                       // the call is to go on in another process
	resumed                      // it does
	turnOver                     // a turn was closed
	fellBack                     // the fallback took the call
	settled                      // the turn that came again is out of danger
	measure                      // the bot has numbers of its own
	speak                        // a text is to be spoken
	hush                         // it is not, any more
	allow                        // more of its speech may come
	note                         // worth a line in the log
)

// phase is where a session is in its life.
type phase uint8

const (
	unborn phase = iota // nothing was requested yet
	live
	away // the flow has the call and may bring it back
	dead
)

// rpcState is what the engine knows of an open RPC.
type rpcState struct {
	id         rpcID
	stamp      uint64
	taken      bool         // a turn or event is bound to it: it no longer listens
	heard      bool         // caller audio came on it
	ended      bool         // input on it is over: further audio is not heard
	chunks     bool         // prompt audio was queued on it
	started    bool         // START_OF_INPUT was sent on it
	partial    bool         // PARTIAL responses are welcome on it
	format     audio.Format // of its audio, as last said
	halfClosed bool
	since      time.Duration // when it joined
}

// turn is the caller's input and the answer to it.
type turn struct {
	id        uint64
	cause     TurnCause
	rpc       rpcID
	inputOpen bool // the caller is still speaking
	untold    bool // Webex is not told yet that the input ended
	listens   bool // the input is over, and what is said on its RPC is the next one
	speechAt  time.Duration
	speechEnd time.Duration // 0 until it was found
	limit     time.Duration // the input must be complete by then, and later the answer

	attempt int           // 1, and more when it comes again
	tries   int           // how often its process died, but for the first time with the input open
	begun   bool          // something of the answer is on its way to the caller
	ended   time.Duration // when its input was complete
	waited  time.Duration // from then to the answer; negative while there is none
	saved   *State        // in it, and not to be kept yet
	wished  InputConfig   // before it
}

// deadlines are all the times a session waits for; never means not now.
type deadlines struct {
	greet  time.Duration // do not wait longer for the first half-close
	speech time.Duration // the caller's audio stopped in mid-utterance
	answer time.Duration // the bot owes an answer
	filler time.Duration // the caller has waited long enough to be told so
	gone   time.Duration // no RPC was open for too long
	played time.Duration // a prompt ends
	quiet  time.Duration // Webex should have reported no input
	old    time.Duration // the call has taken too long

	suspend time.Duration // the process has not given the call back
	accept  time.Duration // the next process has not taken it
	goOn    time.Duration // the bot does not go on with an answer that had partly left
}

var noDeadlines = deadlines{never, never, never, never, never, never, never, never, never, never, never}

func (d *deadlines) next() time.Duration {
	return min(d.greet, d.speech, d.answer, d.filler, d.gone, d.played, d.quiet, d.old, d.suspend, d.accept, d.goOn)
}

// limits are the settings of all sessions; see Config for their meaning.
type limits struct {
	greetWait    time.Duration
	cancelGrace  time.Duration
	idle         time.Duration
	customReturn time.Duration
	credit       int
}

// state is all that a session knows. Only step changes it.
type state struct {
	id     string
	key    Key
	agent  string
	traits Traits
	limits limits
	Settings

	phase     phase
	rpcs      []*rpcState // the open ones, in the order in which they joined
	newest    uint64      // highest stamp begun
	greeting  rpcID       // RPC of a SESSION_START that was not half-closed yet; 0 for none
	ungreeted bool        // that RPC broke off before the bot could greet
	cancelled bool        // the last RPC to end was cancelled
	due       deadlines

	turn     *turn // the open one, or nil
	turns    uint64
	silences int           // no input in a row
	quiet    time.Duration // since when the caller may have been silent
	counted  time.Duration // when the host itself found no input; 0: not yet
	returned *Request      // SESSION_START with which the flow came back
	told     InputConfig   // how input is taken, as Webex was told
	wished   InputConfig   // how the bot wants it taken after its next answer
	play     playback
	waiting  []Response // spontaneous audio that no RPC can carry yet
	saying   saying     // the text that is being spoken
	held     held       // WAV mode: what the next answer will say
	unread   int        // WAV mode: bytes of prompts on their way to the wire
	leaving  *ending    // what ends the bot's part once an RPC can carry it
	speech   speech
	keying   bool // the first key of an entry was pressed

	bind         binding
	callLanguage string  // as last said by Webex; empty: not yet
	started      Started // what began the call
	introduced   bool    // a process was told of it
	saved        State   // what the bot saved last and is to be kept

	seq      uint64
	clips    uint64 // the host's own prompts
	filling  uint64 // the filler that is being sent; 0 for none
	owed     int    // credit not returned yet
	botGone  bool
	cut      uint64 // the last turn that was interrupted
	dropped  int    // commands that came too late
	unplayed int    // bytes of the bot's audio that came too late or were too much
	refusals int
	noted    map[string]bool // what is worth one line in the log has had it
	reason   EndReason
	detail   string
	outgoing []action
}

func newState(id string, key Key, agent string, traits Traits, limits limits, settings Settings) *state {
	s := &state{
		id: id, key: key, agent: agent, traits: traits, limits: limits, Settings: settings,
		due:    noDeadlines,
		told:   settings.Input,
		wished: settings.Input,
		speech: newSpeech(traits, settings),
		bind:   binding{accepted: true},
		noted:  map[string]bool{},
	}
	if s.MaxDuration > 0 {
		s.due.old = s.MaxDuration
	}
	return s
}

// step takes what happened at now, counted from the session's start, and returns
// what is to be done. It does nothing else, so that any order of any inputs can
// be tried. The result is valid until the next step.
func (s *state) step(now time.Duration, in *input) []action {
	clear(s.outgoing)
	s.outgoing = s.outgoing[:0]
	if s.phase != dead {
		s.expire(now)
	}
	if s.phase == dead { // perhaps since just now
		return s.afterlife(now, in)
	}
	switch in.kind {
	case opened:
		s.opened(now, in)
	case requested:
		s.requested(now, in.rpc, in.request)
	case halfClosed:
		s.halfClosed(now, in.rpc)
	case gone:
		s.gone(now, in.rpc, in.err)
	case left, dropped:
		s.settle(now, in)
	case commanded:
		s.command(now, in)
	case spoken:
		s.spoken(now, in)
	case lost:
		if s.saying.prompt != 0 && in.number == s.bind.number {
			s.await(now, in) // what it said before is said
			break
		}
		s.lost(now, in.number, in.err)
	case moveWanted:
		s.moveWanted(in.number, in.reads)
	case reopened:
		s.reopened(now, in)
	case stopped:
		s.shutDown(now)
	}
	s.catchUp(now)
	s.watch(now)
	return s.outgoing
}

// expire does whatever is due, so that no timer can be stale.
func (s *state) expire(now time.Duration) {
	if s.due.greet <= now {
		s.greet(now)
	}
	if s.due.speech <= now {
		s.due.speech = never
		s.endSpeech(now, s.speech.now)
	}
	if s.due.filler <= now {
		s.fill(now)
	}
	if s.due.answer <= now {
		s.due.answer = never
		s.fallBack(now, botFailed, "the bot did not answer in time: "+s.overdue(now))
	}
	if s.due.old <= now {
		s.due.old = never
		s.fallBack(now, tooLong, "the call has lasted "+s.MaxDuration.String())
	}
	if s.due.quiet <= now {
		s.backstop(now)
	}
	s.expireBinding(now)
	if s.due.played <= now {
		for _, id := range s.play.finished(now) {
			s.tell(now, PromptDone{Prompt: id})
		}
	}
	if s.due.gone <= now {
		s.end(now, EndedGone, "no RPC followed")
	}
}

// watch sets the deadlines that follow from the state as a whole.
func (s *state) watch(now time.Duration) {
	if s.phase == dead {
		return
	}
	s.suspend(now)
	s.due.played = s.play.nextFinish()
	s.due.quiet = s.quietUntil()
	switch {
	case len(s.rpcs) > 0:
		s.due.gone = never
	case s.due.gone == never || s.play.ends > now:
		s.due.gone = max(now, s.play.ends) + s.patience()
	}
}

// patience is how long a call without RPCs is kept.
func (s *state) patience() time.Duration {
	switch {
	case s.phase == away:
		return s.limits.customReturn
	case s.cancelled:
		return s.limits.cancelGrace
	default:
		return s.limits.idle
	}
}

// afterlife completes whatever still comes: none of it is an error. A bot that
// goes on after it has ended its part is worth a line; others could not know.
func (s *state) afterlife(now time.Duration, in *input) []action {
	switch {
	case in.kind == opened:
		s.act(action{kind: complete, rpc: in.rpc})
	case in.kind == commanded && s.reason == EndedByBot && in.number == s.bind.number:
		s.drop(now, in.command)
	}
	return s.outgoing
}

func (s *state) act(a action) { *s.next() = a }

// next is one more thing to be done, empty as yet. Actions are large: those that each
// frame has are filled in where they stand.
func (s *state) next() *action {
	if n := len(s.outgoing); n < cap(s.outgoing) {
		s.outgoing = s.outgoing[:n+1] // it was cleared
	} else {
		s.outgoing = append(s.outgoing, action{})
	}
	return &s.outgoing[len(s.outgoing)-1]
}

func (s *state) respond(rpc rpcID, r Response) {
	if s.rpc(rpc) == nil {
		return // broken off
	}
	for _, c := range r.Clips {
		s.unread += c.bytes()
	}
	a := s.next()
	a.kind, a.rpc, a.response = respond, rpc, r
}

// tell sends the bot an event that happened now.
func (s *state) tell(now time.Duration, body EventBody) { s.tellAt(now, body) }

// tellAt sends the bot an event with a time of its own.
func (s *state) tellAt(at time.Duration, body EventBody) {
	if s.botGone {
		return
	}
	s.seq++
	s.send(Event{Seq: s.seq, At: at, Body: body})
}

// listening is the RPC that the caller's next input is expected on, or 0: the
// newest begun, as the wire ordered them, unless it is bound already. When that
// has ended, an older one that was listened to before is again.
func (s *state) listening() rpcID {
	var last *rpcState
	for _, r := range s.rpcs {
		if last == nil || r.stamp > last.stamp {
			last = r
		}
	}
	if last == nil || last.taken || (s.stale(last) && !last.heard) {
		return 0
	}
	return last.id
}

// rpc is an open RPC, or nil.
func (s *state) rpc(id rpcID) *rpcState {
	for _, r := range s.rpcs {
		if r.id == id {
			return r
		}
	}
	return nil
}

// answering says that an RPC carries the open turn.
func (s *state) answering(rpc rpcID) bool { return s.turn != nil && s.turn.rpc == rpc }

// complete ends an RPC in order. Behind prompt audio a FINAL must stand.
func (s *state) complete(rpc rpcID) {
	r := s.rpc(rpc)
	if r == nil {
		return
	}
	if r.chunks {
		if s.turn == nil {
			s.agree(ByCustom)
		}
		s.final(rpc)
		return
	}
	s.forget(rpc, nil)
}

// final completes an RPC with a FINAL after which further input is expected.
func (s *state) final(rpc rpcID) { s.finish(rpc, Response{}) }

// finish completes an RPC with a FINAL that says more.
func (s *state) finish(rpc rpcID, last Response) {
	if s.rpc(rpc) == nil {
		return
	}
	input := s.told
	last.Type, last.Input = Final, &input
	s.respond(rpc, last)
	s.forget(rpc, nil)
}

// noteOnce puts a line into the log the first time that something happens in a
// call.
func (s *state) noteOnce(what, detail string) {
	if !s.noted[what] {
		s.noted[what] = true
		s.act(action{kind: note, note: what, detail: detail})
	}
}

func (s *state) forget(rpc rpcID, err error) {
	s.rpcs = slices.DeleteFunc(s.rpcs, func(r *rpcState) bool { return r.id == rpc })
	s.cancelled = false
	s.act(action{kind: complete, rpc: rpc, err: err})
}
