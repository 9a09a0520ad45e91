package supervisor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/byova-host/byova-host/host/session"
	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

// openAgain is how soon a process that takes no call is asked again: it does not
// answer in its stream, and nobody says when it does.
const openAgain = 50 * time.Millisecond

// plugin is a plugin with its generations.
type plugin struct {
	host *Supervisor
	name string
	log  hclog.Logger

	mu        sync.Mutex
	changed   chan struct{} // closed, and made anew, when those who wait should look again
	spec      Plugin        // as it was configured last
	current   *generation
	canary    *generation // nil: none
	old       *generation // retired, with calls; nil: none
	candidate *generation // under its checks; nil: none
	previous  *generation // that Rollback goes back to; nil: none
	act       string      // under way: one at a time
	used      int         // slots
	dealt     int         // sessions since the canary began
	trials    trials
	removed   bool
}

func (s *Supervisor) newPlugin(spec Plugin) *plugin {
	return &plugin{
		host: s, name: spec.Name, spec: spec, changed: make(chan struct{}),
		log: s.config.Log.Named(spec.Name).With("plugin", spec.Name),
	}
}

// notify wakes those who wait. Call it under the lock.
func (p *plugin) notify() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// awaitCurrent waits until g takes the plugin's calls. False means that it no
// longer will.
func (p *plugin) awaitCurrent(g *generation) bool {
	for g.retired.Err() == nil {
		p.mu.Lock()
		current, changed := p.current == g, p.changed
		p.mu.Unlock()
		if current {
			return true
		}
		pause(g.retired, changed, forever)
	}
	return false
}

// idle tells whether no generation is left. Call it under the lock.
func (p *plugin) idle() bool {
	return p.current.ended && p.canary == nil && p.old == nil
}

// open gives a new session to the plugin.
func (p *plugin) open(ctx context.Context, agent string, sink session.Sink) (session.AgentCall, error) {
	c := &call{plugin: p, agent: agent, sink: sink}
	p.mu.Lock()
	if most := p.spec.Sessions; most > 0 && p.used >= most {
		p.mu.Unlock()
		return nil, fmt.Errorf("%w: plugin %q has all of its %d calls: try later or another host", session.ErrFull, p.name, most)
	}
	p.used++
	c.seat = true
	canary := p.deal(agent)
	p.mu.Unlock()
	err := p.place(ctx, c, placing{at: func(bool) (*generation, error) {
		if p.removed {
			return nil, fmt.Errorf("%w: plugin %q of agent %q was removed", session.ErrAgentUnavailable, p.name, agent)
		}
		if canary && p.canary != nil && p.canary.process != nil {
			return p.canary, nil
		}
		return p.current, nil
	}})
	if err != nil {
		p.mu.Lock()
		p.used--
		p.mu.Unlock()
		return nil, err
	}
	return c, nil
}

// deal says whether the canary gets the next session: of a hundred exactly its
// percentage, evenly. Call it under the lock.
func (p *plugin) deal(agent string) bool {
	g := p.canary
	if g == nil || p.current.offers(agent) && !g.offers(agent) {
		return false
	}
	p.dealt++
	return p.dealt*g.percent/100 > (p.dealt-1)*g.percent/100
}

// home is where a session is resumed that leaves c: at the current generation, if
// that takes it, or at its own; that of a canary's at its own, or at the current one.
// Late means that it has waited for long enough. Call it under the lock.
func (p *plugin) home(c *call, state session.State, late bool) *generation {
	first, second := p.current, c.at
	if p.removed || !p.current.takes(c, state) {
		return c.at
	}
	if c.at == p.canary {
		first, second = second, first
	}
	if (late || first.breaker.open) && first.process == nil && second.process != nil {
		return second
	}
	return first
}

// placing says where a call goes.
type placing struct {
	from    *call                                // the session's call so far; nil for a new session
	state   session.State                        // of the session
	suspect int                                  // how often its turn was tried
	sudden  bool                                 // processes have died as soon as they had it
	at      func(late bool) (*generation, error) // called under the lock
}

// wary says that the call may be what its process died of.
func (how placing) wary() bool { return how.suspect > 0 || how.sudden }

// place opens a call at a generation as soon as that has a process, and a suspect
// as soon as it is its turn. It waits for a process as long as the plugin's patience
// goes; a suspect's turn comes in any case.
func (p *plugin) place(ctx context.Context, c *call, how placing) error {
	since := time.Now()
	for {
		p.mu.Lock()
		left := p.spec.CrashWait - time.Since(since)
		g, err := how.at(left <= 0)
		if err == nil {
			err = p.check(ctx, g, c.agent)
		}
		if err != nil {
			p.mu.Unlock()
			return err
		}
		changed, wait := p.changed, left
		if g.process != nil {
			if taken := p.trials.wait(); how.wary() && taken > 0 {
				wait, since = taken, time.Now()
			} else if p.connect(c, g, how) {
				p.mu.Unlock()
				p.remind(c, how)
				return nil
			} else {
				changed, wait = p.changed, min(left, openAgain)
				if g.process != nil && g.process.Hangs() {
					since = time.Now() // the patience is for what comes after it
				}
			}
		}
		p.mu.Unlock()
		if wait <= 0 {
			return fmt.Errorf("%w: plugin %q of agent %q takes no calls for more than %v now: %w",
				session.ErrAgentUnavailable, p.name, c.agent, p.spec.CrashWait, g.problem())
		}
		pause(ctx, changed, wait)
	}
}

