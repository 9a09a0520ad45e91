package pluginwire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	hclog "github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/byova-host/byova-host/internal/checked"
	"github.com/byova-host/byova-host/internal/pluginwire/wire"
	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

const (
	defaultStart = 10 * time.Second
	// longestDir leaves room for the names that go-plugin adds: a socket's path
	// may have 104 bytes on some systems.
	longestDir = 60
)

// Config says which plugin to start and how.
type Config struct {
	Name string // in errors and logs
	Path string // the executable
	// Dial, if set, connects to a plugin that runs already, which serves without
	// TLS. Then nothing is started, limited or ended, and Path only names it; but for
	// StartTimeout it may take any time to answer, and its loss is not logged.
	Dial func(context.Context) (net.Conn, error)
	// Origin is the file that the operator named, of which Path is a copy. Errors
	// and logs name it, and the plugin finds it in the variable BYOVA_PLUGIN_PATH.
	// Empty means Path.
	Origin string
	// Generation is in the log lines of the plugin unless it is 0.
	Generation int
	Args       []string
	// Settings is the plugin's section of the configuration: maps, slices,
	// strings, numbers and booleans.
	Settings    map[string]any
	HostVersion string
	// Dir is a private directory for the plugin's sockets, of at most 60 bytes.
	// Launch adds to it and takes away what it added.
	Dir string
	// Log gets the host's lines about the plugin and the plugin's own. Nil logs
	// nothing.
	Log hclog.Logger
	// LogAll, if set, gets the plugin's own lines instead of Log when LogLevel is below
	// info: they were asked for, whatever the host's own level is.
	LogAll hclog.Logger
	// LogLevel is the plugin's level, at both ends. Zero means info.
	LogLevel hclog.Level
	// StartTimeout is for everything up to the first answer in the stream. Zero
	// means 10 s.
	StartTimeout time.Duration
	// Began is when StartTimeout began to run; zero means with Launch.
	Began  time.Time
	Limits Limits
}

// logs are where the host's lines about the plugin go, and the plugin's own.
func (c Config) logs() (log, own hclog.Logger) {
	with := func(log hclog.Logger) hclog.Logger {
		log = log.With("plugin", c.Name)
		if c.Generation != 0 {
			log = log.With("generation", c.Generation)
		}
		return log
	}
	log = with(c.Log)
	if c.LogAll == nil || c.LogLevel >= hclog.Info {
		return log, log
	}
	return log, with(c.LogAll)
}

// Launch starts a plugin and returns once it has passed every check: handshake,
// Describe, Configure, ListAgents and an answered ping. Otherwise nothing is left
// of it, and the error says which plugin and why.
func Launch(ctx context.Context, config Config) (*Process, error) {
	if config.Log == nil {
		config.Log = hclog.NewNullLogger()
	}
	if config.LogLevel == hclog.NoLevel {
		config.LogLevel = hclog.Info
	}
	if config.StartTimeout == 0 {
		config.StartTimeout = defaultStart
	}
	if config.Began.IsZero() {
		config.Began = time.Now()
	}
	if config.Origin == "" {
		config.Origin = config.Path
	}
	p, err := launch(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("start plugin %q (%s): %w", config.Name, config.Origin, err)
	}
	return p, nil
}

func launch(ctx context.Context, config Config) (_ *Process, err error) {
	settings, err := structpb.NewStruct(config.Settings)
	if err != nil {
		return nil, fmt.Errorf("its settings: %w", err)
	}
	p, err := newProcess(config)
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithDeadline(ctx, config.Began.Add(config.StartTimeout))
	defer cancel()
	// Whatever the start is waiting for ends with the process.
	disarm := context.AfterFunc(limited, p.program.kill)
	s := &start{Process: p, step: "its handshake"}
	if config.Limits.Memory > 0 && p.child != nil {
		p.streams.Go(p.keepWithin)
	}
	err = s.run(limited, settings)
	// After disarm has failed the process may be killed at any moment.
	if err == nil && !disarm() {
		err = limited.Err()
	}
	if err != nil {
		err = s.explain(ctx, limited, err)
		p.discard()
		return nil, err
	}
	go p.watch() // ends with the process; Done says so
	if p.child == nil {
		p.log.Info("attached to a plugin", "name", p.description.Name, "version", p.description.Version, "sdk", p.description.Sdk,
			"agents", len(p.agents))
		return p, nil
	}
	p.log.Info("plugin started", "version", p.description.Version, "sdk", p.description.Sdk,
		"pid", p.Pid(), "agents", len(p.agents))
	return p, nil
}

// checkPaths refuses what cannot be started, before anything is.
func checkPaths(config Config) error {
	info, err := os.Stat(config.Path)
	if err != nil {
		return errors.Unwrap(err) // the path is named already
	}
	if err := checked.Executable(info); err != nil {
		return err
	}
	if len(config.Dir) > longestDir {
		return fmt.Errorf("the socket directory %q has %d bytes, at most %d leave room for a socket's name",
			config.Dir, len(config.Dir), longestDir)
	}
	if info, err := os.Stat(config.Dir); err != nil {
		return fmt.Errorf("the socket directory: %w", err)
	} else if !info.IsDir() {
		return fmt.Errorf("the socket directory %q is no directory", config.Dir)
	}
	return nil
}

