package backendtest

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"github.com/byova-host/byova-host/sdk/plugin"
)

// The tones of the bot, in hertz, and how long they are.
const (
	Greeting = 440.0
	First    = 520.0 // answer to the first utterance, and to every other one
	Second   = 660.0 // long, so that it can be interrupted
	Keys     = 350.0
	Farewell = 880.0

	GreetingFor = 600 * time.Millisecond
	FirstFor    = 800 * time.Millisecond
	SecondFor   = 6 * time.Second
	KeysFor     = 400 * time.Millisecond
	FarewellFor = 500 * time.Millisecond
)

const (
	loudness  = 300 // of 16-bit samples, above which a frame is speech
	startLoud = 4   // frames in a row begin it
	endQuiet  = 30  // and so many end it: the caller pauses, and a busy machine adds to that
)

// bot answers one connection. One goroutine uses it.
type bot struct {
	server  *Server
	ws      *websocket.Conn
	dialect dialect
	session Session

	started     bool
	partial     []byte
	loud, quiet int
	speaking    bool
	utterances  int
	playing     time.Time // until when the caller hears something
	dying       bool      // the answer is not to be completed
}

var errGone = errors.New("gone")

func (b *bot) run() {
	if b.server.faults.DeafFor > 0 {
		time.Sleep(b.server.faults.DeafFor) // it is what is tried
	}
	if !b.server.faults.Silent {
		b.dialect.opened()
	}
	for {
		kind, data, err := b.ws.ReadMessage()
		if err != nil {
			if closed, ok := errors.AsType[*websocket.CloseError](err); ok {
				b.session.Code = closed.Code
			}
			return
		}
		if kind == websocket.TextMessage {
			b.server.keep(data)
		}
		if b.server.faults.Silent {
			continue
		}
		err = b.dialect.receive(Frame{kind == websocket.BinaryMessage, data})
		if errors.Is(err, errGone) {
			return
		}
		if err != nil {
			b.server.violation("%v (in %.120s)", err, data)
			_ = b.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1008, err.Error()), time.Now().Add(time.Second))
			return
		}
	}
}

func (s *Server) keep(data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.messages) < 20000 {
		s.messages = append(s.messages, data)
	}
}

// send writes JSON.
func (b *bot) send(v any) {
	data, _ := json.Marshal(v)
	b.write(Frame{Data: data})
}

func (b *bot) write(f Frame) {
	kind := websocket.TextMessage
	if f.Binary {
		kind = websocket.BinaryMessage
	} else {
		b.server.mu.Lock()
		if len(b.server.sent) < 5000 {
			b.server.sent = append(b.server.sent, f.Data)
		}
		b.server.mu.Unlock()
	}
	_ = b.ws.WriteMessage(kind, f.Data) // the read sees the end
}

// start begins the conversation, with the greeting if one is due.
func (b *bot) start(greet bool) {
	b.started = true
	if greet && !b.server.faults.Mute {
		b.dialect.say(tone(Greeting, GreetingFor))
	}
}

// hear takes the caller's audio, mu-law at 8 kHz.
func (b *bot) hear(audio []byte) error {
	b.session.Heard += time.Duration(len(audio)) * time.Second / 8000
	b.partial = append(b.partial, audio...)
	for len(b.partial) >= 160 {
		if err := b.frame(b.partial[:160]); err != nil {
			return err
		}
		b.partial = b.partial[160:]
	}
	return nil
}

func (b *bot) frame(frame []byte) error {
	sum := 0.0
	for _, s := range (plugin.Audio{Data: frame}).PCM() {
		sum += float64(s) * float64(s)
	}
	if math.Sqrt(sum/160) > loudness {
		b.loud, b.quiet = b.loud+1, 0
	} else {
		b.loud, b.quiet = 0, b.quiet+1
	}
	if h, ok := b.dialect.(interface{ hum() }); ok && b.server.faults.Hum && time.Now().After(b.playing) {
		h.hum()
	}
	switch {
	case !b.speaking && b.loud == startLoud:
		b.speaking = true
		playing := time.Now().Before(b.playing)
		b.playing = time.Time{}
		b.dialect.began(playing)
	case b.speaking && b.quiet == endQuiet:
		b.speaking = false
		b.utterances++
		b.dialect.ended()
		return b.answer()
	}
	return nil
}

