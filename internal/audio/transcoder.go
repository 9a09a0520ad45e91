package audio

import (
	"errors"
	"fmt"
)

// Transcoder turns a stream of bytes in one format into another. Messages may have
// any size.
type Transcoder struct {
	decoder *Decoder // nil when bytes pass unchanged
	encode  func(dst []byte, src []int16) []byte
	scratch []int16
}

// NewTranscoder makes a transcoder for one stream. From is anything that
// Format.ValidatePrompt takes but a WAVFile, and to anything that Format.Validate does.
func NewTranscoder(from, to Format) (*Transcoder, error) {
	if from.Encoding == WAVFile {
		return nil, errors.New("convert: a WAV file is no stream of samples: read it first")
	}
	if err := from.ValidatePrompt(); err != nil {
		return nil, fmt.Errorf("convert from: %w", err)
	}
	if err := to.Validate(); err != nil {
		return nil, fmt.Errorf("convert to: %w", err)
	}
	if from.Normal() == to.Normal() {
		return &Transcoder{}, nil
	}
	decoder, err := newDecoder(from, to.Normal().Rate)
	if err != nil {
		return nil, err
	}
	t := &Transcoder{decoder: decoder, scratch: make([]int16, 0, blockLength)}
	switch to.Encoding {
	case ALaw:
		t.encode = EncodeALaw
	case Linear16:
		t.encode = EncodeLinear16
	default:
		t.encode = EncodeMuLaw
	}
	return t, nil
}

// Convert appends to dst what src becomes. Where the rates differ it comes 4 ms late,
// because the resampler looks ahead.
func (t *Transcoder) Convert(dst, src []byte) []byte {
	if t.decoder == nil {
		return append(dst, src...)
	}
	for len(src) > 0 {
		n := min(len(src), blockLength)
		t.scratch = t.decoder.Decode(t.scratch[:0], src[:n])
		dst = t.encode(dst, t.scratch)
		src = src[n:]
	}
	return dst
}

// Flush appends the last samples of the stream to dst, drops a part of a sample if
// the stream ended in one, and makes t ready for a new stream.
func (t *Transcoder) Flush(dst []byte) []byte {
	if t.decoder == nil {
		return dst
	}
	t.scratch = t.decoder.flush(t.scratch[:0])
	return t.encode(dst, t.scratch)
}
