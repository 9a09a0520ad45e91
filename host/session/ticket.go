package session

import (
	"context"
	"sync"
	"time"
)

// orderWait is the most that an RPC of an unknown call waits for older RPCs to
// name theirs.
const orderWait = 250 * time.Millisecond

// Ticket is an RPC's place in the order in which RPCs began on the wire. Their
// handlers may start in another one.
type Ticket struct {
	stamp  uint64
	owner  *tickets
	joined chan struct{}
	once   sync.Once
}

// tickets are those whose RPCs have not named their call yet.
type tickets struct {
	mu   sync.Mutex
	last uint64
	open map[uint64]*Ticket
}

// Begin gives the next place. It is to be called in wire order, and the ticket
// to be given to Join or closed.
func (s *Sessions) Begin() *Ticket {
	ts := &s.tickets
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.last++
	t := &Ticket{stamp: ts.last, owner: ts, joined: make(chan struct{})}
	if ts.open == nil {
		ts.open = map[uint64]*Ticket{}
	}
	ts.open[t.stamp] = t
	return t
}

// Close says that the RPC has joined, or never will. It may be called again.
func (t *Ticket) Close() {
	t.once.Do(func() {
		t.owner.mu.Lock()
		delete(t.owner.open, t.stamp)
		t.owner.mu.Unlock()
		close(t.joined)
	})
}

// waitOlder waits until the RPCs that began before t have joined, within limits.
func (ts *tickets) waitOlder(ctx context.Context, t *Ticket) {
	ts.mu.Lock()
	var older []*Ticket
	for stamp, other := range ts.open {
		if stamp < t.stamp {
			older = append(older, other)
		}
	}
	ts.mu.Unlock()
	if len(older) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, orderWait)
	defer cancel()
	for _, other := range older {
		select {
		case <-other.joined:
		case <-ctx.Done():
			return
		}
	}
}
