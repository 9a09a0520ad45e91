package adapter

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/byova-host/byova-host/sdk/plugin"
)

// adapters are all there are, by the name that a configuration gives.
var adapters = map[string]func() Backend{
	"byova-json":       func() Backend { return &byovaJSON{} },
	"twilio":           func() Backend { return &twilio{} },
	"openai-realtime":  func() Backend { return newOpenAI() },
	"deepgram-agent":   func() Backend { return newDeepgram() },
	"elevenlabs-agent": func() Backend { return &elevenLabs{} },
	"gemini-live":      func() Backend { return newGemini() },
}

// New returns the named adapter with its default options, into which a
// configuration is decoded.
func New(name string) (Backend, error) {
	if make, ok := adapters[name]; ok {
		return make(), nil
	}
	return nil, fmt.Errorf("%q is no adapter: want %s", name, strings.Join(Names(), ", "))
}

// Names are those of all adapters, sorted.
func Names() []string { return slices.Sorted(maps.Keys(adapters)) }

// Backend is an adapter with the options of one configuration, which encoding/json
// decodes into it. Once checked it may be used concurrently.
type Backend interface {
	// Check says what is wrong with the options, as FieldErrors that name them, and
	// fills in what follows from them.
	Check() error
	Traits() Traits
	// Dial completes where to connect to. It may ask the vendor first.
	Dial(ctx context.Context, t *Target) error
	// Session makes the protocol of one call.
	Session(line Line, call Call) Session
}

// Traits are what a protocol is capable of.
type Traits struct {
	// Detects says whether the backend reports where speech begins and ends.
	Detects Detection
	// Resumes: a call goes on, on a new connection, when one breaks in mid-call.
	Resumes bool
	// URL is where the vendor serves it; empty where each backend has its own.
	URL string
	// HearsNoInput: the backend is told of a silence and answers it.
	HearsNoInput bool
	// HearsCustom: and of an event of the flow.
	HearsCustom bool
}

// Detection says whether a backend detects speech.
type Detection int

// What a backend may do.
const (
	Never  Detection = iota // the host detects it
	MayBe                   // some do: the host detects it unless told otherwise
	Always                  // the backend does, unless told otherwise
)

// Target is where to connect to, and with what.
type Target struct {
	URL          *url.URL
	Header       http.Header
	Subprotocols []string
	Client       *http.Client // for what is to be asked first
}

// Call is what a session is told of its call.
type Call struct {
	Info plugin.Info
	// Parameters are the operator's own, for protocols with a place for them.
	Parameters map[string]string
	// ID is of 32 hexadecimal digits. It stays the same when the call comes to
	// another process.
	ID string
	// Detects: the backend's reports of speech count, and not the host's.
	Detects bool
}

// Caller and Called are the two ends of the call, empty if unknown. Webex says them in
// parameters of the session start that the flow names.
func (c Call) Caller() string { return c.parameter("ani", "from", "caller", "from_number") }

// Called is who was called.
func (c Call) Called() string { return c.parameter("dnis", "to", "called", "to_number") }

func (c Call) parameter(names ...string) string {
	for _, name := range names {
		for key, value := range c.Info.Parameters {
			if text, ok := value.(string); ok && strings.EqualFold(key, name) {
				return text
			}
		}
		for key, value := range c.Info.AdditionalInfo {
			if strings.EqualFold(key, name) {
				return value
			}
		}
	}
	return ""
}

// Opening is why a connection begins, and what was before it.
type Opening struct {
	// Resumed: the call is older than this connection. No greeting is due.
	Resumed bool
	// Token is what the session last gave to Line.Keep.
	Token string
	// Transcript is what was said so far.
	Transcript []Said
}

// Said is something that caller or bot said.
type Said struct {
	Bot  bool   `json:"bot,omitempty"`
	Text string `json:"text"`
}

// Session is one call's side of a protocol. One goroutine uses it.
type Session interface {
	// Open begins on a new connection. Nothing else is called before it; it is called
	// again for each further connection.
	Open(Opening)
	// Hear takes 20 ms of the caller's audio, mu-law at 8 kHz. It is called between
	// Line.Ready and the end of the connection, without a gap in time.
	Hear(frame []byte)
	// Tell brings an event of the call. What a protocol has no place for is ignored.
	// It comes after Line.Ready only.
	Tell(Event)
	// Receive takes a message. An error says what is wrong with it; it is logged and
	// the call goes on.
	Receive(m Message) error
	// HangUp says goodbye, if the protocol has a way, before the connection is closed.
	HangUp(why string)
	// Closed judges how a connection ended.
	Closed(code int, reason string) Verdict
}

