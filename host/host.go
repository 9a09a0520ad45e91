package host

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/byova-host/byova-host/host/admin"
	"github.com/byova-host/byova-host/host/certs"
	"github.com/byova-host/byova-host/host/config"
	"github.com/byova-host/byova-host/host/metrics"
	"github.com/byova-host/byova-host/host/ping"
	"github.com/byova-host/byova-host/host/rpc"
	"github.com/byova-host/byova-host/host/session"
	"github.com/byova-host/byova-host/host/supervisor"
	"github.com/byova-host/byova-host/internal/byods"
	"github.com/byova-host/byova-host/internal/rundir"
	"github.com/byova-host/byova-host/sdk/speech"
)

// lastWords is how long the ends of cut RPCs may take to reach Webex.
const lastWords = time.Second

// listTimeout bounds how long plugins may take to say which agents they offer.
const listTimeout = 5 * time.Second

// Config says what to run.
type Config struct {
	config.Config
	Version string // of the host
	Log     hclog.Logger
	// LogAll is a Log of every level, for the lines of plugins that are asked for more
	// than the host itself; nil: Log.
	LogAll hclog.Logger

	Reload <-chan os.Signal              // each asks for a reload; nil: none does
	Load   func() (config.Config, error) // reads the configuration again
	Watch  bool                          // swap plugins whose programs change on disk
	// TraceContent has traces show keys, texts and metadata from a call's beginning: for
	// a host whose calls are all its owner's own.
	TraceContent bool
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
	h.warnOfAgents(stop)
	failed := h.serve()
	h.unmind = h.mind()
	keep, cancel := context.WithCancel(stop)
	defer h.keeping.Wait()
	defer cancel()
	if c := h.config.Config; h.voice != nil { // as it is before a reload
		h.keeping.Go(func() { h.warmUp(keep, c) })
	}
	h.keep(keep)
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
	config    Config
	log       hclog.Logger
	tls       *tls.Config  // nil: none
	door      net.Listener // to Webex
	bell      net.Listener // for the ping; nil: none
	byods     *byods.Service
	unmind    func()       // ends what looks after byods; nil: nothing does
	hooks     *hooks       // nil: none
	letterbox net.Listener // for webhooks; nil: none
	dir       *rundir.Dir
	copies    *rundir.Dir  // of programs; nil: in dir
	desk      net.Listener // to the operator
	plugins   *supervisor.Supervisor
	voice     *speech.Voice // nil: none
	metrics   *metrics.Metrics
	calls     *session.Sessions
	rpc       *rpc.Server
	admin     *admin.Server
	ping      *ping.Server
	serving   sync.WaitGroup
	watcher   *watcher // nil: none
	keeping   sync.WaitGroup
}

// open makes the parts. What it has opened when it returns an error, close closes.
func (h *host) open(ctx context.Context) (err error) {
	if len(h.config.Plugins) == 0 {
		return errors.New("no plugin: name at least one with --plugin PATH or in the configuration file")
	}
	if h.config.TLS.Cert != "" {
		if h.tls, err = h.config.TLS.Server(h.log.Named("tls")); err != nil {
			return err
		}
	}
	if err := h.openBYODS(ctx); err != nil {
		return err
	}
	if err := h.listen(); err != nil {
		return err
	}
	h.openVoice(ctx)
	h.metrics = metrics.New(h.live, h.sources)
	copies := h.dir.Path
	if h.config.PluginDir != "" {
		if h.copies, err = rundir.MakeIn(h.config.PluginDir); err != nil {
			return fmt.Errorf("plugin_dir: %w", err)
		}
		copies = h.copies.Path
	}
	h.plugins, err = supervisor.Start(ctx, supervisor.Config{
		Plugins: h.programs(h.config.Plugins), Dir: h.dir.Path, BinDir: copies,
		LockFile: h.config.PluginLock, HostVersion: h.config.Version,
		Log: h.log.Named("plugin"), LogAll: h.logAll(),
		Watch: supervisor.Watch{SwapDone: h.metrics.SwapDone, RolledBack: h.metrics.RolledBack, Crashed: h.metrics.Crashed},
	})
	if err != nil {
		return err
	}
	h.calls = session.New(h.plugins, h.sessions(h.config.Config))
	if h.config.Watch {
		h.watcher, err = newWatcher(h.plugins, h.log.Named("watch"))
	}
	return err
}

