package audio

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// FormatError says what is wrong with audio that someone handed over.
type FormatError struct {
	What   string // what was found, as a sentence without its full stop
	Offset int64  // the byte of the input where it was found
}

// Error says what was found and at which byte.
func (e *FormatError) Error() string {
	return fmt.Sprintf("%s at byte %d", e.What, e.Offset)
}

// WAV is the content of a WAV file. A parsed one has passed every check.
type WAV struct {
	Format   Format
	Channels int    // 1, or 2 with samples that alternate; zero means 1
	Data     []byte // whole samples of all channels, in Format's encoding
}

// The format tags of a fmt chunk.
const (
	tagPCM        = 1
	tagFloat      = 3
	tagALaw       = 6
	tagMuLaw      = 7
	tagExtensible = 0xFFFE
)

// unknownSize is the least data size that a program writes when it cannot seek
// back: espeak-ng says 0x7FFFF000, ffmpeg and sox 0xFFFFFFFF or close to it.
const unknownSize = 0x7FFFF000

// ParseWAV reads a WAV file of one or two channels: mu-law, A-law, or PCM of
// 8, 16, 24 or 32 bits, which becomes Linear16. It is forgiving where the
// audio is beyond doubt: unknown chunks, sizes never filled in, a file cut
// short. Other input gives a *FormatError. Data may share memory with b.
func ParseWAV(b []byte) (WAV, error) {
	if len(b) < 12 || string(b[:4]) != "RIFF" || string(b[8:12]) != "WAVE" {
		return WAV{}, &FormatError{fmt.Sprintf("no WAV header but %q", b[:min(len(b), 12)]), 0}
	}
	var w WAV
	bits := 0 // of a sample as stored; zero until the fmt chunk was read
	for at := 12; len(b)-at >= 8; {
		id, size := string(b[at:at+4]), int64(binary.LittleEndian.Uint32(b[at+4:]))
		body := b[at+8:]
		switch id {
		case "fmt ":
			var err error
			if w, bits, err = parseFormat(body[:min(size, int64(len(body)))], int64(at)); err != nil {
				return WAV{}, err
			}
		case "data":
			if bits == 0 {
				return WAV{}, &FormatError{"data chunk before any fmt chunk", int64(at)}
			}
			w.Data = wholeSamples(dataBody(body, size), w.Channels, bits, w.Format.Encoding == Linear16)
			return w, nil
		}
		if size > int64(len(body)) {
			return WAV{}, &FormatError{fmt.Sprintf("chunk %q of %d bytes goes past the end", id, size), int64(at)}
		}
		at += 8 + paddedSize(body, int(size))
	}
	return WAV{}, &FormatError{"end of file before any data chunk", int64(len(b))}
}

// parseFormat reads the body of a fmt chunk that begins at byte at.
func parseFormat(body []byte, at int64) (WAV, int, error) {
	fail := func(format string, args ...any) (WAV, int, error) {
		return WAV{}, 0, &FormatError{fmt.Sprintf(format, args...), at}
	}
	if len(body) < 16 {
		return fail("fmt chunk of %d bytes", len(body))
	}
	le := binary.LittleEndian
	tag, channels, rate, bits := le.Uint16(body), int(le.Uint16(body[2:])), le.Uint32(body[4:]), int(le.Uint16(body[14:]))
	if tag == tagExtensible && len(body) >= 26 {
		tag = le.Uint16(body[24:]) // the sub-format begins with the tag that is meant
	}
	if channels != 1 && channels != 2 {
		return fail("%d channels", channels)
	}
	if rate < MinRate || rate > MaxRate {
		return fail("sample rate %d Hz, outside %d to %d", rate, MinRate, MaxRate)
	}
	w := WAV{Channels: channels, Format: Format{Rate: int(rate)}}
	switch {
	case tag == tagMuLaw:
		w.Format.Encoding, bits = MuLaw, 8 // whatever the header says: some write 16
	case tag == tagALaw:
		w.Format.Encoding, bits = ALaw, 8
	case tag == tagPCM && (bits == 8 || bits == 16 || bits == 24 || bits == 32):
		w.Format.Encoding = Linear16
	case tag == tagPCM:
		return fail("PCM of %d bits", bits)
	case tag == tagFloat:
		return fail("floating point samples (format tag 3)")
	default:
		return fail("unknown encoding (format tag %d)", tag)
	}
	return w, bits, nil
}

// dataBody cuts the audio out of everything that follows the data header. A
// size of zero stands for an unknown one, unless only chunks follow.
func dataBody(rest []byte, size int64) []byte {
	if size >= unknownSize || size > int64(len(rest)) || size == 0 && !onlyChunks(rest) {
		return rest
	}
	return rest[:size]
}

// onlyChunks reports whether b is made of chunks that end exactly at its end.
func onlyChunks(b []byte) bool {
	for len(b) >= 8 {
		size := int64(binary.LittleEndian.Uint32(b[4:]))
		if !isChunkID(b[:4]) || size > int64(len(b)-8) {
			return false
		}
		b = b[min(len(b), 8+paddedSize(b[8:], int(size))):]
	}
	return len(b) == 0
}

