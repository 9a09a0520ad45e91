package session

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/byova-host/byova-host/internal/audio"
)

// command carries out what the bot wants, refuses it aloud, or drops it because
// its turn is closed.
func (s *state) command(now time.Duration, in *input) {
	c := in.command
	if in.number != s.bind.number { // its process could not know yet
		s.dropped++
		return
	}
	if s.saying.prompt != 0 && !mayOvertake(c) {
		s.await(now, in)
		return
	}
	if !s.botGone && s.aboutCall(now, c) {
		return
	}
	if s.late(c) {
		s.drop(now, c)
		return
	}
	switch body := c.Body.(type) {
	case StartPrompt:
		s.startPrompt(now, c, body)
	case PromptAudio:
		s.promptAudio(now, c, body)
	case Done:
		s.done(now, c, body)
	case SetInput:
		s.setInput(now, c, body)
	case Clear:
		s.clear(now, c.Prompt)
	case Leave:
		s.wantsToLeave(now, ending{Leave: body})
	case Endpoint:
		s.endpoint(now, c, body)
	case SetEndpointing:
		s.traits.OwnEndpointing = body.Own
		s.speech.setOn(!body.Own, s.SpeechStart, s.told.EndSilence)
	case Unknown:
		s.refuse(now, c, body.Name, "this host does not carry it out")
	}
}

// aboutCall carries out what concerns the call at its process, which is never too
// late while that has it.
func (s *state) aboutCall(now time.Duration, c Command) bool {
	switch body := c.Body.(type) {
	case Accepted:
		s.accept(now)
	case SaveState:
		s.saveState(now, c, body)
	case Suspended:
		s.suspended(now, c, body)
	case Declined:
		s.declined(now, c)
	case Measured:
		s.measured(now, c, body)
	case GiveUp:
		s.fallBack(now, botFailed, "the bot failed: "+body.Message)
	default:
		return false
	}
	return true
}

// measured hands on the bot's own numbers, if all their names can be used.
func (s *state) measured(now time.Duration, c Command, m Measured) {
	for name := range m.Values {
		if !measureName.MatchString(name) {
			s.refuse(now, c, "metrics", fmt.Sprintf("%.80q is no name of a number: want lower-case letters, digits and _, at most 64, with _total or _seconds at the end", name))
			return
		}
	}
	s.act(action{kind: measure, values: m.Values})
}

