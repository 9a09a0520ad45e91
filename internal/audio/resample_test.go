package audio

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

// tone is a sine of the given frequency and amplitude.
func tone(hertz float64, rate, n int, amplitude float64) []int16 {
	pcm := make([]int16, n)
	for i := range pcm {
		pcm[i] = int16(math.RoundToEven(amplitude * math.Sin(2*math.Pi*hertz*float64(i)/float64(rate))))
	}
	return pcm
}

func resample(t *testing.T, from, to int, pcm []int16) []int16 {
	t.Helper()
	r, err := NewResampler(from, to)
	if err != nil {
		t.Fatal(err)
	}
	return r.Flush(r.Resample(nil, pcm))
}

// A tone of the telephone band comes out as the tone that was meant, at the
// moment that was meant.
func TestResampleKeepsTones(t *testing.T) {
	pairs := []struct {
		from, to int
		least    float64 // dB of signal to everything else
	}{
		{8000, 16000, 84}, {16000, 8000, 84}, {8000, 24000, 84}, {24000, 8000, 84},
		{48000, 8000, 84}, {22050, 8000, 84}, {44100, 8000, 84}, {11025, 8000, 84},
		{12345, 8000, 75}, // 1600 phases, so between two of the table
	}
	for _, p := range pairs {
		for _, hertz := range []float64{440, 1000, 2000, 3000, 3300} {
			got := resample(t, p.from, p.to, tone(hertz, p.from, p.from, 20000))
			if len(got) != p.to {
				t.Fatalf("%d to %d: one second is %d samples", p.from, p.to, len(got))
			}
			var signal, wrong float64
			for i := p.to / 10; i < p.to*9/10; i++ {
				want := 20000 * math.Sin(2*math.Pi*hertz*float64(i)/float64(p.to))
				signal += want * want
				wrong += (want - float64(got[i])) * (want - float64(got[i]))
			}
			snr := 10 * math.Log10(signal/wrong)
			t.Logf("%5d to %5d, %4.0f Hz: SNR %.1f dB", p.from, p.to, hertz, snr)
			if snr < p.least {
				t.Errorf("%d to %d, %.0f Hz: SNR %.1f dB, want %.0f", p.from, p.to, hertz, snr, p.least)
			}
		}
	}
}

// levelOf is what a tone comes through with, in dB of what went in, without the
// edges.
func levelOf(t *testing.T, from, to int, hertz float64) float64 {
	t.Helper()
	got := resample(t, from, to, tone(hertz, from, from/2, 20000))
	return 20 * math.Log10(rms(got[len(got)/10:len(got)*9/10])/(20000/math.Sqrt2)+1e-9)
}

// Tones through the whole band of the faster rate: what the slower one can carry
// comes out as loud as it went in, and nothing else comes out at all. Between
// the two, from 3.3 to 4.15 kHz, is the slope.
func TestResampleSweep(t *testing.T) {
	t.Parallel()
	var table strings.Builder
	fmt.Fprintf(&table, "levels in dB; pass band 100 to 3300 Hz, stop band from 4150 Hz\n")
	fmt.Fprintf(&table, " from    to   pass: least  most   3400 Hz  3600 Hz   alias: most  at Hz\n")
	for _, p := range [][2]int{{48000, 8000}, {44100, 8000}, {32000, 8000}, {24000, 8000}, {22050, 8000}, {16000, 8000}, {11025, 8000}, {8000, 16000}} {
		from, to := p[0], p[1]
		least, most := math.Inf(1), math.Inf(-1)
		for hertz := 100.0; hertz <= 3300; hertz += 160 {
			level := levelOf(t, from, to, hertz)
			least, most = min(least, level), max(most, level)
		}
		alias, worst := math.Inf(-1), 0.0
		for hertz := 4150.0; hertz < float64(from)/2-100; hertz += 173 {
			if level := levelOf(t, from, to, hertz); level > alias {
				alias, worst = level, hertz
			}
		}
		if from < to { // an image of a tone lies above the old band
			alias, worst = imageOf(t, from, to)
		}
		fmt.Fprintf(&table, "%5d %5d   %11.3f %5.3f   %7.2f  %7.2f   %11.1f  %5.0f\n",
			from, to, least, most, levelOf(t, from, to, 3400), levelOf(t, from, to, 3600), alias, worst)
		if least < -0.1 || most > 0.1 {
			t.Errorf("%d to %d: pass band from %.3f to %.3f dB", from, to, least, most)
		}
		if alias > -80 {
			t.Errorf("%d to %d: %.0f Hz comes back at %.1f dB", from, to, worst, alias)
		}
	}
	t.Log(table.String())
}

