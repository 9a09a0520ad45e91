package audio

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// row is one line of the table: every clip in one noise.
type row struct {
	silence time.Duration
	pause   time.Duration // inside the sentence
	snr     int           // dB
	noise   noise         // without make for a clean line

	starts, ends             []float64 // delays in ms after the truth
	made, cut, stuck, missed int       // made: found where nobody speaks
}

// play sends a clip over the line, with the line's noise alone before it and
// after it.
func (r *row) play(c clip, noise []float64) {
	const lead, tail = tableLead, tableTail
	gain := c.level * math.Pow(10, -float64(r.snr)/20)
	begin, end := int64(lead+c.begin), int64(lead+c.end)
	started, ended := false, false
	e := NewEndpointer(Endpointing{EndSilence: r.silence})
	for _, edge := range e.Feed(nil, line(c.pcm, lead, tail, noise, gain)) {
		after := edge.Detected > end
		switch {
		case edge.Detected <= begin, edge.Kind == SpeechStart && after:
			r.made++
		case edge.Kind == SpeechStart && !started:
			started = true
			r.starts = append(r.starts, float64(edge.Detected-begin)/8)
		case edge.Kind == SpeechEnd && !after:
			r.cut++
		case edge.Kind == SpeechEnd && !ended:
			ended = true
			r.ends = append(r.ends, float64(edge.Detected-end)/8)
		}
	}
	if !started {
		r.missed++
	} else if !ended {
		r.stuck++
	}
}

const tableLead, tableTail = 8000, 2 * 8000

func (r *row) String() string {
	return fmt.Sprintf("%5s %5s %5d %-8s %5.0f %5.0f %5.0f %5.0f   %5.0f %5.0f %5.0f %5.0f   %5d %5d %5d %6d", r.silence, r.pause, r.snr, r.noise.name,
		quantile(r.starts, 0), quantile(r.starts, 0.5), quantile(r.starts, 0.95), quantile(r.starts, 1),
		quantile(r.ends, 0), quantile(r.ends, 0.5), quantile(r.ends, 0.95), quantile(r.ends, 1),
		r.made, r.cut, r.stuck, r.missed)
}

func quantile(x []float64, q float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	return slices.Sorted(slices.Values(x))[int(q*float64(len(x)-1)+0.5)]
}

// check holds what is promised: clear speech in anything but other voices is
// found between 60 and 250 ms after it begins, once, and its end within 100 ms
// of the silence that was asked for. In worse noise that is so for most of it:
// nothing is made up, all speech is found and ends, and a sentence may end in a
// pause or a weak sound.
func (r *row) check(t *testing.T) {
	if r.noise.name == "babble" {
		return
	}
	if r.made > 0 {
		t.Errorf("speech found where there is none:\n%v", r)
	}
	if r.stuck+r.missed > 0 {
		t.Errorf("utterances stuck or missed:\n%v", r)
	}
	least, most, cut := 0.0, 1.0, 0
	if r.snr < 20 {
		least, most, cut = 0.5, 0.5, 1
	}
	if r.snr < 10 {
		cut = (len(r.starts) + 1) / 2
	}
	if r.cut > cut {
		t.Errorf("utterances cut:\n%v", r)
	}
	silence := float64(r.silence.Milliseconds())
	if quantile(r.starts, least) < 60 || quantile(r.starts, most) > 250 {
		t.Errorf("start delay outside 60 to 250 ms:\n%v", r)
	}
	if quantile(r.ends, least) < silence-100 || quantile(r.ends, most) > silence+100 {
		t.Errorf("end delay more than 100 ms off:\n%v", r)
	}
}

// pausing joins two clips each to a sentence with a pause in it.
func pausing(clips []clip, pause time.Duration) (sentences []clip) {
	for two := range slices.Chunk(clips, 2) {
		one, other := two[0], two[len(two)-1]
		pcm := append(slices.Clone(one.pcm[:one.end]), make([]int16, 8*pause.Milliseconds())...)
		sentences = append(sentences, measure(one.name+", "+other.name, append(pcm, other.pcm[other.begin:]...)))
	}
	return sentences
}

