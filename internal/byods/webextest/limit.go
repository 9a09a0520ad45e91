package webextest

import (
	"math"
	"strconv"
	"time"
)

// bucket holds the requests that may be answered at once: those of one second.
type bucket struct {
	rate float64 // a second; 0: any number
	left float64
	at   time.Time
}

func newBucket(rate int) bucket { return bucket{rate: float64(rate), left: float64(rate)} }

// take lets a request pass, or says in how many seconds one may.
func (s *Server) take() (wait string, limited bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := &s.limit
	if b.rate == 0 {
		return "", false
	}
	now := time.Now()
	if !b.at.IsZero() {
		b.left = min(b.rate, b.left+now.Sub(b.at).Seconds()*b.rate)
	}
	b.at = now
	if b.left < 1 {
		return strconv.Itoa(int(math.Ceil((1 - b.left) / b.rate))), true
	}
	b.left--
	return "", false
}
