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
	Format   Format // of one channel: its Channels count for nothing here
	Channels int    // 1, or 2 with samples that alternate; zero means 1
	Data     []byte // whole samples of all channels, in Format's encoding
}

// ParseWAV reads a WAV file of one or two channels: mu-law, A-law, or PCM of
// 8, 16, 24 or 32 bits and floating point of 32, which become Linear16. It is
// forgiving where the audio is beyond doubt: unknown chunks, sizes never filled
// in, a file cut short. Other input gives a *FormatError. Data may share memory
// with b.
func ParseWAV(b []byte) (WAV, error) {
	var r wavReader
	sound, err := r.all(b)
	if err != nil {
		return WAV{}, err
	}
	f := r.format
	sound = sound[:len(sound)-len(sound)%f.FrameBytes()]
	w := WAV{Format: Format{Encoding: f.Encoding, Rate: f.Rate}, Channels: f.Channels, Data: sound}
	if f.Encoding > Linear16 {
		w.Format.Encoding = Linear16
		w.Data = EncodeLinear16(nil, decodeSamples(nil, sound, f.Encoding))
	}
	return w, nil
}

// The format tags of a fmt chunk.
const (
	tagPCM        = 1
	tagFloat      = 3
	tagALaw       = 6
	tagMuLaw      = 7
	tagExtensible = 0xFFFE
)

// parseFormat reads the body of a fmt chunk, or says what is wrong with it.
func parseFormat(body []byte) (f Format, fault string) {
	if len(body) < 16 {
		return f, fmt.Sprintf("fmt chunk of %d bytes", len(body))
	}
	le := binary.LittleEndian
	tag, channels, rate, bits := le.Uint16(body), int(le.Uint16(body[2:])), le.Uint32(body[4:]), int(le.Uint16(body[14:]))
	if tag == tagExtensible && len(body) >= 26 {
		tag = le.Uint16(body[24:]) // the sub-format begins with the tag that is meant
	}
	if channels != 1 && channels != 2 {
		return f, fmt.Sprintf("%d channels", channels)
	}
	if rate < MinRate || rate > MaxRate {
		return f, fmt.Sprintf("sample rate %d Hz, outside %d to %d", rate, MinRate, MaxRate)
	}
	f = Format{Rate: int(rate), Channels: channels}
	switch {
	case tag == tagMuLaw:
		f.Encoding = MuLaw // whatever size the header says: some write 16
	case tag == tagALaw:
		f.Encoding = ALaw
	case tag == tagPCM && pcmOfBits[bits] != 0:
		f.Encoding = pcmOfBits[bits]
	case tag == tagPCM:
		return f, fmt.Sprintf("PCM of %d bits", bits)
	case tag == tagFloat && bits == 32:
		f.Encoding = float32s
	case tag == tagFloat:
		return f, fmt.Sprintf("floating point samples of %d bits, not 32", bits)
	default:
		return f, fmt.Sprintf("unknown encoding (format tag %d)", tag)
	}
	return f, ""
}

var pcmOfBits = map[int]Encoding{8: Linear8, 16: Linear16, 24: Linear24, 32: linear32}

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
	return DecodePCM(w.Data, Format{Encoding: w.Format.Encoding, Channels: w.Channels}), nil
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
