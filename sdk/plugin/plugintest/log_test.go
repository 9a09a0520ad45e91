package plugintest

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/byova-host/byova-host/sdk/plugin"
)

// withOutput is a test whose output is kept.
type withOutput struct {
	testing.TB
	mu  sync.Mutex
	out bytes.Buffer
}

func (t *withOutput) Output() io.Writer { return t }

func (t *withOutput) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.out.Write(p)
}

func (t *withOutput) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.out.String()
}

// TestLog: what a bot logs in its calls is among the test's own output, for people; and
// nothing of it comes when the test may be over.
func TestLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		test := &withOutput{TB: t}
		h := New(test, plugin.Plugin{Name: "mybot", Handler: plugin.CallFunc(func(ctx context.Context, call *plugin.Call) error {
			call.Log().Info("taken", "after", 1500*time.Millisecond)
			<-ctx.Done()
			time.Sleep(2 * patience)
			call.Log().Info("too late")
			return nil
		})})
		h.t = &trial{ctx: t.Context()} // and not this test, which is told that the handler hangs
		h.Call().Start()
		synctest.Wait()
		if said := test.String(); !strings.Contains(said, "[INFO]  mybot: taken: conversation=call-1 session=") || !strings.Contains(said, " after=1.5s") {
			t.Errorf("the output has\n%s", said)
		}
		h.stop()
		h.stops = nil
		time.Sleep(2 * patience)
		if said := test.String(); strings.Contains(said, "too late") {
			t.Errorf("the output has\n%s", said)
		}
	})
}
