package backendtest

import (
	"errors"
	"fmt"
	"strconv"
)

// openAI is OpenAI's Realtime API, GA shape.
type openAI struct {
	*bot
	updated  bool
	response string // the running one, which nothing has completed
	count    int
	lengths  map[string]int // of items, in ms
	pending  string         // typed text that waits for response.create
	calls    map[string]bool
	greeting bool
}

type openAIMessage struct {
	Type    string
	EventID string `json:"event_id"`
	Session *struct {
		Type             string
		OutputModalities []string `json:"output_modalities"`
		Instructions     string
		Tools            []object
		ToolChoice       string `json:"tool_choice"`
		Audio            struct {
			Input struct {
				Format        object
				Transcription object
				TurnDetection object `json:"turn_detection"`
			}
			Output struct {
				Format object
				Voice  string
			}
		}
	}
	Audio string
	Item  *struct {
		Type, Role, Output string
		CallID             string `json:"call_id"`
		Content            []struct{ Type, Text string }
	}
	ItemID       string `json:"item_id"`
	ContentIndex int    `json:"content_index"`
	AudioEndMS   int    `json:"audio_end_ms"`
	Response     *struct{ Instructions string }
}

func (o *openAI) opened() {
	o.lengths, o.calls = map[string]int{}, map[string]bool{}
	if o.session.Header.Get("Authorization") != "Bearer secret-key" {
		o.send(object{"type": "error", "error": object{"type": "invalid_request_error", "code": "invalid_api_key", "message": "no"}})
		return
	}
	o.send(object{"type": "session.created", "session": object{"type": "realtime"}, "event_id": "e1"})
}

func (o *openAI) receive(f Frame) error {
	var m openAIMessage
	if err := strict(f, &m); err != nil {
		return err
	}
	if !o.updated && m.Type != "session.update" {
		return fmt.Errorf("%s before session.updated", m.Type)
	}
	switch m.Type {
	case "session.update":
		s := m.Session
		if s == nil || s.Type != "realtime" || len(s.OutputModalities) != 1 || s.Audio.Input.Format["type"] != "audio/pcmu" ||
			s.Audio.Output.Format["type"] != "audio/pcmu" || s.Audio.Input.TurnDetection["type"] != "server_vad" || len(s.Tools) != 2 {
			return errors.New("session.update: not as documented")
		}
		o.updated, o.started = true, true
		o.send(object{"type": "session.updated", "session": object{}})
	case "input_audio_buffer.append":
		audio, err := decode(m.Audio)
		if err != nil {
			return err
		}
		return o.hear(audio)
	case "conversation.item.create":
		return o.item(m)
	case "response.create":
		return o.create()
	case "response.cancel":
		if o.response == "" {
			o.error("response_cancel_not_active")
		}
		o.complete("cancelled")
	case "conversation.item.truncate":
		if m.AudioEndMS < 0 || m.AudioEndMS > o.lengths[m.ItemID] {
			return fmt.Errorf("truncate %s at %d ms, of %d", m.ItemID, m.AudioEndMS, o.lengths[m.ItemID])
		}
		o.send(object{"type": "conversation.item.truncated", "item_id": m.ItemID})
	default:
		return fmt.Errorf("unknown type %q", m.Type)
	}
	return nil
}

func (o *openAI) item(m openAIMessage) error {
	switch {
	case m.Item == nil:
		return errors.New("an item is missing")
	case m.Item.Type == "function_call_output":
		if !o.calls[m.Item.CallID] {
			return fmt.Errorf("output for unknown call %q", m.Item.CallID)
		}
		delete(o.calls, m.Item.CallID)
	case m.Item.Type != "message" || len(m.Item.Content) != 1:
		return errors.New("item: not as documented")
	case m.Item.Role == "user" && m.Item.Content[0].Type == "input_text":
		o.pending = m.Item.Content[0].Text
		o.session.Resumed = o.session.Resumed || o.count == 0 && o.pending == "hello there"
	case m.Item.Role == "assistant" && m.Item.Content[0].Type == "output_text":
		o.session.Resumed = true
	default:
		return errors.New("item: role and content do not fit")
	}
	return nil
}

func (o *openAI) create() error {
	if o.response != "" {
		o.error("conversation_already_has_active_response")
		return nil
	}
	if !o.greeting {
		o.greeting = true
		o.start(true)
		return nil
	}
	text := o.pending
	o.pending = ""
	return o.typed(text)
}

func (o *openAI) error(code string) {
	o.send(object{"type": "error", "error": object{"type": "invalid_request_error", "code": code, "message": "what you did"}})
}

func (o *openAI) say(audio []byte) {
	o.plays(audio)
	o.count++
	o.response = "resp_" + strconv.Itoa(o.count)
	item := "item_" + strconv.Itoa(o.count)
	o.send(object{"type": "response.created", "response": object{"id": o.response, "status": "in_progress"}})
	o.send(object{"type": "response.output_item.added", "response_id": o.response, "item": object{"id": item, "type": "message"}})
	o.lengths[item] = len(audio) / 8
	for _, piece := range pieces(audio) {
		o.send(object{"type": "response.output_audio.delta", "response_id": o.response, "item_id": item, "content_index": 0, "delta": encode(piece), "obfuscation": "xx"})
	}
	if o.dying {
		return
	}
	o.send(object{"type": "response.output_audio_transcript.done", "response_id": o.response, "item_id": item, "transcript": "a tone"})
	o.send(object{"type": "response.output_item.done", "response_id": o.response, "item": object{"id": item, "type": "message"}})
	o.complete("completed")
}

func (o *openAI) complete(status string) {
	if o.response != "" {
		o.send(object{"type": "response.done", "response": object{"id": o.response, "status": status, "status_details": nil}})
		o.response = ""
	}
}

func (o *openAI) began(bool) {
	o.send(object{"type": "input_audio_buffer.speech_started", "audio_start_ms": 1, "item_id": "in"})
	o.complete("cancelled")
}

func (o *openAI) ended() {
	o.send(object{"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 2, "item_id": "in"})
	o.send(object{"type": "conversation.item.input_audio_transcription.completed", "item_id": "in", "transcript": "hello there"})
}

func (o *openAI) leave(transfer bool, why string) {
	name := "end_call"
	if transfer {
		name = "transfer_call"
	}
	o.count++
	o.response = "resp_" + strconv.Itoa(o.count)
	call := "call_" + strconv.Itoa(o.count)
	o.calls[call] = true
	o.send(object{"type": "response.created", "response": object{"id": o.response}})
	o.send(object{"type": "response.output_item.done", "response_id": o.response, "item": object{
		"type": "function_call", "name": name, "call_id": call, "arguments": fmt.Sprintf(`{"reason":%q}`, why),
	}})
	o.complete("completed")
}
