package rpc

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/byova-host/byova-host/host/session"
	"github.com/byova-host/byova-host/internal/audio"
	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
)

// keys are the DTMF keys by their number on the wire.
const keys = "?1234567890ABCD*#"

// maxBeside bounds what a request carries beside audio, in bytes: it goes to the
// plugin in one message.
const maxBeside = 256 << 10

// toSession takes a request off the wire.
func (m *message) toSession() (*session.Request, error) {
	if m.request != nil {
		return fromRequest(m.request)
	}
	f := &m.frame
	q := &session.Request{Key: session.Key{Org: f.org, Conversation: f.conversation}, Agent: f.agent, Partial: f.partial}
	return q, fromAudio(q, f)
}

func fromRequest(m *mediav1.VoiceVARequest) (*session.Request, error) {
	q := &session.Request{
		Key:          session.Key{Org: m.GetCustomerOrgId(), Conversation: m.GetConversationId()},
		Agent:        m.GetVirtualAgentId(),
		VendorConfig: m.GetVendorSpecificConfig(),
		Additional:   m.GetAdditionalInfo(),
		Partial:      m.GetAllowPartialResponses(),
	}
	if n := beside(m); n > maxBeside {
		return nil, fmt.Errorf("%w: %d bytes beside the audio: at most %d are taken", session.ErrBadRequest, n, maxBeside)
	}
	switch in := m.GetVoiceVaInputType().(type) {
	case *mediav1.VoiceVARequest_AudioInput:
		a := in.AudioInput
		return q, fromAudio(q, &frame{encoding: a.GetEncoding(), rate: a.GetSampleRateHertz(), audio: a.GetCallerAudio(), language: a.GetLanguageCode()})
	case *mediav1.VoiceVARequest_DtmfInput:
		return q, fromKeys(q, in.DtmfInput)
	case *mediav1.VoiceVARequest_EventInput:
		return q, fromEvent(q, in.EventInput)
	}
	return q, nil
}

// beside is how many bytes a request has beside audio. It is asked of each frame,
// most of which have next to none.
func beside(m *mediav1.VoiceVARequest) int {
	audio := len(m.GetAudioInput().GetCallerAudio())
	if audio > 0 && m.GetVendorSpecificConfig() == "" && len(m.GetAdditionalInfo()) == 0 {
		return 0
	}
	return proto.Size(m) - audio
}

func fromAudio(q *session.Request, f *frame) error {
	encoding, err := fromEncoding(f.encoding)
	if err != nil {
		return err
	}
	q.Format = audio.Format{Encoding: encoding, Rate: int(f.rate)}
	if err := q.Format.Validate(); err != nil {
		return fmt.Errorf("%w: audio_input: %w", session.ErrBadRequest, err)
	}
	q.Kind, q.Audio, q.Language = session.Audio, f.audio, f.language
	return nil
}

func fromEncoding(e mediav1.VoiceInput_VoiceEncoding) (audio.Encoding, error) {
	switch e {
	case mediav1.VoiceInput_UNSPECIFIED_FORMAT: // what Webex sends when it says nothing is mu-law
		return audio.MuLaw, nil
	case mediav1.VoiceInput_MULAW_FORMAT:
		return audio.MuLaw, nil
	case mediav1.VoiceInput_ALAW_FORMAT:
		return audio.ALaw, nil
	case mediav1.VoiceInput_LINEAR16_FORMAT:
		return audio.Linear16, nil
	default:
		return 0, fmt.Errorf("%w: audio encoding %d is unknown: send MULAW, ALAW or LINEAR16", session.ErrBadRequest, e)
	}
}

func fromKeys(q *session.Request, in *mediav1.DTMFInputs) error {
	digits := make([]byte, 0, len(in.GetDtmfEvents()))
	for _, key := range in.GetDtmfEvents() {
		if key <= 0 || int(key) >= len(keys) {
			return fmt.Errorf("%w: dtmf_input has key number %d: want 1 to %d", session.ErrBadRequest, key, len(keys)-1)
		}
		digits = append(digits, keys[key])
	}
	q.Kind, q.Digits = session.DTMF, string(digits)
	return nil
}

func fromEvent(q *session.Request, in *mediav1.EventInput) error {
	kind, known := map[mediav1.EventInput_EventType]session.InputKind{
		mediav1.EventInput_SESSION_START: session.SessionStart,
		mediav1.EventInput_SESSION_END:   session.SessionEnd,
		mediav1.EventInput_NO_INPUT:      session.Silence,
		mediav1.EventInput_START_OF_DTMF: session.DTMFStart,
		mediav1.EventInput_CUSTOM_EVENT:  session.CustomInput,
	}[in.GetEventType()]
	if !known {
		return fmt.Errorf("%w: event_input has type %d, which is unknown", session.ErrBadRequest, in.GetEventType())
	}
	q.Kind, q.Name, q.Parameters = kind, in.GetName(), in.GetParameters().AsMap()
	return nil
}

