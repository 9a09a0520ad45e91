//go:build unix

package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// How a server is saturated.
const (
	saturating = 64 // calls
	window     = 8  // frames under way in each
)

// throughput is what a saturated server did.
type throughput struct {
	rate      float64       // a second
	cpu       time.Duration // of host and plugin, for each
	generator time.Duration // likewise
	mallocs   [2]float64    // of host and plugin, for each
	bytes     [2]float64    // of those
}

// saturate has calls begin and returns what drives them, as fast as they go, for a
// while each time that it is called.
func (s *subject) saturate(ctx context.Context) (burst func(time.Duration) (throughput, error), end func() error, err error) {
	conn, err := s.dial()
	if err != nil {
		return nil, nil, err
	}
	calls := make([]*call, saturating)
	for i := range calls {
		calls[i] = s.newCall(ctx, conn, frame20)
	}
	err = all(calls, func(c *call) error {
		if _, err := c.begin(time.Now()); err != nil {
			return err
		}
		return c.speak()
	})
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	burst = func(d time.Duration) (throughput, error) {
		var heard atomic.Int64 // bytes
		return s.count(ctx, frame20, &heard, func() error {
			over := time.Now().Add(d)
			return all(calls, func(c *call) error { return c.exchange(over, &heard) })
		})
	}
	return burst, func() error {
		defer conn.Close()
		return all(calls, (*call).hangUp)
	}, nil
}

// count does something, and says what it took for each of what done counts in units.
func (s *subject) count(ctx context.Context, unit int, done *atomic.Int64, do func() error) (t throughput, err error) {
	before, err := s.used(ctx, false)
	if err != nil {
		return t, err
	}
	if err := do(); err != nil {
		return t, err
	}
	after, err := s.used(ctx, false)
	if err != nil {
		return t, err
	}
	n := float64(done.Load()) / float64(unit)
	server, generator := after.since(before)
	took := after.generator.At.Sub(before.generator.At)
	each := func(total float64) float64 { return total / n }
	return throughput{
		rate:      n / took.Seconds(),
		cpu:       time.Duration(each(server * float64(took))),
		generator: time.Duration(each(generator * float64(took))),
		mallocs:   [2]float64{each(float64(after.host.Mallocs - before.host.Mallocs)), each(float64(after.plugin.Mallocs - before.plugin.Mallocs))},
		bytes:     [2]float64{each(float64(after.host.Bytes - before.host.Bytes)), each(float64(after.plugin.Bytes - before.plugin.Bytes))},
	}, nil
}

// exchange keeps a window of frames under way until the time is over.
func (c *call) exchange(over time.Time, heard *atomic.Int64) error {
	size := len(c.frame.GetAudioInput().GetCallerAudio())
	sent, back := 0, 0 // bytes
	for {
		for time.Now().Before(over) && sent-back < window*size {
			if err := c.listen.Send(c.frame); err != nil {
				return err
			}
			sent += size
		}
		if sent == back {
			return nil
		}
		r, err := c.listen.Recv()
		if err != nil {
			return err
		}
		back += audioBytes(r)
		heard.Add(int64(audioBytes(r)))
	}
}

// churn returns what places whole calls, one after the other on each of 32 lines.
func (s *subject) churn(ctx context.Context) (burst func(time.Duration) (throughput, error), end func() error, err error) {
	conn, err := s.dial()
	if err != nil {
		return nil, nil, err
	}
	return func(d time.Duration) (throughput, error) {
		var placed atomic.Int64
		return s.count(ctx, 1, &placed, func() error {
			over := time.Now().Add(d)
			return all(make([]struct{}, 32), func(struct{}) error {
				for time.Now().Before(over) {
					c := s.newCall(ctx, conn, frame20)
					if _, err := c.begin(time.Now()); err != nil {
						return err
					}
					if err := c.hangUp(); err != nil {
						return err
					}
					placed.Add(1)
				}
				return nil
			})
		})
	}, conn.Close, nil
}

// all does something with each at once, and returns the first error.
func all[T any](each []T, do func(T) error) error {
	var running sync.WaitGroup
	failed := make(chan error, len(each))
	for _, e := range each {
		running.Go(func() {
			if err := do(e); err != nil {
				failed <- err
			}
		})
	}
	running.Wait()
	close(failed)
	return <-failed
}
