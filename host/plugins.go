package host

import (
	"context"

	"github.com/byova-host/byova-host/host/admin"
	"github.com/byova-host/byova-host/host/metrics"
	"github.com/byova-host/byova-host/host/supervisor"
)

// Plugins implements admin.Host, as do the methods below.
func (h *host) Plugins() []admin.Plugin {
	status := h.plugins.Status()
	all := make([]admin.Plugin, len(status))
	for i, s := range status {
		all[i] = admin.Plugin{
			Name: s.Name, Version: s.Version, SDK: s.SDK, Path: s.Path, SHA256: s.SHA256, Generation: s.Generation, Pid: s.Pid,
			Sessions: s.Sessions, State: s.State, Restarts: s.Restarts, Percent: s.Percent, Error: s.Error,
		}
	}
	return all
}

// Swap lets another program take a plugin's place.
func (h *host) Swap(ctx context.Context, name string, s admin.Swap, progress func(string)) (admin.Swapped, error) {
	o := options(s.Terms, progress)
	o.Path, o.Canary = s.Path, s.Canary
	done, err := h.plugins.Swap(ctx, name, o)
	return admin.Swapped(done), err
}

// Promote gives a plugin's canary all new calls.
func (h *host) Promote(ctx context.Context, name string) (admin.Swapped, error) {
	done, err := h.plugins.Promote(ctx, name)
	return admin.Swapped(done), err
}

// Rollback lets the program before take a plugin's place.
func (h *host) Rollback(ctx context.Context, name string, t admin.Terms, progress func(string)) (admin.Swapped, error) {
	done, err := h.plugins.Rollback(ctx, name, options(t, progress))
	return admin.Swapped(done), err
}

// Restart lets another process of the same program take a plugin's place.
func (h *host) Restart(ctx context.Context, name string, t admin.Terms, progress func(string)) (admin.Swapped, error) {
	done, err := h.plugins.Restart(ctx, name, options(t, progress))
	return admin.Swapped(done), err
}

// Reset has a plugin started again that ended too often.
func (h *host) Reset(name string) error { return h.plugins.Reset(name) }

func options(t admin.Terms, progress func(string)) supervisor.SwapOptions {
	o := supervisor.SwapOptions{Force: t.Force, Progress: progress}
	policy := map[string]supervisor.Policy{"drain": supervisor.Drain, "move": supervisor.Move}
	if p, said := policy[t.Policy]; said {
		o.Policy = &p
	}
	return o
}

// live is what the metrics are told of the plugins when they are read.
func (h *host) live() []metrics.Plugin {
	status := h.plugins.Status()
	all := make([]metrics.Plugin, len(status))
	for i, s := range status {
		all[i] = metrics.Plugin{Name: s.Name, Generation: s.Generation, Sessions: s.Sessions, Broken: s.State == "broken"}
	}
	return all
}
