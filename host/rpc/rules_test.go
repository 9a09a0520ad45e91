package rpc_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/byova-host/byova-host/host/rpc"
	"github.com/byova-host/byova-host/host/session"
	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
)

// puppet is an agent in memory that does what a test says.
type puppet struct {
	traits session.Traits
	react  func(sink session.Sink, e session.Event)
	list   func() ([]session.AgentInfo, error)
	open   error
}

func (p *puppet) List(context.Context, string) ([]session.AgentInfo, error) { return p.list() }

func (p *puppet) Open(_ context.Context, _, agent string, sink session.Sink) (session.AgentCall, error) {
	if agent == "" {
		agent = "puppet"
	}
	return &puppetCall{p, agent, sink}, p.open
}

type puppetCall struct {
	*puppet
	agent string
	sink  session.Sink
}

func (c *puppetCall) Agent() string           { return c.agent }
func (c *puppetCall) Traits() session.Traits  { return c.traits }
func (c *puppetCall) Close(session.EndReason) {}
func (c *puppetCall) Settled()                {}
func (c *puppetCall) Resume(context.Context, session.Resumption, session.Sink) (session.AgentCall, error) {
	return nil, session.ErrAgentUnavailable
}
func (c *puppetCall) AudioLost() int64 { return 0 }

func (c *puppetCall) Send(e session.Event) error {
	if c.react != nil {
		c.react(c.sink, e)
	}
	return nil
}

// answering makes a reaction to the end of each input.
func answering(answer func(turn uint64, do func(prompt uint64, body session.CommandBody))) func(session.Sink, session.Event) {
	return func(sink session.Sink, e session.Event) {
		if in, ok := e.Body.(session.InputEnded); ok {
			answer(in.Turn, func(prompt uint64, body session.CommandBody) {
				sink.Command(session.Command{Turn: in.Turn, Prompt: prompt, Body: body})
			})
		}
	}
}

// done answers each input with nothing.
func done(_ uint64, do func(uint64, session.CommandBody)) { do(0, session.Done{}) }

// stage is a server in memory, which works in a synctest bubble, too.
type stage struct {
	rig
	dial func(...grpc.DialOption) *grpc.ClientConn // one more connection
}

// perform serves the calls of a puppet to everybody.
func perform(t *testing.T, p *puppet, config session.Config) *stage {
	t.Helper()
	return performTo(t, rpc.Options{}, p, config)
}

