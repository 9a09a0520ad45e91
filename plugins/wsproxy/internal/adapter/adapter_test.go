package adapter

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/byova-host/byova-host/sdk/plugin"
)

// recorder is a Line that writes down what a session wants.
type recorder struct {
	log     []string
	playing Interrupted // what Flush finds
	timers  []func()
	bytes   int // played
}

func (r *recorder) add(format string, args ...any) {
	r.log = append(r.log, fmt.Sprintf(format, args...))
}

func (r *recorder) Send(v any) {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	r.add("send %s", text)
}
func (r *recorder) SendBinary(b []byte) { r.add("binary %d", len(b)) }
func (r *recorder) Ready()              { r.add("ready") }
func (r *recorder) Play(item string, a plugin.Audio, o PlayOptions) {
	r.bytes += len(a.Data)
	r.add("play %s %v %d%s", item, a.Format, len(a.Data), map[bool]string{true: " protected"}[o.Protected])
}
func (r *recorder) SayText(text, _ string)               { r.add("say %s", text) }
func (r *recorder) Mark(name string)                     { r.add("mark %s", name) }
func (r *recorder) AnswerDone()                          { r.add("answer done") }
func (r *recorder) Flush() Interrupted                   { r.add("flush"); return r.playing }
func (r *recorder) Speech(edge plugin.Edge)              { r.add("speech %d", edge) }
func (r *recorder) Said(s Said)                          { r.add("said %t %s", s.Bot, s.Text) }
func (r *recorder) CorrectLast(text string)              { r.add("correct %s", text) }
func (r *recorder) Transfer(l Leave)                     { r.add("transfer %s %s %v", l.Reason, l.Summary, l.Metadata) }
func (r *recorder) End(l Leave)                          { r.add("end %s", l.Reason) }
func (r *recorder) Custom(name string, p map[string]any) { r.add("custom %s %v", name, p) }
func (r *recorder) Stay()                                { r.add("stay") }
func (r *recorder) SetInput(in plugin.Input)             { r.add("input %+v", in) }
func (r *recorder) Keep(token string)                    { r.add("keep %s", token) }
func (r *recorder) Renew()                               { r.add("renew") }
func (r *recorder) Fail(final bool, err error)           { r.add("fail %t %v", final, err) }
func (r *recorder) Note(what string, args ...any)        { r.add("note %s %v", what, args) }
func (r *recorder) After(_ time.Duration, f func())      { r.timers = append(r.timers, f) }

// take returns what was written down since the last time.
func (r *recorder) take() string {
	all := strings.Join(r.log, "\n")
	r.log = nil
	return all
}

// begin makes a session of an adapter with these options.
func begin(t testing.TB, name, options string) (Session, *recorder) {
	t.Helper()
	b, err := New(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(options), b); err != nil {
		t.Fatal(err)
	}
	if err := b.Check(); err != nil {
		t.Fatal(err)
	}
	r := &recorder{}
	return b.Session(r, Call{
		Info: plugin.Info{ConversationID: "c1", Org: "o1", Agent: "wsproxy", Parameters: map[string]any{"ANI": "+4912"}},
		ID:   "0123456789abcdef0123456789abcdef", Parameters: map[string]string{"tenant": "blue"},
	}), r
}

// exchange is what comes, or is told, and what follows from it.
type exchange struct {
	in   any    // JSON as text, []byte for binary, an Event, a func
	want string // what was written down, line by line; a line that ends in "..." needs to begin so
}

