package supervisor

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/byova-host/byova-host/internal/checked"
	"github.com/byova-host/byova-host/internal/pluginwire"
)

// forceGrace is how long a forced swap lets calls move that may be able to.
const forceGrace = 5 * time.Second

// SwapOptions say how one program takes the place of another.
type SwapOptions struct {
	Path     string       // of the new program
	Policy   *Policy      // nil: the plugin's own
	Canary   int          // percent of new sessions, 1 to 99, until Promote or Rollback; 0: all of them
	Force    bool         // calls of an even older generation get the fallback, if they are in the way
	Progress func(string) // what is waited for; nil: nobody wants to know

	unforced bool // and nobody can force it
}

// Swapped is the generation that a plugin has after what was asked.
type Swapped struct {
	Name       string `json:"name"`
	Generation int    `json:"generation"`
	Version    string `json:"version"`
	SHA256     string `json:"sha256"`
	Pid        int    `json:"pid"`
	Moves      bool   `json:"moves,omitempty"` // the calls of the one before come to it between two turns
}

// Swap puts another program in the place of a plugin's. It returns when the new one
// has passed its checks and takes new sessions; what becomes of the live ones is the
// policy's matter. On an error everything is as it was.
func (s *Supervisor) Swap(ctx context.Context, name string, o SwapOptions) (Swapped, error) {
	return s.act(ctx, name, "a swap", func(ctx context.Context, p *plugin) (*generation, error) {
		p.mu.Lock()
		spec := p.spec
		p.mu.Unlock()
		if spec.Dial == nil || spec.Path != o.Path {
			path, err := filepath.Abs(o.Path)
			if err != nil {
				return nil, fmt.Errorf("swap plugin %q: %w", name, err)
			}
			spec.Path, spec.Dial = path, nil
		}
		return p.replace(ctx, spec, program{spec.Path, spec.SHA256}, o)
	})
}

// Restart puts a new process of the same program and settings in the place of a
// plugin's.
func (s *Supervisor) Restart(ctx context.Context, name string, o SwapOptions) (Swapped, error) {
	return s.act(ctx, name, "a restart", func(ctx context.Context, p *plugin) (*generation, error) {
		p.mu.Lock()
		g := p.current
		p.mu.Unlock()
		return p.replace(ctx, g.spec, program{g.file.Path, g.file.SHA256}, o)
	})
}

// Promote lets a canary take all new sessions.
func (s *Supervisor) Promote(ctx context.Context, name string) (Swapped, error) {
	return s.act(ctx, name, "a promotion", func(_ context.Context, p *plugin) (*generation, error) {
		p.mu.Lock()
		g := p.canary
		p.mu.Unlock()
		if g == nil {
			return nil, fmt.Errorf("promote plugin %q: it has no canary: begin one with a swap", name)
		}
		return g, p.promoteCanary(g)
	})
}

// Rollback ends a canary, whose sessions go back, or swaps a plugin back to the
// program and settings of the generation before.
func (s *Supervisor) Rollback(ctx context.Context, name string, o SwapOptions) (Swapped, error) {
	return s.act(ctx, name, "a rollback", func(ctx context.Context, p *plugin) (*generation, error) {
		p.mu.Lock()
		canary, current, previous, pin := p.canary, p.current, p.previous, p.spec.SHA256
		if canary != nil {
			p.withdraw()
		}
		p.mu.Unlock()
		switch {
		case canary != nil:
			canary.log.Info("canary is rolled back")
			return current, nil
		case previous == nil:
			return nil, fmt.Errorf("roll back plugin %q: there is no generation before this one: swap it", name)
		case pin == "":
			pin = previous.file.SHA256
		}
		return p.replace(ctx, previous.spec, program{previous.file.Path, pin}, o)
	})
}

// Reset closes a plugin's breaker and starts it at once.
func (s *Supervisor) Reset(name string) error {
	p, err := s.find(name)
	if err != nil {
		return err
	}
	p.mu.Lock()
	for _, g := range []*generation{p.canary, p.current, p.old} {
		if g != nil {
			g.breaker = breaker{}
		}
	}
	p.notify()
	p.mu.Unlock()
	p.log.Info("breaker reset")
	return nil
}

