package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/byova-host/byova-host/host/session"
)

// Speech says how the texts of bots are spoken.
type Speech struct {
	Engines  []string // in the order in which they are tried; empty: all that are there
	Language string   // where neither the bot nor the call says; empty: each engine's own
	Voice    string   // empty: each engine's own
	Recorded string   // directory of recorded prompts; empty: none
	WarmUp   []string // texts that are spoken at the start, to have them ready
	Cache    int64    // bytes of speech that are kept
	OpenAI   OpenAI
}

// OpenAI is a speech service that is spoken to as OpenAI's is.
type OpenAI struct {
	URL          string // empty: none
	Key          string
	Model        string
	Voice        string
	Instructions string
	Rate         int
	Timeout      time.Duration
}

func defaultSpeech() Speech {
	return Speech{Cache: 32 << 20, OpenAI: OpenAI{Model: "gpt-4o-mini-tts", Voice: "alloy", Rate: 24000, Timeout: 5 * time.Second}}
}

// speechEngines are the names that engines have.
var speechEngines = []string{"recorded", "openai", "espeak-ng", "flite", "clips"}

func checkEngine(name string) error {
	if !slices.Contains(speechEngines, name) {
		return fmt.Errorf("%q is no speech engine: write one of %s", name, strings.Join(speechEngines, ", "))
	}
	return nil
}

// checkLanguage holds that a text looks like a BCP 47 tag.
func checkLanguage(tag string) error {
	for part := range strings.SplitSeq(tag, "-") {
		if part == "" || len(part) > 8 || strings.Trim(strings.ToLower(part), "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
			return fmt.Errorf("%q is no language: write a tag like en-US or de", tag)
		}
	}
	return nil
}

func plainLine(text string) error {
	if strings.TrimSpace(text) == "" {
		return errors.New("is empty: write what is to be spoken")
	}
	return plainText(1000)(text)
}

func speechKey(c *Config) *string { return &c.Speech.OpenAI.Key }

// speechFields are the keys of speech.
var speechFields = []field[Config]{
	{"speech.engines", bind(list("list of engines", "[espeak-ng, clips]", "names no engine: name one, or leave the key out", checkEngine),
		func(c *Config) *[]string { return &c.Speech.Engines }),
		"Which engines speak, in the order in which they are tried: `recorded`, `openai`, `espeak-ng`, `flite`, `clips`. Unset: all that are there, in this order."},
	{"speech.language", bind(text("language", checkLanguage), func(c *Config) *string { return &c.Speech.Language }),
		"The language of texts where neither the bot, `calls.language` nor the call says it, such as en-US. Unset: each engine's own."},
	{"speech.voice", bind(text("name", plainText(256)), func(c *Config) *string { return &c.Speech.Voice }),
		"The voice, by the name that the engine has for it. An engine that has no such voice takes its own for the language."},
	{"speech.recorded", bind(path("directory", checkDirectory), func(c *Config) *string { return &c.Speech.Recorded }),
		"A directory of recorded prompts: `welcome-to-acme.wav` is played for the text \"Welcome to Acme!\", and `de/` below it has those in German."},
	{"speech.warm_up", bind(list("list of texts", `["Welcome to Acme."]`, "has no text: write one, or leave the key out", plainLine),
		func(c *Config) *[]string { return &c.Speech.WarmUp }),
		"Texts that are spoken at the start, so that they are ready for the first call."},
	{"speech.cache", bind(size(1<<20, 1<<34), func(c *Config) *int64 { return &c.Speech.Cache }),
		"How much speech is kept in memory, at 16 KiB a second."},
	{"speech.openai.url", bind(text("URL", checkURL("https")), func(c *Config) *string { return &c.Speech.OpenAI.URL }),
		"A service that takes `POST /v1/audio/speech` as OpenAI's does, with the whole path: `https://api.openai.com/v1/audio/speech`. Unset: none."},
	{"speech.openai.key", bind(secretText, speechKey),
		"Its API key. Unset: none is sent."},
	{"speech.openai.key_file", inFile(secretText, speechKey),
		"The file that holds speech.openai.key."},
	{"speech.openai.model", bind(text("name", plainText(256)), func(c *Config) *string { return &c.Speech.OpenAI.Model }),
		"The model that is asked for."},
	{"speech.openai.voice", bind(text("name", plainText(256)), func(c *Config) *string { return &c.Speech.OpenAI.Voice }),
		"The voice that is asked for, unless speech.voice or calls.voice names another."},
	{"speech.openai.instructions", bind(text("text", plainText(4096)), func(c *Config) *string { return &c.Speech.OpenAI.Instructions }),
		"How to speak, for models that take it."},
	{"speech.openai.rate", bind(number(8000, 48000), func(c *Config) *int { return &c.Speech.OpenAI.Rate }),
		"The sample rate of the PCM that comes back, in hertz, where the service does not say."},
	{"speech.openai.timeout", bind(duration(100*time.Millisecond, time.Minute, notZero), func(c *Config) *time.Duration { return &c.Speech.OpenAI.Timeout }),
		"How long the first sound may take, with all tries; then the next engine speaks."},
}

// checkSpeech holds what is said of speech against each other.
func (r *reader) checkSpeech(c *Config) {
	const at = "speech."
	if r.set(at+"openai.key") && r.set(at+"openai.key_file") {
		r.at(at+"openai.key", false, "stands beside openai.key_file: name one of them")
	}
	for _, need := range []struct{ engine, key, value string }{{"openai", "openai.url", c.Speech.OpenAI.URL}, {"recorded", "recorded", c.Speech.Recorded}} {
		named := slices.Contains(c.Speech.Engines, need.engine)
		switch {
		case named && need.value == "" && !r.set(at+need.key):
			r.at(at+"engines", false, "names %s, and speech.%s is not set", need.engine, need.key)
		case !named && need.value != "" && len(c.Speech.Engines) > 0:
			r.at(at+need.key, true, "counts for nothing: speech.engines does not name %s", need.engine)
		}
	}
}

type texts = named[session.TextMode]
