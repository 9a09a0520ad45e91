//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/byova-host/byova-host/host/admin"
	"github.com/byova-host/byova-host/host/config"
	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
)

var (
	swaps     = flag.Int("swaps", 6, "how often TestSwaps swaps under each policy")
	swapCalls = flag.Int("swapcalls", 20, "under how many calls TestSwaps does so")
)

const (
	shortFrame = 160 // bytes
	frameTime  = 20 * time.Millisecond
)

// TestSwaps swaps a bot that sends each frame of audio back at once, under calls that
// send one every 20 ms. No call ends by it, and no frame is lost, repeated or
// overtaken.
func TestSwaps(t *testing.T) {
	t.Run("move", func(t *testing.T) { newSwapping(t, "move", 1).run(t) })
	// Each swap waits for the end of the calls that the one before left behind: with
	// many calls several plugins do that side by side.
	t.Run("drain", func(t *testing.T) { newSwapping(t, "drain", max(1, *swapCalls/40)).run(t) })
}

// swapping is a host whose plugins are swapped under calls.
type swapping struct {
	*inside
	policy  string
	plugins int
	pids    string
	seed    uint64
	conns   []*grpc.ClientConn
	lines   sync.WaitGroup
	up      atomic.Int64 // calls
	placed  atomic.Int64 // calls
	acts    atomic.Int64 // swaps under way
	tally   tally

	mu                             sync.Mutex
	frames, lost, repeated, broken int
	otherwise, during              time.Duration // the longest pauses
	took, moved                    []time.Duration
}

func newSwapping(t *testing.T, policy string, plugins int) *swapping {
	s := &swapping{policy: policy, plugins: plugins, pids: filepath.Join(t.TempDir(), "pids"), seed: *stressSeed}
	if s.seed == 0 {
		s.seed = rand.Uint64()
	}
	t.Logf("repeat with -seed %d", s.seed)
	return s
}

func agentNumber(i int) string { return fmt.Sprint("duplex-", i) }

func (s *swapping) program(t *testing.T, i int, version string) string {
	t.Helper()
	return bot{Kind: "duplex", Version: version, Agent: agentNumber(i), Pids: s.pids}.file(t)
}

func (s *swapping) run(t *testing.T) {
	noLeaks(t)
	var all []config.Plugin
	for i := range s.plugins {
		all = append(all, patient(agentNumber(i), s.program(t, i, "1")))
	}
	s.inside = runPlugins(t, all...)
	s.conns = dialHost(t, s.addr, 5)
	over := make(chan struct{})
	for i := range *swapCalls {
		s.lines.Go(func() { s.line(t.Context(), i, over) })
	}
	eventually(t, answeredWithin, "all calls are up", func() bool { return s.up.Load() == int64(*swapCalls) })
	<-time.After(time.Second) // pauses that no swap is to blame for
	var running sync.WaitGroup
	for i := range s.plugins {
		random := rand.New(rand.NewPCG(s.seed, 1<<32+uint64(i)))
		running.Go(func() {
			for n := i; n < *swaps; n += s.plugins {
				<-time.After(time.Duration(random.IntN(300)) * time.Millisecond)
				s.swap(t, i, n/s.plugins+2)
			}
		})
	}
	running.Wait()
	close(over)
	s.lines.Wait()
	for _, conn := range s.conns {
		conn.Close()
	}
	s.end(t, processes(t, s.pids)...)
	for _, wrong := range s.tally.wrong {
		t.Error(wrong)
	}
	if s.lost+s.repeated+s.broken > 0 {
		t.Errorf("of %d frames %d were lost, %d came again or too late, %d were broken", s.frames, s.lost, s.repeated, s.broken)
	}
	s.report(t)
}

