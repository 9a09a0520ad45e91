package plugintest

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc/test/bufconn"

	"github.com/byova-host/byova-host/host/rpc"
	"github.com/byova-host/byova-host/host/session"
	"github.com/byova-host/byova-host/host/supervisor"
	"github.com/byova-host/byova-host/sdk/plugin"
)

// buffer is how much is on its way in memory, in bytes.
const buffer = 1 << 20

// Options say how a plugin is put on a host. The zero value is what one wants most.
type Options struct {
	// Settings are the plugin's, as the configuration has them: of maps, slices,
	// strings, numbers and booleans.
	Settings map[string]any
}

// Host is a host with one plugin, for one test. Its methods may be called concurrently.
type Host struct {
	t       testing.TB
	plugins *supervisor.Supervisor
	door    *bufconn.Listener // to Webex

	mu    sync.Mutex
	link  net.Conn // to the plugin, the last one
	calls map[string]*Call
}

// New starts a host with the plugin. When the test ends it stops, and waits for the
// handlers. A plugin that does not start fails the test.
func New(t testing.TB, p plugin.Plugin, options ...Options) *Host {
	t.Helper()
	var o Options
	if len(options) > 0 {
		o = options[0]
	}
	if p.Name == "" {
		p.Name = "bot"
	}
	h := &Host{t: t, door: bufconn.Listen(buffer), calls: map[string]*Call{}}
	log := hclog.New(&hclog.LoggerOptions{Name: "host", Output: t.Output(), Level: hclog.Info})
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	socket := bufconn.Listen(buffer)
	running.Go(func() {
		if err := p.ServeOn(ctx, socket); err != nil {
			t.Errorf("plugintest: %v", err)
		}
	})
	var err error
	h.plugins, err = supervisor.Start(ctx, supervisor.Config{Log: log, HostVersion: "plugintest", Plugins: []supervisor.Plugin{{
		Name: p.Name, Path: inMemory, Settings: o.Settings, Swap: supervisor.Move,
		Dial: func(ctx context.Context) (net.Conn, error) { return h.dial(ctx, socket) },
	}}})
	if err != nil {
		stop()
		running.Wait()
		t.Fatalf("plugintest: %v", err)
	}
	settings := session.DefaultSettings()
	sessions := session.New(recorder{h.plugins, h}, session.Config{Log: log, Calls: &settings, Voice: voice{}})
	server := rpc.NewServer(sessions, log)
	running.Go(func() {
		if err := server.Serve(h.door); err != nil {
			t.Errorf("plugintest: %v", err)
		}
	})
	t.Cleanup(func() {
		h.hangUp()
		sessions.Stop()
		server.Stop(context.Background())
		h.plugins.Stop(context.Background())
		stop()
		running.Wait()
	})
	return h
}

// inMemory is the path of a plugin that has none.
const inMemory = "in memory"

// dial connects the host to the plugin.
func (h *Host) dial(ctx context.Context, socket *bufconn.Listener) (net.Conn, error) {
	conn, err := socket.DialContext(ctx)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.link = conn
	return conn, nil
}

// Crash cuts the host off from the plugin, as when its process dies. The host connects
// again at once, and the calls go on as Plugin.Resume says: ask Info.Resumed in the
// handler. The handlers of before see their calls end.
func (h *Host) Crash() {
	h.mu.Lock()
	link := h.link
	h.mu.Unlock()
	link.Close()
}

// Swap has another process take the calls over, as `byova-host plugins swap` with the
// policy move does: each call goes over between two turns, if it can. It returns when
// new calls go there.
func (h *Host) Swap() {
	h.t.Helper()
	status := h.plugins.Status()
	if _, err := h.plugins.Swap(h.t.Context(), status[0].Name, supervisor.SwapOptions{Path: inMemory}); err != nil {
		h.t.Fatalf("plugintest: %v", err)
	}
}

// hangUp ends the calls that are left.
func (h *Host) hangUp() {
	h.mu.Lock()
	calls := make([]*Call, 0, len(h.calls))
	for _, c := range h.calls {
		calls = append(calls, c)
	}
	h.mu.Unlock()
	for _, c := range calls {
		c.end()
	}
}

func (h *Host) call(conversation string) *Call {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.calls[conversation]
}

// voice speaks texts as a tone, at the pace of a voice.
type voice struct{}

var errNothing = errors.New("the text is empty")

func (voice) Speak(ctx context.Context, t session.Text, w io.Writer) error {
	const perLetter = 8 * 60 // bytes of mu-law
	if t.Text == "" {
		return errNothing
	}
	tone := make([]byte, perLetter)
	for i := range tone {
		tone[i] = 0x90 | byte(i%2)<<6
	}
	for range []rune(t.Text) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if _, err := w.Write(tone); err != nil {
			return err
		}
	}
	return nil
}
