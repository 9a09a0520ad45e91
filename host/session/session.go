package session

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/byova-host/byova-host/internal/lane"
)

// Session is our care of one conversation. What happens to it is done one thing after
// the other (feed), in the goroutine that brings it or in one for what came meanwhile.
// Feed alone changes what has no lock of its own.
type Session struct {
	key      Key
	tracking string // of the first RPC
	log      hclog.Logger
	observer Observer
	inputs   *lane.Actor[input]
	state    *state
	began    time.Time
	timer    *time.Timer
	armed    time.Duration // when the timer fires: perhaps too early, never too late
	joined   atomic.Int64  // how many RPCs have joined
	open     atomic.Int64  // how many of them a handler still writes

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

	rpcs []*RPC // those that a handler still writes

	done    chan struct{} // closed when nothing can happen to the session any more
	removed chan struct{} // closed when the registry has forgotten the session
}

// newSession makes a session that begins with start. It calls ended once, when all that
// happened to it is done.
func newSession(key Key, log hclog.Logger, ended func()) *Session {
	ctx, cancel := context.WithCancel(context.Background())
	s := &Session{
		ctx: ctx, cancel: cancel,
		key: key, log: log, observer: unwatched{}, voice: voiceless{}, began: time.Now(), armed: never,
		trace: &tracer{}, done: make(chan struct{}), removed: make(chan struct{}),
	}
	s.inputs = lane.NewActor(s.feed, ended)
	return s
}

// maxRPCs bounds the RPCs of a call that are open at the same time. Webex has two.
const maxRPCs = 32

// join adds an RPC with its first request; nil means that the session has ended.
func (s *Session) join(t *Ticket, first *Request) *RPC {
	rpc := newRPC(s, rpcID(s.joined.Add(1)))
	s.open.Add(1)
	rpc.unheard = first.cost()
	s.log.Debug("RPC joined", "rpc", int(rpc.id), "trackingid", first.Tracking)
	if !s.inputs.Put(input{kind: opened, rpc: rpc.id, stamp: t.stamp, joined: rpc}) {
		return nil
	}
	s.inputs.Put(input{kind: requested, rpc: rpc.id, request: first})
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

// start begins with what has happened already.
func (s *Session) start() {
	s.log.Info("session started", "agent", s.state.agent, "trackingid", s.tracking)
	s.observer.CallBegan(s.state.agent)
	s.timer = time.AfterFunc(never, func() { s.inputs.Put(input{kind: tick}) })
	s.inputs.Start()
}

// finish waits for what the session has begun, once nothing can happen to it any more.
func (s *Session) finish() {
	s.timer.Stop()
	s.helpers.Wait() // closeAgent has cancelled them
	s.last = s.describe()
	s.trace.finish()
	unheard := s.unheard()
	s.observer.CallEnded(s.state.agent, CallEnd{Reason: s.state.reason, LateCommands: s.state.dropped, Unplayed: s.state.unplayed, Unheard: unheard})
	s.log.Info("session ended", "reason", s.state.reason.String(), "detail", s.state.detail,
		"turns", s.state.turns, "rpcs", s.joined.Load(), "refused_commands", s.state.refusals, "late_commands", s.state.dropped,
		"unplayed_bytes", s.state.unplayed, "unheard_bytes", unheard, "resumed", s.state.bind.resumed, "duration", s.now().Round(time.Millisecond))
	close(s.done)
}

// arm sets the timer, if something is due before it fires.
func (s *Session) arm() {
	if next := s.state.due.next(); next < s.armed {
		s.timer.Reset(next - s.now())
		s.armed = next
	}
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
	case tick:
		s.armed = never
	case commanded:
		in.part.commands.Add(-1)
	case reopened:
		s.take(in)
	case opened:
		s.rpcs = append(s.rpcs, in.joined)
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
		s.inputs.Close() // before anyone learns of the end: who comes then begins anew
	}
	for i := range actions {
		s.perform(&actions[i])
	}
	switch in.kind {
	case requested: // not earlier: more is read meanwhile
		if rpc := s.rpc(in.rpc); rpc != nil {
			rpc.heard(in.request.cost())
		}
	case gone:
		s.rpcs = slices.DeleteFunc(s.rpcs, func(r *RPC) bool { return r.id == in.rpc })
	}
	s.arm()
}

// rpc is an RPC that a handler still writes, or nil.
func (s *Session) rpc(id rpcID) *RPC {
	for _, r := range s.rpcs {
		if r.id == id {
			return r
		}
	}
	return nil
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
	case note: // elsewhere: a log that nobody reads must not hold up who reads for all calls
		what, detail := a.note, a.detail
		s.helpers.Go(func() { s.log.Warn(what, "detail", detail) })
	default:
		s.performOn(s.rpc(a.rpc), a)
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
