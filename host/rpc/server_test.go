package rpc_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/byova-host/byova-host/host/rpc"
	"github.com/byova-host/byova-host/host/session"
	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
	ccaiv1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bot is an agent in memory: it greets with 1 s of sound and repeats keys as
// that many bytes of them; the key 0 transfers.
type bot struct{}

func (b *bot) List(context.Context, string) ([]session.AgentInfo, error) {
	return []session.AgentInfo{{ID: "bot", Name: "Bot", Default: true}, {ID: "other", Name: "Other"}}, nil
}

func (b *bot) Open(_ context.Context, _, agent string, sink session.Sink) (session.AgentCall, error) {
	if agent != "" && agent != "bot" {
		return nil, fmt.Errorf("%w %q: known are bot, other", session.ErrUnknownAgent, agent)
	}
	return &botCall{sink: sink}, nil
}

type botCall struct {
	sink   session.Sink
	prompt uint64
}

func (c *botCall) Agent() string           { return "bot" }
func (c *botCall) Traits() session.Traits  { return session.Traits{} }
func (c *botCall) Close(session.EndReason) {}
func (c *botCall) Settled()                {}
func (c *botCall) Resume(context.Context, session.Resumption, session.Sink) (session.AgentCall, error) {
	return nil, session.ErrAgentUnavailable
}
func (c *botCall) AudioLost() int64 { return 0 }

func (c *botCall) Send(e session.Event) error {
	switch body := e.Body.(type) {
	case session.TurnStarted:
		if body.Cause == session.ByStart {
			c.play(body.Turn, bytes.Repeat([]byte{'g'}, 8000))
		}
	case session.DTMFEntry:
		if body.Digits == "0" {
			c.sink.Command(session.Command{Turn: body.Turn, Body: session.Leave{Event: session.TransferToAgent}})
			return nil
		}
		c.play(body.Turn, bytes.Repeat([]byte(body.Digits), 200))
	}
	return nil
}

func (c *botCall) play(turn uint64, data []byte) {
	c.prompt++
	for _, body := range []session.CommandBody{
		session.StartPrompt{BargeIn: true}, session.PromptAudio{Data: data, End: true}, session.Done{},
	} {
		c.sink.Command(session.Command{Turn: turn, Prompt: c.prompt, Body: body})
	}
}

type rig struct {
	conn     *grpc.ClientConn
	sessions *session.Sessions
	server   *rpc.Server
	addr     string
}

func serve(t *testing.T, config session.Config) *rig {
	t.Helper()
	config.Log = hclog.New(&hclog.LoggerOptions{Output: t.Output(), Level: hclog.Debug})
	sessions := session.New(&bot{}, config)
	server := rpc.NewServer(sessions, config.Log)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	served.Go(func() {
		if err := server.Serve(l); err != nil {
			t.Error(err)
		}
	})
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		sessions.Stop()
		server.Stop(t.Context())
		served.Wait()
	})
	return &rig{conn: conn, sessions: sessions, server: server, addr: l.Addr().String()}
}

// request is the least request of a conversation.
func request(conversation string) *mediav1.VoiceVARequest {
	return &mediav1.VoiceVARequest{ConversationId: conversation, CustomerOrgId: "org"}
}

func event(conversation string, kind mediav1.EventInput_EventType) *mediav1.VoiceVARequest {
	q := request(conversation)
	q.VoiceVaInputType = &mediav1.VoiceVARequest_EventInput{EventInput: &mediav1.EventInput{EventType: kind}}
	return q
}

func digits(conversation string, keys ...mediav1.DTMFDigits) *mediav1.VoiceVARequest {
	q := request(conversation)
	q.VoiceVaInputType = &mediav1.VoiceVARequest_DtmfInput{DtmfInput: &mediav1.DTMFInputs{DtmfEvents: keys}}
	return q
}

func sound(conversation string, data []byte) *mediav1.VoiceVARequest {
	q := request(conversation)
	q.VoiceVaInputType = &mediav1.VoiceVARequest_AudioInput{AudioInput: &mediav1.VoiceInput{CallerAudio: data}}
	return q
}

// exchange sends requests on an RPC of their own, half-closes and returns all
// that comes back.
func (r *rig) exchange(t *testing.T, requests ...*mediav1.VoiceVARequest) ([]*mediav1.VoiceVAResponse, error) {
	t.Helper()
	return r.exchangeIn(t.Context(), t, requests...)
}

