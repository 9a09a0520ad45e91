package backendtest

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/byova-host/byova-host/sdk/plugin"
)

// elevenLabs is an agent of ElevenLabs whose audio is PCM at 16 kHz both ways.
type elevenLabs struct {
	*bot
	begun bool
	event int
	said  int // event of the last answer
	pings int
	calls map[string]bool
	input *plugin.Converter
	pongs int
}

var pcm16 = plugin.Format{Encoding: plugin.Linear16, Rate: 16000}

type elevenLabsMessage struct {
	Type      string         `json:"type"`
	Override  object         `json:"conversation_config_override"`
	Variables map[string]any `json:"dynamic_variables"`
	UserID    string         `json:"user_id"`
	Chunk     *string        `json:"user_audio_chunk"`
	EventID   int            `json:"event_id"`
	Text      string         `json:"text"`
	ContextID string         `json:"context_id"`
	ToolID    string         `json:"tool_call_id"`
	Result    any            `json:"result"`
	IsError   bool           `json:"is_error"`
}

func (e *elevenLabs) opened() { e.calls = map[string]bool{} }

func (e *elevenLabs) receive(f Frame) error {
	var m elevenLabsMessage
	if err := strict(f, &m); err != nil {
		return err
	}
	if e.begun != (m.Type != "conversation_initiation_client_data") {
		return errors.New("conversation_initiation_client_data must be first, and once")
	}
	switch {
	case m.Chunk != nil && m.Type == "":
		audio, err := decode(*m.Chunk)
		if err != nil {
			return err
		}
		if len(audio)%2 != 0 {
			return errors.New("half a sample")
		}
		return e.hear(e.input.Convert(nil, audio))
	case m.Type == "conversation_initiation_client_data":
		return e.begin(m)
	case m.Type == "pong":
		if e.pongs++; m.EventID != e.pongs || e.pongs > e.pings {
			return fmt.Errorf("pong %d, of %d pings", m.EventID, e.pings)
		}
	case m.Type == "user_message":
		return e.typed(m.Text)
	case m.Type == "contextual_update":
		e.session.Resumed = true
	case m.Type == "client_tool_result":
		if !e.calls[m.ToolID] || m.Result == nil {
			return fmt.Errorf("result of unknown tool call %q", m.ToolID)
		}
		delete(e.calls, m.ToolID)
	default:
		return fmt.Errorf("unknown type %q", m.Type)
	}
	return nil
}

func (e *elevenLabs) begin(m elevenLabsMessage) error {
	for name, value := range m.Variables {
		switch value.(type) {
		case string, float64, bool:
		default:
			return fmt.Errorf("dynamic variable %s is a %T", name, value)
		}
	}
	e.begun = true
	e.input, _ = plugin.NewConverter(pcm16, plugin.Format{})
	e.send(object{"type": "conversation_initiation_metadata", "conversation_initiation_metadata_event": object{
		"conversation_id": "conv_1", "agent_output_audio_format": "pcm_16000", "user_input_audio_format": "pcm_16000",
	}})
	e.ping()
	e.start(true)
	return nil
}

func (e *elevenLabs) ping() {
	e.pings++
	e.send(object{"type": "ping", "ping_event": object{"event_id": e.pings, "ping_ms": nil}})
}

func (e *elevenLabs) say(audio []byte) {
	e.plays(audio)
	e.event++
	e.said = e.event
	e.send(object{"type": "agent_response", "agent_response_event": object{"agent_response": "a tone", "event_id": e.event}})
	for _, piece := range pieces(convert(muLaw(audio), pcm16)) {
		e.send(object{"type": "audio", "audio_event": object{"audio_base_64": encode(piece), "event_id": e.event}})
	}
	if e.dying {
		return
	}
	e.ping()
}

func (e *elevenLabs) began(playing bool) {
	if playing {
		e.send(object{"type": "interruption", "interruption_event": object{"event_id": e.said}})
		// Some of what was on its way still comes.
		e.send(object{"type": "audio", "audio_event": object{"audio_base_64": encode(convert(muLaw(tone(3000, 1e8)), pcm16)), "event_id": e.said}})
	}
}

func (e *elevenLabs) ended() {
	e.send(object{"type": "user_transcript", "user_transcription_event": object{"user_transcript": "hello there", "event_id": e.event}})
}

func (e *elevenLabs) leave(transfer bool, why string) {
	name := "end_call"
	if transfer {
		name = "transfer_call"
	}
	e.event++
	id := "t" + strconv.Itoa(e.event)
	e.calls[id] = true
	e.send(object{"type": "client_tool_call", "client_tool_call": object{
		"tool_name": name, "tool_call_id": id, "parameters": object{"reason": why}, "event_id": e.event,
	}})
}
