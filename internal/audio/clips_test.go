package audio

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// clip is recorded speech with the truth about where it lies.
type clip struct {
	name       string
	pcm        []int16
	begin, end int     // samples between which it is loud
	level      float64 // RMS between begin and end
}

const truthBlock = 80 // 10 ms, the step in which the truth is known

func loadClips(t testing.TB) []clip {
	t.Helper()
	files, err := filepath.Glob("testdata/speech/*.wav")
	if err != nil || len(files) == 0 {
		t.Fatalf("no speech clips: %v", err)
	}
	var clips []clip
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		w, err := ParseWAV(b)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		pcm, err := w.Mono8k()
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		clips = append(clips, measure(strings.TrimSuffix(filepath.Base(file), ".wav"), pcm))
	}
	return clips
}

// measure finds where a clean recording is louder than 30 dB below its loudest
// 10 ms. What is quieter is the breath before a word and the last of a sound
// dying away, which nobody could hear in noise.
func measure(name string, pcm []int16) clip {
	var levels []float64
	for block := range slices.Chunk(pcm, truthBlock) {
		levels = append(levels, rms(block))
	}
	threshold := slices.Max(levels) * math.Pow(10, -30.0/20)
	c := clip{name: name, pcm: pcm, begin: -1}
	for i, level := range levels {
		if level < threshold {
			continue
		}
		if c.begin < 0 {
			c.begin = i * truthBlock
		}
		c.end = (i + 1) * truthBlock
	}
	c.end = min(c.end, len(pcm))
	c.level = rms(pcm[c.begin:c.end])
	return c
}

func rms(pcm []int16) float64 {
	sum := 0.0
	for _, s := range pcm {
		sum += float64(s) * float64(s)
	}
	return math.Sqrt(sum / float64(len(pcm)))
}

// noise is a kind of noise that make gives n samples of.
type noise struct {
	name string
	make func(r *rand.Rand, n int, clips []clip) []float64
}

var noises = []noise{
	{"white", func(r *rand.Rand, n int, _ []clip) []float64 { return white(r, n) }},
	{"pink", func(r *rand.Rand, n int, _ []clip) []float64 { return pink(r, n) }},
	{"hum+car", func(r *rand.Rand, n int, _ []clip) []float64 { return humAndCar(r, n) }},
	{"clicks", func(r *rand.Rand, n int, _ []clip) []float64 { return clicks(r, n) }},
	{"babble", babble},
}

// unit brings noise to an RMS of 1.
func unit(x []float64) []float64 {
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	scale := 1 / math.Sqrt(sum/float64(len(x)))
	for i := range x {
		x[i] *= scale
	}
	return x
}

func white(r *rand.Rand, n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = r.NormFloat64()
	}
	return x
}

// pink adds noises that each keep their value for twice as long as the last.
func pink(r *rand.Rand, n int) []float64 {
	x := white(r, n)
	var rows [10]float64
	for i := range x {
		for k := range rows {
			if i%(2<<k) == 0 {
				rows[k] = r.NormFloat64()
			}
			x[i] += rows[k]
		}
	}
	return x
}

// humAndCar is a motor's rumble below 150 Hz, tyres, and mains hum with its
// harmonics.
func humAndCar(r *rand.Rand, n int) []float64 {
	x := make([]float64, n)
	low, mid := 0.0, 0.0
	for i := range x {
		w := r.NormFloat64()
		low += (w - low) * 0.1
		mid += (w - mid) * 0.4
		at := 2 * math.Pi * float64(i) / 8000
		hum := math.Sin(50*at) + 0.5*math.Sin(100*at+1) + 0.5*math.Sin(150*at+2) + 0.2*math.Sin(250*at+3)
		x[i] = 2*low + 0.2*mid + 0.3*hum
	}
	return x
}

// clicks are keys of a keyboard, 100 to 400 ms apart.
func clicks(r *rand.Rand, n int) []float64 {
	x := make([]float64, n)
	for at := 0; at < n; at += 800 + r.IntN(2400) {
		size := 0.5 + r.Float64()
		for i := 0; i < 80 && at+i < n; i++ {
			x[at+i] += size * r.NormFloat64() * math.Exp(-float64(i)/16)
		}
	}
	return x
}

// babble is eight people who talk without a break.
func babble(r *rand.Rand, n int, clips []clip) []float64 {
	x := make([]float64, n)
	for range 8 {
		for i := -r.IntN(20000); i < n; {
			c := clips[r.IntN(len(clips))]
			for k, s := range c.pcm {
				if i+k >= 0 && i+k < n {
					x[i+k] += float64(s)
				}
			}
			i += len(c.pcm) + r.IntN(800)
		}
	}
	return x
}

// seeded gives the same numbers for the same words, on every machine.
func seeded(words ...any) *rand.Rand {
	seed := uint64(14695981039346656037)
	for _, b := range fmt.Append(nil, words...) {
		seed = (seed ^ uint64(b)) * 1099511628211
	}
	return rand.New(rand.NewPCG(seed, 1))
}

// line is speech as a telephone brings it: between silence, with noise, as
// mu-law.
func line(speech []int16, lead, tail int, noise []float64, gain float64) []int16 {
	pcm := make([]int16, lead+len(speech)+tail)
	copy(pcm[lead:], speech)
	for i := range pcm {
		v := float64(pcm[i])
		if noise != nil {
			v += noise[i] * gain
		}
		pcm[i] = int16(min(max(math.Round(v), math.MinInt16), math.MaxInt16))
	}
	return DecodeMuLaw(nil, EncodeMuLaw(nil, pcm))
}
