package session

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Call is what there is to know of a session.
type Call struct {
	Key
	SessionID  string
	Agent      string
	Plugin     string // empty: no process has taken it
	Generation int
	Began      time.Time
	State      CallState
	Turn       uint64 // the last one that was opened
}

// place is the plugin and its generation, in short.
func (c Call) place() string {
	if c.Plugin == "" {
		return ""
	}
	return fmt.Sprintf("%s/%d", c.Plugin, c.Generation)
}

// CallState says in a word how a call stands.
type CallState string

// The states of a call.
const (
	Greeting  CallState = "greeting"  // the bot owes its first answer
	Listening CallState = "listening" // no turn is open
	Hearing   CallState = "hearing"   // the caller speaks
	Answering CallState = "answering" // the bot owes an answer
	Resuming  CallState = "resuming"  // no process has the call
	Leaving   CallState = "leaving"   // the bot, or the fallback, ends its part
	Away      CallState = "away"      // the flow has the call and may bring it back
	OverState CallState = "ended"
)

// Placed is an AgentCall that knows where it is.
type Placed interface {
	Placed() (plugin string, generation int)
}

// ErrNoCall says that no call is meant, or that it is not known which.
var ErrNoCall = errors.New("no such call")

// describe is for feed, and for who sees the session to its end.
func (s *Session) describe() Call {
	c := Call{Key: s.key, SessionID: s.state.id, Agent: s.state.agent, Began: s.began, State: s.state.stands(), Turn: s.state.turns}
	if p, ok := s.part.call.(Placed); ok {
		c.Plugin, c.Generation = p.Placed()
	}
	return c
}

// ask has the session say how it stands. It does not wait for anything else.
func (s *Session) ask() Call {
	answer := make(chan Call, 1)
	if s.inputs.Post(input{kind: queried, ask: answer}) {
		select {
		case c := <-answer:
			return c
		case <-s.done:
		}
	}
	<-s.done
	return s.last
}

// stands says how the call stands.
func (s *state) stands() CallState {
	switch {
	case s.phase == dead:
		return OverState
	case s.phase == away:
		return Away
	case s.leaving != nil || s.saying.leave || s.botGone:
		return Leaving
	case s.bind.bond == unbound:
		return Resuming
	case s.phase == unborn || s.greeting != 0 || s.turn != nil && s.turn.cause == ByStart:
		return Greeting
	case s.turn == nil:
		return Listening
	case s.turn.inputOpen:
		return Hearing
	default:
		return Answering
	}
}

// secret says that the input which comes is sensitive, or that the bot wishes it.
func (s *state) secret() bool { return s.told.Sensitive || s.wished.Sensitive }

// readsOut says that what the bot says may repeat sensitive input.
func (s *state) readsOut() bool {
	return s.told.Sensitive && s.turn != nil && (s.turn.cause == BySpeech || s.turn.cause == ByDTMF)
}

// overhear traces what happens to the session beside its bot, and says whether what the
// bot says must not be shown.
func (s *Session) overhear(now time.Duration, in *input) (hidden bool) {
	switch {
	case in.kind == lost && in.number == s.state.bind.number && !s.state.botGone:
		s.trace.became(now, tracedLost, in.err.Error(), 0)
	case in.kind == requested && in.request.Kind == Audio && s.trace.recording.Load() && !s.state.secret():
		if rpc := s.state.rpc(in.rpc); rpc != nil {
			s.trace.caller(now, in.request.Audio, cmp.Or(in.request.Format, rpc.format))
		}
	}
	return s.state.readsOut()
}

// Calls are the live calls, the oldest first.
func (s *Sessions) Calls() []Call {
	var calls []Call
	for _, session := range s.sessions() {
		if c := session.ask(); c.State != OverState {
			calls = append(calls, c)
		}
	}
	slices.SortFunc(calls, func(a, b Call) int {
		return cmp.Or(a.Began.Compare(b.Began), strings.Compare(a.SessionID, b.SessionID))
	})
	return calls
}

