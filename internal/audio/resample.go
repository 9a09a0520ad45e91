package audio

import (
	"fmt"
	"math"
	"slices"
	"sync"
)

// The filter is a sinc under a Kaiser window. With these numbers a tone of up to
// 3.3 kHz comes out with an error 84 dB or more below it, usually 90 to 100, and
// one that the new rate cannot carry with 80 dB less.
const (
	halfLength = 32   // reach to each side, in samples of the slower rate
	kaiserBeta = 8.6  // shape of the window: how deep the stop band is
	passBand   = 0.93 // cut-off as a part of the lower Nyquist frequency

	maxPhases   = 512 // a ratio with more phases is interpolated between these
	maxShared   = 16  // filters kept for reuse, each below 800 KB
	blockLength = 512 // input samples filtered at a time
)

// Resampler changes the sample rate of one stream. Output sample k belongs to
// the moment of input sample k*from/to; since the filter looks ahead, it comes
// out 4 ms later than that, and Flush brings the last ones. A Resampler takes
// 2 to 4 KB; the filters of up to 16 pairs of rates are shared by all of them.
type Resampler struct {
	filter *filter
	buf    []float32 // input that later outputs still need
	filled int       // how many samples of buf are input
	next   int       // index in buf of the first tap of the next output
	phase  int       // what is left of its position, in 1/up of a sample
}

// NewResampler converts from one rate to another, both in hertz. It refuses
// rates outside MinRate to MaxRate.
func NewResampler(from, to int) (*Resampler, error) {
	for _, rate := range []int{from, to} {
		if rate < MinRate || rate > MaxRate {
			return nil, fmt.Errorf("resample %d to %d Hz: rates go from %d to %d", from, to, MinRate, MaxRate)
		}
	}
	r := &Resampler{filter: sharedFilter(from, to)}
	r.buf = make([]float32, r.filter.taps+blockLength)
	r.restart()
	return r, nil
}

// restart puts silence before the first sample, so that output 0 is centred on
// input 0.
func (r *Resampler) restart() {
	r.filled, r.next, r.phase = r.filter.taps/2-1, 0, 0
	clear(r.buf[:r.filled])
}

// Resample appends to dst what can be computed from the input so far.
func (r *Resampler) Resample(dst, src []int16) []int16 {
	if r.filter.up == r.filter.down {
		return append(dst, src...)
	}
	dst = slices.Grow(dst, len(src)*r.filter.up/r.filter.down+1)
	for len(src) > 0 {
		n := min(len(src), len(r.buf)-r.filled)
		for i, s := range src[:n] {
			r.buf[r.filled+i] = float32(s)
		}
		r.filled += n
		src = src[n:]
		dst = r.drain(dst)
	}
	return dst
}

// Flush appends the rest of the stream to dst, as if silence followed, and
// makes r ready for a new stream. N samples in give N*to/from out, rounded up.
func (r *Resampler) Flush(dst []int16) []int16 {
	if r.filter.up == r.filter.down {
		return dst
	}
	for ahead := r.filter.taps / 2; ahead > 0; {
		n := min(ahead, len(r.buf)-r.filled)
		clear(r.buf[r.filled : r.filled+n])
		r.filled += n
		ahead -= n
		dst = r.drain(dst)
	}
	r.restart()
	return dst
}

// drain computes every output whose taps are all there and drops the input
// that no later output needs.
func (r *Resampler) drain(dst []int16) []int16 {
	f := r.filter
	for r.next+f.taps <= r.filled {
		dst = append(dst, f.at(r.buf[r.next:r.next+f.taps], r.phase))
		r.phase += f.down
		r.next += r.phase / f.up
		r.phase %= f.up
	}
	copy(r.buf, r.buf[r.next:r.filled])
	r.filled -= r.next
	r.next = 0
	return dst
}

// filter holds the coefficients for one ratio of rates. It is never written
// once it is made, so any number of streams read it.
type filter struct {
	up, down int       // output and input rate without their common factor
	taps     int       // coefficients in a row
	phases   int       // rows, and one more for interpolating after the last
	rows     []float32 // row p is for an output p/phases after an input sample
}

// at computes one output sample, phase/up of a sample after the middle of x.
func (f *filter) at(x []float32, phase int) int16 {
	row, between := phase*f.phases/f.up, phase*f.phases%f.up
	y := dot(x, f.rows[row*f.taps:])
	if between != 0 {
		after := dot(x, f.rows[(row+1)*f.taps:])
		y += (after - y) * float32(between) / float32(f.up)
	}
	return int16(math.RoundToEven(float64(min(max(y, math.MinInt16), math.MaxInt16))))
}

// dot multiplies in four sums, which the processor can do side by side.
func dot(x, c []float32) float32 {
	var a, b, d, e float32
	c = c[:len(x)]
	for len(x) >= 4 && len(c) >= 4 {
		a += x[0] * c[0]
		b += x[1] * c[1]
		d += x[2] * c[2]
		e += x[3] * c[3]
		x, c = x[4:], c[4:]
	}
	return (a + b) + (d + e)
}

// filters keeps what sharedFilter made, by ratio.
var filters struct {
	sync.Mutex
	made map[[2]int]*filter
}

// sharedFilter returns the filter for two rates. Only the first maxShared
// ratios are kept: a peer that tries every rate must not fill the memory.
func sharedFilter(from, to int) *filter {
	g := gcd(from, to)
	ratio := [2]int{to / g, from / g}
	filters.Lock()
	defer filters.Unlock()
	if f := filters.made[ratio]; f != nil {
		return f
	}
	f := newFilter(ratio[0], ratio[1])
	if filters.made == nil {
		filters.made = make(map[[2]int]*filter)
	}
	if len(filters.made) < maxShared {
		filters.made[ratio] = f
	}
	return f
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func newFilter(up, down int) *filter {
	slower := max(1, float64(down)/float64(up)) // input samples in one of the slower rate
	half := 2 * int(math.Ceil(halfLength*slower/2))
	f := &filter{up: up, down: down, taps: 2 * half, phases: min(up, maxPhases)}
	f.rows = make([]float32, (f.phases+1)*f.taps)
	if up == down {
		return f
	}
	weights := make([]float64, f.taps)
	for p := range f.phases + 1 {
		sum := 0.0
		for j := range weights {
			t := float64(p)/float64(f.phases) + float64(half-1-j)
			weights[j] = sinc(passBand*t/slower) * kaiser(t/float64(half))
			sum += weights[j]
		}
		for j, w := range weights {
			f.rows[p*f.taps+j] = float32(w / sum) // every phase has unit gain: no tone from the rotation
		}
	}
	return f
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// kaiser is the window at x, which runs from -1 to 1.
func kaiser(x float64) float64 {
	if x <= -1 || x >= 1 {
		return 0
	}
	return bessel0(kaiserBeta*math.Sqrt(1-x*x)) / bessel0(kaiserBeta)
}

// bessel0 is the modified Bessel function of order zero, by its power series.
func bessel0(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > sum*1e-12; k++ {
		term *= (x / 2 / k) * (x / 2 / k)
		sum += term
	}
	return sum
}
