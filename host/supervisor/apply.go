package supervisor

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

// Apply makes the plugins those of a new configuration: it starts what is new, swaps
// what has another program or other settings, and lets what is no longer there end
// with its last call. All is launched and checked before anything changes; on an
// error everything is as it was.
func (s *Supervisor) Apply(ctx context.Context, plugins []Plugin) error {
	return s.apply(ctx, plugins, true)
}

func (s *Supervisor) apply(ctx context.Context, plugins []Plugin, probe bool) (err error) {
	ctx, done, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	if !s.applying.TryLock() {
		return errors.New("another reload is under way: try again when it is over")
	}
	defer s.applying.Unlock()
	r := &reload{host: s}
	defer func() { r.close(err) }()
	if err := r.plan(plugins); err != nil {
		return err
	}
	if err := r.launch(ctx, probe); err != nil {
		return err
	}
	return r.commit()
}

// reload is an Apply under way.
type reload struct {
	host    *Supervisor
	wanted  []change // in the order of the configuration
	removed []*plugin
	claimed []*plugin
}

// change is what becomes of a plugin.
type change struct {
	plugin    *plugin
	spec      Plugin
	isNew     bool
	swaps     bool
	candidate *generation // of a new or a swapped one, once it has passed its checks
}

// plan finds out what is to be done, and keeps others from doing it.
func (r *reload) plan(plugins []Plugin) error {
	r.host.mu.Lock()
	r.removed = slices.Clone(r.host.plugins)
	r.host.mu.Unlock()
	for i, spec := range plugins {
		named := func(p Plugin) bool { return p.Name == spec.Name }
		if slices.ContainsFunc(plugins[:i], named) {
			return fmt.Errorf("two plugins are named %q: give one of the files another name", spec.Name)
		}
		spec = spec.withDefaults()
		at := slices.IndexFunc(r.removed, func(p *plugin) bool { return p.name == spec.Name })
		if at < 0 {
			r.wanted = append(r.wanted, change{plugin: r.host.newPlugin(spec), spec: spec, isNew: true})
			continue
		}
		p := r.removed[at]
		r.removed = slices.Delete(r.removed, at, at+1)
		p.mu.Lock()
		swaps := !p.spec.sameProgram(spec)
		p.mu.Unlock()
		r.wanted = append(r.wanted, change{plugin: p, spec: spec, swaps: swaps})
		if swaps {
			if err := errors.Join(r.claim(p), p.settled()); err != nil {
				return err
			}
		}
	}
	for _, p := range r.removed {
		if err := r.claim(p); err != nil {
			return err
		}
	}
	return nil
}

func (r *reload) claim(p *plugin) error {
	if err := p.claim("a reload of the configuration"); err != nil {
		return err
	}
	r.claimed = append(r.claimed, p)
	return nil
}

// sameProgram tells whether two configurations make the same process.
func (p Plugin) sameProgram(other Plugin) bool {
	return p.Path == other.Path && p.SHA256 == other.SHA256 && p.LogLevel == other.LogLevel &&
		p.Limits == other.Limits && p.Standby == other.Standby &&
		(len(p.Settings) == 0 && len(other.Settings) == 0 || reflect.DeepEqual(p.Settings, other.Settings))
}

// launch takes all that is new through its checks, and then waits until no older
// generations are in the way.
func (r *reload) launch(ctx context.Context, probe bool) (err error) {
	for i := range r.wanted {
		c := &r.wanted[i]
		if !c.isNew && !c.swaps {
			continue
		}
		must := trying{locked: c.isNew, probe: probe}
		if c.candidate, err = c.plugin.try(ctx, c.spec, program{c.spec.Path, c.spec.SHA256}, must); err != nil {
			return err
		}
	}
	if err := collide(r.offers()); err != nil {
		return err
	}
	for _, c := range r.wanted {
		if !c.swaps {
			continue
		}
		progress := func(what string) { c.plugin.log.Info("reload is " + what) }
		if err := c.plugin.clear(ctx, c.candidate, SwapOptions{Progress: progress, unforced: true}); err != nil {
			return err
		}
	}
	return nil
}

