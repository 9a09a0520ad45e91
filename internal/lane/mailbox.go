package lane

import "sync"

// Mailbox is a queue in front of one goroutine. Put never blocks, so two
// goroutines that write to each other cannot deadlock. It has no bound of its
// own: it is for items whose number is bounded by those who put them.
//
// All methods may be called concurrently, but only one goroutine should Take.
type Mailbox[T any] struct {
	ready chan struct{}

	mu     sync.Mutex
	items  []T
	closed bool
}

// NewMailbox returns an empty, open mailbox.
func NewMailbox[T any]() *Mailbox[T] {
	return &Mailbox[T]{ready: make(chan struct{}, 1)}
}

// Put adds an item. It reports false, and drops the item, once the mailbox is
// closed.
func (m *Mailbox[T]) Put(item T) bool {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return false
	}
	m.items = append(m.items, item)
	m.mu.Unlock()
	wake(m.ready)
	return true
}

// Take appends all waiting items to dst and empties the mailbox. Given the
// slice of the previous Take, cut to length 0, it does not allocate: the two
// buffers change places, and what dst still held is cleared.
func (m *Mailbox[T]) Take(dst []T) []T {
	if len(dst) == 0 {
		clear(dst[:cap(dst)]) // outside the lock: those who put do not wait for it
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		unwake(m.ready)
	}
	if len(dst) == 0 {
		dst, m.items = m.items, dst
		return dst
	}
	dst = append(dst, m.items...)
	clear(m.items)
	m.items = m.items[:0]
	return dst
}

// Ready receives after items were put or the mailbox was closed. One wake may
// stand for many items, and a wake may find the mailbox empty.
func (m *Mailbox[T]) Ready() <-chan struct{} { return m.ready }

// Close refuses further items. What waits can still be taken.
func (m *Mailbox[T]) Close() {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	wake(m.ready)
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