func play(t *testing.T, s Session, r *recorder, exchanges []exchange) {
	t.Helper()
	for i, x := range exchanges {
		switch in := x.in.(type) {
		case string:
			if err := s.Receive(Message{Data: []byte(in)}); err != nil {
				r.add("error %v", err)
			}
		case []byte:
			if err := s.Receive(Message{Binary: true, Data: in}); err != nil {
				r.add("error %v", err)
			}
		case Event:
			s.Tell(in)
		case func():
			in()
		}
		got, want := strings.Split(r.take(), "\n"), strings.Split(x.want, "\n")
		ok := len(got) == len(want)
		for j := 0; ok && j < len(want); j++ {
			head, open := strings.CutSuffix(want[j], "...")
			ok = got[j] == want[j] || open && strings.HasPrefix(got[j], head)
		}
		if !ok {
			t.Fatalf("%d: after %v\n got %s\nwant %s", i, x.in, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
		}
	}
}

func TestTwilio(t *testing.T) {
	s, r := begin(t, "twilio", `{}`)
	play(t, s, r, []exchange{
		{func() { s.Open(Opening{}) }, `send {"event":"connected","protocol":"Call","version":"1.0.0"}
send {"event":"start","sequenceNumber":"1","start":{"accountSid":"AC0123456789abcdef0123456789abcdef","callSid":"CA0123456789abcdef0123456789abcdef","customParameters":{"AccountSid":"AC0123456789abcdef0123456789abcdef","CallSid":"CA0123456789abcdef0123456789abcdef","From":"+4912","agent":"wsproxy","conversation_id":"c1","from_number":"+4912","organization_id":"o1","tenant":"blue"},"mediaFormat":{"channels":1,"encoding":"audio/x-mulaw","sampleRate":8000},"streamSid":"MZ0123456789abcdef0123456789abcdef","tracks":["inbound"]},"streamSid":"MZ0123456789abcdef0123456789abcdef"}
ready`},
		{func() { s.Hear(make([]byte, 160)) }, `send {"event":"media","sequenceNumber":"2","streamSid":"MZ0123456789abcdef0123456789abcdef","media":{"track":"inbound","chunk":"1","timestamp":"0","payload":"AAAA...`},
		{DTMF{Digits: "1#"}, `send {"dtmf":{"digit":"1","track":"inbound_track"},"event":"dtmf","sequenceNumber":"3",...
send {"dtmf":{"digit":"#","track":"inbound_track"},"event":"dtmf","sequenceNumber":"4",...`},
		{`{"event":"media","streamSid":null,"media":{"payload":"AAAA"}}`, "play media mu-law 8000 Hz 3"},
		{`{"event":"media","media":{"payload":"AAA"}}`, "play media mu-law 8000 Hz 2"}, // no padding
		{`{"event":"mark","mark":{"name":"x"}}`, "mark x"},
		{`{"event":"mark"}`, "mark "},
		{`{"event":"clear"}`, "flush"},
		{Played{Mark: "x"}, `send {"event":"mark","mark":{"name":"x"},"sequenceNumber":"5",...`},
		{`{"event":"x-byova","action":"transfer","reason":"r","summary":"s"}`, "transfer r s map[]"},
		{`{"event":"x-byova","action":"custom","name":"n"}`, "custom n map[]"},
		{`{"event":"x-byova","action":"fly away"}`, "note an x-byova message asks for an unknown action [action (not a word)]"},
		{`{"some":"thing"}`, "note a message of an unknown type was ignored [type (none)]"},
		{NoInput{Count: 1}, ""},
		{func() { s.HangUp("caller") }, `send {"event":"stop","sequenceNumber":"6","stop":{"accountSid":...`},
		{func() { s.Open(Opening{Resumed: true}) }, "send {\"event\":\"connected\"...\nsend {\"event\":\"start\",\"sequenceNumber\":\"1\"...\nready"},
	})
}

// TestTwilioSignature: a vector computed with Python's hmac and base64.
func TestTwilioSignature(t *testing.T) {
	if got := twilioSignature("test-auth-token", "wss://bot.example.com/media-stream"); got != "0LmDsKXlEvXnf9uUr7lSUjcw/5E=" {
		t.Errorf("signature %s", got)
	}
}

func TestOpenAI(t *testing.T) {
	s, r := begin(t, "openai-realtime", `{"api_key":"k","greeting":"Hi","session":{"audio":{"output":{"speed":1.2}}}}`)
	open := func(o Opening) func() {
		return func() {
			s.Open(o)
			_ = s.Receive(Message{Data: []byte(`{"type":"session.created"}`)})
			r.take()
			_ = s.Receive(Message{Data: []byte(`{"type":"session.updated"}`)})
		}
	}
	const created = `send {"response":{"instructions":"Say exactly this, and nothing else: Hi"},"type":"response.create"}`
	play(t, s, r, []exchange{
		{open(Opening{}), "ready\n" + created},
		{`{"type":"session.updated"}`, ""},
		{`{"type":"response.created","response":{"id":"r1"}}`, ""},
		{`{"type":"response.output_audio.delta","response_id":"r1","item_id":"i1","delta":"AAAA"}`, "play i1 mu-law 8000 Hz 3"},
		{`{"type":"response.audio.delta","response_id":"r1","item_id":"i1","delta":"AAAA"}`, "play i1 mu-law 8000 Hz 3"}, // as beta named it
		{func() { r.playing = Interrupted{Item: "i1", Heard: 1480 * time.Millisecond} }, ""},
		{`{"type":"input_audio_buffer.speech_started"}`, `flush
send {"audio_end_ms":1480,"content_index":0,"item_id":"i1","type":"conversation.item.truncate"}
speech 1`},
		{`{"type":"response.output_audio.delta","response_id":"r1","item_id":"i1","delta":"AAAA"}`, ""}, // too late
		{`{"type":"response.done","response":{"id":"r1","status":"cancelled"}}`, ""},
		{`{"type":"input_audio_buffer.speech_stopped"}`, "speech 2"},
		{`{"type":"conversation.item.input_audio_transcription.completed","transcript":"hello"}`, "said false hello"},
		{`{"type":"response.created","response":{"id":"r2"}}`, ""},
		{DTMF{Digits: "12"}, `send {"item":{"content":[{"text":"Caller pressed 1 2","type":"input_text"}],"role":"user","type":"message"},"type":"conversation.item.create"}`},
		{`{"type":"response.output_audio.delta","response_id":"r2","item_id":"i2","delta":"AAAA"}`, "play i2 mu-law 8000 Hz 3"},
		{`{"type":"response.done","response":{"id":"r2","status":"completed"}}`, "answer done\nsend {\"type\":\"response.create\"}"}, // it had waited
		{`{"type":"error","error":{"code":"conversation_already_has_active_response"}}`, ""},
		{`{"type":"response.done","response":{"id":"r3","status":"completed"}}`, `send {"type":"response.create"}`}, // once more
		{`{"type":"response.output_item.done","item":{"type":"function_call","name":"transfer_call","call_id":"c1","arguments":"{\"destination\":\"sales\",\"reason\":\"wants it\"}"}}`,
			`transfer wants it  map[destination:sales]
send {"item":{"call_id":"c1","output":"{\"ok\":true}","type":"function_call_output"},"type":"conversation.item.create"}`},
		{`{"type":"response.output_item.done","item":{"type":"function_call","name":"transfer_call","call_id":"c1","arguments":"{}"}}`, ""}, // answered
		{`{"type":"response.output_item.done","item":{"type":"function_call","name":"order_pizza","call_id":"c2","arguments":"{}"}}`,
			"send {\"item\":{\"call_id\":\"c2\",\"output\":\"{\\\"error\\\"...\nnote the agent calls a function that is not ours [function order_pizza]"},
		{`{"type":"error","error":{"code":"rate_limit","type":"x y"}}`, "note the backend reports an error [code rate_limit type (not a word)]"},
		{`{"type":"error","error":{"code":"response_cancel_not_active"}}`, ""},
		{`{"type":"error","error":{"code":"session_expired"}}`, "fail false the session has expired"},
		{`{"type":"error","error":{"code":"insufficient_quota"}}`, "fail true the backend says insufficient_quota"},
		{open(Opening{Resumed: true, Transcript: []Said{{Text: "hello"}, {Bot: true, Text: "hi"}}}),
			`send {"item":{"content":[{"text":"hello","type":"input_text"}],"role":"user","type":"message"},"type":"conversation.item.create"}
send {"item":{"content":[{"text":"hi","type":"output_text"}],"role":"assistant","type":"message"},"type":"conversation.item.create"}
ready`},
		{`{"type":"response.done","response":{"status":"failed","status_details":{"error":{"code":"server_error"}}}}`, "note an answer failed [code server_error]\nanswer done"},
		{`{"type":"response.done","response":{"status":"failed"}}`, "note an answer failed [code (none)]\nanswer done"},
		{`{"type":"response.done","response":{"status":"failed"}}`, "note an answer failed [code (none)]\nfail true 3 answers failed, the last with (none)"},
	})
	if len(r.timers) != 2 {
		t.Errorf("%d timers, want one for each connection's age", len(r.timers))
	}
}

func TestOpenAISettings(t *testing.T) {
	s, r := begin(t, "openai-realtime", `{"dialect":"beta","voice":"ash","end":"none","transcription":"none"}`)
	s.Open(Opening{})
	_ = s.Receive(Message{Data: []byte(`{"type":"session.created"}`)})
	got := r.take()
	for _, want := range []string{`"input_audio_format":"g711_ulaw"`, `"voice":"ash"`, `"input_audio_transcription":null`, `"name":"transfer_call"`} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not in %s", want, got)
		}
	}
	if strings.Contains(got, "end_call") || strings.Contains(got, `"realtime"`) {
		t.Errorf("too much in %s", got)
	}
}

