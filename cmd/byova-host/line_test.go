//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
)

// line is a telephone line whose caller does things at random, in calls one after
// the other. It keeps to what Webex does on the wire, but not to good manners:
// RPCs overlap, are cancelled, and calls vanish.
type line struct {
	ctx    context.Context
	rng    *rand.Rand
	client mediav1.VoiceVirtualAgentClient
	words  []byte
	tally  *tally
}

// tally counts what became of all calls.
type tally struct {
	calls, rpcs, answers, transfers, ends, customs, hangUps, vanished, cancels, bargeIns atomic.Int64
	mu                                                                                   sync.Mutex
	wrong                                                                                []string
}

func (t *tally) fault(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wrong = append(t.wrong, fmt.Sprintf(format, args...))
}

// frame is 80 ms of audio, as Webex often sends it.
const frame = 640

// completeWithin is how long an RPC may stay open behind its half-close: the
// limit of an answer and some more for a busy machine.
const completeWithin = 20 * time.Second

// lineCall is one call of a line.
type lineCall struct {
	*line
	id, agent string
	readers   sync.WaitGroup
	over      atomic.Bool // ended by either side
	left      atomic.Bool // the bot has left it, at least for a while
	answering *lineRPC    // the last RPC whose answer is due

	mu         sync.Mutex
	unanswered []string // what got no answer, for which the bot's leaving is an excuse
}

// lineRPC is one RPC of a call. What came on it is its reader's until done is closed.
type lineRPC struct {
	call     *lineCall
	st       grpc.BidiStreamingClient[mediav1.VoiceVARequest, mediav1.VoiceVAResponse]
	cancel   context.CancelFunc
	what     string
	owed     bool        // an answer must come, unless the call ends; the reader's once it reads
	gaveUp   atomic.Bool // cancelled by us
	inputEnd chan struct{}
	done     chan struct{}
}

// agentsAtRandom are those whose calls a line places; none ends the whole process.
var agentsAtRandom = []string{
	"echo", "slow-answer", "long-welcome", "menu", "desk", "closer", "custom", "mute", "twice", "late",
	"after-end", "dribble", "crash", "sensitive", "no-input-event", "spontaneous", "formats",
}

// run places calls until ctx ends.
func (l *line) run(name string) {
	for n := 0; l.ctx.Err() == nil; n++ {
		c := &lineCall{line: l, id: fmt.Sprintf("%s-%d", name, n), agent: agentsAtRandom[l.rng.IntN(len(agentsAtRandom))]}
		l.tally.calls.Add(1)
		c.place()
		c.readers.Wait()
		for _, what := range c.unanswered {
			if !c.left.Load() {
				l.tally.fault("%s (%s): %q got no answer", c.id, c.agent, what)
			}
		}
	}
}

// place plays one call to its end.
func (c *lineCall) place() {
	start := c.open("start", true)
	start.event(mediav1.EventInput_SESSION_START)
	start.halfClose()
	c.answering = start
	for range 1 + c.rng.IntN(5) {
		if c.rng.IntN(3) > 0 {
			c.hearAnswer()
		}
		if c.ctx.Err() != nil || c.over.Load() {
			break
		}
		[]func(){c.say, c.say, c.press, c.silence, c.giveUp}[c.rng.IntN(5)]()
	}
	c.leave()
}

// hearAnswer waits for what is owed. Else the next input cuts it.
func (c *lineCall) hearAnswer() {
	select {
	case <-c.answering.done:
	case <-time.After(time.Duration(c.rng.IntN(3000)) * time.Millisecond):
		c.tally.bargeIns.Add(1)
	case <-c.ctx.Done():
	}
}

// leave ends the call: with SESSION_END, with open RPCs cancelled before it, or by
// vanishing, which the host has to find out.
func (c *lineCall) leave() {
	how := c.rng.IntN(4)
	vanish := how == 0
	if vanish && !c.over.Load() {
		c.tally.vanished.Add(1)
		c.over.Store(true)
		c.answering.giveUp()
		return
	}
	if !c.over.Swap(true) {
		c.tally.hangUps.Add(1)
	}
	if how == 1 {
		c.answering.giveUp()
	}
	end := c.open("end", false)
	end.event(mediav1.EventInput_SESSION_END)
	end.halfClose()
}

// say listens, speaks, and waits until the host has heard the end of it.
func (c *lineCall) say() {
	r := c.open("say", false)
	r.stream(bytes.Repeat([]byte{0xff}, frame*(1+c.rng.IntN(5))))
	r.stream(c.words)
	for range 20 { // the caller listens; Webex sends what the line has
		select {
		case <-r.inputEnd:
		case <-r.done:
		default:
			r.stream(bytes.Repeat([]byte{0xff}, frame))
			continue
		}
		break
	}
	r.halfClose()
	c.answering = r
}

// press enters keys, most of the time announced.
func (c *lineCall) press() {
	if c.rng.IntN(3) > 0 {
		first := c.open("first key", false)
		first.event(mediav1.EventInput_START_OF_DTMF)
		first.halfClose()
	}
	var keys []mediav1.DTMFDigits
	for range 1 + c.rng.IntN(4) {
		keys = append(keys, mediav1.DTMFDigits(1+c.rng.IntN(10)))
	}
	if c.rng.IntN(2) == 0 {
		keys = append(keys, mediav1.DTMFDigits_DTMF_DIGIT_POUND)
	}
	r := c.open("keys", true)
	r.send(&mediav1.VoiceVARequest{VoiceVaInputType: &mediav1.VoiceVARequest_DtmfInput{DtmfInput: &mediav1.DTMFInputs{DtmfEvents: keys}}})
	r.halfClose()
	c.answering = r
}

