package store

import (
	"context"
	"sync"
)

// turns are locks by name, whose holders may be waited for with a context.
type turns struct {
	mu   sync.Mutex
	held map[string]*turn
}

// turn is one of them: who has the token that is in it.
type turn struct {
	token   chan struct{}
	waiting int // holder included
}

func (t *turns) take(ctx context.Context, name string) (unlock func(), err error) {
	t.mu.Lock()
	if t.held == nil {
		t.held = map[string]*turn{}
	}
	own := t.held[name]
	if own == nil {
		own = &turn{token: make(chan struct{}, 1)}
		own.token <- struct{}{}
		t.held[name] = own
	}
	own.waiting++
	t.mu.Unlock()
	leave := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if own.waiting--; own.waiting == 0 {
			delete(t.held, name)
		}
	}
	select {
	case <-own.token:
		return sync.OnceFunc(func() {
			own.token <- struct{}{}
			leave()
		}), nil
	case <-ctx.Done():
		leave()
		return nil, context.Cause(ctx)
	}
}
