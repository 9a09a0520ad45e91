//go:build unix

package main

import (
	"context"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
)

// arrivals is what came of calls that began at a rate.
type arrivals struct {
	placed, failed int
	firstAudio     []time.Duration // sorted; of the greeting, from when the call was due
	err            error           // the first
}

func (a *arrivals) quantile(q float64) time.Duration {
	if len(a.firstAudio) == 0 {
		return 0
	}
	return a.firstAudio[min(len(a.firstAudio)-1, int(q*float64(len(a.firstAudio))))]
}

// newCalls has calls begin at a rate, through greeting and hang-up, whatever becomes
// of those before them.
func (s *subject) newCalls(ctx context.Context, rate int, d time.Duration) (*arrivals, error) {
	ctx, cancel := context.WithTimeout(ctx, d+30*time.Second)
	defer cancel()
	conns := make([]*grpc.ClientConn, 8)
	for i := range conns {
		conn, err := s.dial()
		if err != nil {
			return nil, err
		}
		defer conn.Close()
		conns[i] = conn
	}
	a := &arrivals{}
	var mu sync.Mutex
	var running sync.WaitGroup
	began := time.Now()
	for k := range int(d.Seconds() * float64(rate)) {
		due := began.Add(time.Duration(k) * time.Second / time.Duration(rate))
		if wait := time.Until(due); wait > 0 && !pause(ctx, wait) {
			return nil, ctx.Err()
		}
		running.Go(func() {
			c := s.newCall(ctx, conns[k%len(conns)], frame20)
			took, err := c.begin(due)
			if err == nil {
				err = c.hangUp()
			}
			mu.Lock()
			defer mu.Unlock()
			a.placed++
			if err != nil {
				a.failed++
				a.err = err
				return
			}
			a.firstAudio = append(a.firstAudio, took)
		})
	}
	running.Wait()
	slices.Sort(a.firstAudio)
	return a, nil
}
