package audio

// WAVCheck looks at a WAV file on its way to a Converter elsewhere and fails
// where that will fail. The zero WAVCheck is ready for a file.
type WAVCheck struct{ file *wavReader }

// Write takes the next piece, of any size. It fails with a *FormatError.
func (c *WAVCheck) Write(b []byte) (n int, err error) {
	if c.file == nil {
		c.file = newWAVStream()
	}
	for rest := b; len(rest) > 0; {
		if _, rest, err = c.file.next(rest); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

// Close says that the file is complete. It fails with a *FormatError for a file
// that ended before its sound. No file at all is no error.
func (c *WAVCheck) Close() error {
	if c.file == nil || c.file.at == 0 {
		return nil
	}
	_, err := c.file.end()
	return err
}
