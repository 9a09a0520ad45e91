package caller

import (
	"fmt"
	"time"
)

// Judge says which rules the server kept in a call, from the entries alone.
// Times of l that are zero have their defaults.
func Judge(entries []Entry, l Limits) Verdict {
	w := newWire(entries, l.withDefaults())
	var v Verdict
	for _, r := range rules {
		f := &report{Finding: Finding{Rule: r.id, Name: r.name, Outcome: NotSeen}}
		r.check(w, f)
		v.Findings = append(v.Findings, f.Finding)
	}
	return v
}

// report collects what a check finds.
type report struct{ Finding }

func (f *report) kept(rpc int, at time.Duration) {
	if f.Outcome == NotSeen {
		f.Outcome, f.Evidence = Kept, []Evidence{{RPC: rpc, At: at}}
	}
}

func (f *report) warn(rpc int, at time.Duration, format string, args ...any) {
	f.add(Warned, Evidence{rpc, at, fmt.Sprintf(format, args...)})
}

func (f *report) broken(rpc int, at time.Duration, format string, args ...any) {
	f.add(Broken, Evidence{rpc, at, fmt.Sprintf(format, args...)})
}

// add keeps the evidence of the worst outcome only.
func (f *report) add(o Outcome, e Evidence) {
	if f.Outcome == Broken && o == Warned {
		return
	}
	if f.Outcome != o {
		f.Outcome, f.Evidence = o, nil
	}
	f.Evidence = append(f.Evidence, e)
}

// expect notes a breach unless ok holds.
func (f *report) expect(ok bool, rpc int, at time.Duration, format string, args ...any) {
	if ok {
		f.kept(rpc, at)
	} else {
		f.broken(rpc, at, format, args...)
	}
}

// wire is a call as the checks look at it.
type wire struct {
	limits   Limits
	rpcs     []*rpcLog
	ended    time.Duration // the last thing that happened
	hungUp   moment        // SESSION_END was sent
	terminal moment        // the server ended the call
	by       int           // on this RPC
}

// moment is a time that may not have come.
type moment struct {
	at  time.Duration
	set bool
}

// first notes the first time something happens.
func (m *moment) first(at time.Duration) {
	if !m.set {
		*m = moment{at, true}
	}
}

// before reports whether m came and did so no later than at.
func (m moment) before(at time.Duration) bool { return m.set && m.at <= at }

// rpcLog is one RPC.
type rpcLog struct {
	n           int
	input       string // the event that was sent last, or "keys", "audio"
	sent        bool   // anything was sent
	audio       bool   // caller audio was sent
	halfClosed  moment
	last        time.Duration // half-close or last message
	spans       []span        // of speech
	responses   []got         // up to the FINAL that closes the answer
	late        []got         // after it
	final       *got
	interrupted moment
	cancelled   moment
	why         string // of the cancellation
	done        moment
	status      Entry
	deaf        bool // it was completed while it should have listened
}

// span is a stretch of speech.
type span struct {
	from, to time.Duration
	open     bool
}

// got is one message of the server.
type got struct {
	*Response
	at       time.Duration
	speaking bool // the caller was
	input    string
}

// inputAudio and inputKeys stand beside the names of events in rpcLog.input.
const (
	inputAudio = "audio"
	inputKeys  = "keys"
)

func newWire(entries []Entry, l Limits) *wire {
	w := &wire{limits: l}
	for _, e := range entries {
		w.ended = max(w.ended, e.At)
		if e.RPC < 1 {
			continue
		}
		for len(w.rpcs) < e.RPC {
			w.rpcs = append(w.rpcs, &rpcLog{n: len(w.rpcs) + 1})
		}
		r := w.rpcs[e.RPC-1]
		r.add(e)
		switch {
		case e.Kind == SentEvent && e.Event == eventSessionEnd:
			w.hungUp.first(e.At)
		case e.Kind == Responded && e.Response.terminal() && !w.terminal.set && !w.hungUp.set && !r.interrupted.set:
			w.terminal.first(e.At)
			w.by = r.n
		}
	}
	return w
}

