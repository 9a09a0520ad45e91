package caller

import (
	"bytes"
	"errors"
	"io/fs"
	"reflect"
	"strings"
	"testing"

	"github.com/byova-host/byova-host/examples/calls"
)

// TestParseErrors holds that what is wrong with a script is told with its line.
func TestParseErrors(t *testing.T) {
	tests := []struct{ script, want string }{
		{"", "s.yaml:1: the script is empty"},
		{"# nothing\n", "s.yaml:1: the script is empty"},
		{"---", "s.yaml:1: the script is empty"},
		{"name: x\n---", "s.yaml:2: a second document"},
		{"steps:", "s.yaml:1: steps: want a list"},
		{"name: x\n", "s.yaml:1: no steps"},
		{"steps: []\n", "s.yaml:1: no steps"},
		{"- wait: greeting\n", "s.yaml:1: want keys such as name and steps"},
		{"name: x\nsteps:\n  - wait: greeting\n  - jump: high\n", `s.yaml:4: unknown key "jump", want one of: wait, say,`},
		{"name: x\ncolour: red\nsteps:\n- hang_up: true\n", `s.yaml:2: unknown key "colour"`},
		{"steps:\n- silence: 2\n", `s.yaml:2: silence: "2" is not a time above zero`},
		{"steps:\n- silence: -2s\n", "s.yaml:2: silence:"},
		{"steps:\n- silence: 2h\n", "s.yaml:2: silence:"},
		{"steps:\n- press: '12x'\n", `s.yaml:2: press "12X": 'X' is not a key`},
		{"steps:\n- press: ''\n", "s.yaml:2: press: no digits"},
		{"steps:\n- expect: {event: PIGS_FLY}\n", `s.yaml:2: event: "PIGS_FLY" is not known, want one of: START_OF_INPUT`},
		{"steps:\n- say: hello\n  press: '1'\n", "s.yaml:3: a step with two acts, say and press"},
		{"steps:\n- wait: answer\n- {}\n", "s.yaml:3: an empty step"},
		{"steps:\n- wait: forever\n", `s.yaml:2: wait: "forever" is not known, want one of: greeting, answer`},
		{"steps:\n- expect: {}\n", "s.yaml:2: expect: nothing is asked"},
		{"steps:\n- need: {answer: wav, playback: cut}\n", "s.yaml:2: need: answer and playback are two questions"},
		{"steps:\n- expect: {answer: wav, within: 2s}\n", "s.yaml:2: expect: within goes with event"},
		{"steps:\n- expect: {answer: wav, name: n}\n", "s.yaml:2: expect: name, metadata"},
		{"steps:\n- expect: {input: {terminator: '12'}}\n", `s.yaml:2: expect: terminator "12": want a single key`},
		{"steps:\n- expect: {input: {}}\n", "s.yaml:2: expect: input: nothing is asked"},
		{"steps:\n- expect: {prompt: {at_least: 3s, at_most: 2s}}\n", "s.yaml:2: expect: prompt: at_most is below"},
		{"steps:\n- barge_in: {say: hello}\n", "s.yaml:2: barge_in: after is missing"},
		{"steps:\n- barge_in: {after: 2s}\n", "s.yaml:2: barge_in: want either say or press"},
		{"steps:\n- noise: {for: 1s, level: 3}\n", "s.yaml:2: noise: level of 3 dBFS"},
		{"steps:\n- send: {event: NO_INPUT, name: x}\n", "s.yaml:2: send: name and parameters go with"},
		{"steps:\n- send: {event: CUSTOM_EVENT, parameters: {a: [1]}}\n", "s.yaml:2: want a plain value here"},
		{"steps:\n- hang_up: false\n", "s.yaml:2: hang_up: only true makes sense"},
		{"steps:\n- hang_up: maybe\n", `s.yaml:2: hang_up: "maybe" is neither true nor false`},
		{"steps:\n- say: ${who}\n", `s.yaml:2: variable "who" has no value`},
		{"vars: {a: '${b}'}\nsteps:\n- say: hello\n", `s.yaml:1: variable "b" has no value`},
		{"vars: [a]\nsteps:\n- say: hello\n", "s.yaml:1: vars: want names with values below it"},
		{"&a\nname: x\nsteps:\n- say: hello\n", "s.yaml:1: anchors and aliases"},
		{"vars: {a: 1$}\nsteps:\n- say: hello\n", "s.yaml:1: vars: the value of a has a $"},
		{"name: x\nname: y\nsteps:\n- say: hello\n", `s.yaml:2: key "name" stands here twice`},
		{"caller: {frame: 5ms}\nsteps:\n- say: hello\n", "s.yaml:1: caller: frame of 5ms"},
		{"caller: {connections: 9}\nsteps:\n- say: hello\n", "s.yaml:1: caller: 9 connections"},
		{"caller: {connections: two}\nsteps:\n- say: hello\n", `s.yaml:1: connections: "two" is not a whole number`},
		{"steps:\n- say: hello\n\t- x\n", "s.yaml:3: no valid YAML: found a tab"},
		{"a: &a [*a]\nsteps:\n- say: hello\n", "s.yaml:1: "},
		{"name: &n x\nabout: *n\nsteps:\n- say: hello\n", "s.yaml:1: name: anchors and aliases"},
		{"steps:\n- say: hello\n---\nsteps:\n- say: hello\n", "s.yaml:3: a second document"},
		{"steps:\n- say: []\n", "s.yaml:2: say: the list is empty"},
	}
	for _, test := range tests {
		_, err := ParseScript("s.yaml", []byte(test.script), nil)
		if bad := new(ScriptError); !errors.As(err, &bad) || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("script %q: error %v, want %s", test.script, err, test.want)
		}
	}
}

