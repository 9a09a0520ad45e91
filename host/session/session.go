package session

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/byova-host/byova-host/internal/lane"
)

// Session is our care of one conversation. Its goroutine alone changes its
// state; everything else reaches it through the mailbox.
type Session struct {
	key      Key
	tracking string // of the first RPC
	log      hclog.Logger
	observer Observer
	mailbox  *lane.Mailbox[input]
	state    *state
	began    time.Time
	joined   atomic.Int64 // how many RPCs have joined
	open     atomic.Int64 // how many of them a handler still writes

	trace  *tracer
	hidden bool // what the bot says now is not to be shown
	last   Call // what there was to know of the call at its end

	voice     Voice
	speaker   *speaker       // of the text that is spoken last; nil: none was
	part      *part          // of the process that has the call, or had it last
	helpers   sync.WaitGroup // ask for another process, or speak a text
	ctx       context.Context
	cancel    context.CancelFunc
	audioLost int64 // bytes of the caller's that earlier processes did not take

	rpcs map[rpcID]*RPC // those that a handler still writes
	over bool

	done    chan struct{} // closed when run has returned
	removed chan struct{} // closed when the registry has forgotten the session
}

func newSession(key Key, log hclog.Logger) *Session {
	ctx, cancel := context.WithCancel(context.Background())
	return &Session{
		ctx: ctx, cancel: cancel,
		key: key, log: log, observer: unwatched{}, voice: voiceless{}, mailbox: lane.NewMailbox[input](), began: time.Now(),
		trace: &tracer{}, rpcs: map[rpcID]*RPC{}, done: make(chan struct{}), removed: make(chan struct{}),
	}
}

// maxRPCs bounds the RPCs of a call that are open at the same time. Webex has two.
const maxRPCs = 32

// join adds an RPC with its first request; nil means that the session has ended.
func (s *Session) join(t *Ticket, first *Request) *RPC {
	rpc := newRPC(s, rpcID(s.joined.Add(1)))
	s.open.Add(1)
	rpc.unheard = first.cost()
	s.log.Debug("RPC joined", "rpc", int(rpc.id), "trackingid", first.Tracking)
	if !s.mailbox.Put(input{kind: opened, rpc: rpc.id, stamp: t.stamp, joined: rpc}) {
		return nil
	}
	s.mailbox.Put(input{kind: requested, rpc: rpc.id, request: first})
	return rpc
}

// accepts says whether a request belongs to this session.
func (s *Session) accepts(q *Request) error {
	switch {
	case q.Key != s.key:
		return fmt.Errorf("%w: conversation %q of organisation %q on an RPC of another one", ErrBadRequest, q.Key.Conversation, q.Key.Org)
	case q.Kind == NoKind:
		return errNoInput
	case q.Agent != "" && q.Agent != s.state.agent:
		return fmt.Errorf("%w: %q, but the conversation began with %q", ErrAgentChanged, q.Agent, s.state.agent)
	}
	return nil
}

// run is the session's life: it returns when the session is over.
func (s *Session) run() {
	defer close(s.done)
	timer := time.NewTimer(never)
	defer timer.Stop()
	s.log.Info("session started", "agent", s.state.agent, "trackingid", s.tracking)
	s.observer.CallBegan(s.state.agent)
	var batch []input
	armed := never // when the timer fires: perhaps too early, never too late
	for !s.over {
		batch = s.mailbox.Take(batch[:0])
		for i := range batch {
			s.feed(&batch[i])
		}
		if len(batch) > 0 {
			continue
		}
		if next := s.state.due.next(); next < armed {
			timer.Reset(next - s.now())
			armed = next
		}
		select {
		case <-s.mailbox.Ready():
		case <-timer.C:
			armed = never
			s.feed(&input{kind: tick})
		}
	}
	s.cancel()
	s.helpers.Wait()
	for _, in := range s.mailbox.Take(nil) {
		s.feed(&in) // joined while the session ended: completed, not left alone
	}
	s.last = s.describe()
	s.trace.finish()
	unheard := s.unheard()
	s.observer.CallEnded(s.state.agent, CallEnd{Reason: s.state.reason, LateCommands: s.state.dropped, Unplayed: s.state.unplayed, Unheard: unheard})
	s.log.Info("session ended", "reason", s.state.reason.String(), "detail", s.state.detail,
		"turns", s.state.turns, "rpcs", s.joined.Load(), "refused_commands", s.state.refusals, "late_commands", s.state.dropped,
		"unplayed_bytes", s.state.unplayed, "unheard_bytes", unheard, "resumed", s.state.bind.resumed, "duration", s.now().Round(time.Millisecond))
}

