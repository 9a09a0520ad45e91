package session

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// traceKind says what an entry of a trace is.
type traceKind uint8

// The kinds: what the bot is told, what it asks for, and what becomes of the call.
const (
	tracedStart traceKind = iota
	tracedTurn
	tracedCaller
	tracedFormat
	tracedInputEnd
	tracedFirstKey
	tracedKeys
	tracedNoInput
	tracedFlow
	tracedBargeIn
	tracedPlayed
	tracedRefused
	tracedTurnEnd
	tracedSuspend
	tracedEnd

	tracedAccepted
	tracedPrompt
	tracedText
	tracedAudio
	tracedDone
	tracedInput
	tracedClear
	tracedTransfer
	tracedLeave
	tracedCustom
	tracedEndpoint
	tracedDetect
	tracedMetrics
	tracedState
	tracedSuspended
	tracedDeclined
	tracedFailed
	tracedUnknown

	tracedLost
	tracedResumed
	tracedFallback
	tracedNotes // how many kinds there are
)

// The names are those of the plugin wire.
var traceNames = [tracedNotes]string{
	tracedStart: "session_start", tracedTurn: "turn_started", tracedCaller: "audio_input", tracedFormat: "format",
	tracedInputEnd: "input_ended", tracedFirstKey: "dtmf_started", tracedKeys: "dtmf_input", tracedNoInput: "no_input",
	tracedFlow: "custom_event", tracedBargeIn: "barge_in", tracedPlayed: "prompt_done", tracedRefused: "refused",
	tracedTurnEnd: "turn_ended", tracedSuspend: "suspend", tracedEnd: "session_end",

	tracedAccepted: "accepted", tracedPrompt: "prompt", tracedText: "say", tracedAudio: "audio", tracedDone: "done",
	tracedInput: "input", tracedClear: "clear", tracedTransfer: "transfer", tracedLeave: "end", tracedCustom: "custom",
	tracedEndpoint: "endpoint", tracedDetect: "detect", tracedMetrics: "metrics", tracedState: "state",
	tracedSuspended: "suspended", tracedDeclined: "declined", tracedFailed: "failed", tracedUnknown: "unknown",

	tracedLost: "process_lost", tracedResumed: "resumed", tracedFallback: "fallback",
}

// TraceEntry is something that happened in a call.
type TraceEntry struct {
	At      time.Duration // since the session began
	From    string        // host: the bot was told; bot: it asked for it; call: it became of the call
	What    string
	Turn    uint64 // 0 for none
	Prompt  uint64 // 0 for none
	Late    bool   // it was dropped, because its turn or the bot's part was over
	Detail  string // in words, without content
	Content string // keys, a text or metadata, if it was asked for
}

func (e traced) entry() TraceEntry {
	from := "host"
	switch {
	case e.what >= tracedLost:
		from = "call"
	case e.what >= tracedAccepted:
		from = "bot"
	}
	return TraceEntry{
		At: e.at, From: from, What: traceNames[e.what], Turn: e.turn, Prompt: e.prompt, Late: e.late, Detail: e.detail(),
	}
}