// answer answers an utterance, or fails to.
func (b *bot) answer() error {
	faults := b.server.faults
	if faults.Mute {
		return nil
	}
	time.Sleep(faults.Slow) // it is what is tried
	for _, f := range faults.Mutter {
		b.write(f)
	}
	b.server.answered()
	audio := tone(First, FirstFor)
	if b.utterances == 2 {
		audio = tone(Second, SecondFor)
	}
	switch {
	case b.utterances == faults.DieIn && b.server.failsNow(faults.NoReturn):
		b.dying = true
		b.dialect.say(audio[:len(audio)/2])
		_ = b.ws.NetConn().Close()
		return errGone
	case b.utterances == faults.CloseIn && b.server.failsNow(faults.NoReturn):
		_ = b.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(faults.Code, "as asked"), time.Now().Add(time.Second))
		return nil
	}
	b.dialect.say(audio)
	return nil
}

// failsNow is true once.
func (s *Server) failsNow(noReturn bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := !s.failed
	s.failed = true
	s.refused = s.refused || noReturn
	return first
}

// keys takes an entry: 0 transfers and 9 ends, after a farewell.
func (b *bot) keys(digits string) {
	b.session.Keys += digits
	if b.server.faults.Mute {
		return
	}
	switch digits {
	case "0", "9":
		b.dialect.say(tone(Farewell, FarewellFor))
		b.dialect.leave(digits == "0", "caller pressed "+digits)
	default:
		b.dialect.say(tone(Keys, KeysFor))
	}
}

// typed takes keys that come as text, and the word that the caller is silent.
func (b *bot) typed(text string) error {
	if digits, ok := strings.CutPrefix(text, "Caller pressed "); ok {
		b.keys(strings.ReplaceAll(digits, " ", ""))
		return nil
	}
	if text == "The caller is silent." {
		b.session.Silences++
		b.dialect.say(tone(Keys, KeysFor))
		return nil
	}
	return fmt.Errorf("unexpected text %q", text)
}

// plays notes that the caller will hear so much more.
func (b *bot) plays(audio []byte) {
	if now := time.Now(); b.playing.Before(now) {
		b.playing = now
	}
	b.playing = b.playing.Add(time.Duration(len(audio)) * time.Second / 8000)
}

// pieces cuts an answer as a backend sends it: faster than it plays, and not in frames.
func pieces(audio []byte) (all [][]byte) {
	const piece = 850
	for len(audio) > 0 {
		n := min(piece, len(audio))
		all = append(all, audio[:n])
		audio = audio[n:]
	}
	return all
}

// tone is mu-law at 8 kHz.
func tone(hertz float64, d time.Duration) []byte {
	n := int(d * 8000 / time.Second)
	pcm := make([]int16, n)
	for i := range pcm {
		fade := min(1, float64(i)/80, float64(n-1-i)/80)
		pcm[i] = int16(8000 * fade * math.Sin(2*math.Pi*hertz*float64(i)/8000))
	}
	return convert(plugin.FromPCM(pcm, 8000), plugin.Format{})
}

func convert(a plugin.Audio, to plugin.Format) []byte {
	c, err := plugin.NewConverter(a.Format, to)
	if err != nil {
		panic(err)
	}
	return c.Flush(c.Convert(nil, a.Data))
}

func muLaw(data []byte) plugin.Audio { return plugin.Audio{Data: data} }

func encode(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func decode(s string) ([]byte, error) {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil {
		return nil, errors.New("audio is no base64")
	}
	return b, nil
}

type object = map[string]any

// strict decodes text and refuses what it does not know.
func strict(f Frame, v any) error {
	if f.Binary {
		return errors.New("a binary message")
	}
	d := json.NewDecoder(strings.NewReader(string(f.Data)))
	d.DisallowUnknownFields()
	return d.Decode(v)
}
