package caller

import (
	"fmt"
	"slices"
	"time"
)

// sight is a call as expectations look at it: what the timeline shows so far,
// and from where on it counts.
type sight struct {
	wire    *wire
	entries []Entry // since the caller's last act
	all     []Entry
	began   time.Duration // of that act
	now     time.Duration
	over    bool // nothing more is waited for
}

// look is the call as it stands.
func (c *call) look(over bool) sight {
	s := &c.script
	if s.seen == nil || s.seenTo != len(c.entries) {
		s.seen, s.seenTo = newWire(c.entries, c.opt.Limits), len(c.entries)
	}
	return sight{
		wire: s.seen, entries: c.entries[c.script.act.entry:], all: c.entries,
		began: c.script.act.at, now: c.now(), over: over,
	}
}

// takes is how long the server may need beyond the usual to show what is asked.
func (c *Check) takes() time.Duration {
	d := time.Duration(c.Within + c.FirstAudio)
	if c.Prompt != nil {
		d += time.Duration(c.Prompt.AtLeast)
	}
	return d
}

// look reports whether the condition is met, once that is decided, and else
// what came instead.
func (c *Check) look(s sight) (met, decided bool, why string) {
	switch {
	case c.Event != "":
		return c.lookEvent(s)
	case c.NoEvent != "":
		if at, ok := firstEvent(s.all, c.NoEvent); ok {
			return false, true, fmt.Sprintf("it came at %.3fs", at.Seconds())
		}
		return true, true, ""
	case c.Playback != "":
		return c.lookPlayback(s)
	case c.Ends != "":
		return c.lookEnd(s)
	}
	r, asked := s.answer()
	if r == nil {
		return false, s.over, "there was no answer"
	}
	switch {
	case c.Prompt != nil:
		return c.Prompt.look(s, r)
	case c.FirstAudio != 0:
		return c.lookFirstAudio(s, r, asked)
	case c.Input != nil:
		return c.Input.look(s, r)
	}
	return c.lookAnswer(s, r)
}

// firstEvent is when the server first said it.
func firstEvent(entries []Entry, name string) (time.Duration, bool) {
	for _, e := range entries {
		if e.Kind == Responded && e.Response.has(name) {
			return e.At, true
		}
	}
	return 0, false
}

// answer is the newest RPC since the last act whose input is complete, and when
// it was.
func (s sight) answer() (*rpcLog, time.Duration) {
	for i := len(s.wire.rpcs) - 1; i >= 0; i-- {
		r := s.wire.rpcs[i]
		asked := r.asked()
		if r.again {
			asked = r.halfClosed
		}
		if asked.set && asked.at >= s.began {
			return r, asked.at
		}
	}
	return nil, 0
}

// complete reports whether nothing more of the answer comes.
func (s sight) complete(r *rpcLog) bool { return r.final != nil || r.done.set || s.over }

// origin is the time from which an event's limit counts: the onset of speech for
// its start, its end for its end, else the end of the input.
func (s sight) origin(name string) (from time.Duration, what string, known bool) {
	speech := map[string]Kind{eventStartOfInput: SpeechStart, eventEndOfInput: SpeechEnd}[name]
	for _, e := range s.entries {
		if e.Kind == speech && speech != "" {
			from, known = e.At, true
			if speech == SpeechStart {
				break
			}
		}
	}
	switch {
	case known && speech == SpeechStart:
		return from, "the onset of speech", true
	case known:
		return from, "the end of speech", true
	}
	if r, asked := s.answer(); r != nil {
		return asked, "the end of the input", true
	}
	return s.began, "the caller began", speech == ""
}

func (c *Check) lookEvent(s sight) (met, decided bool, why string) {
	at, came := firstEvent(s.entries, c.Event)
	from, what, known := s.origin(c.Event)
	limit := time.Duration(c.Within)
	switch {
	case came && (limit == 0 || at-from <= limit):
		return true, true, ""
	case came:
		return false, true, fmt.Sprintf("it came %v after %s", at-from, what)
	case limit != 0 && known && s.now-from > limit:
		return false, true, fmt.Sprintf("it did not come within %v of %s", limit, what)
	}
	return false, s.over, "it did not come"
}

func (c *Check) lookPlayback(s sight) (met, decided bool, why string) {
	answer := 0
	if r, _ := s.answer(); r != nil {
		answer = r.n
	}
	for _, e := range s.entries {
		whole := e.Kind == PlayEnd
		switch {
		case e.Kind != PlayCut && !whole:
		case c.Playback == "cut" && !whole:
			return true, true, ""
		case c.Playback == "cut" && e.RPC != answer:
			return false, true, fmt.Sprintf("it was played to its end, %.2f s", e.Audio.Seconds())
		case c.Playback == "whole" && whole && (e.RPC == answer || answer == 0 && s.wire.protected(e.RPC)):
			return true, true, ""
		case c.Playback == "whole" && e.RPC == answer:
			return false, true, fmt.Sprintf("it was cut after %.2f s", e.Audio.Seconds())
		}
	}
	return false, s.over, "no prompt was played"
}

