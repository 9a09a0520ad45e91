package caller

import (
	"fmt"
	"slices"
	"strings"
)

// Check is what an expectation or a need asks: exactly one of the conditions,
// and what goes with it.
type Check struct {
	Event  string   `yaml:"event,omitempty" one:"START_OF_INPUT END_OF_INPUT NO_INPUT NO_MATCH TRANSFER_TO_AGENT SESSION_END CUSTOM_EVENT"`
	Within Duration `yaml:"within,omitempty"` // with Event

	NoEvent    string       `yaml:"no_event,omitempty" one:"START_OF_INPUT END_OF_INPUT NO_INPUT NO_MATCH TRANSFER_TO_AGENT SESSION_END CUSTOM_EVENT"`
	Prompt     *PromptCheck `yaml:"prompt,omitempty"`
	FirstAudio Duration     `yaml:"first_audio,omitempty"`
	Input      *InputCheck  `yaml:"input,omitempty"`
	Answer     string       `yaml:"answer,omitempty" one:"chunks wav none"`
	Playback   string       `yaml:"playback,omitempty" one:"cut whole"`

	Ends       string            `yaml:"ends,omitempty" one:"transfer session_end custom_event"`
	Name       string            `yaml:"name,omitempty"`     // this and the next with Ends
	Metadata   map[string]string `yaml:"metadata,omitempty"` // an empty value: any
	Transcript bool              `yaml:"transcript,omitempty"`
	Summary    bool              `yaml:"summary,omitempty"`
}

// PromptCheck is about the prompts of an answer together.
type PromptCheck struct {
	AtLeast Duration `yaml:"at_least,omitempty"`
	AtMost  Duration `yaml:"at_most,omitempty"`
	BargeIn *bool    `yaml:"barge_in,omitempty"`
}

// InputCheck is about what an answer says of the next input.
type InputCheck struct {
	Mode       string   `yaml:"mode,omitempty" one:"voice dtmf voice_dtmf any_voice"`
	DTMFLength *int     `yaml:"dtmf_length,omitempty"`
	Terminator string   `yaml:"terminator,omitempty" keys:"yes"`
	InterDigit Duration `yaml:"inter_digit,omitempty"`
	NoInput    Duration `yaml:"no_input,omitempty"`
	Sensitive  *bool    `yaml:"sensitive,omitempty"`
}

// conditions names those that are set.
func (c *Check) conditions() (names []string) {
	for _, one := range []struct {
		name string
		set  bool
	}{
		{"event", c.Event != ""}, {"no_event", c.NoEvent != ""}, {"prompt", c.Prompt != nil},
		{"first_audio", c.FirstAudio != 0}, {"input", c.Input != nil}, {"answer", c.Answer != ""},
		{"playback", c.Playback != ""}, {"ends", c.Ends != ""},
	} {
		if one.set {
			names = append(names, one.name)
		}
	}
	return names
}

func (c *Check) wrong(key string) string {
	switch names := c.conditions(); {
	case len(names) == 0:
		return key + ": nothing is asked; want one of event, no_event, prompt, first_audio, input, answer, playback, ends"
	case len(names) > 1:
		return fmt.Sprintf("%s: %s are two questions; make two steps of it", key, strings.Join(names[:2], " and "))
	case c.Within != 0 && c.Event == "":
		return key + ": within goes with event"
	case c.Ends == "" && (c.Name != "" || len(c.Metadata) > 0 || c.Transcript || c.Summary):
		return key + ": name, metadata, transcript and summary go with ends"
	case c.Input != nil && *c.Input == (InputCheck{}):
		return key + ": input: nothing is asked of it"
	case c.Input != nil && len(c.Input.Terminator) > 1:
		return fmt.Sprintf("%s: terminator %q: want a single key", key, c.Input.Terminator)
	case c.Prompt != nil && c.Prompt.AtMost != 0 && c.Prompt.AtMost < c.Prompt.AtLeast:
		return key + ": prompt: at_most is below at_least"
	}
	return ""
}

