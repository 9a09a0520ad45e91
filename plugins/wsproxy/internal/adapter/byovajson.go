package adapter

import (
	"bytes"
	"context"
	"maps"
	"strconv"
	"time"

	"github.com/byova-host/byova-host/sdk/plugin"
)

// byovaJSON is a protocol for bots of one's own, described in docs/wsproxy.md and
// docs/byova-json.schema.json. Its messages of version 1 are those that a Python SDK's
// proxy sent and took; version 2 adds to them, and takes nothing away.
type byovaJSON struct{}

// byovaVersion is of the protocol.
const byovaVersion = 2

func (*byovaJSON) Check() error { return nil }

func (*byovaJSON) Traits() Traits {
	return Traits{Detects: MayBe, Resumes: true, HearsNoInput: true, HearsCustom: true}
}

func (*byovaJSON) Dial(context.Context, *Target) error { return nil }

func (*byovaJSON) Session(line Line, call Call) Session {
	return &byovaSession{line: line, call: call}
}

type byovaSession struct {
	line Line
	call Call
	turn string // the open one
	item int
}

func (s *byovaSession) send(kind string, payload any) {
	s.line.Send(object{
		"type": kind, "conversation_id": s.call.Info.ConversationID, "turn_id": s.turn,
		"timestamp": time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), "payload": payload,
	})
}

func (s *byovaSession) Open(o Opening) {
	info := s.call.Info
	extension := object{
		"version": byovaVersion, "language": info.Language, "vendor_config": info.VendorConfig,
		"parameters": s.call.Parameters, "resumed": o.Resumed, "detects_speech": s.call.Detects,
	}
	if o.Resumed {
		transcript := make([]object, len(o.Transcript))
		for i, said := range o.Transcript {
			transcript[i] = object{"role": role(said.Bot), "text": said.Text}
		}
		extension["transcript"], extension["state"] = transcript, o.Token
	}
	payload := object{}
	maps.Copy(payload, info.Parameters)
	payload["virtual_agent_id"], payload["customer_org_id"], payload["byova"] = info.Agent, info.Org, extension
	s.send("session_start", payload)
	s.line.Ready()
}

func role(bot bool) string {
	if bot {
		return "bot"
	}
	return "caller"
}

func (s *byovaSession) Hear(frame []byte) {
	s.send("audio_input", object{
		"encoding": "mulaw", "sample_rate": 8000, "channels": 1, "data": encodeAudio(frame), "is_final": false,
	})
}

func (s *byovaSession) Tell(e Event) {
	switch e := e.(type) {
	case TurnStarted:
		s.turn = strconv.FormatUint(e.Turn, 10)
		s.send("turn_started", object{"turn_number": e.Turn, "kind": e.Kind.String()})
	case CallerSpeech:
		s.send(map[plugin.Edge]string{plugin.SpeechStart: "speech_started", plugin.SpeechEnd: "speech_ended"}[e.Edge], object{})
	case DTMF:
		s.send("dtmf_input", object{"digits": e.Digits})
	case NoInput:
		s.send("no_input", object{"count": e.Count})
	case Custom:
		s.send("custom_event", object{"name": e.Name, "parameters": orEmpty(e.Parameters)})
	case Interrupted:
		s.send("barge_in", object{"prompt_id": e.Item, "heard_ms": e.Heard.Milliseconds()})
	case Played:
		s.send("mark", object{"name": e.Mark, "dropped": e.Dropped})
	case TurnEnded:
		s.send("turn_ended", object{"reason": e.Reason.String()})
		s.turn = ""
	case RefusedByHost:
		s.send("error", object{"command": e.Command, "message": e.Message})
	}
}

func orEmpty(parameters map[string]any) map[string]any {
	if parameters == nil {
		return object{}
	}
	return parameters
}

// byovaMessage is what a bot sends: all payloads in one, as their names do not clash.
type byovaMessage struct {
	Type    string
	Payload struct {
		// prompt
		Text, SSML, Audio, Language string
		Encoding                    string
		SampleRate                  int `json:"sample_rate"`
		Channels                    int
		BargeIn                     *bool  `json:"barge_in"`
		PromptID                    string `json:"prompt_id"`
		Final                       bool
		// transfer, end_session, custom_event, mark, error
		Name, Reason, Summary, Message string
		Metadata, Parameters           object
		Fatal                          bool
		// transcript, beside text
		Role string
		// state
		State string
		// input
		byovaInput
	}
}

