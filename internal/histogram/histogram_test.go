package histogram

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

// check holds a histogram of times against the times themselves.
func check(t *testing.T, h *Histogram, times []time.Duration) {
	t.Helper()
	times = slices.Clone(times)
	for i, d := range times {
		times[i] = max(d, 0)
	}
	slices.Sort(times)
	if h.Count() != len(times) {
		t.Errorf("%d times, want %d", h.Count(), len(times))
	}
	if len(times) == 0 {
		if h.Max() != 0 || h.Quantile(0.5) != 0 {
			t.Errorf("no times, but %v at most and %v in the middle", h.Max(), h.Quantile(0.5))
		}
		return
	}
	last := len(times) - 1
	if h.Max() != times[last] {
		t.Errorf("%v at most, want %v", h.Max(), times[last])
	}
	before := time.Duration(0)
	for _, q := range []float64{0, 0.1, 0.5, 0.9, 0.99, 0.999, 1} {
		// Between two times either may be named.
		rank := q * float64(len(times))
		least, most := times[min(max(int(rank)-1, 0), last)], times[min(int(rank+0.5), last)]
		if least, most = min(least, longest), min(most, longest)+most/1000+finest; q == 1 {
			least, most = times[last], times[last]
		}
		if got := h.Quantile(q); got < least || got > most || got < before {
			t.Errorf("quantile %g of %d times is %v, want %v to %v and no less than the %v before", q, len(times), got, least, most, before)
		} else {
			before = got
		}
	}
}

// TestQuantiles holds quantiles against those of the sorted times.
func TestQuantiles(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	spread := func(n int, next func() float64) (times []time.Duration) {
		for range n {
			times = append(times, time.Duration(next()))
		}
		return times
	}
	for name, times := range map[string][]time.Duration{
		"none":             nil,
		"one":              {1234567 * time.Nanosecond},
		"nothing":          {0},
		"below zero":       {-time.Second, time.Second},
		"two far apart":    {time.Microsecond, time.Hour},
		"longer than most": {time.Second, 100 * time.Hour},
		"even":             spread(10_000, func() float64 { return random.Float64() * float64(time.Second) }),
		"with a tail":      spread(10_000, func() float64 { return random.ExpFloat64() * float64(20*time.Millisecond) }),
		"of nanoseconds":   spread(1000, func() float64 { return random.Float64() * 3000 }),
		"one stall":        append(slices.Repeat([]time.Duration{time.Millisecond}, 990), slices.Repeat([]time.Duration{time.Second}, 10)...),
	} {
		t.Run(name, func(t *testing.T) {
			h := New()
			for _, d := range times {
				h.Record(d)
			}
			check(t, h, times)
		})
	}
}

// TestMerge: what several goroutines count, together and apart, comes to the same.
func TestMerge(t *testing.T) {
	together, sum := New(), New()
	var times []time.Duration
	parts := make([]*Histogram, 4)
	var counting sync.WaitGroup
	for i := range parts {
		parts[i] = New()
		for n := range 1000 {
			times = append(times, time.Duration(i*n)*time.Millisecond)
		}
		counting.Go(func() {
			for n := range 1000 {
				d := time.Duration(i*n) * time.Millisecond
				parts[i].Record(d)
				together.Record(d)
			}
		})
	}
	counting.Wait()
	for _, part := range parts {
		sum.Merge(part)
	}
	check(t, together, times)
	check(t, sum, times)
	sum.Merge(sum)
	check(t, sum, append(times, times...))
}

func FuzzQuantiles(f *testing.F) {
	f.Add([]byte{}, uint16(0))
	f.Add(binary.LittleEndian.AppendUint64(nil, uint64(3*time.Hour)), uint16(3))
	f.Fuzz(func(t *testing.T, b []byte, split uint16) {
		parts := []*Histogram{New(), New()}
		var times []time.Duration
		for ; len(b) >= 8; b = b[8:] {
			d := time.Duration(binary.LittleEndian.Uint64(b) >> (b[7] % 64))
			times = append(times, d)
			parts[min(len(times)/(int(split)+1), 1)].Record(d)
		}
		parts[0].Merge(parts[1])
		check(t, parts[0], times)
	})
}