func TestEndpointingTable(t *testing.T) {
	t.Parallel()
	clips := loadClips(t)
	var rows []*row
	clean := noise{name: "clean"}
	for _, silence := range []time.Duration{300 * time.Millisecond, 500 * time.Millisecond, time.Second} {
		rows = append(rows, &row{silence: silence, snr: 99, noise: clean})
		for _, n := range noises {
			rows = append(rows, &row{silence: silence, snr: 20, noise: n})
		}
	}
	const pause = 250 * time.Millisecond // half of the silence that ends an utterance
	for _, n := range noises {
		for _, snr := range []int{30, 15, 10, 5} {
			rows = append(rows, &row{silence: 500 * time.Millisecond, snr: snr, noise: n})
		}
		for _, snr := range []int{30, 20, 15, 10, 5} {
			rows = append(rows, &row{silence: 500 * time.Millisecond, pause: pause, snr: snr, noise: n})
		}
	}
	for d, spoken := range map[time.Duration][]clip{0: clips, pause: pausing(clips, pause)} {
		for _, c := range spoken {
			for _, n := range append([]noise{clean}, noises...) {
				var sound []float64
				if n.make != nil {
					sound = unit(n.make(seeded(n.name, c.name), len(c.pcm)+tableLead+tableTail, clips))
				}
				for _, r := range rows {
					if r.noise.name == n.name && r.pause == d {
						r.play(c, sound)
					}
				}
			}
		}
	}
	slices.SortStableFunc(rows, func(a, b *row) int {
		return cmp.Or(cmp.Compare(a.silence, b.silence), cmp.Compare(a.pause, b.pause), cmp.Compare(b.snr, a.snr))
	})
	var table strings.Builder
	fmt.Fprintf(&table, "%d clips, joined by two where there is a pause; delays in ms: least, median, 95 %%, most\n", len(clips))
	fmt.Fprintf(&table, "  end pause   SNR noise    start after speech begins  end after it ends         false   cut stuck missed\n")
	for _, r := range rows {
		fmt.Fprintln(&table, r)
		r.check(t)
	}
	t.Log(table.String())
}

// The edges tell where speech was: nothing of it is lost before At of a start
// or after At of an end.
func TestEdgesEncloseSpeech(t *testing.T) {
	for _, c := range loadClips(t) {
		sound := unit(pink(seeded("edges", c.name), len(c.pcm)+32000))
		edges := NewEndpointer(Endpointing{}).Feed(nil, line(c.pcm, 16000, 16000, sound, c.level/30))
		if len(edges) != 2 {
			t.Errorf("%s: edges %v", c.name, edges)
			continue
		}
		if ms := (edges[0].At - int64(16000+c.begin)) / 8; ms < -320 || ms > 120 {
			t.Errorf("%s: start at %d ms after the truth", c.name, ms)
		}
		if ms := (edges[1].At - int64(16000+c.end)) / 8; ms < -80 || ms > 80 {
			t.Errorf("%s: end at %d ms after the truth", c.name, ms)
		}
		for _, e := range edges {
			if e.At >= e.Detected {
				t.Errorf("%s: %v", c.name, e)
			}
		}
	}
}

// call is all clips with pauses, over a line with a little noise.
func call(t testing.TB, pause int) []int16 {
	clips := loadClips(t)
	speech := make([]int16, pause)
	for _, c := range clips {
		speech = append(speech, c.pcm...)
		speech = append(speech, make([]int16, pause)...)
	}
	return line(speech, 0, 0, unit(pink(seeded("call"), len(speech))), 40)
}

func feedPieces(e *Endpointer, pcm []int16, sizes ...int) []Edge {
	var edges []Edge
	for i := 0; len(pcm) > 0; i++ {
		n := min(len(pcm), sizes[i%len(sizes)])
		edges = e.Feed(edges, pcm[:n])
		pcm = pcm[n:]
	}
	return edges
}

func TestPiecesGiveTheSameEdges(t *testing.T) {
	pcm := call(t, 8000)
	want := NewEndpointer(Endpointing{}).Feed(nil, pcm)
	if utterances := len(loadClips(t)); len(want) != 2*utterances {
		t.Fatalf("%d edges for %d utterances: %v", len(want), utterances, want)
	}
	for _, sizes := range [][]int{{3}, {160}, {640}, {1}, {3, 640, 159, 161}} {
		if got := feedPieces(NewEndpointer(Endpointing{}), pcm, sizes...); !slices.Equal(got, want) {
			t.Errorf("pieces of %v samples: %v, want %v", sizes, got, want)
		}
	}
}

func TestResetForgetsTheUtterance(t *testing.T) {
	pcm := call(t, 8000)
	e := NewEndpointer(Endpointing{})
	var edges []Edge
	at := 0
	for ; !e.Speaking(); at += 160 {
		edges = e.Feed(edges, pcm[at:at+160])
	}
	floor := e.detector.floor
	e.Reset()
	if e.Speaking() || e.detector.floor != floor {
		t.Errorf("speaking %v, floor %v, was %v", e.Speaking(), e.detector.floor, floor)
	}
	again := e.Feed(nil, pcm[at:at+4000]) // the caller talks on
	if len(again) != 1 || again[0].Kind != SpeechStart || again[0].At < edges[0].Detected || again[0].Detected-edges[0].Detected > 2000 {
		t.Errorf("after %v and a reset: %v", edges, again)
	}
	e.Reset()
	if quiet := e.Feed(nil, line(nil, 80000, 0, unit(pink(seeded("reset"), 80000)), 40)); len(quiet) > 0 {
		t.Errorf("the noise was forgotten: %v", quiet)
	}
}

