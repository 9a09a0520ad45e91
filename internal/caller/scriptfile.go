package caller

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/byova-host/byova-host/internal/yamlfile"
)

// maxScript bounds the text of a call script.
const maxScript = 1 << 20

// Script is a call script: what the caller does and what is expected of the
// server. docs/calling.md has a table of its keys, which are the fields here.
type Script struct {
	File string `yaml:"-"` // named in messages

	Name   string            `yaml:"name,omitempty"`
	About  string            `yaml:"about,omitempty"`
	Needs  string            `yaml:"needs,omitempty"`
	Covers string            `yaml:"covers,omitempty" one:"greeting utterance no-input hang-up silence"`
	Vars   map[string]string `yaml:"vars,omitempty"`
	Caller Settings          `yaml:"caller,omitempty"`
	Steps  []ScriptStep      `yaml:"steps,omitempty"`
}

// Settings say how Webex and the caller's line behave in a script.
type Settings struct {
	Frame          Duration `yaml:"frame,omitempty"`
	OmitFormat     bool     `yaml:"omit_format,omitempty"`
	Connections    int      `yaml:"connections,omitempty"`
	Cancel         bool     `yaml:"cancel,omitempty"`
	AllowPartial   bool     `yaml:"allow_partial,omitempty"`
	KeepTerminator bool     `yaml:"keep_terminator,omitempty"`
	KeyGap         Duration `yaml:"key_gap,omitempty"`
	Pause          Duration `yaml:"pause,omitempty"`
	LineNoise      *int     `yaml:"line_noise,omitempty"`
	EndAfterFinish bool     `yaml:"end_after_finish,omitempty"`
	Start          string   `yaml:"start,omitempty" one:"session_start none"`
	Listen         string   `yaml:"listen,omitempty" one:"first_prompt early"`
	DTMFStart      string   `yaml:"dtmf_start,omitempty" one:"listening own none"`
	NoInputOn      string   `yaml:"no_input_on,omitempty" one:"listening new"`
}

// ScriptStep is one step: exactly one of the fields is set.
type ScriptStep struct {
	Line int `yaml:"-"`

	Wait    string       `yaml:"wait,omitempty" one:"greeting answer"`
	Say     Clips        `yaml:"say,omitempty"`
	Press   *ScriptPress `yaml:"press,omitempty"`
	Silence Duration     `yaml:"silence,omitempty"`
	Noise   *ScriptNoise `yaml:"noise,omitempty"`
	BargeIn *BargeIn     `yaml:"barge_in,omitempty"`
	Need    *Check       `yaml:"need,omitempty"`
	Expect  *Check       `yaml:"expect,omitempty"`
	Send    *ScriptSend  `yaml:"send,omitempty"`
	Cancel  string       `yaml:"cancel,omitempty" one:"listening answer"`
	Vanish  bool         `yaml:"vanish,omitempty"`
	HangUp  bool         `yaml:"hang_up,omitempty"`
}

// Clips are what to say: names of clips, files, and pauses between them.
type Clips []string

// ScriptPress are keys; a script may give them alone.
type ScriptPress struct {
	Keys  string `yaml:"keys,omitempty" keys:"yes" must:"yes"`
	Start string `yaml:"start,omitempty" one:"listening own none"`
}

// ScriptNoise is a burst that is no speech.
type ScriptNoise struct {
	For   Duration `yaml:"for,omitempty" must:"yes"`
	Level int      `yaml:"level,omitempty" must:"yes"`
}

// BargeIn is input once a prompt that allows it has played for some time.
type BargeIn struct {
	After Duration     `yaml:"after,omitempty" must:"yes"`
	Say   Clips        `yaml:"say,omitempty"`
	Press *ScriptPress `yaml:"press,omitempty"`
}

// ScriptSend is an event that Webex sends because the flow wants it.
type ScriptSend struct {
	Event      string         `yaml:"event,omitempty" must:"yes" one:"SESSION_START SESSION_END NO_INPUT CUSTOM_EVENT"`
	Name       string         `yaml:"name,omitempty"`
	Parameters map[string]any `yaml:"parameters,omitempty"`
	On         string         `yaml:"on,omitempty" one:"listening new"`
}

// ScriptError is what is wrong with a script, and where.
type ScriptError struct {
	File string
	Line int
	What string
}

// Error reads like "menu.yaml:12: unknown key".
func (e *ScriptError) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.What) }

// Duration is a time as scripts write it, for instance 400ms.
type Duration time.Duration

// String is the time as scripts write it.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalYAML writes the time as it is read.
func (d Duration) MarshalYAML() (any, error) { return d.String(), nil }

// MarshalYAML writes keys alone where nothing else is said of them.
func (p ScriptPress) MarshalYAML() (any, error) {
	if p.Start == "" {
		return p.Keys, nil
	}
	type plain ScriptPress
	return plain(p), nil
}

