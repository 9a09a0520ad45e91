package audio

// Converter turns a stream of bytes in any format into Telephone, the format
// that plays. Messages may have any size.
type Converter struct {
	file    *wavReader // nil unless the stream is a WAV file
	decoder *Decoder   // nil when bytes pass unchanged, or not known before a file's header
	begun   bool       // the file's header has been read
	scratch []int16
}

// NewConverter makes a converter for one stream in the given format. It refuses
// what Format.ValidatePrompt does.
func NewConverter(from Format) (*Converter, error) {
	if err := from.ValidatePrompt(); err != nil {
		return nil, err
	}
	if from.Encoding == WAVFile {
		return &Converter{file: newWAVStream()}, nil
	}
	c := &Converter{}
	return c, c.decode(from)
}

// decode prepares for sound of that format.
func (c *Converter) decode(from Format) error {
	c.decoder = nil
	if from.Normal() == Telephone {
		return nil
	}
	decoder, err := newDecoder(from, Telephone.Rate)
	if err != nil {
		return err
	}
	c.decoder = decoder
	if c.scratch == nil {
		c.scratch = make([]int16, 0, blockLength)
	}
	return nil
}

// Passthrough reports that the stream is Telephone already, so that Convert
// only copies and a caller may skip it. It is never true of a WAVFile.
func (c *Converter) Passthrough() bool { return c.decoder == nil && c.file == nil }

// Convert appends to dst what src becomes. The output of other rates than
// 8 kHz comes 4 ms late, because the resampler looks ahead. Only a WAVFile can
// fail, with a *FormatError whose offset is that in the stream. What was good
// before is in dst then, and the stream is at its end: the error comes again.
func (c *Converter) Convert(dst, src []byte) ([]byte, error) {
	if c.file == nil {
		return c.convert(dst, src), nil
	}
	for len(src) > 0 {
		var sound []byte
		var err error
		if sound, src, err = c.file.next(src); err != nil {
			return dst, err
		}
		if dst, err = c.play(dst, sound); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// play converts sound out of a file, in the format of its header.
func (c *Converter) play(dst, sound []byte) ([]byte, error) {
	if len(sound) == 0 {
		return dst, nil
	}
	if !c.begun {
		if err := c.decode(c.file.format); err != nil {
			return dst, err
		}
		c.begun = true
	}
	return c.convert(dst, sound), nil
}

func (c *Converter) convert(dst, src []byte) []byte {
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

// Flush appends the last samples of the stream to dst, drops a part of a sample
// if the stream ended in one, and makes c ready for a new stream. It fails like
// Convert, and for a file that ended before its sound. A file of no bytes at
// all is no error: nobody began one.
func (c *Converter) Flush(dst []byte) ([]byte, error) {
	if c.file == nil {
		return c.flush(dst), nil
	}
	defer c.restart()
	if c.file.at == 0 {
		return dst, nil
	}
	sound, err := c.file.end()
	if err == nil {
		dst, err = c.play(dst, sound)
	}
	if err != nil {
		return dst, err
	}
	return c.flush(dst), nil
}

func (c *Converter) flush(dst []byte) []byte {
	if c.decoder == nil {
		return dst
	}
	c.scratch = c.decoder.flush(c.scratch[:0])
	return EncodeMuLaw(dst, c.scratch)
}

// restart makes c ready for another file.
func (c *Converter) restart() {
	c.file, c.decoder, c.begun = newWAVStream(), nil, false
}
