package config

import (
	"errors"
	"time"

	"github.com/byova-host/byova-host/host/session"
)

type (
	answers = named[session.AnswerMode]
	endings = named[session.EndOfInputTime]
	modes   = named[session.InputMode]
	actions = named[session.FallbackAction]
)

// callFields are the keys of calls and of each agent.
var callFields = []field[Calls]{
	{"answers", bind(word(answers{"chunks", session.Chunks}, answers{"wav", session.WAV}),
		func(c *Calls) *session.AnswerMode { return &c.Answers }),
		"How prompts are sent: in pieces as they come, or as one WAV file when the answer is whole."},
	{"greeting_barge_in", bind(boolean(), func(c *Calls) *bool { return &c.GreetingBargeIn }),
		"Whether the caller may interrupt the greeting where the bot allows it."},
	{"end_of_input", bind(word(endings{"silence", session.AtSilence}, endings{"answer", session.WithAnswer}),
		func(c *Calls) *session.EndOfInputTime { return &c.EndOfInput }),
		"When Webex is told that the caller's input has ended: when silence is found, or when the answer begins, so that the caller may add something."},
	{"partial_responses", bind(boolean(), func(c *Calls) *bool { return &c.PartialResponses }),
		"Send PARTIAL responses where Webex allows it: a filler before an answer in WAV."},
	{"input.mode", bind(word(modes{"voice_and_dtmf", session.VoiceAndDTMF}, modes{"voice", session.VoiceOnly}, modes{"dtmf", session.DTMFOnly}),
		func(c *Calls) *session.InputMode { return &c.Input.Mode }),
		"What the caller may use, until the bot says otherwise, as for all of input."},
	{"input.dtmf_length", bind(number(1, 100), func(c *Calls) *int { return &c.Input.DTMFLength }),
		"Most keys of an entry."},
	{"input.inter_digit", bind(duration(100*time.Millisecond, time.Minute, notZero), func(c *Calls) *time.Duration { return &c.Input.InterDigit }),
		"Longest pause between two keys."},
	{"input.terminator", bind(key, func(c *Calls) *byte { return &c.Input.Terminator }),
		"The key that ends an entry."},
	{"input.no_input", bind(duration(100*time.Millisecond, 10*time.Minute, orZero), func(c *Calls) *time.Duration { return &c.Input.NoInput }),
		"How long the caller may be silent until Webex reports no input. 0s: never."},
	{"input.max_speech", bind(duration(time.Second, 10*time.Minute, notZero), func(c *Calls) *time.Duration { return &c.Input.MaxSpeech }),
		"Longest utterance."},
	{"endpointing.speech_start", bind(duration(5*time.Millisecond, 600*time.Millisecond, notZero), func(c *Calls) *time.Duration { return &c.SpeechStart }),
		"A sound must last longer than this to be the start of speech."},
	{"endpointing.end_silence", bind(duration(100*time.Millisecond, 10*time.Second, notZero), func(c *Calls) *time.Duration { return &c.Input.EndSilence }),
		"The silence that ends an utterance."},
	{"no_input_backstop", bind(duration(100*time.Millisecond, 10*time.Minute, orZero), func(c *Calls) *time.Duration { return &c.NoInputBackstop }),
		"How long after input.no_input the host counts a silence that Webex has not reported. 0s: never."},
	{"filler.after", bind(duration(100*time.Millisecond, 10*time.Minute, orZero), func(c *Calls) *time.Duration { return &c.FillerAfter }),
		"How long the caller waits for an answer before the filler is played, once. 0s: never."},
	{"filler.prompt", bind(prompt, func(c *Calls) *Prompt { return &c.FillerPrompt }),
		"What is played then. Unset: the bundled one."},
	{"text.by", bind(word(texts{"host", session.SpeakText}, texts{"webex", session.PassTextOn}), func(c *Calls) *session.TextMode { return &c.Texts }),
		"Who speaks what a bot says as text: the host, or Webex, where the tenant does that."},
	{"text.language", bind(text("language", checkLanguage), func(c *Calls) *string { return &c.Language }),
		"The language of texts that say none, such as de-DE. Unset: the call's."},
	{"text.voice", bind(text("name", plainText(256)), func(c *Calls) *string { return &c.VoiceName }),
		"The voice of texts, by the name that the speech engine has for it. Unset: speech.voice."},
	{"text.unspoken", bind(prompt, func(c *Calls) *Prompt { return &c.UnspokenPrompt }),
		"What is played instead of a text that no engine can say. Unset: the bundled one."},
	{"answer.within", bind(duration(100*time.Millisecond, 10*time.Minute, notZero), func(c *Calls) *time.Duration { return &c.AnswerWithin }),
		"Longest silence of a bot that owes an answer; then comes the fallback."},
	{"answer.limit", bind(duration(time.Second, time.Hour, notZero), func(c *Calls) *time.Duration { return &c.AnswerLimit }),
		"Longest answer; then comes the fallback."},
	{"max_duration", bind(duration(time.Second, 7*24*time.Hour, orZero), func(c *Calls) *time.Duration { return &c.MaxDuration }),
		"Longest call; then comes the fallback. 0s: no limit."},
	{"fallback.action", bind(word(actions{"transfer", session.FallbackTransfer}, actions{"end", session.FallbackEnd},
		actions{"event", session.FallbackCustom}, actions{"error", session.FallbackError}),
		func(c *Calls) *session.FallbackAction { return &c.Fallback.Action }),
		"What becomes of a call whose bot cannot go on: a transfer to a human, its end, a custom event for the flow, or an error status, so that the flow's error branch runs."},
	{"fallback.name", bind(text("text", plainText(256)), func(c *Calls) *string { return &c.Fallback.Name }),
		"The name of the custom event."},
	{"fallback.metadata", bind(free("section", false), func(c *Calls) *map[string]any { return &c.Fallback.Metadata }),
		"What the flow gets beside the reason."},
	{"fallback.prompt", bind(prompt, func(c *Calls) *Prompt { return &c.FallbackPrompt }),
		"What the caller hears first. Unset: the bundled one."},
}

// key is a key of a telephone, or none.
var key = scalar("key, or none", func(text string) (byte, error) {
	if text == "none" {
		return 0, nil
	}
	if len(text) == 1 && validKey(text[0]) {
		return text[0], nil
	}
	return 0, errors.New(`is no key: write one of 0 to 9, A to D, "*" or "#" in quotes, or none`)
}, func(k byte) any {
	if k == 0 {
		return "none"
	}
	return string(k)
})

func validKey(k byte) bool {
	return k >= '0' && k <= '9' || k >= 'A' && k <= 'D' || k == '*' || k == '#'
}
