package caller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
)

// callsPerConn bounds the calls that share a connection, as a proxy between
// Webex and the server would.
const callsPerConn = 50

// MaxCalls is the most calls that a load run holds at once.
const MaxCalls = 10_000

// LoadOptions describes a load run: Calls lines, each of which plays Call.
type LoadOptions struct {
	Call     Options       // ConversationID, Record and Log are not used
	Calls    int           // lines, that is, calls at once at most; 1 to MaxCalls
	Rate     float64       // calls begun in a second at most; 0: no limit
	Duration time.Duration // lines begin another call until then; 0: one call each
}

// Summary is what became of a load run.
type Summary struct {
	Calls, OK  int
	Broken     map[string]int // calls by number of the rule they broke
	Failures   map[string]int // calls by what was not well with them beside that
	FirstAudio []time.Duration
}

// Load plays many calls at once and returns when all are over. When ctx ends
// it cuts the calls under way off and begins no more. The error says why no
// call could be placed at all.
func Load(ctx context.Context, o LoadOptions) (*Summary, error) {
	if o.Calls < 1 || o.Calls > MaxCalls || o.Rate < 0 || o.Duration < 0 {
		return nil, fmt.Errorf("load of %d calls, %g a second, for %v: want 1 to %d calls and nothing negative", o.Calls, o.Rate, o.Duration, MaxCalls)
	}
	o.Call.Record, o.Call.Log = false, nil
	if _, err := o.Call.withDefaults(); err != nil {
		return nil, err
	}
	conns, err := dialAll(o)
	for _, conn := range conns {
		defer conn.Close()
	}
	if err != nil {
		return nil, err
	}
	run := &load{o: o, began: time.Now(), sum: &Summary{Broken: map[string]int{}, Failures: map[string]int{}}}
	var lines sync.WaitGroup
	for i := range o.Calls {
		lines.Go(func() { run.line(ctx, conns[i/callsPerConn]) })
	}
	lines.Wait()
	slices.Sort(run.sum.FirstAudio)
	return run.sum, nil
}

func dialAll(o LoadOptions) (conns []*grpc.ClientConn, err error) {
	setDefault(&o.Call.Addr, DefaultAddr)
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
	began time.Time

	mu   sync.Mutex
	next time.Duration // when the rate allows another call to begin
	sum  *Summary
}

// line places one call after the other.
func (l *load) line(ctx context.Context, conn *grpc.ClientConn) {
	for {
		if !l.turn(ctx) {
			return
		}
		call := l.o.Call
		call.ConversationID = ""
		call, err := call.withDefaults()
		if err == nil {
			var result *Result
			if result, err = place(ctx, []*grpc.ClientConn{conn}, call); err == nil {
				l.count(result)
				if errors.Is(result.Failure, ErrUnreached) {
					return // not to be tried in a loop
				}
			}
		}
		if err != nil {
			l.failed(err)
			return
		}
		if l.o.Duration == 0 {
			return
		}
	}
}

// turn waits until the next call may begin; false when none may.
func (l *load) turn(ctx context.Context) bool {
	l.mu.Lock()
	at := max(l.next, time.Since(l.began)) // time lost is not made up for in a burst
	if l.o.Rate > 0 {
		l.next = at + time.Duration(float64(time.Second)/l.o.Rate)
	}
	l.mu.Unlock()
	if l.o.Duration > 0 && at >= l.o.Duration {
		return false
	}
	timer := time.NewTimer(time.Until(l.began.Add(at)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

func (l *load) count(r *Result) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sum.Calls++
	if r.OK() && r.Skipped == "" {
		l.sum.OK++
	}
	for _, rule := range r.Verdict.rules(Broken) {
		l.sum.Broken[rule]++
	}
	if r.Failure != nil {
		l.sum.Failures[r.Failure.Error()]++
	}
	for _, u := range r.Unmet {
		l.sum.Failures[strings.TrimSpace(u.Where+" not met: "+u.Step)]++ // what came instead differs from call to call
	}
	if r.Skipped != "" {
		l.sum.Failures["skipped: "+r.Skipped]++
	}
	l.sum.FirstAudio = append(l.sum.FirstAudio, r.FirstAudio...)
}

func (l *load) failed(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sum.Calls++
	l.sum.Failures[err.Error()]++
}

// AllOK reports that calls were placed and all were well.
func (s *Summary) AllOK() bool { return s.Calls > 0 && s.OK == s.Calls }

// Percentile is the time within which that share (0 to 1) of the answers
// brought their first audio; zero when there were none.
func (s *Summary) Percentile(share float64) time.Duration {
	if len(s.FirstAudio) == 0 {
		return 0
	}
	at := int(share * float64(len(s.FirstAudio)))
	return s.FirstAudio[min(max(at, 0), len(s.FirstAudio)-1)]
}

// Print writes the summary for people.
func (s *Summary) Print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "calls %d, ok %d, failed %d\n", s.Calls, s.OK, s.Calls-s.OK)
	fmt.Fprintf(&b, "first audio p50 %.0f ms, p99 %.0f ms of %d answers\n", millis(s.Percentile(0.5)), millis(s.Percentile(0.99)), len(s.FirstAudio))
	for _, rule := range slices.Sorted(maps.Keys(s.Broken)) {
		fmt.Fprintf(&b, "broken %s in %d calls\n", rule, s.Broken[rule])
	}
	for _, why := range slices.Sorted(maps.Keys(s.Failures)) {
		fmt.Fprintf(&b, "failed %d calls: %s\n", s.Failures[why], why)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// PrintJSON writes the summary as one JSON line.
func (s *Summary) PrintJSON(w io.Writer) error {
	return json.NewEncoder(w).Encode(struct {
		Kind     string         `json:"kind"`
		Calls    int            `json:"calls"`
		OK       int            `json:"ok"`
		Failed   int            `json:"failed"`
		P50      float64        `json:"first_audio_p50_ms"`
		P99      float64        `json:"first_audio_p99_ms"`
		Broken   map[string]int `json:"broken"`
		Failures map[string]int `json:"failures"`
	}{"load", s.Calls, s.OK, s.Calls - s.OK, millis(s.Percentile(0.5)), millis(s.Percentile(0.99)), s.Broken, s.Failures})
}
