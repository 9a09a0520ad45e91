package caller

import (
	"context"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/protobuf/types/known/structpb"

	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
)

const (
	// startHold is how long the first RPC stays open after SESSION_START, so
	// that a greeting sent before the half-close can be told from one after.
	startHold = 60 * time.Millisecond
	// maxEntries bounds what a server can make a call remember.
	maxEntries = 200_000
)

// Result is what became of one call.
type Result struct {
	ConversationID string
	Script         string  // of Options
	Skipped        string  // what the script needs and the server did not show; empty when all was tried
	Unmet          []Unmet // expectations that were not met
	Failure        error   // why the call could not be played to its end; nil when it was
	Entries        []Entry
	Verdict        Verdict
	// FirstAudio is, for each answer, the time from when the end of its input was
	// due to its first audio. Speech ends with the last frame of it, other input
	// with its half-close; they are due by the media clock, so that what is sent
	// late because this program was busy is counted, and the server's search for
	// the end of speech is too.
	FirstAudio []time.Duration
	Greeted    bool          // the first of FirstAudio is the greeting's
	Began      time.Time     // when the media clock started
	Frames     int           // messages of caller audio that were sent
	Length     time.Duration // of the call
	Recording  []byte        // a WAV file when Options.Record, the caller left and the bot right
}

// OK reports that the call was played to its end, that no rule was broken and
// that every expectation was met. A script that was skipped may be OK.
func (r *Result) OK() bool { return r.Failure == nil && r.Verdict.OK() && len(r.Unmet) == 0 }

// phase is how far a call has come.
type phase int

const (
	talking  phase = iota
	playing        // the server has ended the call: its last prompt is played
	away           // ... and the flow does something else before it comes back
	leaving        // hung up: the open RPCs come to their end
	finished       // all is over
)

// call is one call under way. Its fields belong to the goroutine of Run, but
// for in and stopped, which the receivers use.
type call struct {
	opt     Options
	ctx     context.Context
	stubs   []mediav1.VoiceVirtualAgentClient // one for each connection
	in      chan arrival
	stopped chan struct{}
	work    sync.WaitGroup

	began   time.Time
	frame   time.Duration
	ticks   int // of the media clock
	frames  int // sent
	entries []Entry
	failure error
	phase   phase

	rpcs   []*rpc
	listen *rpc // takes the caller's audio; nil when none does
	deaf   int  // RPCs that the server ended while it was to listen

	voice  *voice
	player player
	heard  []byte // the frame being played
	rec    recorder
	keys   keypad
	script script

	mode      mediav1.VoiceVAInputMode // of the next input
	noInput   time.Duration            // 0: no limit
	maxSpeech time.Duration            // 0: no limit
	idle      time.Duration            // since when input is awaited; negative: it is not
	firstOpen bool                     // a listening RPC has been opened before
}

// Run places one call and returns when it is over. The error says why no call
// was placed: wrong options, or ctx ended before the server could be reached.
// What went wrong in the call is in the result.
func Run(ctx context.Context, o Options) (*Result, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	conns, err := o.dialAll()
	if err != nil {
		return nil, err
	}
	defer closeAll(conns)
	return place(ctx, conns, o)
}

// place plays a call over connections. The options have their defaults.
func place(ctx context.Context, conns []*grpc.ClientConn, o Options) (*Result, error) {
	// A deadline would go to the server with each RPC, which Webex's does not.
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	limit := time.AfterFunc(o.Limit, func() { cancel(fmt.Errorf("call is over its limit of %v", o.Limit)) })
	defer limit.Stop()
	stubs := make([]mediav1.VoiceVirtualAgentClient, 0, len(conns))
	for _, conn := range conns {
		if err := connect(ctx, conn); err != nil {
			return nil, fmt.Errorf("connect to %q: %w", o.Addr, err)
		}
		stubs = append(stubs, mediav1.NewVoiceVirtualAgentClient(conn))
	}
	if o.still == nil {
		o.still = stillLine(o.frame(), o.LineNoise)
	}
	c := &call{
		opt: o, ctx: ctx, stubs: stubs,
		in: make(chan arrival), stopped: make(chan struct{}),
		began: time.Now(), frame: o.frame(), idle: -1,
		voice: newVoice(o.still), rec: recorder{on: o.Record},
		script: script{steps: o.Steps, live: o.Live},
	}
	c.heard = make([]byte, c.voice.size)
	c.player.tell = func(e Entry) { c.logAt(c.due(), e) }
	c.run()
	cancel(nil)
	close(c.stopped)
	for _, r := range c.rpcs {
		if !r.closed { // cut off by the limit
			close(r.out)
		}
	}
	c.work.Wait()
	return c.result(), nil
}

// connect waits for the connection, so that the media clock starts with the
// call. A refused connection is left to the first RPC, which can say why.
func connect(ctx context.Context, conn *grpc.ClientConn) error {
	conn.Connect()
	for {
		state := conn.GetState()
		if state == connectivity.Ready || state == connectivity.TransientFailure {
			return nil
		}
		if !conn.WaitForStateChange(ctx, state) {
			return fmt.Errorf("still %v: %w", state, context.Cause(ctx))
		}
	}
}

