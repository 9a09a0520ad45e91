package host

import (
	"context"
	"strings"
	"time"

	"github.com/byova-host/byova-host/host/config"
	"github.com/byova-host/byova-host/host/session"
	"github.com/byova-host/byova-host/host/supervisor"
)

// keep carries out what changes while the host serves, until ctx ends.
func (h *host) keep(ctx context.Context) {
	if plugins := h.config.Plugins; h.watcher != nil {
		h.keeping.Go(func() { h.watcher.run(ctx, plugins) })
	}
	h.keeping.Go(func() {
		for {
			select {
			case <-h.config.Reload:
				h.reload(ctx)
			case <-ctx.Done():
				return
			}
		}
	})
}

// reload reads the configuration again and applies what is different. The plugins
// come first: they alone can fail, and then all stays as it was.
func (h *host) reload(ctx context.Context) {
	after, err := h.config.Load()
	if err != nil {
		h.log.Error("not reloaded, nothing has changed", "error", err)
		return
	}
	var now, later []string
	for _, c := range config.Changes(h.config.Config, after) {
		if c.Restart {
			later = append(later, c.Key)
		} else {
			now = append(now, c.Key)
		}
	}
	next := h.config.Config.Reload(after)
	if err := h.plugins.Apply(ctx, h.programs(next.Plugins)); err != nil {
		h.log.Error("not reloaded, the plugins cannot be changed", "error", err)
		return
	}
	if h.watcher != nil {
		h.watcher.follow(ctx, next.Plugins)
	}
	h.calls.Configure(h.sessions(next))
	level := next.Log.Level
	h.log.SetLevel(min(level, h.config.Config.Log.Level)) // what is said of the reload is said by either
	h.config.Config = next
	if len(later) > 0 {
		h.log.Warn("these count from the next start on", "changed", strings.Join(later, " "))
	}
	h.log.Info("reloaded", "changed", strings.Join(now, " "))
	h.log.SetLevel(level)
	h.warnOfAgents(ctx)
}

func (h *host) sessions(c config.Config) session.Config {
	sessions := c.Sessions()
	giveTime(&sessions, c.Plugins)
	sessions.Observer, sessions.TraceContent = h.metrics, h.config.TraceContent
	if h.voice != nil {
		sessions.Voice = voice{h.voice}
	}
	sessions.Log = h.log.Named("session")
	return sessions
}

// programs tells the supervisor of the plugins. Where their programs are watched,
// what can be moved is moved at once.
func (h *host) programs(plugins []config.Plugin) []supervisor.Plugin {
	all := make([]supervisor.Plugin, len(plugins))
	for i, p := range plugins {
		all[i] = supervisor.Plugin{
			Name: p.Name, Path: p.Path, Dial: dialer(p), SHA256: p.SHA256, Settings: p.Settings, LogLevel: p.Log,
			Orgs: p.Orgs, Sessions: p.Sessions,
			DrainTimeout: orNone(p.DrainTimeout), CutAfter: p.CutAfter, CrashWait: orNone(p.CrashWait), Standby: p.Standby,
			Breaker: supervisor.Breaker(p.Breaker), CanaryLimit: orNone(p.CanaryLimit),
		}
		all[i].Limits.Memory, all[i].Limits.OpenFiles = p.Memory, p.OpenFiles
		if all[i].Dial != nil {
			all[i].CrashWait = attachedPatience
		}
		if p.Swap == config.Move {
			all[i].Swap = supervisor.Move
		}
		if h.config.Watch {
			all[i].DrainTimeout = orNone(time.Duration(0))
		}
	}
	return all
}

// orNone says zero to the supervisor, which takes a zero itself for its default.
func orNone[T int | time.Duration](value T) T {
	if value == 0 {
		return -1
	}
	return value
}