// TestApplyErrors holds that what cannot be said is told with its line.
func TestApplyErrors(t *testing.T) {
	for say, want := range map[string]string{
		"missing.wav":          "s.yaml:2: say missing.wav: file does not exist",
		"[hello, 300s]":        "", // five minutes and a clip are too much only together
		"[300s, hello, hello]": "s.yaml:2: say: more than 5m0s in one step",
		"[-1s, hello]":         "s.yaml:2: say: pause of -1s",
		"text":                 "s.yaml:2: say text: ",
	} {
		s, err := ParseScript("s.yaml", []byte("steps:\n- say: "+say+"\n"), nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Apply(Options{}, func(name string) ([]byte, error) {
			switch name {
			case "hello":
				return testClip(name)
			case "text":
				return []byte("no WAV"), nil
			}
			return nil, fs.ErrNotExist
		})
		if want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("say %s: error %v, want %q", say, err, want)
		}
	}
}

// TestVars holds what variables do.
func TestVars(t *testing.T) {
	text := []byte("vars: {key: '1', word: '', n: 2}\nsteps:\n- say: ${word}\n- press: '${key}#'\n- send: {event: CUSTOM_EVENT, name: 'a${n}', parameters: {x: 1.5, y: true, z: '1'}}\n")
	s, err := ParseScript("s.yaml", text, map[string]string{"key": "99", "other": "x"})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Steps) != 2 || s.Steps[0].Press.Keys != "99#" || s.Steps[0].Line != 4 {
		t.Errorf("steps %+v, want keys 99# first, of line 4", s.Steps)
	}
	want := &ScriptSend{Event: eventCustom, Name: "a2", Parameters: map[string]any{"x": 1.5, "y": true, "z": "1"}}
	if got := s.Steps[1].Send; !reflect.DeepEqual(got, want) {
		t.Errorf("send %+v, want %+v", got, want)
	}
	if names := VarNames(s, s); strings.Join(names, " ") != "key n word" {
		t.Errorf("variables %v", names)
	}
}

// bundledScripts reads the scripts that come with the program.
func bundledScripts(t testing.TB) (scripts []*Script) {
	t.Helper()
	files, err := fs.Glob(calls.Files, "*.yaml")
	if err != nil || len(files) != 13 {
		t.Fatalf("%d scripts, %v, want 13", len(files), err)
	}
	for _, file := range files {
		text, err := calls.Files.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s, err := ParseScript(strings.TrimSuffix(file, ".yaml"), text, nil)
		if err != nil {
			t.Fatal(err)
		}
		if s.Name == "" || s.About == "" || s.Needs == "" {
			t.Errorf("%s: want name, about and needs", file)
		}
		scripts = append(scripts, s)
	}
	return scripts
}

// sameScript compares two scripts but for the lines of their steps.
func sameScript(a, b *Script) bool {
	plain := func(s Script) Script {
		steps := make([]ScriptStep, len(s.Steps))
		for i, step := range s.Steps {
			step.Line = 0
			steps[i] = step
		}
		s.Steps = steps
		return s
	}
	return reflect.DeepEqual(plain(*a), plain(*b))
}

// FuzzScript holds that no text makes the parser panic, that errors name a line
// of the text, and that a script is written as it is read.
func FuzzScript(f *testing.F) {
	for _, s := range bundledScripts(f) {
		text, err := s.YAML()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	for _, text := range []string{
		"", "steps:\n- press: {keys: '1', start: own}\n- vanish: true\n- cancel: answer\n",
		"vars: {a: b}\nsteps: [say: ['${a}', 1s], noise: {for: 1s, level: -3}]\n",
		"caller: {line_noise: 0, pause: 1s, key_gap: 1ms}\nsteps:\n- need: {ends: transfer, metadata: {a: }}\n",
		"steps:\n- send: {event: CUSTOM_EVENT, parameters: {a: 1e3, b: true, c: ~}}\n", "? [a]\n: b\n", "steps: &a\n- *a\n", "name: !!binary aGk=\nsteps: [say: x]",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := ParseScript("f", text, nil)
		if err != nil {
			bad := new(ScriptError)
			if lines := bytes.Count(text, []byte("\n")) + 1; !errors.As(err, &bad) || bad.Line < 1 || bad.Line > lines+bytes.Count(text, []byte("\r")) {
				t.Fatalf("error %v for a text of %d lines", err, lines)
			}
			return
		}
		written, err := s.YAML()
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseScript("f", written, nil)
		if err != nil || !sameScript(s, again) {
			t.Fatalf("written as\n%s\nwhich reads as %+v, %v, want %+v", written, again, err, s)
		}
	})
}
