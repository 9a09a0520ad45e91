package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"

	"github.com/byova-host/byova-host/host/rpc"
	"github.com/byova-host/byova-host/host/session"
	"github.com/byova-host/byova-host/host/supervisor"
	"github.com/byova-host/byova-host/internal/rundir"
	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
	"github.com/byova-host/byova-host/sdk/plugin"
)

// servePlugin is the bench plugin: this program, started by the host.
func servePlugin() {
	plugin.Plugin{
		Name: "bench", Endpointing: plugin.PluginEndpointing, Audio: plugin.AudioAll,
		Handler: plugin.CallFunc(echoFrames),
	}.Serve()
}

// echoFrames plays what it hears, at once.
func echoFrames(ctx context.Context, call *plugin.Call) error {
	prompt, err := call.Stream(ctx, plugin.Format{})
	if err != nil {
		return err
	}
	for {
		event, err := call.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch e := event.(type) {
		case plugin.AudioInputEvent:
			if _, err := prompt.Write(e.Audio.Data); err != nil {
				return err
			}
		case plugin.InputEndedEvent: // the greeting turn: nothing to say
			if err := call.Done(e.Turn); err != nil {
				return err
			}
		}
	}
}

// inMemory does the same without leaving the host; it is a session.Agents.
type inMemory struct{}

func (inMemory) List(context.Context, string) ([]session.AgentInfo, error) { return nil, nil }

func (inMemory) Open(_ context.Context, _, _ string, sink session.Sink) (session.AgentCall, error) {
	return &memoryCall{sink: sink}, nil
}

type memoryCall struct{ sink session.Sink }

func (*memoryCall) Agent() string           { return "bench" }
func (*memoryCall) Close(session.EndReason) {}
func (*memoryCall) Settled()                {}
func (*memoryCall) Resume(context.Context, session.Resumption, session.Sink) (session.AgentCall, error) {
	return nil, session.ErrAgentUnavailable
}
func (*memoryCall) AudioLost() int64 { return 0 }
func (*memoryCall) Traits() session.Traits {
	return session.Traits{Audio: session.AllAudio, OwnEndpointing: true}
}

func (c *memoryCall) Send(e session.Event) error {
	switch body := e.Body.(type) {
	case session.Started:
		c.sink.Command(session.Command{Prompt: 1, Body: session.StartPrompt{BargeIn: true}})
	case session.CallerAudio:
		c.sink.Command(session.Command{Prompt: 1, Body: session.PromptAudio{Data: body.Data}})
	case session.InputEnded:
		c.sink.Command(session.Command{Turn: body.Turn, Body: session.Done{}})
	}
	return nil
}

func startInHost(context.Context) (*variant, error) {
	return serveSessions("in_host", inMemory{}, func() {})
}

func startPlugin(ctx context.Context) (*variant, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := rundir.Make()
	if err != nil {
		return nil, err
	}
	plugins, err := supervisor.Start(ctx, supervisor.Config{
		Plugins: []supervisor.Plugin{{Name: "bench", Path: self}}, Dir: dir.Path, Log: quiet(), HostVersion: "bench",
	})
	if err != nil {
		return nil, errors.Join(err, dir.Remove())
	}
	return serveSessions("plugin", plugins, func() {
		plugins.Stop(ctx)
		if err := dir.Remove(); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
	})
}

func quiet() hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{Level: hclog.Warn, Output: os.Stderr})
}

func serveSessions(name string, agents session.Agents, stop func()) (*variant, error) {
	sessions := session.New(agents, session.Config{Log: quiet()})
	server := rpc.NewServer(sessions, quiet())
	return serve(name, server.Serve, func() {
		sessions.Stop()
		server.Stop(context.Background())
		stop()
	})
}

// serve starts a server on a free loopback port.
func serve(name string, run func(net.Listener) error, stop func()) (*variant, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	var served sync.WaitGroup
	served.Go(func() {
		if err := run(l); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
	})
	return &variant{name: name, addr: l.Addr().String(), stop: func() {
		stop()
		served.Wait()
	}}, nil
}

// bare echoes in the gRPC handler itself.
type bare struct {
	mediav1.UnimplementedVoiceVirtualAgentServer
}

func startBare(context.Context) (*variant, error) {
	server := grpc.NewServer(grpc.InitialConnWindowSize(1<<20), grpc.InitialWindowSize(1<<20))
	mediav1.RegisterVoiceVirtualAgentServer(server, bare{})
	return serve("bare", server.Serve, server.Stop)
}

func (bare) ProcessCallerInput(st grpc.BidiStreamingServer[mediav1.VoiceVARequest, mediav1.VoiceVAResponse]) error {
	for {
		q, err := st.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		frame := q.GetAudioInput().GetCallerAudio()
		if len(frame) == 0 {
			continue
		}
		err = st.Send(&mediav1.VoiceVAResponse{
			ResponseType: mediav1.VoiceVAResponse_CHUNK, Prompts: []*mediav1.Prompt{{AudioContent: frame}},
		})
		if err != nil {
			return err
		}
	}
}
