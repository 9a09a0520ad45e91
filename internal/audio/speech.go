package audio

import "math"

// The numbers of the detector. Levels are in dB, times in frames of 20 ms.
const (
	openAbove = 8   // dB above the floor: a sound begins
	holdAbove = 5   // dB above the floor: it goes on
	hissAbove = 2.5 // the same for its upper half, while speaking
	clearPart = 23  // dB below the loudest of late: what is quieter is faint
	fade      = 0.1 // dB in a frame by which that loudest is forgotten
	leastOpen = -55 // dBov; nothing below is speech
	leastHold = -58
	halfBelow = 3 // dB that half a frame may be below that

	learning   = 5     // frames that only teach the floor
	lowFloor   = -66   // dBov; a digital silence teaches no less
	highFloor  = -30   // dBov; the first frames may be speech and teach no more
	fallRate   = 0.2   // part of the gap that the floor closes in a frame
	riseRate   = 0.05  // the same upwards
	speechRate = 0.002 // and upwards while someone speaks
	lowFrames  = 50    // half of the time in which a voice must fall silent once

	clickAbove = 20 // dB above the floor; one frame so loud is no sign of a voice
	vouchFor   = 15 // frames for which a voice heard vouches for what follows
	recheck    = 4  // frames for which nobody looks again, while speaking
	pitchRuns  = 2  // frames in a row with pitch that make a voice; one keeps it up
	pitchPeak  = 0.5
	pitchReach = 3 * frameLength / 2 // 60 ms at 4 kHz
	firstLag   = 4000 / 400          // 400 Hz
	lastLag    = 4000 / 66           // 66 Hz
)

// detector tells a voice from the noise of a line, one frame at a time. Sound
// counts when it rises above a tracked noise floor, and it is a voice when it
// had pitch a moment ago: breath, clicks and a louder line have none.
//
// While someone speaks it also listens for hiss, the band above 2 kHz. The s or
// f that ends a word is weak, but there it meets the least of a line's noise.
type detector struct {
	highPass biquad
	hissPass biquad
	lowPass  [2]biquad
	history  [pitchReach]float32 // the last 60 ms between 180 and 800 Hz

	floor    noiseFloor // of the band above 180 Hz
	hiss     noiseFloor // of the band above 2 kHz
	taught   int        // frames learned from, up to learning
	lowAge   int        // frames since the last look at the lowest levels
	peak     float64    // dBov; the loudest of late
	open     bool       // the last frame was above the floor or its hiss was
	full     bool       // all of its band was
	clear    bool       // and it was not far below the loudest
	firm     bool       // and a click cannot have made it so
	pitched  int        // frames in a row with pitch
	voiceAge int        // frames since that made a voice
}

func (d *detector) init() {
	d.highPass, d.hissPass, d.lowPass = highPass180, highPass2000, lowPass800
	d.floor.lowest, d.floor.lowPast = lowFloor, lowFloor
	d.hiss = d.floor
	d.forget()
}

// forget drops what is known of a voice and keeps what is known of the noise.
func (d *detector) forget() {
	d.open, d.full, d.clear, d.firm = false, false, false, false
	d.peak, d.pitched, d.voiceAge = lowFloor, 0, vouchFor+1
}

// hear takes the next frame and reports whether all of it is above the noise.
// While speaking the floor hardly rises, so that no long vowel becomes noise.
func (d *detector) hear(frame *[frameLength]int16, speaking bool) bool {
	sound, hiss := d.filter(frame)
	fullBefore, clearBefore := d.full, d.clear
	d.compare(sound, hiss, speaking)
	d.learn(sound.whole, hiss.whole, speaking)
	if d.voiceAge <= vouchFor {
		d.voiceAge++
	}
	// Any burst may look periodic at first, a click above all.
	burst := !fullBefore && (!speaking || sound.whole > d.floor.level+clickAbove)
	switch {
	case !d.full || burst:
		d.pitched = 0
	case speaking && d.voiceAge < recheck: // the search is most of the cost
	default:
		d.listen(frame, speaking)
	}
	d.firm = d.clear && (clearBefore || d.voiceAge <= recheck)
	return d.open
}

