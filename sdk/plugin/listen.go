package plugin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"google.golang.org/grpc"

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
	if len(path) > longestSocket {
		return fmt.Errorf("%s: the path %s has %d bytes, and that of a socket %d at most: name a shorter one", wire.ListenEnv, path, len(path), longestSocket)
	}
	l, err := listenAlone(path)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process, whatever its handlers do
	fmt.Fprintf(os.Stderr, "The plugin waits for a host. In another terminal:\n\n    byova-host serve --verify-tokens=false --plugin %s\n\n", address)
	return p.ServeOn(ctx, l)
}

// longestSocket is how long the path of a socket may be on macOS; elsewhere it may have a
// few bytes more.
const longestSocket = 103

// listenAlone listens on a socket for this user only. One that a plugin left behind
// goes; one that answers stays.
func listenAlone(path string) (net.Listener, error) {
	if conn, err := net.Dial("unix", path); err == nil { //nolint:gosec // the author names the socket
		conn.Close()
		return nil, fmt.Errorf("%s: another program answers there: end it, or name another socket in %s", path, wire.ListenEnv)
	}
	if info, err := os.Lstat(path); err == nil { //nolint:gosec // the author names the socket
		if info.Mode()&os.ModeSocket == 0 {
			return nil, fmt.Errorf("%s is there and is no socket: name another in %s", path, wire.ListenEnv)
		}
		if err := os.Remove(path); err != nil { //nolint:gosec // the author names the socket
			return nil, fmt.Errorf("replace the old socket %s: %w", path, errors.Unwrap(err))
		}
	}
	var l net.Listener
	var err error
	private(func() { l, err = net.Listen("unix", path) }) // not closed to others later, who may have come by then
	if err != nil {
		return nil, fmt.Errorf("listen for a host: %w", err)
	}
	return l, nil
}
