package audio

import (
	"fmt"
	"time"
)

// Encoding says how one sample is written as bytes.
type Encoding uint8

// The encodings of audio. Callers send the first three, bots any.
const (
	MuLaw    Encoding = iota // G.711 mu-law, 1 byte; what a telephone call plays
	ALaw                     // G.711 A-law, 1 byte
	Linear16                 // signed 16-bit little endian, 2 bytes
	Linear8                  // unsigned 8-bit
	Linear24                 // signed 24-bit little endian, 3 bytes
	WAVFile                  // a WAV file, whose header says what is in it

	linear32 // signed 32-bit little endian, in WAV files only
	float32s // IEEE 754 of 4 bytes from -1 to 1, in WAV files only
)

var encodings = [...]struct {
	name  string
	bytes int // of a sample; one for a file, which can be cut anywhere
}{
	MuLaw: {"mu-law", 1}, ALaw: {"A-law", 1}, Linear16: {"linear16", 2}, Linear8: {"linear8", 1},
	Linear24: {"linear24", 3}, WAVFile: {"WAV file", 1}, linear32: {"linear32", 4}, float32s: {"float32", 4},
}

// String gives the name used in messages and configuration.
func (e Encoding) String() string {
	if int(e) < len(encodings) {
		return encodings[e].name
	}
	return fmt.Sprintf("encoding %d", uint8(e))
}

// The sample rates that can be converted, in hertz.
const (
	MinRate = 8000
	MaxRate = 48000
)

// Format describes a stream. The zero Format is Telephone, which is what a peer
// means that says nothing about its audio. In that of a WAVFile the rest counts
// for nothing.
type Format struct {
	Encoding Encoding
	Rate     int // samples per second; zero means 8000
	Channels int // 2 with samples that alternate; zero means 1
}

// Telephone is the format that a call plays: mu-law at 8 kHz, one channel.
var Telephone = Format{Encoding: MuLaw, Rate: 8000}

// Normal returns f as == can compare it: with a rate, and zero for one channel.
// A WAVFile has neither.
func (f Format) Normal() Format {
	if f.Encoding == WAVFile {
		return Format{Encoding: WAVFile}
	}
	if f.Rate == 0 {
		f.Rate = Telephone.Rate
	}
	if f.Channels == 1 {
		f.Channels = 0
	}
	return f
}

// Validate reports what a caller cannot send: anything but mu-law, A-law or
// Linear16 of one channel at MinRate to MaxRate.
func (f Format) Validate() error {
	if f.Encoding > Linear16 {
		return fmt.Errorf("unknown %v: want mu-law, A-law or linear16", f.Encoding)
	}
	if n := f.Normal().Channels; n != 0 {
		return fmt.Errorf("%d channels: want 1", n)
	}
	return f.validateRate()
}

// ValidatePrompt reports what a bot cannot play: an unknown encoding, more than
// two channels or a rate outside MinRate to MaxRate.
func (f Format) ValidatePrompt() error {
	switch {
	case f.Encoding > WAVFile:
		return fmt.Errorf("unknown encoding %d", uint8(f.Encoding))
	case f.Encoding == WAVFile:
		return nil
	case f.Channels < 0 || f.Channels > 2:
		return fmt.Errorf("%d channels: want 1 or 2", f.Channels)
	}
	return f.validateRate()
}

func (f Format) validateRate() error {
	if rate := f.Normal().Rate; rate < MinRate || rate > MaxRate {
		return fmt.Errorf("sample rate %d Hz is outside %d to %d", rate, MinRate, MaxRate)
	}
	return nil
}

// BytesPerSample is the size of a sample of one channel: 2 for Linear16, 3 for
// Linear24 and 1 for the others.
func (f Format) BytesPerSample() int {
	if int(f.Encoding) < len(encodings) {
		return encodings[f.Encoding].bytes
	}
	return 1
}

// FrameBytes is the size of a moment: a sample of each channel. A WAVFile may be
// cut at any byte.
func (f Format) FrameBytes() int {
	if f.Channels == 2 && f.Encoding != WAVFile {
		return 2 * f.BytesPerSample()
	}
	return f.BytesPerSample()
}

// BytesPerSecond is how many bytes one second of audio takes, and zero for a
// WAVFile, which does not tell by its size.
func (f Format) BytesPerSecond() int {
	return f.Normal().Rate * f.FrameBytes()
}

// Duration is how long it takes to play that many bytes. A part of a sample
// counts for nothing, and so does a WAVFile.
func (f Format) Duration(bytes int) time.Duration {
	samples, rate := bytes/f.FrameBytes(), f.Normal().Rate
	if rate == 0 {
		return 0
	}
	whole, rest := samples/rate, samples%rate
	return time.Duration(whole)*time.Second + time.Duration(rest)*time.Second/time.Duration(rate)
}

// Bytes is how many bytes play for d, rounded down to whole samples. It is
// zero when d is negative, and for a WAVFile.
func (f Format) Bytes(d time.Duration) int {
	if d <= 0 {
		return 0
	}
	rate := f.Normal().Rate
	samples := int(d/time.Second)*rate + int(int64(d%time.Second)*int64(rate)/int64(time.Second))
	return samples * f.FrameBytes()
}

// String reads like "mu-law 8000 Hz" or "linear16 44100 Hz stereo".
func (f Format) String() string {
	f = f.Normal()
	switch {
	case f.Encoding == WAVFile:
		return f.Encoding.String()
	case f.Channels == 0:
		return fmt.Sprintf("%v %d Hz", f.Encoding, f.Rate)
	case f.Channels == 2:
		return fmt.Sprintf("%v %d Hz stereo", f.Encoding, f.Rate)
	}
	return fmt.Sprintf("%v %d Hz, %d channels", f.Encoding, f.Rate, f.Channels)
}