// measureName is what a bot may call its numbers.
var measureName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,55}(_total|_seconds)$`)

// late says that a command comes after the bot's part, or after its turn.
func (s *state) late(c Command) bool {
	return s.botGone || s.leaving != nil || s.phase == away ||
		(c.Turn != 0 && (s.turn == nil || s.turn.id != c.Turn))
}

// drop counts a command that came too late and returns the credit of its audio.
func (s *state) drop(now time.Duration, c Command) {
	s.dropped++
	if c.Turn == 0 || c.Turn != s.cut { // who was interrupted could not know yet
		s.noteOnce("a command of the bot came too late", fmt.Sprintf("%T of turn %d", c.Body, c.Turn))
	}
	if a, ok := c.Body.(PromptAudio); ok {
		s.unplay(now, len(a.Data))
	}
}

// unplay counts audio that nobody will hear, and returns its credit.
func (s *state) unplay(now time.Duration, bytes int) {
	s.unplayed += bytes
	s.repay(now, bytes)
}

// maxRefusalNotes bounds what a bot can write into the log by one call.
const maxRefusalNotes = 10

func (s *state) refuse(now time.Duration, c Command, name, why string) {
	s.tell(now, Refused{Ref: c.Ref, Command: name, Message: why})
	if s.refusals++; s.refusals <= maxRefusalNotes {
		s.act(action{kind: note, note: "a command of the bot was refused", detail: name + ": " + why})
	}
}

// maxPrompts bounds the prompts of a call that are being received or played.
const maxPrompts = 1000

func (s *state) startPrompt(now time.Duration, c Command, p StartPrompt) {
	if p.HoldUntilDone {
		s.refuse(now, c, "prompt", "hold is not supported: send the prompt when it is to play")
		return
	}
	if c.Prompt == 0 || c.Prompt&hostPrompt != 0 || s.play.find(c.Prompt) != nil {
		s.refuse(now, c, "prompt", "a prompt needs a number of its own, from 1")
		return
	}
	if c.Prompt <= s.bind.before {
		s.refuse(now, c, "prompt", fmt.Sprintf("prompts of a resumed call are counted on from %d, the last one before", s.bind.before))
		return
	}
	if len(s.play.prompts) >= maxPrompts {
		s.refuse(now, c, "prompt", fmt.Sprintf("%d prompts are not complete: end one first", maxPrompts))
		return
	}
	converter, err := audio.NewConverter(p.Format)
	if err != nil {
		s.refuse(now, c, "prompt", err.Error())
		return
	}
	greeting := s.greeting != 0 || s.turn != nil && s.turn.cause == ByStart
	bargeIn := p.BargeIn && (s.GreetingBargeIn || !greeting)
	started := &prompt{id: c.Prompt, turn: c.Turn, bargeIn: bargeIn, converter: converter}
	s.play.start(started)
	s.bind.prompts = max(s.bind.prompts, c.Prompt)
	if c.Turn != 0 && c.Turn == s.bind.partial {
		s.due.goOn = never // the answer goes on
	}
	if p.Text != "" {
		s.say(now, c, started, Text{Text: p.Text, Language: p.Language})
	}
}

func (s *state) promptAudio(now time.Duration, c Command, a PromptAudio) {
	p := s.play.find(c.Prompt)
	if p == nil || p.ended {
		s.unplay(now, len(a.Data)) // refused or cut
		return
	}
	data, err := p.convert(a)
	if err != nil { // what was good before is heard
		s.refuse(now, c, "audio", err.Error())
	}
	s.playOn(now, c, p, data, len(a.Data))
}

// playOn plays a piece of a prompt, as it plays. Cost is the credit that it had.
func (s *state) playOn(now time.Duration, c Command, p *prompt, data []byte, cost int) {
	if len(data) > 0 && s.turn != nil && c.Turn == s.turn.id {
		s.stopFilling()
	}
	if s.Answers == WAV {
		s.hold(now, c, p, data)
		s.repay(now, cost)
		return
	}
	s.sendAudio(now, p, Response{Type: Chunk, Audio: data, BargeIn: p.bargeIn, prompt: p.id, cost: cost})
}

// sendAudio sends audio of a prompt, or has it wait for an RPC. A bot that answers
// while the caller still speaks has heard enough; what it says of its own accord
// waits.
func (s *state) sendAudio(now time.Duration, p *prompt, r Response) {
	if s.turn != nil && s.turn.inputOpen && p.turn == s.turn.id && r.bytes() > 0 {
		s.endOfInput(now)
	}
	rpc := s.speakingRPC()
	switch {
	case r.bytes() == 0:
		s.repay(now, r.cost)
	case rpc == 0 || s.turn != nil && s.turn.inputOpen:
		p.held = true
		s.wait(r)
		return
	default:
		s.tellEndOfInput(now)
		p.queued += r.bytes()
		s.rpc(rpc).chunks = true
		s.respond(rpc, r)
		s.begin(now, p)
	}
	if p.ended && rpc != 0 {
		s.act(action{kind: seal, rpc: rpc})
	}
}

// wait keeps audio until an RPC can carry it.
func (s *state) wait(r Response) {
	if n := len(s.waiting); n > 0 && s.waiting[n-1].prompt == r.prompt && r.Text == nil {
		last := &s.waiting[n-1]
		last.Audio = append(last.Audio, r.Audio...)
		last.cost += r.cost
		return
	}
	s.waiting = append(s.waiting, r)
}

// hold keeps audio for the FINAL that will carry it, in WAV mode.
func (s *state) hold(now time.Duration, c Command, p *prompt, data []byte) {
	if len(data) == 0 {
		return
	}
	if why := s.full(len(data)); why != "" {
		p.ended = true
		s.unplayed += len(data)
		s.refuse(now, c, "audio", why)
		return
	}
	s.held.add(p.id, p.bargeIn, data)
	p.held = true
	s.awaitMore(now)
}

// flushWaiting plays what the bot said while no RPC could carry it.
func (s *state) flushWaiting(now time.Duration, rpc rpcID) {
	r := s.rpc(rpc)
	if len(s.waiting) == 0 || r == nil {
		return
	}
	r.chunks = true
	for _, w := range s.waiting {
		s.play.release(w.prompt, w.bytes())
		s.respond(rpc, w)
		p := s.play.find(w.prompt)
		if p == nil || p.ended {
			s.act(action{kind: seal, rpc: rpc})
		}
		if p != nil {
			s.begin(now, p)
		}
	}
	clear(s.waiting)
	s.waiting = s.waiting[:0]
}

// settle takes note of prompt audio that left, or that was taken back.
func (s *state) settle(now time.Duration, in *input) {
	if s.Answers == WAV {
		s.unread -= in.bytes
	}
	if in.kind == left {
		s.play.left(now, in.prompt, in.bytes)
		if in.prompt&hostPrompt == 0 {
			s.awaitMore(now)
		}
	} else {
		s.play.taken(in.prompt, in.bytes)
	}
	if in.prompt == s.saying.prompt && in.prompt != 0 {
		s.act(action{kind: allow, bytes: in.bytes})
	}
	if in.prompt > s.bind.before { // the credit of earlier processes died with them
		s.repay(now, in.cost)
	}
}

// awaitMore gives a bot that is answering more time.
func (s *state) awaitMore(now time.Duration) {
	if s.due.answer != never {
		s.awaitAnswer(now)
	}
}

// repay returns credit to the bot, in portions, once it has the call.
func (s *state) repay(now time.Duration, cost int) {
	s.owed += cost
	if s.bind.bond == bound && s.owed >= s.limits.credit/4 {
		s.tell(now, Credit{Bytes: s.owed})
		s.owed = 0
	}
}

func (s *state) done(now time.Duration, c Command, d Done) {
	if c.Turn == 0 {
		s.refuse(now, c, "done", "it names no turn")
		return
	}
	if s.turn.inputOpen {
		s.endOfInput(now)
	}
	s.tellEndOfInput(now)
	s.agree(s.turn.cause)
	if len(s.held.clips) > 0 {
		s.turn.answered(now)
	}
	s.closeTurn(now, Answered, Response{Event: d.Event, Clips: s.takeHeld()})
}

// agree makes what the bot wishes hold from now on; the FINAL of its answer tells
// Webex. What is sensitive is one input: words or keys, however long they take to
// come.
func (s *state) agree(answered TurnCause) {
	given := answered == BySpeech || answered == ByDTMF
	sensitive := s.wished.Sensitive || s.told.Sensitive && !given
	if s.wished.EndSilence != s.told.EndSilence && s.speech.on {
		s.speech.endpointer.SetEndSilence(s.wished.EndSilence)
	}
	s.wished.Sensitive = false
	s.told = s.wished
	s.told.Sensitive = sensitive
}

// wantsToLeave ends the bot's part as soon as an RPC can carry it.
func (s *state) wantsToLeave(now time.Duration, e ending) {
	if rpc := s.speakingRPC(); rpc != 0 {
		s.leave(now, rpc, e)
		return
	}
	s.leaving = &e
}

func (s *state) endpoint(now time.Duration, c Command, e Endpoint) {
	rpc := s.listening()
	switch {
	case !s.traits.OwnEndpointing:
		s.refuse(now, c, "endpoint", "the host does the endpointing for this plugin")
	case e.End:
		s.endSpeech(now, s.speech.near(e.At))
	case s.told.Mode == DTMFOnly:
		s.refuse(now, c, "endpoint", "keys were asked for, not speech")
	case rpc == 0 || !s.rpc(rpc).heard || s.protected(now):
		s.refuse(now, c, "endpoint", "no caller audio is being heard")
	default:
		s.startSpeech(now, rpc, s.speech.near(e.At))
	}
}

func (s *state) setInput(now time.Duration, c Command, w SetInput) {
	if w.HasOtherWish {
		s.refuse(now, c, "input", "sensitivity cannot be set yet on this host")
	}
	terminator, err := terminator(s.wished.Terminator, w.Terminator)
	if err != nil {
		s.refuse(now, c, "input", err.Error())
		return
	}
	in := s.wished
	in.Terminator = terminator
	in.Sensitive = in.Sensitive || w.Sensitive
	if w.Mode != nil {
		in.Mode = *w.Mode
	}
	set(&in.DTMFLength, w.DTMFLength)
	set(&in.InterDigit, w.InterDigit)
	set(&in.NoInput, w.NoInput)
	set(&in.MaxSpeech, w.MaxSpeech)
	set(&in.EndSilence, w.EndSilence)
	if err := in.Validate(); err != nil {
		s.refuse(now, c, "input", err.Error())
		return
	}
	s.wished = in
}

// set keeps the old value where the new one is zero.
func set[T comparable](old *T, wish T) {
	var zero T
	if wish != zero {
		*old = wish
	}
}

// keys are those of a telephone.
const keys = "0123456789*#ABCD"

func terminator(old byte, wish string) (byte, error) {
	switch {
	case wish == "":
		return old, nil
	case wish == "none":
		return 0, nil
	case len(wish) == 1 && strings.Contains(keys, wish):
		return wish[0], nil
	default:
		return 0, fmt.Errorf(`terminator %q is not a key: want 0-9, *, #, A-D or "none"`, wish)
	}
}
