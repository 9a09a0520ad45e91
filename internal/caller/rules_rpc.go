package caller

import (
	"slices"
	"time"

	"google.golang.org/grpc/codes"
)

// The checks of RPCs that overlap, come again, are cancelled or come another way.

// blame names the rule that is broken when r failed: the first of those that
// say of such an RPC that it must not. None is where the call asked for an agent that is
// not there.
func (w *wire) blame(r *rpcLog) string {
	first := slices.ContainsFunc(w.rpcs, func(o *rpcLog) bool { return o.conn == 1 && o.failed() })
	switch code := r.status.Status; {
	case r.input == eventSessionEnd:
		return "R48"
	case r.back:
		return "R49"
	case r.n == 1 && r.input == eventSessionStart && code == codes.NotFound:
		return ""
	case r.again, !w.started && code == codes.FailedPrecondition:
		return "R10"
	case r.input == inputAudio && code == codes.InvalidArgument:
		return "R14"
	case r.conn > 1 && !first:
		return "R53"
	case r.afterCut:
		return "R52"
	case r.overlaps:
		return "R5"
	}
	return "R2"
}

// answerRule names the rule that wants an answer to r's input.
func (w *wire) answerRule(r *rpcLog) string {
	switch {
	case r.back:
		return "R49"
	case r.input == eventNoInput:
		return "R38"
	case r.input == inputKeys && (r.digits == "" || r.digits[len(r.digits)-1] == '#'):
		return "R36"
	case r.input == inputKeys && !r.announced:
		return "R35"
	case w.overtaken(r):
		return "R11"
	}
	return "R3"
}

// overtaken reports whether r ended because a newer RPC was opened.
func (w *wire) overtaken(r *rpcLog) bool {
	const soon = 200 * time.Millisecond
	return slices.ContainsFunc(w.rpcs[r.n:], func(o *rpcLog) bool { return o.opened < r.done.at && r.done.at-o.opened <= soon })
}

// checkStatus holds that RPCs of a kind do not fail. Which rule a failed one
// breaks is for blame to say.
func (w *wire) checkStatus(f *report, id, want string, of func(*rpcLog) bool) {
	for _, r := range w.rpcs {
		switch {
		case !r.done.set || r.cancelled.set || !of(r):
		case r.status.Status == codes.OK:
			f.kept(r.n, r.done.at)
		case w.blame(r) == id:
			f.broken(r.n, r.done.at, "want %s, got %v %q", want, r.status.Status, r.status.Text)
		}
	}
}

func checkOverlap(w *wire, f *report) {
	w.checkStatus(f, "R5", "an RPC taken that was opened while another was open", func(r *rpcLog) bool { return r.overlaps })
}

func checkOvertaken(w *wire, f *report) {
	for _, r := range w.rpcs {
		if r.overlaps && w.endedDeaf(r) {
			f.broken(r.n, r.done.at, "want the RPC open beside the older one until Webex half-closes it or is answered, it was completed")
		}
		newer := r.n < len(w.rpcs) && w.rpcs[r.n].opened < r.done.at
		if !newer || !w.answered(r) {
			continue
		}
		if r.final != nil {
			f.kept(r.n, r.done.at)
		} else if w.answerRule(r) == "R11" {
			f.broken(r.n, r.done.at, "want the answer sent to its end, its RPC was completed without FINAL when a newer one was opened")
		}
	}
}

func checkAgain(w *wire, f *report) {
	w.checkStatus(f, "R10", "a repeated SESSION_START, or a call without one, taken", func(r *rpcLog) bool { return r.again || !w.started && r.n == 1 })
	for _, r := range w.rpcs {
		if !r.again || !r.done.set || r.failed() || r.cancelled.set || w.over(r.done.at) {
			continue
		}
		for _, g := range r.responses {
			f.expect(len(g.Prompts)+len(g.Events) == 0, r.n, g.at, "want a plain FINAL to a repeated SESSION_START, got %d prompts and events %v", len(g.Prompts), g.Events)
		}
		if r.final == nil {
			f.warn(r.n, r.done.at, "a plain FINAL is the usual answer to a repeated SESSION_START, the RPC was completed without")
		}
	}
}

func checkDropped(w *wire, f *report) {
	for _, r := range w.rpcs {
		if !r.audio {
			continue
		}
		for _, p := range w.plays {
			if p.rpc != r.n && r.opened < p.to && (!r.done.set || r.done.at > p.from) && w.protected(p.rpc) {
				f.kept(r.n, p.from)
			}
		}
		for _, event := range []string{eventStartOfInput, eventEndOfInput} {
			for _, at := range r.events(event) {
				p, playing := w.playing(at, r.n)
				if playing && w.protected(p.rpc) && (len(r.spans) == 0 || r.spans[0].from > at) {
					f.broken(r.n, at, "want nothing heard while the prompt of rpc%d plays, which may not be interrupted; got %s", p.rpc, event)
				}
			}
		}
	}
}

func checkFormatTaken(w *wire, f *report) {
	w.checkStatus(f, "R14", "caller audio taken in any size and without its format", func(r *rpcLog) bool { return r.audio })
}

func checkTranscript(w *wire, f *report) {
	w.eachResponse(func(r *rpcLog, g got) {
		if g.Transcript || g.Summary {
			f.expect(g.terminal() || r.input == eventSessionEnd, r.n, g.at, "want session_transcript and session_summary in the response that ends the session; they are lost here")
		}
	})
}

func checkMixedInput(w *wire, f *report) {
	for _, r := range w.rpcs {
		if r.input != eventStartOfDTMF || !r.audio {
			continue
		}
		f.kept(r.n, r.last)
		for _, g := range r.responses {
			if g.input == eventStartOfDTMF && (g.has(eventStartOfInput) || g.has(eventEndOfInput)) {
				f.broken(r.n, g.at, "want no utterance from the audio before START_OF_DTMF, got %v", g.Events)
			}
		}
	}
}

func checkEarlyReprompt(w *wire, f *report) {
	w.eachResponse(func(r *rpcLog, g got) {
		unasked := r.audio && len(r.spans) == 0 && (g.input == inputAudio || g.input == "") && len(r.events(eventStartOfInput)) == 0
		if !unasked || len(g.Prompts) == 0 && !g.has(eventNoInput) || w.over(g.at) {
			return
		}
		p, playing := w.playing(g.at, r.n)
		f.expect(!playing, r.n, g.at, "want silence counted from the end of the prompt of rpc%d, which still plays", p.rpc)
	})
}

func checkReturn(w *wire, f *report) {
	w.checkStatus(f, "R49", "a flow taken that comes back after a custom event", func(r *rpcLog) bool { return r.back && r.status.Status != codes.OK })
	checkAnswer("R49")(w, f)
}

func checkAfterCancel(w *wire, f *report) {
	w.checkStatus(f, "R52", "the call to go on after an RPC was cancelled", func(r *rpcLog) bool { return r.afterCut && r.input != eventSessionEnd })
}

func checkConnections(w *wire, f *report) {
	w.checkStatus(f, "R53", "RPCs of another connection taken as the same conversation", func(r *rpcLog) bool { return r.conn > 1 })
}
