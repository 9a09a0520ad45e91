//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
)

const (
	callsPerConn = 50              // as a proxy between Webex and a host would have it
	patience     = 5 * time.Second // for frames that are still under way at the end
	tooLate      = time.Second     // after it was due, a frame has not kept up
	pacers       = 2               // goroutines that send
)

// pace is calls in real time.
type pace struct {
	calls int
	frame int // bytes
}

func (p pace) period() time.Duration { return playTime(p.frame) }

// realTime is what came of calls in real time.
type realTime struct {
	latencies []time.Duration // sorted; of frames that came back, from when they were due
	late      int             // frames that came back a second after they were due, or later
	server    float64         // cores, of host and plugin
	generator float64         // cores
	before    usages          // when the first frames that count were due
	after     usages
}

func (r *realTime) quantile(q float64) time.Duration {
	if len(r.latencies) == 0 {
		return 0
	}
	return r.latencies[min(len(r.latencies)-1, int(q*float64(len(r.latencies))))]
}

// together is what came of all turns.
func together(turns []*realTime) *realTime {
	all := &realTime{before: turns[0].before, after: turns[len(turns)-1].after}
	for _, r := range turns {
		all.latencies = append(all.latencies, r.latencies...)
		all.late += r.late
		all.server += r.server / float64(len(turns))
		all.generator += r.generator / float64(len(turns))
	}
	slices.Sort(all.latencies)
	return all
}

// keptUp says that every frame came back before it was of no use.
func (r *realTime) keptUp() bool { return r.late == 0 }

// line is a call in real time.
type line struct {
	*call
	phase time.Duration // of its frames
	// Of its receiver, until that has ended.
	arrived []time.Duration // of each frame, after the run began
	err     error
}

// crowd is calls that are up, on connections of their own.
type crowd struct {
	subject *subject
	pace    pace
	conns   []*grpc.ClientConn
	lines   []*line
}

// gather has calls begin, at most 32 at once.
func (s *subject) gather(ctx context.Context, p pace) (_ *crowd, err error) {
	c := &crowd{subject: s, pace: p}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	for i := range p.calls {
		if i%callsPerConn == 0 {
			conn, err := s.dial()
			if err != nil {
				return nil, err
			}
			c.conns = append(c.conns, conn)
		}
		c.lines = append(c.lines, &line{
			call:  s.newCall(ctx, c.conns[len(c.conns)-1], p.frame),
			phase: p.period() * time.Duration(i) / time.Duration(p.calls),
		})
	}
	for some := range slices.Chunk(c.lines, 32) {
		if err := all(some, func(l *line) error {
			if _, err := l.begin(time.Now()); err != nil {
				return err
			}
			return l.speak()
		}); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *crowd) close() {
	for _, conn := range c.conns {
		conn.Close()
	}
}

// disperse has all hang up.
func (c *crowd) disperse() error {
	defer c.close()
	for some := range slices.Chunk(c.lines, 32) {
		if err := all(some, (*line).hangUp); err != nil {
			return err
		}
	}
	return nil
}

// realTime has calls send and receive frames in real time.
func (s *subject) realTime(ctx context.Context, p pace, settling, d time.Duration) (*realTime, error) {
	ctx, cancel := context.WithTimeout(ctx, d+settling+time.Minute)
	defer cancel()
	c, err := s.gather(ctx, p)
	if err != nil {
		return nil, err
	}
	r, err := c.talk(ctx, settling, d, false)
	if err != nil {
		c.close()
		return nil, err
	}
	return r, c.disperse()
}

// talk has the calls exchange frames. Those of the first moments do not count. The
// usage after it is that of calls that still talk; collect says whether garbage is
// collected before.
func (c *crowd) talk(ctx context.Context, settling, d time.Duration, collect bool) (*realTime, error) {
	period := c.pace.period()
	first := int(settling / period)
	frames := first + int(d/period)
	began := time.Now().Add(100 * time.Millisecond)
	received := make(chan *line, len(c.lines))
	var receiving sync.WaitGroup
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, l := range c.lines {
		l.arrived = make([]time.Duration, 0, frames)
		receiving.Go(func() {
			l.err = l.receive(began, frames)
			received <- l
		})
	}
	r := &realTime{}
	var looking sync.WaitGroup
	var looked error
	looking.Go(func() {
		pause(ctx, time.Until(began.Add(settling)))
		r.before, looked = c.subject.used(ctx, false)
	})
	sent := c.send(ctx, began, frames)
	looking.Wait()
	if err := errors.Join(looked, sent); err != nil {
		return nil, err
	}
	var err error
	if r.after, err = c.subject.used(ctx, collect); err != nil {
		return nil, err
	}
	r.server, r.generator = r.after.since(r.before)
	over := time.NewTimer(patience)
	defer over.Stop()
	for range c.lines {
		select {
		case l := <-received:
			if l.err != nil {
				return nil, l.err
			}
		case <-over.C:
			return nil, fmt.Errorf("%d calls of %d bytes a frame: frames were still missing after %v", len(c.lines), c.pace.frame, patience)
		}
	}
	receiving.Wait()
	for _, l := range c.lines {
		l.judge(r, period, first)
	}
	slices.Sort(r.latencies)
	return r, nil
}

// send sends each frame when it is due, or as soon after that as can be.
func (c *crowd) send(ctx context.Context, began time.Time, frames int) error {
	period := c.pace.period()
	return all([]int{0, 1}, func(pacer int) error {
		for i := range frames {
			for n := pacer; n < len(c.lines); n += pacers {
				l := c.lines[n]
				due := began.Add(time.Duration(i)*period + l.phase)
				if wait := time.Until(due); wait > 0 && !pause(ctx, max(wait, time.Millisecond)) {
					return ctx.Err()
				}
				if err := l.listen.Send(l.frame); err != nil {
					return fmt.Errorf("frame %d: %w", i, err)
				}
			}
		}
		return nil
	})
}

// receive takes frames until all have come.
func (l *line) receive(began time.Time, frames int) error {
	size := len(l.frame.GetAudioInput().GetCallerAudio())
	back := 0 // bytes
	for back < frames*size {
		r, err := l.listen.Recv()
		if errors.Is(err, io.EOF) {
			err = errors.New("the server ended the RPC")
		}
		if err != nil {
			return fmt.Errorf("after %d frames: %w", back/size, err)
		}
		back += audioBytes(r)
		at := time.Since(began)
		for len(l.arrived) < min(back/size, frames) {
			l.arrived = append(l.arrived, at)
		}
	}
	return nil
}

// judge adds what the call's frames took.
func (l *line) judge(r *realTime, period time.Duration, first int) {
	for i, at := range l.arrived[first:] {
		took := at - (time.Duration(first+i)*period + l.phase)
		r.latencies = append(r.latencies, took)
		if took >= tooLate {
			r.late++
		}
	}
}

// pause waits; false when the context ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
