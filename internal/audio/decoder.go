package audio

import (
	"fmt"
	"slices"
)

// Decoder turns a stream of bytes into samples of one channel, at 8 kHz unless it is a
// Transcoder's. Messages may have any
// size: a part of a sample at the end of one is completed by the next.
type Decoder struct {
	format    Format
	rate      int        // of the samples
	resampler *Resampler // nil where the rates are the same
	scratch   []int16    // samples before resampling
	part      [8]byte    // the beginning of a sample of all channels
	filled    int        // bytes in part
}

// NewDecoder makes a decoder for one stream of a caller. It refuses what
// Format.Validate does.
func NewDecoder(format Format) (*Decoder, error) {
	if err := format.Validate(); err != nil {
		return nil, err
	}
	return newDecoder(format, Telephone.Rate)
}

// newDecoder makes one for any format but a WAVFile.
func newDecoder(format Format, rate int) (*Decoder, error) {
	d := &Decoder{format: format.Normal(), rate: rate}
	if d.format.Rate == rate {
		return d, nil
	}
	resampler, err := NewResampler(d.format.Rate, rate)
	if err != nil {
		return nil, fmt.Errorf("decode %v: %w", format, err)
	}
	d.resampler = resampler
	d.scratch = make([]int16, 0, blockLength)
	return d, nil
}

// Decode appends the samples of src to dst. Those of other rates come out 4 ms late,
// because the resampler looks ahead.
func (d *Decoder) Decode(dst []int16, src []byte) []int16 {
	if d.resampler == nil {
		return d.samples(dst, src)
	}
	dst = slices.Grow(dst, len(src)/d.format.FrameBytes()*d.rate/d.format.Rate+1)
	for len(src) > 0 {
		n := min(len(src), blockLength) // keeps scratch small for any message
		d.scratch = d.samples(d.scratch[:0], src[:n])
		dst = d.resampler.Resample(dst, d.scratch)
		src = src[n:]
	}
	return dst
}

// flush appends what the resampler still holds and forgets a part of a sample.
func (d *Decoder) flush(dst []int16) []int16 {
	d.filled = 0
	if d.resampler == nil {
		return dst
	}
	return d.resampler.Flush(dst)
}

// samples decodes at the rate of the stream, into one channel.
func (d *Decoder) samples(dst []int16, src []byte) []int16 {
	before, frame := len(dst), d.format.FrameBytes()
	if frame == 1 {
		return decodeSamples(dst, src, d.format.Encoding)
	}
	if d.filled > 0 {
		n := copy(d.part[d.filled:frame], src)
		d.filled += n
		src = src[n:]
		if d.filled < frame {
			return dst
		}
		dst = decodeSamples(dst, d.part[:frame], d.format.Encoding)
	}
	whole := len(src) - len(src)%frame
	dst = decodeSamples(dst, src[:whole], d.format.Encoding)
	d.filled = copy(d.part[:], src[whole:])
	if d.format.Channels == 2 {
		dst = dst[:before+len(mix(dst[before:]))]
	}
	return dst
}
