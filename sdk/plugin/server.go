package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	hclog "github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/byova-host/byova-host/internal/lane"
	"github.com/byova-host/byova-host/internal/pluginwire/wire"
	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

// server is the plugin as the host sees it. GRPC calls its methods concurrently.
type server struct {
	pluginv1.UnimplementedPluginServer
	plugin Plugin
	log    hclog.Logger
	served func() // called when the host is there
	// attached says that hosts come and go, and each configures.
	attached bool

	mu         sync.Mutex
	configured bool
}

func newServer(p Plugin, log hclog.Logger) *server {
	return &server{plugin: p.withDefaults(), log: log, served: func() {}}
}

// Describe implements pluginv1.PluginServer. It is the first that the host calls.
func (s *server) Describe(context.Context, *pluginv1.DescribeRequest) (*pluginv1.DescribeResponse, error) {
	s.served()
	return s.plugin.describe(), nil
}

// Configure implements pluginv1.PluginServer. A second call is an error: settings
// do not change in the life of a process.
func (s *server) Configure(ctx context.Context, r *pluginv1.ConfigureRequest) (resp *pluginv1.ConfigureResponse, err error) {
	s.mu.Lock()
	again := s.configured
	s.configured = true
	s.mu.Unlock()
	if again && !s.attached {
		return nil, status.Error(codes.FailedPrecondition, "already configured")
	}
	defer asStatus(&err)
	defer recoverInto(&err)
	return &pluginv1.ConfigureResponse{Errors: s.plugin.configure(ctx, r.GetSettings())}, nil
}

// ListAgents implements pluginv1.PluginServer.
func (s *server) ListAgents(ctx context.Context, r *pluginv1.ListAgentsRequest) (resp *pluginv1.ListAgentsResponse, err error) {
	defer asStatus(&err)
	defer recoverInto(&err)
	agents, err := s.plugin.listAgents(ctx, r.GetOrg())
	if err != nil {
		return nil, fmt.Errorf("list agents: %w", err)
	}
	return &pluginv1.ListAgentsResponse{Agents: agents}, nil
}

// asStatus is where the author's errors meet the wire.
func asStatus(err *error) {
	if *err != nil {
		*err = status.Error(codes.Internal, (*err).Error())
	}
}

// stream is one Attach stream. Its calls belong to the goroutine that receives.
type stream struct {
	server  *server
	rpc     grpc.BidiStreamingServer[pluginv1.EventBatch, pluginv1.CommandBatch]
	sender  *lane.Sender[*pluginv1.Command]
	control *lane.Lane[*pluginv1.Command] // call 0
	calls   map[uint64]*Call
	wg      sync.WaitGroup // handlers
}

// Attach implements pluginv1.PluginServer. It returns when every handler of its
// calls has.
func (s *server) Attach(rpc grpc.BidiStreamingServer[pluginv1.EventBatch, pluginv1.CommandBatch]) error {
	st := &stream{
		server: s, rpc: rpc, sender: lane.NewSender[*pluginv1.Command](), calls: map[uint64]*Call{},
	}
	st.control = st.sender.Open(wire.Commands())
	sent := make(chan error, 1)
	go func() { sent <- st.send() }()
	err := st.receive()
	st.endAll()
	st.wg.Wait()
	st.sender.Close()
	sendErr := <-sent
	if errors.Is(err, io.EOF) {
		err = sendErr
	}
	return err
}

func (st *stream) send() error {
	var batch pluginv1.CommandBatch
	return st.sender.Run(st.rpc.Context(), func(commands []*pluginv1.Command) error {
		batch.Commands = commands
		return st.rpc.Send(&batch)
	})
}

// receive hands events to their calls and never blocks on any of them.
func (st *stream) receive() error {
	for {
		batch, err := st.rpc.Recv()
		if err != nil {
			return err
		}
		for _, e := range batch.Events {
			st.dispatch(e)
		}
	}
}

func (st *stream) dispatch(e *pluginv1.Event) {
	if e.Call == 0 {
		st.process(e)
		return
	}
	c := st.calls[e.Call]
	switch body := e.Body.(type) {
	case *pluginv1.Event_Start:
		if c == nil {
			st.start(e)
		}
	case *pluginv1.Event_End:
		if c != nil {
			delete(st.calls, e.Call)
			c.end(e)
		}
	case *pluginv1.Event_Ping, *pluginv1.Event_Drain, *pluginv1.Event_LogLevel:
		st.server.log.Debug("event of the process came for a call", "event", fmt.Sprintf("%T", body))
	default:
		if c != nil {
			c.deliver(e)
		}
	}
}

// process handles events that belong to no call.
func (st *stream) process(e *pluginv1.Event) {
	switch body := e.Body.(type) {
	case *pluginv1.Event_Ping:
		pong := &pluginv1.Pong{Id: body.Ping.GetId()}
		// A lane that is full or closed has a host that does not read.
		_ = st.control.Push(&pluginv1.Command{Body: &pluginv1.Command_Pong{Pong: pong}})
	case *pluginv1.Event_LogLevel:
		if level := hclog.LevelFromString(body.LogLevel.GetLevel()); level != hclog.NoLevel {
			st.server.log.SetLevel(level)
		}
	}
}

// start takes a call.
func (st *stream) start(e *pluginv1.Event) {
	c := newCall(st.rpc.Context(), &st.server.plugin, e, st.sender.Open(wire.Commands()), st.server.log)
	st.calls[e.Call] = c
	_ = c.command(&pluginv1.Command{Body: &pluginv1.Command_Accepted{Accepted: &pluginv1.Accepted{}}})
	c.deliver(e)
	st.wg.Go(c.run)
}

// endAll ends the calls that are left when the stream has ended.
func (st *stream) endAll() {
	for number, c := range st.calls {
		c.end(&pluginv1.Event{Call: number, Body: &pluginv1.Event_End{End: &pluginv1.SessionEnd{
			Reason: pluginv1.SessionEnd_GONE, Detail: "the host's stream has ended",
		}}})
	}
	clear(st.calls)
}
