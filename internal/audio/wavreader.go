package audio

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

const (
	// unknownSize is the least data size that a program writes when it cannot
	// seek back: espeak-ng says 0x7FFFF000, ffmpeg and sox 0xFFFFFFFF or close to
	// it.
	unknownSize = 0x7FFFF000
	// mostHeader is how much a stream may bring before its sound.
	mostHeader = 64 << 10
	// formatBytes are those of a fmt chunk that are read.
	formatBytes = 40
)

// wavReader finds the sound in a WAV file that comes in pieces of any size. It
// is forgiving where the sound is beyond doubt: unknown chunks, sizes never
// filled in, a file cut short. The zero wavReader is ready for a file.
type wavReader struct {
	limit int64 // bytes before the sound that are too many; zero for none
	step  wavStep
	at    int64  // bytes taken
	held  []byte // of a header, as far as it has come
	need  int    // bytes that make it whole
	chunk struct {
		id    string
		size  int64
		began int64
	}
	left   int64  // bytes of the chunk that are still to come
	walked int    // bytes of held that are whole chunks, when the sound's size is zero
	format Format // of the sound as stored; no rate before the fmt chunk was read
	err    error
}

// wavStep is what comes next.
type wavStep uint8

const (
	inRIFF   wavStep = iota // the header of the file
	inHeader                // that of a chunk
	inFormat                // the beginning of a fmt chunk
	inChunk                 // the rest of a chunk that is of no interest
	inPad                   // what shows whether a chunk of odd size was padded
	inDoubt                 // sound, or chunks after a sound of no length
	inSound
	afterSound
)

// newWAVStream makes a reader for a file whose writer may never come to the
// point.
func newWAVStream() *wavReader { return &wavReader{limit: mostHeader} }

// next takes some of src and returns the sound in it, which shares its memory,
// and what of src is left. The sound is in r.format.
func (r *wavReader) next(src []byte) (sound, rest []byte, err error) {
	if r.err != nil {
		return nil, nil, r.err
	}
	n := len(src)
	switch r.step {
	case afterSound:
		return nil, nil, nil
	case inSound, inChunk:
		n = int(min(int64(n), r.left))
		r.left -= int64(n)
	case inDoubt:
		n = min(n, mostHeader-len(r.held))
	default:
		if r.step == inRIFF {
			r.need = 12
		}
		n = min(n, r.need-len(r.held))
	}
	r.at += int64(n)
	sound, r.err = r.take(src[:n:n])
	return sound, src[n:], r.err
}

// take moves on by a piece that ends no later than the step does.
func (r *wavReader) take(piece []byte) (sound []byte, err error) {
	switch r.step {
	case inSound:
		if r.left == 0 {
			r.step = afterSound
		}
		return piece, nil
	case inChunk:
		if r.left == 0 {
			r.endChunk()
		}
		return nil, nil
	case inDoubt:
		r.held = append(r.held, piece...)
		return r.decide(), nil
	}
	r.held = append(r.held, piece...)
	if len(r.held) < r.need {
		return nil, nil
	}
	switch r.step {
	case inRIFF:
		err = r.riff()
	case inFormat:
		err = r.readFormat()
	case inPad:
		r.pad()
	default:
		err = r.begin()
	}
	return nil, err
}

// end says that the file is complete. It returns sound that was in doubt.
func (r *wavReader) end() (sound []byte, err error) {
	switch {
	case r.err != nil:
		return nil, r.err
	case r.step == inRIFF:
		return nil, r.riff()
	case r.step == inFormat, r.step == inChunk:
		return nil, r.pastEnd()
	case r.step == inHeader, r.step == inPad:
		return nil, &FormatError{"end of file before any data chunk", r.at}
	case r.step == inDoubt && !r.onlyChunks():
		return r.held, nil
	}
	return nil, nil
}

func (r *wavReader) pastEnd() error {
	return &FormatError{fmt.Sprintf("chunk %q of %d bytes goes past the end", r.chunk.id, r.chunk.size), r.chunk.began}
}

func (r *wavReader) riff() error {
	if b := r.held; len(b) < 12 || string(b[:4]) != "RIFF" || string(b[8:12]) != "WAVE" {
		return &FormatError{fmt.Sprintf("no WAV header but %q", b), 0}
	}
	r.expect(inHeader, 8)
	return nil
}