// listen opens the doors, so that a host that cannot have them starts no plugin.
func (h *host) listen() (err error) {
	if h.door, err = net.Listen("tcp", h.config.Listen); err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			err = fmt.Errorf("%w: end what serves there, another host perhaps, or name another address with --listen", err)
		}
		return fmt.Errorf("listen for Webex: %w", err)
	}
	if h.config.Ping.Listen != "" {
		if h.bell, err = net.Listen("tcp", h.config.Ping.Listen); err != nil {
			return fmt.Errorf("listen for the ping: %w", err)
		}
		if h.config.Ping.TLS {
			if h.bell, err = h.secure(h.bell, "ping"); err != nil {
				return err
			}
		}
		h.log.Info("ping", "address", h.bell.Addr().String(), "service", h.config.Ping.Service)
	}
	if h.hooks != nil {
		if h.letterbox, err = net.Listen("tcp", h.config.BYODS.Listen); err != nil {
			return fmt.Errorf("listen for webhooks: %w", err)
		}
		if h.config.BYODS.TLS {
			if h.letterbox, err = h.secure(h.letterbox, "webhook"); err != nil {
				return err
			}
		}
		h.log.Info("webhooks", "address", h.letterbox.Addr().String())
	}
	if h.dir, err = rundir.Make(); err != nil {
		return err
	}
	h.desk, err = h.openDesk()
	return err
}

// logAll is for the lines of plugins whose level is below info.
func (h *host) logAll() hclog.Logger {
	if h.config.LogAll == nil {
		return nil
	}
	return h.config.LogAll.Named("plugin")
}

// secure has a listener speak TLS with the host's certificate. Its clients are asked
// for none: load balancers have none, and Webex shows none with a webhook.
func (h *host) secure(l net.Listener, name string) (net.Listener, error) {
	own := certs.Files{Cert: h.config.TLS.Cert, Key: h.config.TLS.Key}
	settings, err := own.Server(h.log.Named(name))
	if err != nil {
		return l, err
	}
	return tls.NewListener(l, settings), nil
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

// warnOfAgents says which agents the configuration treats otherwise in vain.
func (h *host) warnOfAgents(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	offered, err := h.plugins.List(ctx, "")
	if err != nil {
		h.log.Warn("agents not listed", "error", err)
		return
	}
	for id := range h.config.Agents {
		if !slices.ContainsFunc(offered, func(a session.AgentInfo) bool { return a.ID == id }) {
			h.log.Warn("no plugin offers this agent to everyone: what the configuration says of it may count for nothing", "agent", id)
		}
	}
}

// serve starts the servers and tells of the first that fails.
func (h *host) serve() <-chan error {
	h.rpc = rpc.Options{TLS: h.tls, Reflection: h.config.Reflection, Verifier: h.verifier()}.NewServer(h.calls, h.log.Named("rpc"))
	h.admin = admin.NewServer(h, h.metrics.Handler())
	failed := make(chan error, 4)
	start := func(l net.Listener, serve func(net.Listener) error) {
		h.serving.Go(func() {
			if err := serve(l); err != nil {
				failed <- err
			}
		})
	}
	start(h.door, h.rpc.Serve)
	start(h.desk, h.admin.Serve)
	if h.bell != nil {
		h.ping = ping.NewServer(h.config.Ping.Service)
		start(h.bell, h.ping.Serve)
	}
	if h.hooks != nil {
		start(h.letterbox, h.hooks.Serve)
	}
	return failed
}

// drain lets live calls end; new ones are refused.
func (h *host) drain(kill context.Context) {
	h.rpc.Drain()
	if h.ping != nil {
		h.ping.Drain()
	}
	h.keeping.Wait() // a reload that was under way may have changed the limit
	h.log.Info("shutting down", "sessions", h.calls.Len(), "limit", h.config.Shutdown)
	ctx, cancel := context.WithTimeout(kill, h.config.Shutdown)
	defer cancel()
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
		if h.ping != nil {
			err = errors.Join(err, h.ping.Stop(ctx))
		}
		if h.hooks != nil {
			err = errors.Join(err, h.hooks.Stop(ctx))
		}
		h.serving.Wait()
	} else {
		for _, l := range []net.Listener{h.door, h.bell, h.letterbox, h.desk} {
			if l != nil {
				err = errors.Join(err, l.Close())
			}
		}
	}
	if h.unmind != nil {
		h.unmind()
	}
	if h.voice != nil {
		h.voice.Close()
	}
	if h.plugins != nil {
		h.plugins.Stop(ctx)
	}
	for _, dir := range []*rundir.Dir{h.copies, h.dir} {
		if dir != nil {
			err = errors.Join(err, dir.Remove())
		}
	}
	return err
}
