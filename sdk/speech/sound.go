package speech

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/byova-host/byova-host/internal/audio"
)

// what all speech is.
var format = audio.Format{Encoding: audio.Linear16, Rate: Rate}

// pcm copies raw samples of another rate.
func pcm(from io.Reader, rate int, w io.Writer) error {
	t, err := audio.NewTranscoder(audio.Format{Encoding: audio.Linear16, Rate: rate}, format)
	if err != nil {
		return fmt.Errorf("sound: %w", err)
	}
	buffer, rest, out := make([]byte, 16<<10), 0, []byte(nil)
	for total := 0; ; {
		n, err := from.Read(buffer[rest:])
		total += n
		n += rest
		whole := n - n%pcmBytes
		if out = t.Convert(out[:0], buffer[:whole]); len(out) > 0 {
			if _, err := w.Write(out); err != nil {
				return err
			}
		}
		rest = copy(buffer, buffer[whole:n])
		switch {
		case err == nil:
		case !errors.Is(err, io.EOF):
			return fmt.Errorf("the sound broke off: %w", err)
		case rest > 0:
			return fmt.Errorf("the sound ends within a sample, after %d bytes: it broke off, or is no 16-bit PCM", total)
		default:
			_, err := w.Write(t.Flush(out[:0]))
			return err
		}
	}
}

// wavFile reads a whole WAV file of at most so many bytes.
func wavFile(from io.Reader, limit int, w io.Writer) error {
	file, err := io.ReadAll(io.LimitReader(from, int64(limit)+1))
	switch {
	case err != nil:
		return fmt.Errorf("the sound broke off: %w", err)
	case len(file) > limit:
		return fmt.Errorf("the WAV file has more than %d bytes, which is too long for the text", limit)
	case cutShort(file):
		return errors.New("the WAV file is shorter than it says: it broke off")
	}
	sound, err := decodeWAV(file)
	if err != nil {
		return err
	}
	_, err = w.Write(sound)
	return err
}

// decodeWAV gives the sound of a WAV file of any kind.
func decodeWAV(file []byte) ([]byte, error) {
	wav, err := audio.ParseWAV(file)
	if err != nil {
		return nil, fmt.Errorf("WAV file: %w", err)
	}
	from := wav.Format
	if wav.Channels == 2 {
		from.Channels = 2
	}
	t, err := audio.NewTranscoder(from, format)
	if err != nil {
		return nil, fmt.Errorf("WAV file: %w", err)
	}
	return t.Flush(t.Convert(nil, wav.Data)), nil
}

// cutShort says that a WAV file has less than its header promises. Programs that write to
// a pipe promise nothing: a size of 0, or about as much as there can be.
func cutShort(file []byte) bool {
	if len(file) < 8 {
		return true
	}
	size := binary.LittleEndian.Uint32(file[4:])
	return size != 0 && size < 0x7ff00000 && uint64(size)+8 > uint64(len(file))+1 // a pad byte may be missing
}