// sessions are the live ones that have begun.
func (s *Sessions) sessions() (all []*Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.live {
		select {
		case <-e.ready:
			if e.session != nil {
				all = append(all, e.session)
			}
		default:
		}
	}
	return all
}

// keep remembers a session that has ended, for those who want its trace.
func (s *Sessions) keep(ended *Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.past) >= maxPast {
		s.past = slices.Delete(s.past, 0, len(s.past)-maxPast+1)
	}
	s.past = append(s.past, pastCall{ended.last, ended.trace})
}

// pastCall is what is kept of a call that has ended.
type pastCall struct {
	call  Call
	trace *tracer
}

// Trace begins a trace of the call with that conversation or session id, or the only one
// whose id begins so: of a live one, or one of the last that have ended. The error wraps
// ErrNoCall and lists what there is. Close the trace.
func (s *Sessions) Trace(id string, o TraceOptions) (*Trace, error) {
	all := s.known()
	found, err := find(all, id)
	if err != nil {
		return nil, err
	}
	trace := found.trace.follow(found.call, o)
	if o.Content && found.session != nil && !found.trace.always {
		log, leave := found.session.log, trace.close
		log.Warn("the content of a call is being traced", "session", found.call.SessionID)
		trace.close = func() {
			leave()
			log.Info("the content of a call is no longer traced", "session", found.call.SessionID)
		}
	}
	return trace, nil
}

// tracedCall is a call that can be traced; one that has ended has no session.
type tracedCall struct {
	call    Call
	trace   *tracer
	session *Session
}

// known are the calls that can be traced, those that have ended first.
func (s *Sessions) known() (all []tracedCall) {
	live := s.sessions()
	slices.SortFunc(live, func(a, b *Session) int { return a.began.Compare(b.began) })
	for _, session := range live {
		c := tracedCall{session.ask(), session.trace, session}
		if c.call.State == OverState {
			c.session = nil
		}
		all = append(all, c)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var ended []tracedCall
	for _, p := range s.past {
		if !slices.ContainsFunc(all, func(c tracedCall) bool { return c.call.SessionID == p.call.SessionID }) {
			ended = append(ended, tracedCall{call: p.call, trace: p.trace})
		}
	}
	return append(ended, all...)
}

// find is the call that is meant: the newest of its conversation.
func find(all []tracedCall, id string) (tracedCall, error) {
	pick := func(matches func(Call) bool) (found []tracedCall) {
		for _, c := range all {
			if matches(c.call) {
				found = append(found, c)
			}
		}
		return found
	}
	found := pick(func(c Call) bool { return c.Conversation == id || c.SessionID == id })
	if len(found) == 0 && id != "" {
		found = pick(func(c Call) bool { return strings.HasPrefix(c.Conversation, id) || strings.HasPrefix(c.SessionID, id) })
	}
	if len(found) == 0 {
		return tracedCall{}, fmt.Errorf("%w: %q is neither a conversation nor a session: %s", ErrNoCall, id, list(all))
	}
	last := found[len(found)-1]
	for _, c := range found {
		if c.call.Key != last.call.Key {
			return tracedCall{}, fmt.Errorf("%w: several begin with %q: %s", ErrNoCall, id, list(found))
		}
	}
	return last, nil
}

// maxListed is how many calls an error lists.
const maxListed = 20

// list says which calls there are, the newest first.
func list(all []tracedCall) string {
	if len(all) == 0 {
		return "there is no call, and none has ended lately"
	}
	var words []string
	for i := len(all) - 1; i >= 0 && len(words) < maxListed; i-- {
		c := all[i].call
		words = append(words, fmt.Sprintf("conversation %s session %s (%s, %s)", c.Conversation, c.SessionID, c.Agent, c.State))
	}
	if more := len(all) - len(words); more > 0 {
		words = append(words, fmt.Sprintf("and %d more", more))
	}
	return "there are " + strings.Join(words, "; ")
}
