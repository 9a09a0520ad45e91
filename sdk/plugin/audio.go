package plugin

import (
	"errors"
	"fmt"
	"time"

	"github.com/byova-host/byova-host/internal/audio"
	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

// Encoding says how a sample is written as bytes.
type Encoding int

// The encodings of audio.
const (
	MuLaw    Encoding = iota // G.711 mu-law, one byte; what a telephone call plays
	ALaw                     // G.711 A-law, one byte
	Linear16                 // signed 16 bit, little endian
)

// Format describes raw audio of one channel. The zero Format is mu-law at 8 kHz,
// which is what a call plays without conversion.
type Format struct {
	Encoding Encoding
	// Rate is in samples a second, 8000 to 48000; zero means 8000.
	Rate int
}

// String reads like "mu-law 8000 Hz".
func (f Format) String() string { return f.audio().String() }

func (f Format) audio() audio.Format {
	return audio.Format{Encoding: audio.Encoding(f.Encoding), Rate: f.Rate}.Normal()
}

func (f Format) validate() error {
	if f.Encoding < MuLaw || f.Encoding > Linear16 {
		return fmt.Errorf("audio: unknown encoding %d", f.Encoding)
	}
	if rate := f.audio().Rate; rate < audio.MinRate || rate > audio.MaxRate {
		return fmt.Errorf("audio: sample rate %d Hz is outside %d to %d", rate, audio.MinRate, audio.MaxRate)
	}
	return nil
}

func (f Format) wire() *pluginv1.Format {
	return &pluginv1.Format{
		Encoding: pluginv1.Format_Encoding(f.Encoding),
		Rate:     uint32(f.audio().Rate),
	}
}

func formatFromWire(f *pluginv1.Format) Format {
	rate := int(f.GetRate())
	if rate == 0 {
		rate = audio.Telephone.Rate
	}
	return Format{Encoding: Encoding(f.GetEncoding()), Rate: rate}
}

// Audio is a piece of sound. The zero Audio is empty, and playing it does nothing.
type Audio struct {
	Format Format
	Data   []byte
}

// FromPCM makes audio of 16-bit samples at a rate in samples a second.
func FromPCM(samples []int16, rate int) Audio {
	return Audio{
		Format: Format{Encoding: Linear16, Rate: rate},
		Data:   audio.EncodeLinear16(make([]byte, 0, 2*len(samples)), samples),
	}
}

// PCM returns the audio as 16-bit samples at its own rate.
func (a Audio) PCM() []int16 {
	switch a.Format.Encoding {
	case ALaw:
		return audio.DecodeALaw(nil, a.Data)
	case Linear16:
		return audio.DecodeLinear16(nil, a.Data)
	default:
		return audio.DecodeMuLaw(nil, a.Data)
	}
}

// Duration is how long the audio plays.
func (a Audio) Duration() time.Duration { return a.Format.audio().Duration(len(a.Data)) }

func (a Audio) validate() error {
	if err := a.Format.validate(); err != nil {
		return err
	}
	if a.Format.Encoding == Linear16 && len(a.Data)%2 != 0 {
		return halfSample(len(a.Data))
	}
	return nil
}

func halfSample(n int) error {
	return fmt.Errorf("audio: %d bytes are no whole number of linear16 samples, which have 2 bytes each", n)
}

var errPromptClosed = errors.New("write prompt: it is closed")
