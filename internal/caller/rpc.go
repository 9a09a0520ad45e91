package caller

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
)

// unreadFor is how much audio may wait for a server that does not read.
const unreadFor = 10 * time.Second

// midCall is why an RPC was cancelled in a call that goes on.
const midCall = "given up in the middle of the call"

// notRead is why an RPC was cancelled whose server does not read.
const notRead = "the server does not read: 10 s of audio wait to be sent"

type stream = grpc.BidiStreamingClient[mediav1.VoiceVARequest, mediav1.VoiceVAResponse]

// rpc is one interaction of the call. The goroutine of the call owns all
// fields; the RPC's own two goroutines only move messages.
type rpc struct {
	n      int
	out    chan *mediav1.VoiceVARequest // to the sender; closing it half-closes
	cancel context.CancelFunc

	closed    bool          // half-closed
	cancelled bool          // given up by us
	done      bool          // ended
	failed    bool          // ended badly, or could not be opened
	active    time.Duration // half-close or last message: the limit of completion counts from here

	answers     bool // its input is complete and calls for an answer
	interrupted bool // the rest of its answer is dropped
	final       bool // its answer is complete
	prompted    bool // a prompt with audio came
	bargeIn     bool // its last prompt allowed barge-in

	played int // bytes of its prompts

	began    bool          // START_OF_INPUT came
	beganAt  time.Duration // when
	heard    bool          // speech was sent
	speaking bool          // speech is being sent
	quiet    time.Duration // when that speech ended
	sent     stretch
}

// stretch adds up the audio sent on an RPC until its kind changes, so that the
// timeline has a line for each change and not for each frame.
type stretch struct {
	speech bool
	length time.Duration
}

// arrival is what a receiver hands to the goroutine of the call: a message, or
// the end of the RPC when message is nil.
type arrival struct {
	rpc     *rpc
	message *mediav1.VoiceVAResponse
	err     error
}

// open starts an RPC. One that cannot be opened is done at once and has failed
// the call.
func (c *call) open() *rpc {
	queue := int(unreadFor / c.frame)
	r := &rpc{n: len(c.rpcs) + 1, out: make(chan *mediav1.VoiceVARequest, queue), active: c.now()}
	c.rpcs = append(c.rpcs, r)
	opened, conn := Entry{Kind: Opened, RPC: r.n}, (r.n-1)%len(c.stubs)
	if len(c.stubs) > 1 {
		opened.Conn = conn + 1
	}
	c.log(opened)
	ctx, cancel := context.WithCancel(c.ctx)
	r.cancel = cancel
	ctx, err := c.withMetadata(ctx)
	if err != nil {
		r.done, r.failed = true, true
		cancel()
		c.fail(fmt.Errorf("get the token for rpc %d: %w", r.n, err))
		return r
	}
	s, err := c.stubs[conn].ProcessCallerInput(ctx)
	if err != nil {
		cancel()
		c.unreached(r, err)
		return r
	}
	c.work.Go(func() { send(s, r.out) })
	c.work.Go(func() {
		defer cancel()
		c.receive(s, r)
	})
	return r
}

// ErrUnreached is in Result.Failure when an RPC never got to the server.
var ErrUnreached = errors.New("server not reached")

// ErrNoAgent is in Result.Failure when the server does not know Options.Agent.
var ErrNoAgent = errors.New("the server does not offer virtual agent")

// unreached notes that r could not be opened, which no rule is about.
func (c *call) unreached(r *rpc, err error) {
	r.done, r.failed = true, true
	why := plainly(status.Convert(err).Message())
	c.log(Entry{Kind: Cancelled, RPC: r.n, Text: "not opened: " + why})
	if c.ctx.Err() == nil { // else the call is being cut off
		c.fail(fmt.Errorf("open rpc %d to %s: %w: %s", r.n, c.opt.Addr, ErrUnreached, why))
	}
}

// plainly takes gRPC's wrapping off the reason why a connection failed.
func plainly(message string) string {
	_, quoted, wrapped := strings.Cut(message, "desc = ")
	if inner, err := strconv.Unquote(quoted); wrapped && err == nil {
		message = inner
	}
	return strings.TrimPrefix(strings.TrimPrefix(message, "transport: "), "Error while dialing: ")
}

func (c *call) withMetadata(ctx context.Context) (context.Context, error) {
	ctx = metadata.AppendToOutgoingContext(ctx, "trackingid", "byova-call_"+c.opt.ConversationID)
	if c.opt.Token == nil {
		return ctx, nil
	}
	token, err := c.opt.Token(ctx)
	if err != nil {
		return nil, err
	}
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token), nil
}

// send writes what is queued, then half-closes. It ends with its queue; once
// the stream has failed it only empties it, because the receiver reports why.
func send(s stream, out <-chan *mediav1.VoiceVARequest) {
	broken := false
	for m := range out {
		broken = broken || s.Send(m) != nil
	}
	if !broken {
		_ = s.CloseSend() // never fails; the receiver sees the stream's end
	}
}

