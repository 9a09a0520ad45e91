package audio

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

// playable are formats of all encodings.
var playable = []Format{
	{}, {Encoding: MuLaw, Rate: 8000, Channels: 1}, {Encoding: MuLaw, Rate: 16000}, {Encoding: MuLaw, Rate: 8000, Channels: 2},
	{Encoding: ALaw, Rate: 8000}, {Encoding: ALaw, Rate: 44100, Channels: 2},
	{Encoding: Linear16, Rate: 8000}, {Encoding: Linear16, Rate: 8000, Channels: 2},
	{Encoding: Linear16, Rate: 24000}, {Encoding: Linear16, Rate: 48000, Channels: 2},
	{Encoding: Linear8, Rate: 11025}, {Encoding: Linear8, Rate: 22050, Channels: 2},
	{Encoding: Linear24, Rate: 8000}, {Encoding: Linear24, Rate: 44100, Channels: 2},
	{Encoding: WAVFile},
}

// convert feeds messages to a converter and ends the stream.
func convert(t testing.TB, format Format, messages [][]byte) ([]byte, error) {
	t.Helper()
	c, err := NewConverter(format)
	if err != nil {
		t.Fatal(err)
	}
	return convertBy(c, messages)
}

func convertBy(c *Converter, messages [][]byte) (out []byte, err error) {
	for _, m := range messages {
		if out, err = c.Convert(out, m); err != nil {
			return out, err
		}
	}
	return c.Flush(out)
}

func TestConverterPassesTelephoneUnchanged(t *testing.T) {
	for _, format := range []Format{{}, Telephone, {Channels: 1}} {
		c, err := NewConverter(format)
		if err != nil {
			t.Fatal(err)
		}
		if !c.Passthrough() {
			t.Errorf("%+v is no passthrough", format)
		}
		if got, err := convertBy(c, [][]byte{{1}, allCodes()}); err != nil || !bytes.Equal(got, append([]byte{1}, allCodes()...)) {
			t.Errorf("converted to %x, %v", got, err)
		}
	}
}

// encode writes samples in any format but a file, the same in all channels.
func encode(pcm []int16, f Format) (b []byte) {
	for _, s := range pcm {
		for range max(1, f.Channels) {
			switch f.Encoding {
			case MuLaw:
				b = EncodeMuLaw(b, []int16{s})
			case ALaw:
				b = EncodeALaw(b, []int16{s})
			case Linear8:
				b = append(b, byte(s>>8)+128)
			case Linear24:
				b = append(b, 0x5A, byte(s), byte(uint16(s)>>8))
			default:
				b = append(b, byte(s), byte(uint16(s)>>8))
			}
		}
	}
	return b
}

// What was said comes out, for as long as it was said, whatever it was written
// in and however it was cut.
func TestConverterTakesEveryFormat(t *testing.T) {
	want := tone(500, 8000, 4000, 12000)
	for _, format := range playable {
		if format.Encoding == WAVFile {
			continue
		}
		rate := format.Normal().Rate
		input := encode(tone(500, rate, rate/2, 12000), format)
		whole, err := convert(t, format, [][]byte{input})
		if err != nil || len(whole) != len(want) {
			t.Errorf("%v: half a second became %d bytes, %v", format, len(whole), err)
			continue
		}
		if least, snr := 25.0, snrOf(DecodeMuLaw(nil, whole), want); snr < least {
			t.Errorf("%v: SNR %.1f dB, want %.0f", format, snr, least)
		}
		for _, sizes := range [][]byte{{0}, {2, 30, 0}, {6}, {250, 3}} {
			if got, err := convert(t, format, pieces(input, sizes)); err != nil || !bytes.Equal(got, whole) {
				t.Errorf("%v in pieces of %v differs, %v", format, sizes, err)
			}
		}
		if got, err := convert(t, format, [][]byte{append(slices.Clone(input), make([]byte, format.FrameBytes()-1)...)}); err != nil || !bytes.Equal(got, whole) {
			t.Errorf("%v and a part of a sample differs, %v", format, err)
		}
	}
}

// snrOf is the level of want over that of what differs from it, in dB, without
// the first and the last tenth.
func snrOf(got, want []int16) float64 {
	var signal, wrong float64
	for i := len(want) / 10; i < len(want)*9/10; i++ {
		signal += float64(want[i]) * float64(want[i])
		off := float64(want[i]) - float64(got[i])
		wrong += off * off
	}
	return 10 * math.Log10(signal/(wrong+1e-9))
}

// Two channels become one that is loud by halves.
func TestConverterMixes(t *testing.T) {
	input := EncodeLinear16(nil, []int16{1000, 0, 0, 3000, math.MaxInt16, math.MaxInt16, math.MinInt16, math.MinInt16, 500, -500})
	want := EncodeMuLaw(nil, []int16{500, 1500, math.MaxInt16, math.MinInt16, 0})
	for _, sizes := range [][]byte{nil, {0}, {2}} {
		got, err := convert(t, Format{Encoding: Linear16, Channels: 2}, pieces(input, sizes))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("pieces of %v: %x, %v, want %x", sizes, got, err, want)
		}
	}
}

