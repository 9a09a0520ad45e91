package session

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode"
)

// greetWait is how long the greeting waits for the half-close of SESSION_START.
const greetWait = 500 * time.Millisecond

// endedKept is how long a call is remembered that the bot or the caller ended, so
// that what still comes of it is completed and does not begin a new session. At
// most maxEnded are.
const (
	endedKept = time.Minute
	maxEnded  = 1 << 16
)

func (c Config) limits() limits {
	def := func(d, otherwise time.Duration) time.Duration {
		if d == 0 {
			return otherwise
		}
		return d
	}
	l := limits{
		greetWait:    greetWait,
		cancelGrace:  def(c.CancelGrace, 10*time.Second),
		idle:         def(c.Idle, 10*time.Minute),
		customReturn: def(c.CustomReturn, time.Minute),
		credit:       c.Credit,
	}
	if l.credit == 0 {
		l.credit = 64 << 10
	}
	return l
}

// settings are how the calls of an agent are treated.
func (c Config) settings(agent string) Settings {
	if own, ok := c.Agents[agent]; ok {
		return own
	}
	if c.Calls != nil {
		return *c.Calls
	}
	return DefaultSettings()
}

// Sessions are the live calls. All methods may be called concurrently.
type Sessions struct {
	agents  Agents
	tickets tickets
	running sync.WaitGroup

	mu       sync.Mutex
	config   Config // of the sessions that begin from now on
	live     map[Key]*entry
	ended    map[Key]time.Time // when it ended
	order    []Key             // of ended, oldest first
	past     []pastCall        // that ended last, the oldest first
	draining bool
	idle     chan struct{} // closed while draining when nothing is live
}

// entry is a session, or the place of one that is being opened.
type entry struct {
	ready   chan struct{} // closed when session or err is set
	session *Session
	err     error
}

// New makes an empty set of sessions that agents answer.
func New(agents Agents, config Config) *Sessions {
	return &Sessions{
		agents: agents, config: config,
		live: map[Key]*entry{}, ended: map[Key]time.Time{}, idle: make(chan struct{}),
	}
}

// Configure makes new sessions begin with another configuration. Live ones keep
// theirs.
func (s *Sessions) Configure(config Config) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.config = config
}

func (s *Sessions) configured() Config {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.config
}

// Len is the number of live sessions.
func (s *Sessions) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.live)
}

// List tells which virtual agents an organisation may choose from.
func (s *Sessions) List(ctx context.Context, org string) ([]AgentInfo, error) {
	return s.agents.List(ctx, org)
}

// Join gives an RPC to the session of its call, and begins one if there is none.
// The ticket is what Begin gave when the RPC began; Join uses it up. The error
// wraps one of this package's, or what the agents said.
func (s *Sessions) Join(ctx context.Context, t *Ticket, first *Request) (*RPC, error) {
	defer t.Close()
	switch {
	case first.Key.Conversation == "":
		return nil, fmt.Errorf("%w: no conversation_id: send it with every request", ErrBadRequest)
	case first.Key.Org == "":
		return nil, fmt.Errorf("%w: no customer_org_id: send it with every request", ErrBadRequest)
	case first.Kind == NoKind:
		return nil, errNoInput
	case !sane(first.Key.Conversation) || !sane(first.Key.Org) || !sane(first.Agent):
		return nil, fmt.Errorf("%w: an id has more than %d bytes or characters that do not print", ErrBadRequest, maxID)
	}
	for {
		e, opening, err := s.place(ctx, t, first)
		if e == nil || err != nil {
			return endedRPC(), err
		}
		if opening {
			return s.open(ctx, e, t, first)
		}
		if rpc, err := s.enter(ctx, e, t, first); rpc != nil || err != nil {
			return rpc, err
		}
	}
}

// maxID is the longest id of a conversation, an organisation or an agent, in bytes.
const maxID = 256

// sane says that an id can stand in a log.
func sane(id string) bool {
	return len(id) <= maxID && !strings.ContainsFunc(id, func(r rune) bool { return !unicode.IsPrint(r) })
}

var errNoInput = fmt.Errorf("%w: no input: send audio_input, dtmf_input or event_input", ErrBadRequest)

// place finds the entry of a call. A nil one means that the RPC is only to be
// completed; opening means that the caller is to open the session.
func (s *Sessions) place(ctx context.Context, t *Ticket, first *Request) (e *entry, opening bool, err error) {
	if first.Kind != SessionStart && !s.knows(first.Key) {
		s.tickets.waitOlder(ctx, t) // its SESSION_START may be on its way
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.live[first.Key]; e != nil {
		return e, false, nil
	}
	ended, known := s.ended[first.Key]
	switch {
	case first.Kind == SessionEnd:
		s.bury(first.Key) // nothing of this call is to begin a session
		return nil, false, nil
	case known && first.Kind != SessionStart && time.Since(ended) < endedKept:
		return nil, false, nil
	case first.Kind != SessionStart && s.config.RejectUnknown:
		return nil, false, fmt.Errorf("%w for conversation %q: begin it with SESSION_START", ErrNoSession, first.Key.Conversation)
	case s.draining:
		return nil, false, fmt.Errorf("%w: try another host", ErrDraining)
	case s.config.MaxSessions > 0 && len(s.live) >= s.config.MaxSessions:
		return nil, false, fmt.Errorf("%w: all %d are taken: try later or another host", ErrFull, s.config.MaxSessions)
	}
	e = &entry{ready: make(chan struct{})}
	s.live[first.Key] = e
	return e, true, nil
}

func (s *Sessions) knows(key Key) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ended := s.ended[key]
	return ended || s.live[key] != nil
}

