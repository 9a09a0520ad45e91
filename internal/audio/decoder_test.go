package audio

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

// pieces cuts b into messages of the sizes given, round and round.
func pieces(b []byte, sizes []byte) [][]byte {
	var cut [][]byte
	for i := 0; len(b) > 0; i++ {
		n := len(b)
		if len(sizes) > 0 {
			n = min(n, int(sizes[i%len(sizes)])+1)
		}
		cut = append(cut, b[:n])
		b = b[n:]
	}
	return cut
}

func TestDecoderTakesAnyPieces(t *testing.T) {
	input := EncodeLinear16(nil, pcmNoise(2000))
	for _, format := range []Format{{}, {Encoding: ALaw, Rate: 8000}, {Encoding: Linear16, Rate: 8000}, {Encoding: MuLaw, Rate: 16000}, {Encoding: Linear16, Rate: 16000}, {Encoding: Linear16, Rate: 44100}} {
		want := decodePieces(t, format, pieces(input, nil))
		if n := len(input) / format.BytesPerSample() * 8000 / format.Normal().Rate; abs(len(want)-n) > 33 {
			t.Errorf("%v: %d samples, want about %d", format, len(want), n)
		}
		for _, sizes := range [][]byte{{0}, {2}, {2, 0, 79}, {159}} {
			if got := decodePieces(t, format, pieces(input, sizes)); !slices.Equal(got, want) {
				t.Errorf("%v in pieces of %v differs", format, sizes)
			}
		}
	}
}

func decodePieces(t testing.TB, format Format, messages [][]byte) []int16 {
	t.Helper()
	d, err := NewDecoder(format)
	if err != nil {
		t.Fatal(err)
	}
	var pcm []int16
	for _, m := range messages {
		pcm = d.Decode(pcm, m)
	}
	return pcm
}

func TestDecoderSaysWhatWasMeant(t *testing.T) {
	speech := tone(500, 16000, 16000, 8000)
	got := decodePieces(t, Format{Encoding: Linear16, Rate: 16000}, pieces(EncodeLinear16(nil, speech), []byte{2}))
	want := tone(500, 8000, 8000, 8000)
	for i := 100; i < len(got)-100; i++ {
		if abs(int(got[i])-int(want[i])) > 3 {
			t.Fatalf("sample %d is %d, want %d", i, got[i], want[i])
		}
	}
	if got := decodePieces(t, Format{Encoding: Linear16, Rate: 8000}, [][]byte{{0x34}, {}, {0x12, 0x78}, {0x56}}); !slices.Equal(got, []int16{0x1234, 0x5678}) {
		t.Errorf("split samples are %#x", got)
	}
}

func TestStreamsDoNotAllocate(t *testing.T) {
	for _, format := range []Format{{}, {Encoding: ALaw, Rate: 8000}, {Encoding: Linear16, Rate: 8000}, {Encoding: Linear16, Rate: 16000}, {Encoding: MuLaw, Rate: 44100}} {
		d, _ := NewDecoder(format)
		message, pcm := make([]byte, 641), make([]int16, 0, 2000)
		if allocs := testing.AllocsPerRun(20, func() { pcm = d.Decode(pcm[:0], message) }); allocs != 0 {
			t.Errorf("decode %v: %v allocations", format, allocs)
		}
	}
	for _, format := range playable {
		c, _ := NewConverter(format)
		message, out := make([]byte, 641), make([]byte, 0, 2000)
		if format.Encoding == WAVFile {
			message = riff(formatChunk(1, 2, 44100, 24), chunkSized("data", math.MaxUint32, message))
			if _, err := c.Convert(nil, message); err != nil {
				t.Fatal(err)
			}
		}
		allocs := testing.AllocsPerRun(20, func() { out, _ = c.Convert(out[:0], message) })
		if allocs != 0 {
			t.Errorf("%v: %v allocations", format, allocs)
		}
	}
}

func FuzzDecoder(f *testing.F) {
	f.Add([]byte{0x34, 0x12, 0x78}, []byte{0}, uint8(Linear16), uint16(16000))
	f.Add(allCodes(), []byte{2, 159}, uint8(MuLaw), uint16(8000))
	f.Add(allCodes(), []byte{}, uint8(ALaw), uint16(44100))
	f.Fuzz(func(t *testing.T, input, sizes []byte, encoding uint8, rate uint16) {
		format := Format{Encoding: Encoding(encoding), Rate: int(rate)}
		if _, err := NewDecoder(format); err != nil {
			return
		}
		want := decodePieces(t, format, pieces(input, nil))
		if got := decodePieces(t, format, pieces(input, sizes)); !slices.Equal(got, want) {
			t.Errorf("%v: pieces of %v give %d samples that differ from %d", format, sizes, len(got), len(want))
		}
	})
}

func BenchmarkDecoder(b *testing.B) {
	for _, format := range []Format{Telephone, {Encoding: Linear16, Rate: 16000}} {
		b.Run(fmt.Sprint(format), func(b *testing.B) {
			d, err := NewDecoder(format)
			if err != nil {
				b.Fatal(err)
			}
			frame, pcm := make([]byte, format.BytesPerSecond()/50), []int16(nil)
			b.ReportAllocs()
			for b.Loop() {
				pcm = d.Decode(pcm[:0], frame)
			}
		})
	}
}
