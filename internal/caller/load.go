package caller

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
)

const (
	// callsPerConn bounds the calls that share a connection, as a proxy between
	// Webex and the server would.
	callsPerConn = 50
	// MaxCalls is the most calls that a load run holds at once, and the most that
	// it begins in a second.
	MaxCalls = 10_000
	// maxReasons bounds Summary.Failures: what servers say may differ each time.
	maxReasons = 100
	// otherReasons is why calls failed for which there was no room.
	otherReasons = "other reasons"
)

// LoadOptions describes a load run: Calls lines, each of which plays Call.
//
// With a Rate the schedule is open: call k is due k/Rate seconds after the run
// began, whatever became of the calls before it. A call for which no line is
// free when it is due waits for one, in the order of the calls, and what it
// waits counts. Calls that still wait when Duration is over are not begun.
//
// Without one it is closed: a line's next call is due when its last one ends,
// so that a slow server gets fewer calls.
type LoadOptions struct {
	Call     Options       // ConversationID, Record and Log are not used
	Calls    int           // lines, that is, calls at once at most; 1 to MaxCalls
	Rate     float64       // calls due in a second, up to MaxCalls; 0: a closed loop
	Duration time.Duration // calls are due until then; 0: one call on each line
}

// Validate says what cannot be used, without placing a call.
func (o LoadOptions) Validate() error {
	_, err := o.withDefaults()
	return err
}

func (o LoadOptions) withDefaults() (LoadOptions, error) {
	if o.Calls < 1 || o.Calls > MaxCalls {
		return o, fmt.Errorf("%d calls at once, want 1 to %d", o.Calls, MaxCalls)
	}
	if !(o.Rate >= 0 && o.Rate <= MaxCalls) { // NaN neither
		return o, fmt.Errorf("%g calls a second, want up to %d", o.Rate, MaxCalls)
	}
	if o.Duration < 0 {
		return o, fmt.Errorf("load for %v, want a time above zero", o.Duration)
	}
	o.Call.ConversationID, o.Call.Record, o.Call.Log = "", false, nil
	setDefault(&o.Call.Addr, DefaultAddr)
	call, err := o.Call.withDefaults()
	if err == nil {
		o.Call.still = stillLine(call.frame(), call.LineNoise)
	}
	return o, err
}

// total is how many calls there are; a closed loop has as many as it gets to.
func (o LoadOptions) total() int {
	switch {
	case o.Duration == 0:
		return o.Calls
	case o.Rate == 0:
		return math.MaxInt
	}
	return o.dueBefore(o.Duration)
}

// due is when call k of an open schedule is.
func (o LoadOptions) due(k int) time.Duration {
	const last = 1 << 62 // a time for certain; a century and a half
	return time.Duration(min(float64(k)/o.Rate*float64(time.Second), last))
}

// dueBefore is how many calls of an open schedule are due before that time.
func (o LoadOptions) dueBefore(t time.Duration) int {
	k := int(t.Seconds() * o.Rate) // but for the rounding
	for k > 0 && o.due(k-1) >= t {
		k--
	}
	for o.due(k) < t {
		k++
	}
	return k
}

// Load plays many calls at once and returns when all are over. When ctx ends
// it cuts the calls under way off and begins no more. The error says why no
// call could be placed at all.
func Load(ctx context.Context, o LoadOptions) (*Summary, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	conns, err := dialAll(o)
	defer closeAll(conns)
	if err != nil {
		return nil, err
	}
	run := &load{o: o, total: o.total(), sum: newSummary(o)}
	run.o.Call.clock = run.sum.frame
	before, cpuErr := cpuTime()
	run.began = time.Now()
	var lines sync.WaitGroup
	for i := range o.Calls {
		lines.Go(func() { run.line(ctx, conns[i/callsPerConn]) })
	}
	lines.Wait()
	if after, err := cpuTime(); cpuErr == nil && err == nil {
		run.sum.CPU = after - before
	}
	run.finish()
	return run.sum, nil
}

func dialAll(o LoadOptions) (conns []*grpc.ClientConn, err error) {
	for range (o.Calls + callsPerConn - 1) / callsPerConn {
		conn, err := o.Call.dial()
		if err != nil {
			return conns, err
		}
		conns = append(conns, conn)
	}
	return conns, nil
}

