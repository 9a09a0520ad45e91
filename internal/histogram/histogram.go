package histogram

import (
	"sync"
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"
)

// The times that a histogram tells apart: to a part in a thousand, or to a
// microsecond where that is more. Longer ones count as the longest.
const (
	finest  = time.Microsecond
	longest = 24 * time.Hour
	digits  = 3
)

// Histogram counts times, in about 250 KB whatever their number. Its methods
// may be called by several goroutines at once.
type Histogram struct {
	mu     sync.Mutex
	counts *hdr.Histogram
	max    time.Duration // exactly
}

// New returns an empty histogram.
func New() *Histogram {
	return &Histogram{counts: hdr.New(int64(finest), int64(longest), digits)}
}

// Record counts one time; one below zero counts as zero.
func (h *Histogram) Record(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.max = max(h.max, d)
	_ = h.counts.RecordValue(int64(min(max(d, 0), longest))) // fails out of range only
}

// Quantile is the time that a share q of the times, 0 to 1, did not exceed, no
// less than it was and at most a part in a thousand more. It is zero when there
// are no times.
func (h *Histogram) Quantile(q float64) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if q >= 1 {
		return h.max
	}
	const first = 1e-9 // the library takes 0 for less than the least time
	return min(time.Duration(h.counts.ValueAtPercentile(100*max(q, first))), h.max)
}

// Max is the longest time, exactly; zero when there are no times.
func (h *Histogram) Max() time.Duration { return h.Quantile(1) }

// Count is the number of times.
func (h *Histogram) Count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return int(h.counts.TotalCount())
}

// Merge counts the times of another histogram too, which stays as it is.
func (h *Histogram) Merge(other *Histogram) {
	other.mu.Lock()
	counts, most := other.counts.Clone(), other.max
	other.mu.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.counts.Merge(counts) // drops nothing: both have the same range
	h.max = max(h.max, most)
}