// expect waits for so many bytes of something.
func (r *wavReader) expect(step wavStep, bytes int) {
	r.step, r.need, r.held = step, bytes, r.held[:0]
}

// begin reads the header of a chunk.
func (r *wavReader) begin() error {
	r.chunk.id, r.chunk.size = string(r.held[:4]), int64(binary.LittleEndian.Uint32(r.held[4:]))
	r.chunk.began = r.at - 8
	if r.chunk.id == "data" {
		return r.beginSound()
	}
	if r.limit > 0 && r.at+r.chunk.size > r.limit {
		return &FormatError{fmt.Sprintf("chunk %q of %d bytes, more than %d before the sound", r.chunk.id, r.chunk.size, r.limit), r.chunk.began}
	}
	if r.chunk.id != "fmt " {
		r.skip(r.chunk.size)
		return nil
	}
	r.expect(inFormat, int(min(r.chunk.size, formatBytes)))
	if r.need == 0 {
		return r.readFormat()
	}
	return nil
}

// beginSound reads the header of the data chunk. A size of zero stands for an
// unknown one, unless only chunks follow.
func (r *wavReader) beginSound() error {
	if r.format.Rate == 0 {
		return &FormatError{"data chunk before any fmt chunk", r.chunk.began}
	}
	r.step, r.left = inSound, r.chunk.size
	switch {
	case r.left == 0:
		r.expect(inDoubt, mostHeader)
	case r.left >= unknownSize:
		r.left = math.MaxInt64
	}
	return nil
}

// readFormat reads the beginning of a fmt chunk.
func (r *wavReader) readFormat() error {
	format, fault := parseFormat(r.held)
	if fault != "" {
		return &FormatError{fault, r.chunk.began}
	}
	r.format = format
	r.skip(r.chunk.size - int64(len(r.held)))
	return nil
}

// skip passes over the rest of a chunk.
func (r *wavReader) skip(bytes int64) {
	r.step, r.left = inChunk, bytes
	if bytes == 0 {
		r.endChunk()
	}
}

func (r *wavReader) endChunk() {
	if r.chunk.size%2 == 0 {
		r.expect(inHeader, 8)
	} else {
		r.expect(inPad, 4)
	}
}

// pad drops the pad byte of a chunk of odd size, unless its writer forgot it
// and a chunk that matters begins at once.
func (r *wavReader) pad() {
	if id := string(r.held); id != "data" && id != "fmt " {
		r.held = append(r.held[:0], r.held[1:]...)
	}
	r.step, r.need = inHeader, 8
}

// decide returns what is held as soon as it cannot be chunks any more.
func (r *wavReader) decide() []byte {
	if r.walk() && len(r.held) < mostHeader {
		return nil
	}
	sound := r.held
	r.step, r.left, r.held = inSound, math.MaxInt64, nil
	return sound
}

// walk moves over the whole chunks in held and reports whether the rest may be
// the beginning of another.
func (r *wavReader) walk() bool {
	for {
		b := r.held[r.walked:]
		for _, c := range b[:min(4, len(b))] {
			if c < ' ' || c > '~' {
				return false
			}
		}
		if len(b) < 8 {
			return true
		}
		size := binary.LittleEndian.Uint32(b[4:])
		if size > mostHeader {
			return false
		}
		whole := 8 + int(size+size%2)
		if len(b) < whole {
			return true
		}
		r.walked += whole
	}
}

// onlyChunks reports whether held is made of chunks that end at its end.
func (r *wavReader) onlyChunks() bool {
	b := r.held[r.walked:]
	return len(b) == 0 || len(b) > 8 && len(b)%2 == 1 && binary.LittleEndian.Uint32(b[4:]) == uint32(len(b)-8)
}

// all reads a whole file.
func (r *wavReader) all(b []byte) (sound []byte, err error) {
	for len(b) > 0 {
		var more []byte
		if more, b, err = r.next(b); err != nil {
			return nil, err
		}
		sound = join(sound, more)
	}
	rest, err := r.end()
	return join(sound, rest), err
}

// join copies only where both have something.
func join(a, b []byte) []byte {
	if len(a) == 0 {
		return b
	}
	return append(slices.Clip(a), b...)
}