func TestDeepgram(t *testing.T) {
	s, r := begin(t, "deepgram-agent", `{"api_key":"k","greeting":"Hi","settings":{"agent":{"think":{"prompt":"be brief"}}}}`)
	play(t, s, r, []exchange{
		{func() { s.Open(Opening{}) }, ""},
		{`{"type":"Welcome"}`, `send {"agent":{"greeting":"Hi","listen":{"provider":{"model":"nova-3","type":"deepgram"}},"speak":...`},
		{`{"type":"Welcome"}`, ""},
		{`{"type":"SettingsApplied"}`, "ready"},
		{func() { s.Hear(make([]byte, 160)) }, "binary 160"},
		{[]byte{1, 2}, "play answer-0 mu-law 8000 Hz 2"},
		{`{"type":"UserStartedSpeaking"}`, "flush\nspeech 1"},
		{`{"type":"UserStartedSpeaking"}`, "flush"},
		{`{"type":"ConversationText","role":"user","content":"hello"}`, "speech 2\nsaid false hello"},
		{`{"type":"AgentThinking"}`, ""},
		{`{"type":"ConversationText","role":"assistant","content":"hi"}`, "said true hi"},
		{[]byte{1, 2}, "play answer-2 mu-law 8000 Hz 2"},
		{`{"type":"AgentAudioDone"}`, "answer done"},
		{`{"type":"UserStartedSpeaking"}`, "flush\nspeech 1"}, // a cough
		{func() { r.timers[0](); r.timers[1]() }, "speech 2"},
		{`{"type":"FunctionCallRequest","functions":[{"id":"f1","name":"end_call","arguments":"","client_side":true},{"id":"f2","name":"x","client_side":false}]}`,
			"end \nsend {\"content\":\"ok\",\"id\":\"f1\",\"name\":\"end_call\",\"type\":\"FunctionCallResponse\"}"},
		{`{"type":"FunctionCallCancelled","functions":[{"id":"f1","name":"end_call"}]}`, "stay"},
		{`{"type":"InjectionRefused","message":"x"}`, "note the agent did not take a message: somebody was speaking []"},
		{`{"type":"Warning","code":"MAXIMUM_SESSION_LENGTH_APPROACHING"}`, "renew"},
		{`{"type":"Error","code":"INVALID_SETTINGS"}`, "fail true the backend says INVALID_SETTINGS"},
		{`{"type":"Error","code":"SERVER_GOING_AWAY"}`, "fail false the backend says SERVER_GOING_AWAY"},
		{func() { s.Open(Opening{Resumed: true, Transcript: []Said{{Text: "hello"}, {Bot: true, Text: "hi"}}}) }, ""},
		{`{"type":"Welcome"}`, `send {"agent":{"context":{"messages":[{"content":"hello","role":"user","type":"History"},{"content":"hi","role":"assistant","type":"History"}]},"listen"...`},
	})
}

