//go:build unix

package supervisor

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"

	"google.golang.org/grpc/test/bufconn"

	sdk "github.com/byova-host/byova-host/sdk/plugin"
)

// TestAttachedPluginGoes: the log says so once, in words that hold for a plugin that somebody
// else looks after, and why it is not attached to again once, however often that is tried.
func TestAttachedPluginGoes(t *testing.T) {
	socket := bufconn.Listen(1 << 20)
	ctx, stop := context.WithCancel(t.Context())
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := (sdk.Plugin{Name: "own", Handler: sdk.CallFunc(func(context.Context, *sdk.Call) error { return nil })}).ServeOn(ctx, socket); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { stop(); serving.Wait() })
	var mu sync.Mutex
	var link net.Conn
	fail := 0
	h := start(t, Plugin{Name: "p", Path: "unix:///its.sock", Dial: func(ctx context.Context) (_ net.Conn, err error) {
		mu.Lock()
		defer mu.Unlock()
		if fail > 0 {
			fail--
			return nil, errors.New("nobody listens")
		}
		link, err = socket.DialContext(ctx)
		return link, err
	}})
	mu.Lock()
	fail = 3
	link.Close()
	mu.Unlock()
	h.await("the plugin is back", func() bool { return h.log.Count("plugin is back") == 1 })
	for says, want := range map[string]int{
		"attached to a plugin: generation=1 plugin=p name=own": 2,
		"attached plugin has gone":                             1, "no plugin of this user answers there": 1,
		"plugin lost": 0, "process is started": 0, "rpc error": 0,
	} {
		if got := h.log.Count(says); got != want {
			t.Errorf("%q is said %d times, want %d", says, got, want)
		}
	}
}