// newProcess makes all parts of a process and starts none of them.
func newProcess(config Config) (*Process, error) {
	if config.Dial != nil {
		return newAttached(config)
	}
	if err := checkPaths(config); err != nil {
		return nil, err
	}
	return newChildProcess(config)
}

// newParts makes what every process has.
func newParts(config Config) *Process {
	log, own := config.logs()
	p := &Process{
		config: config, log: log, output: newOutput(own, config.LogLevel), conns: &connections{},
		stopping: make(chan struct{}), broken: make(chan struct{}),
		judged: make(chan struct{}), done: make(chan struct{}),
	}
	p.heart.alive = make(chan struct{})
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

func newChildProcess(config Config) (*Process, error) {
	path, err := filepath.Abs(config.Path)
	if err != nil {
		return nil, fmt.Errorf("find its directory: %w", err)
	}
	origin, err := filepath.Abs(config.Origin)
	if err != nil {
		return nil, fmt.Errorf("find its directory: %w", err)
	}
	certificate, err := wire.NewCertificate()
	if err != nil {
		return nil, fmt.Errorf("make the host's certificate: %w", err)
	}
	p := newParts(config)
	cmd := &exec.Cmd{Path: path, Args: append([]string{origin}, config.Args...)}
	p.child = newChild(cmd, config.Limits, p.output)
	p.program = p.child
	p.output.flooded = func(why error) { p.condemn(why) }
	p.client = goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig:  wire.Handshake(),
		VersionedPlugins: wire.Plugins(nil),
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		RunnerFunc: func(_ hclog.Logger, spec *exec.Cmd, _ string) (runner.Runner, error) {
			cmd.Env = append(pluginEnv(os.Environ(), config.Limits), spec.Env...)
			cmd.Env = append(cmd.Env, wire.ClientCertEnv+"="+wire.CertificatePEM(certificate), wire.PathEnv+"="+origin, wire.NameEnv+"="+config.Name)
			return p.child, nil
		},
		// The plugin's certificate becomes the only root: go-plugin takes it
		// from the handshake. Until then nothing is trusted.
		TLSConfig: &tls.Config{
			Certificates: []tls.Certificate{certificate},
			RootCAs:      x509.NewCertPool(),
			ServerName:   "localhost",
			MinVersion:   tls.VersionTLS12,
		},
		SkipHostEnv:      true,
		StartTimeout:     config.StartTimeout + time.Second, // ours comes first, and says more
		SyncStdout:       &lines{line: p.output.stdout},
		SyncStderr:       &lines{line: p.output.stderr},
		Logger:           hclog.NewNullLogger(), // we say what there is to say
		UnixSocketConfig: &goplugin.UnixSocketConfig{TempDir: config.Dir},
		GRPCDialOptions: []grpc.DialOption{
			grpc.WithInitialWindowSize(wire.Window),
			grpc.WithInitialConnWindowSize(wire.Window),
			grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(wire.MaxMessage), grpc.ForceCodecV2(wire.Codec())),
			grpc.WithChainStreamInterceptor(p.conns.intercept),
		},
	})
	return p, nil
}

// discard ends a process whose start went wrong.
func (p *Process) discard() {
	p.stopOnce.Do(func() { close(p.stopping) })
	p.program.kill()
	p.program.clear()
	p.mu.Lock()
	p.err = ErrStopped
	p.mu.Unlock()
	close(p.judged)
	p.cancel()
	p.streams.Wait()
	p.cleanUp()
	close(p.done)
}

// start is a launch under way.
type start struct {
	*Process
	step string // what the host waits for
}

// run takes the plugin through all checks.
func (s *start) run(ctx context.Context, settings *structpb.Struct) (err error) {
	if s.rpc, err = s.connect(); err != nil {
		return err
	}
	s.step = "Describe"
	s.description, err = s.rpc.Describe(ctx, &pluginv1.DescribeRequest{
		HostVersion: s.config.HostVersion, MaxEvent: wire.MaxAudio, MaxBatch: wire.MaxMessage,
	})
	if err != nil {
		return err
	}
	s.step = "Configure"
	configured, err := s.rpc.Configure(ctx, &pluginv1.ConfigureRequest{Settings: settings})
	if err != nil {
		return err
	}
	if len(configured.Errors) > 0 {
		return &SettingsError{Fields: configured.Errors}
	}
	s.step = "ListAgents"
	listed, err := s.rpc.ListAgents(ctx, &pluginv1.ListAgentsRequest{})
	if err != nil {
		return err
	}
	s.agents = listed.Agents
	s.step = "the first ping"
	return s.attach(ctx)
}

// attach opens the first stream and waits for the plugin to answer in it.
func (s *start) attach(ctx context.Context) error {
	var err error
	if s.first, err = s.openStream(false); err != nil {
		return err
	}
	level := &pluginv1.LogLevel{Level: s.config.LogLevel.String()}
	if err := s.first.control.Push(&pluginv1.Event{Body: &pluginv1.Event_LogLevel{LogLevel: level}}); err != nil {
		return err
	}
	s.heart.beat(s.first.control)
	select {
	case <-s.heart.alive:
	case <-s.broken:
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.loss
	case <-ctx.Done():
		return ctx.Err()
	}
	s.streams.Go(s.keepBeating)
	return nil
}