func TestElevenLabs(t *testing.T) {
	s, r := begin(t, "elevenlabs-agent", `{"agent_id":"a","variables":{"vip":true},"override":{"agent":{"language":"de"}}}`)
	metadata := func(in, out string) string {
		return fmt.Sprintf(`{"type":"conversation_initiation_metadata","conversation_initiation_metadata_event":{"user_input_audio_format":%q,"agent_output_audio_format":%q}}`, in, out)
	}
	audio := func(id int) string {
		return fmt.Sprintf(`{"type":"audio","audio_event":{"audio_base_64":"AAAA","event_id":%d}}`, id)
	}
	play(t, s, r, []exchange{
		{func() { s.Open(Opening{}) }, `send {"conversation_config_override":{"agent":{"language":"de"}},"dynamic_variables":{"agent":"wsproxy","called":"","caller":"+4912","conversation_id":"c1","organization_id":"o1","resumed":false,"tenant":"blue","vip":true},"type":"conversation_initiation_client_data"}`},
		{audio(1), "error audio before the formats were said"},
		{metadata("pcm_16000", "ulaw_8000"), "ready"},
		{func() { s.Hear(make([]byte, 160)) }, `send {"user_audio_chunk":"...`},
		{audio(2), "play audio mu-law 8000 Hz 3"},
		{`{"type":"interruption","interruption_event":{"event_id":2}}`, "flush"},
		{audio(2), ""}, // stale, also with the same number
		{audio(3), "play audio mu-law 8000 Hz 3"},
		{`{"type":"ping","ping_event":{"event_id":7,"ping_ms":null}}`, `send {"event_id":7,"type":"pong"}`},
		{`{"type":"agent_response","agent_response_event":{"agent_response":"hi there"}}`, "said true hi there"},
		{`{"type":"agent_response_correction","agent_response_correction_event":{"corrected_agent_response":"hi"}}`, "correct hi"},
		{`{"type":"user_transcript","user_transcription_event":{"user_transcript":"hello"}}`, "said false hello"},
		{`{"type":"client_tool_call","client_tool_call":{"tool_name":"x","tool_call_id":"t1","parameters":{}}}`,
			"note the agent calls a tool that is not ours [tool x]\nsend {\"is_error\":true,\"result\":\"there is no such tool\",\"tool_call_id\":\"t1\",\"type\":\"client_tool_result\"}"},
		{`{"type":"context_usage"}`, ""},
		{func() { s.Open(Opening{Resumed: true, Transcript: []Said{{Text: "hello"}}}) }, "send {\"conversation_config_override\"..."},
		{metadata("ulaw_8000", "pcm_44100"), "ready\nsend {\"text\":\"The connection of this call was lost and made again. Do not greet again; go on where you were. So far:\\nCaller: hello\\n\",\"type\":\"contextual_update\"}"},
		{audio(1), "play audio linear16 44100 Hz 3"},
		{func() { s.Open(Opening{}) }, "send ..."},
		{metadata("ulaw_8000", "opus_48000"), "fail true the agent's audio is opus_48000, which cannot be converted: set the agent's audio to ulaw_8000 both ways"},
	})
	if s.Closed(1002, "") != Lost || s.Closed(1000, "") != Over || s.Closed(1008, "") != Refused {
		t.Error("close codes are judged wrong")
	}
}