// compare holds a frame against the noise and against the loudest of late.
func (d *detector) compare(sound, hiss loudness, speaking bool) {
	above, least := float64(openAbove), float64(leastOpen)
	if d.open || speaking {
		above, least = holdAbove, leastHold
	}
	ready := d.taught >= learning
	d.full = ready && sound.above(max(d.floor.level+above, least))
	d.open = d.full || ready && speaking && hiss.above(max(d.hiss.level+hissAbove, least))
	if !d.open && !speaking {
		d.peak = lowFloor
	}
	d.peak = max(d.peak-fade, sound.quieter)
	d.clear = d.full && sound.above(max(d.floor.level+holdAbove, d.peak-clearPart))
}

// voice reports whether what is heard now counts as part of someone's speech.
func (d *detector) voice() bool { return d.open && d.voiceAge <= vouchFor }

// listen looks for a voice in a frame that is above the noise.
func (d *detector) listen(frame *[frameLength]int16, speaking bool) {
	if !d.pitch() {
		d.pitched = 0
		return
	}
	if isDTMF(frame) {
		d.pitched, d.voiceAge = 0, vouchFor+1
		return
	}
	if d.pitched++; speaking || d.pitched >= pitchRuns {
		d.voiceAge = 0
	}
}

// learn moves the noise floors towards the levels of a frame.
func (d *detector) learn(sound, hiss float64, speaking bool) {
	d.lowAge++
	look := d.lowAge >= lowFrames
	if look {
		d.lowAge = 0
	}
	first := d.taught == 0
	if d.taught < learning {
		sound, hiss = min(sound, highFloor), min(hiss, highFloor)
		d.taught++
	}
	d.floor.learn(sound, first, speaking, look)
	d.hiss.learn(hiss, first, speaking, look)
}

// noiseFloor follows the noise in a band. Its levels are in dBov.
type noiseFloor struct {
	level   float64
	lowest  float64 // of the quietest frame since the last look
	lowPast float64 // of the quietest in the time before
}

func (f *noiseFloor) learn(level float64, first, speaking, look bool) {
	level = max(level, lowFloor)
	if first {
		f.level = level
	}
	rate := riseRate
	switch {
	case level < f.level:
		rate = fallRate
	case speaking:
		rate = speechRate
	}
	f.level += (level - f.level) * rate

	// What has not paused for a second or two is no voice, whatever it sounds
	// like: a fan, a tone, a hum that began while someone spoke.
	f.lowest = min(f.lowest, level)
	if look {
		f.level = max(f.level, min(f.lowest, f.lowPast))
		f.lowPast, f.lowest = f.lowest, level
	}
}

// loudness is that of a frame and of its quieter half, in dBov: a click fills
// one half at most.
type loudness struct{ whole, quieter float64 }

// loudnessOf takes the sum of squares of each half.
func loudnessOf(halves [2]float32) loudness {
	return loudness{decibels((halves[0] + halves[1]) / 2), decibels(min(halves[0], halves[1]))}
}

func (l loudness) above(threshold float64) bool {
	return l.whole > threshold && l.quieter > threshold-halfBelow
}

// filter runs a frame through the filters and keeps what pitch needs. It
// returns how loud the frame is above 180 Hz and above 2 kHz.
func (d *detector) filter(frame *[frameLength]int16) (sound, hiss loudness) {
	copy(d.history[:], d.history[frameLength/2:])
	low := d.history[pitchReach-frameLength/2:]
	var halves, high [2]float32
	for i, s := range frame {
		x := d.highPass.next(float32(s))
		halves[i/(frameLength/2)] += x * x
		h := d.hissPass.next(x)
		high[i/(frameLength/2)] += h * h
		x = d.lowPass[1].next(d.lowPass[0].next(x))
		if i%2 == 1 {
			low[i/2] = x
		}
	}
	d.highPass.settle()
	d.hissPass.settle()
	d.lowPass[0].settle()
	d.lowPass[1].settle()
	return loudnessOf(halves), loudnessOf(high)
}

// decibels gives the level of half a frame with that sum of squares.
func decibels(energy float32) float64 {
	const full = frameLength / 2 * 32768 * 32768
	return 10 * math.Log10(float64(energy)/full+1e-12)
}

// pitch reports whether the last 60 ms repeat themselves at a rate of 66 to
// 400 Hz.
func (d *detector) pitch() bool {
	x := d.history[:]
	total := sumSquares(x)
	head, tail := total, total // energy without the last, without the first lag samples
	for lag := 1; lag <= lastLag; lag++ {
		head -= x[pitchReach-lag] * x[pitchReach-lag]
		tail -= x[lag-1] * x[lag-1]
		if lag < firstLag {
			continue
		}
		same := dot(x[lag:], x[:pitchReach-lag])
		if same > 0 && same*same > pitchPeak*pitchPeak*head*tail {
			return true
		}
	}
	return false
}

