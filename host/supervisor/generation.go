package supervisor

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/byova-host/byova-host/host/session"
	"github.com/byova-host/byova-host/internal/checked"
	"github.com/byova-host/byova-host/internal/pluginwire"
	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

// generation is a copy of a program, what it said of itself, and its process. The
// process is replaced when it dies; nothing else of a generation changes.
type generation struct {
	of      *plugin
	number  int
	spec    Plugin // what it was made of
	file    checked.File
	about   *pluginv1.DescribeResponse
	agents  []*pluginv1.Agent
	traits  session.Traits
	percent int // of new sessions, as a canary
	log     hclog.Logger

	ctx     context.Context // ends when it is retired and has no calls
	end     context.CancelFunc
	retired context.Context // ends when it gets no more calls
	retire  context.CancelFunc
	hurried context.Context // ends when its calls are to leave soon
	hurry   context.CancelFunc
	spares  chan *pluginwire.Process // unbuffered: a standby that is ready waits to be taken

	// Under of.mu.
	process  *pluginwire.Process // nil while there is none
	calls    map[*call]struct{}
	policy   Policy // of its retirement
	unhurt   bool   // its calls may stay to their end
	moving   bool   // its calls were asked to move
	restarts int
	breaker  breaker
	err      error // the last death
	sessions int   // that a canary was given
	bad      int   // of those: crashed, or got the fallback
	ended    bool
}

// live starts what looks after a generation whose first process has passed its checks.
func (g *generation) live(process *pluginwire.Process) {
	s := g.of.host
	g.process = process
	s.running.Go(func() { g.keep(process) })
	s.running.Go(g.drain)
	if g.spec.Standby {
		s.running.Go(g.spare)
	}
}

// keep owns the process: it sees its end, starts another, and stops the last one.
func (g *generation) keep(process *pluginwire.Process) {
	defer g.over()
	for process != nil {
		select {
		case <-process.Lost():
			dead, died := process, time.Now()
			g.died(dead)
			g.of.host.running.Go(func() { <-dead.Done() })
			if process = g.next(); process != nil {
				g.back(process, time.Since(died))
			}
		case <-g.ctx.Done():
			process.Stop(g.of.host.polite)
			process = nil
		}
	}
}

// next is the process that takes over, or nil when none is wanted any more.
func (g *generation) next() *pluginwire.Process {
	for g.spec.Standby && g.isCurrent() && g.mayStart(g.retired) {
		select {
		case process := <-g.spares:
			if process.Err() == nil {
				return process
			}
		case <-g.retired.Done():
		}
	}
	return g.start(g.ctx)
}

func (g *generation) isCurrent() bool {
	g.of.mu.Lock()
	defer g.of.mu.Unlock()
	return g.of.current == g
}

// start launches processes until one has passed its checks or ctx ends.
func (g *generation) start(ctx context.Context) *pluginwire.Process {
	for g.mayStart(ctx) {
		process, err := g.launch(ctx, time.Now())
		if err == nil {
			g.of.mu.Lock()
			g.breaker.passed()
			g.of.mu.Unlock()
			return process
		}
		if ctx.Err() == nil {
			g.failed(err)
		}
	}
	return nil
}

// mayStart waits until the breaker lets a start pass. False means that ctx has ended.
func (g *generation) mayStart(ctx context.Context) bool {
	for ctx.Err() == nil {
		g.of.mu.Lock()
		wait, changed := g.breaker.wait(), g.of.changed
		g.of.mu.Unlock()
		if wait == 0 {
			return true
		}
		pause(ctx, changed, wait)
	}
	return false
}

// launch starts a process and takes it through its checks, within the limit of a start that
// began then.
func (g *generation) launch(ctx context.Context, began time.Time) (*pluginwire.Process, error) {
	config := g.of.host.config
	all := config.LogAll
	if all != nil {
		all = all.Named(g.spec.Name)
	}
	return pluginwire.Launch(ctx, pluginwire.Config{
		Name: g.spec.Name, Path: g.file.Path, Origin: g.spec.Path, Dial: g.spec.Dial, Generation: g.number,
		Settings: g.spec.Settings, Limits: g.spec.Limits, HostVersion: config.HostVersion, Dir: config.Dir,
		Log: config.Log.Named(g.spec.Name), LogAll: all, LogLevel: g.spec.LogLevel, StartTimeout: config.StartLimit, Began: began,
	})
}