// ParseScript reads a script; file names it in errors, which are of the type
// *ScriptError. The values in set replace those of the script's variables of
// the same name; others are ignored.
func ParseScript(file string, text []byte, set map[string]string) (*Script, error) {
	if len(text) > maxScript {
		return nil, &ScriptError{file, 1, fmt.Sprintf("the script has %d bytes, more than %d", len(text), maxScript)}
	}
	root, err := parseYAML(file, text)
	if err != nil {
		return nil, err
	}
	d := &scriptDecoder{file: file}
	s := &Script{File: file}
	if vars := child(root, "vars"); vars != nil {
		if err := d.into(vars, &s.Vars, "vars"); err != nil {
			return nil, err
		}
	}
	for name := range s.Vars {
		if value, ok := set[name]; ok {
			s.Vars[name] = value
		}
		if strings.Contains(s.Vars[name], "$") {
			return nil, &ScriptError{file, child(root, "vars").Line, fmt.Sprintf("vars: the value of %s has a $ in it; variables do not go into variables", name)}
		}
	}
	d.vars = s.Vars
	vars := maps.Clone(s.Vars)
	if err := d.into(root, s, ""); err != nil {
		return nil, err
	}
	s.Vars = vars // not as written: as set
	if len(s.Steps) == 0 {
		return nil, &ScriptError{file, root.Line, "no steps: the script says nothing of what the caller does"}
	}
	return s, s.validate()
}

// parseYAML gives the mapping that a script is.
func parseYAML(file string, text []byte) (*yaml.Node, error) {
	root, err := yamlfile.Parse(text)
	bad, wrong := errors.AsType[*yamlfile.Error](err)
	switch {
	case wrong:
		return nil, &ScriptError{file, bad.Line, bad.What}
	case root == nil:
		return nil, &ScriptError{file, 1, "the script is empty"}
	case root.Kind != yaml.MappingNode:
		return nil, &ScriptError{file, root.Line, "want keys such as name and steps"}
	}
	return root, nil
}

func child(mapping *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

// YAML writes the script; ParseScript reads the same back.
func (s *Script) YAML() ([]byte, error) { return yaml.Marshal(s) }

// validate says what the shape of the keys alone does not show.
func (s *Script) validate() error {
	c := s.Caller
	switch {
	case c.Frame != 0 && (c.Frame < Duration(10*time.Millisecond) || c.Frame > Duration(200*time.Millisecond)):
		return &ScriptError{s.File, 1, fmt.Sprintf("caller: frame of %v is outside 10ms to 200ms", c.Frame)}
	case c.Frame%Duration(time.Millisecond) != 0:
		return &ScriptError{s.File, 1, fmt.Sprintf("caller: frame of %v: want whole milliseconds", c.Frame)}
	case c.Connections < 0 || c.Connections > maxConnections:
		return &ScriptError{s.File, 1, fmt.Sprintf("caller: %d connections, want 1 to %d", c.Connections, maxConnections)}
	case c.LineNoise != nil && (*c.LineNoise < 0 || *c.LineNoise > 1000):
		return &ScriptError{s.File, 1, fmt.Sprintf("caller: line_noise of %d, want 0 to 1000", *c.LineNoise)}
	}
	for _, step := range s.Steps {
		if what := step.wrong(); what != "" {
			return &ScriptError{s.File, step.Line, what}
		}
	}
	return nil
}

func (s ScriptStep) wrong() string {
	switch {
	case s.Noise != nil && (s.Noise.Level > -1 || s.Noise.Level < -90):
		return fmt.Sprintf("noise: level of %d dBFS, want -90 to -1", s.Noise.Level)
	case s.Noise != nil && s.Noise.For > Duration(maxSpeech):
		return fmt.Sprintf("noise: for %v, want up to %v", s.Noise.For, maxSpeech)
	case s.BargeIn != nil && (len(s.BargeIn.Say) == 0) == (s.BargeIn.Press == nil):
		return "barge_in: want either say or press"
	case s.Send != nil && s.Send.Event != eventCustom && (s.Send.Name != "" || len(s.Send.Parameters) > 0) && s.Send.Event != eventSessionStart:
		return "send: name and parameters go with CUSTOM_EVENT or SESSION_START"
	case s.Send != nil && s.Send.On == "listening" && s.Send.Event != eventNoInput && s.Send.Event != eventSessionEnd:
		return "send: on: listening goes with NO_INPUT or SESSION_END"
	case s.Need != nil:
		return s.Need.wrong("need")
	case s.Expect != nil:
		return s.Expect.wrong("expect")
	}
	return ""
}

// Title names the script to people: its name, or else its file.
func (s *Script) Title() string {
	if s.Name == "" {
		return s.File
	}
	return s.Name
}

// VarNames lists the variables that the scripts have.
func VarNames(scripts ...*Script) (names []string) {
	for _, s := range scripts {
		names = slices.AppendSeq(names, maps.Keys(s.Vars))
	}
	slices.Sort(names)
	return slices.Compact(names)
}
