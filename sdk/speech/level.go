package speech

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"time"
)

// What the speech of all engines is made to be.
const (
	targetLevel = -22 // dBov of active speech: -16 dBm0, within what ITU-T P.830 calls nominal
	quiet       = -50 // dBov; a frame below is a pause
	margin      = 16  // dB that active speech may be below its mean, about that of ITU-T P.56
	maxGain     = 24  // dB, either way
	knee        = 0.7 // of full scale: what is louder is bent, so that nothing is clipped

	frameTime = 20 * time.Millisecond

	frame    = Rate / 50 // samples
	hush     = 150       // frames of silence with which the speech of plain text may begin
	lead     = 1         // frames of silence left before speech, and behind it
	trail    = 3
	ramp     = Rate / 200 // samples over which speech begins and ends
	enough   = 50         // frames of speech that tell a voice's level
	forgets  = 1500       // frames after which what was learned counts half
	pcmBytes = 2          // of a sample
)

// leveled brings an engine's speech to the target level and cuts the silence around it.
// What one voice of it is like is learned from what it says.
type leveled struct {
	Engine
	recordings bool // which are as long as they are
	mu         sync.Mutex
	voices     map[Request]*loudness // by language and voice
}

func newLeveled(e Engine) *leveled {
	_, recordings := e.(holder)
	return &leveled{Engine: e, recordings: recordings, voices: map[Request]*loudness{}}
}

// loudness is the active speech of one voice so far.
type loudness struct {
	power  float64 // sum over the frames, of full scale squared
	frames float64
}

// Synthesize implements Synthesizer.
func (l *leveled) Synthesize(ctx context.Context, r Request, w io.Writer) error {
	voice := Request{Language: r.Language, Voice: r.Voice}
	f := &finisher{to: w, most: int(most(r) / frameTime), hush: hush}
	if r.SSML != "" { // it may ask for a pause
		f.hush = f.most
	}
	if l.recordings {
		f.most, f.hush = math.MaxInt, math.MaxInt
	}
	l.mu.Lock()
	if known := l.voices[voice]; known != nil {
		f.gain = known.gain()
	}
	l.mu.Unlock()
	if err := l.Engine.Synthesize(ctx, r, f); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	l.learn(voice, f.powers)
	return nil
}

// most is how long a request may be spoken: an engine that takes longer is broken.
func most(r Request) time.Duration {
	return 10*time.Second + time.Duration(max(len(r.Text), len(r.SSML)))*250*time.Millisecond
}

// maxVoices bounds what is known of voices: their names may come from outside.
const maxVoices = 1000

func (l *leveled) learn(voice Request, powers []float64) {
	power, n := active(powers)
	l.mu.Lock()
	defer l.mu.Unlock()
	known := l.voices[voice]
	if known == nil {
		if len(l.voices) >= maxVoices {
			return
		}
		known = &loudness{}
		l.voices[voice] = known
	}
	if known.power, known.frames = known.power+power, known.frames+float64(n); known.frames > forgets {
		known.power, known.frames = known.power/2, known.frames/2
	}
}

func (l *loudness) gain() float64 {
	if l.frames == 0 {
		return 0
	}
	return gainFor(l.power / l.frames)
}

// gainFor is the factor that brings speech of a mean power to the target.
func gainFor(power float64) float64 {
	decibels := min(max(targetLevel-10*math.Log10(power), -maxGain), maxGain)
	return math.Pow(10, decibels/20)
}

// active sums the power of the frames that are speech: all but those that are far below
// the mean of the others.
func active(powers []float64) (sum float64, n int) {
	threshold := math.Pow(10, quiet/10.0)
	for range 3 {
		sum, n = 0, 0
		for _, p := range powers {
			if p > threshold {
				sum, n = sum+p, n+1
			}
		}
		if n == 0 {
			return 0, 0
		}
		threshold = max(threshold, sum/float64(n)*math.Pow(10, -margin/10.0))
	}
	return sum, n
}

