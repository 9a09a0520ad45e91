package session

import (
	"fmt"
	"time"

	"github.com/byova-host/byova-host/internal/audio"
)

// Key names a call: a conversation id means something only within its organisation.
type Key struct {
	Org          string
	Conversation string
}

// InputKind says what a Request brings.
type InputKind uint8

// The kinds of caller input.
const (
	NoKind InputKind = iota // a request that names none
	SessionStart
	SessionEnd
	Audio
	DTMF
	DTMFStart
	Silence // Webex heard no input in time
	CustomInput
)

// Request is one message from the caller's side.
type Request struct {
	Key          Key
	Agent        string // empty means the default agent
	VendorConfig string // Control Hub's text, unparsed
	Additional   map[string]string
	Tracking     string // Webex's id of this RPC, for logs
	Partial      bool   // PARTIAL responses are welcome

	Kind       InputKind
	Audio      []byte       // Audio: the session keeps it
	Format     audio.Format // Audio; zero where nothing is said: as before on the RPC, or mu-law at 8 kHz
	Language   string       // Audio
	Digits     string       // DTMF: 0-9, *, #, A-D as pressed
	Name       string       // SessionStart, CustomInput
	Parameters map[string]any
}

// Validate says what is out of range. NoInput may be zero, for never.
func (in InputConfig) Validate() error {
	if in.DTMFLength < 1 || in.DTMFLength > 100 {
		return fmt.Errorf("an entry of %d keys: want 1 to 100", in.DTMFLength)
	}
	for _, d := range []struct {
		name            string
		value, min, max time.Duration
		mayBeZero       bool
	}{
		{"inter-digit", in.InterDigit, 100 * time.Millisecond, time.Minute, false},
		{"no-input", in.NoInput, 100 * time.Millisecond, 10 * time.Minute, true},
		{"end silence", in.EndSilence, 100 * time.Millisecond, 10 * time.Second, false},
		{"max speech", in.MaxSpeech, time.Second, 10 * time.Minute, false},
	} {
		if (d.value < d.min || d.value > d.max) && (!d.mayBeZero || d.value != 0) {
			return fmt.Errorf("%s of %v: want %v to %v", d.name, d.value, d.min, d.max)
		}
	}
	return nil
}

// cost is what a request counts for while it waits: its content, and something
// for itself.
func (q *Request) cost() int {
	const each = 256
	return len(q.Audio) + len(q.VendorConfig) + len(q.Digits) + each
}

// OutputEvent is what a Response tells Webex beside or instead of a prompt.
type OutputEvent uint8

// The output events in use.
const (
	NoEvent OutputEvent = iota
	StartOfInput
	EndOfInput
	TransferToAgent
	EndSession
	CustomOutput
	NoMatch
	NoInputEvent
)

// ResponseType says how a Response takes part in an answer.
type ResponseType uint8

// The types of response in use.
const (
	EventOnly ResponseType = iota // speech began or ended; the RPC goes on
	Chunk                         // a piece of prompt audio
	Partial                       // prompts before the answer
	Final                         // the answer is complete
)

// Response is one message to the caller's side.
type Response struct {
	Type    ResponseType
	Audio   []byte // Chunk: mu-law, 8 kHz; valid until the next response is taken
	Text    *Text  // Chunk: what Webex is to speak, instead of Audio
	BargeIn bool   // Chunk: whether the caller's input cuts it
	Clips   []Clip // Final, Partial: whole prompts, in WAV mode

	Event      OutputEvent
	Name       string
	Metadata   map[string]any
	Transcript string // terminal events only
	Summary    string

	// Input says how the next input is taken; nil where nothing is said of it.
	Input *InputConfig

	prompt uint64 // whose audio this is
	size   int    // bytes of its audio, without padding
	spoken int    // bytes that its text would have as audio
	cost   int    // bytes of credit that return to the bot when it has left
}

// Clip is a whole prompt.
type Clip struct {
	Audio   []byte // mu-law, 8 kHz
	Text    *Text  // what Webex is to speak, instead of Audio
	BargeIn bool

	prompt uint64
	spoken int // bytes that its text would have as audio
}

// bytes is how much audio plays: that of a text is an estimate.
func (r *Response) bytes() int { return len(r.Audio) + r.spoken }

// bytes is how much audio plays: that of a text is an estimate.
func (c *Clip) bytes() int { return len(c.Audio) + c.spoken }

// InputMode says which kinds of input Webex collects.
type InputMode uint8

// The input modes. The zero value is what Webex assumes when nothing is said.
const (
	VoiceAndDTMF InputMode = iota
	VoiceOnly
	DTMFOnly
)

// InputConfig says how the next input is taken.
type InputConfig struct {
	Mode       InputMode
	DTMFLength int           // most keys of an entry
	InterDigit time.Duration // longest pause between two keys
	Terminator byte          // key that ends an entry; 0 for none
	NoInput    time.Duration // silence until Webex reports no input; 0 for never
	EndSilence time.Duration // silence that ends an utterance
	MaxSpeech  time.Duration // longest utterance
	Sensitive  bool          // not to be recorded or logged
}