// back says that another process has taken over.
func (g *generation) back(process *pluginwire.Process, after time.Duration) {
	g.of.mu.Lock()
	g.process = process
	g.restarts++
	g.of.trials.back()
	restarts := g.restarts
	g.of.notify()
	g.of.mu.Unlock()
	g.log.Info("plugin is back", "pid", process.Pid(), "after", after.Round(time.Millisecond), "restarts", restarts)
}

// spare keeps one more process while the generation is the current one.
func (g *generation) spare() {
	for g.of.awaitCurrent(g) {
		process := g.start(g.retired)
		if process == nil {
			return
		}
		g.log.Info("standby is ready", "pid", process.Pid())
		select {
		case g.spares <- process:
			continue
		case <-process.Lost():
			g.log.Warn("standby ended", "pid", process.Pid(), "error", process.Err())
			g.of.mu.Lock()
			g.breaker.failed(g.of.spec.Breaker, false) // for the pause before the next
			g.of.mu.Unlock()
		case <-g.retired.Done():
			process.Stop(g.of.host.polite)
		}
		<-process.Done()
	}
}

// died is told of a process's end by whoever sees it first: the goroutine that
// keeps it or one of its calls.
func (g *generation) died(process *pluginwire.Process) {
	p := g.of
	err := process.Err()
	p.mu.Lock()
	if g.process != process {
		p.mu.Unlock()
		return
	}
	g.process, g.err = nil, err
	p.notify()
	if errors.Is(err, pluginwire.ErrStopped) {
		p.mu.Unlock()
		return
	}
	blamed := p.trials.died(process)
	if !blamed {
		g.breaker.died(p.spec.Breaker)
	}
	for c := range g.calls {
		if c.process == process && c.wire != nil {
			c.spoil()
			c.cleared = blamed
		}
	}
	open, calls, say := g.breaker.open, len(g.calls), p.judge(g)
	p.mu.Unlock()
	p.host.config.Watch.crashed(p.name)
	switch {
	case blamed:
		g.log.Warn("a call killed its plugin again: that call alone gets the fallback", "pid", process.Pid(), "sessions", calls, "error", err)
	case open:
		g.broken(err)
	case g.spec.Dial != nil:
		g.log.Warn("attached plugin has gone: the next one that is started there is attached to", "sessions", calls, "error", err)
	default:
		g.log.Warn("plugin ended, another process is started", "pid", process.Pid(), "sessions", calls, "error", err)
	}
	say()
}

// failed is told of a start that did not pass its checks.
func (g *generation) failed(err error) {
	p := g.of
	p.mu.Lock()
	was := g.breaker.open
	g.breaker.failed(p.spec.Breaker, g.process == nil)
	open, again := g.breaker.open && !was, g.breaker.wait()
	known := g.spec.Dial != nil && g.err != nil && g.err.Error() == err.Error()
	g.err = err
	say := p.judge(g)
	p.notify()
	p.mu.Unlock()
	switch {
	case open:
		g.broken(err)
	case known: // nobody is in a hurry to start it
	default:
		g.log.Warn("plugin did not start", "again_in", again.Round(time.Millisecond), "error", err)
	}
	say()
}

// broken says that the breaker has opened.
func (g *generation) broken(err error) {
	g.log.Error("plugin ended too often and is not started again: mend it and swap it, or reset it with `byova-host plugins reset "+g.spec.Name+"`",
		"error", err)
	g.of.host.config.Watch.breakerOpened(g.of.name)
}

// drain sees to it that the calls of a retired generation leave it.
func (g *generation) drain() {
	select {
	case <-g.retired.Done():
	case <-g.ctx.Done():
		return
	}
	p := g.of
	p.mu.Lock()
	policy, timeout, cut, unhurt := g.policy, p.spec.DrainTimeout, p.spec.CutAfter, g.unhurt
	p.mu.Unlock()
	if policy == Move {
		g.move()
	}
	if unhurt {
		timeout = forever
	}
	pause(g.ctx, g.hurried.Done(), timeout)
	g.move()
	if cut == 0 || !pause(g.ctx, nil, cut) {
		return
	}
	for g.ctx.Err() == nil { // one may just have been on its way here
		g.cut("its time with the old process is over")
		pause(g.ctx, nil, time.Second)
	}
}