// buzz is a voice-like sound: many harmonics of 120 Hz.
func buzz(n int) []int16 {
	pcm := make([]int16, n)
	for i := range pcm {
		for h := 3.0; h < 25; h++ {
			pcm[i] += int16(400 * math.Cos(2*math.Pi*120*h*float64(i)/8000+h*h))
		}
	}
	return pcm
}

// A sound as short as Start is no beginning, however loud and wherever it lies
// among the frames; one of 80 ms more is. The filters make a sound a little
// longer, so "as short" means 5 ms less.
func TestStartThreshold(t *testing.T) {
	for _, start := range []time.Duration{0, 60 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond, 590 * time.Millisecond, time.Hour} {
		threshold := int(min(cmp.Or(start, DefaultStart), maxStart).Milliseconds()) * 8
		for offset := 8000; offset < 8160; offset += 13 {
			short := NewEndpointer(Endpointing{Start: start}).Feed(nil, line(buzz(threshold-40), offset, 8000, nil, 0))
			if len(short) != 0 {
				t.Errorf("start %v: a cough of %d samples at %d gives %v", start, threshold-40, offset, short)
			}
			long := NewEndpointer(Endpointing{Start: start}).Feed(nil, line(buzz(threshold+640), offset, 8000, nil, 0))
			if len(long) != 2 {
				t.Errorf("start %v: %d samples at %d give %v", start, threshold+640, offset, long)
			}
		}
	}
}

// The sentence that the first call of a reader says is one utterance.
func TestHelloIsOneUtterance(t *testing.T) {
	b, err := os.ReadFile("../../examples/speech/hello.wav")
	if err != nil {
		t.Fatal(err)
	}
	w, err := ParseWAV(b)
	if err != nil || w.Format != Telephone || w.Channels != 1 {
		t.Fatalf("%v, %d channels, %v", w.Format, w.Channels, err)
	}
	speech := DecodeMuLaw(nil, w.Data)
	edges := NewEndpointer(Endpointing{}).Feed(nil, line(speech, 4000, 8000, nil, 0))
	if len(edges) != 2 || edges[0].At > 4800 || edges[1].At < int64(4000+len(speech)-800) {
		t.Errorf("%d samples from 4000 give %v", len(speech), edges)
	}
}

// The silence that makes an end can be changed while the call is up.
func TestSetEndSilence(t *testing.T) {
	pcm := line(buzz(4000), 8000, 12000, nil, 0)
	for _, d := range []time.Duration{0, 300 * time.Millisecond, time.Second, math.MaxInt64} {
		e := NewEndpointer(Endpointing{EndSilence: 200 * time.Millisecond})
		e.SetEndSilence(d)
		want := NewEndpointer(Endpointing{EndSilence: d}).Feed(nil, pcm)
		if got := e.Feed(nil, pcm); !slices.Equal(got, want) {
			t.Errorf("%v: %v, want %v", d, got, want)
		}
	}
}

// An end that never comes is no reason to end at once.
func TestEndlessSilence(t *testing.T) {
	pcm := line(buzz(4000), 8000, 80000, nil, 0)
	if edges := NewEndpointer(Endpointing{EndSilence: math.MaxInt64}).Feed(nil, pcm); len(edges) != 1 {
		t.Errorf("edges %v", edges)
	}
}

// Cold starts: speech in the first moment of a call is found a little later,
// and not lost.
func TestSpeechAtOnce(t *testing.T) {
	for _, c := range loadClips(t) {
		edges := NewEndpointer(Endpointing{}).Feed(nil, line(c.pcm, 0, 8000, nil, 0))
		if len(edges) < 2 || edges[0].Detected > 8000 || edges[len(edges)-1].Kind != SpeechEnd {
			t.Errorf("%s: %v", c.name, edges)
		}
	}
}

// A steady sound may pass for a voice when it begins, but it cannot hold the
// turn open.
func TestSteadySoundEnds(t *testing.T) {
	hum := make([]int16, 20*8000)
	for _, harmonic := range []float64{2, 3, 4, 5, 6, 7, 8} {
		for i, s := range tone(50*harmonic, 8000, len(hum), 800) {
			hum[i] += s
		}
	}
	for name, sound := range map[string][]int16{"hum": hum, "tone": tone(440, 8000, len(hum), 3000)} {
		edges := NewEndpointer(Endpointing{}).Feed(nil, line(sound, 16000, 0, nil, 0))
		if len(edges) == 0 {
			continue // better still
		}
		if len(edges) != 2 || edges[1].Detected-edges[0].Detected > 4*8000 {
			t.Errorf("%s: %v", name, edges)
		}
	}
}

