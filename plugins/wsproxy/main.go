// Wsproxy is the bundled bot that has none of its own: it bridges each call to a voice
// AI that runs elsewhere and is reached by WebSocket. Which protocol that speaks is the
// setting "adapter"; docs/wsproxy.md has all settings and says how to add a protocol.
//
// A call is one [bridge], whose goroutine owns everything of it: what the caller says
// goes through hearing.go to the backend, what that says through answer.go to the
// caller, turns.go decides when an answer is complete, and link.go makes the
// connection, and another one when it breaks.
package main

import (
	"context"

	"github.com/byova-host/byova-host/sdk/plugin"
)

// version is what the host's log shows.
var version = "1.0.0"

func main() {
	p := &proxy{}
	defer p.close()
	p.plugin().Serve()
}

// plugin describes wsproxy to the host. A call holds a connection, so it stays in its
// process; after a crash the backend is dialled anew.
func (p *proxy) plugin() plugin.Plugin {
	return plugin.Plugin{
		Name: "wsproxy", Version: version,
		Configure:  p.configure,
		ListAgents: func(context.Context, string) ([]plugin.Agent, error) { return p.settings.agents(), nil },
		Audio:      plugin.AudioAll,
		Resume:     plugin.ResumeReconnect, StateVersion: 1,
		Handler: plugin.CallFunc(p.serve),
	}
}

func (p *proxy) configure(_ context.Context, given plugin.Settings) error {
	settings, err := readSettings(given)
	if err != nil {
		return err
	}
	return p.start(settings)
}

// serve bridges one call.
func (p *proxy) serve(ctx context.Context, call *plugin.Call) error {
	if call.Info().Probe {
		return probe(ctx, call)
	}
	release, err := p.admit()
	if err != nil {
		return err
	}
	defer release()
	return newBridge(p, call).run(ctx)
}

// probe answers the host's own trial without reaching anybody.
func probe(ctx context.Context, call *plugin.Call) error {
	for {
		event, err := call.Next(ctx)
		if err != nil {
			return nil //nolint:nilerr // the end of the trial
		}
		if e, ok := event.(plugin.InputEndedEvent); ok {
			if err := call.Done(e.Turn); err != nil {
				return err
			}
		}
	}
}