// detail says the rest in words.
func (e traced) detail() string {
	switch e.what {
	case tracedCaller:
		return "caller audio " + seconds(e.length)
	case tracedAudio:
		if e.length == 0 {
			return fmt.Sprintf("%d bytes", e.count)
		}
		return "bot audio " + seconds(e.length)
	case tracedTurn:
		if e.count > 1 {
			return fmt.Sprintf("%s, attempt %d", e.note, e.count)
		}
	case tracedKeys:
		if e.note == "" {
			return counted(e.count, "key")
		}
	case tracedText:
		return counted(e.count, "character") + " of text"
	case tracedNoInput:
		return fmt.Sprintf("%d in a row", e.count)
	case tracedBargeIn:
		return seconds(e.length) + " heard"
	case tracedMetrics:
		return counted(e.count, "number")
	case tracedState, tracedSuspended:
		return counted(e.count, "byte")
	case tracedEndpoint:
		return e.note + " at " + seconds(e.length)
	case tracedResumed:
		return e.note + ", after " + seconds(e.length)
	}
	return e.note
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// unshown stands for what is sensitive.
const unshown = "sensitive"

// event traces what the bot is told. What is sensitive is not told to anybody else.
func (t *tracer) event(now time.Duration, e Event, sensitive bool) {
	if heard, ok := e.Body.(CallerAudio); ok {
		t.heard(callerStretch, traced{at: now, what: tracedCaller, count: len(heard.Data), length: t.told.Duration(len(heard.Data))})
		return
	}
	entry, content := traced{at: now}, ""
	switch body := e.Body.(type) {
	case Credit:
		return // of no use to anybody
	case Started:
		entry.what, entry.note = tracedStart, "agent "+body.Agent
		if t.place != "" {
			entry.note += ", plugin " + t.place
		}
		if body.Resumed != nil {
			entry.note += ", resumed: " + body.Resumed.Cause.String()
		}
		t.told = body.Format
	case TurnStarted:
		entry.what, entry.turn, entry.note, entry.count = tracedTurn, body.Turn, body.Cause.String(), body.Attempt
	case FormatChanged:
		entry.what, entry.note = tracedFormat, body.Format.String()
		t.told = body.Format
	case InputEnded:
		entry.what, entry.turn = tracedInputEnd, body.Turn
	case DTMFStarted:
		entry.what = tracedFirstKey
	case DTMFEntry:
		entry.what, entry.turn, entry.count, content = tracedKeys, body.Turn, len(body.Digits), body.Digits
		if sensitive || body.Sensitive {
			entry.note, entry.count, content = unshown, 0, ""
		}
	case NoInput:
		entry.what, entry.turn, entry.count = tracedNoInput, body.Turn, body.Count
	case CustomEvent:
		entry.what, entry.turn, entry.note, content = tracedFlow, body.Turn, body.Name, t.show(body.Parameters)
	case BargedIn:
		entry.what, entry.turn, entry.prompt, entry.length = tracedBargeIn, body.Turn, body.Prompt, body.Heard
		t.hand(TraceAudio{At: now, Bot: true, Cut: true})
	case PromptDone:
		entry.what, entry.prompt = tracedPlayed, body.Prompt
	case Refused:
		entry.what, entry.note = tracedRefused, body.Command+": "+body.Message
	case TurnEnded:
		entry.what, entry.turn, entry.note = tracedTurnEnd, body.Turn, body.Reason.String()
	case Suspend:
		entry.what = tracedSuspend
	case Ended:
		entry.what, entry.note = tracedEnd, body.Reason.String()
		if body.Reason == EndedByCaller { // and hears nothing any more
			t.hand(TraceAudio{At: now, Bot: true, Cut: true})
		}
		if body.Detail != "" {
			entry.note += ": " + body.Detail
		}
	default:
		return
	}
	t.put(entry, content)
}

// command traces what the bot asks for. Late says that it was dropped; what is sensitive
// may be read out by the bot again, and is not told to anybody else.
func (t *tracer) command(now time.Duration, c Command, late, sensitive bool) {
	if a, ok := c.Body.(PromptAudio); ok {
		t.played(now, c, len(a.Data), late)
		return
	}
	entry, content := traced{at: now, turn: c.Turn, prompt: c.Prompt, late: late}, ""
	switch body := c.Body.(type) {
	case Accepted:
		entry.what = tracedAccepted
	case StartPrompt:
		entry.what, entry.note = tracedPrompt, body.Format.String()
		if body.Text != "" {
			entry.what, entry.count, content = tracedText, utf8.RuneCountInString(body.Text), body.Text
		}
		copy(t.formats[1:], t.formats[:])
		t.formats[0] = promptFormat{c.Prompt, body.Format}
	case Done:
		entry.what = tracedDone
		if body.Event != NoEvent {
			entry.note = map[OutputEvent]string{NoMatch: "no match", NoInputEvent: "no input"}[body.Event]
		}
	case SetInput:
		entry.what, entry.note = tracedInput, body.words()
	case Clear:
		entry.what = tracedClear
	case Leave:
		entry.what, entry.note = leaves(body.Event), body.Name
		content = t.show(body.shown())
	case Endpoint:
		entry.what, entry.length, entry.note = tracedEndpoint, body.At, "speech start"
		if body.End {
			entry.note = "speech end"
		}
	case SetEndpointing:
		entry.what, entry.note = tracedDetect, "by the host"
		if body.Own {
			entry.note = "by the bot"
		}
	case Measured:
		entry.what, entry.count = tracedMetrics, len(body.Values)
	case SaveState:
		entry.what, entry.count = tracedState, len(body.State.Data)
	case Suspended:
		entry.what, entry.count = tracedSuspended, len(body.State.Data)
	case Declined:
		entry.what, entry.note = tracedDeclined, body.Reason
	case GiveUp:
		entry.what, entry.note = tracedFailed, body.Message
	case Unknown:
		entry.what, entry.note = tracedUnknown, body.Name
	default:
		return
	}
	if sensitive && content != "" {
		content = unshown
	}
	t.put(entry, content)
}

// played traces a piece of a prompt.
func (t *tracer) played(now time.Duration, c Command, bytes int, late bool) {
	if bytes == 0 {
		return // only its end
	}
	e := traced{at: now, what: tracedAudio, late: late, turn: c.Turn, prompt: c.Prompt, count: bytes}
	if f, known := t.formatOf(c.Prompt); known {
		e.length = f.Normal().Duration(bytes)
	}
	t.heard(botStretch, e)
}

// became traces what became of the call.
func (t *tracer) became(now time.Duration, what traceKind, note string, length time.Duration) {
	t.put(traced{at: now, what: what, note: note, length: length}, "")
}

// show is content, for those who asked for it.
func (t *tracer) show(fields map[string]any) string {
	if len(fields) == 0 || !t.recording.Load() {
		return ""
	}
	text, err := json.Marshal(fields)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func leaves(e OutputEvent) traceKind {
	switch e {
	case TransferToAgent:
		return tracedTransfer
	case EndSession:
		return tracedLeave
	default:
		return tracedCustom
	}
}

// shown is what a bot hands on when it leaves.
func (l Leave) shown() map[string]any {
	all := map[string]any{}
	if len(l.Metadata) > 0 {
		all["metadata"] = l.Metadata
	}
	if l.Transcript != "" {
		all["transcript"] = l.Transcript
	}
	if l.Summary != "" {
		all["summary"] = l.Summary
	}
	return all
}

// words says what is set.
func (w SetInput) words() string {
	var all []string
	say := func(is bool, format string, args ...any) {
		if is {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	if w.Mode != nil {
		say(true, "%s", [...]string{"voice and keys", "voice", "keys"}[min(*w.Mode, DTMFOnly)])
	}
	say(w.DTMFLength != 0, "at most %d keys", w.DTMFLength)
	say(w.InterDigit != 0, "inter-digit %v", w.InterDigit)
	say(w.Terminator != "", "terminator %s", w.Terminator)
	say(w.NoInput != 0, "no input after %v", w.NoInput)
	say(w.EndSilence != 0, "end silence %v", w.EndSilence)
	say(w.MaxSpeech != 0, "max speech %v", w.MaxSpeech)
	say(w.Sensitive, "sensitive")
	return strings.Join(all, ", ")
}

// String gives the word used in traces.
func (c TurnCause) String() string {
	return [...]string{"unknown", "start", "speech", "dtmf", "no input", "custom"}[c]
}

// String gives the word used in traces.
func (e TurnEnd) String() string {
	return [...]string{"unknown", "answered", "interrupted", "failed"}[e]
}
