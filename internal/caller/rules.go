package caller

import (
	"time"

	"google.golang.org/grpc/codes"
)

// rule is one row of the contract. A check notes each place where the rule was
// kept or broken; one that notes nothing has not seen what the rule is about.
type rule struct {
	id, name string
	check    func(*wire, *report)
}

// rules lists what a server is judged by in a call. A further rule is a row
// here and a check. Rules that no call shows are in the table of probes.
var rules = []rule{
	{"R2", "every RPC is completed with OK", checkCompletion},
	{"R3", "an answer is sent on its own RPC and ends with FINAL", checkAnswer("R3")},
	{"R5", "an RPC is taken while another is open", checkOverlap},
	{"R8", "the greeting waits for the half-close", checkGreetingTime},
	{"R9", "the greeting is the answer to SESSION_START", checkGreetingPlace},
	{"R10", "a repeated SESSION_START is answered with a plain FINAL", checkAgain},
	{"R11", "a newer RPC does not end the answer on an older one", checkOvertaken},
	{"R12", "no START_OF_INPUT without speech", checkFalseStart},
	{"R13", "nothing is heard while a prompt plays that may not be interrupted", checkDropped},
	{"R14", "caller audio is taken in any size, with its format unset too", checkFormatTaken},
	{"R15", "one START_OF_INPUT for each utterance, in time", checkStart},
	{"R16", "one END_OF_INPUT after the speech, in time", checkEnd},
	{"R17", "END_OF_INPUT before the prompts of the answer", checkEndFirst},
	{"R20", "WAV and CHUNK answers are not mixed", checkMode},
	{"R21", "a WAV answer is one FINAL and each prompt has a header", checkWAV},
	{"R22", "chunks of 100 to 65536 bytes without header, then one FINAL without audio", checkChunks},
	{"R23", "WAV prompts are mu-law, 8 kHz, mono", checkFormat},
	{"R24", "PARTIAL only where it was asked for", checkPartial},
	{"R25", "no text beside audio", checkText},
	{"R26", "input_mode in every answer", checkInputMode},
	{"R27", "input_handling_config in every answer", checkInputConfig},
	{"R29", "one output event in a response", checkEvents},
	{"R30", "transcript and summary only in the last response", checkTranscript},
	{"R31", "nothing after FINAL", checkAfterFinal},
	{"R33", "START_OF_DTMF is completed without prompts", checkStartOfDTMF},
	{"R35", "keys without START_OF_DTMF are answered", checkAnswer("R35")},
	{"R36", "an entry that is empty or holds its last key is answered", checkAnswer("R36")},
	{"R37", "no utterance is made of audio before START_OF_DTMF", checkMixedInput},
	{"R38", "NO_INPUT is answered with FINAL", checkAnswer("R38")},
	{"R39", "no NO_INPUT or NO_MATCH event from the server", checkNoInput},
	{"R40", "no reprompt while a prompt still plays", checkEarlyReprompt},
	{"R41", "prompts before the end of the call do not ask for barge-in", checkTerminalBargeIn},
	{"R42", "an interrupted answer ends soon", checkInterrupted},
	{"R46", "no input configuration beside TRANSFER_TO_AGENT and SESSION_END", checkTerminalConfig},
	{"R47", "a terminal event comes with FINAL", checkTerminalFinal},
	{"R48", "SESSION_END is completed", checkSessionEnd},
	{"R49", "a flow that comes back is welcomed", checkReturn},
	{"R50", "nothing on other RPCs after a terminal event", checkAfterTerminal},
	{"R52", "the call goes on after one RPC was cancelled", checkAfterCancel},
	{"R53", "RPCs on several connections are one conversation", checkConnections},
	{"R54", "the answer begins within the time callers bear", checkFirstResponse},
	{"R56", "the server reads the caller's audio", checkReading},
}

func checkCompletion(w *wire, f *report) {
	for _, r := range w.rpcs {
		switch {
		case r.input == eventSessionEnd: // R48
		case r.cancelled.set:
			waited := r.cancelled.at - r.last
			if r.halfClosed.set && waited >= w.limits.Complete {
				f.broken(r.n, r.cancelled.at, "want the RPC completed, it was still open after %v", waited)
			}
		case !r.done.set:
		case r.status.Status != codes.OK:
			if w.blame(r) == "R2" {
				f.broken(r.n, r.done.at, "want OK, got %v %q", r.status.Status, r.status.Text)
			}
		case w.endedDeaf(r):
			if !r.overlaps { // else R11
				f.broken(r.n, r.done.at, "want the RPC open until Webex half-closes it or is answered, it was completed")
			}
		default:
			f.kept(r.n, r.done.at)
		}
	}
}

// checkAnswer holds that an answer ends with FINAL. R3 says it of all answers,
// other rules of what they name.
func checkAnswer(id string) func(*wire, *report) {
	return func(w *wire, f *report) {
		for _, r := range w.rpcs {
			chunked, _ := r.mode()
			if !w.answered(r) || chunked && r.final == nil { // R22
				continue
			}
			rule := w.answerRule(r)
			switch {
			case r.final == nil && rule == id:
				f.broken(r.n, r.done.at, "want an answer that ends with FINAL, the RPC was completed after %d messages without", len(r.responses))
			case r.final != nil && (rule == id || id == "R3"):
				f.kept(r.n, r.done.at)
			}
		}
	}
}

func checkGreetingTime(w *wire, f *report) {
	for _, r := range w.rpcs {
		if r.input != eventSessionStart || len(r.responses) == 0 {
			continue
		}
		first := r.responses[0].at
		f.expect(r.halfClosed.before(first), r.n, first, "want nothing before the half-close, got a response")
	}
}

