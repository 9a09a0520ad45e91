package plugintest

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/byova-host/byova-host/sdk/plugin"
)

// watched starts a host whose complaints come to w instead of to the test.
func watched(t *testing.T, answer plugin.HandlerFunc) (*Host, *trial) {
	t.Helper()
	h := New(t, plugin.Plugin{Handler: answer})
	w := &trial{ctx: t.Context()}
	h.t = w
	return h, w
}

// complaints runs a test that is to fail, and returns why it did.
func complaints(h *Host, w *trial, test func(*Call)) string {
	over := make(chan struct{})
	go func() {
		defer close(over)
		call := h.Call(CallOptions{Limit: time.Minute})
		defer call.end()
		test(call)
	}()
	<-over
	return strings.Join(w.why, "\n")
}

// TestMisuse: what a test gets wrong, and what a bot must not do, fails the test with
// words that help.
func TestMisuse(t *testing.T) {
	greets := func(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
		switch turn.DTMF {
		case "1":
			return errors.New("no luck")
		case "2":
			return reply.Custom("over", nil)
		case "3":
			return reply.Transfer("a person")
		}
		return reply.Say("hi")
	}
	for _, test := range []struct {
		name string
		do   func(*Call)
		says string
	}{
		{"not started", func(c *Call) { c.Say(Hello()) }, "the call was not started: call Start first"},
		{"started twice", func(c *Call) { c.Start(); c.Start() }, "started before"},
		{"no speech", func(c *Call) { c.Start(); c.Say([]byte("hello")) }, "what the caller says: "},
		{"no key", func(c *Call) { c.Start(); c.Press("x") }, "'X' is not a key"},
		{"after the end", func(c *Call) { c.Start(); c.Press("3#"); c.Say(Hello()) }, "the call is over: the bot transferred it"},
		{"nothing to interrupt", func(c *Call) { c.Start(); c.BargeIn(time.Minute, Hello()).Text() }, "no prompt that may be interrupted played"},
		{"the bot fails", func(c *Call) { c.Start(); c.Press("1#") }, "the bot gave the call up: answer turn 2: no luck"},
		{"too long", func(c *Call) { c.Start(); time.Sleep(2 * time.Minute); c.Press("5") }, "over its limit of 1m0s"},
		{"all is well", func(c *Call) { c.Start(); c.Press("5#").Text() }, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, w := watched(t, greets)
				if why := complaints(h, w, test.do); !strings.Contains(why, test.says) || (test.says == "") != (why == "") {
					t.Errorf("it says %q, want %q", why, test.says)
				}
			})
		})
	}
}

// TestParameters that no call can have.
func TestParameters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, w := watched(t, func(context.Context, plugin.Turn, *plugin.Reply) error { return nil })
		over := make(chan struct{})
		go func() {
			defer close(over)
			h.Call(CallOptions{Parameters: map[string]any{"at": time.Now()}})
		}()
		<-over
		if len(w.why) != 1 || !strings.Contains(w.why[0], "parameters of the call") {
			t.Errorf("it says %q", w.why)
		}
	})
}

// TestRefusal: a command that the host refuses fails a test that does not ask for it.
func TestRefusal(t *testing.T) {
	for _, asks := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			h, w := watched(t, func(_ context.Context, _ plugin.Turn, reply *plugin.Reply) error {
				return errors.Join(reply.SetInput(plugin.Input{Sensitivity: 50}), reply.Say("hi"))
			})
			why := complaints(h, w, func(c *Call) {
				greeting := c.Start()
				greeting.Text()
				if asks && len(greeting.Refused()) != 1 {
					t.Errorf("refused: %v", greeting.Refused())
				}
			})
			if strings.Contains(why, "the host refused") == asks {
				t.Errorf("asked for it: %v, and the test is told %q", asks, why)
			}
		})
	}
}

// TestFallback: a call that the host takes because its bot has no process any more fails a
// test that does not ask why.
func TestFallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &trial{ctx: t.Context()}
		h := New(t, plugin.Plugin{Handler: plugin.Turns(func(*plugin.Call) plugin.HandlerFunc {
			return func(_ context.Context, _ plugin.Turn, reply *plugin.Reply) error { return reply.Say("hi") }
		})})
		h.t = w
		why := complaints(h, w, func(c *Call) {
			c.Start().Text()
			h.Crash()
			c.Answer()
			c.Over()
		})
		if !strings.Contains(why, "the host gave up on the bot") {
			t.Errorf("it says %q", why)
		}
	})
}

// TestHandlersAreAwaited when the test ends, even if they take a while.
func TestHandlersAreAwaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ended atomic.Bool
		t.Cleanup(func() { // after the host's
			if !ended.Load() {
				t.Error("the handler runs on")
			}
		})
		New(t, plugin.Plugin{Handler: plugin.CallFunc(func(ctx context.Context, _ *plugin.Call) error {
			<-ctx.Done()
			time.Sleep(5 * time.Second)
			ended.Store(true)
			return nil
		})}).Call().Start()
	})
}

// hanging is a Handler of an author's own type.
type hanging func()

func (h hanging) ServeCall(context.Context, *plugin.Call) error { h(); return nil }

// TestHang: a handler that does not end is not waited for forever, and the test is told
// where it stands.
func TestHang(t *testing.T) {
	var release chan struct{} // each bubble has its own
	hang := func() { <-release }
	for name, handler := range map[string]plugin.Handler{
		"turns": plugin.HandlerFunc(func(context.Context, plugin.Turn, *plugin.Reply) error { hang(); return nil }),
		"calls": plugin.CallFunc(func(context.Context, *plugin.Call) error { hang(); return nil }),
		"type":  hanging(func() { hang() }),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release = make(chan struct{})
				w := &trial{ctx: t.Context()}
				t.Cleanup(func() {
					close(release)
					why := strings.Join(w.why, "\n")
					for _, want := range []string{"the bot did not answer in time: nothing came in turn 1 for 30s", "still runs 10s after", "misuse_test.go:"} {
						if !strings.Contains(why, want) {
							t.Errorf("%q is not in what it says:\n%s", want, why)
						}
					}
					if strings.Contains(why, "sdk/plugin/turn.go") {
						t.Errorf("it shows the SDK's own lines:\n%s", why)
					}
				})
				h := New(t, plugin.Plugin{Handler: handler})
				h.t = w
				h.Call().Start().Text()
			})
		})
	}
}
