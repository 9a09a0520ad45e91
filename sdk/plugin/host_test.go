package plugin

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	hclog "github.com/hashicorp/go-hclog"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

// The test binary is also the plugin of the process tests.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		Plugin{
			Handler: CallFunc(func(ctx context.Context, _ *Call) error { <-ctx.Done(); return nil }),
			Configure: func(context.Context, Settings) error {
				fmt.Fprintln(os.Stderr, "last complaint")
				fmt.Println("last words")
				os.Exit(3)
				return nil
			},
		}.Serve()
		return
	}
	goleak.VerifyTestMain(m)
}

// fakeHost plays the host over a real gRPC stream in memory.
type fakeHost struct {
	t      *testing.T
	client pluginv1.PluginClient
	stream grpc.BidiStreamingClient[pluginv1.EventBatch, pluginv1.CommandBatch]

	mu       sync.Mutex
	commands []*pluginv1.Command // not looked at yet
	err      error               // the stream's end
}

// with runs a test against a plugin inside a bubble: time costs nothing, and a
// goroutine that is left over fails the test.
func with(t *testing.T, p Plugin, test func(t *testing.T, h *fakeHost)) {
	t.Helper()
	withLog(t, p, io.Discard, test)
}

// withLog is with, and keeps what the plugin logs.
func withLog(t *testing.T, p Plugin, log io.Writer, test func(t *testing.T, h *fakeHost)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := &fakeHost{t: t}
		var wg sync.WaitGroup
		lis := bufconn.Listen(1 << 20)
		s := grpc.NewServer(serverOptions()...)
		pluginv1.RegisterPluginServer(s, newServer(p, hclog.New(&hclog.LoggerOptions{Output: log})))
		wg.Go(func() { _ = s.Serve(lis) })
		conn, err := grpc.NewClient("passthrough:///plugin",
			grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return lis.DialContext(ctx) }))
		if err != nil {
			t.Fatal(err)
		}
		h.client = pluginv1.NewPluginClient(conn)
		if h.stream, err = h.client.Attach(t.Context()); err != nil {
			t.Fatal(err)
		}
		wg.Go(h.receive)
		test(t, h)
		_ = h.stream.CloseSend()
		synctest.Wait()
		if h.mu.Lock(); h.err == nil {
			t.Error("the stream has not ended: a handler has not returned")
		}
		h.mu.Unlock()
		conn.Close()
		s.Stop()
		wg.Wait()
	})
}

func (h *fakeHost) receive() {
	for {
		batch, err := h.stream.Recv()
		h.mu.Lock()
		if err != nil {
			h.err = err
			h.mu.Unlock()
			return
		}
		h.commands = append(h.commands, batch.Commands...)
		h.mu.Unlock()
	}
}

// send sends events and returns what the plugin sends until it has nothing more
// to do.
func (h *fakeHost) send(events ...*pluginv1.Event) []*pluginv1.Command {
	h.t.Helper()
	if err := h.stream.Send(&pluginv1.EventBatch{Events: events}); err != nil {
		h.t.Fatal(err)
	}
	return h.settle()
}

func (h *fakeHost) settle() []*pluginv1.Command {
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	commands := h.commands
	h.commands = nil
	return commands
}