func (c *Check) lookEnd(s sight) (met, decided bool, why string) {
	for _, e := range s.entries {
		if e.Kind != Responded || !e.Response.terminal() {
			continue
		}
		why := c.otherEnd(e.Response)
		return why == "", true, why
	}
	return false, s.over, "the call went on"
}

// otherEnd says how an end differs from the one that is wanted.
func (c *Check) otherEnd(r *Response) string {
	if r.ending() != terminalNames[c.Ends] {
		return "it ended with " + r.ending()
	}
	if c.Name != "" && r.Name != c.Name {
		return fmt.Sprintf("the event is named %q", r.Name)
	}
	for key, want := range c.Metadata {
		got, ok := r.Metadata[key]
		if !ok {
			return fmt.Sprintf("the metadata has no %s", key)
		}
		if want != "" && fmt.Sprint(got) != want {
			return fmt.Sprintf("%s is %q", key, fmt.Sprint(got))
		}
	}
	switch {
	case c.Transcript && !r.Transcript:
		return "it brought no transcript"
	case c.Summary && !r.Summary:
		return "it brought no summary"
	}
	return ""
}

// audioTime is how long the answer's audio plays, as far as it came.
func (r *rpcLog) audioTime() (d time.Duration) {
	for _, g := range r.responses {
		d += played(g.Response)
	}
	return d
}

func (p *PromptCheck) look(s sight, r *rpcLog) (met, decided bool, why string) {
	for _, g := range r.responses {
		for _, prompt := range g.Prompts {
			if prompt.Bytes > 0 && p.BargeIn != nil && prompt.BargeIn != *p.BargeIn {
				return false, true, map[bool]string{true: "it may be interrupted", false: "it may not be interrupted"}[prompt.BargeIn]
			}
		}
	}
	length := r.audioTime()
	has := fmt.Sprintf("the answer has %.2f s of audio", length.Seconds())
	switch {
	case p.AtMost != 0 && length > time.Duration(p.AtMost):
		return false, true, has
	case length > 0 && length >= time.Duration(p.AtLeast) && (p.AtMost == 0 || s.complete(r)):
		return true, true, ""
	}
	return false, s.complete(r), has
}

func (c *Check) lookFirstAudio(s sight, r *rpcLog, asked time.Duration) (met, decided bool, why string) {
	limit := time.Duration(c.FirstAudio)
	for _, g := range r.responses {
		if g.audio() > 0 {
			return g.at-asked <= limit, true, fmt.Sprintf("it came after %v", g.at-asked)
		}
	}
	if s.complete(r) {
		return false, true, "the answer has no audio"
	}
	return false, s.now-asked > limit, fmt.Sprintf("none came within %v", limit)
}

func (c *Check) lookAnswer(s sight, r *rpcLog) (met, decided bool, why string) {
	chunked, wav := r.mode()
	got := "none"
	switch {
	case chunked:
		got = "chunks"
	case wav:
		got = "wav"
	case !s.complete(r):
		return false, false, ""
	}
	return got == c.Answer, true, map[string]string{
		"none": "the answer has no audio", "chunks": "the answer came in chunks", "wav": "the answer came as WAV"}[got]
}

func (i *InputCheck) look(s sight, r *rpcLog) (met, decided bool, why string) {
	if r.final == nil {
		return false, s.complete(r), "the answer did not end with FINAL"
	}
	next := r.nextInput()
	mode, got := next.InputMode, next.Input
	if got == nil {
		got = &Input{}
	}
	switch {
	case i.Mode != "" && !slices.Contains(inputModes[i.Mode].wire, mode):
		why = fmt.Sprintf("input_mode is %q", mode)
	case i.DTMFLength != nil && got.DTMFLength != *i.DTMFLength:
		why = fmt.Sprintf("it asks for entries of %d keys", got.DTMFLength)
	case i.Terminator != "" && got.Terminator != i.Terminator:
		why = fmt.Sprintf("its last key is %q", got.Terminator)
	case i.InterDigit != 0 && got.InterDigitMS != millis(time.Duration(i.InterDigit)):
		why = fmt.Sprintf("it waits %g ms between keys", got.InterDigitMS)
	case i.NoInput != 0 && got.NoInputMS != millis(time.Duration(i.NoInput)):
		why = fmt.Sprintf("it waits %g ms for input", got.NoInputMS)
	case i.Sensitive != nil && next.Sensitive != *i.Sensitive:
		why = map[bool]string{true: "it is sensitive", false: "it is not sensitive"}[next.Sensitive]
	}
	return why == "", true, why
}