func (r *rpcLog) add(e Entry) {
	switch e.Kind {
	case SentEvent:
		r.input, r.sent = e.Event, true
	case SentKeys:
		r.input, r.sent = inputKeys, true
	case SentAudio, SpeechStart:
		if r.audio = true; !r.sent {
			r.input, r.sent = inputAudio, true
		}
		if e.Kind == SpeechStart {
			r.spans = append(r.spans, span{from: e.At, open: true})
		}
	case SpeechEnd:
		if n := len(r.spans); n > 0 {
			r.spans[n-1].to, r.spans[n-1].open = e.At, false
		}
	case HalfClosed:
		r.halfClosed.first(e.At)
		r.last = e.At
	case Responded:
		r.last = e.At
		r.respond(got{Response: e.Response, at: e.At, speaking: r.speaking(), input: r.input})
	case Interrupted:
		r.interrupted.first(e.At)
	case Cancelled:
		r.cancelled.first(e.At)
		r.why = e.Text
	case Ended:
		r.done.first(e.At)
		r.status = e
		r.deaf = !r.halfClosed.set && r.final == nil
	}
}

func (r *rpcLog) respond(g got) {
	if r.final != nil {
		r.late = append(r.late, g)
		return
	}
	r.responses = append(r.responses, g)
	if g.final() {
		r.final = &r.responses[len(r.responses)-1]
	}
}

func (r *rpcLog) speaking() bool { return len(r.spans) > 0 && r.spans[len(r.spans)-1].open }

// events is when the server said an event on r.
func (r *rpcLog) events(name string) (at []time.Duration) {
	for _, list := range [][]got{r.responses, r.late} {
		for _, g := range list {
			if g.has(name) {
				at = append(at, g.at)
			}
		}
	}
	return at
}

// prompts are the messages with prompts.
func (r *rpcLog) prompts() (with []got) {
	for _, g := range r.responses {
		if len(g.Prompts) > 0 {
			with = append(with, g)
		}
	}
	return with
}

// mode says whether audio came in CHUNK messages, or in a FINAL alone.
func (r *rpcLog) mode() (chunked, wav bool) {
	for _, g := range r.responses {
		switch {
		case g.audio() == 0:
		case g.Type == typeChunk:
			chunked = true
		case g.Type == typeFinal:
			wav = true
		}
	}
	return chunked, wav && !chunked
}

// asked is when the input was complete that r is to answer; unset when no
// answer is due.
func (r *rpcLog) asked() moment {
	switch r.input {
	case eventSessionStart, eventNoInput, inputKeys, "CUSTOM_EVENT":
		return r.halfClosed
	case inputAudio:
		if at := r.events(eventEndOfInput); len(at) > 0 {
			return moment{at[0], true}
		}
	}
	return moment{}
}

// answered reports whether r had an answer due and had its chance to give it:
// it was not interrupted, cancelled or overtaken by the end of the call.
func (w *wire) answered(r *rpcLog) bool {
	if !r.asked().set || !r.done.set || r.status.Status != 0 || r.interrupted.set || r.cancelled.set {
		return false
	}
	over := w.hungUp.before(r.done.at) || w.terminal.before(r.done.at) && w.by != r.n
	return !over
}

// over reports whether the call had ended by then.
func (w *wire) over(at time.Duration) bool { return w.hungUp.before(at) || w.terminal.before(at) }

// firstAudio lists, for each answer, the time from the end of its input to the
// first audio.
func firstAudio(entries []Entry) (times []time.Duration) {
	for _, r := range newWire(entries, Limits{}.withDefaults()).rpcs {
		asked := r.asked()
		for _, g := range r.responses {
			if asked.set && g.audio() > 0 {
				times = append(times, max(0, g.at-asked.at))
				break
			}
		}
	}
	return times
}