func TestGemini(t *testing.T) {
	s, r := begin(t, "gemini-live", `{"api_key":"k"}`)
	play(t, s, r, []exchange{
		{func() { s.Open(Opening{}) }, `send {"setup":{"contextWindowCompression":...`},
		{[]byte(`{"setupComplete":{}}`), "ready\nsend {\"clientContent\":{\"turnComplete\":true,\"turns\":[{\"parts\":[{\"text\":\"Greet the caller.\"}],\"role\":\"user\"}]}}"},
		{func() { s.Hear(make([]byte, 160)) }, `send {"realtimeInput":{"audio":{"data":...`},
		{`{"serverContent":{"modelTurn":{"parts":[{"inlineData":{"data":"AAAA","mimeType":"audio/pcm;rate=24000"}}]},"outputTranscription":{"text":"hi "},"generationComplete":true}}`,
			"play turn linear16 24000 Hz 3\nanswer done"},
		{`{"serverContent":{"outputTranscription":{"text":"there"},"inputTranscription":{"text":"hello"},"turnComplete":true}}`, "said false hello\nsaid true hi there"},
		{`{"serverContent":{"interrupted":true}}`, "flush"},
		{`{"serverContent":{"turnComplete":true}}`, ""},
		{`{"toolCall":{"functionCalls":[{"id":"f1","name":"transfer_call","args":{"reason":"r"}}]}}`,
			"transfer r  map[]\nsend {\"toolResponse\":{\"functionResponses\":[{\"id\":\"f1\",\"name\":\"transfer_call\",\"response\":{\"result\":\"ok\"}}]}}"},
		{`{"toolCallCancellation":{"ids":["f0"]}}`, ""},
		{`{"toolCallCancellation":{"ids":["f1"]}}`, "stay"},
		{`{"sessionResumptionUpdate":{"newHandle":"h1","resumable":false}}`, ""},
		{`{"sessionResumptionUpdate":{"newHandle":"h2","resumable":true}}`, "keep h2"},
		{`{"goAway":{"timeLeft":"50s"}}`, "renew"},
		{func() { s.Open(Opening{Resumed: true, Token: "h2"}) }, `send {"setup":{"contextWindowCompression":...`},
		{func() {
			if s.Closed(1007, "") != Lost {
				t.Error("a handle that is refused should not end the call")
			}
		}, "keep "},
		{func() { s.Open(Opening{Resumed: true, Transcript: []Said{{Text: "hello"}}}) }, `send {"setup":...`},
		{`{"setupComplete":{}}`, "ready\nsend {\"clientContent\":{\"turnComplete\":false,\"turns\":[{\"parts\":[{\"text\":\"The connection..."},
	})
	if s.Closed(1007, "") != Refused {
		t.Error("1007 without a handle would come again")
	}
}