// performTo serves them with options of its own.
func performTo(t *testing.T, o rpc.Options, p *puppet, config session.Config) *stage {
	t.Helper()
	if config.Log == nil {
		config.Log = hclog.NewNullLogger()
	}
	l := bufconn.Listen(1 << 20)
	r := &stage{rig: rig{sessions: session.New(p, config)}}
	r.server = o.NewServer(r.sessions, config.Log)
	var served sync.WaitGroup
	served.Go(func() {
		if err := r.server.Serve(l); err != nil {
			t.Error(err)
		}
	})
	r.dial = func(options ...grpc.DialOption) *grpc.ClientConn {
		conn, err := grpc.NewClient("passthrough:memory", append(options, grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	r.conn = r.dial()
	t.Cleanup(func() {
		r.conn.Close()
		r.sessions.Stop()
		r.server.Stop(t.Context())
		served.Wait()
	})
	return r
}

// begin exchanges the start of a call.
func (r *rig) begin(t *testing.T, conversation string) []*mediav1.VoiceVAResponse {
	t.Helper()
	got, err := r.exchange(t, event(conversation, mediav1.EventInput_SESSION_START))
	if err != nil || len(got) == 0 {
		t.Fatalf("the start of a call got %v, %v", got, err)
	}
	return got
}

// TestR14_EncodingsOnTheWire: what is not said is mu-law at 8 kHz.
func TestR14_EncodingsOnTheWire(t *testing.T) {
	heard := make(chan []byte, 10)
	formats := make(chan string, 10)
	r := perform(t, &puppet{traits: session.Traits{Audio: session.AllAudio, OwnEndpointing: true}, react: func(_ session.Sink, e session.Event) {
		switch body := e.Body.(type) {
		case session.FormatChanged:
			formats <- body.Format.String()
		case session.CallerAudio:
			heard <- body.Data
		}
	}}, session.Config{})
	tests := []struct {
		encoding mediav1.VoiceInput_VoiceEncoding
		rate     int32
		changes  bool
	}{
		{mediav1.VoiceInput_UNSPECIFIED_FORMAT, 0, false},
		{mediav1.VoiceInput_MULAW_FORMAT, 8000, false}, // the same
		{mediav1.VoiceInput_ALAW_FORMAT, 8000, true},
		{mediav1.VoiceInput_LINEAR16_FORMAT, 16000, true},
		{mediav1.VoiceInput_LINEAR16_FORMAT, 8000, true},
		{mediav1.VoiceInput_UNSPECIFIED_FORMAT, 0, true},
	}
	for i, test := range tests {
		data := []byte{byte(i), 2, 3, 4}
		q := sound("c1", data)
		q.GetAudioInput().Encoding, q.GetAudioInput().SampleRateHertz = test.encoding, test.rate
		if _, err := r.exchange(t, q); err != nil {
			t.Errorf("%v at %d Hz: %v", test.encoding, test.rate, err)
		}
		if got := <-heard; !bytes.Equal(got, data) || len(formats) == 1 != test.changes {
			t.Errorf("%v at %d Hz: the bot heard %v in %d other formats", test.encoding, test.rate, got, len(formats))
		}
		for len(formats) > 0 {
			<-formats
		}
	}
}

func TestR22_ChunksOnTheWire(t *testing.T) {
	got := serve(t, session.Config{}).begin(t, "c1")
	last := len(got) - 1
	for _, r := range got[:last] {
		if p := r.GetPrompts(); r.GetResponseType() != mediav1.VoiceVAResponse_CHUNK || len(p) != 1 || bytes.HasPrefix(p[0].GetAudioContent(), []byte("RIFF")) {
			t.Errorf("before FINAL came %v with %d prompts, want a CHUNK with one and no header", r.GetResponseType(), len(p))
		}
	}
	if last == 0 || got[last].GetResponseType() != mediav1.VoiceVAResponse_FINAL || len(got[last].GetPrompts()) != 0 {
		t.Errorf("%d chunks were closed by %v", last, got[last])
	}
}

// wavCalls is a call in WAV mode that greets with two prompts and wants no more.
func wavCalls(t *testing.T) []*mediav1.VoiceVAResponse {
	wav := session.DefaultSettings()
	wav.Answers = session.WAV
	r := perform(t, &puppet{react: answering(func(_ uint64, do func(uint64, session.CommandBody)) {
		for prompt, n := range []int{800, 1600} {
			do(uint64(prompt+1), session.StartPrompt{BargeIn: prompt == 0})
			do(uint64(prompt+1), session.PromptAudio{Data: bytes.Repeat([]byte{0x55}, n), End: true})
		}
		do(0, session.Done{})
	})}, session.Config{Calls: &wav})
	return r.begin(t, "c1")
}

func TestR21_WAVOnTheWire(t *testing.T) {
	got := wavCalls(t)
	if len(got) != 1 || got[0].GetResponseType() != mediav1.VoiceVAResponse_FINAL || len(got[0].GetPrompts()) != 2 {
		t.Fatalf("got %d responses, want one FINAL with two prompts", len(got))
	}
	for i, p := range got[0].GetPrompts() {
		data := p.GetAudioContent()
		if !bytes.HasPrefix(data, []byte("RIFF")) || !bytes.HasSuffix(data, bytes.Repeat([]byte{0x55}, 800*(i+1))) || p.GetIsBargeInEnabled() != (i == 0) {
			t.Errorf("prompt %d has %d bytes and begins with %q, barge-in %t", i, len(data), data[:4], p.GetIsBargeInEnabled())
		}
	}
}

func TestR23_WAVFormat(t *testing.T) {
	for _, p := range wavCalls(t)[0].GetPrompts() {
		data := p.GetAudioContent()
		at := bytes.Index(data, []byte("fmt ")) + 8
		tag, channels := binary.LittleEndian.Uint16(data[at:]), binary.LittleEndian.Uint16(data[at+2:])
		rate, bits := binary.LittleEndian.Uint32(data[at+4:]), binary.LittleEndian.Uint16(data[at+14:])
		if tag != 7 || channels != 1 || rate != 8000 || bits != 8 {
			t.Errorf("format tag %d, %d channels, %d Hz, %d bits: want mu-law, mono, 8 kHz, 8 bits", tag, channels, rate, bits)
		}
		if int(binary.LittleEndian.Uint32(data[4:])) != len(data)-8 {
			t.Errorf("the header names %d bytes, the file has %d", binary.LittleEndian.Uint32(data[4:]), len(data)-8)
		}
	}
}

func TestR24_PartialOnTheWire(t *testing.T) {
	synctest.Test(t, partialOnTheWire)
}

func partialOnTheWire(t *testing.T) {
	wav := session.DefaultSettings()
	wav.Answers, wav.PartialResponses = session.WAV, true
	release := make(chan func(), 1)
	r := perform(t, &puppet{react: answering(func(_ uint64, do func(uint64, session.CommandBody)) {
		release <- func() { do(0, session.Done{}) }
	})}, session.Config{Calls: &wav})
	for _, allowed := range []bool{true, false} {
		st, err := mediav1.NewVoiceVirtualAgentClient(r.conn).ProcessCallerInput(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		q := digits("c1", mediav1.DTMFDigits_DTMF_DIGIT_ONE)
		q.AllowPartialResponses = allowed
		if err := st.Send(q); err != nil {
			t.Fatal(err)
		}
		answer := <-release
		if allowed {
			first, err := st.Recv()
			if err != nil || first.GetResponseType() != mediav1.VoiceVAResponse_PARTIAL || !bytes.HasPrefix(first.GetPrompts()[0].GetAudioContent(), []byte("RIFF")) {
				t.Fatalf("the first response is %v, %v, want PARTIAL with a WAV file", first.GetResponseType(), err)
			}
		}
		time.Sleep(5 * time.Second) // a filler comes after 2
		answer()
		got, err := collect(st)
		if err != nil || len(got) != 1 || got[0].GetResponseType() != mediav1.VoiceVAResponse_FINAL {
			t.Fatalf("PARTIAL allowed %t: then came %v, %v, want FINAL alone", allowed, got, err)
		}
	}
}

func TestR25_NoTextOnTheWire(t *testing.T) {
	r := serve(t, session.Config{})
	for _, response := range append(r.begin(t, "c1"), wavCalls(t)...) {
		for _, p := range response.GetPrompts() {
			if p.GetText() != "" || p.GetAudioUri() != "" || len(p.GetAudioContent()) == 0 {
				t.Errorf("a prompt has text %q and address %q beside %d bytes", p.GetText(), p.GetAudioUri(), len(p.GetAudioContent()))
			}
		}
	}
}
