package speech

import (
	"context"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Rate is the sample rate of all speech, in hertz.
const Rate = 8000

// MaxText is the longest text or SSML of a Request, in bytes: ten minutes of speech.
const MaxText = 10_000

// Request is something to be said.
type Request struct {
	// Text is plain text, and SSML a document of it, instead. Engines that do not
	// take SSML say the text in it.
	Text string
	SSML string
	// Language is a BCP 47 tag such as de-AT; empty is the engine's own.
	Language string
	// Voice is one of the engine's own names. An engine that does not have it takes
	// its voice for the language.
	Voice string
}

// Synthesizer makes speech. It may be used concurrently.
type Synthesizer interface {
	// Synthesize writes the speech to w while it is made: 16-bit samples, little
	// endian, 8 kHz, one channel; a Write may end within a sample. It waits while w
	// does, and returns when all is written, or soon after ctx ends with its cause. A
	// *TextError says that nothing is wrong with the engine.
	Synthesize(ctx context.Context, r Request, w io.Writer) error
}

// Engine is a Synthesizer with a name, for the log and the configuration.
type Engine interface {
	Synthesizer
	Name() string
}

// TextError says that an engine cannot speak this request, and may be able to speak
// others: it lacks the language or the words, or there is nothing to say.
type TextError struct{ What string }

// Error says what is wrong.
func (e *TextError) Error() string { return e.What }

func unspeakable(format string, args ...any) error {
	return &TextError{fmt.Sprintf(format, args...)}
}

// checked gives the request without what nobody can say: control characters, emoji and
// other symbols without a name. It refuses what has nothing else, or is too long.
func (r Request) checked() (Request, error) {
	if r.Text != "" && r.SSML != "" {
		return r, unspeakable("the request has both text and SSML: one of them is to be said")
	}
	if n := max(len(r.Text), len(r.SSML)); n > MaxText {
		return r, unspeakable("the text has %d bytes, and at most %d are spoken", n, MaxText)
	}
	if r.SSML != "" {
		text, err := plainText(r.SSML)
		if err == nil && !speakable(text) {
			err = unspeakable("the SSML has nothing to say")
		}
		return r, err
	}
	if r.Text = clean(r.Text); !speakable(r.Text) {
		return r, unspeakable("the text has nothing to say")
	}
	return r, nil
}

// plain is the request for an engine that does not take SSML.
func (r Request) plain() (string, error) {
	if r.SSML == "" {
		return r.Text, nil
	}
	return plainText(r.SSML)
}

// clean drops what has no sound, and makes each run of space one space.
func clean(text string) string {
	var b strings.Builder
	for _, c := range strings.ToValidUTF8(text, " ") {
		switch {
		case unicode.IsSpace(c), unicode.Is(unicode.Cc, c):
			b.WriteByte(' ')
		case unicode.In(c, unicode.Cf, unicode.So, unicode.Sk, unicode.Co), unicode.Is(unicode.Variation_Selector, c), !utf8.ValidRune(c):
		default:
			b.WriteRune(c)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func speakable(text string) bool {
	return strings.ContainsFunc(text, func(c rune) bool {
		return unicode.IsLetter(c) || unicode.IsNumber(c) || strings.ContainsRune("$€£%+=&@#", c)
	})
}