// toMessage puts a response on the wire, in c if that can carry it.
func (c *chunk) toMessage(r session.Response) any {
	if r.Type == session.Chunk && r.Text == nil && r.Event == session.NoEvent && r.Input == nil {
		*c = chunk{r.Audio, r.BargeIn}
		return c
	}
	return toResponse(r)
}

func toResponse(r session.Response) *mediav1.VoiceVAResponse {
	m := &mediav1.VoiceVAResponse{}
	switch r.Type {
	case session.Chunk:
		m.ResponseType = mediav1.VoiceVAResponse_CHUNK
		m.Prompts = []*mediav1.Prompt{{AudioContent: r.Audio, Text: textOf(r.Text), IsBargeInEnabled: r.BargeIn}}
	case session.Partial:
		m.ResponseType = mediav1.VoiceVAResponse_PARTIAL
	case session.Final, session.EventOnly: // both are FINAL, the zero value, on the wire
	}
	for _, c := range r.Clips {
		if c.Text != nil { // Webex speaks it: never beside audio
			m.Prompts = append(m.Prompts, &mediav1.Prompt{Text: textOf(c.Text), IsBargeInEnabled: c.BargeIn})
			continue
		}
		file := audio.AppendWAV(nil, audio.WAV{Format: audio.Telephone, Data: c.Audio})
		m.Prompts = append(m.Prompts, &mediav1.Prompt{AudioContent: file, IsBargeInEnabled: c.BargeIn})
	}
	if r.Event != session.NoEvent {
		m.OutputEvents = []*mediav1.OutputEvent{toEvent(r)}
	}
	m.SessionTranscript, m.SessionSummary = toText(r.Transcript), toText(r.Summary)
	if r.Input != nil {
		m.InputSensitive = r.Input.Sensitive
		m.InputMode = toMode(r.Input.Mode)
		m.InputHandlingConfig = toHandling(r.Input)
	}
	return m
}

func toEvent(r session.Response) *mediav1.OutputEvent {
	types := map[session.OutputEvent]mediav1.OutputEvent_EventType{
		session.StartOfInput:    mediav1.OutputEvent_START_OF_INPUT,
		session.EndOfInput:      mediav1.OutputEvent_END_OF_INPUT,
		session.TransferToAgent: mediav1.OutputEvent_TRANSFER_TO_AGENT,
		session.EndSession:      mediav1.OutputEvent_SESSION_END,
		session.CustomOutput:    mediav1.OutputEvent_CUSTOM_EVENT,
		session.NoMatch:         mediav1.OutputEvent_NO_MATCH,
		session.NoInputEvent:    mediav1.OutputEvent_NO_INPUT,
	}
	event := &mediav1.OutputEvent{EventType: types[r.Event], Name: r.Name}
	if len(r.Metadata) > 0 {
		// It came from a Struct, so that it fits into one.
		event.Metadata, _ = structpb.NewStruct(r.Metadata)
	}
	return event
}

func textOf(t *session.Text) string {
	if t == nil {
		return ""
	}
	return t.Text
}

func toText(text string) *mediav1.TextContent {
	if text == "" {
		return nil
	}
	return &mediav1.TextContent{InputContent: &mediav1.TextContent_Text{Text: text}}
}

func toMode(m session.InputMode) mediav1.VoiceVAInputMode {
	switch m {
	case session.VoiceOnly:
		return mediav1.VoiceVAInputMode_INPUT_VOICE
	case session.DTMFOnly:
		return mediav1.VoiceVAInputMode_INPUT_EVENT_DTMF
	default:
		return mediav1.VoiceVAInputMode_INPUT_VOICE_DTMF
	}
}

func toHandling(in *session.InputConfig) *mediav1.InputHandlingConfig {
	silence := millis(in.EndSilence)
	return &mediav1.InputHandlingConfig{
		DtmfConfig: &mediav1.DTMFInputConfig{
			InterDigitTimeoutMsec: millis(in.InterDigit), Termchar: toKey(in.Terminator), DtmfInputLength: int32(in.DTMFLength),
		},
		SpeechTimers: &mediav1.InputSpeechTimers{
			MaxSpeechTimeoutMsec: millis(in.MaxSpeech), CompleteTimeoutMsec: silence, IncompleteTimeoutMsec: silence,
			NoInputTimeoutMsec: millis(in.NoInput),
		},
	}
}

func toKey(key byte) mediav1.DTMFDigits {
	for number := 1; number < len(keys); number++ {
		if keys[number] == key {
			return mediav1.DTMFDigits(number)
		}
	}
	return mediav1.DTMFDigits_DTMF_EVENT_UNSPECIFIED
}

func millis(d time.Duration) int32 { return int32(min(d.Milliseconds(), 1<<31-1)) }
