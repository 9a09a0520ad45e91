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
	"github.com/byova-host/byova-host/internal/pluginwire"
	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

// listTimeout bounds what a plugin may take to list an organisation's agents.
const listTimeout = 2 * time.Second

// Plugin says which program to run, and as what.
type Plugin struct {
	Name     string // in logs and commands; unique
	Path     string
	Settings map[string]any // its section of the configuration
	LogLevel hclog.Level    // of its own log; zero means info
}

// Config are the parts and settings of a Supervisor.
type Config struct {
	Plugins     []Plugin
	Dir         string // private directory for sockets, with a short path
	HostVersion string
	Log         hclog.Logger // required
}

// Supervisor runs plugins. All methods may be called concurrently.
type Supervisor struct {
	log     hclog.Logger
	plugins []*running        // in the order of the configuration
	route   map[string]*route // by agent id
	first   string            // the default agent
	watched sync.WaitGroup
}

// running is a plugin and its process.
type running struct {
	Plugin
	log     hclog.Logger
	process *pluginwire.Process
	traits  session.Traits

	mu       sync.Mutex
	sessions int
}

type route struct {
	plugin *running
	agent  *pluginv1.Agent
}

// Start launches all plugins and returns when each has passed its checks. If one
// does not, those before it are stopped and the error names it.
func Start(ctx context.Context, config Config) (*Supervisor, error) {
	s := &Supervisor{log: config.Log, route: map[string]*route{}}
	if err := s.launchAll(ctx, config); err != nil {
		s.Stop(context.WithoutCancel(ctx))
		return nil, err
	}
	return s, nil
}

func (s *Supervisor) launchAll(ctx context.Context, config Config) error {
	for _, p := range config.Plugins {
		if slices.ContainsFunc(s.plugins, func(r *running) bool { return r.Name == p.Name }) {
			return fmt.Errorf("two plugins are named %q: give one of the files another name", p.Name)
		}
		if err := s.launch(ctx, config, p); err != nil {
			return err
		}
	}
	if s.first == "" {
		return errors.New("no plugin offers a virtual agent")
	}
	return nil
}

func (s *Supervisor) launch(ctx context.Context, config Config, p Plugin) error {
	process, err := pluginwire.Launch(ctx, pluginwire.Config{
		Name: p.Name, Path: p.Path, Settings: p.Settings, HostVersion: config.HostVersion,
		Dir: config.Dir, Log: s.log.Named(p.Name), LogLevel: p.LogLevel,
	})
	if err != nil {
		return err
	}
	about := process.Description()
	r := &running{Plugin: p, process: process, traits: toTraits(about), log: s.log.With("plugin", p.Name, "pid", process.Pid())}
	s.plugins = append(s.plugins, r)
	s.watched.Go(func() { r.watch() })
	for _, a := range process.Agents() {
		if taken := s.route[a.GetId()]; taken != nil {
			return fmt.Errorf("plugins %q and %q both offer virtual agent %q: configure one to use another id",
				taken.plugin.Name, p.Name, a.GetId())
		}
		s.route[a.GetId()] = &route{r, a}
		if s.first == "" {
			s.first = a.GetId()
		}
	}
	return nil
}

// watch says in the log what became of the process.
func (r *running) watch() {
	<-r.process.Done()
	if err := r.process.Err(); errors.Is(err, pluginwire.ErrStopped) {
		r.log.Info("plugin stopped")
	} else {
		r.log.Error("plugin ended", "error", err)
	}
}

// Stop ends all plugins and returns when nothing is left of them. When ctx ends
// it no longer asks politely.
func (s *Supervisor) Stop(ctx context.Context) {
	var stopping sync.WaitGroup
	for _, r := range s.plugins {
		stopping.Go(func() { r.process.Stop(ctx) })
	}
	stopping.Wait()
	s.watched.Wait()
}

// Open implements session.Agents.
func (s *Supervisor) Open(ctx context.Context, org, agent string, sink session.Sink) (session.AgentCall, error) {
	if agent == "" {
		agent = s.first
	}
	r, err := s.find(ctx, org, agent)
	if err != nil {
		return nil, err
	}
	wire, err := r.process.Open(fromPlugin{sink})
	if err != nil {
		return nil, fmt.Errorf("%w: plugin %q of agent %q: %w", session.ErrAgentUnavailable, r.Name, agent, err)
	}
	r.count(+1)
	return &call{agent: agent, plugin: r, wire: wire}, nil
}

// find tells which plugin offers an agent. One that is not among those for every
// organisation may be among those for this one.
func (s *Supervisor) find(ctx context.Context, org, agent string) (*running, error) {
	if known := s.route[agent]; known != nil {
		return known.plugin, nil
	}
	var failed error
	for _, r := range s.plugins {
		offered, err := r.list(ctx, org)
		if slices.ContainsFunc(offered, func(a *pluginv1.Agent) bool { return a.GetId() == agent }) {
			return r, nil
		}
		failed = errors.Join(failed, err)
	}
	if failed != nil { // it may be the one that did not answer
		return nil, fmt.Errorf("%w: agent %q: %w", session.ErrAgentUnavailable, agent, failed)
	}
	known := make([]string, 0, len(s.route))
	for id := range s.route {
		known = append(known, id)
	}
	slices.Sort(known)
	return nil, fmt.Errorf("%w %q: this host has %s", session.ErrUnknownAgent, agent, strings.Join(known, ", "))
}

// List implements session.Agents: the union over all plugins.
// A plugin that does not answer is left out.
func (s *Supervisor) List(ctx context.Context, org string) ([]session.AgentInfo, error) {
	var all []session.AgentInfo
	var failed []error
	for _, r := range s.plugins {
		offered, err := r.list(ctx, org)
		if err != nil {
			r.log.Warn("list agents", "org", org, "error", err)
			failed = append(failed, err)
			continue
		}
		for _, a := range offered {
			all = append(all, session.AgentInfo{ID: a.GetId(), Name: a.GetName(), Attributes: a.GetAttributes(), Default: a.GetId() == s.first})
		}
	}
	if len(all) == 0 && len(failed) > 0 {
		return nil, fmt.Errorf("%w: %w", session.ErrAgentUnavailable, errors.Join(failed...))
	}
	return all, nil
}

func (r *running) list(ctx context.Context, org string) ([]*pluginv1.Agent, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	return r.process.ListAgents(ctx, org)
}

func (r *running) count(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sessions += n
}

// Status is what there is to know of a live generation of a plugin.
type Status struct {
	Name, Version, SDK, Path, SHA256, State, Error string
	Generation, Pid, Sessions, Restarts            int
	Percent                                        int // of new sessions
}

// Status lists the plugins in the order of the configuration.
func (s *Supervisor) Status() []Status {
	all := make([]Status, len(s.plugins))
	for i, r := range s.plugins {
		all[i] = r.status()
	}
	return all
}

func (r *running) status() Status {
	about := r.process.Description()
	r.mu.Lock()
	defer r.mu.Unlock()
	status := Status{Name: r.Name, Version: about.GetVersion(), SDK: about.GetSdk(), Path: r.Path,
		Generation: 1, Percent: 100, Pid: r.process.Pid(), State: "running", Sessions: r.sessions}
	if err := r.process.Err(); err != nil {
		status.State, status.Error = "ended", err.Error()
	}
	return status
}
