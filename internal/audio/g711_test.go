package audio

import (
	"bytes"
	"math"
	"slices"
	"testing"
)

// Codes and values of the tables in ITU-T G.711, scaled to 16 bits.
func TestG711KnownValues(t *testing.T) {
	muLaw := map[byte]int16{
		0xFF: 0, 0x7F: 0, 0xFE: 8, 0x7E: -8, 0xF0: 120, 0xEF: 132, 0xE0: 372, 0xD0: 876, 0xC0: 1884,
		0xB0: 3900, 0xA0: 7932, 0x90: 15996, 0x8F: 16764, 0x80: 32124, 0x00: -32124, 0x0F: -16764,
	}
	for code, want := range muLaw {
		if got := DecodeMuLaw(nil, []byte{code}); got[0] != want {
			t.Errorf("mu-law %#02x = %d, want %d", code, got[0], want)
		}
	}
	aLaw := map[byte]int16{
		0xD5: 8, 0x55: -8, 0xD4: 24, 0xDA: 248, 0xC5: 264, 0xF5: 528, 0xE5: 1056, 0x95: 2112, 0x85: 4224,
		0x80: 5504, 0xB5: 8448, 0xA5: 16896, 0xAA: 32256, 0x2A: -32256,
	}
	for code, want := range aLaw {
		if got := DecodeALaw(nil, []byte{code}); got[0] != want {
			t.Errorf("A-law %#02x = %d, want %d", code, got[0], want)
		}
	}
}

func allCodes() []byte {
	codes := make([]byte, 256)
	for i := range codes {
		codes[i] = byte(i)
	}
	return codes
}

func TestG711RoundTrip(t *testing.T) {
	codes := allCodes()
	want := slices.Clone(codes)
	want[0x7F] = MuLawSilence // minus zero is zero
	if got := EncodeMuLaw(nil, DecodeMuLaw(nil, codes)); !bytes.Equal(got, want) {
		t.Errorf("mu-law codes came back as %x", got)
	}
	if got := EncodeALaw(nil, DecodeALaw(nil, codes)); !bytes.Equal(got, codes) {
		t.Errorf("A-law codes came back as %x", got)
	}
}

// No sample may be further from its code's value than half the widest step
// beside it, which is what the decision values of G.711 amount to.
func TestG711EncodesToItsStep(t *testing.T) {
	laws := []struct {
		name   string
		encode func([]byte, []int16) []byte
		decode func([]int16, []byte) []int16
	}{{"mu-law", EncodeMuLaw, DecodeMuLaw}, {"A-law", EncodeALaw, DecodeALaw}}
	for _, law := range laws {
		values := slices.Sorted(slices.Values(law.decode(nil, allCodes())))
		before := math.MinInt
		for s := math.MinInt16; s <= math.MaxInt16; s++ {
			got := int(law.decode(nil, law.encode(nil, []int16{int16(s)}))[0])
			if got < before {
				t.Fatalf("%s: %d becomes %d, less than the sample before it", law.name, s, got)
			}
			before = got
			i, _ := slices.BinarySearch(values, int16(got))
			step := 0
			for j := max(1, i); j <= min(i+2, len(values)-1); j++ {
				step = max(step, int(values[j])-int(values[j-1]))
			}
			if i == 0 || got == int(values[len(values)-1]) {
				step = 1288 // what is beyond the last value is clipped
			}
			if abs(s-got) > step/2 {
				t.Fatalf("%s: %d becomes %d, further than half a step of %d", law.name, s, got, step)
			}
		}
	}
}

// The decision values of G.711 lie where one segment meets the next, not
// halfway between the two codes.
func TestMuLawDecisionValues(t *testing.T) {
	for s, want := range map[int16]byte{3: 0xFF, 4: 0xFE, 16251: 0x90, 16252: 0x8F, -16251: 0x10, -16252: 0x0F, 8031: 0xA0, 8060: 0x9F} {
		if got := EncodeMuLaw(nil, []int16{s}); got[0] != want {
			t.Errorf("%d becomes %#02x, want %#02x", s, got[0], want)
		}
	}
}

func abs(x int) int { return max(x, -x) }

func TestLinear16(t *testing.T) {
	pcm := []int16{0, 1, -1, 0x1234, math.MaxInt16, math.MinInt16}
	want := []byte{0, 0, 1, 0, 0xFF, 0xFF, 0x34, 0x12, 0xFF, 0x7F, 0, 0x80}
	b := EncodeLinear16([]byte{9}, pcm)
	if !bytes.Equal(b, append([]byte{9}, want...)) {
		t.Errorf("encoded as %x", b)
	}
	if got := DecodeLinear16([]int16{7}, append(b[1:], 0x55)); !slices.Equal(got, append([]int16{7}, pcm...)) {
		t.Errorf("decoded as %v", got)
	}
}

func TestCodecsDoNotAllocate(t *testing.T) {
	pcm, b := make([]int16, 0, 160), make([]byte, 0, 320)
	frame := make([]byte, 160)
	allocs := testing.AllocsPerRun(10, func() {
		pcm = DecodeALaw(pcm[:0], frame)
		pcm = DecodeMuLaw(pcm[:0], frame)
		b = EncodeMuLaw(b[:0], pcm)
		b = EncodeALaw(b[:0], pcm)
		b = EncodeLinear16(b[:0], pcm)
		pcm = DecodeLinear16(pcm[:0], b)
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func BenchmarkDecodeMuLaw(b *testing.B) {
	frame, pcm := bytes.Repeat([]byte{0x31, 0xB2}, 80), []int16(nil)
	b.ReportAllocs()
	b.SetBytes(int64(len(frame)))
	for b.Loop() {
		pcm = DecodeMuLaw(pcm[:0], frame)
	}
}

func BenchmarkEncodeMuLaw(b *testing.B) {
	frame, out := DecodeMuLaw(nil, bytes.Repeat(allCodes(), 2)[:160]), []byte(nil)
	b.ReportAllocs()
	b.SetBytes(int64(len(frame)))
	for b.Loop() {
		out = EncodeMuLaw(out[:0], frame)
	}
}
