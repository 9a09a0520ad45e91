package audio

import (
	"fmt"
	"time"
)

// Encoding says how one sample is written as bytes.
type Encoding uint8

// The encodings that callers and plugins may send.
const (
	MuLaw    Encoding = iota // G.711 mu-law, 1 byte; what a telephone call plays
	ALaw                     // G.711 A-law, 1 byte
	Linear16                 // signed 16-bit little endian, 2 bytes
)

// String gives the name used in messages and configuration.
func (e Encoding) String() string {
	switch e {
	case MuLaw:
		return "mu-law"
	case ALaw:
		return "A-law"
	case Linear16:
		return "linear16"
	default:
		return fmt.Sprintf("encoding %d", uint8(e))
	}
}

// The sample rates that can be converted, in hertz.
const (
	MinRate = 8000
	MaxRate = 48000
)

// Format describes a stream of one channel. The zero Format is Telephone,
// which is what a peer means that says nothing about its audio.
type Format struct {
	Encoding Encoding
	Rate     int // samples per second; zero means 8000
}

// Telephone is the format that a call plays: mu-law at 8 kHz.
var Telephone = Format{MuLaw, 8000}

// Normal returns f with its defaults filled in, so that two formats can be
// compared with ==.
func (f Format) Normal() Format {
	if f.Rate == 0 {
		f.Rate = Telephone.Rate
	}
	return f
}

// Validate reports an unknown encoding or a rate outside MinRate to MaxRate.
func (f Format) Validate() error {
	if f.Encoding > Linear16 {
		return fmt.Errorf("unknown %v", f.Encoding)
	}
	if rate := f.Normal().Rate; rate < MinRate || rate > MaxRate {
		return fmt.Errorf("sample rate %d Hz is outside %d to %d", rate, MinRate, MaxRate)
	}
	return nil
}

// BytesPerSample is 2 for Linear16 and 1 for the others.
func (f Format) BytesPerSample() int {
	if f.Encoding == Linear16 {
		return 2
	}
	return 1
}

// BytesPerSecond is how many bytes one second of audio takes.
func (f Format) BytesPerSecond() int {
	return f.Normal().Rate * f.BytesPerSample()
}

// Duration is how long it takes to play that many bytes. A part of a sample
// counts for nothing.
func (f Format) Duration(bytes int) time.Duration {
	samples, rate := bytes/f.BytesPerSample(), f.Normal().Rate
	whole, rest := samples/rate, samples%rate
	return time.Duration(whole)*time.Second + time.Duration(rest)*time.Second/time.Duration(rate)
}

// Bytes is how many bytes play for d, rounded down to whole samples. It is
// zero when d is negative.
func (f Format) Bytes(d time.Duration) int {
	if d <= 0 {
		return 0
	}
	rate := f.Normal().Rate
	samples := int(d/time.Second)*rate + int(int64(d%time.Second)*int64(rate)/int64(time.Second))
	return samples * f.BytesPerSample()
}

// String reads like "mu-law 8000 Hz".
func (f Format) String() string {
	return fmt.Sprintf("%v %d Hz", f.Encoding, f.Normal().Rate)
}
