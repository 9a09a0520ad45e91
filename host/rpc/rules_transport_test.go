package rpc_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	"github.com/byova-host/byova-host/host/session"
	"github.com/byova-host/byova-host/internal/logtest"
	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
	ccaiv1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/v1"
)

// connections counts those that a client made.
type connections struct{ n int }

func (c *connections) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }
func (c *connections) HandleRPC(context.Context, stats.RPCStats)                       {}
func (c *connections) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context {
	return ctx
}
func (c *connections) HandleConn(_ context.Context, s stats.ConnStats) {
	if _, ok := s.(*stats.ConnBegin); ok {
		c.n++
	}
}

// TestR55_Keepalive: a client may ping, also while no RPC is open, and its
// connection may be as old as it likes.
func TestR55_Keepalive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := perform(t, &puppet{react: answering(done)}, session.Config{})
		var made connections
		r.conn = r.dial(grpc.WithStatsHandler(&made), grpc.WithIdleTimeout(0), grpc.WithKeepaliveParams(keepalive.ClientParameters{
			Time: 10 * time.Second, Timeout: 5 * time.Second, PermitWithoutStream: true}))
		r.begin(t, "c1")
		time.Sleep(5 * time.Minute)
		listening, err := mediav1.NewVoiceVirtualAgentClient(r.conn).ProcessCallerInput(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := listening.Send(sound("c1", []byte{0xff})); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Minute)
		if _, err := r.exchange(t, event("c1", mediav1.EventInput_SESSION_END)); err != nil {
			t.Error(err)
		}
		if _, err := collect(listening); err != nil {
			t.Errorf("an RPC that was open for 50 minutes ended with %v", err)
		}
		if made.n != 1 {
			t.Errorf("%d connections were needed, want 1", made.n)
		}
	})
}

// TestR56_Sizes: the caller's audio is read on while the bot thinks and nobody
// takes the responses.
func TestR56_Sizes(t *testing.T) {
	settings := session.DefaultSettings()
	settings.FillerAfter = 0
	answer := make(chan func(), 1)
	r := perform(t, &puppet{react: answering(func(_ uint64, do func(uint64, session.CommandBody)) {
		answer <- func() { do(0, session.Done{}) }
	})}, session.Config{Calls: &settings})
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	st, err := mediav1.NewVoiceVirtualAgentClient(r.conn).ProcessCallerInput(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Send(digits("c1", 1)); err != nil {
		t.Fatal(err)
	}
	reply := <-answer
	for range 64 {
		if err := st.Send(sound("c1", bytes.Repeat([]byte{0xff}, 65536))); err != nil {
			t.Fatalf("the host does not read while the bot thinks: %v", err)
		}
	}
	if err := st.CloseSend(); err != nil {
		t.Fatal(err)
	}
	reply()
	if got, err := collect(st); err != nil || len(got) != 1 {
		t.Errorf("after 4 MiB of audio the answer was %v, %v", got, err)
	}
	if _, err := r.exchange(t, sound("c1", make([]byte, 4<<20))); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("a request above 4 MiB got %v", err)
	}
}

func TestR58_Agents(t *testing.T) {
	p := &puppet{}
	r := perform(t, p, session.Config{})
	list := func(org string) (*mediav1.ListVAResponse, error) {
		return mediav1.NewVoiceVirtualAgentClient(r.conn).ListVirtualAgents(t.Context(), &mediav1.ListVARequest{CustomerOrgId: org})
	}
	p.list = func() ([]session.AgentInfo, error) {
		return []session.AgentInfo{{ID: "a", Name: "A", Default: true}, {ID: "b", Name: "B", Attributes: map[string]string{"k": "v"}}}, nil
	}
	got, err := list("org")
	if err != nil || len(got.GetVirtualAgents()) != 2 {
		t.Fatalf("got %v, %v", got, err)
	}
	a, b := got.GetVirtualAgents()[0], got.GetVirtualAgents()[1]
	if a.GetVirtualAgentId() != "a" || a.GetVirtualAgentName() != "A" || !a.GetIsDefault() || b.GetIsDefault() || b.GetAttributes()["k"] != "v" {
		t.Errorf("want a, the default, and b, got %v and %v", a, b)
	}
	if _, err := list(""); status.Code(err) != codes.InvalidArgument {
		t.Errorf("without an organisation: %v", err)
	}
	p.list = func() ([]session.AgentInfo, error) { return nil, errors.New("secret reason") }
	if _, err := list("org"); status.Code(err) != codes.Internal || strings.Contains(err.Error(), "secret") {
		t.Errorf("a list that cannot be made: %v", err)
	}
}

