package speech

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// programWait is how long a program may take for one request, with the wait for its turn.
const programWait = 10 * time.Second

func limitProgram(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, programWait, fmt.Errorf("it took more than %v", programWait))
}

// program is a speech engine that is run for each request.
type program struct {
	name      string
	path      string
	slots     chan struct{}     // so many run at a time
	voices    map[string]string // by language: the voice
	names     map[string]bool   // of voices
	arguments func(voice string, r Request, output string) []string
	ssml      bool
	output    bool // it writes to a file that is named, not to standard output
}

func newProgram(name, path string) *program {
	return &program{name: name, path: path, slots: make(chan struct{}, max(2, runtime.GOMAXPROCS(0)))}
}

// FindESpeak finds espeak-ng, which speaks a hundred languages and takes SSML. Nil means
// that it is not installed, or does not work.
func FindESpeak(ctx context.Context) Engine {
	path, err := exec.LookPath("espeak-ng")
	if err != nil {
		return nil
	}
	ctx, cancel := limitProgram(ctx)
	defer cancel()
	p := newProgram("espeak-ng", path)
	list, err := p.run(ctx, "", "--voices")
	if err != nil {
		return nil
	}
	p.voices, p.names = map[string]string{}, map[string]bool{}
	for line := range strings.Lines(string(list)) {
		if fields := strings.Fields(line); len(fields) > 4 && fields[0] != "Pty" {
			p.voices[fields[1]], p.names[fields[1]] = fields[1], true
		}
	}
	p.voices["en"] = "en-us"
	p.ssml = true
	p.arguments = func(voice string, r Request, _ string) []string {
		args := []string{"-b", "1", "--stdin", "--stdout", "-v", voice}
		if r.SSML != "" {
			args = append(args, "-m")
		}
		return args
	}
	if len(p.voices) < 2 {
		return nil
	}
	return p
}

// FindFlite finds flite, which speaks English. Nil means that it is not installed, or does
// not work.
func FindFlite(ctx context.Context) Engine {
	path, err := exec.LookPath("flite")
	if err != nil || runtime.GOOS == "windows" { // it would have to read /dev/stdin
		return nil
	}
	ctx, cancel := limitProgram(ctx)
	defer cancel()
	p := newProgram("flite", path)
	list, err := p.run(ctx, "", "-lv")
	_, names, found := strings.Cut(string(list), ":")
	if err != nil || !found {
		return nil
	}
	p.voices, p.names = map[string]string{}, map[string]bool{}
	for name := range strings.FieldsSeq(names) {
		p.names[name] = true
		if p.voices["en"] == "" || name == "slt" {
			p.voices["en"] = name
		}
	}
	p.output = true // it cannot write to a pipe
	p.arguments = func(voice string, _ Request, output string) []string {
		return []string{"-voice", voice, "-f", "/dev/stdin", "-o", output}
	}
	if len(p.names) == 0 {
		return nil
	}
	return p
}

// Name implements Engine.
func (p *program) Name() string { return p.name }

// Synthesize implements Synthesizer.
func (p *program) Synthesize(ctx context.Context, r Request, w io.Writer) error {
	voice, err := p.voice(r)
	if err != nil {
		return err
	}
	if !p.ssml {
		r.Text, err = r.plain()
		r.SSML = ""
	}
	input := r.Text
	if r.SSML != "" {
		input, err = harmless(r.SSML)
	}
	if err != nil {
		return err
	}
	ctx, cancel := limitProgram(ctx)
	defer cancel()
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-ctx.Done():
		return fmt.Errorf("%w, and %d requests before it are not done yet", context.Cause(ctx), cap(p.slots))
	}
	file, err := p.speak(ctx, input, voice, r)
	if err != nil {
		return err
	}
	return wavFile(bytes.NewReader(file), outputLimit, w)
}

// voice is what a request is spoken with.
func (p *program) voice(r Request) (string, error) {
	if p.names[r.Voice] {
		return r.Voice, nil
	}
	if r.Language == "" {
		return p.voices["en"], nil
	}
	if v := closest(r.Language, p.voices); v != "" {
		return v, nil
	}
	return "", unspeakable("it does not speak %q", r.Language)
}

func (p *program) speak(ctx context.Context, input, voice string, r Request) ([]byte, error) {
	if !p.output {
		return p.run(ctx, input, p.arguments(voice, r, "")...)
	}
	dir, err := os.MkdirTemp("", "byova-speech-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, "speech.wav")
	if _, err := p.run(ctx, input, p.arguments(voice, r, name)...); err != nil {
		return nil, err
	}
	f, err := os.Open(name) //nolint:gosec // its name is ours
	if err != nil {
		return nil, errors.New("it wrote no sound")
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, outputLimit+1))
}

// outputLimit bounds what a program may write, in bytes: twelve minutes at 22 kHz.
const outputLimit = 1 << 25

// run runs the program and gives its output. The program has no secrets: its environment
// is the least that it needs.
func (p *program) run(ctx context.Context, input string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.path, args...) //nolint:gosec // a list, and no shell
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "SystemRoot", "ESPEAK_DATA_PATH"} {
		if value, set := os.LookupEnv(name); set {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	cmd.Env = append(cmd.Env, "LC_ALL=C.UTF-8")
	cmd.WaitDelay = time.Second
	out, messages := &limited{most: outputLimit, stop: cancel}, &limited{most: 1 << 10}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), out, messages
	err := cmd.Run()
	switch {
	case out.over:
		return nil, fmt.Errorf("it wrote more than %d bytes", outputLimit)
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, fmt.Errorf("%s: %w, %d bytes of messages", filepath.Base(p.path), err, len(messages.kept))
	}
	return out.kept, nil
}

// limited keeps so many bytes and stops what writes more, if it is to.
type limited struct {
	kept []byte
	most int
	stop func()
	over bool
}

// Write implements io.Writer.
func (l *limited) Write(b []byte) (int, error) {
	room := l.most - len(l.kept)
	if l.kept = append(l.kept, b[:min(room, len(b))]...); room < len(b) && !l.over {
		l.over = true
		if l.stop != nil {
			l.stop()
		}
	}
	return len(b), nil
}
