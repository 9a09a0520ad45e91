package adapter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/byova-host/byova-host/sdk/plugin"
)

// elevenLabs speaks the WebSocket of ElevenLabs Agents. Source: ElevenLabs' AsyncAPI
// description 1.0.0 and documentation of 2026. The host detects speech: the backend
// does too, but reports it late or not at all.
type elevenLabs struct {
	Tools
	AgentID string `json:"agent_id"`
	// APIKey is for private agents, whose URL has to be asked for first.
	APIKey string `json:"api_key"`
	// API is where to ask.
	API    string `json:"api"`
	UserID string `json:"user_id"`
	// Override is the conversation_config_override; the agent must allow what it has.
	Override object `json:"override"`
	// Variables are dynamic variables, beside those that every call has.
	Variables object `json:"variables"`
}

func (e *elevenLabs) Check() error {
	e.checkTools()
	if e.API == "" {
		e.API = "https://api.elevenlabs.io"
	}
	for name, value := range e.Variables {
		switch value.(type) {
		case string, float64, bool:
		default:
			return &plugin.FieldError{Field: "options.variables." + name, Message: "must be a text, a number or true or false"}
		}
	}
	return need(e.AgentID, "agent_id", "it is in the agent's page at ElevenLabs")
}

func (e *elevenLabs) Traits() Traits {
	return Traits{Resumes: true, URL: "wss://api.elevenlabs.io/v1/convai/conversation"}
}

// Dial asks for the URL of a private agent, which holds for 15 minutes.
func (e *elevenLabs) Dial(ctx context.Context, t *Target) error {
	query := url.Values{"agent_id": {e.AgentID}}
	if e.APIKey == "" {
		merged := t.URL.Query()
		maps.Copy(merged, query)
		t.URL.RawQuery = merged.Encode()
		return nil
	}
	ask, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(e.API, "/")+"/v1/convai/conversation/get-signed-url?"+query.Encode(), nil)
	if err != nil {
		return fmt.Errorf("ask for a signed URL: %w", err)
	}
	ask.Header.Set("xi-api-key", e.APIKey)
	answer, err := t.Client.Do(ask)
	if err != nil {
		return fmt.Errorf("ask for a signed URL: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return &AskError{Status: answer.StatusCode}
	}
	var signed struct {
		URL string `json:"signed_url"`
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, 1<<20)).Decode(&signed); err != nil {
		return fmt.Errorf("ask for a signed URL: the answer is no JSON: %w", err)
	}
	if t.URL, err = url.Parse(signed.URL); err != nil || t.URL.Host == "" {
		return errors.New("ask for a signed URL: the answer has none") // the URL is a secret
	}
	return nil
}

// AskError is a refusal of what had to be asked before connecting.
type AskError struct{ Status int }

// Error names the status.
func (e *AskError) Error() string {
	return fmt.Sprintf("ask for a signed URL: the server answered %d %s", e.Status, http.StatusText(e.Status))
}

// Final says that another try would be answered in the same way.
func (e *AskError) Final() bool { return e.Status/100 == 4 && e.Status != http.StatusTooManyRequests }

func (e *elevenLabs) Session(line Line, call Call) Session {
	return &elevenLabsSession{line: line, call: call, options: e}
}

type elevenLabsSession struct {
	line    Line
	call    Call
	options *elevenLabs
	opening Opening
	ready   bool
	output  plugin.Format
	input   *plugin.Converter
	cut     int // audio up to this event is of an answer that was interrupted
}

func (s *elevenLabsSession) Open(o Opening) {
	s.opening, s.ready, s.cut = o, false, -1
	info := s.call.Info
	variables := object{
		"caller": s.call.Caller(), "called": s.call.Called(), "conversation_id": info.ConversationID,
		"organization_id": info.Org, "agent": info.Agent, "resumed": o.Resumed,
	}
	for name, value := range s.call.Parameters {
		variables[name] = value
	}
	maps.Copy(variables, s.options.Variables)
	first := object{"type": "conversation_initiation_client_data", "dynamic_variables": variables}
	if len(s.options.Override) > 0 {
		first["conversation_config_override"] = s.options.Override
	}
	if s.options.UserID != "" {
		first["user_id"] = s.options.UserID
	}
	s.line.Send(first)
}

func (s *elevenLabsSession) Hear(frame []byte) {
	s.line.Send(object{"user_audio_chunk": encodeAudio(s.input.Convert(nil, frame))})
}

func (s *elevenLabsSession) Tell(e Event) {
	if e, ok := e.(DTMF); ok {
		s.line.Send(object{"type": "user_message", "text": pressed(e.Digits)})
	}
}

