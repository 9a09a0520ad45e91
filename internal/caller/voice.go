package caller

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/byova-host/byova-host/internal/audio"
)

// pauseInside is the longest pause that belongs to one stretch of speech. A
// server may end an utterance in a longer one without cutting the caller off.
const pauseInside = 300 * time.Millisecond

// voice is the caller's side of the line: what is being said, frame by frame.
type voice struct {
	size    int      // bytes in one frame
	silence [][]byte // a second of quiet line, repeated
	quiet   int      // next frame of silence
	speech  []byte   // left to say
	loud    []bool   // for each frame of speech: part of a stretch of speech
	heard   bool     // some of the current speech was sent to the server
}

// newVoice is the voice on a line that sounds like still when nothing is said.
func newVoice(still [][]byte) *voice { return &voice{size: len(still[0]), silence: still} }

// stillLine is a second of a quiet line in frames. Calls may share it.
func stillLine(frame time.Duration, noise int) (frames [][]byte) {
	random := rand.New(rand.NewPCG(1, 2)) // the same line in each run
	for range max(1, int(time.Second/frame)) {
		samples := make([]int16, audio.Telephone.Bytes(frame))
		for i := range samples {
			if noise > 0 {
				samples[i] = int16(random.IntN(2*noise+1) - noise)
			}
		}
		frames = append(frames, audio.EncodeMuLaw(nil, samples))
	}
	return frames
}

// say begins to speak. The last frame is filled up with silence.
func (v *voice) say(muLaw []byte) {
	v.speech = append([]byte(nil), muLaw...)
	for len(v.speech)%v.size != 0 {
		v.speech = append(v.speech, audio.MuLawSilence)
	}
	v.loud, v.heard = speechFrames(v.speech, v.size), false
}

// noise begins to make a sound that is no speech.
func (v *voice) noise(muLaw []byte) {
	v.say(muLaw)
	clear(v.loud)
}

// speaking reports whether something is left to say.
func (v *voice) speaking() bool { return len(v.speech) > 0 }

// still is a frame of a quiet line.
func (v *voice) still() []byte {
	v.quiet = (v.quiet + 1) % len(v.silence)
	return v.silence[v.quiet]
}

// frame is what the line carries during one tick, and whether it is speech.
// The caller must not change it.
func (v *voice) frame() (frame []byte, speech bool) {
	if !v.speaking() {
		return v.still(), false
	}
	frame, v.speech = v.speech[:v.size], v.speech[v.size:]
	speech, v.loud = v.loud[0], v.loud[1:]
	return frame, speech
}

// speechFrames finds the frames that hold speech, so that a server is judged by
// what was said and not by where a file begins and ends. A frame counts within
// 35 dB of the loudest and above -55 dBov; short pauses count as speech.
func speechFrames(muLaw []byte, size int) []bool {
	levels := make([]float64, 0, len(muLaw)/size)
	top := math.Inf(-1)
	var samples []int16
	for ; len(muLaw) >= size; muLaw = muLaw[size:] {
		samples = audio.DecodeMuLaw(samples[:0], muLaw[:size])
		level := dBov(samples)
		levels, top = append(levels, level), max(top, level)
	}
	loud := make([]bool, len(levels))
	last := -1
	most := int(pauseInside / lengthOf(size))
	for i, level := range levels {
		if level < max(top-35, -55) {
			continue
		}
		loud[i] = true
		if last >= 0 && i-last <= most {
			for j := last; j < i; j++ {
				loud[j] = true
			}
		}
		last = i
	}
	return loud
}

// dBov is the level against a full-scale square wave.
func dBov(samples []int16) float64 {
	var sum float64
	for _, s := range samples {
		sum += float64(s) * float64(s)
	}
	return 10 * math.Log10(sum/float64(max(1, len(samples)))/(32768*32768)+1e-12)
}