// expect fails the test unless the commands read as wanted; see say.
func expect(t *testing.T, what string, commands []*pluginv1.Command, want ...string) {
	t.Helper()
	var got []string
	for _, c := range commands {
		got = append(got, placeless(say(c)))
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s: the plugin sent\n\t%s\nwant\n\t%s", what, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// places are lines of these tests in errors.
var places = regexp.MustCompile(`plugin/\w+_test\.go:\d+: | \(at plugin/\w+_test\.go:\d+\)`)

// placeless is an error's text without them: where_test.go looks at these.
func placeless(s string) string { return places.ReplaceAllString(s, "") }

// say writes a command in short: call, turn, what.
func say(c *pluginv1.Command) string {
	s := fmt.Sprintf("%d/%d ", c.Call, c.Turn)
	switch b := c.Body.(type) {
	case *pluginv1.Command_Accepted:
		s += "accepted"
	case *pluginv1.Command_PromptStart:
		s += fmt.Sprintf("prompt %d", c.Prompt)
		if !b.PromptStart.BargeIn {
			s += " uninterruptible"
		}
		if b.PromptStart.Text != "" {
			s += " says " + b.PromptStart.Text
		}
	case *pluginv1.Command_Done:
		s += "done"
	case *pluginv1.Command_Transfer:
		s += fmt.Sprintf("transfer %v", b.Transfer.Metadata.AsMap())
	case *pluginv1.Command_End:
		s += "end"
	case *pluginv1.Command_Custom:
		s += "custom " + b.Custom.Name
	case *pluginv1.Command_Input:
		s += "input " + b.Input.Mode.String()
	case *pluginv1.Command_Failed:
		s += "failed: " + b.Failed.Message
		if b.Failed.Stack != "" {
			s += " with stack"
		}
	case *pluginv1.Command_Pong:
		s += fmt.Sprintf("pong %d", b.Pong.Id)
	case *pluginv1.Command_Clear:
		s += fmt.Sprintf("clear %d", c.Prompt)
	case *pluginv1.Command_Endpoint:
		s += fmt.Sprintf("%v at %d", b.Endpoint.Edge, b.Endpoint.AtMs)
	case *pluginv1.Command_Detect:
		s += "detect " + b.Detect.By.String()
	case *pluginv1.Command_Metrics:
		s += fmt.Sprintf("metrics %v", b.Metrics.Values)
	case *pluginv1.Command_Declined:
		s += "declined: " + b.Declined.Reason
	case *pluginv1.Command_Suspended:
		s += "suspended" + string(b.Suspended.State)
	case *pluginv1.Command_State:
		s += fmt.Sprintf("state %d %.20q", b.State.Version, b.State.Blob)
	case nil:
		s += fmt.Sprintf("audio %d %d", c.Prompt, len(c.Audio))
	default:
		s += fmt.Sprintf("%T", b)
	}
	if c.PromptEnd {
		s += " end"
	}
	return s
}

func start(call uint64, credit uint32) *pluginv1.Event {
	return &pluginv1.Event{Call: call, Body: &pluginv1.Event_Start{Start: &pluginv1.Start{
		SessionId: fmt.Sprintf("s%d", call), Agent: "a", Credit: credit,
	}}}
}

// resumed is the start of a call that another process had before.
func resumed(call uint64, r *pluginv1.Resume) *pluginv1.Event {
	e := start(call, 1<<20)
	e.GetStart().Resume = r
	return e
}

func suspend(call uint64) *pluginv1.Event {
	return &pluginv1.Event{Call: call, Body: &pluginv1.Event_Suspend{Suspend: &pluginv1.Suspend{DeadlineMs: 2000}}}
}

func moved(call uint64) *pluginv1.Event {
	return &pluginv1.Event{Call: call, Body: &pluginv1.Event_End{End: &pluginv1.SessionEnd{
		Reason: pluginv1.SessionEnd_MOVED,
	}}}
}

func turnStarted(call, turn uint64, cause pluginv1.TurnStarted_Cause, speechAt int64) *pluginv1.Event {
	return &pluginv1.Event{Call: call, Body: &pluginv1.Event_TurnStarted{TurnStarted: &pluginv1.TurnStarted{
		Turn: turn, Cause: cause, Attempt: 1, SpeechAtMs: speechAt,
	}}}
}

func inputEnded(call, turn uint64, speechEnd int64) *pluginv1.Event {
	return &pluginv1.Event{Call: call, Body: &pluginv1.Event_InputEnded{InputEnded: &pluginv1.InputEnded{
		Turn: turn, SpeechEndMs: speechEnd,
	}}}
}

// greet is the turn that every call begins with.
func greet(call uint64) []*pluginv1.Event {
	return []*pluginv1.Event{
		turnStarted(call, 1, pluginv1.TurnStarted_CAUSE_START, 0), inputEnded(call, 1, 0),
	}
}

// press is a turn of keys.
func press(call, turn uint64, digits string) []*pluginv1.Event {
	return []*pluginv1.Event{
		turnStarted(call, turn, pluginv1.TurnStarted_CAUSE_DTMF, 0),
		{Call: call, Body: &pluginv1.Event_Dtmf{Dtmf: &pluginv1.DTMF{Digits: digits, Turn: turn}}},
		inputEnded(call, turn, 0),
	}
}

func turnEnded(call, turn uint64, reason pluginv1.TurnEnded_Reason) *pluginv1.Event {
	return &pluginv1.Event{Call: call, Body: &pluginv1.Event_TurnEnded{TurnEnded: &pluginv1.TurnEnded{
		Turn: turn, Reason: reason,
	}}}
}

func ended(call uint64) *pluginv1.Event {
	return &pluginv1.Event{Call: call, Body: &pluginv1.Event_End{End: &pluginv1.SessionEnd{
		Reason: pluginv1.SessionEnd_CALLER,
	}}}
}

func credit(call uint64, n uint32) *pluginv1.Event {
	return &pluginv1.Event{Call: call, Body: &pluginv1.Event_Credit{Credit: &pluginv1.Credit{Bytes: n}}}
}

// sound is mu-law audio whose every byte says which millisecond it is of.
func sound(call uint64, fromMs, toMs int64) (events []*pluginv1.Event) {
	for at := fromMs; at < toMs; at += 20 {
		events = append(events, &pluginv1.Event{Call: call, AtMs: at, Audio: soundOf(at, min(toMs, at+20))})
	}
	return events
}

func soundOf(fromMs, toMs int64) (b []byte) {
	for ms := fromMs; ms < toMs; ms++ {
		b = append(b, bytes.Repeat([]byte{byte(ms / 10)}, 8)...)
	}
	return b
}

func concat(parts ...[]*pluginv1.Event) (all []*pluginv1.Event) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

func silence(ms int) Audio { return Audio{Data: make([]byte, 8*ms)} }
