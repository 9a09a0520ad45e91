package plugin

import "time"

// Event is something that happened in a call: one of the types of this package whose name
// ends in Event and that have a Meta, as a value and not a pointer. More types may come, and
// more fields of those that are there, so ignore what you do not know.
type Event interface{ meta() Meta }

// Meta is what all events have, embedded: e.At is an event's time.
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

// SessionStartEvent is a call's first event, also in a process that takes the call over.
type SessionStartEvent struct {
	Meta
	Info Info // as Call.Info has it
}

// TurnStartedEvent opens a turn: the caller's input and the answer to it. The input follows,
// and InputEndedEvent after it.
type TurnStartedEvent struct {
	Meta
	Turn uint64 // the host's counter, from 1
	Kind TurnKind
	// Attempt is 1, or 2 and more when the turn comes again after a crash.
	Attempt int
	// SpeechAt is where speech began, for TurnSpeech, as a time since the session began.
	// Audio from a little earlier follows.
	SpeechAt time.Duration
}

// AudioInputEvent is some of the caller's audio. Pieces are of any length: what
// waited is joined. Plugin.Audio says how much comes.
type AudioInputEvent struct {
	Meta
	Audio Audio // mu-law, A-law or Linear16 of one channel; the handler's to keep
}

// InputEndedEvent says that a turn's input is complete: answer it now.
type InputEndedEvent struct {
	Meta
	Turn uint64 // as in its TurnStartedEvent
	// SpeechEnd is where speech ended, for TurnSpeech, as a time since the session began.
	SpeechEnd time.Duration
	// AnswerBy is when the host gives up waiting for an answer, as a time since the
	// session began; 0 if it does not say.
	AnswerBy time.Duration
}

// DTMFStartedEvent says that the first key of an entry was pressed.
type DTMFStartedEvent struct{ Meta }

// DTMFInputEvent is a complete entry without the key that ended it.
type DTMFInputEvent struct {
	Meta
	Turn      uint64 // that the entry is the input of
	Digits    string // 0-9, *, #, A-D
	Sensitive bool   // as asked for by Input.Sensitive: do not log it
}

// BargeInEvent says that the caller's input cut what was playing.
type BargeInEvent struct {
	Meta
	Turn   uint64 // the turn that was being answered; 0 for none
	Prompt uint64 // the prompt that was playing; 0 if the answer had not begun
	Label  string // of its PromptOptions
	// Heard is how much of the prompt was probably heard; 0 without a prompt.
	Heard time.Duration
}

// NoInputEvent says that the caller was silent for too long, as Input.NoInput says.
type NoInputEvent struct {
	Meta
	Turn  uint64 // that the silence is the input of
	Count int    // silences in a row, from 1
}

// CustomEvent is an event of the flow, most of the time its way back from a Call.Custom.
type CustomEvent struct {
	Meta
	Turn       uint64         // that the event is the input of
	Name       string         // as the flow has it; may be empty
	Parameters map[string]any // as encoding/json reads them, and not nil
}

// TurnEndedEvent closes a turn. What names it afterwards is dropped.
type TurnEndedEvent struct {
	Meta
	Turn   uint64 // as in its TurnStartedEvent
	Reason TurnEnd
}

// PromptDoneEvent says that a prompt has probably been played to its end. One that was cut
// has none.
type PromptDoneEvent struct {
	Meta
	Prompt uint64 // its Prompt.ID
	Label  string // of its PromptOptions
}

// GapEvent says that caller audio was dropped here because it was not taken.
type GapEvent struct {
	Meta
	Lost time.Duration // how long what was dropped would have played
}

// FormatEvent says that the caller's audio is in another format from here on.
// AudioInputEvent has the format as well.
type FormatEvent struct {
	Meta
	Format Format // MuLaw, ALaw or Linear16 of one channel
}

// suspendEvent asks for the call, to move it. Handlers do not see it.
type suspendEvent struct{ Meta }

// RefusedEvent says that the host did not carry out a command. The call goes on.
type RefusedEvent struct {
	Meta
	Command string // its name in the plugin protocol, for example input
	Message string // why, for a log
}

// SessionEndEvent is a call's last event. A call that goes on in another process has
// it there.
type SessionEndEvent struct {
	Meta
	Reason SessionEnd
	Detail string // for a log; may be empty
}

// ErrorEvent is an error that one of the funcs of Events returned. It is made here and is no
// Event: Call.Next does not return it.
type ErrorEvent struct {
	Err error // as it was returned
	// Event is the event whose func returned it.
	Event Event
}

// TurnKind says which input opened a turn. There may be more kinds with a later host; zero is
// none.
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

// String is the kind's name, as it is logged, or "unknown".
func (k TurnKind) String() string {
	return nameOf(int(k), "unknown", "start", "speech", "dtmf", "no input", "custom")
}

// TurnEnd says how a turn closed. Zero, and what is not known here, is no reason.
type TurnEnd int

// How a turn closes.
const (
	_               TurnEnd = iota
	TurnAnswered            // the answer is complete
	TurnInterrupted         // new input came first
	TurnFailed              // the host gave up on the answer
)

// String is the name, as it is logged, or "unknown".
func (e TurnEnd) String() string {
	return nameOf(int(e), "unknown", "answered", "interrupted", "failed")
}

// SessionEnd says why a call ended. There may be more reasons with a later host; zero is
// none.
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

// String is the reason's name, as it is logged, or "unknown".
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
	SessionID      string // this host's care of the conversation; no two are the same
	ConversationID string // Webex's name of it
	Org            string // ID of the organisation in Webex whose call it is
	Agent          string // ID of the virtual agent that was called
	// FormatIn is what the caller's audio is, FormatOut what plays without
	// conversion.
	FormatIn, FormatOut Format
	Language            string            // that Webex names, for example en-US; may be empty
	VendorConfig        string            // the text of Control Hub, as it came; may be empty
	AdditionalInfo      map[string]string // of Webex, as it came; may be nil
	Parameters          map[string]any    // of Webex's session start, as encoding/json reads them
	Traceparent         string            // W3C trace context; may be empty
	// Probe marks a trial by the host, which places a call before it gives real ones
	// to a process: answer as ever, but reach nothing outside the process.
	Probe bool
	// Resumed is set when the session lived before it came to this process. No
	// greeting is due. It is nil for a call that begins.
	Resumed *Resumption
}
