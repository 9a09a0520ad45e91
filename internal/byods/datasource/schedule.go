package datasource

import (
	"container/heap"
	"sync"
	"time"

	"github.com/byova-host/byova-host/internal/byods/webex"
)

// schedule says which organisation is to be visited next. It is a set: it has each
// once, however often it is asked for, and gives none that is being visited.
type schedule struct {
	sooner chan struct{} // has one when somebody is due before those that were

	mu      sync.Mutex // guards all below, and at, index and again of entries
	entries map[webex.OrgID]*entry
	queue   queue
}

// entry is an organisation's place in it.
type entry struct {
	org   webex.OrgID
	at    time.Time // of the next visit
	index int       // in the queue; -1 while it is visited
	again bool      // it was asked for during the visit

	health // belongs to the visit
}

func newSchedule() *schedule {
	return &schedule{sooner: make(chan struct{}, 1), entries: map[webex.OrgID]*entry{}}
}

// ask has an organisation visited at a time, unless it is due before.
func (s *schedule) ask(org webex.OrgID, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[org]
	switch {
	case e == nil:
		e = &entry{org: org, at: at}
		s.entries[org] = e
		heap.Push(&s.queue, e)
	case e.index < 0:
		e.again = true
	case at.Before(e.at):
		e.at = later(at, e.notBefore)
		heap.Fix(&s.queue, e.index)
	}
	s.wake(e)
}

// askAll has all visited now.
func (s *schedule) askAll(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.queue {
		if e.at.After(now) {
			e.at = now
		}
	}
	heap.Init(&s.queue)
}

// wake tells that one is due sooner than all others.
func (s *schedule) wake(e *entry) {
	if e.index != 0 {
		return
	}
	select {
	case s.sooner <- struct{}{}:
	default: // it is awake
	}
}

// take gives one that is due, or the time until one is; negative: there is none.
// Who takes it gives it back.
func (s *schedule) take(now time.Time) (*entry, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		return nil, -1
	}
	if wait := s.queue[0].at.Sub(now); wait > 0 {
		return nil, wait
	}
	return heap.Pop(&s.queue).(*entry), 0
}

// give returns one after a visit. At is its next one; zero: none, so that it is
// forgotten. If it was asked for meanwhile, that is now.
func (s *schedule) give(e *entry, at, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.again && (at.IsZero() || at.After(now)) {
		at = later(now, e.notBefore)
	}
	e.again = false
	if at.IsZero() {
		delete(s.entries, e.org)
		return
	}
	e.at = at
	heap.Push(&s.queue, e)
	s.wake(e)
}

// later is the later one of two times.
func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// earlier is the earlier one of two times, of which zero is none.
func earlier(a, b time.Time) time.Time {
	if b.IsZero() || !a.IsZero() && a.Before(b) {
		return a
	}
	return b
}

// queue implements heap.Interface: the one that is due first comes first.
type queue []*entry

// Len implements heap.Interface.
func (q queue) Len() int { return len(q) }

// Less implements heap.Interface.
func (q queue) Less(i, j int) bool { return q[i].at.Before(q[j].at) }

// Swap implements heap.Interface.
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push implements heap.Interface.
func (q *queue) Push(x any) {
	e := x.(*entry)
	e.index = len(*q)
	*q = append(*q, e)
}

// Pop implements heap.Interface.
func (q *queue) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	e.index = -1
	return e
}