// A file that is streamed sounds as it does when it is read at once, however it
// is cut.
func TestConverterStreamsFiles(t *testing.T) {
	speech := EncodeLinear16(nil, tone(700, 44100, 9000, 9000))
	files := append(goodFiles(), goodFile{
		name: "speech", file: riff(formatChunk(1, 2, 44100, 16), chunk("LIST", []byte("abc")), chunk("data", speech), chunk("id3 ", speech)),
	})
	for _, tt := range files {
		w, err := ParseWAV(tt.file)
		if err != nil {
			t.Fatal(err)
		}
		want, err := w.MuLaw8k()
		if err != nil {
			t.Fatal(err)
		}
		for _, sizes := range [][]byte{nil, {0}, {2, 0, 6}, {159}} {
			c, err := NewConverter(Format{Encoding: WAVFile})
			if err != nil || c.Passthrough() {
				t.Fatal(err, c.Passthrough())
			}
			for range 2 { // Flush makes it new
				if got, err := convertBy(c, pieces(tt.file, sizes)); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s in pieces of %v: %x, %v, want %x", tt.name, sizes, got[:min(20, len(got))], err, want[:min(20, len(want))])
				}
			}
		}
	}
}

func TestConverterSaysWhatItFound(t *testing.T) {
	files := append(badFiles(),
		badFile{"a picture before the sound", `chunk "id3 " of 65536 bytes, more than 65536 before the sound`, 36, riff(formatChunk(1, 1, 8000, 16), chunk("id3 ", make([]byte, 65536)), chunk("data", make([]byte, 4)))},
		badFile{"chunks without end", `chunk "JUNK" of 20 bytes, more than 65536 before the sound`, 65532, riff(slices.Repeat(chunk("JUNK", make([]byte, 20)), 3000))},
	)
	for _, tt := range files {
		for _, sizes := range [][]byte{nil, {0}, {2, 0, 6}, {159}} {
			c, err := NewConverter(Format{Encoding: WAVFile})
			if err != nil {
				t.Fatal(err)
			}
			_, err = convertBy(c, pieces(tt.file, sizes))
			if len(tt.file) == 0 {
				if err != nil {
					t.Errorf("no bytes give %v", err)
				}
				continue
			}
			bad, ok := errors.AsType[*FormatError](err)
			if !ok || !strings.HasPrefix(bad.What, tt.what) || bad.Offset != tt.offset {
				t.Errorf("%s in pieces of %v: %v, want %q at %d", tt.name, sizes, err, tt.what, tt.offset)
			}
		}
	}
}

// After an error a converter plays nothing until Flush.
func TestConverterAfterAnError(t *testing.T) {
	c, err := NewConverter(Format{Encoding: WAVFile})
	if err != nil {
		t.Fatal(err)
	}
	_, first := c.Convert(nil, []byte("no such file"))
	_, second := c.Convert(nil, AppendWAV(nil, WAV{Data: allCodes()}))
	_, third := c.Flush(nil)
	if first == nil || second != first || third != first {
		t.Errorf("errors %v, %v, %v, want the same", first, second, third)
	}
	if got, err := convertBy(c, [][]byte{AppendWAV(nil, WAV{Data: allCodes()})}); err != nil || !bytes.Equal(got, allCodes()) {
		t.Errorf("after Flush: %x, %v", got, err)
	}
}

// The check of an author fails where the host does.
func TestWAVCheck(t *testing.T) {
	files := [][]byte{riff(chunk("id3 ", make([]byte, 65536)))}
	for _, tt := range goodFiles() {
		files = append(files, tt.file)
	}
	for _, tt := range badFiles() {
		files = append(files, tt.file)
	}
	for i, file := range files {
		_, want := convert(t, Format{Encoding: WAVFile}, pieces(file, []byte{6}))
		var check WAVCheck
		var got error
		for _, m := range pieces(file, []byte{3, 9}) {
			if n, err := check.Write(m); err != nil {
				got = err
				break
			} else if n != len(m) {
				t.Errorf("file %d: %d of %d bytes", i, n, len(m))
			}
		}
		if got == nil {
			got = check.Close()
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("file %d: %v, want %v", i, got, want)
		}
	}
}

// FuzzConverter cuts a file at will: it gives what ParseWAV gives.
func FuzzConverter(f *testing.F) {
	for _, tt := range goodFiles() {
		f.Add(tt.file, []byte{0, 7})
	}
	for _, tt := range badFiles() {
		f.Add(tt.file, []byte{2})
	}
	f.Fuzz(func(t *testing.T, file, sizes []byte) {
		got, err := convert(t, Format{Encoding: WAVFile}, pieces(file, sizes))
		w, want := ParseWAV(file)
		bad, _ := errors.AsType[*FormatError](err)
		switch {
		case len(file) == 0:
			if err != nil {
				t.Errorf("no bytes give %v", err)
			}
		case bad != nil && strings.HasSuffix(bad.What, "before the sound"): // ParseWAV has no such limit
			if bad.Offset < 12 || bad.Offset > mostHeader {
				t.Errorf("%v in a file of %d bytes", err, len(file))
			}
		case fmt.Sprint(err) != fmt.Sprint(want):
			t.Errorf("pieces of %v: %v, want %v", sizes, err, want)
		case err == nil:
			if whole, err := w.MuLaw8k(); err != nil || !bytes.Equal(got, whole) {
				t.Errorf("pieces of %v: %d bytes that differ from %d, %v", sizes, len(got), len(whole), err)
			}
		}
	})
}

// BenchmarkConverter converts messages of 20 ms.
func BenchmarkConverter(b *testing.B) {
	for _, format := range playable {
		if format.Encoding == WAVFile {
			continue
		}
		b.Run(fmt.Sprint(format), func(b *testing.B) {
			c, err := NewConverter(format)
			if err != nil {
				b.Fatal(err)
			}
			message, out := make([]byte, format.Bytes(frameTime)), []byte(nil)
			b.ReportAllocs()
			for b.Loop() {
				if out, err = c.Convert(out[:0], message); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
