package backendtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/byova-host/byova-host/sdk/plugin"
)

// gemini is Google's Gemini Live API, v1beta.
type gemini struct {
	*bot
	setup bool
	input *plugin.Converter
	calls map[string]bool
	count int
}

var pcm24 = plugin.Format{Encoding: plugin.Linear16, Rate: 24000}

type geminiMessage struct {
	Setup *struct {
		Model            string
		GenerationConfig struct {
			ResponseModalities []string
			SpeechConfig       object
		}
		SystemInstruction                                 object
		Tools                                             []struct{ FunctionDeclarations []object }
		RealtimeInputConfig                               object
		InputAudioTranscription, OutputAudioTranscription *object
		SessionResumption                                 struct{ Handle string }
		ContextWindowCompression                          object
	}
	ClientContent *struct {
		Turns []struct {
			Role  string
			Parts []struct{ Text string }
		}
		TurnComplete bool
	}
	RealtimeInput *struct {
		Audio *struct{ Data, MIMEType string }
		Text  *string
	}
	ToolResponse *struct {
		FunctionResponses []struct {
			ID, Name string
			Response object
		}
	}
}

func (g *gemini) opened() {
	g.calls = map[string]bool{}
	if g.session.Header.Get("X-Goog-Api-Key") != "secret-key" {
		g.server.violation("x-goog-api-key %q", g.session.Header.Get("X-Goog-Api-Key"))
	}
}

// put sends JSON in a binary message, as the real one does.
func (g *gemini) put(v any) {
	data, _ := json.Marshal(v)
	g.write(Frame{Binary: true, Data: data})
}

func (g *gemini) receive(f Frame) error {
	var m geminiMessage
	if err := strict(f, &m); err != nil {
		return err
	}
	if g.setup != (m.Setup == nil) {
		return errors.New("setup must be first, and once")
	}
	switch {
	case m.Setup != nil:
		if m.Setup.Model == "" || len(m.Setup.GenerationConfig.ResponseModalities) != 1 || len(m.Setup.Tools) != 1 || len(m.Setup.Tools[0].FunctionDeclarations) != 2 {
			return errors.New("setup: not as documented")
		}
		g.setup, g.started = true, true
		g.session.Resumed = m.Setup.SessionResumption.Handle != ""
		g.put(object{"setupComplete": object{}})
		g.put(object{"sessionResumptionUpdate": object{"newHandle": "handle-1", "resumable": true}})
	case m.ClientContent != nil:
		if len(m.ClientContent.Turns) != 1 || m.ClientContent.Turns[0].Role != "user" {
			return errors.New("clientContent: not as documented")
		}
		if m.ClientContent.TurnComplete {
			g.start(true)
		}
	case m.RealtimeInput != nil && m.RealtimeInput.Audio != nil:
		return g.audio(m.RealtimeInput.Audio.Data, m.RealtimeInput.Audio.MIMEType)
	case m.RealtimeInput != nil && m.RealtimeInput.Text != nil:
		return g.typed(*m.RealtimeInput.Text)
	case m.ToolResponse != nil:
		for _, r := range m.ToolResponse.FunctionResponses {
			if !g.calls[r.ID] || r.Response == nil {
				return fmt.Errorf("response of unknown function %q", r.ID)
			}
			delete(g.calls, r.ID)
		}
	default:
		return errors.New("an empty message")
	}
	return nil
}

func (g *gemini) audio(data, mime string) error {
	if mime != "audio/pcm;rate=16000" {
		return fmt.Errorf("mimeType %q", mime)
	}
	audio, err := decode(data)
	if err != nil {
		return err
	}
	if g.input == nil {
		g.input, _ = plugin.NewConverter(pcm16, plugin.Format{})
	}
	return g.hear(g.input.Convert(nil, audio))
}

func (g *gemini) content(c object) { g.put(object{"serverContent": c}) }

func (g *gemini) say(audio []byte) {
	g.plays(audio)
	for i, piece := range pieces(convert(muLaw(audio), pcm24)) {
		c := object{"modelTurn": object{"parts": []object{{"inlineData": object{"data": encode(piece), "mimeType": "audio/pcm;rate=24000"}}}}}
		if i == 0 {
			c["outputTranscription"] = object{"text": "a tone"}
		}
		g.content(c)
	}
	if g.dying {
		return
	}
	g.content(object{"generationComplete": true})
	g.content(object{"turnComplete": true})
}

func (g *gemini) began(playing bool) {
	if playing {
		g.content(object{"interrupted": true})
		g.content(object{"turnComplete": true})
	}
}

func (g *gemini) ended() { g.content(object{"inputTranscription": object{"text": "hello there"}}) }

func (g *gemini) leave(transfer bool, why string) {
	name := "end_call"
	if transfer {
		name = "transfer_call"
	}
	g.count++
	id := "f" + strconv.Itoa(g.count)
	g.calls[id] = true
	g.put(object{"toolCall": object{"functionCalls": []object{{"id": id, "name": name, "args": object{"reason": why}}}}})
}
