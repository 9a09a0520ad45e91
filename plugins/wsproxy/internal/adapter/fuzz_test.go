package adapter

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/byova-host/byova-host/sdk/plugin"
)

// fuzz feeds a session messages, one a line; a line that begins with "!" is binary. It
// holds that nothing panics, that what is sent is JSON, that no audio is sent before the
// backend is ready, and that no error or note repeats a message.
func fuzz(f *testing.F, name, options string, opening ...string) {
	f.Helper()
	f.Fuzz(func(t *testing.T, text []byte) {
		s, r := begin(t, name, options)
		r.playing = Interrupted{Item: "i", Heard: time.Second}
		s.Open(Opening{Token: "t", Transcript: []Said{{Text: "x"}}})
		for _, line := range opening {
			if err := s.Receive(Message{Data: []byte(line)}); err != nil {
				t.Fatal(err)
			}
		}
		if !strings.Contains(strings.Join(r.log, "\n"), "ready") {
			t.Fatal("not ready")
		}
		for i, line := range bytes.Split(text, []byte("\n")) {
			if i > 50 {
				break
			}
			data, binary := bytes.CutPrefix(line, []byte("!"))
			if err := s.Receive(Message{Binary: binary, Data: data}); err != nil && len(err.Error()) > 300 {
				t.Errorf("a long error: %v", err)
			}
			s.Hear(make([]byte, 160))
			for _, e := range []Event{TurnStarted{Turn: 1}, DTMF{Digits: "1"}, NoInput{}, Interrupted{Item: "i"}, Played{Mark: "m"}, TurnEnded{Turn: 1}, CallerSpeech{Edge: plugin.SpeechStart}} {
				s.Tell(e)
			}
			if len(r.log) > 1000 {
				r.log = r.log[:0]
			}
		}
		for _, timer := range r.timers {
			timer()
		}
		s.HangUp("caller")
		s.Closed(1006, "")
		for _, line := range r.log {
			if sent, ok := strings.CutPrefix(line, "send "); ok && !json.Valid([]byte(sent)) {
				t.Errorf("no JSON was sent: %s", sent)
			}
			if note, ok := strings.CutPrefix(line, "note "); ok && len(note) > 400 {
				t.Errorf("a note repeats a message: %s", note)
			}
		}
	})
}

func FuzzTwilio(f *testing.F) {
	f.Add([]byte(`{"event":"media","media":{"payload":"AAAA"}}` + "\n" + `{"event":"mark","mark":{"name":"m"}}` + "\n" + `{"event":"clear"}` + "\n" + `{"event":"x-byova","action":"transfer","metadata":{"a":[1]}}`))
	fuzz(f, "twilio", `{}`)
}

func FuzzByovaJSON(f *testing.F) {
	f.Add([]byte(`{"type":"prompt","payload":{"audio":"UklGRiQAAABXQVZF","final":true}}` + "\n" + `{"type":"input","payload":{"mode":"dtmf","no_input_ms":-1}}` + "\n" + `{"type":"transfer","payload":{"metadata":{}}}`))
	fuzz(f, "byova-json", `{}`)
}

func FuzzOpenAI(f *testing.F) {
	f.Add([]byte(`{"type":"response.created","response":{"id":"r"}}` + "\n" + `{"type":"response.output_audio.delta","delta":"AAAA"}` + "\n" + `{"type":"response.output_item.done","item":{"type":"function_call","name":"end_call","arguments":"{\"reason\":1}"}}` + "\n" + `{"type":"response.done","response":{"status":"failed","status_details":null}}`))
	fuzz(f, "openai-realtime", `{"api_key":"k"}`, `{"type":"session.created"}`, `{"type":"session.updated"}`)
}

func FuzzDeepgram(f *testing.F) {
	f.Add([]byte("!\x00\x01\n" + `{"type":"UserStartedSpeaking"}` + "\n" + `{"type":"FunctionCallRequest","functions":[{"id":"1","name":"transfer_call","arguments":"{","client_side":true}]}` + "\n" + `{"type":"ConversationText","role":"user","content":"x"}`))
	fuzz(f, "deepgram-agent", `{"api_key":"k"}`, `{"type":"Welcome"}`, `{"type":"SettingsApplied"}`)
}

func FuzzElevenLabs(f *testing.F) {
	f.Add([]byte(`{"type":"audio","audio_event":{"audio_base_64":"AAAA","event_id":1}}` + "\n" + `{"type":"interruption","interruption_event":{"event_id":1}}` + "\n" + `{"type":"client_tool_call","client_tool_call":{"tool_name":"end_call","parameters":[]}}` + "\n" + `{"type":"error","error_event":{"code":{}}}`))
	fuzz(f, "elevenlabs-agent", `{"agent_id":"a"}`, `{"type":"conversation_initiation_metadata","conversation_initiation_metadata_event":{"user_input_audio_format":"pcm_16000","agent_output_audio_format":"pcm_24000"}}`)
}

func FuzzGemini(f *testing.F) {
	f.Add([]byte("!" + `{"serverContent":{"modelTurn":{"parts":[{"inlineData":{"data":"AAAA","mimeType":"audio/pcm;rate=24000"}}]},"interrupted":true,"turnComplete":true}}` + "\n" + `{"toolCall":{"functionCalls":[{"id":"1","name":"end_call","args":null}]},"toolCallCancellation":{"ids":["1"]}}` + "\n" + `{"goAway":{}}`))
	fuzz(f, "gemini-live", `{"api_key":"k"}`, `{"setupComplete":{}}`)
}
