package audio

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

const minute = 60 * 8000

// scaled is noise of unit RMS at a level in dBov.
func scaled(x []float64, level float64) []int16 {
	return line(nil, len(x), 0, unit(x), 32768*math.Pow(10, level/20))
}

// switched lets nothing through for off samples, then sound for on samples.
func switched(pcm []int16, on, off int) []int16 {
	pcm = slices.Clone(pcm)
	for i := range pcm {
		if i%(on+off) < off {
			pcm[i] = 0
		}
	}
	return pcm
}

// hum is mains hum with the harmonics that a telephone lets through.
func hum(hertz, amplitude float64) []int16 {
	pcm := make([]int16, minute)
	for h := 1.0; h <= 8; h++ {
		for i, s := range tone(h*hertz, 8000, minute, amplitude/h) {
			pcm[i] += s
		}
	}
	return pcm
}

func key(row, column, amplitude float64, n int) []int16 {
	pcm := tone(row, 8000, n, amplitude)
	for i, s := range tone(column, 8000, n, amplitude) {
		pcm[i] += s
	}
	return pcm
}

// A minute of what is on a line when nobody speaks begins no utterance.
func TestNoiseIsNotSpeech(t *testing.T) {
	t.Parallel()
	quiet := func(name string, pcm []int16) {
		t.Helper()
		if edges := NewEndpointer(Endpointing{}).Feed(nil, DecodeMuLaw(nil, EncodeMuLaw(nil, pcm))); len(edges) > 0 {
			t.Errorf("%s: %d edges, first %+v", name, len(edges), edges[0])
		}
	}
	quiet("digital silence", make([]int16, minute))
	quiet("an offset", slices.Repeat([]int16{300}, minute))
	quiet("silence as minus zero and zero", slices.Repeat([]int16{-8, 0, 8, 0}, minute/4))
	for _, n := range noises {
		if n.name == "babble" {
			continue // these are voices
		}
		sound := n.make(seeded(n.name, "alone"), minute, nil)
		for _, level := range []float64{-50, -30} {
			quiet(fmt.Sprint(n.name, " at ", level), scaled(sound, level))
		}
	}
	for _, hertz := range []float64{50, 60} {
		for _, amplitude := range []float64{60, 1000} {
			quiet(fmt.Sprintf("%v Hz hum of %v", hertz, amplitude), hum(hertz, amplitude))
		}
	}
	comfort := pink(seeded("comfort"), minute)
	for _, level := range []float64{-55, -35} {
		quiet(fmt.Sprint("comfort noise stepping at ", level), switched(scaled(comfort, level), 12000, 12000))
		quiet(fmt.Sprint("short bursts at ", level), switched(scaled(comfort, level), 800, 5000))
		quiet(fmt.Sprint("coughs of noise at ", level), switched(scaled(comfort, level), 400, 7600))
	}
	for i := range comfort {
		comfort[i] *= max(0, math.Sin(2*math.Pi*float64(i)/16000)) // in and out
	}
	for _, level := range []float64{-50, -35} {
		quiet(fmt.Sprint("breath at ", level), scaled(comfort, level))
	}
}

// Keys are signalled beside the audio; their tones in it are not speech.
func TestDTMFIsNotSpeech(t *testing.T) {
	t.Parallel()
	for _, row := range dtmfRows {
		for _, column := range dtmfColumns {
			noise := white(seeded(row, column), 4*8000)
			for _, amplitude := range []float64{300, 10000} {
				tones := key(row, column, amplitude, len(noise))
				for _, cadence := range [][2]int{{320, 320}, {411, 407}, {960, 640}, {2400, 2400}, {8000, 4000}} {
					pcm := switched(tones, cadence[0], cadence[1])
					edges := NewEndpointer(Endpointing{}).Feed(nil, line(pcm, 0, 0, noise, amplitude/30))
					if len(edges) > 0 {
						t.Errorf("%v+%v Hz of %v, %v: %v", row, column, amplitude, cadence, edges)
					}
				}
			}
		}
	}
}

// A weak s that ends a word belongs to it, but hiss cannot hold the turn open,
// and neither can keys that are struck.
func TestWhatFollowsAVoice(t *testing.T) {
	voice := buzz(4000)
	loud := rms(voice)
	hiss := white(seeded("hiss"), 32000)
	for i := len(hiss) - 1; i > 0; i-- {
		hiss[i] -= hiss[i-1] // an s has little below 2 kHz
	}
	unit(hiss)
	keys := unit(clicks(seeded("keys"), 32000))
	for _, test := range []struct {
		name        string
		sound       []float64
		below       float64 // dB under the voice
		n           int     // samples of it
		least, most int64   // ms by which the end is later
	}{
		{"nothing", hiss, 0, 0, 0, 20},
		{"weak s", hiss, 26, 640, 60, 100},
		{"long weak hiss", hiss, 26, 32000, 60, 120},
		{"keys", keys, 20, 32000, 0, 100},
	} {
		speech := slices.Concat(voice, make([]int16, test.n))
		for i := range test.n {
			speech[4000+i] = int16(test.sound[i] * loud * math.Pow(10, -test.below/20))
		}
		noise := unit(pink(seeded("after"), 16000+len(speech)+16000))
		edges := NewEndpointer(Endpointing{}).Feed(nil, line(speech, 16000, 16000, noise, loud/20))
		if len(edges) != 2 {
			t.Errorf("%s: %v", test.name, edges)
			continue
		}
		if ms := (edges[1].At - 20000) / 8; ms < test.least || ms > test.most {
			t.Errorf("%s: the end is %d ms after the voice's, want %d to %d", test.name, ms, test.least, test.most)
		}
	}
}

// No part of any clip may come near to what counts as a key.
func TestVoiceIsNotDTMF(t *testing.T) {
	most := 0.0
	for _, c := range loadClips(t) {
		for i := 0; i+frameLength <= len(c.pcm); i += 16 {
			share, twist := dtmfShare((*[frameLength]int16)(c.pcm[i:]))
			if twist < dtmfTwist && rms(c.pcm[i:i+frameLength]) > 50 {
				most = max(most, share)
			}
		}
	}
	t.Logf("at most %.0f %% of a voice is in the tones of a key", 100*most)
	if most > dtmfPart-0.1 {
		t.Errorf("%.2f of a voice is in the tones of a key", most)
	}
}