// finisher takes an engine's speech and writes it as it is to be heard.
type finisher struct {
	to     io.Writer
	most   int     // frames that it may have
	hush   int     // frames of silence with which it may begin
	gain   float64 // 0: not known yet
	rest   []byte  // less than a frame
	begun  bool
	pause  [][]int16 // that may be the end
	early  [][]int16 // what waits for a gain
	loud   int       // frames of speech
	powers []float64
	last   []int16 // the last frame, which may be the end
	first  bool    // a frame was written
	out    []byte
}

// Write implements io.Writer.
func (f *finisher) Write(b []byte) (int, error) {
	f.rest = append(f.rest, b...)
	for len(f.rest) >= frame*pcmBytes {
		err := f.hear(f.rest[:frame*pcmBytes])
		f.rest = f.rest[frame*pcmBytes:]
		if err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

// Close writes what is left.
func (f *finisher) Close() error {
	if n := len(f.rest); n >= pcmBytes {
		if err := f.hear(append(f.rest[:n-n%pcmBytes], make([]byte, frame*pcmBytes-n+n%pcmBytes)...)); err != nil {
			return err
		}
	}
	f.pause = f.pause[:min(len(f.pause), trail)]
	if !f.begun {
		return errors.New("it made no sound")
	}
	if f.gain == 0 {
		f.settle()
	}
	for _, frames := range [][][]int16{f.early, f.pause} {
		for _, x := range frames {
			if err := f.pass(x); err != nil {
				return err
			}
		}
	}
	return f.write(f.last, true)
}

func (f *finisher) settle() {
	f.gain = 1
	if power, n := active(f.powers); n > 0 {
		f.gain = gainFor(power / float64(n))
	}
}

// hear takes a frame.
func (f *finisher) hear(b []byte) error {
	switch n := len(f.powers); {
	case n >= f.most:
		return fmt.Errorf("it went on for more than %v, which is too long for the text", time.Duration(f.most)*frameTime)
	case n >= f.hush && !f.begun:
		return fmt.Errorf("it began with more than %v of silence", time.Duration(f.hush)*frameTime)
	}
	x := make([]int16, frame)
	sum := 0.0
	for i := range x {
		x[i] = int16(binary.LittleEndian.Uint16(b[pcmBytes*i:]))
		sum += float64(x[i]) * float64(x[i])
	}
	power := sum / frame / (1 << 30)
	f.powers = append(f.powers, power)
	if power < math.Pow(10, quiet/10.0) {
		f.pause = append(f.pause, x)
		if !f.begun {
			f.pause = f.pause[max(0, len(f.pause)-lead):]
		}
		return nil
	}
	f.begun = true
	f.loud++
	f.early = append(append(f.early, f.pause...), x)
	f.pause = nil
	if f.gain == 0 && f.loud < enough {
		return nil
	}
	if f.gain == 0 {
		f.settle()
	}
	for _, x := range f.early {
		if err := f.pass(x); err != nil {
			return err
		}
	}
	f.early = f.early[:0]
	return nil
}

// pass writes the frame before, now that it is not the last.
func (f *finisher) pass(x []int16) error {
	before := f.last
	f.last = x
	return f.write(before, false)
}

func (f *finisher) write(x []int16, end bool) error {
	if x == nil {
		return nil
	}
	f.out = f.out[:0]
	for i, sample := range x {
		y := f.gain * float64(sample) / (1 << 15)
		if a := math.Abs(y); a > knee {
			y = math.Copysign(knee+(1-knee)*math.Tanh((a-knee)/(1-knee))*0.95, y)
		}
		if !f.first && i < ramp {
			y *= float64(i) / ramp
		}
		if left := len(x) - 1 - i; end && left < ramp {
			y *= float64(left) / ramp
		}
		f.out = binary.LittleEndian.AppendUint16(f.out, uint16(int16(y*(1<<15))))
	}
	f.first = true
	_, err := f.to.Write(f.out)
	return err
}
