package audio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
)

// chunk is a RIFF chunk with a right size and its pad byte.
func chunk(id string, body []byte) []byte {
	return chunkSized(id, uint32(len(body)), append(slices.Clone(body), make([]byte, len(body)%2)...))
}

// chunkSized is a chunk whose header says any size and nothing is padded.
func chunkSized(id string, size uint32, body []byte) []byte {
	return append(binary.LittleEndian.AppendUint32([]byte(id), size), body...)
}

// riff is a WAV file of those chunks, with the right size.
func riff(chunks ...[]byte) []byte {
	body := append([]byte("WAVE"), slices.Concat(chunks...)...)
	return chunkSized("RIFF", uint32(len(body)), body)
}

// floats are samples in floating point.
func floats(samples ...float32) []byte {
	var b []byte
	for _, s := range samples {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(s))
	}
	return b
}

func formatChunk(tag, channels, rate, bits int, more ...byte) []byte {
	le := binary.LittleEndian
	b := le.AppendUint16(nil, uint16(tag))
	b = le.AppendUint16(b, uint16(channels))
	b = le.AppendUint32(b, uint32(rate))
	b = le.AppendUint32(b, uint32(rate*channels*bits/8))
	b = le.AppendUint16(b, uint16(channels*bits/8))
	b = le.AppendUint16(b, uint16(bits))
	return chunk("fmt ", append(b, more...))
}

// extensible are the 24 bytes after a fmt chunk with tag 0xFFFE.
func extensible(bits, tag byte) []byte {
	return append([]byte{22, 0, bits, 0, 4, 0, 0, 0, tag, 0},
		0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71)
}

// goodFile is a file and what is in it.
type goodFile struct {
	name string
	file []byte
	want WAV
}

