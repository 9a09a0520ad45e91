package speech

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Recorded is the engine "recorded": a folder of WAV files, each named by the text that it
// has. "Welcome to Acme!" is in welcome-to-acme.wav; see Key. A folder below it that is
// named as a language, such as de or de-AT, has that language's, and goes before.
func Recorded(dir string) (Engine, error) {
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return nil, fmt.Errorf("recorded prompts: %w", err)
	case !info.IsDir():
		return nil, fmt.Errorf("recorded prompts: %s is no directory", dir)
	}
	return recorded{dir}, nil
}

type recorded struct{ dir string }

// Name implements Engine.
func (r recorded) Name() string { return "recorded" }

// longestKey bounds the names of files.
const longestKey = 200

// Key is the name, without .wav, of the file that has a text: its letters and digits in
// lower case, with a hyphen for all that is between. It is empty for texts that are too
// long for the name of a file.
func Key(text string) string {
	key := strings.ReplaceAll(strings.Join(words(text), "-"), "'", "")
	if len(key) > longestKey {
		return ""
	}
	return key
}

// Synthesize implements Synthesizer.
func (r recorded) Synthesize(_ context.Context, q Request, w io.Writer) error {
	name := r.find(q)
	if name == "" {
		return unspeakable("there is no recording of it")
	}
	f, err := os.Open(name) //nolint:gosec // the operator's folder, and a key without separators
	if err != nil {
		return unspeakable("its recording cannot be read: %v", err)
	}
	defer f.Close()
	if err := wavFile(f, outputLimit, w); err != nil {
		return unspeakable("its recording %s cannot be played: %v", filepath.Base(name), err) // the others can
	}
	return nil
}

func (r recorded) has(q Request) bool { return r.find(q) != "" }

// find is the path of a request's file, or empty.
func (r recorded) find(q Request) string {
	text, err := q.plain()
	key := Key(text)
	if err != nil || key == "" {
		return ""
	}
	base, _, _ := strings.Cut(q.Language, "-")
	for _, dir := range []string{q.Language, base, ""} {
		if !filepath.IsLocal(filepath.Join("x", dir)) || strings.ContainsAny(dir, `/\.`) {
			continue
		}
		name := filepath.Join(r.dir, dir, key+".wav")
		if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
			return name
		}
	}
	return ""
}
