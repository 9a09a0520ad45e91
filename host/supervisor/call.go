package supervisor

import (
	"context"
	"sync"

	"github.com/byova-host/byova-host/host/session"
	"github.com/byova-host/byova-host/internal/pluginwire"
	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

// call is a session's call at a plugin; it implements session.AgentCall.
type call struct {
	agent  string
	plugin *running
	wire   *pluginwire.Call
	once   sync.Once
}

func (c *call) Agent() string              { return c.agent }
func (c *call) Traits() session.Traits     { return c.plugin.traits }
func (c *call) Send(e session.Event) error { return c.wire.Send(toEvent(e)) }
func (c *call) AudioLost() int64           { return c.wire.Dropped() }
func (c *call) Settled()                   {}

func (c *call) Close(session.EndReason) { c.once.Do(func() { c.wire.Close(); c.plugin.count(-1) }) }

func (c *call) Resume(context.Context, session.Resumption, session.Sink) (session.AgentCall, error) {
	return nil, session.ErrAgentUnavailable
}

// fromPlugin hands a plugin's commands to a session; it implements pluginwire.Sink.
type fromPlugin struct{ session session.Sink }

func (f fromPlugin) Command(c *pluginv1.Command) { f.session.Command(toCommand(c)) }
func (f fromPlugin) Lost(err error)              { f.session.Lost(err) }