func TestByovaJSON(t *testing.T) {
	s, r := begin(t, "byova-json", `{}`)
	sent := func(kind, turn, payload string) string {
		return `send {"conversation_id":"c1","payload":` + payload + `,"timestamp":"T","turn_id":"` + turn + `","type":"` + kind + `"}`
	}
	timeless := func(f func()) func() {
		return func() {
			f()
			for i, line := range r.log {
				if at := strings.Index(line, `"timestamp":"`); at >= 0 {
					r.log[i] = line[:at] + `"timestamp":"T"` + line[at+len(`"timestamp":"2026-11-26T00:00:00.000Z"`):]
				}
			}
		}
	}
	tell := func(e Event) func() { return timeless(func() { s.Tell(e) }) }
	play(t, s, r, []exchange{
		{timeless(func() { s.Open(Opening{Resumed: true, Token: "st", Transcript: []Said{{Bot: true, Text: "hi"}}}) }),
			sent("session_start", "", `{"ANI":"+4912","byova":{"detects_speech":false,"language":"","parameters":{"tenant":"blue"},"resumed":true,"state":"st","transcript":[{"role":"bot","text":"hi"}],"vendor_config":"","version":2},"customer_org_id":"o1","virtual_agent_id":"wsproxy"}`) + "\nready"},
		{tell(TurnStarted{Turn: 3, Kind: plugin.TurnSpeech}), sent("turn_started", "3", `{"kind":"speech","turn_number":3}`)},
		{tell(CallerSpeech{Edge: plugin.SpeechStart}), sent("speech_started", "3", `{}`)},
		{tell(CallerSpeech{Edge: plugin.SpeechEnd}), sent("speech_ended", "3", `{}`)},
		{tell(Interrupted{Item: "p1", Heard: time.Second}), sent("barge_in", "3", `{"heard_ms":1000,"prompt_id":"p1"}`)},
		{tell(Played{Mark: "m", Dropped: true}), sent("mark", "3", `{"dropped":true,"name":"m"}`)},
		{tell(Custom{Name: "n"}), sent("custom_event", "3", `{"name":"n","parameters":{}}`)},
		{tell(TurnEnded{Reason: plugin.TurnAnswered}), sent("turn_ended", "3", `{"reason":"answered"}`)},
		{tell(NoInput{Count: 2}), sent("no_input", "", `{"count":2}`)},
		{tell(RefusedByHost{"prompt", "no"}), sent("error", "", `{"command":"prompt","message":"no"}`)},
		{`{"type":"prompt","payload":{"audio":"AAAA","barge_in":false,"text":"hi","final":true}}`, "play prompt-1 mu-law 8000 Hz 3 protected\nsaid true hi\nanswer done"},
		{`{"type":"prompt","payload":{"audio":"AAAA","encoding":"linear16","sample_rate":16000,"prompt_id":"x"}}`, "play x linear16 16000 Hz 3"},
		{`{"type":"prompt","payload":{"text":"hi"}}`, "say hi"},
		{`{"type":"prompt","payload":{"ssml":"<speak>hi</speak>"}}`, "say <speak>hi</speak>"},
		{`{"type":"speech_started"}`, "flush\nspeech 1"},
		{`{"type":"speech_ended"}`, "speech 2"},
		{`{"type":"input","payload":{"mode":"dtmf","dtmf_length":4,"terminator":"none","no_input_ms":3000}}`, "input {Mode:2 DTMFLength:4 InterDigit:0s Terminator:none NoInput:3s EndSilence:0s MaxSpeech:0s Sensitivity:0 Sensitive:false}"},
		{`{"type":"transfer","payload":{"reason":"r","summary":"s","metadata":{"a":1}}}`, "transfer r s map[a:1]"},
		{`{"type":"end_session"}`, "end "},
		{`{"type":"state","payload":{"state":"st2"}}`, "keep st2"},
		{`{"type":"error","payload":{"message":"secret"}}`, "note the bot reports an error [fatal false]"},
		{`{"type":"error","payload":{"fatal":true}}`, "note the bot reports an error [fatal true]\nfail true the bot reports that it cannot go on"},
		{timeless(func() { s.HangUp("caller") }), sent("session_end", "", `{"reason":"caller"}`)},
	})
}