// open begins the session of an entry, or gives the place back. The first RPC
// joins before any other can.
func (s *Sessions) open(ctx context.Context, e *entry, t *Ticket, first *Request) (*RPC, error) {
	defer close(e.ready)
	config := s.configured()
	log := config.Log.With("conversation", first.Key.Conversation, "org", first.Key.Org)
	var session *Session
	session = newSession(first.Key, log, func() { s.finish(session) })
	if config.TraceContent {
		session.trace.keepContent()
	}
	session.observer = config.observer()
	if config.Voice != nil {
		session.voice = config.Voice
	}
	limits := config.limits()
	part := session.newPart(0, limits.credit)
	call, err := s.agents.Open(ctx, first.Key.Org, first.Agent, part)
	absent := err
	if errors.Is(err, ErrAgentUnavailable) && ctx.Err() == nil { // the caller is heard all the same
		call, err = nobody{first.Agent}, nil
	}
	if err != nil {
		e.err = err
		s.remove(first.Key, false)
		return nil, err
	}
	part.call = call
	session.part = part
	session.tracking = first.Tracking
	session.state = newState(rand.Text(), first.Key, call.Agent(), call.Traits(), limits, config.settings(call.Agent()))
	e.session = session
	rpc := session.join(t, first)
	if absent != nil {
		part.Lost(fmt.Errorf("%w: %w", ErrNoResume, absent))
	}
	s.running.Add(1)
	session.start()
	return rpc, nil
}

// finish sees a session to its end.
func (s *Sessions) finish(session *Session) {
	defer s.running.Done()
	session.finish()
	s.keep(session)
	s.remove(session.key, !session.state.mayReturn())
	close(session.removed)
}

// enter joins the session of an entry. Nothing is returned if it has just ended.
func (s *Sessions) enter(ctx context.Context, e *entry, t *Ticket, first *Request) (*RPC, error) {
	select {
	case <-e.ready:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if errors.Is(e.err, context.Canceled) || errors.Is(e.err, context.DeadlineExceeded) {
		return nil, ctx.Err() // that was the other RPC's; the place is free again
	}
	if e.err != nil {
		return nil, e.err
	}
	if err := e.session.accepts(first); err != nil {
		return nil, err
	}
	if e.session.open.Load() >= maxRPCs && first.Kind != SessionEnd {
		return nil, fmt.Errorf("%w: %d: half-close those that are done", ErrTooManyRPCs, maxRPCs)
	}
	rpc := e.session.join(t, first)
	if rpc == nil {
		<-e.session.removed
	}
	return rpc, nil
}

// remove forgets a call, or remembers it as ended.
func (s *Sessions) remove(key Key, ended bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.live, key)
	if ended {
		s.bury(key)
	}
	if s.draining && len(s.live) == 0 {
		s.becomeIdle()
	}
}

func (s *Sessions) bury(key Key) {
	now := time.Now()
	for len(s.order) > 0 && (now.Sub(s.ended[s.order[0]]) >= endedKept || len(s.order) >= maxEnded) {
		delete(s.ended, s.order[0])
		s.order = s.order[1:]
	}
	if _, again := s.ended[key]; !again {
		s.order = append(s.order, key)
	}
	s.ended[key] = now
}

// becomeIdle closes idle once; the caller holds mu.
func (s *Sessions) becomeIdle() {
	select {
	case <-s.idle:
	default:
		close(s.idle)
	}
}

// Drain refuses new sessions and waits until the live ones have ended, or ctx has.
func (s *Sessions) Drain(ctx context.Context) error {
	s.mu.Lock()
	s.draining = true
	if len(s.live) == 0 {
		s.becomeIdle()
	}
	s.mu.Unlock()
	select {
	case <-s.idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Stop ends all sessions, waits for them, and tells how many it cut.
func (s *Sessions) Stop() (cut int) {
	s.mu.Lock()
	s.draining = true
	entries := make([]*entry, 0, len(s.live))
	for _, e := range s.live {
		entries = append(entries, e)
	}
	s.mu.Unlock()
	for _, e := range entries {
		<-e.ready
		if e.session != nil && e.session.inputs.Put(input{kind: stopped}) {
			cut++
		}
	}
	s.running.Wait()
	return cut
}
