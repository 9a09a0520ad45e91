package adapter

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/byova-host/byova-host/sdk/plugin"
)

// openAI speaks OpenAI's Realtime API over WebSocket in its GA shape, as OpenAI, Azure
// OpenAI and others serve it. Source: OpenAI's OpenAPI description and guides of
// August 2026. The backend detects speech.
type openAI struct {
	Tools
	APIKey string `json:"api_key"`
	// Azure sends the key as Azure OpenAI wants it.
	Azure        bool   `json:"azure"`
	Model        string `json:"model"`
	Voice        string `json:"voice"`
	Instructions string `json:"instructions"`
	// Greeting is what is said first; empty leaves the words to the model, and "none"
	// waits for the caller.
	Greeting string `json:"greeting"`
	// Transcription is the model that writes down what the caller says; "none" for none.
	Transcription string `json:"transcription"`
	// Dialect is "ga", or "beta" for gateways that speak no other shape yet.
	Dialect string `json:"dialect"`
	// Overrides are laid over the session as it is sent, for everything else.
	Overrides object `json:"session"`
}

// openAIRenew is how old a connection gets: the server ends it at an hour, unannounced.
const openAIRenew = 55 * time.Minute

func newOpenAI() *openAI {
	return &openAI{Model: "gpt-realtime", Voice: "marin", Transcription: "gpt-4o-mini-transcribe", Dialect: "ga"}
}

func (o *openAI) Check() error {
	o.checkTools()
	if o.Dialect != "ga" && o.Dialect != "beta" {
		return &plugin.FieldError{Field: "options.dialect", Message: fmt.Sprintf("is %q: want ga or beta", o.Dialect)}
	}
	return nil
}

func (o *openAI) Traits() Traits {
	return Traits{Detects: Always, Resumes: true, HearsNoInput: true, URL: "wss://api.openai.com/v1/realtime"}
}

func (o *openAI) Dial(_ context.Context, t *Target) error {
	query := t.URL.Query()
	if o.Model != "" && !query.Has("model") {
		query.Set("model", o.Model)
		t.URL.RawQuery = query.Encode()
	}
	switch {
	case o.APIKey == "":
	case o.Azure:
		t.Header.Set("api-key", o.APIKey)
	default:
		t.Header.Set("Authorization", "Bearer "+o.APIKey)
	}
	if o.Dialect == "beta" {
		t.Header.Set("OpenAI-Beta", "realtime=v1")
	}
	return nil
}

func (o *openAI) Session(line Line, _ Call) Session { return &openAISession{line: line, options: o} }

// session is what session.update sets.
func (o *openAI) session() object {
	var tools []object
	for _, f := range o.functions() {
		tools = append(tools, object{"type": "function", "name": f.name, "description": f.description, "parameters": f.schema("object", "string")})
	}
	detection := object{"type": "server_vad", "create_response": true, "interrupt_response": true}
	var transcription any
	if o.Transcription != "none" {
		transcription = object{"model": o.Transcription}
	}
	base := object{"instructions": o.Instructions, "tools": tools, "tool_choice": "auto"}
	if o.Dialect == "beta" {
		base["modalities"], base["voice"] = []string{"audio", "text"}, o.Voice
		base["input_audio_format"], base["output_audio_format"] = "g711_ulaw", "g711_ulaw"
		base["turn_detection"], base["input_audio_transcription"] = detection, transcription
		return merge(base, o.Overrides)
	}
	format := object{"type": "audio/pcmu"}
	base["type"], base["output_modalities"] = "realtime", []string{"audio"}
	base["audio"] = object{
		"input":  object{"format": format, "transcription": transcription, "turn_detection": detection},
		"output": object{"format": format, "voice": o.Voice},
	}
	return merge(base, o.Overrides)
}

type openAISession struct {
	line    Line
	options *openAI
	opening Opening
	ready   bool

	response string // the running one
	active   bool   // it is running
	spoke    bool   // it has said something
	dead     string // a response that was cut: its late audio is dropped
	create   object // a response.create that waits for the running one; nil for none
	answered map[string]bool
	failures int // responses in a row
}

func (s *openAISession) Open(o Opening) {
	s.opening, s.ready, s.active, s.spoke = o, false, false, false
	s.response, s.dead, s.create = "", "", nil
	s.answered = map[string]bool{}
	s.line.After(openAIRenew, s.line.Renew)
}

// begin is what follows the confirmation of the session's settings.
func (s *openAISession) begin() {
	s.ready = true
	for _, said := range s.opening.Transcript {
		s.say(said.Bot, said.Text)
	}
	s.line.Ready()
	switch {
	case s.opening.Resumed || s.options.Greeting == "none":
	case s.options.Greeting != "":
		s.respond(object{"instructions": "Say exactly this, and nothing else: " + s.options.Greeting})
	default:
		s.respond(object{})
	}
}

// say adds to the conversation what was said, or typed.
func (s *openAISession) say(bot bool, text string) {
	who, kind := "user", "input_text"
	if bot {
		who, kind = "assistant", "output_text"
		if s.options.Dialect == "beta" {
			kind = "text"
		}
	}
	s.send("conversation.item.create", object{"item": object{
		"type": "message", "role": who, "content": []object{{"type": kind, "text": text}},
	}})
}

// respond asks for an answer, once the running one is done.
func (s *openAISession) respond(response object) {
	if s.active {
		s.create = response
		return
	}
	s.create = nil
	s.active = true // the server says so in a moment, or refuses
	body := object{}
	if len(response) > 0 {
		body["response"] = response
	}
	s.send("response.create", body)
}

func (s *openAISession) send(kind string, body object) {
	body["type"] = kind
	s.line.Send(body)
}

func (s *openAISession) Hear(frame []byte) {
	s.send("input_audio_buffer.append", object{"audio": encodeAudio(frame)})
}

