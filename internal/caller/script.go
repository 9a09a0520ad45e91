package caller

import (
	"time"

	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
)

// script is how far the caller has come in what to do.
type script struct {
	steps   []Step
	begun   bool
	since   time.Duration // when the step began
	settled time.Duration // since when nothing is left to wait for; negative: something is
	pressed int           // keys of this step
	unheard bool          // it was told that speech is lost
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
	if c.phase != talking {
		return
	}
	s, step := &c.script, c.script.current()
	if !s.begun {
		s.begun, s.since, s.settled, s.pressed, s.unheard = true, c.now(), -1, 0, false
		if step.act == actSay {
			c.voice.say(step.speech)
		}
	}
	over := false
	switch step.act {
	case actSay:
		over = !c.voice.speaking()
	case actPress:
		over = c.pressNext(step.digits)
	case actSilence:
		over = c.now()-s.since >= step.length
	case actWaitAnswer:
		over = c.answered()
	case actHangUp:
		c.leave(true)
	}
	if over {
		s.steps, s.begun = s.steps[1:], false
	}
}

// pressNext presses a key when it is due and reports that all were pressed.
func (c *call) pressNext(digits string) bool {
	s := &c.script
	if s.pressed < len(digits) && c.now()-s.since >= time.Duration(s.pressed)*c.opt.KeyGap {
		s.pressed++
		c.press(rune(digits[s.pressed-1]))
	}
	return s.pressed == len(digits)
}

// answered reports that nothing said or pressed awaits an answer, that all
// prompts have been played and that the caller has taken a moment to think.
func (c *call) answered() bool {
	s := &c.script
	waits := c.answering() != nil || c.player.busy() || c.keys.collecting
	if r := c.listen; r == nil {
		waits = waits || c.mode != mediav1.VoiceVAInputMode_INPUT_EVENT_DTMF
	} else {
		waits = waits || r.heard || r.began
	}
	if waits {
		s.settled = -1
	} else if s.settled < 0 {
		s.settled = c.now()
	}
	return s.settled >= 0 && c.now()-s.settled >= c.opt.Pause
}
