package speech

import (
	"context"
	"errors"
	"io"
	"math"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// cache keeps what engines said, and has each thing said once for all who ask for it at
// the same time. Past its size what was not used for longest is forgotten.
type cache struct {
	limit  int
	ctx    context.Context // ends with the cache
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu    sync.Mutex
	bytes int
	kept  *simplelru.LRU[cacheKey, *recording]
	made  map[cacheKey]*recording // that are being made
}

type cacheKey struct {
	engine string
	Request
}

func newCache(limit int) *cache {
	c := &cache{limit: limit, made: map[cacheKey]*recording{}}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.kept, _ = simplelru.NewLRU[cacheKey, *recording](math.MaxInt32, func(_ cacheKey, r *recording) { c.bytes -= len(r.data) })
	return c
}

// close ends what is being made and waits for it.
func (c *cache) close() {
	c.cancel()
	c.work.Wait()
}

// cached is an engine whose speech is kept.
type cached struct {
	*resting
	cache *cache
}

// Synthesize implements Synthesizer.
func (c cached) Synthesize(ctx context.Context, r Request, w io.Writer) error {
	recording := c.cache.open(cacheKey{c.Name(), r}, c.resting)
	defer c.cache.leave(recording)
	return recording.play(ctx, w)
}

// open gives a recording that is kept or being made, or begins one. Leave it.
func (c *cache) open(key cacheKey, engine Engine) *recording {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r, ok := c.kept.Get(key); ok {
		return r
	}
	if r := c.made[key]; r != nil {
		r.listeners++
		return r
	}
	ctx, cancel := context.WithCancelCause(c.ctx)
	r := &recording{listeners: 1, cancel: cancel, changed: make(chan struct{})}
	c.made[key] = r
	c.work.Go(func() {
		defer cancel(nil)
		err := engine.Synthesize(ctx, key.Request, r)
		c.finish(key, r, err)
	})
	return r
}

// finish keeps a recording that is complete, unless it was given up and another is made in
// its place.
func (c *cache) finish(key cacheKey, r *recording, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer r.end(err) // who has heard the end finds it kept
	if c.made[key] != r {
		return
	}
	delete(c.made, key)
	if err != nil || len(r.data) > c.limit {
		return
	}
	c.bytes += len(r.data)
	c.kept.Add(key, r)
	for c.bytes > c.limit {
		c.kept.RemoveOldest()
	}
}

// errAlone says that nobody listens any more.
var errAlone = errors.New("nobody listens")

// leave ends the making of a recording that nobody listens to.
func (c *cache) leave(r *recording) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.listeners--; r.listeners > 0 || r.over() {
		return
	}
	for key, made := range c.made {
		if made == r {
			delete(c.made, key) // who asks now begins anew
		}
	}
	r.cancel(errAlone)
}

// recording is speech that may still be made, and is played by many meanwhile.
type recording struct {
	listeners int // under the lock of the cache
	cancel    context.CancelCauseFunc

	mu      sync.Mutex
	data    []byte
	done    bool
	err     error
	changed chan struct{} // closed, and made anew, when what is above changes
}

// Write implements io.Writer for the engine.
func (r *recording) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.data = append(r.data, b...)
	r.tell()
	return len(b), nil
}

func (r *recording) end(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done, r.err = true, err
	r.tell()
}

func (r *recording) tell() {
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *recording) over() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.done
}

// play writes the recording to w, as it is made.
func (r *recording) play(ctx context.Context, w io.Writer) error {
	for at := 0; ; {
		r.mu.Lock()
		data, done, err, changed := r.data[at:], r.done, r.err, r.changed
		r.mu.Unlock()
		switch {
		case len(data) > 0:
			n, err := w.Write(data) // what was written is not changed
			if err != nil {
				return &listenerError{err}
			}
			at += n
			continue
		case done:
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// listenerError is an error of the one who listens, not of the engine.
type listenerError struct{ error }

func (e *listenerError) Unwrap() error { return e.error }