func (s *openAISession) Tell(e Event) {
	switch e := e.(type) {
	case DTMF:
		s.say(false, pressed(e.Digits))
		s.respond(object{})
	case NoInput:
		s.say(false, silent)
		s.respond(object{})
	case AnswerDue:
		s.respond(object{})
	case Interrupted: // by keys: of speech the backend knows itself
		if s.active {
			s.send("response.cancel", object{})
		}
		s.truncate(e)
	}
}

// truncate tells the model how much of what it said was heard.
func (s *openAISession) truncate(cut Interrupted) {
	s.dead = s.response
	if cut.Item != "" {
		s.send("conversation.item.truncate", object{"item_id": cut.Item, "content_index": 0, "audio_end_ms": cut.Heard.Milliseconds()})
	}
}

type openAIEvent struct {
	Type       string
	ResponseID string `json:"response_id"`
	ItemID     string `json:"item_id"`
	Delta      string
	Transcript string
	Item       openAIItem
	Response   struct {
		ID            string
		Status        string
		StatusDetails struct {
			Error openAIError
		} `json:"status_details"`
	}
	Error openAIError
}

type openAIItem struct {
	Type, Name, Arguments string
	CallID                string `json:"call_id"`
}

type openAIError struct{ Type, Code, Message string }

// alias gives an event of the beta shape its name in the GA shape.
func alias(kind string) string {
	for _, part := range []string{"audio_transcript", "audio", "text"} {
		if rest, ok := strings.CutPrefix(kind, "response."+part+"."); ok {
			return "response.output_" + part + "." + rest
		}
	}
	return kind
}

func (s *openAISession) Receive(m Message) error {
	var in openAIEvent
	if err := decodeText(m, &in); err != nil {
		return err
	}
	switch alias(in.Type) {
	case "session.created":
		s.send("session.update", object{"session": s.options.session()})
	case "session.updated":
		if !s.ready {
			s.begin()
		}
	case "input_audio_buffer.speech_started":
		s.truncate(s.line.Flush())
		s.line.Speech(plugin.SpeechStart)
	case "input_audio_buffer.speech_stopped":
		s.line.Speech(plugin.SpeechEnd)
	case "conversation.item.input_audio_transcription.completed":
		s.line.Said(Said{Text: in.Transcript})
	case "response.output_audio_transcript.done":
		s.line.Said(Said{Bot: true, Text: in.Transcript})
	case "response.created":
		s.response, s.active, s.spoke = in.Response.ID, true, false
	case "response.output_audio.delta":
		return s.audio(in)
	case "response.output_item.done":
		return s.function(in.Item)
	case "response.done":
		s.done(in)
	case "error":
		s.failed(in.Error)
	}
	return nil // the others are for information, or newer than this
}

func (s *openAISession) audio(in openAIEvent) error {
	if in.ResponseID != "" && in.ResponseID == s.dead {
		return nil
	}
	audio, err := decodeAudio(in.Delta)
	if err != nil {
		return err
	}
	s.spoke = true
	s.line.Play(in.ItemID, plugin.Audio{Format: muLaw, Data: audio}, PlayOptions{})
	return nil
}

func (s *openAISession) function(item openAIItem) error {
	if item.Type != "function_call" || s.answered[item.CallID] {
		return nil
	}
	s.answered[item.CallID] = true
	ours, err := s.options.leave(s.line, item.Name, []byte(item.Arguments))
	output := `{"ok":true}`
	if !ours {
		output = `{"error":"there is no such function"}`
	}
	s.send("conversation.item.create", object{"item": object{"type": "function_call_output", "call_id": item.CallID, "output": output}})
	if !ours {
		s.line.Note("the agent calls a function that is not ours", "function", known(item.Name))
		s.respond(object{})
	}
	return err
}

// maxFailures is how many answers in a row may fail before the backend is given up.
const maxFailures = 3

func (s *openAISession) done(in openAIEvent) {
	spoke := s.spoke
	s.active, s.spoke = false, false
	switch in.Response.Status {
	case "failed":
		code := in.Response.StatusDetails.Error.Code
		s.line.Note("an answer failed", "code", known(code))
		if s.failures++; s.failures >= maxFailures || openAIFatal[code] {
			s.line.Fail(true, fmt.Errorf("%d answers failed, the last with %s", s.failures, known(code)))
			return
		}
		s.line.AnswerDone()
	case "completed", "incomplete":
		s.failures = 0
		if spoke {
			s.line.AnswerDone()
		}
	}
	if s.create != nil {
		s.respond(s.create)
	}
}

// openAIFatal are errors after which nothing more comes. With an expired session a new
// one may do.
var openAIFatal = map[string]bool{
	"invalid_api_key": true, "insufficient_quota": true, "account_deactivated": true,
	"billing_hard_limit_reached": true, "beta_api_shape_disabled": true,
}

func (s *openAISession) failed(e openAIError) {
	switch {
	case e.Code == "response_cancel_not_active" || e.Code == "input_audio_buffer_commit_empty":
	case e.Code == "conversation_already_has_active_response":
		s.active, s.create = true, object{} // and again when that is done
	case e.Code == "session_expired":
		s.line.Fail(false, errors.New("the session has expired"))
	case openAIFatal[e.Code]:
		s.line.Fail(true, fmt.Errorf("the backend says %s", e.Code))
	case !s.ready:
		s.line.Fail(true, fmt.Errorf("the session's settings were refused: %s (%s)", known(e.Code), known(e.Type)))
	default:
		s.line.Note("the backend reports an error", "code", known(e.Code), "type", known(e.Type))
	}
}

func (s *openAISession) HangUp(string) {}

func (s *openAISession) Closed(code int, _ string) Verdict { return Judge(code) }
