package speech

import (
	"bufio"
	"context"
	"embed"
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

//go:embed clips/en.txt clips/en
var clipFiles embed.FS

// bank is the clips that are compiled in.
type bank struct {
	files   map[string]string // by phrase, in lower case without punctuation: the file
	longest int               // words of a phrase
}

var loadBank = sync.OnceValue(func() *bank {
	b := &bank{files: map[string]string{}}
	list, err := clipFiles.Open("clips/en.txt")
	if err != nil {
		return b
	}
	defer list.Close()
	for lines := bufio.NewScanner(list); lines.Scan(); {
		if phrase := strings.TrimSpace(lines.Text()); phrase != "" && !strings.HasPrefix(phrase, "#") {
			words := words(phrase)
			b.files[strings.Join(words, " ")] = "clips/en/" + Key(phrase) + ".wav"
			b.longest = max(b.longest, len(words))
		}
	}
	return b
})

// Clips is the engine "clips": recorded English phrases, digits and letters that are
// compiled in. It speaks texts that are made of them, and says which words it lacks. It
// spells numbers and what is written in capitals.
func Clips() Engine { return loadBank() }

// Name implements Engine.
func (b *bank) Name() string { return "clips" }
func (b *bank) prepared()    {}

// The pauses of a text that is joined of clips.
const (
	betweenWords = 40 * time.Millisecond
	atComma      = 180 * time.Millisecond
)

// Synthesize implements Synthesizer.
func (b *bank) Synthesize(ctx context.Context, r Request, w io.Writer) error {
	if !english(r.Language) {
		return unspeakable("the clips are in English, not in %q", r.Language)
	}
	text, err := r.plain()
	if err != nil {
		return err
	}
	files, lacking := b.find(text)
	if len(lacking) > 0 {
		return unspeakable("the clips lack %d of its words", len(lacking))
	}
	for i, name := range files {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var sound []byte
		switch name {
		case "":
			sound = silence(atComma)
		default:
			file, err := clipFiles.ReadFile(name)
			if err != nil {
				return err
			}
			if sound, err = decodeWAV(file); err != nil {
				return err
			}
			if i > 0 && files[i-1] != "" {
				sound = append(silence(betweenWords), sound...)
			}
		}
		if _, err := w.Write(sound); err != nil {
			return err
		}
	}
	return nil
}

// find gives the clips of a text, an empty name for a pause, and the words without one.
func (b *bank) find(text string) (files, lacking []string) {
	pause := func() {
		if n := len(files); n > 0 && files[n-1] != "" {
			files = append(files, "")
		}
	}
	for rest := strings.Fields(text); len(rest) > 0; {
		name, n := b.phrase(rest)
		switch {
		case n > 0:
			files = append(files, name)
		case strings.Trim(rest[0], punctuation+dashes) == "":
			n = 1
			pause()
		default:
			n = 1
			spelled, ok := b.spell(rest[0])
			if !ok {
				lacking = append(lacking, strings.Trim(rest[0], punctuation))
			}
			files = append(files, spelled...)
		}
		if end, _ := utf8.DecodeLastRuneInString(rest[n-1]); strings.ContainsRune(punctuation+dashes, end) {
			pause()
		}
		rest = rest[n:]
	}
	if n := len(files); n > 0 && files[n-1] == "" {
		files = files[:n-1]
	}
	return files, lacking
}

// What makes a pause behind a word.
const (
	punctuation = `,;:.!?()"`
	dashes      = "-–—"
)

// phrase finds the longest phrase that the words begin with, and of how many it is.
func (b *bank) phrase(rest []string) (file string, n int) {
	for n := min(len(rest), b.longest); n > 0; n-- {
		if n == 1 && capitals.MatchString(strings.Trim(rest[0], punctuation)) {
			return "", 0 // PIN is spelled, even where there is a pin
		}
		if file := b.files[strings.Join(words(strings.Join(rest[:n], " ")), " ")]; file != "" {
			return file, n
		}
	}
	return "", 0
}

var capitals = regexp.MustCompile(`^[A-Z]{2,6}$`)

// spell speaks a number below a hundred as one, and other digits and capitals one by one.
func (b *bank) spell(word string) (files []string, ok bool) {
	word = strings.Trim(word, punctuation+"'+#*")
	if n, err := strconv.Atoi(word); err == nil && n < 100 && n >= 0 && strconv.Itoa(n) == word {
		if file := b.files[word]; file != "" {
			return []string{file}, true
		}
		return []string{b.files[strconv.Itoa(n/10*10)], b.files[strconv.Itoa(n%10)]}, true
	}
	for _, c := range word {
		name := strings.ToLower(string(c))
		switch {
		case c == '-' || c == '.' || c == '/':
			files = append(files, "")
		case (c >= 'A' && c <= 'Z' || c >= '0' && c <= '9') && len(word) <= 32 && b.files[name] != "":
			files = append(files, b.files[name])
		default:
			return nil, false
		}
	}
	return files, len(files) > 0
}

var notWord = regexp.MustCompile(`[^\pL\pN']+`)

// words are those of a text, in lower case and without punctuation.
func words(text string) []string {
	return strings.Fields(notWord.ReplaceAllString(strings.ToLower(strings.ReplaceAll(text, "’", "'")), " "))
}
