package backendtest

import (
	"errors"
	"fmt"
	"time"
)

// byovaJSON is a bot that speaks version 2 of wsproxy's own protocol.
type byovaJSON struct {
	*bot
	begun, over bool
	prompts     int
	detects     bool // what it reports of speech counts
}

type byovaMessage struct {
	Type           string  `json:"type"`
	ConversationID string  `json:"conversation_id"`
	TurnID         *string `json:"turn_id"`
	Timestamp      string  `json:"timestamp"`
	Payload        object  `json:"payload"`
}

func (j *byovaJSON) opened() {}

func (j *byovaJSON) receive(f Frame) error {
	var m byovaMessage
	if err := strict(f, &m); err != nil {
		return err
	}
	at, err := time.Parse(time.RFC3339Nano, m.Timestamp)
	switch {
	case err != nil || m.Timestamp[len(m.Timestamp)-1] != 'Z' || time.Since(at) > time.Minute:
		return fmt.Errorf("timestamp %q", m.Timestamp)
	case m.ConversationID == "" || m.TurnID == nil || m.Payload == nil:
		return errors.New("the envelope lacks a key")
	case j.begun != (m.Type != "session_start"):
		return errors.New("session_start must be first, and once")
	case j.over:
		return errors.New("a message behind session_end")
	}
	switch m.Type {
	case "session_start":
		j.begun = true
		extension, _ := m.Payload["byova"].(object)
		if extension["version"] != 2.0 || m.Payload["virtual_agent_id"] == nil || m.Payload["customer_org_id"] == nil {
			return errors.New("session_start: not as documented")
		}
		j.session.Resumed, _ = extension["resumed"].(bool)
		j.detects, _ = extension["detects_speech"].(bool)
		j.start(!j.session.Resumed)
	case "audio_input":
		if m.Payload["encoding"] != "mulaw" || m.Payload["sample_rate"] != 8000.0 || m.Payload["channels"] != 1.0 || m.Payload["is_final"] != false {
			return errors.New("audio_input: not as documented")
		}
		text, _ := m.Payload["data"].(string)
		audio, err := decode(text)
		if err != nil {
			return err
		}
		return j.hear(audio)
	case "dtmf_input":
		digits, _ := m.Payload["digits"].(string)
		if digits == "" {
			return errors.New("dtmf_input: no digits")
		}
		j.keys(digits)
	case "no_input":
		j.session.Silences++
		j.say(tone(Keys, KeysFor))
	case "session_end":
		j.over, j.session.Goodbye = true, true
	case "turn_started", "turn_ended", "barge_in", "speech_started", "speech_ended", "mark", "custom_event", "error":
	default:
		return fmt.Errorf("unknown type %q", m.Type)
	}
	return nil
}

func (j *byovaJSON) put(kind string, payload object) {
	j.send(object{"type": kind, "payload": payload})
}

func (j *byovaJSON) say(audio []byte) {
	j.plays(audio)
	j.prompts++
	id := fmt.Sprint("p", j.prompts)
	for _, piece := range pieces(audio) {
		j.put("prompt", object{"audio": encode(piece), "prompt_id": id})
	}
	if j.dying {
		return
	}
	j.put("answer_done", object{})
}

func (j *byovaJSON) began(playing bool) {
	switch {
	case j.detects:
		j.put("speech_started", object{})
	case playing:
		j.put("clear", object{})
	}
}

func (j *byovaJSON) ended() {
	if j.detects {
		j.put("speech_ended", object{})
	}
	j.put("transcript", object{"role": "caller", "text": "hello there"})
}

func (j *byovaJSON) leave(transfer bool, why string) {
	kind := "end_session"
	if transfer {
		kind = "transfer"
	}
	j.put(kind, object{"reason": why})
}
