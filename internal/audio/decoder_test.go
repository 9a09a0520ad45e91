package audio

import (
	"bytes"
	"fmt"
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
	for _, format := range []Format{{}, {ALaw, 8000}, {Linear16, 8000}, {MuLaw, 16000}, {Linear16, 16000}, {Linear16, 44100}} {
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
	got := decodePieces(t, Format{Linear16, 16000}, pieces(EncodeLinear16(nil, speech), []byte{2}))
	want := tone(500, 8000, 8000, 8000)
	for i := 100; i < len(got)-100; i++ {
		if abs(int(got[i])-int(want[i])) > 3 {
			t.Fatalf("sample %d is %d, want %d", i, got[i], want[i])
		}
	}
	if got := decodePieces(t, Format{Linear16, 8000}, [][]byte{{0x34}, {}, {0x12, 0x78}, {0x56}}); !slices.Equal(got, []int16{0x1234, 0x5678}) {
		t.Errorf("split samples are %#x", got)
	}
}

func TestConverterPassesTelephoneUnchanged(t *testing.T) {
	c, err := NewConverter(Format{})
	if err != nil {
		t.Fatal(err)
	}
	if !c.Passthrough() {
		t.Error("not a passthrough")
	}
	if got := c.Flush(c.Convert([]byte{1}, allCodes())); !bytes.Equal(got, append([]byte{1}, allCodes()...)) {
		t.Errorf("converted to %x", got)
	}
}

func TestConverterFlushesTheRest(t *testing.T) {
	for _, format := range []Format{{ALaw, 8000}, {Linear16, 8000}, {MuLaw, 16000}, {Linear16, 24000}, {Linear16, 44100}} {
		c, err := NewConverter(format)
		if err != nil {
			t.Fatal(err)
		}
		if c.Passthrough() {
			t.Errorf("%v passes through", format)
		}
		input := EncodeLinear16(nil, pcmNoise(3000))
		samples := len(input) / format.BytesPerSample()
		want := (samples*8000 + format.Rate - 1) / format.Rate
		whole := c.Flush(c.Convert(nil, input))
		if len(whole) != want {
			t.Errorf("%v: %d bytes, want %d", format, len(whole), want)
		}
		var got []byte
		for _, m := range pieces(input, []byte{2, 30, 0}) {
			got = c.Convert(got, m)
		}
		if got = c.Flush(got); !bytes.Equal(got, whole) {
			t.Errorf("%v in pieces differs", format)
		}
	}
}

func TestStreamsDoNotAllocate(t *testing.T) {
	for _, format := range []Format{{}, {ALaw, 8000}, {Linear16, 8000}, {Linear16, 16000}, {MuLaw, 44100}} {
		d, _ := NewDecoder(format)
		c, _ := NewConverter(format)
		message := make([]byte, 641)
		pcm, out := make([]int16, 0, 2000), make([]byte, 0, 2000)
		allocs := testing.AllocsPerRun(20, func() {
			pcm = d.Decode(pcm[:0], message)
			out = c.Convert(out[:0], message)
		})
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
		format := Format{Encoding(encoding), int(rate)}
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
	for _, format := range []Format{Telephone, {Linear16, 16000}} {
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
