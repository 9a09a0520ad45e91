package caller

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/byova-host/byova-host/internal/audio"
	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
)

// Kind says what an entry tells. The package comment lists them.
type Kind string

// The kinds of entries.
const (
	Opened      Kind = "open"
	SentEvent   Kind = "event"
	SentKeys    Kind = "keys"
	SentAudio   Kind = "audio"
	HalfClosed  Kind = "half_close"
	Cancelled   Kind = "cancel"
	Responded   Kind = "response"
	Ended       Kind = "end"
	SpeechStart Kind = "speech_start"
	SpeechEnd   Kind = "speech_end"
	KeyPressed  Kind = "key"
	Interrupted Kind = "interrupt"
	PlayStart   Kind = "play_start"
	PlayEnd     Kind = "play_end"
	PlayCut     Kind = "play_cut"
	Note        Kind = "note"
)

// Entry is one thing that happened in a call. Which fields are set depends on
// its Kind.
type Entry struct {
	At       time.Duration // since the call began
	RPC      int           // ordinal from 1; 0 when it concerns none
	Kind     Kind
	Event    string        // SentEvent: name of the event, for instance SESSION_START
	Digits   string        // SentKeys, KeyPressed
	Audio    time.Duration // SentAudio: sent; PlayEnd, PlayCut: played
	Dropped  time.Duration // PlayCut: never played
	Speech   bool          // SentAudio: the caller spoke
	Response *Response     // Responded
	Status   codes.Code    // Ended
	Text     string        // Cancelled, Ended, HalfClosed, Note: why or what
	Conn     int           // Opened: which connection, from 1, when the call has several

	due time.Duration // HalfClosed: when that was due, if it was the caller's doing
}

// Response is what a message of the server said, without its audio.
type Response struct {
	Type      string   `json:"type"` // FINAL, PARTIAL or CHUNK
	Prompts   []Prompt `json:"prompts,omitempty"`
	Events    []string `json:"events,omitempty"`
	InputMode string   `json:"input_mode,omitempty"` // empty when unset
	Sensitive bool     `json:"input_sensitive,omitempty"`
	Config    bool     `json:"input_handling_config,omitempty"`

	Name       string         `json:"event_name,omitempty"` // of the first event
	Metadata   map[string]any `json:"metadata,omitempty"`   // of the first event
	Transcript bool           `json:"session_transcript,omitempty"`
	Summary    bool           `json:"session_summary,omitempty"`
	Input      *Input         `json:"input,omitempty"` // what Config holds
}

// Input is what a Response says of the next input.
type Input struct {
	DTMFLength   int     `json:"dtmf_length,omitempty"`
	Terminator   string  `json:"terminator,omitempty"`
	InterDigitMS float64 `json:"inter_digit_ms,omitempty"`
	NoInputMS    float64 `json:"no_input_ms,omitempty"`
	MaxSpeechMS  float64 `json:"max_speech_ms,omitempty"`
}

// Prompt is one prompt of a Response.
type Prompt struct {
	Bytes   int     `json:"bytes"`    // of audio
	AudioMS float64 `json:"audio_ms"` // length of that audio
	BargeIn bool    `json:"barge_in,omitempty"`
	Text    bool    `json:"text,omitempty"`
	URI     bool    `json:"uri,omitempty"`
	WAV     bool    `json:"wav,omitempty"`  // the audio begins with a WAV header
	Flaw    string  `json:"flaw,omitempty"` // why Webex would not play the WAV
}

// The events of the server that the caller acts upon.
const (
	eventStartOfInput = "START_OF_INPUT"
	eventEndOfInput   = "END_OF_INPUT"
	eventNoInput      = "NO_INPUT"
	eventSessionStart = "SESSION_START"
	eventSessionEnd   = "SESSION_END"
	eventStartOfDTMF  = "START_OF_DTMF"
	eventNoMatch      = "NO_MATCH"
	eventCustom       = "CUSTOM_EVENT"
	eventTransfer     = "TRANSFER_TO_AGENT"
	typeFinal         = "FINAL"
	typePartial       = "PARTIAL"
	typeChunk         = "CHUNK"
)

// event is the first output event, the only one that counts.
func (r *Response) event() string {
	if len(r.Events) == 0 {
		return ""
	}
	return r.Events[0]
}

// ending is the event that ends the agent's part of the call; empty without one.
func (r *Response) ending() string {
	for _, e := range r.Events {
		if e == eventTransfer || e == eventSessionEnd || e == eventCustom {
			return e
		}
	}
	return ""
}

// has reports whether any of the events is the named one.
func (r *Response) has(event string) bool {
	return slices.Contains(r.Events, event)
}

// terminal reports whether the message ends the agent's part of the call.
func (r *Response) terminal() bool {
	return r.has(eventTransfer) || r.has(eventSessionEnd) || r.has(eventCustom)
}

