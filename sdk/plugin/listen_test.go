package plugin

import (
	"context"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/byova-host/byova-host/internal/ownsocket"
	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

// TestServeOn: each host that connects configures the plugin, and it goes when ctx ends.
func TestServeOn(t *testing.T) {
	configured := make(chan string, 2)
	bot := Plugin{
		Handler: CallFunc(func(ctx context.Context, _ *Call) error { <-ctx.Done(); return nil }),
		Configure: func(_ context.Context, s Settings) error {
			configured <- s.Map()["host"].(string) //nolint:forcetypeassert // what this test sends
			return nil
		},
	}
	socket := filepath.Join(t.TempDir(), "s")
	l, err := ownsocket.Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := bot.ServeOn(ctx, l); err != nil {
			t.Errorf("ServeOn: %v", err)
		}
	})
	for _, host := range []string{"first", "second"} {
		settings, err := structpb.NewStruct(map[string]any{"host": host})
		if err != nil {
			t.Fatal(err)
		}
		conn, err := grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := pluginv1.NewPluginClient(conn).Configure(t.Context(), &pluginv1.ConfigureRequest{Settings: settings})
		if err != nil || len(answer.Errors) > 0 {
			t.Errorf("Configure by the %s host: %v, %v", host, answer, err)
		}
		if got := <-configured; got != host {
			t.Errorf("configured by %q, want %q", got, host)
		}
		conn.Close()
	}
	stop()
	serving.Wait()
	if _, err := net.Dial("unix", socket); err == nil {
		t.Error("it still listens")
	}
}

// TestServeOnEnds: when nobody can connect any more, those who have are not served either.
func TestServeOnEnds(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	l, err := ownsocket.Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() {
		ended <- Plugin{Handler: CallFunc(func(context.Context, *Call) error { return nil })}.ServeOn(t.Context(), l)
	}()
	conn, err := grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	host := pluginv1.NewPluginClient(conn)
	if _, err := host.Describe(t.Context(), &pluginv1.DescribeRequest{}); err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "serve on "+socket) {
		t.Errorf("ServeOn: %v", err)
	}
	if _, err := host.Describe(t.Context(), &pluginv1.DescribeRequest{}); err == nil {
		t.Error("it still serves")
	}
}

// TestByHand: an address that cannot be served at is refused with what it should be.
func TestByHand(t *testing.T) {
	bot := Plugin{Handler: CallFunc(func(context.Context, *Call) error { return nil })}
	for address, says := range map[string]string{
		"127.0.0.1:99":          "want unix:///path",
		"unix://relative":       "want unix:///path",
		"unix:///no/such/dir/s": "listen for a host",
		"unix:///" + strings.Repeat("long/", 22) + "s": "has 112 bytes, and that of a socket 103 at most",
	} {
		if err := bot.serveByHand(address); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", address, err, says)
		}
	}
}
