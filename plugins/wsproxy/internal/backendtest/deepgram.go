package backendtest

import (
	"errors"
	"fmt"
	"strconv"
)

// deepgram is Deepgram's Voice Agent API, version 1.
type deepgram struct {
	*bot
	applied bool
	calls   map[string]bool
	count   int
}

type deepgramMessage struct {
	Type  string
	Audio struct {
		Input struct {
			Encoding   string
			SampleRate int `json:"sample_rate"`
		}
		Output struct {
			Encoding   string
			SampleRate int `json:"sample_rate"`
			Container  string
		}
	}
	Agent struct {
		Listen, Speak object
		Think         struct {
			Provider  object
			Prompt    string
			Functions []object
		}
		Greeting string
		Context  struct{ Messages []object }
	}
	Content, ID, Name, Message, Behavior string
}

func (d *deepgram) opened() {
	d.calls = map[string]bool{}
	if d.session.Header.Get("Authorization") != "Token secret-key" {
		d.server.violation("Authorization %q", d.session.Header.Get("Authorization"))
	}
	d.send(object{"type": "Welcome", "request_id": "r"})
}

func (d *deepgram) receive(f Frame) error {
	if f.Binary {
		switch {
		case !d.applied:
			return errors.New("NON_SETTINGS_MESSAGE_BEFORE_SETTINGS")
		case len(f.Data) == 0:
			return errors.New("an empty binary message")
		}
		return d.hear(f.Data)
	}
	var m deepgramMessage
	if err := strict(f, &m); err != nil {
		return fmt.Errorf("UNPARSABLE_CLIENT_MESSAGE: %w", err)
	}
	if d.applied != (m.Type != "Settings") {
		return errors.New("Settings must be first, and once") //nolint:staticcheck // the message's name
	}
	switch m.Type {
	case "Settings":
		if m.Audio.Input.Encoding != "mulaw" || m.Audio.Input.SampleRate != 8000 || m.Audio.Output.Container != "none" ||
			m.Agent.Listen == nil || m.Agent.Speak == nil || m.Agent.Think.Provider == nil || len(m.Agent.Think.Functions) != 2 {
			return errors.New("INVALID_SETTINGS")
		}
		d.applied = true
		d.session.Resumed = len(m.Agent.Context.Messages) > 0
		d.send(object{"type": "SettingsApplied"})
		d.start(m.Agent.Greeting != "")
	case "InjectUserMessage":
		return d.typed(m.Content)
	case "FunctionCallResponse":
		if !d.calls[m.ID] {
			return fmt.Errorf("answer to unknown function %q", m.ID)
		}
		delete(d.calls, m.ID)
	case "KeepAlive":
		return errors.New("KeepAlive while audio flows")
	default:
		return fmt.Errorf("unknown type %q", m.Type)
	}
	return nil
}

func (d *deepgram) say(audio []byte) {
	d.plays(audio)
	d.send(object{"type": "ConversationText", "role": "assistant", "content": "a tone"})
	d.send(object{"type": "AgentStartedSpeaking", "total_latency": 0.1})
	for _, piece := range pieces(audio) {
		d.write(Frame{Binary: true, Data: piece})
	}
	if d.dying {
		return
	}
	d.send(object{"type": "AgentAudioDone"})
}

func (d *deepgram) began(bool) { d.send(object{"type": "UserStartedSpeaking"}) }

func (d *deepgram) ended() {
	d.send(object{"type": "ConversationText", "role": "user", "content": "hello there"})
	d.send(object{"type": "AgentThinking", "content": "hm"})
}

func (d *deepgram) leave(transfer bool, why string) {
	name := "end_call"
	if transfer {
		name = "transfer_call"
	}
	d.count++
	id := "f" + strconv.Itoa(d.count)
	d.calls[id] = true
	d.send(object{"type": "FunctionCallRequest", "functions": []object{
		{"id": id, "name": name, "arguments": fmt.Sprintf(`{"reason":%q}`, why), "client_side": true},
	}})
}
