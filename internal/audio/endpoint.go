package audio

import (
	"fmt"
	"math/bits"
	"time"
)

// The defaults of Endpointing.
const (
	DefaultStart      = 40 * time.Millisecond
	DefaultEndSilence = 500 * time.Millisecond
)

// The limits of Endpointing.
const (
	maxStart      = 600 * time.Millisecond
	minEndSilence = 100 * time.Millisecond
)

// Endpointing says when speech counts as begun and as ended. Times are rounded
// up to whole frames of 20 ms.
type Endpointing struct {
	// Start is how long a sound may last and still not be a beginning, however
	// loud and voice-like, to within 5 ms. A beginning is decided 10 to 60 ms
	// after a voice has lasted longer. Zero means DefaultStart; more than 600 ms
	// means 600 ms.
	Start time.Duration
	// EndSilence is how much silence makes an end. Zero means
	// DefaultEndSilence; less than 100 ms means 100 ms.
	EndSilence time.Duration
}

// EdgeKind says which end of an utterance an Edge is.
type EdgeKind uint8

// The kinds of Edge. They alternate, beginning with SpeechStart.
const (
	SpeechStart EdgeKind = iota + 1
	SpeechEnd
)

// String gives "speech start" or "speech end".
func (k EdgeKind) String() string {
	switch k {
	case SpeechStart:
		return "speech start"
	case SpeechEnd:
		return "speech end"
	default:
		return fmt.Sprintf("edge kind %d", uint8(k))
	}
}

// Edge is where speech begins or ends, in samples of 8 kHz fed since
// NewEndpointer. At is always before Detected, the sample after the last one
// that was needed to know it.
type Edge struct {
	Kind     EdgeKind
	At       int64
	Detected int64
}

const (
	frameLength = 160 // samples in 20 ms, the step of every decision
	frameTime   = 20 * time.Millisecond

	// lookBack is how many frames an utterance may begin before the ones that
	// made it certain: the s of "seven" has no voice yet.
	lookBack = 15
	// lullLength is how many quiet frames still belong to a stretch of sound.
	lullLength = 3
	// aloneFor is how many frames after a pitch a single frame is still speech,
	// such as the t that ends a word.
	aloneFor = 7
	// faintFrames is how many faint frames may follow the last firm one: a sound
	// dying away is heard for 200 ms on a quiet line and not at all on a noisy
	// one, and the end should be the same.
	faintFrames = 4
)

// Endpointer finds where utterances begin and end in the audio of one call. It
// measures time in samples only: the same samples give the same edges however
// they were cut into messages and whenever they come. It takes about 1.5 KB.
type Endpointer struct {
	detector     detector
	startFrames  int // loud frames that make a beginning
	startWindow  int // frames in which they must lie
	silentFrames int64

	frame  [frameLength]int16
	filled int // samples in frame

	frames    int64  // heard so far
	loud      uint64 // one bit for each of the last frames, the newest is bit 0
	voiced    uint64 // the same, for those that are part of a voice
	stretch   int64  // where the newest stretch of sound began, in frames
	lastLoud  int64  // end of the newest loud frame
	lastVoice int64  // end of the newest voiced frame of the utterance
	faint     int    // voiced frames since the last firm one
	speaking  bool
}

// NewEndpointer makes an endpointer for one call.
func NewEndpointer(c Endpointing) *Endpointer {
	if c.Start <= 0 {
		c.Start = DefaultStart
	}
	// A frame counts when both of its halves are loud. A sound of length n
	// frames can do that to n of them at most, wherever it lies: one more is
	// proof that it is longer.
	n := int((min(c.Start, maxStart)-1)/frameTime) + 1
	e := &Endpointer{startFrames: n + 1, startWindow: n + 1 + max(2, n*2/3)}
	e.SetEndSilence(c.EndSilence)
	e.detector.init()
	return e
}

// SetEndSilence changes Endpointing.EndSilence from the next frame on.
func (e *Endpointer) SetEndSilence(d time.Duration) {
	if d <= 0 {
		d = DefaultEndSilence
	}
	e.silentFrames = int64((max(d, minEndSilence)-1)/frameTime) + 1
}

// Feed takes the next samples, at 8 kHz and any number of them, and appends to
// dst the edges that they make certain.
func (e *Endpointer) Feed(dst []Edge, pcm []int16) []Edge {
	for len(pcm) > 0 {
		n := copy(e.frame[e.filled:], pcm)
		e.filled += n
		pcm = pcm[n:]
		if e.filled == frameLength {
			e.filled = 0
			dst = e.step(dst)
		}
	}
	return dst
}

// Speaking reports whether the newest edge is a SpeechStart.
func (e *Endpointer) Speaking() bool { return e.speaking }

// Reset forgets a running utterance, for a new turn of the same call: the next
// edge is a SpeechStart. What was learned about the line's noise stays, and so
// does the sample count.
func (e *Endpointer) Reset() {
	e.speaking, e.loud, e.voiced = false, 0, 0
	e.stretch, e.lastLoud = e.frames, e.frames
	e.detector.forget()
}

// step judges the frame that is full.
func (e *Endpointer) step(dst []Edge) []Edge {
	open := e.detector.hear(&e.frame, e.speaking)
	if open {
		if e.frames-e.lastLoud > lullLength {
			e.stretch = e.frames
		}
		e.lastLoud = e.frames + 1
	}
	e.frames++
	e.loud = e.loud<<1 | bit(open)
	e.voiced = e.voiced<<1 | bit(e.detector.voice())
	if e.speaking {
		return e.end(dst)
	}
	return e.start(dst)
}

func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// start looks for a beginning: enough sound, and a voice in it. A sharp onset
// gives that in no more frames than it takes, and waits for one more: too soon
// is as wrong as too late. Where sound led up to it, that wait is over.
func (e *Endpointer) start(dst []Edge) []Edge {
	window := e.loud & (1<<e.startWindow - 1)
	since := bits.Len64(e.loud & (1<<(e.startWindow+lookBack) - 1))
	if e.voiced&3 == 0 || bits.OnesCount64(window) < e.startFrames || since <= e.startFrames {
		return dst
	}
	first := e.frames - int64(bits.Len64(window))
	begin := max(min(e.stretch, first), first-lookBack)
	e.speaking, e.lastVoice, e.faint = true, e.frames, 0
	return append(dst, Edge{SpeechStart, begin * frameLength, e.frames * frameLength})
}

// end looks for an end: nothing voiced for long enough. One voiced frame alone
// counts only soon after a pitch; later a click may have made it. Faint ones
// count for a short while.
func (e *Endpointer) end(dst []Edge) []Edge {
	if e.voiced&1 != 0 && (e.detector.voiceAge <= aloneFor || e.voiced&6 != 0) {
		if e.faint++; e.detector.firm {
			e.faint = 0
		}
		if e.faint <= faintFrames {
			e.lastVoice = e.frames
		}
	}
	if e.frames-e.lastVoice < e.silentFrames {
		return dst
	}
	e.speaking, e.loud = false, 0
	e.stretch, e.lastLoud = e.frames, e.frames
	return append(dst, Edge{SpeechEnd, e.lastVoice * frameLength, e.frames * frameLength})
}