// load is a run under way.
type load struct {
	o     LoadOptions
	total int
	began time.Time

	mu      sync.Mutex
	claimed int // calls that have a line, begun or not due yet
	atOnce  int // calls under way
	last    time.Duration
	reached bool // some call has reached the server
	sum     *Summary
}

// line places one call after the other.
func (l *load) line(ctx context.Context, conn *grpc.ClientConn) {
	for free := l.began; ; free = time.Now() {
		due, more := l.claim(free)
		if !more || !wait(ctx, due) || !l.call(ctx, conn, due) {
			return
		}
	}
}

// claim takes the next call and says when it is due; false when no more begin.
func (l *load) claim(free time.Time) (due time.Time, more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	over := l.o.Duration > 0 && time.Since(l.began) >= l.o.Duration
	if over || l.claimed == l.total {
		return due, false
	}
	l.claimed++
	if l.o.Rate == 0 {
		return free, true
	}
	return l.began.Add(l.o.due(l.claimed - 1)), true
}

// wait waits until then; false when ctx ended.
func wait(ctx context.Context, until time.Time) bool {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// call places a call that was due then and reports whether its line may place
// more.
func (l *load) call(ctx context.Context, conn *grpc.ClientConn, due time.Time) (more bool) {
	l.mu.Lock()
	l.sum.Calls++
	l.atOnce++
	l.sum.AtOnce = max(l.sum.AtOnce, l.atOnce)
	l.last = time.Since(l.began)
	l.mu.Unlock()
	var result *Result
	o, err := l.o.Call.withDefaults()
	if err == nil {
		result, err = place(ctx, []*grpc.ClientConn{conn}, o)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.atOnce--
	cause := context.Cause(ctx)
	switch {
	case err != nil && cause != nil:
		l.sum.CutOff++
		return false
	case err != nil:
		l.sum.fail(err.Error())
		return false
	}
	l.sum.measure(result, due)
	if cause != nil && errors.Is(result.Failure, cause) {
		l.sum.CutOff++
		return false
	}
	l.sum.count(result)
	unreached := errors.Is(result.Failure, ErrUnreached) || errors.Is(result.Failure, ErrNoAgent)
	l.reached = l.reached || !unreached
	return !unreached || l.o.Rate > 0 && l.reached // else not to be tried in a loop
}

// finish adds up what is known when all lines are done.
func (l *load) finish() {
	s := l.sum
	s.Length = time.Since(l.began)
	s.Due = s.Calls
	span := l.last
	switch {
	case l.o.Rate > 0:
		until := s.Length
		if l.o.Duration > 0 {
			until = min(until, l.o.Duration)
		}
		s.Due = max(s.Calls, min(l.total, l.o.dueBefore(until)))
		// A call takes up the time until the next is due, so that the rate is never passed.
		span = max(span, min(until, l.o.due(l.total)), l.o.due(s.Calls))
	case l.o.Duration > 0:
		span = max(span, min(s.Length, l.o.Duration))
	default:
		s.Due = l.total
		return // all were due at once
	}
	s.Reached = float64(s.Calls) / max(span, 1).Seconds()
}

// measure adds the times of a call that was due then.
func (s *Summary) measure(r *Result, due time.Time) {
	late := r.Began.Sub(due)
	s.BegunLate.Record(late)
	for i, took := range r.FirstAudio {
		if i == 0 && r.Greeted {
			s.Greetings.Record(late + took)
		} else {
			s.Answers.Record(took)
		}
	}
	s.FramesSent += r.Frames
}

// count adds what became of a call.
func (s *Summary) count(r *Result) {
	if r.OK() && r.Skipped == "" {
		s.OK++
	}
	for _, rule := range r.Verdict.rules(Broken) {
		s.Broken[rule]++
	}
	if r.Failure != nil {
		s.fail(r.Failure.Error())
	}
	for _, u := range r.Unmet {
		s.fail(strings.TrimSpace(u.Where + " not met: " + u.Step)) // what came instead differs from call to call
	}
	if r.Skipped != "" {
		s.fail("skipped: " + r.Skipped)
	}
}

// fail counts a reason why a call was not well.
func (s *Summary) fail(why string) {
	if _, known := s.Failures[why]; !known && len(s.Failures) >= maxReasons {
		why = otherReasons
	}
	s.Failures[why]++
}
