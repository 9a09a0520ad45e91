package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/byova-host/byova-host/internal/audio"
)

// maxPrompt bounds the file of a prompt, in bytes: five minutes of CD sound.
const maxPrompt = 64 << 20

// maxSecret bounds the file of a secret, in bytes.
const maxSecret = 64 << 10

// path is the name of a file or directory, which a check looks at.
func path(name string, check func(path string) error) kind[string] {
	return kind[string]{name: name, show: func(s string) any { return s }, read: func(r *reader, n *yaml.Node, key string) (string, bool) {
		s, ok := r.text(n, key)
		if !ok {
			return "", false
		}
		if s == "" {
			r.wrong(n, key, "names no file: name one or leave the key out")
			return "", false
		}
		s = r.path(s)
		if err := check(s); err != nil {
			r.wrong(n, key, "%v", err)
			return "", false
		}
		return s, true
	}}
}

// checkFile holds that there is a file, and no pipe, device or directory.
func checkFile(path string) error {
	if strings.ContainsRune(path, 0) {
		return fmt.Errorf("%q is no path: it has a zero byte", path)
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("%w: name a file that is there", pathError(path, err))
	}
	if info.IsDir() {
		return fmt.Errorf("%s is a directory: name a file", path)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is a pipe or device: name a file", path)
	}
	return nil
}

// checkProgram holds that a file can be executed.
func checkProgram(path string) error {
	if err := checkFile(path); err != nil {
		return err
	}
	if info, err := os.Stat(path); err == nil && info.Mode()&0o111 == 0 && runtime.GOOS != "windows" {
		return fmt.Errorf("%s is not executable: make it so with chmod +x", path)
	}
	return nil
}

// checkLock holds that a file of sums is there or can be made.
func checkLock(path string) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return checkParent(path)
	}
	return checkFile(path)
}

// checkDirectory holds that a directory is there or can be made.
func checkDirectory(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return checkParent(path)
	case err != nil:
		return fmt.Errorf("%w: name a directory", pathError(path, err))
	case !info.IsDir():
		return fmt.Errorf("%s is a file: name a directory", path)
	case info.Mode()&0o002 != 0 && info.Mode()&os.ModeSticky == 0 && runtime.GOOS != "windows":
		return fmt.Errorf("all users of this machine can write to %s: chmod o-w it, they could put their own programs there", path)
	}
	return nil
}

// checkParent holds that the directory is there in which something is to be made.
func checkParent(path string) error {
	dir := filepath.Dir(path)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return fmt.Errorf("%s: there is no directory %s: make it", path, dir)
	}
	return nil
}

// pathError says what an operation on a file met, naming it once.
func pathError(path string, err error) error {
	if wrong, ok := errors.AsType[*fs.PathError](err); ok {
		err = wrong.Err
	}
	return fmt.Errorf("%s: %w", path, err)
}

// noPrompt is what stands in the place of a file for no prompt.
const noPrompt = "none"

// prompt is a WAV file, which is read.
var prompt = kind[Prompt]{
	name: "WAV file, or none",
	show: func(p Prompt) any { return p.Path },
	read: func(r *reader, n *yaml.Node, key string) (Prompt, bool) {
		file, ok := r.text(n, key)
		if !ok || file == noPrompt {
			return Prompt{Path: noPrompt}, ok
		}
		if file == "" {
			r.wrong(n, key, "names no file: name a WAV file, write none for no prompt, or leave the key out for the bundled one")
			return Prompt{}, false
		}
		file = r.path(file)
		sound, err := readPrompt(file)
		if err != nil {
			r.wrong(n, key, "%v", err)
			return Prompt{}, false
		}
		return Prompt{Path: file, Audio: sound}, true
	},
}

func readPrompt(file string) ([]byte, error) {
	data, err := readFile(file, maxPrompt)
	if err != nil {
		return nil, err
	}
	wav, err := audio.ParseWAV(data)
	if err != nil {
		return nil, fmt.Errorf("%s is no WAV file that can be played: %w", file, err)
	}
	sound, err := wav.MuLaw8k()
	if err != nil {
		return nil, fmt.Errorf("%s cannot be played: %w", file, err)
	}
	if len(sound) == 0 {
		return nil, fmt.Errorf("%s has no sound: record one, or write %s for no prompt", file, noPrompt)
	}
	return sound, nil
}

// secret reads the file of a secret without the line's end.
func (r *reader) secret(n *yaml.Node, key string) (string, bool) {
	file, ok := r.text(n, key)
	if !ok {
		return "", false
	}
	file = r.path(file)
	data, err := readFile(file, maxSecret)
	if err != nil {
		r.wrong(n, key, "%v", err)
		return "", false
	}
	if !utf8.Valid(data) {
		r.wrong(n, key, "%s is not text: a secret is one line of it", file)
		return "", false
	}
	if openToAll(file) {
		r.add(n.Line, key, fmt.Sprintf("all users of this machine can read %s: chmod 600 it", file), true)
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	if value == "" {
		r.wrong(n, key, "%s is empty: write the secret into it, or leave the key out", file)
	}
	return value, value != ""
}

// openToAll reports whether every user of the machine can read a file.
func openToAll(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode()&0o004 != 0 && runtime.GOOS != "windows"
}
