package session

import (
	"bytes"
	"os"
	"testing"
	"time"

	"github.com/byova-host/byova-host/internal/audio"
)

// hello is spoken words with a second of silence before and after, 8 kHz.
func hello(t *testing.T) []int16 {
	t.Helper()
	data, err := os.ReadFile("../../examples/speech/hello.wav")
	if err != nil {
		t.Fatal(err)
	}
	wav, err := audio.ParseWAV(data)
	if err != nil {
		t.Fatal(err)
	}
	pcm, err := wav.Mono8k()
	if err != nil {
		t.Fatal(err)
	}
	silence := make([]int16, 8000)
	return append(append(silence, pcm...), silence...)
}

// encode brings samples into a format; 16 kHz by repeating each.
func encode(pcm []int16, f audio.Format) []byte {
	if f.Normal().Rate == 16000 {
		double := make([]int16, 0, 2*len(pcm))
		for _, s := range pcm {
			double = append(double, s, s)
		}
		pcm = double
	}
	switch f.Encoding {
	case audio.ALaw:
		return audio.EncodeALaw(nil, pcm)
	case audio.Linear16:
		return audio.EncodeLinear16(nil, pcm)
	default:
		return audio.EncodeMuLaw(nil, pcm)
	}
}

// TestSpeech sends the same words in frames of many sizes and formats, in real
// time and as one burst: each is heard as one utterance at the same place.
func TestSpeech(t *testing.T) {
	pcm := hello(t)
	formats := []audio.Format{{}, {Encoding: audio.ALaw, Rate: 8000}, {Encoding: audio.Linear16, Rate: 8000},
		{Encoding: audio.Linear16, Rate: 16000}, {Encoding: audio.MuLaw, Rate: 16000}}
	for _, format := range formats {
		data := encode(pcm, format)
		for _, frame := range []int{3, 160, 640, len(data)} {
			for _, burst := range []bool{false, true} {
				c := greeted(t, Traits{})
				start := c.now
				c.open(2, Request{Kind: Audio, Audio: data[:2], Format: format})
				for rest := data[2:]; len(rest) > 0; {
					n := min(frame, len(rest))
					if !burst {
						c.now += format.Duration(n)
					}
					c.request(2, Request{Kind: Audio, Audio: rest[:n:n], Format: format})
					rest = rest[n:]
				}
				checkUtterance(t, c, start, data, format)
				if t.Failed() {
					t.Fatalf("%v in frames of %d bytes, burst %t", format, frame, burst)
				}
			}
		}
	}
}

func checkUtterance(t *testing.T, c *call, start time.Duration, data []byte, format audio.Format) {
	t.Helper()
	var events []OutputEvent
	for _, r := range c.responses[2] {
		events = append(events, r.Event)
	}
	if len(events) != 2 || events[0] != StartOfInput || events[1] != EndOfInput {
		t.Errorf("output events %v, want start and end of input", events)
		return
	}
	began, ended := event[TurnStarted](c).SpeechAt-start, event[InputEnded](c).SpeechEnd-start
	if began < 900*time.Millisecond || began > 1300*time.Millisecond || ended < 2*time.Second || ended > 4*time.Second {
		t.Errorf("speech from %v to %v", began, ended)
	}
	var heard []byte
	for _, e := range c.events {
		if a, ok := e.(CallerAudio); ok {
			heard = append(heard, a.Data...)
		}
	}
	at := bytes.Index(data, heard)
	if at < 0 || format.Duration(at) > began-preRoll+20*time.Millisecond || format.Duration(at+len(heard)) < ended {
		t.Errorf("the bot heard %d bytes, from byte %d, of speech from %v to %v", len(heard), at, began, ended)
	}
}

// TestSilenceIsNoSpeech holds that an RPC without speech gets no event.
func TestSilenceIsNoSpeech(t *testing.T) {
	c := greeted(t, Traits{})
	c.open(2, Request{Kind: Audio, Audio: bytes.Repeat([]byte{0xff}, 8000*60)})
	c.halfClose(2)
	if len(c.responses[2]) != 0 || count[TurnStarted](c) != 0 {
		t.Errorf("silence got %+v", c.responses[2])
	}
	if _, done := c.completed[2]; !done {
		t.Error("the RPC was not completed")
	}
}

// TestSpeechThatDoesNotEnd is cut at the longest utterance.
func TestSpeechThatDoesNotEnd(t *testing.T) {
	c := greeted(t, Traits{})
	c.s.told.MaxSpeech = 2 * time.Second
	pcm := hello(t)
	words := audio.EncodeMuLaw(nil, pcm[8000:len(pcm)-8000])
	c.open(2, Request{Kind: Audio, Audio: bytes.Repeat([]byte{0xff}, 4000)})
	for range 5 {
		c.request(2, Request{Kind: Audio, Audio: words})
	}
	if n := len(c.responses[2]); n != 2 || c.responses[2][1].Event != EndOfInput {
		t.Errorf("got %+v", c.responses[2])
	}
}

// TestNextUtterance: whatever ends an utterance before its end, the next one is
// heard.
func TestNextUtterance(t *testing.T) {
	words := audio.EncodeMuLaw(nil, hello(t))
	for name, stop := range map[string]func(c *call){
		"cancelled":      func(c *call) { c.step(input{kind: gone, rpc: 2}) },
		"half-closed":    func(c *call) { c.halfClose(2); c.command(c.s.turns, 0, Done{}) },
		"keys":           func(c *call) { c.open(3, Request{Kind: DTMF, Digits: "1"}); c.command(c.s.turns, 0, Done{}) },
		"first key":      func(c *call) { c.request(2, Request{Kind: DTMFStart}) },
		"custom event":   func(c *call) { c.open(3, Request{Kind: CustomInput}); c.command(c.s.turns, 0, Done{}) },
		"the bot's done": func(c *call) { c.command(c.s.turns, 0, Done{}) },
	} {
		t.Run(name, func(t *testing.T) {
			c := greeted(t, Traits{})
			c.open(2, Request{Kind: Audio, Audio: words[:16000]}) // in mid-speech
			if len(c.responses[2]) != 1 {
				t.Fatalf("got %+v, want START_OF_INPUT", c.responses[2])
			}
			stop(c)
			c.now += 5 * time.Second
			c.open(4, Request{Kind: Audio, Audio: words[8000:]}) // no silence before it
			if got := c.responses[4]; len(got) != 2 || got[0].Event != StartOfInput || got[1].Event != EndOfInput {
				t.Errorf("the next utterance got %+v", got)
			}
		})
	}
}