// move asks the calls to go to the current generation as soon as they can.
func (g *generation) move() {
	p := g.of
	p.mu.Lock()
	g.moving = true
	var asked []*call
	for c := range g.calls {
		if c.wire != nil && g.movable() && p.current != g {
			asked = append(asked, c)
		}
	}
	p.mu.Unlock()
	for _, c := range asked {
		c.sink.Move(c.readable)
	}
}

// movable tells whether calls may leave the process while it lives: between two
// turns, or when a plugin that finds speech itself says so.
func (g *generation) movable() bool {
	t := g.traits
	return t.Movable || t.OwnEndpointing && t.Resume != session.ResumeNone
}

// cut gives the fallback to the calls that are left.
func (g *generation) cut(why string) {
	g.of.mu.Lock()
	var cut []*call
	for c := range g.calls {
		if c.wire != nil {
			c.cut = true
			delete(g.calls, c)
			cut = append(cut, c)
		}
	}
	g.check()
	g.of.notify()
	g.of.mu.Unlock()
	if len(cut) > 0 {
		g.log.Warn("calls of an old process get the fallback", "sessions", len(cut), "reason", why)
	}
	for _, c := range cut {
		c.wire.Close()
		c.sink.Lost(noResume(why))
	}
}

// check ends a retired generation without calls. Call it under the plugin's lock
// when either changed.
func (g *generation) check() {
	if g.retired.Err() == nil || len(g.calls) > 0 {
		return
	}
	g.end()
	if g.of.old == g {
		g.of.old = nil
		g.of.notify()
	}
}

// over removes what is left of a generation whose process is gone.
func (g *generation) over() {
	p := g.of
	p.mu.Lock()
	g.ended = true
	g.process = nil
	if p.canary == g {
		p.canary = nil
	}
	keep, gone := p.previous == g, p.removed && p.idle()
	p.notify()
	p.mu.Unlock()
	g.end()
	g.retire()
	if !keep {
		g.discard()
	}
	if gone {
		p.host.forget(p)
	}
}

// discard removes the copy of the program.
func (g *generation) discard() {
	if g.spec.Dial != nil {
		return
	}
	if err := g.file.Remove(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		g.log.Warn("the copy of a plugin stays behind", "error", err)
	}
}

// takes tells whether a call with that state can go on here.
func (g *generation) takes(c *call, state session.State) bool {
	from := c.at
	switch {
	case g == from:
		return true
	case g.traits.Resume == session.ResumeNone, !g.offers(c.agent) && from.offers(c.agent):
		return false
	case len(state.Data) == 0 && state.Version == 0:
		return true
	case from.traits.Resume == session.ResumeStateless, from.traits.Resume == session.ResumeReconnect:
		return true // and a state that it does not read is left out
	default:
		return g.reads(state.Version)
	}
}

// reads tells whether a state of that version can be handed over.
func (g *generation) reads(version uint32) bool {
	return version == g.about.GetStateVersion() || slices.Contains(g.about.GetReadsStateVersions(), version)
}

// offers tells whether an agent is one of those for every organisation.
func (g *generation) offers(agent string) bool {
	return slices.ContainsFunc(g.agents, func(a *pluginv1.Agent) bool { return a.GetId() == agent })
}

// beyond are the agents that it offers to every organisation and another does not.
func (g *generation) beyond(other *generation) string {
	var ids []string
	for _, a := range g.agents {
		if !other.offers(a.GetId()) {
			ids = append(ids, a.GetId())
		}
	}
	return strings.Join(ids, ", ")
}

// pause waits until d is over, and tells whether it is worth going on: ctx has not
// ended. Changed ends it early.
func pause(ctx context.Context, changed <-chan struct{}, d time.Duration) bool {
	return await(ctx, changed, nil, d)
}

func await(ctx context.Context, changed, lost <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-changed:
	case <-lost:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}