func isChunkID(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return len(b) == 4
}

// paddedSize adds the pad byte of a chunk of odd size, unless its writer forgot
// it and a chunk that matters begins at once.
func paddedSize(body []byte, size int) int {
	if size%2 == 0 {
		return size
	}
	if next := body[size:]; len(next) >= 4 && (string(next[:4]) == "data" || string(next[:4]) == "fmt ") {
		return size
	}
	return size + 1
}

// wholeSamples drops part of a sample at the end and turns PCM of another
// width into 16 bits: what is below them is not heard on a telephone.
func wholeSamples(data []byte, channels, bits int, pcm bool) []byte {
	width := bits / 8
	data = data[:len(data)-len(data)%(width*channels)]
	switch {
	case bits == 8 && pcm:
		wide := make([]byte, 0, 2*len(data))
		for _, b := range data {
			wide = append(wide, 0, b-128) // 8-bit PCM is unsigned
		}
		return wide
	case width > 2:
		narrow := make([]byte, 0, len(data)/width*2)
		for i := width; i <= len(data); i += width {
			narrow = append(narrow, data[i-2], data[i-1])
		}
		return narrow
	}
	return data
}

// Mono8k gives the samples at 8 kHz, with two channels mixed into one. It
// refuses a format or a number of channels that ParseWAV would refuse.
func (w WAV) Mono8k() ([]int16, error) {
	pcm, err := w.mono()
	if err != nil || w.Format.Normal().Rate == Telephone.Rate {
		return pcm, err
	}
	resampler, err := NewResampler(w.Format.Normal().Rate, Telephone.Rate)
	if err != nil {
		return nil, err
	}
	return resampler.Flush(resampler.Resample(nil, pcm)), nil
}

// MuLaw8k gives the sound as it plays in a call: mu-law, 8 kHz, one channel. A
// file that is so already comes back unchanged, sharing memory with Data.
func (w WAV) MuLaw8k() ([]byte, error) {
	if w.Format.Normal() == Telephone && (w.Channels == 0 || w.Channels == 1) {
		return w.Data, nil
	}
	pcm, err := w.Mono8k()
	if err != nil {
		return nil, err
	}
	return EncodeMuLaw(nil, pcm), nil
}

// mono decodes the samples at their own rate and mixes two channels.
func (w WAV) mono() ([]int16, error) {
	if err := w.Format.Validate(); err != nil {
		return nil, err
	}
	if w.Channels < 0 || w.Channels > 2 {
		return nil, fmt.Errorf("WAV of %d channels", w.Channels)
	}
	var pcm []int16
	switch w.Format.Encoding {
	case MuLaw:
		pcm = DecodeMuLaw(nil, w.Data)
	case ALaw:
		pcm = DecodeALaw(nil, w.Data)
	default:
		pcm = DecodeLinear16(nil, w.Data)
	}
	if w.Channels < 2 {
		return pcm, nil
	}
	mixed := pcm[:len(pcm)/2]
	for i := range mixed {
		mixed[i] = int16((int(pcm[2*i]) + int(pcm[2*i+1])) / 2)
	}
	return mixed, nil
}

// AppendWAV appends w as a file to dst. A part of a sample at the end of Data
// is left out. Data must be below 4 GiB, the limit of the file format.
func AppendWAV(dst []byte, w WAV) []byte {
	format, channels := w.Format.Normal(), max(1, w.Channels)
	block := format.BytesPerSample() * channels
	frames := len(w.Data) / block
	data := w.Data[:frames*block]
	pad := len(data) % 2
	tag, extra := tagPCM, 0 // bytes that compressed formats add: the size of an empty extension and a fact chunk
	switch format.Encoding {
	case MuLaw:
		tag, extra = tagMuLaw, 2+12
	case ALaw:
		tag, extra = tagALaw, 2+12
	}
	le := binary.LittleEndian
	dst = slices.Grow(dst, 44+extra+len(data)+pad)
	dst = le.AppendUint32(append(dst, "RIFF"...), uint32(36+extra+len(data)+pad))
	dst = append(dst, "WAVEfmt "...)
	dst = le.AppendUint32(dst, uint32(16+min(extra, 2)))
	dst = le.AppendUint16(dst, uint16(tag))
	dst = le.AppendUint16(dst, uint16(channels))
	dst = le.AppendUint32(dst, uint32(format.Rate))
	dst = le.AppendUint32(dst, uint32(format.Rate*block))
	dst = le.AppendUint16(dst, uint16(block))
	dst = le.AppendUint16(dst, uint16(8*format.BytesPerSample()))
	if extra > 0 {
		dst = le.AppendUint16(dst, 0)
		dst = le.AppendUint32(append(dst, "fact"...), 4)
		dst = le.AppendUint32(dst, uint32(frames))
	}
	dst = le.AppendUint32(append(dst, "data"...), uint32(len(data)))
	dst = append(dst, data...)
	return append(dst, make([]byte, pad)...)
}
