package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/byova-host/byova-host/host/admin"
	"github.com/byova-host/byova-host/host/rpc"
	"github.com/byova-host/byova-host/host/session"
	"github.com/byova-host/byova-host/host/supervisor"
	"github.com/byova-host/byova-host/internal/rundir"
)

// DefaultListen is where Webex calls unless told otherwise.
const DefaultListen = "127.0.0.1:50051"

// defaultShutdown is how long live calls may go on after the host was told to stop.
const defaultShutdown = 5 * time.Minute

// lastWords is how long the ends of cut RPCs may take to reach Webex.
const lastWords = time.Second

// Config says what to run.
type Config struct {
	Listen    string   // host:port; port 0 takes a free one
	Plugins   []string // paths of plugin binaries; each is named by its base name
	Admin     string   // unix:///path or a loopback host:port; empty takes a private socket
	Version   string   // of the host
	Log       hclog.Logger
	PluginLog hclog.Level // level of the plugins' own logs; zero means info
	Sessions  session.Config
	Shutdown  time.Duration // how long live calls may go on after stop; default 5 minutes
}

// Run serves until stop ends, then lets live calls end, and returns when nothing
// is left. When kill ends it no longer waits for calls. It prints "listening on
// ADDR" to out once every plugin has passed its start checks.
func Run(stop, kill context.Context, config Config, out io.Writer) (err error) {
	h := &host{config: config, log: config.Log}
	defer func() { err = errors.Join(err, h.close(context.WithoutCancel(kill))) }()
	if err := h.open(stop); err != nil {
		return err
	}
	failed := h.serve()
	fmt.Fprintf(out, "listening on %v\n", h.door.Addr())
	select {
	case err := <-failed:
		return err
	case <-stop.Done():
		h.drain(kill)
		return nil
	}
}

// host holds what Run opened, in that order.
type host struct {
	config  Config
	log     hclog.Logger
	dir     *rundir.Dir
	plugins *supervisor.Supervisor
	calls   *session.Sessions
	door    net.Listener // to Webex
	desk    net.Listener // to the operator
	rpc     *rpc.Server
	admin   *admin.Server
	serving sync.WaitGroup
}

// open makes the parts. What it has opened when it returns an error, close closes.
func (h *host) open(ctx context.Context) (err error) {
	if len(h.config.Plugins) == 0 {
		return errors.New("no plugin: name at least one with --plugin PATH")
	}
	if h.door, err = net.Listen("tcp", h.config.Listen); err != nil {
		return fmt.Errorf("listen for Webex: %w", err)
	}
	if h.dir, err = rundir.Make(); err != nil {
		return err
	}
	if h.desk, err = h.openDesk(); err != nil {
		return err
	}
	h.plugins, err = supervisor.Start(ctx, supervisor.Config{
		Plugins: named(h.config.Plugins), Dir: h.dir.Path, HostVersion: h.config.Version,
		Log: h.log.Named("plugin"), LogLevel: h.config.PluginLog,
	})
	if err != nil {
		return err
	}
	sessions := h.config.Sessions
	sessions.Log = h.log.Named("session")
	h.calls = session.New(h.plugins, sessions)
	return nil
}

func (h *host) openDesk() (net.Listener, error) {
	if h.config.Admin != "" {
		address, err := admin.ParseAddress(h.config.Admin)
		if err != nil {
			return nil, err
		}
		return address.Listen()
	}
	base, err := rundir.Base()
	if err != nil {
		return nil, err
	}
	l, address, err := admin.ListenDefault(base)
	if err == nil {
		h.log.Info("admin API", "address", address.String())
	}
	return l, err
}

// named gives each plugin the base name of its file, without .exe.
func named(paths []string) []supervisor.Plugin {
	plugins := make([]supervisor.Plugin, len(paths))
	for i, path := range paths {
		plugins[i] = supervisor.Plugin{Name: strings.TrimSuffix(filepath.Base(path), ".exe"), Path: path}
	}
	return plugins
}

// serve starts both servers and tells of the first that fails.
func (h *host) serve() <-chan error {
	h.rpc = rpc.NewServer(h.calls, h.log.Named("rpc"))
	h.admin = admin.NewServer(h)
	failed := make(chan error, 2)
	h.serving.Go(func() {
		if err := h.rpc.Serve(h.door); err != nil {
			failed <- err
		}
	})
	h.serving.Go(func() {
		if err := h.admin.Serve(h.desk); err != nil {
			failed <- err
		}
	})
	return failed
}

// drain lets live calls end; new ones are refused.
func (h *host) drain(kill context.Context) {
	limit := h.config.Shutdown
	if limit == 0 {
		limit = defaultShutdown
	}
	h.log.Info("shutting down", "sessions", h.calls.Len(), "limit", limit)
	ctx, cancel := context.WithTimeout(kill, limit)
	defer cancel()
	h.rpc.Drain()
	_ = h.calls.Drain(ctx) // what it did not wait for, close cuts and counts
}

// close ends everything, near end first, and reports every failure.
func (h *host) close(ctx context.Context) (err error) {
	// A plugin gets this long to end by itself.
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if h.calls != nil {
		h.log.Info("stopped", "calls_cut", h.calls.Stop())
	}
	if h.rpc != nil {
		last, cancel := context.WithTimeout(ctx, lastWords)
		h.rpc.Stop(last)
		cancel()
		err = errors.Join(err, h.admin.Stop(ctx))
		h.serving.Wait()
	} else {
		for _, l := range []net.Listener{h.door, h.desk} {
			if l != nil {
				err = errors.Join(err, l.Close())
			}
		}
	}
	if h.plugins != nil {
		h.plugins.Stop(ctx)
	}
	if h.dir != nil {
		err = errors.Join(err, h.dir.Remove())
	}
	return err
}

// Plugins implements admin.Host.
func (h *host) Plugins() []admin.Plugin {
	status := h.plugins.Status()
	all := make([]admin.Plugin, len(status))
	for i, s := range status {
		all[i] = admin.Plugin(s)
	}
	return all
}