// A thousand calls must not notice what endpointing takes.
func TestEndpointerIsSmall(t *testing.T) {
	if size := reflect.TypeFor[Endpointer]().Size(); size > 2048 {
		t.Errorf("an Endpointer takes %d bytes", size)
	} else {
		t.Logf("an Endpointer takes %d bytes", size)
	}
}

func TestFeedDoesNotAllocate(t *testing.T) {
	pcm := call(t, 4000)
	e := NewEndpointer(Endpointing{})
	edges := make([]Edge, 0, 100)
	if allocs := testing.AllocsPerRun(2, func() { edges = feedInto(e, edges[:0], pcm) }); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func feedInto(e *Endpointer, edges []Edge, pcm []int16) []Edge {
	for ; len(pcm) >= 160; pcm = pcm[160:] {
		edges = e.Feed(edges, pcm[:160])
	}
	return edges
}

// FuzzEndpointer builds audio from a recipe, one byte for each piece of it, and
// follows it with the recipe itself as samples.
func FuzzEndpointer(f *testing.F) {
	clips := loadClips(f)
	f.Add([]byte{0xF8, 0xFA, 0xF8, 0xF8, 0xFB, 0xF8}, []byte{2})
	f.Add([]byte{0xF9, 0x7A, 0xF9, 0xFC, 0xF8}, []byte{159, 0, 79})
	f.Add([]byte{0xFD, 0xF8, 0xFE, 0xFF}, []byte{})
	f.Fuzz(func(t *testing.T, recipe, sizes []byte) {
		pcm := cook(recipe[:min(len(recipe), 64)], clips)
		pcm = DecodeLinear16(pcm, recipe)
		want := NewEndpointer(Endpointing{}).Feed(nil, pcm)
		cuts := []int{len(pcm) + 1}
		for i, size := range sizes {
			cuts = append(cuts[:i], int(size)+1)
		}
		if got := feedPieces(NewEndpointer(Endpointing{}), pcm, cuts...); !slices.Equal(got, want) {
			t.Errorf("pieces of %v samples: %v, want %v", cuts, got, want)
		}
		kind, before := SpeechEnd, int64(0)
		for _, e := range want {
			if e.Kind == kind || e.At < 0 || e.At >= e.Detected || e.Detected <= before || e.Detected > int64(len(pcm)) {
				t.Errorf("edge %+v after %v at %d of %d", e, kind, before, len(pcm))
			}
			kind, before = e.Kind, e.Detected
		}
	})
}

// cook turns each byte into a sound: three bits say which, five how long.
func cook(recipe []byte, clips []clip) []int16 {
	var pcm []int16
	for i, b := range recipe {
		n := (int(b>>3) + 1) * 250
		switch b & 7 {
		case 0:
			pcm = append(pcm, make([]int16, n)...)
		case 1:
			pcm = append(pcm, line(nil, n, 0, white(seeded(i), n), 100)...)
		case 2, 3:
			speech := clips[int(b)%len(clips)].pcm
			pcm = append(pcm, speech[:min(n*2, len(speech))]...)
		case 4:
			pcm = append(pcm, buzz(n)...)
		case 5:
			pcm = append(pcm, tone(float64(n)/3, 8000, n, 9000)...)
		case 6:
			pcm = append(pcm, slices.Repeat([]int16{math.MinInt16, math.MaxInt16}, n/2)...)
		case 7:
			pcm = append(pcm, slices.Repeat([]int16{math.MinInt16}, n)...)
		}
	}
	return pcm
}

// BenchmarkEndpointer gives the cost of a frame of 20 ms as ns/frame.
func BenchmarkEndpointer(b *testing.B) {
	clips := loadClips(b)
	quiet := line(nil, 160*400, 0, unit(pink(seeded("quiet"), 160*400)), 40)
	var speech []int16
	for _, c := range clips {
		speech = append(speech, c.pcm...)
	}
	speech = line(speech, 0, 0, unit(pink(seeded("speech"), len(speech))), 40)
	half := slices.Concat(speech, quiet[:0])
	for len(half) < 2*len(speech) {
		half = append(half, quiet[:min(len(quiet), 2*len(speech)-len(half))]...)
	}
	for _, bench := range []struct {
		name string
		pcm  []int16
	}{{"half speech", half}, {"speech", speech}, {"noise", quiet}, {"digital silence", make([]int16, 160*400)}} {
		b.Run(bench.name, func(b *testing.B) {
			e := NewEndpointer(Endpointing{})
			edges := make([]Edge, 0, 100)
			pcm := bench.pcm
			b.ReportAllocs()
			for b.Loop() {
				edges = feedInto(e, edges[:0], pcm)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*(len(pcm)/160)), "ns/frame")
		})
	}
}