// receive hands over what the server sends until the RPC has ended.
func (c *call) receive(s stream, r *rpc) {
	for {
		m, err := s.Recv()
		select {
		case c.in <- arrival{r, m, err}:
		case <-c.stopped: // nobody listens any more
			return
		}
		if err != nil {
			return
		}
	}
}

// put queues one message on r. A full queue means that the server stopped
// reading, which would stall Webex.
func (c *call) put(r *rpc, m *mediav1.VoiceVARequest) {
	if r.done || r.closed {
		return
	}
	m.ConversationId, m.CustomerOrgId, m.VirtualAgentId = c.opt.ConversationID, c.opt.Org, c.opt.Agent
	m.AllowPartialResponses = c.opt.AllowPartial
	select {
	case r.out <- m:
	default:
		c.giveUp(r, notRead)
		c.fail(fmt.Errorf("rpc %d: %s", r.n, notRead))
	}
}

// putEvent sends an event.
func (c *call) putEvent(r *rpc, event mediav1.EventInput_EventType) {
	c.putEventWith(r, &mediav1.EventInput{EventType: event})
}

func (c *call) putEventWith(r *rpc, event *mediav1.EventInput) {
	if r.done {
		return // it could not be opened
	}
	c.endStretch(r, c.now())
	c.log(Entry{Kind: SentEvent, RPC: r.n, Event: event.GetEventType().String()})
	c.put(r, &mediav1.VoiceVARequest{VoiceVaInputType: &mediav1.VoiceVARequest_EventInput{EventInput: event}})
}

// audioMessage is a message of caller audio in one piece of memory, because there
// is one for each frame of each call.
type audioMessage struct {
	request mediav1.VoiceVARequest
	kind    mediav1.VoiceVARequest_AudioInput
	input   mediav1.VoiceInput
	from    timestamppb.Timestamp
}

// putAudio sends one message of caller audio that was captured from the given
// time on.
func (c *call) putAudio(r *rpc, frame []byte, from time.Time) {
	m := &audioMessage{}
	m.request.VoiceVaInputType, m.kind.AudioInput, m.input.AudioTimestamp = &m.kind, &m.input, &m.from
	m.from.Seconds, m.from.Nanos = from.Unix(), int32(from.Nanosecond())
	m.input.CallerAudio, m.input.LanguageCode = frame, c.opt.Language
	if !c.opt.OmitFormat {
		m.input.Encoding, m.input.SampleRateHertz = mediav1.VoiceInput_MULAW_FORMAT, 8000
	}
	c.put(r, &m.request)
}

// halfClose says that nothing more comes on r.
func (c *call) halfClose(r *rpc) { c.halfCloseFor(r, "") }

func (c *call) halfCloseFor(r *rpc, why string) {
	if r.closed {
		return
	}
	c.endStretch(r, c.now())
	r.closed, r.active = true, c.now()
	close(r.out)
	if !r.done && !r.cancelled {
		c.log(Entry{Kind: HalfClosed, RPC: r.n, Text: why, due: c.due()})
	}
}

// giveUp cancels r, as Webex does when it has waited long enough.
func (c *call) giveUp(r *rpc, why string) {
	if r.done || r.cancelled {
		return
	}
	c.endStretch(r, c.now())
	r.cancelled = true
	r.cancel()
	c.log(Entry{Kind: Cancelled, RPC: r.n, Text: why})
}

// ended notes that r is over.
func (c *call) ended(r *rpc, err error) {
	if errors.Is(err, io.EOF) {
		err = nil
	}
	c.endStretch(r, c.now())
	state := status.Convert(err)
	r.done = true
	c.log(Entry{Kind: Ended, RPC: r.n, Status: state.Code(), Text: state.Message()})
	open := !r.closed
	c.halfClose(r) // ends the sender
	if c.listen == r {
		c.listen = nil
	}
	switch {
	case r.cancelled:
	case state.Code() != codes.OK:
		r.failed = true
		if state.Code() == codes.NotFound && r.n == 1 && c.opt.Agent != "" {
			c.fail(fmt.Errorf("%w %q: %s", ErrNoAgent, c.opt.Agent, state.Message()))
			return
		}
		c.fail(fmt.Errorf("rpc %d ended with %v %q, want OK", r.n, state.Code(), state.Message()))
	case open && !r.final:
		c.deafness(r)
	}
}

// deafness notes that the server ended an RPC on which it was to listen. A
// server that always does so would have Webex open one RPC after the other.
func (c *call) deafness(r *rpc) {
	const most = 10
	if c.deaf++; c.deaf == most {
		c.fail(fmt.Errorf("rpc %d is the %dth that the server completed while it was to listen", r.n, most))
	}
}
