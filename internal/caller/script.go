package caller

import (
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/structpb"

	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
)

// script is how far the caller has come in what to do.
type script struct {
	steps    []Step
	live     <-chan Step // brings more; nil: those are all
	begun    bool
	since    time.Duration // when the step began, by the media clock but for what is asked
	settled  time.Duration // since when nothing is left to wait for; negative: something is
	pressed  int           // keys of this step
	silences int           // that the server was told of in this step
	unheard  bool          // it was told that speech is lost
	acting   bool          // the step that waits for a prompt has interrupted it

	seen   *wire // what expectations look at
	seenTo int   // the entries in it

	act     anchor // the last thing that the caller did
	ending  string // the event with which the server ended the call
	unmet   []Unmet
	skipped string
}

// anchor is a place in the call.
type anchor struct {
	entry int
	at    time.Duration
}

// current is the step under way; hanging up when none is left.
func (s *script) current() Step {
	if len(s.steps) == 0 {
		return HangUp()
	}
	return s.steps[0]
}

// play goes on with the current step, once a tick.
func (c *call) play() {
	for c.phase == talking || c.phase == away {
		s := &c.script
		if !s.due() {
			return
		}
		if !s.begun {
			c.begin()
		}
		if s.current().asks() {
			if !c.ask() {
				return
			}
			continue
		}
		if !c.do() {
			return
		}
		s.next()
		if !s.current().asks() {
			return // one act a tick
		}
	}
}

func (s *script) next() {
	if len(s.steps) > 0 {
		s.steps = s.steps[1:]
	}
	s.begun = false
}

// begin begins the current step.
func (c *call) begin() {
	s, step := &c.script, c.script.current()
	s.begun, s.since, s.settled, s.pressed, s.unheard, s.acting = true, c.due(), -1, 0, false, false
	c.script.silences = 0
	switch step.act {
	case actSay, actNoise, actPress, actSilence, actNoInput, actSend, actCancel:
		c.mark()
	}
	switch step.act {
	case actSay:
		c.voice.say(step.speech)
	case actNoise:
		c.voice.noise(step.speech)
	}
}

// mark notes that the caller does something now, which is what expectations
// are about.
func (c *call) mark() {
	c.script.act = anchor{len(c.entries), c.now()}
}

// do carries the current step on and reports that it is over.
func (c *call) do() bool {
	s, step := &c.script, c.script.current()
	if c.phase == away && !step.passive() && step.act != actSend {
		c.giveUpScript(step, "the server has ended the call with "+s.ending)
		return false
	}
	switch step.act {
	case actSay, actNoise:
		return !c.voice.speaking()
	case actPress:
		return c.pressNext(step)
	case actSilence:
		return c.due()-s.since >= step.length
	case actWaitAnswer:
		return c.phase == away || c.answered()
	case actBargeIn:
		return c.bargeIn(step)
	case actSend:
		if c.opt.Start == WithSessionStart && !c.rpcs[0].closed {
			return false // Webex has half-closed SESSION_START before the flow can want anything
		}
		c.sendEvent(step)
		return true
	case actCancel:
		return c.cancelOne(step)
	case actVanish:
		c.vanish()
	case actNoInput:
		return c.script.silences > 0
	case actDo:
		step.do()
		return true
	default:
		c.leave(c.phase == talking || c.opt.EndAfterFinish)
	}
	return false
}

// pressNext presses a key when it is due and reports that all were pressed.
func (c *call) pressNext(step Step) bool {
	s, start := &c.script, c.opt.DTMFStart
	if step.startSet {
		start = step.start
	}
	if s.pressed < len(step.digits) && c.due()-s.since >= time.Duration(s.pressed)*c.opt.KeyGap {
		s.pressed++
		c.press(rune(step.digits[s.pressed-1]), start)
	}
	return s.pressed == len(step.digits)
}

// awaited reports whether anything said or pressed awaits an answer, or a prompt
// plays.
func (c *call) awaited() bool {
	if c.answering() != nil || c.player.busy() || c.keys.collecting {
		return true
	}
	if r := c.listen; r != nil {
		return r.heard || r.began
	}
	return c.mode != mediav1.VoiceVAInputMode_INPUT_EVENT_DTMF
}

// answered reports that nothing is awaited and that the caller has taken a moment
// to think.
func (c *call) answered() bool {
	s := &c.script
	if c.awaited() {
		s.settled = -1
	} else if s.settled < 0 {
		s.settled = c.due()
	}
	return s.settled >= 0 && c.due()-s.settled >= c.opt.Pause
}

// bargeIn waits for a prompt that may be interrupted and has played for long
// enough, then speaks or presses keys.
func (c *call) bargeIn(step Step) bool {
	s := &c.script
	if !s.acting {
		r := c.player.current()
		if r == nil || lengthOf(r.played) < step.length {
			if c.answered() {
				c.giveUpScript(step, fmt.Sprintf("no prompt that may be interrupted played for %v", step.length))
			}
			return false
		}
		s.acting, s.since = true, c.due()
		c.mark()
		if step.do != nil {
			step.do()
		}
		if step.digits == "" {
			c.voice.say(step.speech)
		}
	}
	if step.digits != "" {
		return c.pressNext(step)
	}
	return !c.voice.speaking()
}

// sendEvent sends an event that the flow wants sent.
func (c *call) sendEvent(step Step) {
	send := step.send
	if send.event == mediav1.EventInput_NO_INPUT {
		was := c.opt.NoInputOn
		if step.onSet {
			c.opt.NoInputOn = send.on
		}
		c.sendNoInput()
		c.opt.NoInputOn = was
		return
	}
	if send.event == mediav1.EventInput_SESSION_END {
		r := c.listen
		if r == nil || send.on == OnNewRPC || !step.onSet {
			c.leave(true)
			return
		}
		c.putEvent(r, send.event)
		c.leave(false)
		return
	}
	c.stopListening()
	c.phase = talking
	r := c.open()
	event := &mediav1.EventInput{EventType: send.event, Name: send.name}
	if len(send.params) > 0 {
		params, err := structpb.NewStruct(send.params)
		if err != nil { // the parser admits nothing else
			c.fail(fmt.Errorf("parameters of %v: %w", send.event, err))
			return
		}
		event.Parameters = params
	}
	c.putEventWith(r, event)
	c.halfClose(r)
	r.answers = true
}

// cancelOne gives up the RPC that listens or the one that answers. It waits a
// moment for one to be opened; without one there is nothing to do.
func (c *call) cancelOne(step Step) bool {
	r, which := c.listen, "listens"
	if step.answer {
		r, which = c.answering(), "answers"
	}
	if r == nil && c.due()-c.script.since < time.Second {
		return false
	}
	if r == nil {
		c.log(Entry{Kind: Note, Text: "nothing is given up: no RPC " + which})
		return true
	}
	c.giveUp(r, midCall)
	if c.listen == r {
		c.listen = nil
	}
	return true
}

// vanish cuts all RPCs: the network is lost.
func (c *call) vanish() {
	for _, r := range c.rpcs {
		c.giveUp(r, "the network is lost")
	}
	c.leave(false)
}

// comesBack reports whether the server ended the call with a custom event and
// the script has the flow come back.
func (c *call) comesBack() bool {
	return c.script.ending == eventCustom && (c.script.live != nil || slices.ContainsFunc(c.script.steps, func(s Step) bool {
		return s.act == actSend && (s.send.event == mediav1.EventInput_CUSTOM_EVENT || s.send.event == mediav1.EventInput_SESSION_START)
	}))
}