// unheard is how many bytes of caller audio no process took.
func (s *Session) unheard() int64 {
	return s.audioLost + s.part.call.AudioLost() + int64(s.state.bind.unheard)
}

// now is the session clock.
func (s *Session) now() time.Duration { return time.Since(s.began) }

// feed runs one step and carries its actions out.
func (s *Session) feed(in *input) {
	switch in.kind {
	case commanded:
		in.part.commands.Add(-1)
	case reopened:
		s.take(in)
	case opened:
		s.rpcs[in.rpc] = in.joined
	case requested:
		if rpc := s.rpcs[in.rpc]; rpc != nil {
			rpc.heard(in.request.cost())
		}
	}
	if in.kind == queried {
		in.ask <- s.describe()
		return
	}
	now := s.now()
	hidden := s.overhear(now, in)
	late := s.state.dropped
	actions := s.state.step(now, in)
	if in.kind == commanded {
		s.trace.command(now, in.command, s.state.dropped > late, hidden)
	}
	s.hidden = hidden || s.state.readsOut()
	if s.state.phase == dead {
		s.mailbox.Close() // before anyone learns of the end: who comes then begins anew
	}
	for i := range actions {
		s.perform(&actions[i])
	}
	if in.kind == gone {
		delete(s.rpcs, in.rpc)
	}
}

// perform carries out one action. None of them blocks. The action is gone with the next
// step: what goes on takes what it needs of it.
func (s *Session) perform(a *action) {
	switch a.kind {
	case tell:
		if _, begins := a.event.Body.(Started); begins {
			s.trace.place = s.describe().place()
		}
		s.trace.event(s.now(), a.event, s.hidden)
		s.part.tell(a.event)
	case closeAgent:
		s.cancel() // no other process is wanted, either
		s.part.call.Close(a.reason)
	case reopen:
		s.reopen(a.number, a.resumption)
	case resumed:
		s.trace.became(s.now(), tracedResumed, a.cause.String(), a.pause)
		s.log.Info("the bot has the call again", "cause", a.cause.String(), "pause", a.pause.Round(time.Millisecond))
		s.observer.Resumed(s.state.agent, a.cause, a.pause)
	case turnOver:
		s.observer.TurnEnded(s.state.agent, a.how, a.pause)
	case fellBack:
		s.trace.became(s.now(), tracedFallback, s.state.detail, 0)
		s.observer.FellBack(s.state.agent, a.note)
	case measure:
		s.observer.Measured(s.state.agent, a.values)
	case settled:
		s.part.call.Settled()
	case speak:
		s.startSpeaking(a.number, a.text)
	case hush:
		s.speaker.cancel()
	case allow:
		s.speaker.allow(a.bytes)
	case drop:
		for _, rpc := range s.rpcs {
			rpc.drop(a.response.prompt)
		}
	case note:
		s.log.Warn(a.note, "detail", a.detail)
	case over:
		s.over = true
	default:
		s.performOn(s.rpcs[a.rpc], a)
	}
}

func (s *Session) performOn(rpc *RPC, a *action) {
	if rpc == nil {
		return // its handler has returned
	}
	switch a.kind {
	case respond:
		if s.trace.recording.Load() && !s.hidden {
			s.trace.bot(s.now(), a.response)
		}
		rpc.push(a.response)
	case seal:
		rpc.seal()
	case complete:
		s.log.Debug("RPC completed", "rpc", int(a.rpc), "error", a.err)
		rpc.end(a.err)
	}
}
