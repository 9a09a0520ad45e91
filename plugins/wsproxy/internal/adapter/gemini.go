package adapter

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"github.com/byova-host/byova-host/sdk/plugin"
)

// gemini speaks Google's Gemini Live API, v1beta. Source: Google's Gen AI SDKs and
// documentation of 2026. The host detects speech: the backend reports interruptions
// only.
type gemini struct {
	Tools
	APIKey string `json:"api_key"`
	// AccessToken is for Vertex AI, whose URL has to be set, too.
	AccessToken  string `json:"access_token"`
	Model        string `json:"model"`
	Voice        string `json:"voice"`
	Instructions string `json:"instructions"`
	// Greeting is what the model is asked at first; "none" waits for the caller.
	Greeting string `json:"greeting"`
	// Rate of the audio that is sent, in hertz.
	Rate int `json:"rate"`
	// Overrides are laid over the setup message, for everything else.
	Overrides object `json:"setup"`
}

func newGemini() *gemini {
	return &gemini{Model: "models/gemini-3.8-live", Voice: "Kore", Greeting: "Greet the caller.", Rate: 16000}
}

func (g *gemini) Check() error {
	g.checkTools()
	if g.APIKey == "" && g.AccessToken == "" {
		return &plugin.FieldError{Field: "options.api_key", Message: "is missing: create one in Google AI Studio, or set access_token for Vertex AI"}
	}
	if _, err := plugin.NewConverter(muLaw, linear16(g.Rate)); err != nil {
		return &plugin.FieldError{Field: "options.rate", Message: err.Error()}
	}
	return nil
}

func (g *gemini) Traits() Traits {
	return Traits{Resumes: true, HearsNoInput: true,
		URL: "wss://generativelanguage.googleapis.com/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"}
}

func (g *gemini) Dial(_ context.Context, t *Target) error {
	if g.AccessToken != "" {
		t.Header.Set("Authorization", "Bearer "+g.AccessToken)
		return nil
	}
	t.Header.Set("X-Goog-Api-Key", g.APIKey) // in a URL it would be logged by proxies
	return nil
}

func (g *gemini) Session(line Line, _ Call) Session { return &geminiSession{line: line, options: g} }

// setup is the first message.
func (g *gemini) setup(handle string) object {
	var declarations []object
	for _, f := range g.functions() {
		declarations = append(declarations, object{
			"name": f.name, "description": f.description, "behavior": "BLOCKING", "parameters": f.schema("OBJECT", "STRING"),
		})
	}
	setup := object{
		"model": g.Model,
		"generationConfig": object{
			"responseModalities": []string{"AUDIO"},
			"speechConfig":       object{"voiceConfig": object{"prebuiltVoiceConfig": object{"voiceName": g.Voice}}},
		},
		"inputAudioTranscription": object{}, "outputAudioTranscription": object{},
		"sessionResumption":        object{},
		"contextWindowCompression": object{"slidingWindow": object{}},
	}
	if g.Instructions != "" {
		setup["systemInstruction"] = object{"parts": []object{{"text": g.Instructions}}}
	}
	if declarations != nil {
		setup["tools"] = []object{{"functionDeclarations": declarations}}
	}
	if handle != "" {
		setup["sessionResumption"] = object{"handle": handle}
	}
	return object{"setup": merge(setup, g.Overrides)}
}

type geminiSession struct {
	line    Line
	options *gemini
	opening Opening
	ready   bool
	spoke   bool // in this turn
	input   *plugin.Converter
	handle  string          // the session to go on with
	calls   map[string]bool // functions that were asked for

	caller, bot strings.Builder // what is being said, written down piece by piece
}

func (s *geminiSession) Open(o Opening) {
	s.opening, s.ready, s.spoke, s.calls = o, false, false, map[string]bool{}
	s.handle = o.Token
	s.caller.Reset()
	s.bot.Reset()
	s.input, _ = plugin.NewConverter(muLaw, linear16(s.options.Rate)) // checked
	s.line.Send(s.options.setup(o.Token))
}

// begin follows the backend's word that the setup is complete.
func (s *geminiSession) begin() {
	s.ready = true
	s.line.Ready()
	switch {
	case s.opening.Token != "": // it remembers
	case s.opening.Resumed:
		s.content(resumedNote(s.opening.Transcript), false)
	case s.options.Greeting != "none":
		s.content(s.options.Greeting, true)
	}
}

// content adds a text of the user's to the conversation.
func (s *geminiSession) content(text string, answer bool) {
	s.line.Send(object{"clientContent": object{
		"turns": []object{{"role": "user", "parts": []object{{"text": text}}}}, "turnComplete": answer,
	}})
}

