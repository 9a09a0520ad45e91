package plugin

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/byova-host/byova-host/internal/audio"
	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

// Encoding says how a sample is written as bytes. The zero Encoding is MuLaw.
type Encoding int

// The encodings of audio. What callers say comes in the first three; a prompt may
// have any.
const (
	MuLaw    Encoding = iota // G.711 mu-law, one byte; what a telephone call plays
	ALaw                     // G.711 A-law, one byte
	Linear16                 // signed 16 bit, little endian
	Linear8                  // unsigned 8 bit
	Linear24                 // signed 24 bit, little endian
	WAVFile                  // a WAV file: its header says rate and channels, and how samples are written
)

// Format describes audio. The zero Format is mu-law at 8 kHz of one channel, which
// is what a call plays without conversion.
type Format struct {
	Encoding Encoding
	// Rate is in samples a second, 8000 to 48000; zero means 8000.
	Rate int
	// Channels is 2 for stereo, with samples that alternate; zero means 1. The
	// host mixes them.
	Channels int
}

// String reads like "mu-law 8000 Hz". It does not say whether the audio is stereo.
func (f Format) String() string { return f.audio().String() }

func (f Format) audio() audio.Format {
	encoding := audio.Encoding(min(uint(f.Encoding), math.MaxUint8)) // unknown ones stay unknown
	return audio.Format{Encoding: encoding, Rate: f.Rate, Channels: f.Channels}.Normal()
}

func (f Format) validate() error {
	if f.Encoding < MuLaw || f.Encoding > WAVFile {
		return fmt.Errorf("audio: unknown encoding %d", f.Encoding)
	}
	if err := f.audio().ValidatePrompt(); err != nil {
		return fmt.Errorf("audio: %w", err)
	}
	return nil
}

func (f Format) wire() *pluginv1.Format {
	normal := f.audio()
	return &pluginv1.Format{
		Encoding: pluginv1.Format_Encoding(f.Encoding),
		Rate:     uint32(normal.Rate),
		Channels: uint32(normal.Channels),
	}
}

func formatFromWire(f *pluginv1.Format) Format {
	rate := int(f.GetRate())
	if rate == 0 {
		rate = audio.Telephone.Rate
	}
	return Format{Encoding: Encoding(f.GetEncoding()), Rate: rate, Channels: int(f.GetChannels())}
}

// Audio is a piece of sound. The zero Audio is empty, and playing it does nothing.
// What comes from the host is the handler's to keep and to change.
type Audio struct {
	Format Format
	// Data is the samples in Format, without a header; for a WAVFile the file. In
	// stereo a sample of each channel follows the other.
	Data []byte
}

// FromPCM makes audio of 16-bit samples of one channel at a rate in samples a second; a rate
// of zero means 8000. Playing it fails where the rate is not from 8000 to 48000.
func FromPCM(samples []int16, rate int) Audio {
	return Audio{
		Format: Format{Encoding: Linear16, Rate: rate},
		Data:   audio.EncodeLinear16(make([]byte, 0, 2*len(samples)), samples),
	}
}

// WAV makes audio of a WAV file: PCM of 8, 16, 24 or 32 bits, floating point of 32,
// mu-law or A-law, at 8 to 48 kHz, mono or stereo. Nothing is read yet: it is playing that
// fails, with an error that says what is wrong with the file and at which byte. File is
// not copied.
func WAV(file []byte) Audio { return Audio{Format: Format{Encoding: WAVFile}, Data: file} }

// ReadWAV takes the sound out of a WAV file of any kind that WAV plays. The file
// may have any number of bytes before its sound, where WAV allows 64 KiB. What has
// no encoding here becomes Linear16. An error says what is wrong with the file and
// at which byte.
func ReadWAV(file []byte) (Audio, error) {
	w, err := audio.ParseWAV(file)
	if err != nil {
		return Audio{}, badFile(err)
	}
	format := Format{Encoding: Encoding(w.Format.Encoding), Rate: w.Format.Rate}
	if w.Channels == 2 {
		format.Channels = 2
	}
	return Audio{Format: format, Data: w.Data}, nil
}

// badFile says of an error, if it is one, that a file is wrong.
func badFile(err error) error {
	if err != nil {
		return fmt.Errorf("audio: WAV file: %w", err)
	}
	return nil
}

// PCM returns the audio as 16-bit samples of one channel at its own rate, which
// for a WAVFile is that of ReadWAV; stereo is mixed. A broken file has none, and a part of
// a sample at the end is left out.
func (a Audio) PCM() []int16 {
	a = a.sound()
	return audio.DecodePCM(a.Data, a.Format.audio())
}

// Duration is how long the audio plays, which for a broken WAVFile is no time.
func (a Audio) Duration() time.Duration {
	a = a.sound()
	return a.Format.audio().Duration(len(a.Data))
}

// sound is what a file holds, or nothing for a broken one.
func (a Audio) sound() Audio {
	if a.Format.Encoding == WAVFile {
		a, _ = ReadWAV(a.Data)
	}
	return a
}

func (a Audio) validate() error {
	if err := a.Format.validate(); err != nil {
		return err
	}
	if a.Format.Encoding == WAVFile {
		var check audio.WAVCheck
		if _, err := check.Write(a.Data); err != nil {
			return badFile(err)
		}
		return badFile(check.Close())
	}
	return a.Format.whole(len(a.Data))
}

// whole reports a part of a sample at the end of n bytes.
func (f Format) whole(n int) error {
	format := f.audio()
	frame, stereo := format.FrameBytes(), ""
	if n%frame == 0 {
		return nil
	}
	if format.Channels == 2 {
		stereo = "stereo "
	}
	return fmt.Errorf("audio: %d bytes are no whole number of %s%v samples, which have %d bytes each", n, stereo, format.Encoding, frame)
}

var errPromptClosed = errors.New("write prompt: it is closed")