// commit makes the change, all at once.
func (r *reload) commit() error {
	s := r.host
	s.committing.Lock()
	defer s.committing.Unlock()
	if err := collide(r.offers()); err != nil {
		return err
	}
	locked := map[string]lockedPlugin{}
	for _, c := range r.wanted {
		if c.candidate == nil {
			continue
		}
		if err := c.candidate.process.Err(); err != nil {
			return fmt.Errorf("the new process of plugin %q ended again: %w", c.plugin.name, err)
		}
		locked[c.plugin.name] = c.candidate.locked()
	}
	if err := s.lock.write(locked); err != nil {
		return err
	}
	for _, finish := range r.change() {
		finish()
	}
	return nil
}

// change is the part of commit that cannot fail. It returns what may take its time.
func (r *reload) change() (finish []func()) {
	s := r.host
	s.mu.Lock()
	defer s.mu.Unlock()
	s.plugins = nil
	for _, c := range r.wanted {
		s.plugins = append(s.plugins, c.plugin)
		finish = append(finish, c.plugin.change(c))
	}
	for _, p := range r.removed {
		s.leaving = append(slices.Clone(s.leaving), p)
		finish = append(finish, p.remove())
	}
	return finish
}

func (p *plugin) change(c change) (finish func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spec = c.spec
	p.notify()
	g := c.candidate
	if g == nil {
		return func() {}
	}
	p.candidate = nil
	g.live(g.process)
	if c.isNew {
		p.current = g
		p.notify()
		return func() {}
	}
	return p.promote(g, p.spec.Swap)
}

// remove lets the plugin's calls go on to their end and takes no more.
func (p *plugin) remove() (finish func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.removed = true
	sessions := p.used
	for _, g := range []*generation{p.canary, p.current} {
		if g != nil {
			g.dismiss(Drain, true)
		}
	}
	p.notify()
	return func() { p.log.Info("plugin removed", "sessions", sessions) }
}

// close ends the reload; on an error nothing is left of what it launched.
func (r *reload) close(err error) {
	for _, c := range r.wanted {
		if err != nil && c.candidate != nil {
			c.candidate.abandon()
		}
		if c.swaps {
			r.host.config.Watch.swapDone(c.plugin.name, err == nil)
		}
	}
	for _, p := range r.claimed {
		p.release()
	}
}

// offer is what a plugin offers to whom.
type offer struct {
	spec   Plugin
	agents []*pluginv1.Agent
}

// offers are those of all plugins after the change.
func (r *reload) offers() []offer {
	all := make([]offer, 0, len(r.wanted))
	for _, c := range r.wanted {
		if c.candidate != nil {
			all = append(all, offer{c.spec, c.candidate.agents})
			continue
		}
		for _, o := range c.plugin.offers() {
			all = append(all, offer{c.spec, o.agents})
		}
	}
	return all
}

// offers are those of the generations that take new sessions.
func (p *plugin) offers() []offer {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := []offer{{p.spec, p.current.agents}}
	if p.canary != nil {
		all = append(all, offer{p.spec, p.canary.agents})
	}
	return all
}

// collisions refuses a candidate whose agents another plugin has.
func (s *Supervisor) collisions(candidate *generation) error {
	s.mu.Lock()
	plugins := s.plugins
	s.mu.Unlock()
	var all []offer
	for _, p := range plugins {
		all = append(all, p.offers()...)
	}
	return collide(append(all, offer{candidate.of.configured(), candidate.agents}))
}

func (p *plugin) configured() Plugin {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.spec
}

// collide refuses that a call could go to either of two plugins.
func collide(offers []offer) error {
	for i, one := range offers {
		for _, other := range offers[:i] {
			if one.spec.Name == other.spec.Name || !one.spec.meets(other.spec) {
				continue
			}
			for _, a := range one.agents {
				if slices.ContainsFunc(other.agents, func(b *pluginv1.Agent) bool { return a.GetId() == b.GetId() }) {
					return fmt.Errorf("plugins %q and %q both offer virtual agent %q: configure one to use another id, or let them serve different organisations",
						other.spec.Name, one.spec.Name, a.GetId())
				}
			}
		}
	}
	return nil
}
