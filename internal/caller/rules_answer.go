package caller

import (
	"time"

	"google.golang.org/grpc/codes"
)

// The checks of what an answer looks like and how a call ends.

func checkMode(w *wire, f *report) {
	first, name := 0, ""
	for _, r := range w.rpcs {
		chunked, wav := r.mode()
		mode := "CHUNK"
		switch {
		case !chunked && !wav:
			continue
		case wav:
			mode = "WAV"
		}
		if first == 0 {
			first, name = r.n, mode
		}
		f.expect(mode == name, r.n, r.last, "want %s answers as on rpc%d, this one is %s", name, first, mode)
	}
}

// eachPrompt calls check for each prompt of the answers in the given mode.
func (w *wire) eachPrompt(wavMode bool, check func(r *rpcLog, g got, p Prompt)) {
	for _, r := range w.rpcs {
		chunked, wav := r.mode()
		if wavMode && !wav || !wavMode && !chunked {
			continue
		}
		for _, g := range r.responses {
			for _, p := range g.Prompts {
				check(r, g, p)
			}
		}
	}
}

func checkWAV(w *wire, f *report) {
	w.eachPrompt(true, func(r *rpcLog, g got, p Prompt) {
		if p.Bytes > 0 && g.Type == typeFinal {
			f.expect(p.WAV, r.n, g.at, "want a WAV header on audio that comes with FINAL, got %d bytes without", p.Bytes)
		}
	})
	for _, r := range w.rpcs {
		for _, g := range r.late {
			if r.secondFinal(g) {
				f.broken(r.n, g.at, "want one FINAL with all prompts, got another with %d", len(g.Prompts))
			}
		}
	}
}

// secondFinal reports whether g is a further answer on the RPC of a WAV answer.
func (r *rpcLog) secondFinal(g got) bool {
	_, wav := r.mode()
	return wav && g.Type == typeFinal && g.audio() > 0
}

func checkFormat(w *wire, f *report) {
	for _, r := range w.rpcs {
		for _, g := range r.responses {
			for _, p := range g.Prompts {
				if p.WAV && g.Type != typeChunk {
					f.expect(p.Flaw == "", r.n, g.at, "want mu-law at 8000 Hz in one channel, got %s", p.Flaw)
				}
			}
		}
	}
}

func checkChunks(w *wire, f *report) {
	const least, most = 100, 65536
	w.eachPrompt(false, func(r *rpcLog, g got, p Prompt) {
		switch {
		case p.Bytes == 0:
		case g.Type == typeFinal:
			f.broken(r.n, g.at, "want no audio with the FINAL after chunks, got %d bytes", p.Bytes)
		case g.Type != typeChunk:
		case p.WAV:
			f.broken(r.n, g.at, "want raw mu-law in a chunk, got a WAV header")
		default:
			f.expect(p.Bytes >= least && p.Bytes <= most, r.n, g.at, "want %d to %d bytes of audio in a chunk, got %d", least, most, p.Bytes)
		}
	})
	for _, r := range w.rpcs {
		if chunked, _ := r.mode(); chunked && w.answered(r) && r.final == nil && w.answerRule(r) != "R11" {
			f.broken(r.n, r.done.at, "want a FINAL after the chunks, the RPC was completed without")
		}
	}
}

// eachResponse calls check for each message that counts.
func (w *wire) eachResponse(check func(r *rpcLog, g got)) {
	for _, r := range w.rpcs {
		for _, g := range r.responses {
			check(r, g)
		}
	}
}

func checkPartial(w *wire, f *report) {
	w.eachResponse(func(r *rpcLog, g got) {
		if g.Type == typePartial {
			f.expect(w.limits.AllowPartial, r.n, g.at, "want no PARTIAL, allow_partial_responses was not set")
		}
	})
}

func checkText(w *wire, f *report) {
	w.eachResponse(func(r *rpcLog, g got) {
		for _, p := range g.Prompts {
			if p.Bytes > 0 {
				f.expect(!p.Text, r.n, g.at, "want audio alone in a prompt, it has text too and would be spoken twice")
			}
		}
	})
}

// eachAnswer calls check for the FINAL of each answer after which the call
// goes on.
func (w *wire) eachAnswer(check func(r *rpcLog, final got)) {
	for _, r := range w.rpcs {
		if r.final != nil && w.answered(r) && !w.endedBy(r.n) {
			check(r, *r.final)
		}
	}
}

func checkInputMode(w *wire, f *report) {
	w.eachAnswer(func(r *rpcLog, final got) {
		f.expect(r.nextInput().InputMode != "", r.n, final.at, "want input_mode in an answer, it is unset")
	})
}

func checkInputConfig(w *wire, f *report) {
	w.eachAnswer(func(r *rpcLog, final got) {
		f.expect(r.nextInput().Config, r.n, final.at, "want input_handling_config in an answer, it is unset")
	})
}

func checkEvents(w *wire, f *report) {
	w.eachResponse(func(r *rpcLog, g got) {
		if n := len(g.Events); n > 0 {
			f.expect(n == 1, r.n, g.at, "want one output event, got %d: %v; Webex sees the first only", n, g.Events)
		}
	})
}