// run is the call: messages as they come, a tick of the media clock when due.
func (c *call) run() {
	c.start()
	timer := time.NewTimer(c.frame)
	defer timer.Stop()
	for c.phase != finished {
		select {
		case a := <-c.in:
			if c.ctx.Err() != nil { // it only tells of that
				c.cutOff()
				return
			}
			c.arrived(a)
		case <-timer.C:
			c.ticks++
			if c.opt.clock != nil && c.phase < leaving {
				c.opt.clock(c.now() - c.due())
			}
			c.tick()
			timer.Reset(time.Until(c.began.Add(time.Duration(c.ticks+1) * c.frame)))
		case <-c.ctx.Done():
			c.cutOff()
			return
		}
		c.advance()
	}
}

// start opens the call. The right side of the recording is one frame ahead:
// what is heard in a slot is known at its start, what is said at its end.
func (c *call) start() {
	c.rec.bot(c.voice.silence[0])
	if c.opt.Start == WithoutStart {
		return
	}
	r := c.open()
	event := &mediav1.EventInput{EventType: mediav1.EventInput_SESSION_START}
	if len(c.opt.Parameters) > 0 {
		event.Parameters, _ = structpb.NewStruct(c.opt.Parameters) // withDefaults has seen that it can be done
	}
	c.putEventWith(r, event)
	r.answers = true
}

// tick moves the media clock by one frame.
func (c *call) tick() {
	if c.opt.Start == WithSessionStart && !c.rpcs[0].closed && c.due() >= startHold {
		c.halfClose(c.rpcs[0])
	}
	c.player.settle()
	if c.phase == talking && c.listen == nil && c.mayListen() {
		c.openListening() // here, so that no RPC is opened without audio to send
	}
	c.speak()
	c.player.frame(c.heard)
	c.rec.bot(c.heard)
	c.overdue()
	c.enter()
	c.play()
	c.endSpeech()
	c.awaitInput()
}

// advance does what a message or a tick has made possible.
func (c *call) advance() {
	switch c.phase {
	case playing:
		switch {
		case c.player.busy() || c.answering() != nil:
		case c.comesBack():
			c.phase = away
		default:
			c.leave(c.opt.EndAfterFinish)
		}
	case leaving:
		for _, r := range c.rpcs {
			if !r.done {
				return
			}
		}
		c.phase = finished
	}
}

// leave ends the caller's side: the caller hung up, the server ended the call
// or nothing can go on.
func (c *call) leave(sessionEnd bool) {
	if c.phase >= leaving {
		return
	}
	c.settleScript()
	c.phase = leaving
	c.player.cut()
	c.listen = nil
	for _, r := range c.rpcs {
		if c.opt.Cancel {
			c.giveUp(r, "the caller hung up")
		}
		c.halfClose(r)
	}
	if !sessionEnd {
		return
	}
	r := c.open()
	c.putEvent(r, mediav1.EventInput_SESSION_END)
	c.halfClose(r)
}

// fail notes the first thing that keeps the call from going on and hangs up. A
// server that refused the first RPC knows no session that could be ended.
func (c *call) fail(err error) {
	if c.failure == nil && c.phase < leaving {
		c.failure = err
	}
	c.leave(len(c.rpcs) > 0 && !c.rpcs[0].failed)
}

// cutOff is the end of a call that took too long or whose owner gave up.
func (c *call) cutOff() {
	if c.failure == nil {
		c.failure = fmt.Errorf("%w; it was to %s", context.Cause(c.ctx), c.waiting())
	}
	c.settleScript()
	for _, r := range c.rpcs {
		c.giveUp(r, "the call was cut off")
	}
	c.player.cut()
}

// waiting says what the call was doing.
func (c *call) waiting() string {
	what := c.script.current().String()
	if c.phase != talking {
		what = "complete the open RPCs"
	}
	for _, r := range c.rpcs {
		if !r.done {
			what += fmt.Sprintf(", rpc %d open", r.n)
		}
	}
	return what
}

// overdue gives up RPCs that the server does not complete.
func (c *call) overdue() {
	for _, r := range c.rpcs {
		if limit := c.opt.Limits.Complete; r.closed && !r.done && !r.cancelled && c.now()-r.active >= limit {
			c.giveUp(r, fmt.Sprintf("not completed within %v", limit))
			c.fail(fmt.Errorf("rpc %d was not completed within %v after its half-close and last message", r.n, limit))
		}
	}
}

func (c *call) now() time.Duration { return time.Since(c.began) }

// due is when the current tick was due. The media clock does not drift with the
// times at which ticks really ran: those that are late follow one another at
// once. What the caller does goes by it, what the server is held to by now.
func (c *call) due() time.Duration { return time.Duration(c.ticks) * c.frame }

func (c *call) log(e Entry) { c.logAt(c.now(), e) }

func (c *call) logAt(at time.Duration, e Entry) {
	e.At = at
	if len(c.entries) == maxEntries {
		if c.failure == nil {
			c.failure = fmt.Errorf("more than %d things happened in one call", maxEntries)
		}
		c.phase = finished // nothing more may be logged
		return
	}
	c.entries = append(c.entries, e)
	c.opt.Log(e)
}

func (c *call) result() *Result {
	times, greeted := firstAudio(c.entries)
	return &Result{
		ConversationID: c.opt.ConversationID,
		Script:         c.opt.Script,
		Skipped:        c.script.skipped,
		Unmet:          c.script.unmet,
		Failure:        c.failure,
		Entries:        c.entries,
		Verdict:        Judge(c.entries, c.opt.Limits),
		FirstAudio:     times,
		Greeted:        greeted,
		Began:          c.began,
		Frames:         c.frames,
		Length:         c.now(),
		Recording:      c.rec.wav(),
	}
}
