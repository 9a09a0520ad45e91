package hosttest

import (
	"bytes"
	"testing"

	"github.com/byova-host/byova-host/internal/audio"
	"github.com/byova-host/byova-host/internal/caller"
	"github.com/byova-host/byova-host/sdk/speech"
)

// Heard is what the caller heard in a call, as mu-law.
func Heard(t *testing.T, r *caller.Result) []byte {
	t.Helper()
	wav, err := audio.ParseWAV(r.Recording)
	if err != nil {
		t.Fatal(err)
	}
	both := audio.DecodeLinear16(nil, wav.Data)
	bot := make([]int16, len(both)/2)
	for i := range bot {
		bot[i] = both[2*i+1]
	}
	return audio.EncodeMuLaw(nil, bot)
}

// Spoken is what a text sounds like, said with the clips.
func Spoken(t *testing.T, text string) []byte {
	t.Helper()
	v := speech.New(speech.Config{Engines: []speech.Engine{speech.Clips()}})
	defer v.Close()
	var b bytes.Buffer
	if err := v.Synthesize(t.Context(), speech.Request{Text: text}, &b); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	muLaw := audio.EncodeMuLaw(nil, audio.DecodeLinear16(nil, b.Bytes()))
	for i, c := range muLaw { // a recording has one zero
		if c == 0x7f {
			muLaw[i] = 0xff
		}
	}
	return muLaw
}

// WantSaid holds that a caller heard texts, in this order, and none of them more often.
func WantSaid(t *testing.T, heard []byte, texts ...string) {
	t.Helper()
	times := map[string]int{}
	for _, text := range texts {
		times[text]++
	}
	for text, n := range times {
		if got := bytes.Count(heard, Spoken(t, text)); got > n {
			t.Errorf("%q was heard %d times, want %d", text, got, n)
		}
	}
	for _, text := range texts {
		said := Spoken(t, text)
		i := bytes.Index(heard, said)
		if i < 0 {
			t.Errorf("%q was not heard, or not then, in %.1f s", text, float64(len(heard))/8000)
			return
		}
		heard = heard[i+len(said):]
	}
}
