package caller

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/test/bufconn"

	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
)

// dial serves s in memory and returns the options to reach it; the server is
// gone when the test has ended.
func dial(t *testing.T, s *server) []grpc.DialOption {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	g := grpc.NewServer(grpc.StatsHandler(&connections{}), grpc.StreamInterceptor(func(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, h grpc.StreamHandler) error {
		s.noteToken(stream.Context())
		return h(srv, stream)
	}))
	mediav1.RegisterVoiceVirtualAgentServer(g, s)
	state := health.NewServer()
	if s.sick {
		state.SetServingStatus("", grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	}
	grpc_health_v1.RegisterHealthServer(g, state)
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := g.Serve(listener); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	t.Cleanup(func() { g.Stop(); serving.Wait() })
	return []grpc.DialOption{grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
		return listener.DialContext(ctx)
	})}
}

// connections numbers the connections of a server, from 1.
type connections struct{ n atomic.Int32 }

type connectionKey struct{}

func (c *connections) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context {
	return context.WithValue(ctx, connectionKey{}, c.n.Add(1))
}
func (c *connections) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }
func (c *connections) HandleConn(context.Context, stats.ConnStats)                     {}
func (c *connections) HandleRPC(context.Context, stats.RPCStats)                       {}

// inBubble places a call to s inside a bubble: time passes at once, and a leaked
// goroutine fails the test.
func inBubble(t *testing.T, s *server, o Options, check func(*testing.T, *Result)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o.Addr, o.Dial = "passthrough:///server", dial(t, s)
		result, err := Run(t.Context(), o)
		if err != nil {
			t.Fatalf("Run: %v", err)
		}
		check(t, result)
		if t.Failed() {
			timeline := NewTimeline(t.Output())
			for _, e := range result.Entries {
				timeline.Log(e)
			}
			timeline.Close()
			result.Print(t.Output())
		}
	})
}