func checkAfterFinal(w *wire, f *report) {
	for _, r := range w.rpcs {
		if r.final == nil {
			continue
		}
		f.kept(r.n, r.final.at)
		for _, g := range r.late {
			if r.secondFinal(g) {
				continue // R21
			}
			f.broken(r.n, g.at, "want nothing after FINAL, got %s with %d prompts and events %v", g.Type, len(g.Prompts), g.Events)
		}
	}
}

func checkStartOfDTMF(w *wire, f *report) {
	for _, r := range w.rpcs {
		if r.input != eventStartOfDTMF {
			continue
		}
		f.kept(r.n, r.last)
		for _, g := range r.prompts() {
			if g.input == eventStartOfDTMF {
				f.broken(r.n, g.at, "want no prompts after START_OF_DTMF, got %d", len(g.Prompts))
			}
		}
	}
}

func checkNoInput(w *wire, f *report) {
	for _, r := range w.rpcs {
		if r.input == eventNoInput && r.final != nil {
			f.kept(r.n, r.final.at)
		}
	}
	w.eachResponse(func(r *rpcLog, g got) {
		for _, event := range []string{eventNoInput, eventNoMatch} {
			if g.has(event) {
				f.broken(r.n, g.at, "want a plain answer, got the event %s, with which a flow leaves the agent", event)
			}
		}
	})
}

// checkTerminalBargeIn only warns: Webex ignores the flag there.
func checkTerminalBargeIn(w *wire, f *report) {
	for _, e := range w.endings {
		r := w.rpcs[e.by-1]
		for _, g := range r.prompts() {
			for _, p := range g.Prompts {
				if p.BargeIn {
					f.warn(r.n, g.at, "a prompt asks for barge-in, but its answer ends the call and is played to its end")
					return
				}
				f.kept(r.n, g.at)
			}
		}
	}
}

func checkInterrupted(w *wire, f *report) {
	// The server may end its answer first and then say that it hears the caller.
	// When a prompt was cut is known to a frame.
	const around = 100 * time.Millisecond
	for _, p := range w.plays {
		if done := w.rpcs[p.rpc-1].done; p.cut && !w.over(p.to) && done.set && (done.at-p.to).Abs() <= around {
			f.kept(p.rpc, done.at)
		}
	}
	for _, r := range w.rpcs {
		due := r.interrupted.at + w.limits.Interrupted
		switch {
		case !r.interrupted.set || r.cancelled.set && r.cancelled.at < due:
		case r.done.before(due):
			f.kept(r.n, r.done.at)
		case !w.hungUp.before(due) && due <= w.ended:
			f.broken(r.n, due, "want an interrupted answer completed within %v, it was not", w.limits.Interrupted)
		}
	}
}

// checkTerminalConfig leaves CUSTOM_EVENT alone: the flow may come back after it.
func checkTerminalConfig(w *wire, f *report) {
	w.eachResponse(func(r *rpcLog, g got) {
		if g.terminal() && !g.has(eventCustom) {
			f.expect(g.InputMode == "" && !g.Config, r.n, g.at, "want no input_mode or input_handling_config beside %s", g.event())
		}
	})
}

func checkTerminalFinal(w *wire, f *report) {
	w.eachResponse(func(r *rpcLog, g got) {
		if g.terminal() {
			f.expect(g.Type == typeFinal, r.n, g.at, "want %s on the FINAL that closes the answer, it came with %s", g.event(), g.Type)
		}
	})
}

func checkSessionEnd(w *wire, f *report) {
	for _, r := range w.rpcs {
		switch {
		case r.input != eventSessionEnd:
		case r.cancelled.set:
			f.broken(r.n, r.cancelled.at, "want SESSION_END completed, the RPC was still open: %s", r.why)
		case !r.done.set:
		case r.status.Status != codes.OK:
			f.broken(r.n, r.done.at, "want SESSION_END completed with OK, got %v %q", r.status.Status, r.status.Text)
		default:
			f.kept(r.n, r.done.at)
		}
	}
}

func checkAfterTerminal(w *wire, f *report) {
	for _, e := range w.endings {
		f.kept(e.by, e.at)
		w.eachResponse(func(r *rpcLog, g got) {
			if r.n == e.by || g.at <= e.at || e.back.before(g.at) || r.input == eventSessionEnd || len(g.Prompts)+len(g.Events) == 0 {
				return
			}
			f.broken(r.n, g.at, "want the other RPCs completed silently after a terminal event, got %d prompts and events %v", len(g.Prompts), g.Events)
		})
	}
}

// checkFirstResponse only warns: no document names a limit.
func checkFirstResponse(w *wire, f *report) {
	for _, r := range w.rpcs {
		asked := r.asked()
		if !asked.set {
			continue
		}
		for _, g := range r.responses {
			if g.at < asked.at || len(g.Prompts) == 0 && !g.final() {
				continue
			}
			if took := g.at - asked.at; took > w.limits.FirstResponse {
				f.warn(r.n, g.at, "the answer began %v after the end of the input, more than %v", took, w.limits.FirstResponse)
			} else {
				f.kept(r.n, g.at)
			}
			break
		}
	}
}

func checkReading(w *wire, f *report) {
	for _, r := range w.rpcs {
		if r.audio {
			f.expect(r.why != notRead, r.n, r.cancelled.at, "%s", notRead)
		}
	}
}
