package adapter

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/byova-host/byova-host/sdk/plugin"
)

// deepgram speaks Deepgram's Voice Agent API, version 1. Source: Deepgram's AsyncAPI
// description and changelog of 2026. The backend detects where speech begins, and by
// what follows also where it ends.
type deepgram struct {
	Tools
	APIKey string `json:"api_key"`
	// Agent is the UUID of an agent that Deepgram stores, instead of what follows.
	Agent        string `json:"agent"`
	Instructions string `json:"instructions"`
	Greeting     string `json:"greeting"`
	Voice        string `json:"voice"`  // model that speaks
	Listen       string `json:"listen"` // model that recognises
	ThinkType    string `json:"think_provider"`
	Think        string `json:"think"` // model that thinks
	// Overrides are laid over the Settings message, for everything else.
	Overrides object `json:"settings"`
}

func newDeepgram() *deepgram {
	return &deepgram{Voice: "aura-2-thalia-en", Listen: "nova-3", ThinkType: "open_ai", Think: "gpt-4o-mini"}
}

func (d *deepgram) Check() error {
	d.checkTools()
	return need(d.APIKey, "api_key", "create one in Deepgram's console")
}

func (d *deepgram) Traits() Traits {
	return Traits{Detects: Always, Resumes: true, HearsNoInput: true, URL: "wss://agent.deepgram.com/v1/agent/converse"}
}

func (d *deepgram) Dial(_ context.Context, t *Target) error {
	t.Header.Set("Authorization", "Token "+d.APIKey)
	return nil
}

func (d *deepgram) Session(line Line, _ Call) Session {
	return &deepgramSession{line: line, options: d}
}

// settings is the first message.
func (d *deepgram) settings(o Opening) object {
	settings := object{"type": "Settings", "audio": object{
		"input":  object{"encoding": "mulaw", "sample_rate": 8000},
		"output": object{"encoding": "mulaw", "sample_rate": 8000, "container": "none"},
	}}
	if d.Agent != "" {
		settings["agent"] = d.Agent
		return merge(settings, d.Overrides)
	}
	think := object{"provider": object{"type": d.ThinkType, "model": d.Think}, "prompt": d.Instructions}
	var functions []object
	for _, f := range d.functions() {
		functions = append(functions, object{
			"name": f.name, "description": f.description, "parameters": f.schema("object", "string"), "defer_until_eot": true,
		})
	}
	if functions != nil {
		think["functions"] = functions
	}
	agent := object{
		"listen": object{"provider": object{"type": "deepgram", "model": d.Listen}},
		"think":  think,
		"speak":  object{"provider": object{"type": "deepgram", "model": d.Voice}},
	}
	if d.Greeting != "" {
		agent["greeting"] = d.Greeting
	}
	settings["agent"] = agent
	settings = merge(settings, d.Overrides)
	if agent, ok := settings["agent"].(object); ok && o.Resumed {
		delete(agent, "greeting")
		var messages []object
		for _, said := range o.Transcript {
			who := "user"
			if said.Bot {
				who = "assistant"
			}
			messages = append(messages, object{"type": "History", "role": who, "content": said.Text})
		}
		if messages != nil {
			agent["context"] = object{"messages": messages}
		}
	}
	return settings
}

type deepgramSession struct {
	line     Line
	options  *deepgram
	opening  Opening
	sent     bool // the settings
	ready    bool
	speaking int // which utterance the caller is in; 0 for none
	heard    int // utterances
	answers  int
}

// longestUtterance is how long a caller speaks with nothing that shows the end of it:
// a cough is reported to begin and then never mentioned again.
const longestUtterance = 10 * time.Second

func (s *deepgramSession) Open(o Opening) {
	s.opening, s.sent, s.ready, s.speaking = o, false, false, 0
}

func (s *deepgramSession) Hear(frame []byte) { s.line.SendBinary(append([]byte(nil), frame...)) }

