// Bot10 is a plugin of the time of plugin protocol 1.0, made of gRPC, go-plugin and the
// frozen protocol alone: an echo that the host of today must be able to run. It does not
// change with the host. What callers do and hear:
//
//	calls     a tone
//	speech    the same audio
//	keys      a tone for each
//	0         a transfer to a person
//	8         as a key, how many inputs were answered before: the saved state
//	silence   a low tone
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	pluginv1 "github.com/byova-host/byova-host/internal/compat/v1_0"
)

func main() {
	signal.Ignore(os.Interrupt, syscall.SIGTERM)
	go func() { // ends with the process
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0) // the host is gone
	}()
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig: goplugin.HandshakeConfig{
			ProtocolVersion: 1, MagicCookieKey: "BYOVA_PLUGIN", MagicCookieValue: "8f1c2d0a5b7e4c13",
		},
		Plugins:    goplugin.PluginSet{"bot": &bot{}},
		GRPCServer: goplugin.DefaultGRPCServer,
	})
}

// bot is the service. Its methods may be called concurrently.
type bot struct {
	goplugin.NetRPCUnsupportedPlugin
	pluginv1.UnimplementedPluginServer
}

// GRPCServer implements goplugin.GRPCPlugin.
func (b *bot) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error { //nolint:unparam // go-plugin wants it
	pluginv1.RegisterPluginServer(s, b)
	return nil
}

// GRPCClient implements goplugin.GRPCPlugin, for the host's end, which is not here.
func (b *bot) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("this is a plugin")
}

// Describe implements pluginv1.PluginServer.
func (b *bot) Describe(context.Context, *pluginv1.DescribeRequest) (*pluginv1.DescribeResponse, error) {
	return &pluginv1.DescribeResponse{
		Name: "bot10", Version: "1.0.0", Sdk: "none", StateVersion: stateVersion, ReadsStateVersions: []uint32{stateVersion},
		Resume: pluginv1.DescribeResponse_RESUME_SAVED, Movable: true,
	}, nil
}

// Configure implements pluginv1.PluginServer. There are no settings.
func (b *bot) Configure(_ context.Context, r *pluginv1.ConfigureRequest) (*pluginv1.ConfigureResponse, error) {
	resp := &pluginv1.ConfigureResponse{}
	for name := range r.GetSettings().GetFields() {
		resp.Errors = append(resp.Errors, &pluginv1.FieldError{Field: name, Message: "there are no settings"})
	}
	return resp, nil
}

// ListAgents implements pluginv1.PluginServer.
func (b *bot) ListAgents(context.Context, *pluginv1.ListAgentsRequest) (*pluginv1.ListAgentsResponse, error) {
	return &pluginv1.ListAgentsResponse{Agents: []*pluginv1.Agent{{Id: "bot10", Name: "Echo of protocol 1.0"}}}, nil
}

// Attach implements pluginv1.PluginServer. All calls of the stream are served here, one
// batch after the other.
func (b *bot) Attach(stream grpc.BidiStreamingServer[pluginv1.EventBatch, pluginv1.CommandBatch]) error {
	calls := map[uint64]*call{}
	for {
		batch, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var commands []*pluginv1.Command
		for _, e := range batch.GetEvents() {
			commands = append(commands, dispatch(calls, e)...)
		}
		if len(commands) == 0 {
			continue
		}
		if err := stream.Send(&pluginv1.CommandBatch{Commands: commands}); err != nil {
			return err
		}
	}
}

// dispatch hands an event to its call, and returns what can be sent.
func dispatch(calls map[uint64]*call, e *pluginv1.Event) []*pluginv1.Command {
	switch {
	case e.GetPing() != nil:
		pong := &pluginv1.Pong{Id: e.GetPing().GetId()}
		return []*pluginv1.Command{{Body: &pluginv1.Command_Pong{Pong: pong}}}
	case e.GetStart() != nil:
		calls[e.GetCall()] = &call{number: e.GetCall()}
	case e.GetEnd() != nil:
		delete(calls, e.GetCall())
	}
	c := calls[e.GetCall()]
	if c == nil {
		return nil
	}
	c.event(e)
	return c.ready()
}
