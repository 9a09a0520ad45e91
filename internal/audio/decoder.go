package audio

import (
	"fmt"
	"slices"
)

// Decoder turns a stream of bytes into samples at 8 kHz. Messages may have any
// size: half a sample at the end of one is completed by the next.
type Decoder struct {
	format    Format
	resampler *Resampler // nil at 8 kHz
	scratch   []int16    // samples before resampling
	half      byte       // first byte of a Linear16 sample
	halved    bool       // half is set
}

// NewDecoder makes a decoder for one stream in the given format.
func NewDecoder(format Format) (*Decoder, error) {
	if err := format.Validate(); err != nil {
		return nil, err
	}
	d := &Decoder{format: format.Normal()}
	if d.format.Rate == Telephone.Rate {
		return d, nil
	}
	resampler, err := NewResampler(d.format.Rate, Telephone.Rate)
	if err != nil {
		return nil, fmt.Errorf("decode %v: %w", format, err)
	}
	d.resampler = resampler
	d.scratch = make([]int16, 0, blockLength)
	return d, nil
}

// Decode appends the samples of src to dst, at 8 kHz. Other rates come out
// 4 ms late, because the resampler looks ahead.
func (d *Decoder) Decode(dst []int16, src []byte) []int16 {
	if d.resampler == nil {
		return d.samples(dst, src)
	}
	dst = slices.Grow(dst, len(src)/d.format.BytesPerSample()*Telephone.Rate/d.format.Rate+1)
	for len(src) > 0 {
		n := min(len(src), blockLength) // keeps scratch small for any message
		d.scratch = d.samples(d.scratch[:0], src[:n])
		dst = d.resampler.Resample(dst, d.scratch)
		src = src[n:]
	}
	return dst
}

// flush appends what the resampler still holds and forgets half a sample.
func (d *Decoder) flush(dst []int16) []int16 {
	d.halved = false
	if d.resampler == nil {
		return dst
	}
	return d.resampler.Flush(dst)
}

// samples decodes at the rate of the stream.
func (d *Decoder) samples(dst []int16, src []byte) []int16 {
	switch d.format.Encoding {
	case ALaw:
		return DecodeALaw(dst, src)
	case MuLaw:
		return DecodeMuLaw(dst, src)
	}
	if d.halved && len(src) > 0 {
		dst = append(dst, int16(uint16(d.half)|uint16(src[0])<<8))
		src, d.halved = src[1:], false
	}
	if len(src)%2 == 1 {
		d.half, d.halved = src[len(src)-1], true
	}
	return DecodeLinear16(dst, src)
}