// exchangeIn does the same with the metadata of a context.
func (r *rig) exchangeIn(ctx context.Context, t *testing.T, requests ...*mediav1.VoiceVARequest) ([]*mediav1.VoiceVAResponse, error) {
	t.Helper()
	st, err := mediav1.NewVoiceVirtualAgentClient(r.conn).ProcessCallerInput(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range requests {
		if err := st.Send(q); err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
	}
	if err := st.CloseSend(); err != nil {
		t.Fatal(err)
	}
	return collect(st)
}

func collect(st grpc.BidiStreamingClient[mediav1.VoiceVARequest, mediav1.VoiceVAResponse]) (all []*mediav1.VoiceVAResponse, err error) {
	for {
		response, err := st.Recv()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all = append(all, response)
	}
}

func heard(responses []*mediav1.VoiceVAResponse) (audio []byte) {
	for _, r := range responses {
		for _, p := range r.GetPrompts() {
			audio = append(audio, p.GetAudioContent()...)
		}
	}
	return audio
}

func TestACall(t *testing.T) {
	r := serve(t, session.Config{})
	greeting, err := r.exchange(t, event("c1", mediav1.EventInput_SESSION_START))
	if err != nil {
		t.Fatal(err)
	}
	last := greeting[len(greeting)-1]
	if got := heard(greeting); len(got) != 8000 || last.GetResponseType() != mediav1.VoiceVAResponse_FINAL ||
		last.GetInputMode() != mediav1.VoiceVAInputMode_INPUT_VOICE_DTMF || last.GetInputHandlingConfig() == nil {
		t.Errorf("greeting of %d bytes, closed by %v", len(got), last)
	}
	for _, response := range greeting[:len(greeting)-1] {
		if n := len(response.GetPrompts()[0].GetAudioContent()); response.GetResponseType() != mediav1.VoiceVAResponse_CHUNK || n < 100 || n > 65536 {
			t.Errorf("chunk of %d bytes, type %v", n, response.GetResponseType())
		}
	}
	answer, err := r.exchange(t, digits("c1", mediav1.DTMFDigits_DTMF_DIGIT_ONE, mediav1.DTMFDigits_DTMF_DIGIT_A, mediav1.DTMFDigits_DTMF_DIGIT_POUND))
	if err != nil || string(heard(answer)) != strings.Repeat("1A", 200) {
		t.Errorf("answered %q, %v", heard(answer), err)
	}
	if _, err := r.exchange(t, event("c1", mediav1.EventInput_SESSION_END)); err != nil {
		t.Error(err)
	}
	if err := r.sessions.Drain(t.Context()); err != nil || r.sessions.Len() != 0 {
		t.Errorf("%d sessions are left: %v", r.sessions.Len(), err)
	}
}

// TestOverlap holds that RPCs of one call may be open together: the listening
// one opens while the greeting is still being answered.
func TestOverlap(t *testing.T) {
	r := serve(t, session.Config{})
	client := mediav1.NewVoiceVirtualAgentClient(r.conn)
	first, err := client.ProcessCallerInput(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Send(event("c1", mediav1.EventInput_SESSION_START)); err != nil {
		t.Fatal(err)
	}
	second, err := client.ProcessCallerInput(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Send(sound("c1", bytes.Repeat([]byte{0xff}, 160))); err != nil {
		t.Fatal(err)
	}
	first.CloseSend()
	if got, err := collect(first); err != nil || len(heard(got)) != 8000 {
		t.Errorf("greeting of %d bytes, %v", len(heard(got)), err)
	}
	second.Send(event("c1", mediav1.EventInput_START_OF_DTMF))
	second.CloseSend()
	if got, err := collect(second); err != nil || len(got) != 0 {
		t.Errorf("the listening RPC ended with %v, %v", got, err)
	}
}

// TestWireOrder sends two RPCs back to back, whose handlers often start in the
// other order: the call must begin with its greeting all the same.
func TestWireOrder(t *testing.T) {
	r := serve(t, session.Config{})
	client := mediav1.NewVoiceVirtualAgentClient(r.conn)
	for i := range 200 {
		id := fmt.Sprint("c", i)
		first, err := client.ProcessCallerInput(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		second, err := client.ProcessCallerInput(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		second.Send(sound(id, bytes.Repeat([]byte{0xff}, 160)))
		first.Send(event(id, mediav1.EventInput_SESSION_START))
		first.CloseSend()
		if got, err := collect(first); err != nil || len(heard(got)) != 8000 {
			t.Fatalf("call %d: greeting of %d bytes, %v", i, len(heard(got)), err)
		}
		second.CloseSend()
		if _, err := collect(second); err != nil {
			t.Fatal(err)
		}
		if _, err := r.exchange(t, event(id, mediav1.EventInput_SESSION_END)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestHangUpFirst: the end of a call may reach its handler before the beginning.
func TestHangUpFirst(t *testing.T) {
	r := serve(t, session.Config{})
	client := mediav1.NewVoiceVirtualAgentClient(r.conn)
	first, err := client.ProcessCallerInput(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := r.exchange(t, event("c1", mediav1.EventInput_SESSION_END))
		ended <- err
	}()
	first.Send(event("c1", mediav1.EventInput_SESSION_START))
	first.CloseSend()
	if _, err := collect(first); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := r.sessions.Drain(t.Context()); err != nil || r.sessions.Len() != 0 {
		t.Errorf("%d calls live on: %v", r.sessions.Len(), err)
	}
}

func TestBadTraffic(t *testing.T) {
	r := serve(t, session.Config{})
	withAgent := event("c2", mediav1.EventInput_SESSION_START)
	withAgent.VirtualAgentId = "nobody"
	noOrg := event("c2", mediav1.EventInput_SESSION_START)
	noOrg.CustomerOrgId = ""
	rate := sound("c2", []byte{1})
	rate.GetAudioInput().SampleRateHertz = 1
	if _, err := r.exchange(t, event("c1", mediav1.EventInput_SESSION_START)); err != nil {
		t.Fatal(err)
	}
	huge := event("c2", mediav1.EventInput_SESSION_START)
	huge.VendorSpecificConfig = strings.Repeat("x", 1<<20)
	changed := digits("c1", mediav1.DTMFDigits_DTMF_DIGIT_ONE)
	changed.VirtualAgentId = "other"
	tests := []struct {
		name     string
		requests []*mediav1.VoiceVARequest
		code     codes.Code
		says     string
	}{
		{"no conversation", []*mediav1.VoiceVARequest{event("", mediav1.EventInput_SESSION_START)}, codes.InvalidArgument, "conversation_id"},
		{"no organisation", []*mediav1.VoiceVARequest{noOrg}, codes.InvalidArgument, "customer_org_id"},
		{"an endless id", []*mediav1.VoiceVARequest{event(strings.Repeat("c", 300), mediav1.EventInput_SESSION_START)}, codes.InvalidArgument, "256 bytes"},
		{"an id with a line end", []*mediav1.VoiceVARequest{event("c\n2", mediav1.EventInput_SESSION_START)}, codes.InvalidArgument, "do not print"},
		{"no input", []*mediav1.VoiceVARequest{request("c2")}, codes.InvalidArgument, "audio_input"},
		{"no request", nil, codes.InvalidArgument, "without a request"},
		{"unknown event", []*mediav1.VoiceVARequest{event("c2", 77)}, codes.InvalidArgument, "77"},
		{"unknown key", []*mediav1.VoiceVARequest{digits("c2", 99)}, codes.InvalidArgument, "99"},
		{"impossible rate", []*mediav1.VoiceVARequest{rate}, codes.InvalidArgument, "1 Hz"},
		{"unknown agent", []*mediav1.VoiceVARequest{withAgent}, codes.NotFound, "nobody"},
		{"another agent", []*mediav1.VoiceVARequest{changed}, codes.InvalidArgument, "other"},
		{"too much beside the audio", []*mediav1.VoiceVARequest{huge}, codes.InvalidArgument, "262144"},
		{"another conversation on one RPC", []*mediav1.VoiceVARequest{sound("c1", []byte{1}), sound("c9", []byte{1})}, codes.InvalidArgument, "c9"},
		{"too large", []*mediav1.VoiceVARequest{sound("c2", make([]byte, 8<<20))}, codes.ResourceExhausted, "4194304"},
		{"too large in a call", []*mediav1.VoiceVARequest{sound("c1", []byte{1}), sound("c1", make([]byte, 8<<20))}, codes.ResourceExhausted, "4194304"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := r.exchange(t, test.requests...)
			if status.Code(err) != test.code || !strings.Contains(status.Convert(err).Message(), test.says) {
				t.Errorf("got %v, want %v that says %q", err, test.code, test.says)
			}
		})
	}
	garbage, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(garbage, "GET / HTTP/1.1\r\n\r\n\x00\xff garbage")
	io.Copy(io.Discard, garbage) // the server hangs up
	garbage.Close()
	if got, err := r.exchange(t, digits("c1", mediav1.DTMFDigits_DTMF_DIGIT_TWO)); err != nil || len(heard(got)) != 200 {
		t.Errorf("after bad traffic the call got %d bytes, %v", len(heard(got)), err)
	}
}

func TestAdmission(t *testing.T) {
	r := serve(t, session.Config{MaxSessions: 1})
	if _, err := r.exchange(t, event("c1", mediav1.EventInput_SESSION_START)); err != nil {
		t.Fatal(err)
	}
	_, err := r.exchange(t, event("c2", mediav1.EventInput_SESSION_START))
	if status.Code(err) != codes.ResourceExhausted || !strings.Contains(err.Error(), "all 1 are taken") {
		t.Errorf("a call too many got %v", err)
	}
	if _, err := r.exchange(t, event("c1", mediav1.EventInput_SESSION_END)); err != nil {
		t.Fatal(err)
	}
}

func TestEndedCallsAreOnlyCompleted(t *testing.T) {
	r := serve(t, session.Config{})
	if _, err := r.exchange(t, event("c1", mediav1.EventInput_SESSION_END)); err != nil || r.sessions.Len() != 0 {
		t.Errorf("the end of an unknown call: %v, %d sessions", err, r.sessions.Len())
	}
	if _, err := r.exchange(t, event("c1", mediav1.EventInput_SESSION_START)); err != nil {
		t.Fatal(err)
	}
	got, err := r.exchange(t, digits("c1", mediav1.DTMFDigits_DTMF_DIGIT_ZERO))
	if err != nil || got[len(got)-1].GetOutputEvents()[0].GetEventType() != mediav1.OutputEvent_TRANSFER_TO_AGENT {
		t.Fatalf("the key 0 got %v, %v", got, err)
	}
	for _, q := range []*mediav1.VoiceVARequest{sound("c1", []byte{1, 2}), digits("c1", 1), event("c1", mediav1.EventInput_SESSION_END)} {
		if got, err := r.exchange(t, q); err != nil || len(got) != 0 {
			t.Errorf("after the transfer: %v, %v", got, err)
		}
	}
}

func TestListAndHealth(t *testing.T) {
	r := serve(t, session.Config{})
	list, err := mediav1.NewVoiceVirtualAgentClient(r.conn).ListVirtualAgents(t.Context(), &mediav1.ListVARequest{CustomerOrgId: "org"})
	if err != nil || len(list.GetVirtualAgents()) != 2 || !list.GetVirtualAgents()[0].GetIsDefault() || list.GetVirtualAgents()[1].GetIsDefault() {
		t.Errorf("agents %v, %v", list, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	watch, err := ccaiv1.NewHealthClient(r.conn).Watch(ctx, &ccaiv1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	standard := func() healthv1.HealthCheckResponse_ServingStatus {
		got, err := healthv1.NewHealthClient(r.conn).Check(t.Context(), &healthv1.HealthCheckRequest{})
		if err != nil {
			t.Fatal(err)
		}
		return got.GetStatus()
	}
	first, err := watch.Recv()
	if err != nil || first.GetStatus() != ccaiv1.HealthCheckResponse_SERVING || standard() != healthv1.HealthCheckResponse_SERVING {
		t.Errorf("before draining: %v %v, %v", first, standard(), err)
	}
	r.server.Drain()
	second, err := watch.Recv()
	if err != nil || second.GetStatus() != ccaiv1.HealthCheckResponse_NOT_SERVING || standard() != healthv1.HealthCheckResponse_NOT_SERVING {
		t.Errorf("while draining: %v %v, %v", second, standard(), err)
	}
}

// TestDraining holds that live calls go on, RPC by RPC, and new ones are refused.
func TestDraining(t *testing.T) {
	r := serve(t, session.Config{})
	if _, err := r.exchange(t, event("c1", mediav1.EventInput_SESSION_START)); err != nil {
		t.Fatal(err)
	}
	drained := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.sessions.Drain(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("drained with a live call: %v", err)
	}
	go func() { drained <- r.sessions.Drain(t.Context()) }()
	if _, err := r.exchange(t, event("c2", mediav1.EventInput_SESSION_START)); status.Code(err) != codes.Unavailable {
		t.Errorf("a new call got %v", err)
	}
	if got, err := r.exchange(t, digits("c1", 1)); err != nil || !slices.Equal(heard(got), bytes.Repeat([]byte("1"), 200)) {
		t.Errorf("the live call got %v, %v", got, err)
	}
	if _, err := r.exchange(t, event("c1", mediav1.EventInput_SESSION_END)); err != nil {
		t.Fatal(err)
	}
	if err := <-drained; err != nil {
		t.Error(err)
	}
}
