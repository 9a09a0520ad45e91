package lane

import "sync"

// Actor owns some state: it does one item after the other, in the order in which they
// were put. It has no goroutine while there is nothing to do. Whoever puts an item while
// it rests does that one, so that nobody has to be woken for it; whoever comes meanwhile
// leaves his and goes on, and a goroutine that lives until nothing waits does those.
//
// Items may put items. An Actor has no bound of its own: it is for items whose number
// is bounded by those who put them. All methods may be called concurrently, but not
// with a lock that doing an item takes.
type Actor[T any] struct {
	do    func(*T)
	ended func()

	mu     sync.Mutex
	items  []T
	spare  []T  // an empty buffer for what comes
	busy   bool // somebody does items, or nobody ever will again
	closed bool
}

// keptItems is the largest buffer that is kept for what comes.
const keptItems = 64

// NewActor returns an actor that begins with Start. The item that do is given is its
// own until it returns. After Close and the last item ended is called, once, in a
// goroutine of its own: it may wait, which do must not.
func NewActor[T any](do func(*T), ended func()) *Actor[T] {
	return &Actor[T]{do: do, ended: ended, busy: true}
}

// Start does what was put so far.
func (a *Actor[T]) Start() { a.work(a.next(nil)) }

// Put adds an item, and does it if the actor rests. It reports false, and drops the
// item, once the actor is closed.
func (a *Actor[T]) Put(item T) bool {
	a.mu.Lock()
	taken, rests := a.add(item)
	if !rests {
		a.mu.Unlock()
		return taken
	}
	own := a.take()
	a.mu.Unlock()
	a.each(own)
	if rest := a.next(own); rest != nil {
		go a.work(rest)
	}
	return true
}

// Post adds an item as Put does, and leaves it to another goroutine: it is for items
// that take their time.
func (a *Actor[T]) Post(item T) bool {
	a.mu.Lock()
	taken, rests := a.add(item)
	a.mu.Unlock()
	if rests {
		go a.work(a.next(nil))
	}
	return taken
}

// Close refuses further items. What waits is still done.
func (a *Actor[T]) Close() {
	a.mu.Lock()
	a.closed = true
	rests := !a.busy
	a.busy = true
	a.mu.Unlock()
	if rests {
		go a.ended()
	}
}

// add adds an item, and says whether the actor rests: the caller is to have it done then.
// Call it under the lock.
func (a *Actor[T]) add(item T) (taken, rests bool) {
	if a.closed {
		return false, false
	}
	a.items = append(a.items, item)
	rests = !a.busy
	a.busy = true
	return true, rests
}

// work does a batch and what comes meanwhile.
func (a *Actor[T]) work(batch []T) {
	for batch != nil {
		a.each(batch)
		batch = a.next(batch)
	}
}

func (a *Actor[T]) each(batch []T) {
	for i := range batch {
		a.do(&batch[i])
	}
	clear(batch)
}

// next takes what waits, in return for the buffer of what was done. With nothing left to
// do the actor rests, or ends.
func (a *Actor[T]) next(done []T) []T {
	a.mu.Lock()
	if done != nil && cap(done) <= keptItems {
		a.spare = done[:0]
	}
	batch := a.take()
	a.busy = batch != nil || a.closed
	over := batch == nil && a.closed
	a.mu.Unlock()
	if over {
		go a.ended()
	}
	return batch
}

// take takes what waits; nil for nothing. Call it under the lock.
func (a *Actor[T]) take() []T {
	if len(a.items) == 0 {
		return nil
	}
	batch := a.items
	a.items, a.spare = a.spare, nil
	return batch
}
