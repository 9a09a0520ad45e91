package lane

import "sync"

// atOnce is the most items that whoever puts one does for others beside its own.
const atOnce = 64

// Actor owns some state: it does one item after the other, in the order in which they
// were put. It has no goroutine. Whoever puts an item while nothing is being done does
// it, and then what others have put meanwhile; so an item is done where it comes from,
// and nobody has to be woken for it. Those others do not wait.
//
// Whoever has done 64 items leaves what still waits to a goroutine that lives until
// nothing does: a neighbour who puts and puts holds nobody up.
//
// Items may put items. An Actor has no bound of its own: it is for items whose number
// is bounded by those who put them. All methods may be called concurrently, but not
// with a lock that doing an item takes.
type Actor[T any] struct {
	do    func(*T)
	ended func()

	mu     sync.Mutex
	items  []T
	spare  []T  // of the last batch, empty
	busy   bool // somebody does items
	closed bool
}

// NewActor returns an actor that begins with Start. The item that do is given is its
// own until it returns. After Close and the last item ended is called, once; like do
// it must not block.
func NewActor[T any](do func(*T), ended func()) *Actor[T] {
	return &Actor[T]{do: do, ended: ended, busy: true}
}

// Start does what was put so far.
func (a *Actor[T]) Start() { a.work(nil) }

// Put adds an item. It reports false, and drops the item, once the actor is closed.
func (a *Actor[T]) Put(item T) bool {
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		return false
	}
	a.items = append(a.items, item)
	if a.busy {
		a.mu.Unlock()
		return true
	}
	a.busy = true
	batch := a.swap(nil)
	a.mu.Unlock()
	a.work(batch)
	return true
}

// Close refuses further items. What waits is still done.
func (a *Actor[T]) Close() {
	a.mu.Lock()
	a.closed = true
	idle := !a.busy
	a.busy = true
	a.mu.Unlock()
	if idle {
		a.ended()
	}
}

// work does a batch and what comes meanwhile.
func (a *Actor[T]) work(batch []T) {
	for done := 0; ; {
		for i := range batch {
			a.do(&batch[i])
		}
		done += len(batch)
		clear(batch)
		a.mu.Lock()
		batch = a.swap(batch)
		over := len(batch) == 0 && a.closed
		a.busy = len(batch) > 0 || a.closed // nobody is to end it again
		a.mu.Unlock()
		switch {
		case over:
			a.ended()
			return
		case len(batch) == 0:
			return
		case done >= atOnce:
			go a.work(batch)
			return
		}
	}
}

// swap takes what waits, and leaves the buffer of what was done to what comes, unless a
// flood has made it large. Call it under the lock.
func (a *Actor[T]) swap(done []T) []T {
	if done != nil && cap(done) <= atOnce {
		a.spare = done[:0]
	}
	if len(a.items) == 0 {
		return nil
	}
	batch := a.items
	a.items, a.spare = a.spare, nil
	return batch
}