// check says why it is no use to wait. Call it under the lock.
func (p *plugin) check(ctx context.Context, g *generation, agent string) error {
	switch {
	case p.host.ctx.Err() != nil:
		return fmt.Errorf("%w: %w", session.ErrAgentUnavailable, errStopping)
	case ctx.Err() != nil:
		return fmt.Errorf("%w: given up while waiting for plugin %q of agent %q: %w", session.ErrAgentUnavailable, p.name, agent, context.Cause(ctx))
	case g.process == nil && g.breaker.open:
		return fmt.Errorf("%w: plugin %q of agent %q ended too often and is not started again until `byova-host plugins reset %s`: %w",
			session.ErrAgentUnavailable, p.name, agent, p.name, g.err)
	default:
		return nil
	}
}

// connect opens a call at a generation that has a process. It is called under the
// lock, which it gives back meanwhile.
func (p *plugin) connect(c *call, g *generation, how placing) bool {
	c.at, c.process, c.early = g, g.process, nil
	g.calls[c] = struct{}{}
	if how.wary() {
		c.trial = p.trials.begin(c, how.suspect > 0, window(how.suspect, g.about.GetResumeRate()))
	}
	process := g.process
	p.mu.Unlock()
	wire, err := process.Open(fromPlugin{c, g, process})
	p.mu.Lock()
	_, over := how.at(false)
	if err == nil && over == nil && c.early == nil {
		c.wire = wire
		if how.from != nil {
			how.from.handOver(c)
		} else if g == p.canary {
			g.sessions++
		}
		return true
	}
	c.acquit()
	c.leave()
	if err == nil {
		wire.Close()
	}
	return false
}

// remind has a call move on that has come to a generation after its others were
// asked.
func (p *plugin) remind(c *call, how placing) {
	p.mu.Lock()
	moves := c.at.moving && c.at.movable() && p.current.process != nil && p.current != c.at && p.current.takes(c, how.state)
	p.mu.Unlock()
	if moves {
		c.sink.Move(c.readable)
	}
}

// problem is the last that was wrong with the process.
func (g *generation) problem() error {
	g.of.mu.Lock()
	defer g.of.mu.Unlock()
	switch {
	case g.process != nil:
		return errors.New("its process does not answer")
	case g.err == nil:
		return errors.New("it has no process")
	default:
		return g.err
	}
}

// judge rolls a canary back that has shown to be worse, before any of its calls is
// refused. Call it under the lock; what it returns says so, and is called without.
func (p *plugin) judge(g *generation) (say func()) {
	sessions, bad, limit := g.sessions, g.bad, p.spec.CanaryLimit
	if p.canary != g || p.removed || !g.breaker.open && (sessions < leastSessions || bad*100 <= limit*sessions) {
		return func() {}
	}
	p.withdraw()
	return func() {
		g.log.Warn("canary is rolled back by itself: too many of its calls crashed or got the fallback", "sessions", sessions, "bad", bad, "limit_percent", limit)
		p.host.config.Watch.rolledBack(p.name)
	}
}

// leastSessions is how many a canary must have had before it is judged.
const leastSessions = 5

// withdraw ends a canary and sends its calls back. Call it under the lock.
func (p *plugin) withdraw() {
	p.old, p.canary = p.canary, nil
	p.old.dismiss(Move, false)
	p.notify()
}

// dismiss lets a generation have no more new sessions. Call it under the lock.
func (g *generation) dismiss(policy Policy, unhurt bool) {
	g.policy, g.unhurt = policy, unhurt
	g.retire()
	g.check()
}

// promote lets a generation take all new sessions. Call it under the lock; what it
// returns may take its time, and is called without.
func (p *plugin) promote(g *generation, policy Policy) (finish func()) {
	old, outdated, pid, sessions := p.current, p.previous, g.status().Pid, len(p.current.calls)
	discard := outdated != nil && outdated.ended // its own goroutine does it otherwise
	p.current, p.canary, p.old, p.previous = g, nil, old, old
	old.dismiss(policy, false)
	p.notify()
	return func() {
		if gone := old.beyond(g); gone != "" {
			g.log.Warn("agents are gone: the new program does not offer them", "agents", gone)
		}
		g.log.Info("plugin swapped", "pid", pid, "version", g.about.GetVersion(), "sha256", g.file.SHA256,
			"from_generation", old.number, "sessions", sessions, "policy", policy.String())
		if discard {
			outdated.discard()
		}
	}
}

// list asks which agents an organisation may use. While there is no process, those
// for everybody are known.
func (p *plugin) list(ctx context.Context, org string) ([]*pluginv1.Agent, error) {
	p.mu.Lock()
	process, known := p.current.process, p.current.agents
	p.mu.Unlock()
	if process == nil {
		return known, nil
	}
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	return process.ListAgents(ctx, org)
}