func checkGreetingPlace(w *wire, f *report) {
	for _, r := range w.rpcs {
		prompts := r.prompts()
		if len(prompts) == 0 {
			continue
		}
		if r.input == eventSessionStart {
			f.kept(r.n, prompts[0].at)
			return
		}
		if r.input == inputAudio && prompts[0].at < firstInput(w) {
			f.broken(r.n, prompts[0].at, "want the greeting on the RPC of SESSION_START, it came on one where the caller was listened to")
		}
		return
	}
}

// firstInput is when the caller first said or pressed anything.
func firstInput(w *wire) time.Duration {
	first := w.ended + 1
	for _, r := range w.rpcs {
		if len(r.spans) > 0 {
			first = min(first, r.spans[0].from)
		}
		if r.halfClosed.set && (r.input == eventStartOfDTMF || r.input == inputKeys || r.input == eventNoInput) {
			first = min(first, r.halfClosed.at)
		}
	}
	return first
}

func checkFalseStart(w *wire, f *report) {
	for _, r := range w.rpcs {
		if r.audio {
			f.kept(r.n, r.last) // it was listened to
		}
		for _, at := range r.events(eventStartOfInput) {
			if len(r.spans) > 0 && r.spans[0].from <= at {
				continue
			}
			if w.speechAt(at) {
				continue // on the wrong RPC: R15
			}
			if p, playing := w.playing(at, r.n); playing && w.protected(p.rpc) {
				continue // R13
			}
			f.broken(r.n, at, "START_OF_INPUT although the caller has said nothing on this RPC")
		}
	}
}

// speechAt reports whether the caller was speaking on any RPC.
func (w *wire) speechAt(at time.Duration) bool {
	for _, r := range w.rpcs {
		for _, s := range r.spans {
			if s.from <= at && (s.open || at <= s.to+w.limits.EndMax) {
				return true
			}
		}
	}
	return false
}

func checkStart(w *wire, f *report) {
	for _, r := range w.rpcs {
		if len(r.spans) == 0 {
			continue
		}
		onset, starts := r.spans[0].from, r.events(eventStartOfInput)
		switch {
		case len(starts) == 0:
			if due := r.firstOf(onset + w.limits.StartLast); !r.tooLong && !w.over(due) && !r.endedBefore(due) {
				f.broken(r.n, due, "want START_OF_INPUT within %v of the onset of speech, none came", w.limits.StartMax)
			}
		case len(starts) > 1:
			f.broken(r.n, starts[1], "want one START_OF_INPUT for an utterance, got %d", len(starts))
		case starts[0] < onset: // R12
		default:
			took := starts[0] - onset
			f.inTime(took, w.limits.StartMax, w.limits.StartLast, r.n, starts[0],
				"want START_OF_INPUT within %v of the onset of speech, it came after %v", w.limits.StartMax, took)
		}
	}
}

// firstOf is at, or when r was completed in order before.
func (r *rpcLog) firstOf(at time.Duration) time.Duration {
	if r.done.before(at) && r.status.Status == codes.OK {
		return r.done.at
	}
	return at
}

// endedBefore reports whether Webex took no more audio on r by then for a
// reason other than the end of an utterance.
func (r *rpcLog) endedBefore(at time.Duration) bool {
	if r.done.before(at) && r.status.Status != codes.OK || r.cancelled.before(at) {
		return true
	}
	return r.input != inputAudio && r.halfClosed.before(at)
}

func checkEnd(w *wire, f *report) {
	for _, r := range w.rpcs {
		var ends []got
		for _, g := range r.responses {
			if g.has(eventEndOfInput) {
				ends = append(ends, g)
			}
		}
		if len(ends) > 1 {
			f.broken(r.n, ends[1].at, "want one END_OF_INPUT, got %d", len(ends))
			continue
		}
		if len(r.spans) == 0 {
			if len(ends) > 0 && len(r.events(eventStartOfInput)) == 0 && ends[0].input != eventStartOfDTMF { // else R37
				f.broken(r.n, ends[0].at, "END_OF_INPUT although the caller has said nothing on this RPC")
			}
			continue
		}
		last := r.spans[len(r.spans)-1].to
		if r.speaking() {
			last = w.ended // the call ended while the caller spoke
		}
		switch due := r.firstOf(last + w.limits.EndLast); {
		case len(ends) == 0:
			if !w.over(due) && !r.endedBefore(due) && due <= w.ended && !r.tooLong {
				f.broken(r.n, due, "want END_OF_INPUT within %v of the end of speech, none came", w.limits.EndMax)
			}
		case ends[0].speaking:
			f.broken(r.n, ends[0].at, "want END_OF_INPUT after the speech, the caller was still speaking")
		default:
			took := ends[0].at - last
			f.inTime(took, w.limits.EndMax, w.limits.EndLast, r.n, ends[0].at,
				"want END_OF_INPUT within %v of the end of speech, it came after %v", w.limits.EndMax, took)
		}
	}
}

func checkEndFirst(w *wire, f *report) {
	for _, r := range w.rpcs {
		ends := r.events(eventEndOfInput)
		if len(ends) == 0 || len(r.spans) == 0 {
			continue
		}
		f.kept(r.n, ends[0])
		found := len(r.events(eventStartOfInput)) == 0 // what plays until it is found that the caller speaks is no answer
		for i, g := range r.responses {
			found = found || g.has(eventStartOfInput)
			if g.has(eventEndOfInput) {
				if len(g.Prompts) > 0 {
					f.warn(r.n, g.at, "END_OF_INPUT shares a message with prompts")
				}
				break
			}
			if found && len(g.Prompts) > 0 && r.spans[0].from <= g.at {
				f.broken(r.n, g.at, "want END_OF_INPUT before the prompts, message %d has prompts and it came %v later", i+1, ends[0]-g.at)
				break
			}
		}
	}
}