// byovaInput is how the next input is taken. What is left out stays as it is.
type byovaInput struct {
	Mode         string
	DTMFLength   int `json:"dtmf_length"`
	InterDigitMS int `json:"inter_digit_ms"`
	Terminator   string
	NoInputMS    int `json:"no_input_ms"`
	EndSilenceMS int `json:"end_silence_ms"`
	MaxSpeechMS  int `json:"max_speech_ms"`
	Sensitive    bool
}

var byovaModes = map[string]plugin.InputMode{"voice": plugin.InputVoice, "dtmf": plugin.InputDTMF, "voice_dtmf": plugin.InputVoiceAndDTMF}

func (i byovaInput) input() plugin.Input {
	ms := func(n int) time.Duration { return time.Duration(max(0, n)) * time.Millisecond }
	return plugin.Input{
		Mode: byovaModes[i.Mode], DTMFLength: i.DTMFLength, InterDigit: ms(i.InterDigitMS), Terminator: i.Terminator,
		NoInput: ms(i.NoInputMS), EndSilence: ms(i.EndSilenceMS), MaxSpeech: ms(i.MaxSpeechMS), Sensitive: i.Sensitive,
	}
}

func (s *byovaSession) Receive(m Message) error {
	var in byovaMessage
	err := decodeText(m, &in)
	if err == nil {
		err = s.received(in)
	}
	if err != nil {
		s.send("error", object{"command": known(in.Type), "message": err.Error()})
	}
	return err
}

func (s *byovaSession) received(in byovaMessage) error {
	p := in.Payload
	leave := Leave{Reason: p.Reason, Summary: p.Summary, Metadata: p.Metadata}
	switch in.Type {
	case "prompt":
		return s.prompt(in)
	case "answer_done":
		s.line.AnswerDone()
	case "mark":
		s.line.Mark(p.Name)
	case "clear":
		s.line.Flush()
	case "speech_started":
		s.line.Flush()
		s.line.Speech(plugin.SpeechStart)
	case "speech_ended":
		s.line.Speech(plugin.SpeechEnd)
	case "transcript":
		s.line.Said(Said{Bot: p.Role != "caller", Text: p.Text})
	case "input":
		s.line.SetInput(p.input())
	case "state":
		s.line.Keep(p.State)
	case "transfer":
		s.line.Transfer(leave)
	case "end_session":
		s.line.End(leave)
	case "custom_event":
		s.line.Custom(p.Name, p.Parameters)
	case "error":
		s.line.Note("the bot reports an error", "fatal", p.Fatal)
		if p.Fatal {
			s.line.Fail(true, errBotFailed)
		}
	default:
		s.line.Note("a message of an unknown type was ignored", "type", known(in.Type))
	}
	return nil
}

// prompt plays one. Audio that names no encoding is a WAV file if it begins like one,
// and mu-law otherwise.
func (s *byovaSession) prompt(in byovaMessage) error {
	p := in.Payload
	audio, err := decodeAudio(p.Audio)
	if err != nil {
		return err
	}
	text := p.Text
	if text == "" {
		text = p.SSML
	}
	id := p.PromptID
	if id == "" {
		s.item++
		id = "prompt-" + strconv.Itoa(s.item)
	}
	protected := PlayOptions{Protected: p.BargeIn != nil && !*p.BargeIn}
	switch {
	case len(audio) > 0:
		sound, err := byovaAudio(audio, p.Encoding, p.SampleRate, p.Channels)
		if err != nil {
			return err
		}
		s.line.Play(id, sound, protected)
		if p.Text != "" {
			s.line.Said(Said{Bot: true, Text: p.Text})
		}
	case text != "":
		s.line.SayText(text, p.Language)
	}
	if p.Final {
		s.line.AnswerDone()
	}
	return nil
}

func byovaAudio(data []byte, encoding string, rate, channels int) (plugin.Audio, error) {
	if encoding == "wav" || encoding == "" && bytes.HasPrefix(data, []byte("RIFF")) {
		return plugin.ReadWAV(data)
	}
	encodings := map[string]plugin.Encoding{"": plugin.MuLaw, "mulaw": plugin.MuLaw, "alaw": plugin.ALaw, "linear16": plugin.Linear16}
	e, ok := encodings[encoding]
	if !ok {
		return plugin.Audio{}, &plugin.FieldError{Field: "encoding", Message: "is none of mulaw, alaw, linear16 and wav"}
	}
	return plugin.Audio{Format: plugin.Format{Encoding: e, Rate: rate, Channels: channels}, Data: data}, nil
}

func (s *byovaSession) HangUp(why string) { s.send("session_end", object{"reason": why}) }

func (s *byovaSession) Closed(code int, _ string) Verdict { return Judge(code) }