// swap swaps a plugin and waits until the calls have left the old process.
func (s *swapping) swap(t *testing.T, i, version int) {
	name := agentNumber(i)
	path := s.program(t, i, fmt.Sprint(version))
	asked := time.Now()
	s.acts.Add(1)
	settled := sync.OnceFunc(func() { s.acts.Add(-1) })
	defer settled()
	done, err := s.admin().Swap(t.Context(), name, admin.Swap{Path: path, Terms: admin.Terms{Policy: s.policy}}, nil)
	if err != nil {
		t.Error(err)
		return
	}
	took := time.Since(asked)
	if done.Version != fmt.Sprint(version) {
		t.Errorf("swapped to version %d of %s, and got %+v", version, name, done)
	}
	if s.policy == "drain" {
		time.AfterFunc(frameTime*5, settled) // those that stay have nothing more to do with it
	}
	var live []admin.Plugin
	for tick := time.Tick(10 * time.Millisecond); ; <-tick {
		if live, err = s.admin().Plugins(t.Context()); err != nil {
			t.Error(err)
			return
		}
		old := false
		for _, p := range live {
			old = old || p.Name == name && p.Generation != done.Generation
		}
		if !old {
			break
		}
		if time.Since(asked) > answeredWithin {
			t.Errorf("the calls stay with the old process: %+v", live)
			return
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.took, s.moved = append(s.took, took), append(s.moved, time.Since(asked))
}

// line places one call for all the time, or short ones that may stay where they are.
func (s *swapping) line(ctx context.Context, number int, over <-chan struct{}) {
	random := rand.New(rand.NewPCG(s.seed, uint64(number)))
	shortest, longest := 300*time.Millisecond, 1200*time.Millisecond
	if *swapCalls >= 100 {
		shortest, longest = 5*time.Second, 20*time.Second
	}
	for {
		length := time.Hour
		if s.policy == "drain" {
			length = shortest + time.Duration(random.Int64N(int64(longest-shortest)))
		}
		c := &frameCall{
			swapping: s, number: uint32(s.placed.Add(1)), agent: agentNumber(number % s.plugins),
			client: mediav1.NewVoiceVirtualAgentClient(s.conns[number%len(s.conns)]),
		}
		if err := c.place(ctx, over, length); err != nil {
			s.tally.fault("call %d: after %d frames, of which %d came back: %v", c.number, c.sent, c.next, err)
			_ = c.say(ctx, mediav1.EventInput_SESSION_END)
			return
		}
		select {
		case <-over:
			return
		default:
		}
	}
}

// frameCall is one call of numbered frames. What came is its reader's.
type frameCall struct {
	*swapping
	client mediav1.VoiceVirtualAgentClient
	number uint32
	agent  string
	sent   uint32 // frames
	next   uint32 // frame that should come
	back   atomic.Uint32
	rest   []byte
	last   time.Time // when something came
	acted  bool      // a swap was under way then
}

// frame is what is sent: eight bytes, over and over.
func (c *frameCall) frame(number uint32) []byte {
	var mark [8]byte
	binary.BigEndian.PutUint32(mark[:], c.number)
	binary.BigEndian.PutUint32(mark[4:], number)
	return bytes.Repeat(mark[:], shortFrame/len(mark))
}

// place plays the call: greeting, frames on one RPC, hang-up.
func (c *frameCall) place(ctx context.Context, over <-chan struct{}, length time.Duration) error {
	if err := c.say(ctx, mediav1.EventInput_SESSION_START); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	c.up.Add(1)
	defer c.up.Add(-1)
	if err := c.exchange(ctx, over, length); err != nil {
		return err
	}
	if err := c.say(ctx, mediav1.EventInput_SESSION_END); err != nil {
		return fmt.Errorf("end: %w", err)
	}
	return nil
}

func (c *frameCall) send(st webexStream, m *mediav1.VoiceVARequest) error {
	m.ConversationId, m.CustomerOrgId, m.VirtualAgentId = fmt.Sprint("frames-", c.number), "org", c.agent
	return st.Send(m)
}

func (c *frameCall) say(ctx context.Context, kind mediav1.EventInput_EventType) error {
	ctx, cancel := context.WithTimeout(ctx, answeredWithin)
	defer cancel()
	st, err := c.client.ProcessCallerInput(ctx)
	if err != nil {
		return err
	}
	if err := c.send(st, eventInput(kind)); err != nil {
		return err
	}
	st.CloseSend()
	return c.listen(st)
}

// exchange sends a frame every 20 ms until the call is over, and hears each of them.
func (c *frameCall) exchange(ctx context.Context, over <-chan struct{}, length time.Duration) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	st, err := c.client.ProcessCallerInput(ctx)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- c.listen(st) }()
	began := time.Now()
	end := time.NewTimer(length)
	defer end.Stop()
	for up := true; up; {
		select {
		case <-over:
			up = c.policy == "drain" // those are short, and end as they began
			over = nil
		case <-end.C:
			up = false
		case err := <-ended:
			return fmt.Errorf("the host ended the RPC: %w", errors.Join(err, io.EOF))
		case <-time.After(time.Until(began.Add(time.Duration(c.sent) * frameTime))):
			if err := c.send(st, audioInput(c.frame(c.sent))); err != nil {
				return err
			}
			c.sent++
		}
	}
	limit := time.After(answeredWithin)
	for tick := time.Tick(frameTime); c.back.Load() < c.sent; {
		select {
		case <-tick:
			continue
		case err := <-ended:
			return fmt.Errorf("the host ended the RPC: %w", errors.Join(err, io.EOF))
		case <-limit:
			cancel()
		}
		break
	}
	st.CloseSend()
	err = <-ended
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frames += int(c.sent)
	c.lost += int(c.sent) - int(c.next)
	return err
}

