package plugin

import "github.com/byova-host/byova-host/internal/audio"

// Converter turns a stream of audio into another format, for bots whose recogniser
// does not take what the caller's audio is. What a bot plays needs none: the host
// converts it. Pieces may have any size; one goroutine uses it at a time. Converters come
// from NewConverter.
type Converter struct{ transcoder *audio.Transcoder }

// NewConverter makes a converter for one stream, from any Format but a WAVFile to
// MuLaw, ALaw or Linear16 of one channel, at 8 to 48 kHz both. Others are an error. It
// holds nothing that must be closed.
func NewConverter(from, to Format) (*Converter, error) {
	for _, f := range []Format{from, to} {
		if err := f.validate(); err != nil {
			return nil, err
		}
	}
	t, err := audio.NewTranscoder(from.audio(), to.audio())
	if err != nil {
		return nil, err
	}
	return &Converter{t}, nil
}

// Convert appends to dst what src becomes, and returns it. Where the rates differ it
// comes 4 ms late, because the filter looks ahead. A part of a sample waits for the next
// piece. The two must not overlap.
func (c *Converter) Convert(dst, src []byte) []byte { return c.transcoder.Convert(dst, src) }

// Flush appends the end of the stream to dst, returns it, and begins a new stream. A part
// of a sample that is left is dropped.
func (c *Converter) Flush(dst []byte) []byte { return c.transcoder.Flush(dst) }
