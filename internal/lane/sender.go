package lane

import (
	"context"
	"runtime"
	"sync"
)

const (
	// visitLimit is the most that one lane sends before the next one's turn.
	visitLimit = 32 << 10
	// batchLimit is one default HTTP/2 window. An item that does not fit is
	// sent all the same when it comes first on a visit.
	batchLimit = 64 << 10
)

// Sender owns the outgoing side of one stream: lanes fill, Run sends. All
// methods may be called concurrently; Run is called once.
type Sender[T any] struct {
	ready chan struct{}

	mu      sync.Mutex
	ring    []*Lane[T] // from head on: lanes that have something to send
	head    int
	closing bool // what waits is still sent
	stopped bool // nothing is sent any more
}

// NewSender returns a sender whose lanes fill up until Run is called.
func NewSender[T any]() *Sender[T] {
	return &Sender[T]{ready: make(chan struct{}, 1)}
}

// Open adds a lane. A lane that nobody pushes to costs nothing but memory.
func (s *Sender[T]) Open(policy Policy[T]) *Lane[T] {
	return &Lane[T]{sender: s, queue: queue[T]{policy: policy}}
}

// Run sends batches until ctx ends, send fails or the sender is closed and all
// that waited has been sent; then it returns ctx's error, send's or nil. After
// it every lane refuses what is pushed. The batch given to send is good until
// send returns; so are its items, unless whoever pushed them says more.
func (s *Sender[T]) Run(ctx context.Context, send func(batch []T) error) error {
	defer s.stop()
	var batch []T
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.ready:
		}
		// Those that were about to push get to do so: one yield makes the
		// batches five times larger, where a timer would only add delay.
		runtime.Gosched()
		for {
			batch = s.fill(batch[:0])
			if len(batch) == 0 {
				break
			}
			err := send(batch)
			clear(batch)
			if err != nil {
				return err
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
		if s.isClosing() {
			return nil
		}
	}
}

// Close makes Run return once all that waits has been sent. A lane that has
// nothing waiting refuses what is pushed from then on.
func (s *Sender[T]) Close() {
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	wake(s.ready)
}

// fill visits ready lanes in turn until the batch is full or none is left.
func (s *Sender[T]) fill(batch []T) []T {
	for size := 0; size < batchLimit; {
		l := s.next()
		if l == nil {
			break
		}
		var n int
		var more bool
		batch, n, more = l.visit(batch, min(visitLimit, batchLimit-size))
		size += n
		if more {
			s.again(l)
		}
	}
	return batch
}

func (s *Sender[T]) next() *Lane[T] {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.head == len(s.ring) {
		unwake(s.ready) // was for lanes that have been visited
		return nil
	}
	l := s.ring[s.head]
	s.ring[s.head] = nil
	s.head++
	if s.head == len(s.ring) {
		s.ring, s.head = s.ring[:0], 0
	}
	return l
}

// again puts a lane that has more at the end of the ring.
func (s *Sender[T]) again(l *Lane[T]) {
	s.mu.Lock()
	s.append(l)
	s.mu.Unlock()
}

// enqueue puts a lane that had nothing waiting into the ring.
func (s *Sender[T]) enqueue(l *Lane[T]) bool {
	s.mu.Lock()
	if s.closing || s.stopped {
		s.mu.Unlock()
		return false
	}
	s.append(l)
	s.mu.Unlock()
	wake(s.ready)
	return true
}

// append adds to the ring, whose front has been eaten by next: it moves down
// instead of growing when half of it is free.
func (s *Sender[T]) append(l *Lane[T]) {
	if len(s.ring) == cap(s.ring) && s.head > len(s.ring)/2 {
		n := copy(s.ring, s.ring[s.head:])
		clear(s.ring[n:])
		s.ring, s.head = s.ring[:n], 0
	}
	s.ring = append(s.ring, l)
}

func (s *Sender[T]) isClosing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing && s.head == len(s.ring)
}

// stop closes the lanes in the ring; all others find out when they push.
func (s *Sender[T]) stop() {
	s.mu.Lock()
	s.stopped = true
	ring := s.ring[s.head:]
	s.ring, s.head = nil, 0
	s.mu.Unlock()
	for _, l := range ring {
		l.discard()
	}
}

// Lane is one call's way out. All methods may be called concurrently.
type Lane[T any] struct {
	sender *Sender[T]

	mu     sync.Mutex
	queue  queue[T]
	ready  bool // the sender knows that something waits
	closed bool
}

// Push adds an item and never blocks. The item and its audio belong to the lane
// from then on, unless an error is returned: ErrClosed, or ErrFull, after which
// the call cannot go on.
func (l *Lane[T]) Push(item T) error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return ErrClosed
	}
	if err := l.queue.push(item); err != nil {
		l.mu.Unlock()
		return err
	}
	known := l.ready
	l.ready = true
	l.mu.Unlock()
	if !known && !l.sender.enqueue(l) {
		l.discard()
		return ErrClosed
	}
	return nil
}

// SetPolicy changes what later pushes follow.
func (l *Lane[T]) SetPolicy(policy Policy[T]) {
	l.mu.Lock()
	l.queue.policy = policy
	l.mu.Unlock()
}

// Close refuses further items. What waits is still sent, then the lane is free.
func (l *Lane[T]) Close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
}

// Dropped returns the bytes of audio dropped so far.
func (l *Lane[T]) Dropped() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.queue.dropped
}

func (l *Lane[T]) visit(batch []T, limit int) ([]T, int, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	batch, n := l.queue.take(batch, limit)
	l.ready = !l.queue.empty()
	return batch, n, l.ready
}

func (l *Lane[T]) discard() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.queue.clear()
}