// silence listens, and most of the time reports that nothing was heard. Else Webex
// has done with the RPC, and nothing is to come of it.
func (c *lineCall) silence() {
	report := c.rng.IntN(3) > 0
	r := c.open("silence", report)
	r.stream(bytes.Repeat([]byte{0xff}, frame*(1+c.rng.IntN(10))))
	if report {
		r.event(mediav1.EventInput_NO_INPUT)
	}
	r.halfClose()
	c.answering = r
}

// giveUp cancels a listening RPC in the middle of speech.
func (c *lineCall) giveUp() {
	r := c.open("given up", false)
	r.stream(c.words[:c.rng.IntN(len(c.words))])
	c.tally.cancels.Add(1)
	r.giveUp()
}

func (c *lineCall) open(what string, owed bool) *lineRPC {
	ctx, cancel := context.WithCancel(context.WithoutCancel(c.ctx)) // a call is played to its end
	st, err := c.client.ProcessCallerInput(ctx)
	r := &lineRPC{call: c, st: st, cancel: cancel, what: what, owed: owed, inputEnd: make(chan struct{}), done: make(chan struct{})}
	if err != nil {
		c.tally.fault("%s (%s): open %q: %v", c.id, c.agent, what, err)
		r.st = nil
		close(r.done)
		return r
	}
	c.tally.rpcs.Add(1)
	c.readers.Go(r.read)
	return r
}

func (r *lineRPC) giveUp() {
	r.gaveUp.Store(true)
	r.cancel()
}

func (r *lineRPC) send(m *mediav1.VoiceVARequest) {
	m.ConversationId, m.CustomerOrgId, m.VirtualAgentId = r.call.id, "org", r.call.agent
	if r.st != nil {
		_ = r.st.Send(m) // the reader tells how the RPC ended
	}
}

func (r *lineRPC) event(kind mediav1.EventInput_EventType) {
	r.send(&mediav1.VoiceVARequest{VoiceVaInputType: &mediav1.VoiceVARequest_EventInput{EventInput: &mediav1.EventInput{EventType: kind}}})
}

// stream sends audio in real time, frame by frame, until the RPC ends or its input
// does.
func (r *lineRPC) stream(data []byte) {
	tick := time.NewTicker(frame * time.Second / 8000)
	defer tick.Stop()
	for chunk := range chunks(data, frame) {
		select {
		case <-tick.C:
		case <-r.inputEnd:
			return
		case <-r.done:
			return
		}
		r.send(&mediav1.VoiceVARequest{VoiceVaInputType: &mediav1.VoiceVARequest_AudioInput{AudioInput: &mediav1.VoiceInput{CallerAudio: chunk}}})
	}
}

func chunks(data []byte, size int) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(data) > 0 {
			n := min(size, len(data))
			if !yield(data[:n]) {
				return
			}
			data = data[n:]
		}
	}
}

// halfClose says that no more comes, and gives the RPC a time to end in.
func (r *lineRPC) halfClose() {
	if r.st == nil {
		return
	}
	r.st.CloseSend()
	late := time.AfterFunc(completeWithin, func() {
		r.call.tally.fault("%s (%s): %q is not complete %v after its half-close", r.call.id, r.call.agent, r.what, completeWithin)
		r.giveUp()
	})
	r.call.readers.Go(func() { <-r.done; late.Stop() })
}

// read takes what comes on the RPC and judges its end.
func (r *lineRPC) read() {
	defer r.cancel()
	defer close(r.done)
	final := false
	for {
		m, err := r.st.Recv()
		if err != nil {
			r.judge(err, final)
			return
		}
		if final {
			r.call.tally.fault("%s (%s): something follows the FINAL of %q", r.call.id, r.call.agent, r.what)
		}
		final = r.take(m)
	}
}

// take counts what a response is, and says whether it closes an answer.
func (r *lineRPC) take(m *mediav1.VoiceVAResponse) (final bool) {
	t := r.call.tally
	final = m.GetResponseType() == mediav1.VoiceVAResponse_FINAL
	for _, e := range m.GetOutputEvents() {
		switch e.GetEventType() {
		case mediav1.OutputEvent_START_OF_INPUT:
			final = false
		case mediav1.OutputEvent_END_OF_INPUT:
			final, r.owed = false, true
			close(r.inputEnd)
		case mediav1.OutputEvent_TRANSFER_TO_AGENT:
			t.transfers.Add(1)
			r.call.over.Store(true)
			r.call.left.Store(true)
		case mediav1.OutputEvent_SESSION_END:
			t.ends.Add(1)
			r.call.over.Store(true)
			r.call.left.Store(true)
		case mediav1.OutputEvent_CUSTOM_EVENT:
			t.customs.Add(1)
			r.call.left.Store(true)
		}
	}
	if final {
		t.answers.Add(1)
	}
	return final
}

// judge holds that an RPC ends in order, and with an answer where one was owed.
func (r *lineRPC) judge(err error, final bool) {
	c := r.call
	switch code := status.Code(err); {
	case r.gaveUp.Load() && code == codes.Canceled:
	case !errors.Is(err, io.EOF):
		c.tally.fault("%s (%s): %q ended with %v", c.id, c.agent, r.what, err)
	case r.owed && !final && !c.over.Load():
		c.mu.Lock()
		defer c.mu.Unlock()
		c.unanswered = append(c.unanswered, r.what)
	}
}
