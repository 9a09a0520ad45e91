package plugin

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"google.golang.org/grpc"

	"github.com/byova-host/byova-host/internal/ownsocket"
	"github.com/byova-host/byova-host/internal/pluginwire/wire"
	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

// ServeOn serves the plugin to hosts that connect to l, until ctx ends, and closes l. It
// returns when all handlers have: nil then, and an error if l fails first.
// It is for tests and for debuggers: nothing is encrypted and nobody is asked who they
// are, so let l be in memory or a Unix socket that only you may use. Each host that
// connects configures the plugin anew.
func (p Plugin) ServeOn(ctx context.Context, l net.Listener) error {
	log := wire.Log(ctx)
	if log == nil {
		log = Log()
	}
	s := newServer(p, log)
	s.attached = true
	g := grpc.NewServer(append(serverOptions(), grpc.WaitForHandlers(true))...)
	pluginv1.RegisterPluginServer(g, s)
	stopped := make(chan struct{})
	unwatch := context.AfterFunc(ctx, func() {
		defer close(stopped)
		g.Stop()
	})
	err := g.Serve(l)
	if unwatch() {
		g.Stop() // the hosts that are connected
		return fmt.Errorf("serve on %v: %w", l.Addr(), err)
	}
	<-stopped
	return nil
}

// serveByHand serves at an address instead of to the host that started the process.
func (p Plugin) serveByHand(address string) error {
	path, ok := strings.CutPrefix(address, "unix://")
	if !ok || !strings.HasPrefix(path, "/") {
		return fmt.Errorf("%s is %q: want unix:///path/of/a/socket", wire.ListenEnv, address)
	}
	if len(path) > ownsocket.LongestPath {
		return fmt.Errorf("%s: the path %s has %d bytes, and that of a socket %d at most: name a shorter one", wire.ListenEnv, path, len(path), ownsocket.LongestPath)
	}
	l, err := ownsocket.Listen(path)
	if err != nil {
		return fmt.Errorf("%s=%s: listen for a host: %w", wire.ListenEnv, address, err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process, whatever its handlers do
	fmt.Fprintf(os.Stderr, "The plugin waits for a host. In another terminal:\n\n    byova-host serve --verify-tokens=false --plugin %s\n\n", address)
	return p.ServeOn(ctx, l)
}