func sumSquares(x []float32) float32 { return dot(x, x) }

// The tones of the keys, in hertz.
var dtmfRows, dtmfColumns = [4]float64{697, 770, 852, 941}, [4]float64{1209, 1336, 1477, 1633}

const (
	dtmfPart  = 0.85 // of the energy that the two tones must have; a voice stays far below
	dtmfTwist = 16   // at most so many times stronger is one than the other
)

// isDTMF reports whether a frame is nothing but the two tones of a key. They
// are periodic and loud like a vowel, but a vowel has more than two partials.
func isDTMF(frame *[frameLength]int16) bool {
	share, twist := dtmfShare(frame)
	return share > dtmfPart && twist < dtmfTwist
}

// dtmfShare is the part of a frame's energy in its strongest row and column
// tone, and how many times the one is stronger than the other.
func dtmfShare(frame *[frameLength]int16) (share, twist float64) {
	var x [frameLength]float32
	for i, s := range frame {
		x[i] = float32(s)
	}
	total := float64(sumSquares(x[:]))
	if total == 0 {
		return 0, 0
	}
	row, column := strongest(&x, &goertzelRows), strongest(&x, &goertzelColumns)
	return (row + column) / total, max(row, column) / max(min(row, column), 1e-9)
}

var goertzelRows, goertzelColumns = goertzel(dtmfRows), goertzel(dtmfColumns)

func goertzel(hertz [4]float64) (c [4]float32) {
	for i, f := range hertz {
		c[i] = float32(2 * math.Cos(2*math.Pi*f/8000))
	}
	return c
}

// strongest is the energy of the strongest of four tones, by Goertzel's
// recurrence. All four go side by side, as each step waits for the one before.
func strongest(x *[frameLength]float32, c *[4]float32) float64 {
	var a0, a1, b0, b1, c0, c1, d0, d1 float32
	for _, v := range x {
		a0, a1 = v+c[0]*a0-a1, a0
		b0, b1 = v+c[1]*b0-b1, b0
		c0, c1 = v+c[2]*c0-c1, c0
		d0, d1 = v+c[3]*d0-d1, d0
	}
	power := max(a0*a0+a1*a1-c[0]*a0*a1, b0*b0+b1*b1-c[1]*b0*b1,
		c0*c0+c1*c1-c[2]*c0*c1, d0*d0+d1*d1-c[3]*d0*d1)
	return float64(power) * 2 / frameLength
}

// biquad is a filter of second order with its state.
type biquad struct {
	b0, b1, b2, a1, a2 float32
	s1, s2             float32
}

func (f *biquad) next(x float32) float32 {
	y := f.b0*x + f.s1
	f.s1 = f.b1*x - f.a1*y + f.s2
	f.s2 = f.b2*x - f.a2*y
	return y
}

// settle ends the endless fading of a filter in a silence: numbers that small
// are a hundred times slower to compute with.
func (f *biquad) settle() {
	if f.s1*f.s1+f.s2*f.s2 < 1e-12 {
		f.s1, f.s2 = 0, 0
	}
}

var (
	highPass180  = newBiquad(180, math.Sqrt2/2, true)
	highPass2000 = newBiquad(2000, math.Sqrt2/2, true)
	// A Butterworth filter of fourth order, in its two halves.
	lowPass800 = [2]biquad{newBiquad(800, 0.5412, false), newBiquad(800, 1.3066, false)}
)

// newBiquad designs a filter by the bilinear transform of an analogue one.
func newBiquad(hertz, q float64, high bool) biquad {
	w := 2 * math.Pi * hertz / 8000
	alpha, cos := math.Sin(w)/(2*q), math.Cos(w)
	a0 := 1 + alpha
	edge, middle := (1-cos)/2, 1-cos
	if high {
		edge, middle = (1+cos)/2, -(1 + cos)
	}
	return biquad{
		b0: float32(edge / a0), b1: float32(middle / a0), b2: float32(edge / a0),
		a1: float32(-2 * cos / a0), a2: float32((1 - alpha) / a0),
	}
}
