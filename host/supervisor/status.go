package supervisor

import "slices"

// Status is what there is to know of a generation of a plugin.
type Status struct {
	Name       string `json:"name"`
	Version    string `json:"version"`
	SDK        string `json:"sdk"`
	Path       string `json:"path"`
	SHA256     string `json:"sha256"`
	Generation int    `json:"generation"`
	Pid        int    `json:"pid"` // 0: it has no process
	Sessions   int    `json:"sessions"`
	State      string `json:"state"` // starting, running, restarting, broken, canary or draining
	Restarts   int    `json:"restarts"`
	Percent    int    `json:"percent"`         // of new sessions
	Error      string `json:"error,omitempty"` // what the last process died of
}

// Status lists the live generations of all plugins, in the order of the
// configuration, the newest of each first. Those of removed plugins come last.
func (s *Supervisor) Status() []Status {
	s.mu.Lock()
	plugins := slices.Concat(s.plugins, s.leaving)
	s.mu.Unlock()
	var all []Status
	for _, p := range plugins {
		all = append(all, p.status()...)
	}
	return all
}

func (p *plugin) status() []Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []Status
	for _, g := range []*generation{p.candidate, p.canary, p.current, p.old} {
		if g != nil && !g.ended {
			all = append(all, g.status())
		}
	}
	return all
}

func (g *generation) status() Status {
	s := Status{
		Name: g.spec.Name, Version: g.about.GetVersion(), SDK: g.about.GetSdk(), Path: g.spec.Path, SHA256: g.file.SHA256,
		Generation: g.number, State: g.state(), Sessions: len(g.calls), Restarts: g.restarts,
	}
	if g.process != nil {
		s.Pid = g.process.Pid()
	}
	if g.err != nil {
		s.Error = g.err.Error()
	}
	switch p := g.of; {
	case g == p.canary:
		s.Percent = g.percent
	case g == p.current && p.canary != nil:
		s.Percent = 100 - p.canary.percent
	case g == p.current && !p.removed:
		s.Percent = 100
	}
	return s
}

func (g *generation) state() string {
	switch p := g.of; {
	case g == p.candidate:
		return "starting"
	case g.process == nil && g.breaker.open:
		return "broken"
	case g.process == nil:
		return "restarting"
	case g == p.canary:
		return "canary"
	case g.retired.Err() != nil:
		return "draining"
	default:
		return "running"
	}
}
