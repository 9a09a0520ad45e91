package plugin

import "time"

// Event is something that happened in a call: one of the types below. More may
// come, so ignore those that you do not know.
type Event interface{ meta() Meta }

// Meta is what all events have.
type Meta struct {
	// Seq counts the events of a session from 1. It is 0 for a GapEvent that
	// this process made itself.
	Seq uint64
	// At is the time since the session began; for audio that of its first sample.
	At time.Duration
	// Replayed says that an earlier process of this session got the event too.
	Replayed bool
}

func (m Meta) meta() Meta { return m }

// SessionStartEvent is a call's first event.
type SessionStartEvent struct {
	Meta
	Info Info
}

// TurnStartedEvent opens a turn: the caller's input and the answer to it.
type TurnStartedEvent struct {
	Meta
	Turn uint64 // the host's counter, from 1
	Kind TurnKind
	// Attempt is 1, or 2 when the turn comes again after a crash.
	Attempt int
	// SpeechAt is where speech began, for TurnSpeech. Audio from a little earlier
	// follows.
	SpeechAt time.Duration
}

// AudioInputEvent is some of the caller's audio. Pieces are of any length: what
// waited is joined.
type AudioInputEvent struct {
	Meta
	Audio Audio
}

// InputEndedEvent says that a turn's input is complete: answer it now.
type InputEndedEvent struct {
	Meta
	Turn uint64
	// SpeechEnd is where speech ended, for TurnSpeech.
	SpeechEnd time.Duration
	// AnswerBy is when the host gives up waiting for an answer.
	AnswerBy time.Duration
}

// DTMFStartedEvent says that the first key of an entry was pressed.
type DTMFStartedEvent struct{ Meta }

// DTMFInputEvent is a complete entry without the key that ended it.
type DTMFInputEvent struct {
	Meta
	Turn      uint64
	Digits    string // 0-9, *, #, A-D
	Sensitive bool   // as asked for by Input.Sensitive: do not log it
}

// BargeInEvent says that the caller's input cut what was playing.
type BargeInEvent struct {
	Meta
	Turn   uint64 // the turn that was being answered; 0 for none
	Prompt uint64 // the prompt that was playing; 0 if the answer had not begun
	// Heard is how much of the prompt was probably heard.
	Heard time.Duration
}

// NoInputEvent says that the caller was silent for too long.
type NoInputEvent struct {
	Meta
	Turn  uint64
	Count int // silences in a row, from 1
}

// CustomEvent is an event of the flow.
type CustomEvent struct {
	Meta
	Turn       uint64
	Name       string
	Parameters map[string]any
}

// TurnEndedEvent closes a turn. What names it afterwards is dropped.
type TurnEndedEvent struct {
	Meta
	Turn   uint64
	Reason TurnEnd
}

// PromptDoneEvent says that a prompt has probably been played to its end.
type PromptDoneEvent struct {
	Meta
	Prompt uint64
}

// GapEvent says that caller audio was dropped here because it was not taken.
type GapEvent struct {
	Meta
	Lost time.Duration
}

// FormatEvent says that the caller's audio is in another format from here on.
// AudioInputEvent has the format as well.
type FormatEvent struct {
	Meta
	Format Format
}

// suspendEvent asks for the call, to move it. Handlers do not see it.
type suspendEvent struct{ Meta }

// RefusedEvent says that the host did not carry out a command.
type RefusedEvent struct {
	Meta
	Command string
	Message string
}

// SessionEndEvent is a call's last event. A call that goes on in another process has
// it there.
type SessionEndEvent struct {
	Meta
	Reason SessionEnd
	Detail string
}

// ErrorEvent is an error that one of the funcs of Events returned.
type ErrorEvent struct {
	Err error
	// Event is the event whose func returned it.
	Event Event
}

// TurnKind says which input opened a turn.
type TurnKind int

// What opens a turn.
const (
	_           TurnKind = iota
	TurnStart            // the call began: greet
	TurnSpeech           // the caller spoke
	TurnDTMF             // the caller pressed keys
	TurnNoInput          // the caller was silent for too long
	TurnCustom           // the flow sent a custom event
)

// String is the kind's name, as it is logged.
func (k TurnKind) String() string {
	return nameOf(int(k), "unknown", "start", "speech", "dtmf", "no input", "custom")
}

// TurnEnd says how a turn closed.
type TurnEnd int

// How a turn closes.
const (
	_               TurnEnd = iota
	TurnAnswered            // the answer is complete
	TurnInterrupted         // new input came first
	TurnFailed              // the host gave up on the answer
)

// String is the name, as it is logged.
func (e TurnEnd) String() string {
	return nameOf(int(e), "unknown", "answered", "interrupted", "failed")
}

// SessionEnd says why a call ended.
type SessionEnd int

// Why a call ends.
const (
	_             SessionEnd = iota
	EndedByCaller            // the caller hung up, or the flow took the call
	EndedByBot               // the bot ended or transferred it
	EndedGone                // nothing was heard of the call any more
	EndedFailed              // the host gave up on the bot for this call
	EndedShutdown            // the host stops
)

// String is the reason's name, as it is logged.
func (e SessionEnd) String() string {
	return nameOf(int(e), "unknown", "caller", "bot", "gone", "failed", "shutdown")
}

func nameOf(i int, names ...string) string {
	if i < 0 || i >= len(names) {
		i = 0
	}
	return names[i] //nolint:gosec // the line above holds it in range
}

// Info is what is known of a call from its start.
type Info struct {
	SessionID      string // this host's care of the conversation
	ConversationID string // Webex's name of it
	Org            string
	Agent          string // ID of the virtual agent that was called
	// FormatIn is what the caller's audio is, FormatOut what plays without
	// conversion.
	FormatIn, FormatOut Format
	Language            string
	VendorConfig        string // the text of Control Hub, as it came
	AdditionalInfo      map[string]string
	Parameters          map[string]any // of Webex's session start
	Traceparent         string         // W3C trace context; may be empty
	// Probe marks a trial by the host, which places a call before it gives real ones
	// to a process: answer as ever, but reach nothing outside the process.
	Probe bool
	// Resumed is set when the session lived before it came to this process. No
	// greeting is due.
	Resumed *Resumption
}