// act does what is asked of a plugin: one thing at a time.
func (s *Supervisor) act(ctx context.Context, name, what string, do func(context.Context, *plugin) (*generation, error)) (Swapped, error) {
	p, err := s.find(name)
	if err != nil {
		return Swapped{}, err
	}
	ctx, done, err := s.begin(ctx)
	if err != nil {
		return Swapped{}, err
	}
	defer done()
	if err := p.claim(what); err != nil {
		return Swapped{}, err
	}
	defer p.release()
	g, err := do(ctx, p)
	s.config.Watch.swapDone(name, err == nil)
	if err != nil {
		p.log.Warn(what+" came to nothing", "error", err)
		return Swapped{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := g.status()
	moves := p.old != nil && p.old.policy == Move && p.old.movable()
	return Swapped{now.Name, now.Generation, now.Version, now.SHA256, now.Pid, moves}, nil
}

func (p *plugin) claim(what string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.act != "":
		return fmt.Errorf("plugin %q: %s is under way: try again when it is over", p.name, p.act)
	case p.removed:
		return fmt.Errorf("plugin %q was removed from the configuration", p.name)
	}
	p.act = what
	return nil
}

func (p *plugin) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.act = ""
}

// program is a file and the sum that it must have; empty is any.
type program struct{ path, pin string }

// replace puts a program in the place of the current generation's, all of it or
// nothing.
func (p *plugin) replace(ctx context.Context, spec Plugin, from program, o SwapOptions) (*generation, error) {
	if o.Canary < 0 || o.Canary > 99 {
		return nil, fmt.Errorf("swap plugin %q: a canary of %d percent: want 1 to 99", p.name, o.Canary)
	}
	if err := p.settled(); err != nil {
		return nil, err
	}
	g, err := p.try(ctx, spec, from, trying{probe: true})
	if err != nil {
		return nil, err
	}
	err = p.host.collisions(g)
	if err == nil {
		p.warn(g, o)
		err = p.clear(ctx, g, o)
	}
	if err == nil {
		err = p.commit(g, o)
	}
	if err != nil {
		g.abandon()
		return nil, err
	}
	return g, nil
}

// warn says which agents are gone when a candidate takes all calls.
func (p *plugin) warn(g *generation, o SwapOptions) {
	p.mu.Lock()
	gone := p.current.beyond(g)
	p.mu.Unlock()
	if gone != "" && o.Canary == 0 {
		o.progress("the new program does not offer " + gone)
	}
}

// settled refuses to begin anything while a canary is tried.
func (p *plugin) settled() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.canary != nil {
		return fmt.Errorf("plugin %q has a canary, generation %d: promote it or roll it back first", p.name, p.canary.number)
	}
	return nil
}

// trying says what a new generation has to pass besides the start checks.
type trying struct {
	locked bool // the lock file has to know the program, or not the plugin
	probe  bool // a call of the host's own
}

// try makes a generation and takes it through its checks. It is the plugin's
// candidate then.
func (p *plugin) try(ctx context.Context, spec Plugin, from program, must trying) (_ *generation, err error) {
	began := time.Now()
	var file checked.File
	if spec.Dial == nil {
		if file, err = checked.Copy(p.host.config.BinDir, from.path, from.pin); err != nil {
			return nil, fmt.Errorf("start plugin %q: %w", p.name, err)
		}
	}
	g := p.newGeneration(spec, file)
	defer func() {
		if err != nil {
			g.abandon()
		}
	}()
	if must.locked && spec.SHA256 == "" && spec.Dial == nil {
		if err := p.host.lock.check(p.name, g.locked()); err != nil {
			return nil, fmt.Errorf("start plugin %q: %w", p.name, err)
		}
	}
	process, err := g.launch(ctx, began)
	if err != nil {
		return nil, err
	}
	g.learn(process)
	if !must.probe {
		return g, nil
	}
	limited, cancel := context.WithDeadline(ctx, began.Add(p.host.config.StartLimit))
	defer cancel()
	if err := process.Probe(limited, g.first()); err != nil {
		return nil, fmt.Errorf("start plugin %q (%s): %w", p.name, spec.Path, err)
	}
	return g, nil
}

func (p *plugin) newGeneration(spec Plugin, file checked.File) *generation {
	s := p.host
	s.mu.Lock()
	s.numbers[p.name]++
	g := &generation{
		of: p, number: s.numbers[p.name], spec: spec, file: file,
		calls: map[*call]struct{}{}, spares: make(chan *pluginwire.Process),
	}
	s.mu.Unlock()
	g.log = p.log.With("generation", g.number)
	g.ctx, g.end = context.WithCancel(s.ctx)
	g.retired, g.retire = context.WithCancel(g.ctx)
	g.hurried, g.hurry = context.WithCancel(g.ctx)
	p.mu.Lock()
	p.candidate = g
	p.notify()
	p.mu.Unlock()
	return g
}

// learn takes in what the first process says of itself.
func (g *generation) learn(process *pluginwire.Process) {
	g.of.mu.Lock()
	defer g.of.mu.Unlock()
	g.process = process
	g.about, g.agents, g.traits = process.Description(), process.Agents(), toTraits(process.Description())
}

// first is the agent that stands for all.
func (g *generation) first() string {
	if len(g.agents) == 0 {
		return ""
	}
	return g.agents[0].GetId()
}