// final reports whether the message closes the answer. FINAL being zero, a
// message that only says START_OF_INPUT or END_OF_INPUT carries it too and
// closes nothing.
func (r *Response) final() bool {
	marker := r.event() == eventStartOfInput || r.event() == eventEndOfInput
	return r.Type == typeFinal && (len(r.Prompts) > 0 || !marker || r.terminal())
}

// audio is how many bytes of audio the message holds.
func (r *Response) audio() int {
	n := 0
	for _, p := range r.Prompts {
		n += p.Bytes
	}
	return n
}

// describe summarises a message and gives the audio to play for each prompt.
func describe(m *mediav1.VoiceVAResponse) (*Response, [][]byte) {
	r := &Response{Type: m.GetResponseType().String(), Sensitive: m.GetInputSensitive(), Config: m.GetInputHandlingConfig() != nil}
	if mode := m.GetInputMode(); mode != mediav1.VoiceVAInputMode_INPUT_VOICE_MODE_UNSPECIFIED {
		r.InputMode = mode.String()
	}
	for _, e := range m.GetOutputEvents() {
		r.Events = append(r.Events, e.GetEventType().String())
	}
	if events := m.GetOutputEvents(); len(events) > 0 {
		r.Name, r.Metadata = events[0].GetName(), events[0].GetMetadata().AsMap()
		if len(r.Metadata) == 0 {
			r.Metadata = nil
		}
	}
	r.Transcript, r.Summary = said(m.GetSessionTranscript()), said(m.GetSessionSummary())
	r.Input = describeInput(m.GetInputHandlingConfig())
	plays := make([][]byte, 0, len(m.GetPrompts()))
	for _, p := range m.GetPrompts() {
		play, flaw := p.GetAudioContent(), ""
		wav := strings.HasPrefix(string(play[:min(4, len(play))]), "RIFF")
		if wav {
			play, flaw = playWAV(play)
		}
		plays = append(plays, play)
		r.Prompts = append(r.Prompts, Prompt{
			Bytes: len(p.GetAudioContent()), AudioMS: millis(lengthOf(len(play))),
			BargeIn: p.GetIsBargeInEnabled(), Text: p.GetText() != "", URI: p.GetAudioUri() != "",
			WAV: wav, Flaw: flaw,
		})
	}
	return r, plays
}

// said reports whether there is any text.
func said(t *mediav1.TextContent) bool { return t.GetText() != "" || t.GetSsml() != "" }

func describeInput(c *mediav1.InputHandlingConfig) *Input {
	if c == nil {
		return nil
	}
	d, t := c.GetDtmfConfig(), c.GetSpeechTimers()
	return &Input{
		DTMFLength: int(d.GetDtmfInputLength()), Terminator: keyName(d.GetTermchar()),
		InterDigitMS: float64(d.GetInterDigitTimeoutMsec()), NoInputMS: float64(t.GetNoInputTimeoutMsec()),
		MaxSpeechMS: float64(t.GetMaxSpeechTimeoutMsec()),
	}
}

// playWAV is the sound of a WAV prompt. Webex plays only mu-law at 8 kHz as it
// should sound; others are converted so that a recording stays useful, and the
// flaw is told.
func playWAV(file []byte) (muLaw []byte, flaw string) {
	wav, err := audio.ParseWAV(file)
	if err != nil {
		return nil, err.Error()
	}
	if wav.Format.Normal() != audio.Telephone || wav.Channels > 1 {
		flaw = wav.Format.String()
		if wav.Channels > 1 {
			flaw += " in two channels"
		}
	}
	muLaw, err = wav.MuLaw8k()
	if err != nil {
		return nil, err.Error()
	}
	return muLaw, flaw
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// MarshalJSON writes the fields that the package comment names.
func (e Entry) MarshalJSON() ([]byte, error) {
	line := struct {
		At       float64   `json:"at_ms"`
		RPC      int       `json:"rpc,omitempty"`
		Kind     Kind      `json:"kind"`
		Event    string    `json:"event,omitempty"`
		Digits   string    `json:"digits,omitempty"`
		Audio    float64   `json:"audio_ms,omitempty"`
		Dropped  float64   `json:"dropped_ms,omitempty"`
		Speech   bool      `json:"speech,omitempty"`
		Response *Response `json:"response,omitempty"`
		Status   string    `json:"status,omitempty"`
		Text     string    `json:"text,omitempty"`
		Conn     int       `json:"connection,omitempty"`
	}{
		At: millis(e.At), RPC: e.RPC, Kind: e.Kind, Event: e.Event, Digits: e.Digits,
		Audio: millis(e.Audio), Dropped: millis(e.Dropped), Speech: e.Speech, Response: e.Response, Text: e.Text, Conn: e.Conn,
	}
	if e.Kind == Ended {
		line.Status = e.Status.String()
	}
	return json.Marshal(line)
}