func (s *geminiSession) Hear(frame []byte) {
	s.line.Send(object{"realtimeInput": object{"audio": object{
		"data": encodeAudio(s.input.Convert(nil, frame)), "mimeType": "audio/pcm;rate=" + strconv.Itoa(s.options.Rate),
	}}})
}

func (s *geminiSession) Tell(e Event) {
	switch e := e.(type) {
	case DTMF:
		s.line.Send(object{"realtimeInput": object{"text": pressed(e.Digits)}})
	case AnswerDue:
		if s.opening.Token == "" { // else it knows
			s.content("Answer what the caller said last.", true)
		}
	case NoInput:
		s.line.Send(object{"realtimeInput": object{"text": silent}})
	}
}

type geminiEvent struct {
	SetupComplete *struct{}
	ServerContent struct {
		ModelTurn struct {
			Parts []struct {
				InlineData struct{ Data, MIMEType string }
			}
		}
		Interrupted, GenerationComplete, TurnComplete bool
		InputTranscription, OutputTranscription       struct{ Text string }
	}
	ToolCall struct {
		FunctionCalls []struct {
			ID, Name string
			Args     json.RawMessage
		}
	}
	ToolCallCancellation    struct{ IDs []string }
	GoAway                  *struct{}
	SessionResumptionUpdate struct {
		NewHandle string
		Resumable bool
	}
}

// Receive takes text and binary alike: the server sends JSON in both. One message may
// have several things; what is said comes before what follows from it.
func (s *geminiSession) Receive(m Message) error {
	var in geminiEvent
	if err := decodeJSON(m.Data, &in); err != nil {
		return err
	}
	if in.SetupComplete != nil && !s.ready {
		s.begin()
	}
	content := in.ServerContent
	var problems error
	for _, part := range content.ModelTurn.Parts {
		if part.InlineData.Data != "" {
			problems = errors.Join(problems, s.audio(part.InlineData.Data, part.InlineData.MIMEType))
		}
	}
	s.caller.WriteString(content.InputTranscription.Text)
	s.bot.WriteString(content.OutputTranscription.Text)
	for _, f := range in.ToolCall.FunctionCalls {
		problems = errors.Join(problems, s.function(f.ID, f.Name, f.Args))
	}
	if content.Interrupted {
		s.line.Flush()
		s.spoke = false
	}
	if content.GenerationComplete && s.spoke {
		s.spoke = false
		s.line.AnswerDone()
	}
	if content.TurnComplete {
		s.turnComplete()
	}
	s.session(in)
	return problems
}

func (s *geminiSession) turnComplete() {
	if s.spoke {
		s.spoke = false
		s.line.AnswerDone()
	}
	for _, said := range []struct {
		bot  bool
		text *strings.Builder
	}{{false, &s.caller}, {true, &s.bot}} {
		if text := strings.TrimSpace(said.text.String()); text != "" {
			s.line.Said(Said{Bot: said.bot, Text: text})
		}
		said.text.Reset()
	}
}

// session takes what concerns the connection and functions that were given up.
func (s *geminiSession) session(in geminiEvent) {
	if u := in.SessionResumptionUpdate; u.Resumable && u.NewHandle != "" {
		s.line.Keep(u.NewHandle)
	}
	for _, id := range in.ToolCallCancellation.IDs {
		if s.calls[id] {
			s.line.Stay()
		}
	}
	if in.GoAway != nil {
		s.line.Renew()
	}
}

func (s *geminiSession) audio(data, mime string) error {
	audio, err := decodeAudio(data)
	if err != nil {
		return err
	}
	rate := 24000
	if _, text, ok := strings.Cut(mime, "rate="); ok {
		if rate, err = strconv.Atoi(text); err != nil {
			return errors.New("the rate of the audio is no number")
		}
	}
	if !strings.HasPrefix(mime, "audio/pcm") {
		return errors.New("audio is " + known(mime) + ", not audio/pcm")
	}
	s.spoke = true
	s.line.Play("turn", plugin.Audio{Format: linear16(rate), Data: audio}, PlayOptions{})
	return nil
}

func (s *geminiSession) function(id, name string, arguments []byte) error {
	if s.calls[id] {
		return nil
	}
	s.calls[id] = true
	ours, err := s.options.leave(s.line, name, arguments)
	result := object{"result": "ok"}
	if !ours {
		result = object{"error": "there is no such function"}
		s.line.Note("the agent calls a function that is not ours", "function", known(name))
	}
	s.line.Send(object{"toolResponse": object{"functionResponses": []object{{"id": id, "name": name, "response": result}}}})
	return err
}

func (s *geminiSession) HangUp(string) {}

// Closed: a session that cannot be gone on with is begun anew, with what was said.
func (s *geminiSession) Closed(code int, _ string) Verdict {
	if code == 1007 && s.handle != "" && !s.ready {
		s.line.Keep("")
		return Lost
	}
	return Judge(code)
}