// abandon leaves nothing of a candidate. It is listed until then: as long as it is
// there, nothing else can be begun.
func (g *generation) abandon() {
	g.of.mu.Lock()
	process := g.process
	g.of.mu.Unlock()
	g.end()
	if process != nil {
		process.Stop(g.ctx) // which has ended: at once
	}
	g.discard()
	g.of.mu.Lock()
	defer g.of.mu.Unlock()
	if g.of.candidate == g {
		g.of.candidate = nil
	}
}

// clear waits until no generation but the current one has calls. Those of an older
// one have had their time now.
func (p *plugin) clear(ctx context.Context, candidate *generation, o SwapOptions) error {
	began, told := time.Now(), -1
	for {
		p.mu.Lock()
		old, changed, calls := p.old, p.changed, 0
		if old != nil {
			calls = len(old.calls)
		}
		p.mu.Unlock()
		if old == nil {
			return nil
		}
		old.hurry()
		if calls > 0 && calls != told {
			told = calls
			o.progress(old.waiting(calls, o))
		}
		wait := forever
		if o.Force {
			grace := forceGrace - time.Since(began)
			if grace <= 0 || !old.movable() {
				old.cut("a forced swap")
			} else {
				wait = grace
			}
		}
		if !await(ctx, changed, candidate.process.Lost(), wait) {
			return fmt.Errorf("swap plugin %q: given up while generation %d had %s: %w", p.name, old.number, number(calls), context.Cause(ctx))
		}
		if err := candidate.process.Err(); err != nil {
			return fmt.Errorf("swap plugin %q: the new process ended while generation %d had %s: %w", p.name, old.number, number(calls), err)
		}
	}
}

func (o SwapOptions) progress(text string) {
	if o.Progress != nil {
		o.Progress(text)
	}
}

// waiting says what a swap waits for, and for how long.
func (g *generation) waiting(calls int, o SwapOptions) string {
	what, then := "that cannot be moved", "; --force gives what is left the fallback"
	if g.movable() {
		what = "to move or end"
	}
	switch {
	case o.Force && !g.movable():
		return fmt.Sprintf("%s of generation %d cannot be moved: the fallback takes over", number(calls), g.number)
	case o.Force:
		then = fmt.Sprintf("; after %v what is left gets the fallback", forceGrace)
	case o.unforced:
		then = ""
	}
	return fmt.Sprintf("waiting for %s of generation %d %s%s", number(calls), g.number, what, then)
}

func number(calls int) string {
	if calls == 1 {
		return "1 call"
	}
	return fmt.Sprintf("%d calls", calls)
}

// commit lets the candidate take sessions.
func (p *plugin) commit(g *generation, o SwapOptions) error {
	s := p.host
	s.committing.Lock()
	defer s.committing.Unlock()
	if err := s.collisions(g); err != nil {
		return err
	}
	if err := g.process.Err(); err != nil {
		return fmt.Errorf("swap plugin %q: the new process ended again: %w", p.name, err)
	}
	if o.Canary == 0 {
		if err := s.lock.write(map[string]lockedPlugin{p.name: g.locked()}); err != nil {
			return err
		}
	}
	p.mu.Lock()
	p.candidate = nil
	g.live(g.process)
	var finish func()
	switch {
	case o.Canary > 0:
		finish = p.beginCanary(g, o.Canary)
	case o.Policy != nil:
		finish = p.promote(g, *o.Policy)
	default:
		finish = p.promote(g, p.spec.Swap)
	}
	p.mu.Unlock()
	finish()
	return nil
}

// beginCanary gives a generation its share of new sessions. Call it under the lock,
// and what it returns without.
func (p *plugin) beginCanary(g *generation, percent int) (say func()) {
	p.canary, p.dealt, g.percent = g, 0, percent
	p.notify()
	pid := g.process.Pid()
	return func() {
		g.log.Info("canary begins", "pid", pid, "percent", percent, "version", g.about.GetVersion(), "sha256", g.file.SHA256)
	}
}

// promoteCanary lets the canary take all new sessions.
func (p *plugin) promoteCanary(g *generation) error {
	s := p.host
	s.committing.Lock()
	defer s.committing.Unlock()
	if err := s.lock.write(map[string]lockedPlugin{p.name: g.locked()}); err != nil {
		return err
	}
	p.mu.Lock()
	if current := p.current; p.canary != g {
		p.mu.Unlock()
		return errors.Join(fmt.Errorf("promote plugin %q: its canary was rolled back by itself just now", p.name),
			s.lock.write(map[string]lockedPlugin{p.name: current.locked()}))
	}
	finish := p.promote(g, p.spec.Swap)
	p.mu.Unlock()
	finish()
	return nil
}

func (g *generation) locked() lockedPlugin { return lockedPlugin{g.spec.Path, g.file.SHA256} }
