package host

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/byova-host/byova-host/host/config"
	"github.com/byova-host/byova-host/host/session"
	"github.com/byova-host/byova-host/internal/audio"
	"github.com/byova-host/byova-host/sdk/speech"
)

// Engines finds the speech engines that a configuration asks for, in order. The warnings
// say what it will not do, and what to do about it.
func Engines(ctx context.Context, c config.Speech) (engines []speech.Engine, warnings []string) {
	for _, name := range orAll(c.Engines) {
		engine, why := engineNamed(ctx, name, c)
		switch {
		case engine != nil:
			engines = append(engines, engine)
			if name == "recorded" {
				for _, problem := range speech.CheckRecorded(c.Recorded) {
					warnings = append(warnings, problem.Error())
				}
			}
		case len(c.Engines) > 0:
			warnings = append(warnings, fmt.Sprintf("speech engine %s is not there: %s", name, why))
		}
	}
	switch {
	case len(engines) == 0:
		warnings = append(warnings, "no speech engine is there: what bots say as text is not spoken")
	case !slices.ContainsFunc(engines, speaksAnything):
		warnings = append(warnings, "only recorded speech is there, which has few words and is English: install espeak-ng or flite, or set speech.openai.url, for bots that say other things")
	}
	return engines, warnings
}

func orAll(engines []string) []string {
	if len(engines) > 0 {
		return engines
	}
	return []string{"recorded", "openai", "espeak-ng", "flite", "clips"}
}

func speaksAnything(e speech.Engine) bool { return e.Name() != "clips" && e.Name() != "recorded" }

// engineNamed gives an engine, or why it is not there.
func engineNamed(ctx context.Context, name string, c config.Speech) (e speech.Engine, why string) {
	switch name {
	case "recorded":
		if c.Recorded == "" {
			return nil, "set speech.recorded"
		}
		e, err := speech.Recorded(c.Recorded)
		if err != nil {
			return nil, err.Error()
		}
		return e, ""
	case "openai":
		if c.OpenAI.URL == "" {
			return nil, "set speech.openai.url"
		}
		o := c.OpenAI
		return speech.NewHTTP(speech.HTTP{URL: o.URL, Key: o.Key, Model: o.Model, Voice: o.Voice, Instructions: o.Instructions, Rate: o.Rate, Timeout: o.Timeout}), ""
	case "espeak-ng":
		return speech.FindESpeak(ctx), "install espeak-ng"
	case "flite":
		return speech.FindFlite(ctx), "install flite"
	default:
		return speech.Clips(), ""
	}
}

// openVoice makes the voice of the bots' texts.
func (h *host) openVoice(ctx context.Context) {
	c := h.config.Speech
	engines, warnings := Engines(ctx, c)
	log := h.log.Named("speech")
	if !h.passesTextOn() {
		for _, w := range warnings {
			log.Warn(w)
		}
	}
	if len(engines) == 0 {
		return
	}
	h.voice = speech.New(speech.Config{Engines: engines, Language: c.Language, Voice: c.Voice, Cache: int(c.Cache), Log: log})
	log.Info("speech", "engines", strings.Join(h.voice.Engines(), " "))
}

// passesTextOn says that Webex speaks all texts.
func (h *host) passesTextOn() bool {
	for _, own := range h.config.Agents {
		if own.Texts == session.SpeakText {
			return false
		}
	}
	return h.config.Calls.Texts == session.PassTextOn
}

// warmUp has the voice ready before the first call needs it.
func (h *host) warmUp(ctx context.Context, c config.Config) {
	var texts []speech.Request
	for _, t := range c.Speech.WarmUp {
		texts = append(texts, speech.Request{Text: t, Language: c.Calls.Language, Voice: c.Calls.VoiceName})
	}
	if err := h.voice.WarmUp(ctx, texts...); err != nil && ctx.Err() == nil {
		h.log.Named("speech").Warn("not all could be spoken at the start", "error", err)
	}
}

// voice speaks for sessions.
type voice struct{ speech.Synthesizer }

// Speak implements session.Voice.
func (v voice) Speak(ctx context.Context, t session.Text, w io.Writer) error {
	r := speech.Request{Text: t.Text, Language: t.Language, Voice: t.Voice}
	if t.IsSSML() {
		r.Text, r.SSML = "", t.Text
	}
	return v.Synthesize(ctx, r, &telephone{to: w})
}

// telephone writes speech as it plays.
type telephone struct {
	to   io.Writer
	half []byte // of a sample
	pcm  []int16
	out  []byte
}

// Write implements io.Writer.
func (t *telephone) Write(b []byte) (int, error) {
	all := b
	if len(t.half) > 0 {
		all = slices.Concat(t.half, b)
	}
	t.pcm = t.pcm[:0]
	for ; len(all) >= 2; all = all[2:] {
		t.pcm = append(t.pcm, int16(binary.LittleEndian.Uint16(all)))
	}
	t.half = append([]byte(nil), all...)
	t.out = audio.EncodeMuLaw(t.out[:0], t.pcm)
	if _, err := t.to.Write(t.out); err != nil {
		return 0, err
	}
	return len(b), nil
}