// TestChecks: options that cannot work are named.
func TestChecks(t *testing.T) {
	for _, test := range []struct{ name, options, want string }{
		{"twilio", `{"signed_url":"wss://x"}`, "options.signed_url: stands alone"},
		{"openai-realtime", `{"dialect":"alpha"}`, `options.dialect: is "alpha": want ga or beta`},
		{"deepgram-agent", `{}`, "options.api_key: is missing"},
		{"elevenlabs-agent", `{}`, "options.agent_id: is missing"},
		{"elevenlabs-agent", `{"agent_id":"a","variables":{"x":[1]}}`, "options.variables.x: must be a text"},
		{"gemini-live", `{}`, "options.api_key: is missing"},
		{"gemini-live", `{"api_key":"k","rate":1}`, "options.rate: audio: sample rate 1 Hz"},
	} {
		b, _ := New(test.name)
		if err := json.Unmarshal([]byte(test.options), b); err != nil {
			t.Fatal(err)
		}
		if err := b.Check(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s with %s: %v, want %q", test.name, test.options, err, test.want)
		}
	}
	if _, err := New("teapot"); err == nil || !strings.Contains(err.Error(), "want byova-json, deepgram-agent") {
		t.Errorf("an adapter that is not there: %v", err)
	}
}

// TestDial: what identifies us goes where the vendor looks for it, and never into the
// URL, which is logged.
func TestDial(t *testing.T) {
	for _, test := range []struct{ name, options, header, value, query string }{
		{"openai-realtime", `{"api_key":"k","model":"m"}`, "Authorization", "Bearer k", "model=m"},
		{"openai-realtime", `{"api_key":"k","azure":true,"model":""}`, "Api-Key", "k", ""},
		{"openai-realtime", `{"api_key":"k","dialect":"beta","model":""}`, "Openai-Beta", "realtime=v1", ""},
		{"deepgram-agent", `{"api_key":"k"}`, "Authorization", "Token k", ""},
		{"gemini-live", `{"api_key":"k"}`, "X-Goog-Api-Key", "k", ""},
		{"gemini-live", `{"access_token":"k"}`, "Authorization", "Bearer k", ""},
		{"elevenlabs-agent", `{"agent_id":"a"}`, "", "", "agent_id=a"},
	} {
		b, _ := New(test.name)
		_ = json.Unmarshal([]byte(test.options), b)
		u, _ := url.Parse("wss://ai.example.com/v1")
		target := &Target{URL: u, Header: http.Header{}}
		if err := b.Dial(context.Background(), target); err != nil || target.Header.Get(test.header) != test.value || target.URL.RawQuery != test.query {
			t.Errorf("%s: %v, %v, query %q", test.name, err, target.Header, target.URL.RawQuery)
		}
	}
}

func TestJudge(t *testing.T) {
	for code, want := range map[int]Verdict{1000: Over, 1005: Over, 1001: Lost, 1006: Lost, 1011: Lost, 1012: Lost, 1013: Lost, 1015: Lost,
		1002: Refused, 1003: Refused, 1007: Refused, 1008: Refused, 1009: Refused, 1010: Refused, 3000: Refused, 4003: Refused} {
		if got := Judge(code); got != want {
			t.Errorf("%d is judged %d, want %d", code, got, want)
		}
	}
}
