package lane

import "sync"

// Inbox is one call's way in: the demultiplexer pushes, the call's goroutine
// takes when it gets to it. All methods may be called concurrently, but only
// one goroutine should Take.
type Inbox[T any] struct {
	ready chan struct{}

	mu     sync.Mutex
	queue  queue[T]
	closed bool
}

// NewInbox returns an empty, open inbox.
func NewInbox[T any](policy Policy[T]) *Inbox[T] {
	return &Inbox[T]{ready: make(chan struct{}, 1), queue: queue[T]{policy: policy}}
}

// Push adds an item and never blocks. The item and its audio belong to the
// inbox from then on, unless an error is returned: ErrClosed or ErrFull.
func (b *Inbox[T]) Push(item T) error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return ErrClosed
	}
	err := b.queue.push(item)
	b.mu.Unlock()
	if err == nil {
		wake(b.ready)
	}
	return err
}

// SetPolicy changes what later pushes follow.
func (b *Inbox[T]) SetPolicy(policy Policy[T]) {
	b.mu.Lock()
	b.queue.policy = policy
	b.mu.Unlock()
}

// Take appends all waiting items to dst. Items taken belong to the caller.
func (b *Inbox[T]) Take(dst []T) []T {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		unwake(b.ready)
	}
	dst, _ = b.queue.take(dst, 0)
	return dst
}

// Ready receives after items were pushed or the inbox was closed. One wake may
// stand for many items, and a wake may find the inbox empty.
func (b *Inbox[T]) Ready() <-chan struct{} { return b.ready }

// Closed reports whether Close was called.
func (b *Inbox[T]) Closed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed
}

// Close refuses further items. What waits can still be taken.
func (b *Inbox[T]) Close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	wake(b.ready)
}

// Dropped returns the bytes of audio dropped so far.
func (b *Inbox[T]) Dropped() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.queue.dropped
}

// unwake takes back a wake that stands for nothing any more: whoever was woken for it
// would find nothing and have to wait again. Call it under the lock that those hold who
// add items before they wake.
func unwake(ready chan struct{}) {
	select {
	case <-ready:
	default:
	}
}

func wake(ready chan struct{}) {
	select {
	case ready <- struct{}{}:
	default: // a wake is waiting already and stands for this one too
	}
}
