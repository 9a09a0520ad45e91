package supervisor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/byova-host/byova-host/host/session"
	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

const (
	// listTimeout bounds what a plugin may take to list an organisation's agents.
	listTimeout = 2 * time.Second
	// defaultStart is how long a start may take with all of its checks.
	defaultStart = 10 * time.Second
)

var errStopping = errors.New("the host stops")

// Config are the parts and settings of a Supervisor.
type Config struct {
	Plugins     []Plugin
	Dir         string // private directory for sockets, with a short path
	BinDir      string // private directory for the copies of programs that run; empty: Dir
	LockFile    string // keeps the sum of each program; empty: none
	HostVersion string
	StartLimit  time.Duration // for all start checks together; 0: 10 s
	Log         hclog.Logger  // required
	LogAll      hclog.Logger  // for the lines of plugins whose level is below info; nil: Log
	Watch       Watch
}

// Watch is told what happens, for counting. Its funcs may be nil, may be called
// concurrently and must not block.
type Watch struct {
	SwapDone      func(plugin string, ok bool)
	RolledBack    func(plugin string) // a canary, by itself
	Crashed       func(plugin string) // a process that had passed its start checks
	BreakerOpened func(plugin string)
}

func (w Watch) swapDone(plugin string, ok bool) {
	if w.SwapDone != nil {
		w.SwapDone(plugin, ok)
	}
}

func (w Watch) rolledBack(plugin string)    { tell(w.RolledBack, plugin) }
func (w Watch) crashed(plugin string)       { tell(w.Crashed, plugin) }
func (w Watch) breakerOpened(plugin string) { tell(w.BreakerOpened, plugin) }

func tell(f func(string), plugin string) {
	if f != nil {
		f(plugin)
	}
}

// Supervisor runs plugins. All methods may be called concurrently.
type Supervisor struct {
	config Config
	lock   lockFile

	ctx    context.Context // ends when the host stops
	cancel context.CancelFunc
	polite context.Context // how long processes may take to end by themselves
	hurry  context.CancelFunc

	applying   sync.Mutex // held by a reload
	committing sync.Mutex // held while what runs is changed

	mu      sync.Mutex
	plugins []*plugin      // in the order of the configuration; replaced, never changed
	leaving []*plugin      // removed, with calls that go on
	numbers map[string]int // of generations, by plugin
	running sync.WaitGroup
}

// Start launches all plugins and returns when each has passed its checks. If one
// does not, those before it are stopped and the error names it.
func Start(ctx context.Context, config Config) (*Supervisor, error) {
	if config.BinDir == "" {
		config.BinDir = config.Dir
	}
	config.StartLimit = either(config.StartLimit, defaultStart)
	s := &Supervisor{config: config, lock: lockFile{path: config.LockFile}, numbers: map[string]int{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.polite, s.hurry = context.WithCancel(context.Background())
	err := s.apply(ctx, config.Plugins, false)
	if err == nil && first(s.plugins) == "" {
		err = errors.New("no plugin offers a virtual agent")
	}
	if err != nil {
		s.Stop(context.WithoutCancel(ctx))
		return nil, err
	}
	return s, nil
}

// Stop ends all plugins and what is under way, and returns when nothing is left of
// them. When ctx ends it no longer asks politely.
func (s *Supervisor) Stop(ctx context.Context) {
	defer s.hurry()
	defer context.AfterFunc(ctx, s.hurry)()
	s.mu.Lock()
	s.cancel()
	all := slices.Concat(s.plugins, s.leaving)
	s.mu.Unlock()
	for _, p := range all {
		p.mu.Lock()
		p.notify()
		p.mu.Unlock()
	}
	s.running.Wait()
	for _, p := range all {
		p.forgetPrevious()
	}
}

// begin says that something is under way that Stop has to wait for.
func (s *Supervisor) begin(ctx context.Context) (bound context.Context, done func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return nil, nil, errStopping
	}
	s.running.Add(1)
	bound, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(s.ctx, func() { cancel(errStopping) })
	return bound, func() { stop(); cancel(nil); s.running.Done() }, nil
}

// forget drops a removed plugin of which nothing is left.
func (s *Supervisor) forget(p *plugin) {
	s.mu.Lock()
	left := slices.Index(s.leaving, p)
	if left >= 0 {
		s.leaving = slices.Delete(slices.Clone(s.leaving), left, left+1)
	}
	s.mu.Unlock()
	if left >= 0 {
		p.forgetPrevious()
	}
}

// forgetPrevious removes what is kept for a rollback.
func (p *plugin) forgetPrevious() {
	p.mu.Lock()
	previous := p.previous
	p.previous = nil
	p.mu.Unlock()
	if previous != nil {
		previous.discard()
	}
}

// find returns the plugin of a name.
func (s *Supervisor) find(name string) (*plugin, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := make([]string, len(s.plugins))
	for i, p := range s.plugins {
		if p.name == name {
			return p, nil
		}
		known[i] = p.name
	}
	return nil, fmt.Errorf("no plugin is named %q: this host has %s", name, strings.Join(known, ", "))
}

// serving are the plugins that an organisation may use.
func (s *Supervisor) serving(org string) []*plugin {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.plugins), func(p *plugin) bool { return !p.serves(org) })
}