// Message is a frame of a WebSocket.
type Message struct {
	Binary bool
	Data   []byte
}

// Verdict is what the end of a connection means.
type Verdict int

// The verdicts.
const (
	// Lost: it broke. Another one may do.
	Lost Verdict = iota
	// Over: the backend has ended the call.
	Over
	// Refused: it would happen again.
	Refused
)

// Judge is the verdict of most protocols.
func Judge(code int) Verdict {
	switch {
	case code == 1000 || code == 1005: // as agreed, with or without a status
		return Over
	case code == 1002 || code == 1003 || code == 1007 || code == 1008 || code == 1009 || code == 1010 || code >= 3000:
		return Refused
	default: // 1001 going away, 1006 no close frame, 1011 to 1015
		return Lost
	}
}

// Line is what a session reaches the call by.
type Line interface {
	// Send sends v as JSON in a text frame.
	Send(v any)
	// SendBinary sends a binary frame. B is kept.
	SendBinary(b []byte)
	// Ready says that the backend takes audio from now on.
	Ready()
	// Play queues audio of the bot behind what is queued. Item names what it is part
	// of; see Interrupted.
	Play(item string, audio plugin.Audio, options PlayOptions)
	// SayText has the host speak a text.
	SayText(text, language string)
	// Mark asks for Played once everything queued so far has been heard.
	Mark(name string)
	// AnswerDone says that the answer is complete: nothing more comes for it.
	AnswerDone()
	// Flush drops what has not been heard, because the bot stopped itself or heard
	// the caller. It returns what was cut; Item is empty if nothing was playing.
	Flush() Interrupted
	// Speech reports where the backend heard the caller.
	Speech(edge plugin.Edge)
	// Said adds to the transcript.
	Said(s Said)
	// CorrectLast replaces what the bot said last, because less was heard.
	CorrectLast(text string)
	// Transfer and End leave the call once everything queued has been heard; Custom
	// triggers something in the flow.
	Transfer(Leave)
	End(Leave)
	Custom(name string, parameters map[string]any)
	// Stay takes a Transfer or an End back, unless it was carried out.
	Stay()
	// SetInput sets how the caller's next input is taken.
	SetInput(plugin.Input)
	// Keep saves a token for Opening, for this process or the next.
	Keep(token string)
	// Renew asks for a new connection in the next pause, before this one ends.
	Renew()
	// Fail gives the connection up. Final: another one would fail as well.
	Fail(final bool, err error)
	// Note puts a line into the log, once for each what in a call. Never what was said.
	Note(what string, args ...any)
	// After calls f after d, on the call's goroutine, unless the connection ends first.
	After(d time.Duration, f func())
}

// PlayOptions say how audio is played.
type PlayOptions struct {
	Protected bool // the caller's input does not cut it
}

// Leave is how a backend ends its part of the call.
type Leave struct {
	Reason   string
	Summary  string
	Metadata map[string]any
}

// Event is something that happened in a call: one of the types below.
type Event interface{ event() }

// The events of a call.
type (
	// TurnStarted opens a turn.
	TurnStarted struct {
		Turn uint64
		Kind plugin.TurnKind
	}
	// CallerSpeech is the host's own detection: where speech begins and ends.
	CallerSpeech struct {
		Edge plugin.Edge
		Turn uint64
	}
	// DTMF is an entry of keys.
	DTMF struct {
		Turn   uint64
		Digits string
	}
	// NoInput is a silence; Count is how many in a row.
	NoInput struct {
		Turn  uint64
		Count int
	}
	// Custom is an event of the flow.
	Custom struct {
		Turn       uint64
		Name       string
		Parameters map[string]any
	}
	// Interrupted says that the caller cut what was playing: an item, and how much of
	// it had been heard.
	Interrupted struct {
		Turn  uint64
		Item  string
		Heard time.Duration
	}
	// Played answers a Mark: it was reached, or what was before it was dropped.
	Played struct {
		Mark    string
		Dropped bool
	}
	// AnswerDue says that the caller waits for an answer to something that an earlier
	// connection has heard.
	AnswerDue struct{}
	// TurnEnded closes a turn.
	TurnEnded struct {
		Turn   uint64
		Reason plugin.TurnEnd
	}
	// RefusedByHost says that the host did not do what the backend asked for.
	RefusedByHost struct{ Command, Message string }
)

func (TurnStarted) event()   {}
func (CallerSpeech) event()  {}
func (DTMF) event()          {}
func (NoInput) event()       {}
func (Custom) event()        {}
func (Interrupted) event()   {}
func (Played) event()        {}
func (AnswerDue) event()     {}
func (TurnEnded) event()     {}
func (RefusedByHost) event() {}