// TestR59_Health holds both services to the same answers, for the host and for
// the service of calls.
func TestR59_Health(t *testing.T) {
	r := perform(t, &puppet{react: answering(done)}, session.Config{})
	r.begin(t, "c1")
	check := func(service string) (string, string) {
		standard, err := healthv1.NewHealthClient(r.conn).Check(t.Context(), &healthv1.HealthCheckRequest{Service: service})
		cisco, ciscoErr := ccaiv1.NewHealthClient(r.conn).Check(t.Context(), &ccaiv1.HealthCheckRequest{Service: service})
		return fmt.Sprint(standard.GetStatus(), status.Code(err)), fmt.Sprint(cisco.GetStatus(), status.Code(ciscoErr))
	}
	expect := func(service, want string) {
		t.Helper()
		if standard, cisco := check(service); standard != want || cisco != want {
			t.Errorf("service %q is %s, %s at Cisco's service, want %s", service, standard, cisco, want)
		}
	}
	const calls = "com.cisco.wcc.ccai.media.v1.VoiceVirtualAgent"
	expect("", "SERVING OK")
	expect(calls, "SERVING OK")
	expect("nothing", "UNKNOWN NotFound")
	r.server.Drain()
	expect("", "NOT_SERVING OK")
	expect(calls, "NOT_SERVING OK")
	if got, err := r.exchange(t, digits("c1", 1)); err != nil || len(got) != 1 {
		t.Errorf("a live call got %v, %v while the host drains", got, err)
	}
}