// imageOf is the loudest image of tones of the pass band, and of which tone.
func imageOf(t *testing.T, from, to int) (most, worst float64) {
	t.Helper()
	most = math.Inf(-1)
	for hertz := 100.0; hertz <= 3300; hertz += 160 {
		got := resample(t, from, to, tone(hertz, from, from/2, 20000))
		var sin, cos float64
		n := to / 10 // whole periods of each image, which are multiples of 10 Hz
		for i, s := range got[n : 4*n] {
			at := 2 * math.Pi * (float64(from) - hertz) * float64(i) / float64(to)
			sin += float64(s) * math.Sin(at)
			cos += float64(s) * math.Cos(at)
		}
		level := 20 * math.Log10(2*math.Hypot(sin, cos)/float64(3*n)/20000+1e-9)
		if level > most {
			most, worst = level, hertz
		}
	}
	return most, worst
}

func TestResamplePieces(t *testing.T) {
	for _, p := range [][2]int{{16000, 8000}, {8000, 8000}, {44100, 8000}, {8000, 48000}, {47999, 8000}} {
		pcm := pcmNoise(3001)
		whole := resample(t, p[0], p[1], pcm)
		if want := (len(pcm)*p[1] + p[0] - 1) / p[0]; len(whole) != want {
			t.Errorf("%v: %d samples become %d, want %d", p, len(pcm), len(whole), want)
		}
		r, err := NewResampler(p[0], p[1])
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // Flush makes it new
			var pieces []int16
			for i, size := 0, 1; i < len(pcm); i, size = i+size, size%200+7 {
				pieces = r.Resample(pieces, pcm[i:min(len(pcm), i+size)])
			}
			if pieces = r.Flush(pieces); !slices.Equal(pieces, whole) {
				t.Errorf("%v: pieces give another result", p)
			}
		}
	}
}

func pcmNoise(n int) []int16 {
	r := seeded("pcm noise", n)
	pcm := make([]int16, n)
	for i := range pcm {
		pcm[i] = int16(r.IntN(1 << 16))
	}
	return pcm
}

func TestResampleClips(t *testing.T) {
	square := make([]int16, 8000)
	for i := range square {
		square[i] = math.MaxInt16
		if i/8%2 == 1 {
			square[i] = math.MinInt16
		}
	}
	for i, s := range resample(t, 8000, 16000, square)[1000:15000] {
		if want := i / 16 % 2; abs(int(s)) > 20000 && (s > 0) != ((i+1000)/16%2 == 0) {
			t.Fatalf("sample %d wrapped round to %d (half period %d)", i, s, want)
		}
	}
}

func TestResamplerRates(t *testing.T) {
	for _, p := range [][2]int{{0, 8000}, {8000, 0}, {7999, 8000}, {8000, 48001}, {-1, 8000}} {
		if _, err := NewResampler(p[0], p[1]); err == nil {
			t.Errorf("%v was accepted", p)
		}
	}
}

func TestFiltersAreBounded(t *testing.T) {
	for rate := 8001; rate < 8001+2*maxShared; rate++ {
		if _, err := NewResampler(rate, 8000); err != nil {
			t.Fatal(err)
		}
	}
	filters.Lock()
	defer filters.Unlock()
	if n := len(filters.made); n > maxShared {
		t.Errorf("%d filters are kept", n)
	}
}

func BenchmarkResample16kTo8k(b *testing.B) { benchmarkResample(b, 16000) }
func BenchmarkResample24kTo8k(b *testing.B) { benchmarkResample(b, 24000) }

func benchmarkResample(b *testing.B, from int) {
	r, err := NewResampler(from, 8000)
	if err != nil {
		b.Fatal(err)
	}
	frame, out := pcmNoise(from/50), []int16(nil)
	b.ReportAllocs()
	for b.Loop() {
		out = r.Resample(out[:0], frame)
	}
}
