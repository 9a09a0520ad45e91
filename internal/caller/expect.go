package caller

import (
	"encoding/json"
	"fmt"
	"time"
)

// Unmet is an expectation that was not met, or a step that could not be done.
type Unmet struct {
	Where string // file:line of the script; empty without one
	Step  string
	Text  string // what came instead
	At    time.Duration
}

// String reads like "menu.yaml:12 at 3.100s: expect no NO_INPUT: it came".
func (u Unmet) String() string {
	at := fmt.Sprintf("at %.3fs: ", u.At.Seconds())
	if u.Where != "" {
		at = u.Where + " " + at
	}
	return at + u.Step + ": " + u.Text
}

// MarshalJSON writes the fields that the package comment names.
func (u Unmet) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Where string  `json:"where,omitempty"`
		At    float64 `json:"at_ms"`
		Step  string  `json:"step"`
		Text  string  `json:"text"`
	}{u.Where, millis(u.At), u.Step, u.Text})
}

// miss notes what could not be done or was not met.
func (c *call) miss(step Step, why string) {
	u := Unmet{c.place(step), step.String(), why, c.now()}
	c.script.unmet = append(c.script.unmet, u)
	c.log(Entry{Kind: Note, Text: "unmet: " + u.String()})
}

// giveUpScript hangs up because a step cannot be done, without which the rest
// means nothing.
func (c *call) giveUpScript(step Step, why string) {
	c.miss(step, why)
	c.script.steps = nil
	c.leave(c.phase == talking || c.opt.EndAfterFinish)
}

// place is where the step stands.
func (c *call) place(step Step) string {
	if step.line == 0 {
		return ""
	}
	return fmt.Sprintf("%s:%d", c.opt.Script, step.line)
}

// ask holds the server against the current step and reports whether it was
// decided.
func (c *call) ask() bool {
	s, step := &c.script, c.script.current()
	if s.settled < 0 { // it may yet come with what was under way when the step began
		if s.since = c.now(); c.phase == away || !c.awaited() {
			s.settled = s.since
		}
	}
	const most = 10 * time.Second
	patience := most + step.check.takes()
	look := c.look(c.now()-s.since >= patience)
	met, decided, why := step.check.look(look)
	if !decided {
		return false
	}
	if s.next(); !c.judge(step, met, why) {
		s.steps = nil
		c.leave(c.phase == talking || c.opt.EndAfterFinish)
	}
	return true
}

// judge takes the outcome of a question over and reports whether the script can
// go on.
func (c *call) judge(step Step, met bool, why string) bool {
	switch {
	case met:
	case step.act == actExpect:
		c.miss(step, why)
	default:
		c.script.skipped = fmt.Sprintf("%s needs %v: %s", c.place(step), step.check, why)
		c.log(Entry{Kind: Note, Text: "skipped: " + c.script.skipped})
		return false
	}
	return true
}

// settleScript answers, at the end of the call, what is still asked, and notes
// the first step that the caller was kept from. A call that failed says why
// itself.
func (c *call) settleScript() {
	s := &c.script
	steps := s.steps
	s.steps = nil
	if c.failure != nil || c.phase >= leaving {
		return
	}
	for i, step := range steps {
		switch {
		case step.asks():
			met, _, why := step.check.look(c.look(true))
			if !c.judge(step, met, why) {
				return
			}
		case i == 0 && s.begun: // it was being done
		case step.act == actHangUp || step.act == actVanish:
			return
		case s.ending == "" || step.line == 0 || step.passive():
		default:
			c.miss(step, "the server has ended the call with "+s.ending)
			return
		}
	}
}