func TestR61_StatusCodes(t *testing.T) {
	named := func(agent string) *mediav1.VoiceVARequest {
		q := event("c1", mediav1.EventInput_SESSION_START)
		q.VirtualAgentId = agent
		return q
	}
	agents := func(err error) *puppet { return &puppet{react: answering(done), open: err} }
	starts := event("c1", mediav1.EventInput_SESSION_START)
	tests := []struct {
		name   string
		agents *puppet
		config session.Config
		before func(r *stage)
		q      *mediav1.VoiceVARequest
		want   codes.Code
	}{
		{"an orderly RPC", agents(nil), session.Config{}, nil, starts, codes.OK},
		{"no id", agents(nil), session.Config{}, nil, event("", mediav1.EventInput_SESSION_START), codes.InvalidArgument},
		{"another agent", agents(nil), session.Config{}, func(r *stage) { r.begin(t, "c1") }, named("second"), codes.InvalidArgument},
		{"an unknown agent", agents(session.ErrUnknownAgent), session.Config{}, nil, named("nobody"), codes.NotFound},
		{"an unknown call", agents(nil), session.Config{RejectUnknown: true}, nil, digits("c1", 1), codes.FailedPrecondition},
		{"a call too many", agents(nil), session.Config{MaxSessions: 1}, func(r *stage) { r.begin(t, "c0") }, starts, codes.ResourceExhausted},
		{"a host that drains", agents(nil), session.Config{}, func(r *stage) { r.sessions.Drain(t.Context()) }, starts, codes.Unavailable},
		{"a bot that is gone: the fallback", agents(session.ErrAgentUnavailable), session.Config{}, nil, starts, codes.OK},
		{"anything else", agents(errors.New("secret reason")), session.Config{}, nil, starts, codes.Internal},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := perform(t, test.agents, test.config)
			if test.before != nil {
				test.before(r)
			}
			_, err := r.exchange(t, test.q)
			if status.Code(err) != test.want || strings.Contains(fmt.Sprint(err), "secret") {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
	t.Run("the 33rd open RPC of a call", func(t *testing.T) { synctest.Test(t, oneTooMany) })
	t.Run("calls that the host's end cuts", func(t *testing.T) {
		begun := make(chan bool, 9)
		r := perform(t, &puppet{react: func(session.Sink, session.Event) { begun <- true }}, session.Config{})
		st, err := mediav1.NewVoiceVirtualAgentClient(r.conn).ProcessCallerInput(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := st.Send(starts); err != nil {
			t.Fatal(err)
		}
		<-begun
		r.sessions.Stop()
		if _, err := collect(st); status.Code(err) != codes.Unavailable {
			t.Errorf("got %v, want %v", err, codes.Unavailable)
		}
	})
}

// oneTooMany opens 33 RPCs of a call; their handlers may start in any order.
func oneTooMany(t *testing.T) {
	r := perform(t, &puppet{react: answering(done)}, session.Config{})
	r.begin(t, "c1")
	ended := make(chan error, 33)
	for range 33 {
		st, err := mediav1.NewVoiceVirtualAgentClient(r.conn).ProcessCallerInput(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := st.Send(sound("c1", []byte{0xff})); err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		go func() {
			_, err := collect(st)
			ended <- err
		}()
	}
	synctest.Wait()
	if n := len(ended); n != 1 {
		t.Fatalf("%d of 33 RPCs have ended, want 1", n)
	}
	if err := <-ended; status.Code(err) != codes.ResourceExhausted || !strings.Contains(err.Error(), "32") {
		t.Errorf("it got %v, want %v", err, codes.ResourceExhausted)
	}
	if _, err := r.exchange(t, event("c1", mediav1.EventInput_SESSION_END)); err != nil {
		t.Errorf("the hang-up got %v", err)
	}
	for range 32 {
		if err := <-ended; err != nil {
			t.Errorf("another one got %v", err)
		}
	}
}

// TestR63_Logs holds what a call leaves in the log, and what it does not.
func TestR63_Logs(t *testing.T) {
	log := &logtest.Log{}
	r := perform(t, &puppet{react: answering(func(turn uint64, do func(uint64, session.CommandBody)) {
		if turn == 1 {
			do(0, session.SetInput{Sensitive: true})
			do(1, session.StartPrompt{})
			do(1, session.PromptAudio{Data: bytes.Repeat([]byte("sound"), 100), End: true})
			do(0, session.Done{})
			return
		}
		do(0, session.Leave{Event: session.EndSession, Transcript: "User: my secret", Summary: "my secret"})
	})}, session.Config{Log: hclog.New(&hclog.LoggerOptions{Output: log, Level: hclog.Trace})})
	entry := digits("call-1", 4, 7, 1, 1) // 4711
	for i, q := range []*mediav1.VoiceVARequest{event("call-1", mediav1.EventInput_SESSION_START), sound("call-1", []byte("caller")), entry} {
		ctx := metadata.AppendToOutgoingContext(t.Context(), "trackingid", fmt.Sprint("track-", i), "authorization", "Bearer token-1")
		st, err := mediav1.NewVoiceVirtualAgentClient(r.conn).ProcessCallerInput(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := st.Send(q); err != nil {
			t.Fatal(err)
		}
		st.CloseSend()
		if _, err := collect(st); err != nil {
			t.Fatal(err)
		}
	}
	r.sessions.Stop()
	got := log.String()
	for _, want := range []string{"conversation=call-1", "org=org", "session started", "session ended", "trackingid=track-0",
		"rpc=1 trackingid=track-0", "rpc=2 trackingid=track-1", "rpc=3 trackingid=track-2"} {
		if !strings.Contains(got, want) {
			t.Errorf("the log lacks %q", want)
		}
	}
	for _, never := range []string{"4711", "caller", "sound", "secret", "token-1"} {
		if strings.Contains(got, never) {
			t.Errorf("the log has %q", never)
		}
	}
	if t.Failed() {
		t.Logf("the log:\n%s", got)
	}
}

// TestR63_RefusedRPCs: the log names an RPC that was refused, and not each that
// the caller breaks off.
func TestR63_RefusedRPCs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &logtest.Log{}
		r := perform(t, &puppet{react: answering(done)}, session.Config{Log: hclog.New(&hclog.LoggerOptions{Output: log})})
		r.begin(t, "call-1")
		listen := func(tracking string) (stream mediav1.VoiceVirtualAgent_ProcessCallerInputClient, breakOff func()) {
			ctx, cancel := context.WithCancel(metadata.AppendToOutgoingContext(t.Context(), "trackingid", tracking))
			st, err := mediav1.NewVoiceVirtualAgentClient(r.conn).ProcessCallerInput(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if err := st.Send(sound("call-1", []byte{0xff})); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			return st, cancel
		}
		for range 20 {
			_, breakOff := listen("broken-off")
			breakOff()
			synctest.Wait()
		}
		st, breakOff := listen("refused")
		defer breakOff()
		if err := st.Send(sound("call-2", []byte{0xff})); err != nil {
			t.Fatal(err)
		}
		if _, err := collect(st); status.Code(err) != codes.InvalidArgument {
			t.Errorf("a request of another call got %v", err)
		}
		if got := log.String(); strings.Count(got, "RPC refused") != 1 || !strings.Contains(got, "trackingid=refused") {
			t.Errorf("the log has more, or other, than the RPC that was refused:\n%s", got)
		}
	})
}