// String is the condition in words.
func (c *Check) String() string {
	switch {
	case c.Event != "":
		if c.Within != 0 {
			return fmt.Sprintf("%s within %v", c.Event, c.Within)
		}
		return c.Event
	case c.NoEvent != "":
		return "no " + c.NoEvent
	case c.Prompt != nil:
		return c.Prompt.String()
	case c.FirstAudio != 0:
		return fmt.Sprintf("the answer's first audio within %v", c.FirstAudio)
	case c.Input != nil:
		return c.Input.String()
	case c.Answer == "none":
		return "an answer without audio"
	case c.Answer != "":
		return map[string]string{"chunks": "an answer in chunks", "wav": "an answer as WAV"}[c.Answer]
	case c.Playback != "":
		return map[string]string{"cut": "the prompt cut", "whole": "the prompt played to its end"}[c.Playback]
	default:
		return c.end()
	}
}

func (c *Check) end() string {
	s := terminalNames[c.Ends]
	if c.Name != "" {
		s += fmt.Sprintf(" named %q", c.Name)
	}
	var with []string
	for key, value := range c.Metadata {
		if value != "" {
			key += fmt.Sprintf(" %q", value)
		}
		with = append(with, "metadata "+key)
	}
	slices.Sort(with)
	if c.Transcript {
		with = append(with, "a transcript")
	}
	if c.Summary {
		with = append(with, "a summary")
	}
	if len(with) > 0 {
		s += " with " + strings.Join(with, ", ")
	}
	return s
}

// terminalNames are the events that end the server's part of a call, by the
// word that scripts have for them.
var terminalNames = map[string]string{
	"transfer": "TRANSFER_TO_AGENT", "session_end": eventSessionEnd, "custom_event": eventCustom,
}

// String is the check in words.
func (p *PromptCheck) String() string {
	s := "an answer with audio"
	if p.AtLeast != 0 {
		s += fmt.Sprintf(" of at least %v", p.AtLeast)
	}
	if p.AtMost != 0 {
		s += fmt.Sprintf(" of at most %v", p.AtMost)
	}
	if p.BargeIn != nil {
		s += map[bool]string{true: " that may be interrupted", false: " that may not be interrupted"}[*p.BargeIn]
	}
	return s
}

// String is the check in words.
func (i *InputCheck) String() string {
	var parts []string
	if i.Mode != "" {
		parts = append(parts, inputModes[i.Mode].words)
	}
	if i.DTMFLength != nil {
		parts = append(parts, fmt.Sprintf("entries of %d keys", *i.DTMFLength))
	}
	if i.Terminator != "" {
		parts = append(parts, i.Terminator+" as the last key")
	}
	if i.InterDigit != 0 {
		parts = append(parts, fmt.Sprintf("%v between keys", i.InterDigit))
	}
	if i.NoInput != 0 {
		parts = append(parts, fmt.Sprintf("%v until no input", i.NoInput))
	}
	if i.Sensitive != nil {
		parts = append(parts, map[bool]string{true: "sensitive input", false: "input that is not sensitive"}[*i.Sensitive])
	}
	return "an answer that asks for " + strings.Join(parts, ", ")
}

// inputModes are the input modes by the word that scripts have: in words, and
// on the wire, where an answer that names none means voice and keys.
var inputModes = map[string]struct {
	words string
	wire  []string
}{
	"voice":      {"INPUT_VOICE", []string{"INPUT_VOICE"}},
	"dtmf":       {"INPUT_EVENT_DTMF", []string{"INPUT_EVENT_DTMF"}},
	"voice_dtmf": {"INPUT_VOICE_DTMF", []string{"INPUT_VOICE_DTMF", ""}},
	"any_voice":  {"voice", []string{"INPUT_VOICE", "INPUT_VOICE_DTMF", ""}},
}