func (p *plugin) serves(org string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.spec.serves(org)
}

// known are the agents that a plugin offers to every organisation that it serves.
func (p *plugin) known() []*pluginv1.Agent {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.current.agents
}

// first is the default agent of those that some plugins offer.
func first(plugins []*plugin) string {
	for _, p := range plugins {
		if agents := p.known(); len(agents) > 0 {
			return agents[0].GetId()
		}
	}
	return ""
}

// Open implements session.Agents.
func (s *Supervisor) Open(ctx context.Context, org, agent string, sink session.Sink) (session.AgentCall, error) {
	plugins := s.serving(org)
	if agent == "" {
		agent = first(plugins)
	}
	p, err := route(ctx, plugins, org, agent)
	if err != nil {
		return nil, err
	}
	return p.open(ctx, agent, sink)
}

// route tells which plugin offers an agent. One that is not among those for every
// organisation may be among those for this one.
func route(ctx context.Context, plugins []*plugin, org, agent string) (*plugin, error) {
	named := func(a *pluginv1.Agent) bool { return a.GetId() == agent }
	var known []string
	for _, p := range plugins {
		offered := p.known()
		if slices.ContainsFunc(offered, named) {
			return p, nil
		}
		for _, a := range offered {
			known = append(known, a.GetId())
		}
	}
	var failed error
	for _, p := range plugins {
		offered, err := p.list(ctx, org)
		if slices.ContainsFunc(offered, named) {
			return p, nil
		}
		failed = errors.Join(failed, err)
	}
	if failed != nil { // it may be the one that did not answer
		return nil, fmt.Errorf("%w: agent %q: %w", session.ErrAgentUnavailable, agent, failed)
	}
	if len(known) == 0 {
		return nil, fmt.Errorf("%w %q: this host has none for organisation %q", session.ErrUnknownAgent, agent, org)
	}
	slices.Sort(known)
	return nil, fmt.Errorf("%w %q: this host has %s", session.ErrUnknownAgent, agent, strings.Join(known, ", "))
}

// List implements session.Agents: the union over all plugins that serve the
// organisation. A plugin that does not answer is left out.
func (s *Supervisor) List(ctx context.Context, org string) ([]session.AgentInfo, error) {
	plugins := s.serving(org)
	standard := first(plugins)
	var all []session.AgentInfo
	var failed []error
	for _, p := range plugins {
		offered, err := p.list(ctx, org)
		if err != nil {
			p.log.Warn("list agents", "org", org, "error", err)
			failed = append(failed, err)
			continue
		}
		for _, a := range offered {
			all = append(all, session.AgentInfo{ID: a.GetId(), Name: a.GetName(), Attributes: a.GetAttributes(), Default: a.GetId() == standard})
		}
	}
	if len(all) == 0 && len(failed) > 0 {
		return nil, fmt.Errorf("%w: %w", session.ErrAgentUnavailable, errors.Join(failed...))
	}
	return all, nil
}