func goodFiles() []goodFile {
	pcm8 := formatChunk(1, 1, 8000, 16)
	abcd := []byte("\x01\x02\x03\x04")
	file := riff(pcm8, chunk("data", abcd))
	wrongRIFF := slices.Clone(file)
	copy(wrongRIFF[4:], "\xFF\xFF\xFF\xFF")
	noRIFF := slices.Clone(file)
	copy(noRIFF[4:], "\x00\x00\x00\x00")
	list := chunk("LIST", []byte("INFOabc"))

	linear := Format{Encoding: Linear16, Rate: 8000}
	return []goodFile{
		{"fmt of 16 bytes", file, WAV{linear, 1, abcd}},
		{"fmt of 18 bytes", riff(formatChunk(7, 1, 8000, 8, 0, 0), chunk("data", abcd)), WAV{Telephone, 1, abcd}},
		{"fmt of 40 bytes, extensible PCM", riff(formatChunk(0xFFFE, 1, 16000, 16, extensible(16, 1)...), chunk("data", abcd)), WAV{Format{Encoding: Linear16, Rate: 16000}, 1, abcd}},
		{"extensible mu-law", riff(formatChunk(0xFFFE, 1, 8000, 8, extensible(8, 7)...), chunk("data", abcd)), WAV{Telephone, 1, abcd}},
		{"A-law", riff(formatChunk(6, 1, 8000, 8), chunk("data", abcd)), WAV{Format{Encoding: ALaw, Rate: 8000}, 1, abcd}},
		{"mu-law that says 16 bits", riff(formatChunk(7, 1, 8000, 16), chunk("data", abcd)), WAV{Telephone, 1, abcd}},
		{"stereo", riff(formatChunk(1, 2, 44100, 16), chunk("data", abcd)), WAV{Format{Encoding: Linear16, Rate: 44100}, 2, abcd}},
		{"PCM of 8 bits", riff(formatChunk(1, 1, 8000, 8), chunk("data", []byte{0, 128, 255})), WAV{linear, 1, []byte{0, 0x80, 0, 0, 0, 0x7F}}},
		{"PCM of 24 bits", riff(formatChunk(1, 1, 8000, 24), chunk("data", []byte("\x09\x01\x02\x09\x03\x04"))), WAV{linear, 1, abcd}},
		{"PCM of 32 bits", riff(formatChunk(1, 1, 8000, 32), chunk("data", []byte("\x09\x09\x01\x02\x09\x09\x03\x04"))), WAV{linear, 1, abcd}},
		{"floating point", riff(formatChunk(3, 1, 8000, 32), chunk("data", floats(0, 0.5, -1, 7, float32(math.NaN())))), WAV{linear, 1, EncodeLinear16(nil, []int16{0, 16384, -32768, 32767, 0})}},
		{"extensible floating point in stereo", riff(formatChunk(0xFFFE, 2, 48000, 32, extensible(32, 3)...), chunk("data", floats(0.25, -0.25))), WAV{Format{Encoding: Linear16, Rate: 48000}, 2, EncodeLinear16(nil, []int16{8192, -8192})}},
		{"odd LIST before data", riff(pcm8, list, chunk("data", abcd)), WAV{linear, 1, abcd}},
		{"odd LIST whose pad byte was forgotten", riff(pcm8, list[:len(list)-1], chunk("data", abcd)), WAV{linear, 1, abcd}},
		{"JUNK before fmt", riff(chunk("JUNK", make([]byte, 28)), pcm8, chunk("data", abcd)), WAV{linear, 1, abcd}},
		{"fact", riff(formatChunk(7, 1, 8000, 8, 0, 0), chunk("fact", []byte{3, 0, 0, 0}), chunk("data", abcd)), WAV{Telephone, 1, abcd}},
		{"odd data and its pad byte", riff(formatChunk(7, 1, 8000, 8), chunk("data", abcd[:3])), WAV{Telephone, 1, abcd[:3]}},
		{"chunk after data", riff(pcm8, chunk("data", abcd), list), WAV{linear, 1, abcd}},
		{"data size 0", riff(pcm8, chunkSized("data", 0, abcd)), WAV{linear, 1, abcd}},
		{"data size 0x7FFFF000", riff(pcm8, chunkSized("data", 0x7FFFF000, abcd)), WAV{linear, 1, abcd}},
		{"data size 0xFFFFFFFF", riff(pcm8, chunkSized("data", math.MaxUint32, abcd)), WAV{linear, 1, abcd}},
		{"no audio", riff(pcm8, chunk("data", nil)), WAV{linear, 1, nil}},
		{"no audio but a LIST", riff(pcm8, chunk("data", nil), list), WAV{linear, 1, nil}},
		{"no audio but two chunks, the last without its pad byte", riff(pcm8, chunk("data", nil), chunk("LIST", nil), chunkSized("id3 ", 3, abcd[:3])), WAV{linear, 1, nil}},
		{"data size 0 before what only begins like a chunk", riff(pcm8, chunkSized("data", 0, chunkSized("LIST", 8, abcd))), WAV{linear, 1, chunkSized("LIST", 8, abcd)}},
		{"a large chunk before data", riff(pcm8, chunk("LIST", make([]byte, 60000)), chunk("data", abcd)), WAV{linear, 1, abcd}},
		{"fmt of 60 bytes", riff(formatChunk(1, 1, 8000, 16, make([]byte, 44)...), chunk("data", abcd)), WAV{linear, 1, abcd}},
		{"two fmt chunks", riff(formatChunk(7, 2, 9000, 8), pcm8, chunk("data", abcd)), WAV{linear, 1, abcd}},
		{"RIFF size 0xFFFFFFFF", wrongRIFF, WAV{linear, 1, abcd}},
		{"RIFF size 0", noRIFF, WAV{linear, 1, abcd}},
		{"cut in the middle of a sample", file[:len(file)-1], WAV{linear, 1, abcd[:2]}},
		{"cut in the middle of a stereo sample", riff(formatChunk(1, 2, 8000, 16), chunkSized("data", 8, append(abcd, 5, 6)))[:50], WAV{linear, 2, abcd}},
	}
}

