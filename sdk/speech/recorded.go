package speech

import (
	"context"
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

// CheckRecorded says which files of such a folder no text can play: those that are broken,
// and those whose names are no texts'.
func CheckRecorded(dir string) (problems []error) {
	walk := func(path string, entry fs.DirEntry, err error) error {
		name, ext := strings.CutSuffix(filepath.Base(path), ".wav")
		switch {
		case err != nil:
			problems = append(problems, fmt.Errorf("recorded prompts: %w", err))
			return fs.SkipDir
		case entry.IsDir() || !ext:
			return nil
		case Key(name) != name:
			problems = append(problems, fmt.Errorf("recorded prompt %s: no text finds it: a file is named by what it says, as %s.wav", path, orElse(Key(name), "welcome-to-acme")))
		}
		if err := play(path, io.Discard); err != nil {
			problems = append(problems, fmt.Errorf("recorded prompt %s cannot be played: %w", path, err))
		}
		return nil
	}
	_ = filepath.WalkDir(dir, walk) // walk keeps all errors
	return problems
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
	if err := play(name, w); err != nil {
		return unspeakable("its recording %s cannot be played: %v", filepath.Base(name), err) // the others can
	}
	return nil
}

func play(path string, w io.Writer) error {
	f, err := os.Open(path) //nolint:gosec // the operator's folder, and a key without separators
	if err != nil {
		return err
	}
	defer f.Close()
	return wavFile(f, outputLimit, w)
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
		if _, err := os.Stat(name); err == nil {
			return name
		}
	}
	return ""
}
