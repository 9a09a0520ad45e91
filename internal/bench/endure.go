//go:build unix

package main

import (
	"context"
	"fmt"
	"time"
)

// endured is what calls noticed of something that happened to their plugin.
type endured struct {
	pause    time.Duration // the longest without audio, of all calls
	recovery time.Duration // from when it happened until the last of them had audio again
	silent   int           // calls that had none at the end
}

// endure has calls talk, does something to the server after a while, and watches the
// calls for as long again.
func (s *subject) endure(ctx context.Context, p pace, act string, d time.Duration) (*endured, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*d+time.Minute)
	defer cancel()
	c, err := s.gather(ctx, p)
	if err != nil {
		return nil, err
	}
	defer c.close()
	began := time.Now().Add(100 * time.Millisecond)
	heard := make(chan gap, len(c.lines))
	for _, l := range c.lines {
		go func() { heard <- l.listenTo(began) }() // ends with the RPC
	}
	acted := make(chan error, 1)
	var at time.Duration
	go func() {
		pause(ctx, time.Until(began.Add(d)))
		at = time.Since(began)
		_, err := s.host.get(ctx, act)
		acted <- err
	}()
	err = c.send(ctx, began, int(2*d/p.period()))
	over := time.Since(began)
	if failed := <-acted; failed != nil {
		return nil, fmt.Errorf("%s: %w", act, failed)
	}
	if err != nil {
		return nil, err
	}
	for _, l := range c.lines {
		if err := l.listen.CloseSend(); err != nil {
			return nil, err
		}
	}
	e := &endured{}
	for range c.lines {
		g := <-heard // ends with the context at the latest
		e.pause = max(e.pause, g.length)
		e.recovery = max(e.recovery, g.end-at)
		if g.last < over-500*time.Millisecond {
			e.silent++
		}
	}
	for _, l := range c.lines {
		l.listen = nil // it was read to its end
	}
	return e, c.disperse()
}

// gap is the longest time without audio in a call.
type gap struct{ end, length, last time.Duration }

// listenTo hears audio until the RPC ends.
func (l *line) listenTo(began time.Time) (g gap) {
	for {
		r, err := l.listen.Recv()
		if err != nil {
			return g
		}
		if audioBytes(r) == 0 {
			continue
		}
		now := time.Since(began)
		if since := now - g.last; g.last > 0 && since > g.length {
			g.end, g.length = now, since
		}
		g.last = now
	}
}
