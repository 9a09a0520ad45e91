package pluginwire

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/byova-host/byova-host/internal/pluginwire/wire"
	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

// program is what runs a plugin: a child of this host, or a stranger.
type program interface {
	number() int // 0: none is known
	kill()       // at once; it may be called at any time and more than once
	closeStdin() // tells it that the host is gone
	gone() <-chan struct{}
	exitedWithin(time.Duration) bool
	exit(patience time.Duration) string
	clear() // waits until nothing of it is left
}

// stranger is a program that somebody else started, under a debugger for instance.
// All that this host can do to it is to leave.
type stranger struct {
	left chan struct{}
	once sync.Once
}

func newStranger() *stranger { return &stranger{left: make(chan struct{})} }

func (s *stranger) number() int                     { return 0 }
func (s *stranger) kill()                           { s.once.Do(func() { close(s.left) }) }
func (s *stranger) closeStdin()                     { s.kill() }
func (s *stranger) gone() <-chan struct{}           { return s.left }
func (s *stranger) exitedWithin(time.Duration) bool { return false }
func (s *stranger) exit(time.Duration) string       { return "the host left it" }
func (s *stranger) clear()                          {}

// newAttached makes all parts of a process that runs already. Once it has passed its
// checks it is given all the time that it likes: it may stand still in a debugger.
func newAttached(config Config) (*Process, error) {
	p := newParts(config)
	p.program = newStranger()
	conn, err := grpc.NewClient("passthrough:///"+config.Name,
		grpc.WithTransportCredentials(insecure.NewCredentials()), // a socket that is its user's alone
		grpc.WithDisableServiceConfig(),
		grpc.WithInitialWindowSize(wire.Window),
		grpc.WithInitialConnWindowSize(wire.Window),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(wire.MaxMessage), grpc.ForceCodecV2(wire.Codec())),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return config.Dial(ctx) }),
	)
	if err != nil {
		return nil, fmt.Errorf("connect to it: %w", err)
	}
	p.attached = conn
	return p, nil
}

// attachedTo is why a plugin that runs already could not be attached to.
func (s *start) attachedTo(limited context.Context, err error) error {
	switch {
	case limited.Err() != nil:
		return fmt.Errorf("%s was not answered within %v: if it stands in a debugger, let it go on", s.step, s.config.StartTimeout)
	case s.step == "Describe" && isLoss(err):
		return fmt.Errorf("no plugin of this user answers there: start it first, with %s=%s in its environment: %s", wire.ListenEnv, s.config.Origin, reason(err))
	default:
		return fmt.Errorf("%s: %s", s.step, reason(err))
	}
}

// errLeft is what calls are lost of whose plugin has gone by itself.
var errLeft = errors.New("it ended, or its connection did")

// connect reaches the plugin's service.
func (s *start) connect() (pluginv1.PluginClient, error) {
	if s.attached != nil {
		return pluginv1.NewPluginClient(s.attached), nil
	}
	protocol, err := s.client.Client()
	if err != nil {
		return nil, err
	}
	// A Go program raises its limit when it begins, and root may.
	s.config.Limits.apply(s.Pid(), s.log)
	raw, err := protocol.Dispense(wire.SetName)
	if err != nil {
		return nil, err
	}
	return raw.(pluginv1.PluginClient), nil //nolint:forcetypeassert // made by wire.Plugins
}
