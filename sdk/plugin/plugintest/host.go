package plugintest

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc/test/bufconn"

	"github.com/byova-host/byova-host/host/rpc"
	"github.com/byova-host/byova-host/host/session"
	"github.com/byova-host/byova-host/host/supervisor"
	"github.com/byova-host/byova-host/internal/pluginwire/wire"
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

// tester is what a host needs of a test.
type tester interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Context() context.Context
}

// Host is a host with one plugin, for one test. Its methods may be called concurrently.
type Host struct {
	t       tester
	calling context.Context // of the calls: its end cuts them off
	log     hclog.Logger
	plugins *supervisor.Supervisor
	name    string
	path    string
	door    *bufconn.Listener // to Webex
	stops   []func()          // last first
	// answerWithin is how long the bot may owe an answer; 0: as long as on a host.
	answerWithin time.Duration

	mu    sync.Mutex
	links []net.Conn // to a plugin in memory, since the last crash
	calls []*Call    // in the order in which they began
}

// New starts a host with the plugin. When the test ends it stops, and waits for the
// handlers; one that does not return within 10 s fails the test. So does a plugin that
// does not start.
func New(t testing.TB, p plugin.Plugin, options ...Options) *Host {
	t.Helper()
	var o Options
	if len(options) > 0 {
		o = options[0]
	}
	if p.Name == "" {
		p.Name = "bot"
	}
	out := &testOutput{to: t.Output()}
	log := func(name string) hclog.Logger {
		return hclog.New(&hclog.LoggerOptions{Name: name, Output: out, Level: hclog.Info})
	}
	h := &Host{t: t, calling: context.Background(), path: inMemory, log: log("host"), stops: []func(){out.end}}
	t.Cleanup(h.stop)
	socket := bufconn.Listen(buffer)
	h.serve(func(ctx context.Context) error { return p.ServeOn(wire.WithLog(ctx, log(p.Name)), socket) })
	err := h.start(t.Context(), supervisor.Plugin{
		Name: p.Name, Settings: o.Settings,
		Dial: func(ctx context.Context) (net.Conn, error) { return h.dial(ctx, socket) },
	})
	if err != nil {
		t.Fatalf("plugintest: %v", err)
	}
	return h
}

// testOutput is a test's, until the host has stopped: a handler that runs on must not write
// to a test that is over.
type testOutput struct {
	mu sync.Mutex
	to io.Writer // nil at the end
}

func (o *testOutput) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.to == nil {
		return len(p), nil
	}
	return o.to.Write(p)
}

func (o *testOutput) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.to = nil
}

// inMemory is the path of a plugin that has none.
const inMemory = "in memory"

// start starts the host with a plugin.
func (h *Host) start(ctx context.Context, p supervisor.Plugin) error { return h.startIn(ctx, "", p) }

// startIn is start with a directory for the sockets and copies of a program.
func (h *Host) startIn(ctx context.Context, dir string, p supervisor.Plugin) (err error) {
	h.door, h.name = bufconn.Listen(buffer), p.Name
	p.Path, p.Swap = h.path, supervisor.Move
	if h.plugins, err = supervisor.Start(ctx, supervisor.Config{Log: h.log, HostVersion: "plugintest", Dir: dir, Plugins: []supervisor.Plugin{p}}); err != nil {
		return err
	}
	h.stops = append(h.stops, func() { h.plugins.Stop(context.Background()) })
	settings := session.DefaultSettings()
	if h.answerWithin > 0 {
		settings.AnswerWithin = h.answerWithin
	}
	sessions := session.New(recorder{h.plugins, h}, session.Config{Log: h.log, Calls: &settings, Voice: voice{}})
	server := rpc.NewServer(sessions, h.log)
	h.serve(func(context.Context) error { return server.Serve(h.door) })
	h.stops = append(h.stops, func() { server.Stop(context.Background()) }, func() { sessions.Stop() }, h.hangUp)
	return nil
}

// serve runs something until the host stops.
func (h *Host) serve(run func(context.Context) error) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := run(ctx); err != nil && ctx.Err() == nil {
			h.t.Errorf("plugintest: %v", err)
		}
	}()
	h.stops = append(h.stops, func() {
		stop()
		select {
		case <-done:
		case <-time.After(patience):
			h.t.Errorf("plugintest: a handler still runs %v after the end of its call: let it return when its context ends. It is in\n%s", patience, handlers())
		}
	})
}

// patience is how long handlers may go on when their calls are over.
const patience = 10 * time.Second

// handlers says where the authors' handlers stand that run now, as Go prints it.
func handlers() string {
	const sdk = "\ngithub.com/byova-host/byova-host/sdk/plugin."
	all := make([]byte, 4<<20)
	all = all[:runtime.Stack(all, true)]
	var standing []string
	for stack := range strings.SplitSeq(string(all), "\n\n") {
		_, frames, _ := strings.Cut(stack, "\n") // the first line is about the goroutine
		frames = "\n" + frames
		authors, _, _ := strings.Cut(frames, sdk)
		if authors != "" && (strings.Contains(frames, sdk+"runTurn(") || strings.Contains(frames, sdk+"(*Call).serve(")) {
			standing = append(standing, strings.TrimSpace(authors))
		}
	}
	return strings.Join(standing, "\n\n")
}

func (h *Host) stop() {
	for _, stop := range slices.Backward(h.stops) {
		stop()
	}
}

// dial connects the host to the plugin.
func (h *Host) dial(ctx context.Context, socket *bufconn.Listener) (net.Conn, error) {
	conn, err := socket.DialContext(ctx)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.links = append(h.links, conn)
	return conn, nil
}

// Crash cuts the host off from the plugin, as when its process dies, and also the one of
// before a swap that still has calls. The host connects again at once, and the calls go on as
// Plugin.Resume says: ask Info.Resumed in the handler. The handlers of before see their calls
// end.
func (h *Host) Crash() {
	h.mu.Lock()
	links := h.links
	h.links = nil
	h.mu.Unlock()
	for _, link := range links {
		link.Close()
	}
}

// Swap has another process take the calls over, as `byova-host plugins swap` with the
// policy move does: each call goes over between two turns, if it can. It returns when
// new calls go there; calls that stayed behind in the swap before are waited for.
func (h *Host) Swap() {
	h.t.Helper()
	if _, err := h.plugins.Swap(h.t.Context(), h.name, supervisor.SwapOptions{Path: h.path}); err != nil {
		h.t.Fatalf("plugintest: %v", err)
	}
}

// hangUp ends the calls that are left, the oldest first.
func (h *Host) hangUp() {
	h.mu.Lock()
	calls := slices.Clone(h.calls)
	h.mu.Unlock()
	for _, c := range calls {
		c.end()
	}
}

func (h *Host) call(conversation string) *Call {
	h.mu.Lock()
	defer h.mu.Unlock()
	i := slices.IndexFunc(h.calls, func(c *Call) bool { return c.options.ConversationID == conversation })
	if i < 0 {
		return nil
	}
	return h.calls[i]
}

// voice speaks texts as a tone, at the pace of a voice.
type voice struct{}

const perLetter = 60 * time.Millisecond

var errNothing = errors.New("the text is empty")

func (voice) Speak(ctx context.Context, t session.Text, w io.Writer) error {
	const bytes = int(perLetter/time.Millisecond) * 8
	if t.Text == "" {
		return errNothing
	}
	tone := make([]byte, bytes)
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
