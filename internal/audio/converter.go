package audio

// Converter turns a stream of bytes in any format into Telephone, the format
// that plays. Messages may have any size.
type Converter struct {
	decoder *Decoder // nil when bytes pass unchanged
	scratch []int16
}

// NewConverter makes a converter for one stream in the given format.
func NewConverter(from Format) (*Converter, error) {
	if from.Normal() == Telephone {
		return &Converter{}, nil
	}
	decoder, err := NewDecoder(from)
	if err != nil {
		return nil, err
	}
	return &Converter{decoder: decoder, scratch: make([]int16, 0, blockLength)}, nil
}

// Passthrough reports that the stream is Telephone already, so that Convert
// only copies and a caller may skip it.
func (c *Converter) Passthrough() bool { return c.decoder == nil }

// Convert appends to dst what src becomes. The output of other rates than
// 8 kHz comes 4 ms late, because the resampler looks ahead.
func (c *Converter) Convert(dst, src []byte) []byte {
	if c.decoder == nil {
		return append(dst, src...)
	}
	for len(src) > 0 {
		n := min(len(src), blockLength)
		c.scratch = c.decoder.Decode(c.scratch[:0], src[:n])
		dst = EncodeMuLaw(dst, c.scratch)
		src = src[n:]
	}
	return dst
}

// Flush appends the last samples of the stream to dst, drops half a sample if
// the stream ended in one, and makes c ready for a new stream.
func (c *Converter) Flush(dst []byte) []byte {
	if c.decoder == nil {
		return dst
	}
	c.scratch = c.decoder.flush(c.scratch[:0])
	return EncodeMuLaw(dst, c.scratch)
}
