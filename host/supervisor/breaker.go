package supervisor

import (
	"slices"
	"time"
)

// Breaker says how many deaths are too many: the plugin is not started again then
// until somebody says so.
type Breaker struct {
	Starts int // in a row, before the start checks had passed; 0: 5
	Deaths int // within a minute; 0: 30
}

const (
	firstBackoff   = 100 * time.Millisecond
	longestBackoff = 5 * time.Second
)

// breaker counts the deaths of a generation.
type breaker struct {
	starts int         // in a row, before the start checks had passed
	deaths []time.Time // within the last minute
	next   time.Time   // no start before
	open   bool
}

// died counts a death after the start checks; another start follows at once.
func (b *breaker) died(limits Breaker) {
	b.starts, b.next = 0, time.Time{}
	b.count(limits)
}

// failed counts a death before the start checks had passed. While another process
// lives there is time, and the breaker stays closed.
func (b *breaker) failed(limits Breaker, alone bool) {
	b.starts++
	b.next = time.Now().Add(min(longestBackoff, firstBackoff<<min(b.starts-1, 10)))
	if alone {
		b.count(limits)
		b.open = b.open || b.starts >= limits.Starts
	}
}

func (b *breaker) count(limits Breaker) {
	now := time.Now()
	b.deaths = slices.DeleteFunc(b.deaths, func(at time.Time) bool { return now.Sub(at) >= time.Minute })
	b.deaths = append(b.deaths, now)
	b.open = b.open || len(b.deaths) >= limits.Deaths
}

// passed says that a start has passed its checks.
func (b *breaker) passed() { b.starts, b.next = 0, time.Time{} }

// wait is how long the next start has to wait. Ask again when the breaker is reset.
func (b *breaker) wait() time.Duration {
	if b.open {
		return forever
	}
	return max(0, time.Until(b.next))
}

// forever is longer than anything lasts.
const forever = 1 << 62 * time.Nanosecond