type elevenLabsEvent struct {
	Type     string
	Metadata struct {
		Input  string `json:"user_input_audio_format"`
		Output string `json:"agent_output_audio_format"`
	} `json:"conversation_initiation_metadata_event"`
	Audio struct {
		Data string `json:"audio_base_64"`
		ID   int    `json:"event_id"`
	} `json:"audio_event"`
	Interruption struct {
		ID int `json:"event_id"`
	} `json:"interruption_event"`
	Ping struct {
		ID int `json:"event_id"`
	} `json:"ping_event"`
	User struct {
		Text string `json:"user_transcript"`
	} `json:"user_transcription_event"`
	Agent struct {
		Text string `json:"agent_response"`
	} `json:"agent_response_event"`
	Correction struct {
		Text string `json:"corrected_agent_response"`
	} `json:"agent_response_correction_event"`
	Tool struct {
		Name       string          `json:"tool_name"`
		ID         string          `json:"tool_call_id"`
		Parameters json.RawMessage `json:"parameters"`
	} `json:"client_tool_call"`
	Error struct {
		Code any
		Type string `json:"error_type"`
	} `json:"error_event"`
}

func (s *elevenLabsSession) Receive(m Message) error {
	var in elevenLabsEvent
	if err := decodeText(m, &in); err != nil {
		return err
	}
	switch in.Type {
	case "conversation_initiation_metadata":
		s.begin(in.Metadata.Input, in.Metadata.Output)
	case "audio":
		return s.audio(in.Audio.Data, in.Audio.ID)
	case "interruption":
		s.cut = max(s.cut, in.Interruption.ID)
		s.line.Flush()
	case "ping":
		s.line.Send(object{"type": "pong", "event_id": in.Ping.ID})
	case "user_transcript":
		s.line.Said(Said{Text: in.User.Text})
	case "agent_response":
		s.line.Said(Said{Bot: true, Text: in.Agent.Text})
	case "agent_response_correction":
		s.line.CorrectLast(in.Correction.Text)
	case "client_tool_call":
		return s.tool(in)
	case "error":
		s.line.Note("the backend reports an error", "code", fmt.Sprintf("%.20v", in.Error.Code), "type", known(in.Error.Type))
	}
	return nil // the others are for information, or newer than this
}

// begin takes the formats, which are the agent's to choose.
func (s *elevenLabsSession) begin(input, output string) {
	if s.ready {
		return
	}
	in, errIn := elevenLabsFormat(input)
	out, errOut := elevenLabsFormat(output)
	converter, errConvert := plugin.NewConverter(muLaw, in)
	if err := errors.Join(errIn, errOut, errConvert); err != nil {
		s.line.Fail(true, fmt.Errorf("%w: set the agent's audio to ulaw_8000 both ways", err))
		return
	}
	s.ready, s.input, s.output = true, converter, out
	s.line.Ready()
	if s.opening.Resumed {
		s.line.Send(object{"type": "contextual_update", "text": resumedNote(s.opening.Transcript)})
	}
}

func elevenLabsFormat(name string) (plugin.Format, error) {
	if name == "ulaw_8000" {
		return muLaw, nil
	}
	rate, err := strconv.Atoi(strings.TrimPrefix(name, "pcm_"))
	if err != nil || !strings.HasPrefix(name, "pcm_") {
		return plugin.Format{}, fmt.Errorf("the agent's audio is %s, which cannot be converted", known(name))
	}
	return linear16(rate), nil
}

func (s *elevenLabsSession) audio(data string, id int) error {
	if id <= s.cut {
		return nil
	}
	audio, err := decodeAudio(data)
	if err != nil {
		return err
	}
	if !s.ready {
		return errors.New("audio before the formats were said")
	}
	s.line.Play("audio", plugin.Audio{Format: s.output, Data: audio}, PlayOptions{})
	return nil
}

// tool answers every call: the agent may wait for it.
func (s *elevenLabsSession) tool(in elevenLabsEvent) error {
	ours, err := s.options.leave(s.line, in.Tool.Name, in.Tool.Parameters)
	result := object{"type": "client_tool_result", "tool_call_id": in.Tool.ID, "result": "ok", "is_error": false}
	if !ours {
		result["result"], result["is_error"] = "there is no such tool", true
		s.line.Note("the agent calls a tool that is not ours", "tool", known(in.Tool.Name))
	}
	s.line.Send(result)
	return err
}

func (s *elevenLabsSession) HangUp(string) {}

// Closed: 1000 is the agent's end of the call, and 1002 a failure there that a new
// conversation may not meet.
func (s *elevenLabsSession) Closed(code int, _ string) Verdict {
	if code == 1002 {
		return Lost
	}
	return Judge(code)
}
