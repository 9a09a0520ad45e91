package caller

import (
	"slices"
	"time"

	"google.golang.org/grpc/codes"
)

// wire is a call as the checks look at it.
type wire struct {
	limits  Limits
	rpcs    []*rpcLog
	ended   time.Duration // the last thing that happened
	hungUp  moment        // SESSION_END was sent
	endings []ending
	plays   []span // of prompts
	started bool   // SESSION_START was sent
	keyed   bool   // START_OF_DTMF was sent, and no entry since
	cut     moment // an RPC was given up while the call went on
}

// ending is where the server ended the call, and where the flow came back.
type ending struct {
	at   time.Duration
	by   int
	back moment
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
	conn        int
	opened      time.Duration
	overlaps    bool   // another RPC was open when it was opened
	afterCut    bool   // another had been given up before
	input       string // the event that was sent last, or "keys", "audio"
	sent        bool   // anything was sent
	audio       bool   // caller audio was sent
	digits      string // of keys
	announced   bool   // START_OF_DTMF came before the keys
	again       bool   // SESSION_START, but not the first
	back        bool   // the flow came back after a custom event
	tooLong     bool   // Webex ended the speech
	halfClosed  moment
	due         time.Duration // when the half-close was
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

// span is a stretch of speech, or of a prompt of an RPC.
type span struct {
	from, to time.Duration
	open     bool
	rpc      int
	cut      bool // of a prompt: the rest was dropped
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
		w.relate(r, e)
		r.add(e)
	}
	return w
}

// relate notes what an entry means beside its own RPC.
func (w *wire) relate(r *rpcLog, e Entry) {
	switch {
	case e.Kind == Opened:
		r.overlaps = slices.ContainsFunc(w.rpcs[:r.n-1], func(o *rpcLog) bool { return !o.done.set && !o.cancelled.set })
		r.afterCut = w.cut.set
	case e.Kind == SentEvent:
		w.relateEvent(r, e)
	case e.Kind == SentKeys:
		r.announced, w.keyed = w.keyed, false
	case e.Kind == Cancelled && e.Text == midCall:
		w.cut.first(e.At)
	case e.Kind == Responded && e.Response.terminal() && !w.over(e.At) && !r.interrupted.set:
		w.endings = append(w.endings, ending{at: e.At, by: r.n})
	case e.Kind == PlayStart:
		w.plays = append(w.plays, span{from: e.At, open: true, rpc: e.RPC})
	case (e.Kind == PlayEnd || e.Kind == PlayCut) && len(w.plays) > 0:
		p := &w.plays[len(w.plays)-1]
		p.to, p.open, p.cut = e.At, false, e.Kind == PlayCut
	}
}

func (w *wire) relateEvent(r *rpcLog, e Entry) {
	switch e.Event {
	case eventSessionEnd:
		w.hungUp.first(e.At)
	case eventStartOfDTMF:
		w.keyed = true
	case eventSessionStart, eventCustom:
		if n := len(w.endings); n > 0 && !w.endings[n-1].back.set {
			w.endings[n-1].back.first(e.At)
			r.back = true
		} else if e.Event == eventSessionStart && (w.started || r.n > 1) {
			r.again = true
		}
		w.started = w.started || e.Event == eventSessionStart
	}
}

func (r *rpcLog) add(e Entry) {
	switch e.Kind {
	case Opened:
		r.opened, r.conn = e.At, e.Conn
	case SentEvent:
		r.input, r.sent = e.Event, true
	case SentKeys:
		r.input, r.sent, r.digits = inputKeys, true, e.Digits
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
		if !r.halfClosed.set {
			r.due = e.due
		}
		r.halfClosed.first(e.At)
		r.last, r.tooLong = e.At, r.tooLong || e.Text != ""
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

// nextInput is what the answer says of the next input, in its FINAL or beside a
// prompt before. What comes with START_OF_INPUT is not of the answer.
func (r *rpcLog) nextInput() (next Response) {
	for _, g := range r.responses {
		if len(g.Prompts) == 0 && !g.final() {
			continue
		}
		if g.InputMode != "" {
			next.InputMode, next.Sensitive = g.InputMode, g.Sensitive
		}
		if g.Config {
			next.Config, next.Input = true, g.Input
		}
	}
	return next
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
	case eventSessionStart:
		if !r.again {
			return r.halfClosed
		}
	case eventNoInput, inputKeys, eventCustom:
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
	return !w.hungUp.before(r.done.at) && (w.endedBy(r.n) || !w.over(r.done.at))
}

// over reports whether the call had ended by then.
func (w *wire) over(at time.Duration) bool {
	return w.hungUp.before(at) || slices.ContainsFunc(w.endings, func(e ending) bool { return e.at <= at && !e.back.before(at) })
}

// endedDeaf reports whether the server completed an RPC on which it was to listen.
// When it ends the call it completes all of them, and what it sends on several RPCs
// at a time may arrive in another order.
func (w *wire) endedDeaf(r *rpcLog) bool {
	const skew = 100 * time.Millisecond
	return r.deaf && r.status.Status == codes.OK && !w.over(r.done.at+skew)
}

// endedBy reports whether the server ended the call on that RPC.
func (w *wire) endedBy(rpc int) bool {
	return slices.ContainsFunc(w.endings, func(e ending) bool { return e.by == rpc })
}

// failed reports whether r ended with an error that is the server's.
func (r *rpcLog) failed() bool {
	return r.done.set && !r.cancelled.set && r.status.Status != codes.OK
}

// playing is the prompt of another RPC that was playing at that time.
func (w *wire) playing(at time.Duration, but int) (span, bool) {
	for _, p := range w.plays {
		if p.rpc != but && p.from <= at && (p.open || at < p.to) {
			return p, true
		}
	}
	return span{}, false
}

// protected reports whether the prompts of that RPC may not be interrupted.
func (w *wire) protected(rpc int) bool {
	for _, g := range w.rpcs[rpc-1].prompts() {
		for _, p := range g.Prompts {
			if p.BargeIn {
				return false
			}
		}
	}
	return true
}

// inputEnd is when the end of the input was due that r answers.
func (r *rpcLog) inputEnd() time.Duration {
	n := len(r.spans)
	switch {
	case r.input != inputAudio:
		return r.due
	case n > 0 && !r.spans[n-1].open:
		return r.spans[n-1].to
	default: // the server ended what was no speech
		return r.asked().at
	}
}

// firstAudio lists Result.FirstAudio, and whether its first is the greeting's.
func firstAudio(entries []Entry) (times []time.Duration, greeted bool) {
	for _, r := range newWire(entries, Limits{}.withDefaults()).rpcs {
		asked := r.asked()
		for _, g := range r.responses {
			if asked.set && g.audio() > 0 {
				times = append(times, max(0, g.at-r.inputEnd()))
				greeted = greeted || r.n == 1 && r.input == eventSessionStart
				break
			}
		}
	}
	return times, greeted
}