// listen hears an RPC to its end.
func (c *frameCall) listen(st webexStream) error {
	for {
		m, err := st.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, e := range m.GetOutputEvents() {
			return fmt.Errorf("the bot says %v %v", e.GetEventType(), e.GetMetadata())
		}
		for _, p := range m.GetPrompts() {
			c.rest = append(c.rest, p.GetAudioContent()...)
		}
		if len(c.rest) > 0 {
			c.hear()
		}
	}
}

// hear takes what has come.
func (c *frameCall) hear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	acts := c.acts.Load() > 0
	if !c.last.IsZero() {
		longest := &c.otherwise
		if acts || c.acted {
			longest = &c.during
		}
		*longest = max(*longest, now.Sub(c.last))
	}
	c.last, c.acted = now, acts
	for len(c.rest) >= shortFrame {
		call, number := binary.BigEndian.Uint32(c.rest), binary.BigEndian.Uint32(c.rest[4:])
		switch {
		case call != c.number, !bytes.Equal(c.rest[:shortFrame], c.frame(number)):
			c.broken++
			c.rest = c.rest[8:] // the next mark
			continue
		case number < c.next:
			c.repeated++
		default:
			c.lost += int(number - c.next)
			c.next = number + 1
		}
		c.back.Store(c.next)
		c.rest = c.rest[shortFrame:]
	}
}

func (s *swapping) report(t *testing.T) {
	name := "swaps_" + s.policy
	printResult(t, name, len(s.took), "swaps")
	printResult(t, name+"_calls", s.placed.Load(), "calls")
	printResult(t, name+"_wrong", len(s.tally.wrong), "calls")
	printResult(t, name+"_frames", s.frames, "frames")
	printResult(t, name+"_lost", s.lost, "frames")
	printResult(t, name+"_reordered", s.repeated+s.broken, "frames")
	printResult(t, name+"_pause", s.during.Milliseconds(), "ms")
	printResult(t, name+"_pause_otherwise", s.otherwise.Milliseconds(), "ms")
	printTimes(t, name+"_took", s.took)
	printTimes(t, name+"_left", s.moved)
}
