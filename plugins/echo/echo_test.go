package main

import (
	"math"
	"testing"
	"time"

	"github.com/byova-host/byova-host/sdk/plugin"
)

func TestTones(t *testing.T) {
	for _, test := range []struct {
		name  string
		audio plugin.Audio
		from  time.Duration
		hertz []float64
	}{
		{"greeting", tone(greeting), 0, []float64{440}},
		{"no input", tone(nobody), 0, []float64{220}},
		{"key 1", keyTones("1"), 0, []float64{697, 1209}},
		{"key D", keyTones("D"), 0, []float64{941, 1633}},
		{"second key", keyTones("15"), keyOn + keyOff, []float64{770, 1336}},
		{"key #", keyTones("#"), 0, []float64{941, 1477}},
	} {
		t.Run(test.name, func(t *testing.T) {
			pcm := test.audio.PCM()[samples(test.from):][:samples(100*time.Millisecond)]
			for _, h := range append(append([]float64{}, rows[:]...), append(columns[:], 220, 440)...) {
				want := 0.0
				for _, w := range test.hertz {
					if w == h {
						want = amplitude / float64(len(test.hertz))
					}
				}
				if got := level(pcm, h); math.Abs(got-want) > amplitude/8 {
					t.Errorf("%.0f Hz has amplitude %.0f, want %.0f", h, got, want)
				}
			}
		})
	}
}

// level is the amplitude of one frequency.
func level(pcm []int16, hertz float64) float64 {
	var re, im float64
	for i, s := range pcm {
		sin, cos := math.Sincos(2 * math.Pi * hertz * float64(i) / rate)
		re, im = re+float64(s)*cos, im+float64(s)*sin
	}
	return 2 * math.Hypot(re, im) / float64(len(pcm))
}

func TestLengths(t *testing.T) {
	for _, test := range []struct {
		name  string
		audio plugin.Audio
		want  time.Duration
	}{
		{"greeting", tone(greeting), 300 * time.Millisecond},
		{"one key", keyTones("5"), 200 * time.Millisecond},
		{"three keys", keyTones("5*A"), 600 * time.Millisecond},
		{"what is no key", keyTones("x"), 0},
	} {
		if got := test.audio.Duration(); got != test.want {
			t.Errorf("%s plays %v, want %v", test.name, got, test.want)
		}
	}
}

func TestTonesBeginAndEndSoftly(t *testing.T) {
	pcm := tone(greeting).PCM()
	loudest := 0.0
	for _, s := range pcm {
		loudest = max(loudest, math.Abs(float64(s)))
	}
	if pcm[0] != 0 || pcm[len(pcm)-1] != 0 {
		t.Errorf("tone from %d to %d, want silence at both ends", pcm[0], pcm[len(pcm)-1])
	}
	if db := 20 * math.Log10(loudest/math.MaxInt16); math.Abs(db+12) > 0.5 {
		t.Errorf("tone at %.1f dB, want -12", db)
	}
}