func (s *deepgramSession) Tell(e Event) {
	switch e := e.(type) {
	case DTMF:
		s.line.Send(object{"type": "InjectUserMessage", "content": pressed(e.Digits)})
	case NoInput:
		s.line.Send(object{"type": "InjectUserMessage", "content": silent})
	}
}

type deepgramEvent struct {
	Type, Role, Content, Code string
	Functions                 []struct {
		ID, Name, Arguments string
		ClientSide          bool `json:"client_side"`
	}
}

func (s *deepgramSession) Receive(m Message) error {
	if m.Binary {
		s.ended()
		s.line.Play("answer-"+strconv.Itoa(s.answers), plugin.Audio{Format: muLaw, Data: m.Data}, PlayOptions{})
		return nil
	}
	var in deepgramEvent
	if err := decodeText(m, &in); err != nil {
		return err
	}
	switch in.Type {
	case "Welcome":
		if !s.sent {
			s.sent = true
			s.line.Send(s.options.settings(s.opening))
		}
	case "SettingsApplied":
		if !s.ready {
			s.ready = true
			s.line.Ready()
		}
	case "UserStartedSpeaking":
		s.began()
	case "ConversationText":
		if in.Role == "user" {
			s.ended()
		}
		s.line.Said(Said{Bot: in.Role == "assistant", Text: in.Content})
	case "AgentThinking", "AgentStartedSpeaking":
		s.ended()
	case "AgentAudioDone":
		s.answers++
		s.line.AnswerDone()
	case "FunctionCallRequest":
		return s.functions(in)
	case "FunctionCallCancelled":
		s.line.Stay()
	case "InjectionRefused":
		s.line.Note("the agent did not take a message: somebody was speaking")
	case "Warning":
		s.warned(in.Code)
	case "Error":
		s.line.Fail(deepgramFinal[in.Code], fmt.Errorf("the backend says %s", known(in.Code)))
	}
	return nil // the others are for information, or newer than this
}

// began takes the start of speech, which cuts what plays.
func (s *deepgramSession) began() {
	s.answers++
	s.line.Flush()
	if s.speaking != 0 {
		return
	}
	s.heard++
	s.speaking = s.heard
	s.line.Speech(plugin.SpeechStart)
	utterance := s.heard
	s.line.After(longestUtterance, func() {
		if s.speaking == utterance {
			s.ended()
		}
	})
}

// ended is told of no event: what follows an utterance shows that it is over.
func (s *deepgramSession) ended() {
	if s.speaking != 0 {
		s.speaking = 0
		s.line.Speech(plugin.SpeechEnd)
	}
}

func (s *deepgramSession) functions(in deepgramEvent) error {
	var problems error
	for _, f := range in.Functions {
		if !f.ClientSide {
			continue
		}
		ours, err := s.options.leave(s.line, f.Name, []byte(f.Arguments))
		problems = errors.Join(problems, err)
		content := "ok"
		if !ours {
			content = "there is no such function"
			s.line.Note("the agent calls a function that is not ours", "function", known(f.Name))
		}
		s.line.Send(object{"type": "FunctionCallResponse", "id": f.ID, "name": f.Name, "content": content})
	}
	return problems
}

func (s *deepgramSession) warned(code string) {
	if code == "MAXIMUM_SESSION_LENGTH_APPROACHING" {
		s.line.Renew()
		return
	}
	s.line.Note("the backend warns", "code", known(code))
}

// deepgramFinal are errors that a new session would meet again. All errors end one.
var deepgramFinal = map[string]bool{
	"INVALID_SETTINGS": true, "UNPARSABLE_CLIENT_MESSAGE": true, "USER_AUDIO_FORMAT": true,
	"NON_EXISTENT_FUNCTION_CALLED": true, "INVALID_AGENT_ID": true, "AGENT_ID_NOT_SUPPORTED": true,
	"NON_SETTINGS_MESSAGE_BEFORE_SETTINGS": true, "SETTINGS_ALREADY_APPLIED": true,
}

func (s *deepgramSession) HangUp(string) {}

func (s *deepgramSession) Closed(code int, _ string) Verdict { return Judge(code) }