func TestParseWAV(t *testing.T) {
	for _, tt := range goodFiles() {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseWAV(tt.file)
			if err != nil {
				t.Fatal(err)
			}
			if got.Format != tt.want.Format || got.Channels != tt.want.Channels || !bytes.Equal(got.Data, tt.want.Data) {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

// badFile is a file and what is wrong with it.
type badFile struct {
	name, what string
	offset     int64
	file       []byte
}

func badFiles() []badFile {
	data := chunk("data", make([]byte, 4))
	return []badFile{
		{"nothing", `no WAV header but ""`, 0, nil},
		{"MP3", `no WAV header but "ID3\x04`, 0, []byte("ID3\x04abcdefghijkl")},
		{"AIFF", `no WAV header but "FORM`, 0, []byte("FORM\x00\x00\x00\x04AIFF")},
		{"only a header", "end of file before any data chunk", 12, riff()},
		{"no data", "end of file before any data chunk", 36, riff(formatChunk(1, 1, 8000, 16))},
		{"no fmt", "data chunk before any fmt chunk", 12, riff(data)},
		{"short fmt", "fmt chunk of 14 bytes", 12, riff(chunk("fmt ", make([]byte, 14)), data)},
		{"fmt cut short", `chunk "fmt " of 40 bytes goes past the end`, 12, riff(formatChunk(0xFFFE, 1, 8000, 16, extensible(16, 1)...))[:50]},
		{"fmt cut after its header", `chunk "fmt " of 16 bytes goes past the end`, 12, riff(formatChunk(1, 1, 8000, 16))[:20]},
		{"cut in an odd LIST's pad", "end of file before any data chunk", 47, riff(formatChunk(1, 1, 8000, 16), chunkSized("LIST", 3, []byte("abc")))},
		{"long LIST", `chunk "LIST" of 99 bytes goes past the end`, 36, riff(formatChunk(1, 1, 8000, 16), chunkSized("LIST", 99, nil), data)},
		{"float of 64 bits", "floating point samples of 64 bits, not 32", 12, riff(formatChunk(3, 1, 8000, 64), data)},
		{"ADPCM", "unknown encoding (format tag 17)", 12, riff(formatChunk(17, 1, 8000, 4), data)},
		{"12 bits", "PCM of 12 bits", 12, riff(formatChunk(1, 1, 8000, 12), data)},
		{"no channel", "0 channels", 12, riff(formatChunk(1, 0, 8000, 16), data)},
		{"surround", "6 channels", 12, riff(formatChunk(1, 6, 48000, 16), data)},
		{"rate 0", "sample rate 0 Hz, outside 8000 to 48000", 12, riff(formatChunk(1, 1, 0, 16), data)},
		{"96 kHz", "sample rate 96000 Hz, outside 8000 to 48000", 12, riff(formatChunk(1, 1, 96000, 16), data)},
	}
}

func TestParseWAVSaysWhatItFound(t *testing.T) {
	for _, tt := range badFiles() {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseWAV(tt.file)
			bad, ok := errors.AsType[*FormatError](err)
			if !ok {
				t.Fatalf("error is %v", err)
			}
			if !strings.HasPrefix(bad.What, tt.what) || bad.Offset != tt.offset {
				t.Errorf("got %q at %d, want %q at %d", bad.What, bad.Offset, tt.what, tt.offset)
			}
		})
	}
}

func TestAppendWAV(t *testing.T) {
	want := "RIFF\x36\x00\x00\x00WAVEfmt \x12\x00\x00\x00\x07\x00\x01\x00\x40\x1F\x00\x00\x40\x1F\x00\x00\x01\x00\x08\x00\x00\x00" +
		"fact\x04\x00\x00\x00\x03\x00\x00\x00data\x03\x00\x00\x00abc\x00"
	if got := AppendWAV([]byte("x"), WAV{Data: []byte("abc")}); string(got) != "x"+want {
		t.Errorf("mu-law file is\n%q, want\n%q", got[1:], want)
	}
	for _, w := range []WAV{
		{Format{Encoding: ALaw, Rate: 16000}, 1, []byte("abcde")},
		{Format{Encoding: MuLaw, Rate: 8000}, 2, []byte("abcd")},
		{Format{Encoding: Linear16, Rate: 44100}, 1, []byte("abcd")},
		{Format{Encoding: Linear16, Rate: 48000}, 2, []byte("abcdefgh")},
	} {
		file := AppendWAV(nil, WAV{w.Format, w.Channels, append(slices.Clone(w.Data), make([]byte, w.Channels*w.Format.BytesPerSample()-1)...)})
		if size := binary.LittleEndian.Uint32(file[4:]); int(size) != len(file)-8 || len(file)%2 != 0 {
			t.Errorf("%v: RIFF size %d in a file of %d", w.Format, size, len(file))
		}
		if got, err := ParseWAV(file); err != nil || got.Format != w.Format || got.Channels != w.Channels || !bytes.Equal(got.Data, w.Data) {
			t.Errorf("%+v came back as %+v, %v", w, got, err)
		}
	}
}

func TestWAVForTheCall(t *testing.T) {
	w := WAV{Telephone, 1, allCodes()}
	if got, err := w.MuLaw8k(); err != nil || !bytes.Equal(got, w.Data) {
		t.Errorf("mu-law became %x, %v", got, err)
	}
	stereo := WAV{Format{Encoding: Linear16, Rate: 8000}, 2, EncodeLinear16(nil, []int16{100, 300, math.MaxInt16, math.MaxInt16, -5, 5})}
	if got, err := stereo.Mono8k(); err != nil || !slices.Equal(got, []int16{200, math.MaxInt16, 0}) {
		t.Errorf("stereo became %v, %v", got, err)
	}
	high := WAV{Format{Encoding: Linear16, Rate: 24000}, 0, EncodeLinear16(nil, tone(1000, 24000, 2400, 9000))}
	got, err := high.Mono8k()
	if err != nil || len(got) != 800 {
		t.Fatalf("24 kHz became %d samples, %v", len(got), err)
	}
	for i, want := range tone(1000, 8000, 800, 9000)[50:750] {
		if abs(int(got[50+i])-int(want)) > 3 {
			t.Fatalf("sample %d is %d, want %d", 50+i, got[50+i], want)
		}
	}
	if b, err := high.MuLaw8k(); err != nil || !bytes.Equal(b, EncodeMuLaw(nil, got)) {
		t.Errorf("as mu-law: %d bytes, %v", len(b), err)
	}
	for _, bad := range []WAV{{Channels: 3}, {Channels: -1}, {Format: Format{Rate: 1}}} {
		if _, err := bad.Mono8k(); err == nil {
			t.Errorf("%+v was accepted", bad)
		}
		if _, err := bad.MuLaw8k(); err == nil {
			t.Errorf("%+v was accepted", bad)
		}
	}
}

func FuzzParseWAV(f *testing.F) {
	f.Add(riff(formatChunk(1, 1, 8000, 16), chunk("LIST", []byte("abc")), chunk("data", []byte("abcd"))))
	f.Add(riff(formatChunk(0xFFFE, 2, 48000, 24, extensible(24, 1)...), chunkSized("data", 0x7FFFF000, []byte("abcdefg"))))
	f.Add(AppendWAV(nil, WAV{Data: []byte("abc")}))
	f.Add([]byte("RIFF\x00\x00\x00\x00WAVEdata"))
	f.Fuzz(func(t *testing.T, b []byte) {
		w, err := ParseWAV(b)
		if bad, ok := errors.AsType[*FormatError](err); ok {
			if bad.Offset < 0 || bad.Offset > int64(len(b)) || bad.What == "" {
				t.Errorf("%v in a file of %d bytes", bad, len(b))
			}
			return
		}
		if err != nil {
			t.Fatalf("error is %v", err)
		}
		if len(w.Data)%(w.Channels*w.Format.BytesPerSample()) != 0 {
			t.Errorf("%d bytes of %d channels, %v", len(w.Data), w.Channels, w.Format)
		}
		if _, err := w.Mono8k(); err != nil {
			t.Errorf("mono: %v", err)
		}
		again, err := ParseWAV(AppendWAV(nil, w))
		if err != nil || again.Format != w.Format || again.Channels != w.Channels || !bytes.Equal(again.Data, w.Data) {
			t.Errorf("%+v came back as %+v, %v", w, again, err)
		}
	})
}
