package audio

import (
	"bytes"
	"math"
	"strings"
	"testing"
)

// TestTranscoder converts a tone in pieces of odd sizes and holds that it is the same
// tone, as long as before, whatever the pieces.
func TestTranscoder(t *testing.T) {
	const hertz = 440.0
	formats := []Format{Telephone, {Encoding: ALaw}, {Encoding: Linear16, Rate: 8000}, {Encoding: Linear16, Rate: 16000}, {Encoding: Linear16, Rate: 24000}, {Encoding: Linear16, Rate: 44100}}
	for _, from := range formats {
		for _, to := range formats {
			t.Run(from.String()+" to "+to.String(), func(t *testing.T) {
				rate := from.Normal().Rate
				pcm := make([]int16, rate)
				for i := range pcm {
					pcm[i] = int16(8000 * math.Sin(2*math.Pi*hertz*float64(i)/float64(rate)))
				}
				source := encodeAs(from, pcm)
				whole, err := NewTranscoder(from, to)
				if err != nil {
					t.Fatal(err)
				}
				want := whole.Flush(whole.Convert(nil, source))
				pieces, _ := NewTranscoder(from, to)
				var got []byte
				for i, rest := 0, source; len(rest) > 0; i++ {
					n := min(len(rest), []int{1, 7, 160, 333, 4001}[i%5])
					got = pieces.Convert(got, rest[:n])
					rest = rest[n:]
				}
				got = pieces.Flush(got)
				if !bytes.Equal(got, want) {
					t.Fatalf("in pieces it is %d bytes and not the same %d", len(got), len(want))
				}
				out := DecodePCM(got, to.Normal())
				if n := to.Normal().Rate; (n-len(out))*(n-len(out)) > 4 {
					t.Errorf("a second has %d samples, want %d", len(out), n)
				}
				if level := amplitude(out[len(out)/4:len(out)*3/4], hertz, float64(to.Normal().Rate)); math.Abs(level-8000) > 250 {
					t.Errorf("the tone has amplitude %.0f, want 8000", level)
				}
			})
		}
	}
}

func encodeAs(f Format, pcm []int16) []byte {
	switch f.Encoding {
	case ALaw:
		return EncodeALaw(nil, pcm)
	case Linear16:
		return EncodeLinear16(nil, pcm)
	default:
		return EncodeMuLaw(nil, pcm)
	}
}

func amplitude(pcm []int16, hertz, rate float64) float64 {
	var re, im float64
	for i, s := range pcm {
		sin, cos := math.Sincos(2 * math.Pi * hertz * float64(i) / rate)
		re, im = re+float64(s)*cos, im+float64(s)*sin
	}
	return 2 * math.Hypot(re, im) / float64(len(pcm))
}

func TestTranscoderRefuses(t *testing.T) {
	for _, test := range []struct {
		from, to Format
		want     string
	}{
		{Format{Encoding: WAVFile}, Telephone, "read it first"},
		{Format{Encoding: 99}, Telephone, "convert from: unknown encoding 99"},
		{Format{Rate: 4000}, Telephone, "convert from: sample rate 4000 Hz"},
		{Telephone, Format{Encoding: Linear24}, "convert to: unknown linear24"},
		{Telephone, Format{Encoding: Linear16, Rate: 96000}, "convert to: sample rate 96000 Hz"},
	} {
		if _, err := NewTranscoder(test.from, test.to); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v to %v: %v, want %q", test.from, test.to, err, test.want)
		}
	}
}
