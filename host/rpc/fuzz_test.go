package rpc_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/byova-host/byova-host/host/rpc"
	"github.com/byova-host/byova-host/host/session"
	"github.com/byova-host/byova-host/internal/audio"
	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
)

// FuzzCalls lets a caller's side and a bot do anything in any order, over real
// gRPC: the first two bytes choose settings, each two that follow one act.
// Whatever they do, nothing panics, nothing follows a FINAL that closes an
// answer, an RPC completes once it is half-closed or cancelled, no session is
// left after SESSION_END, and no goroutine after that.
func FuzzCalls(f *testing.F) {
	const start, half, wait, press, speak, hush, end = 0, 20, 31, 3, 7, 8, 1
	f.Add([]byte{autoBot, 0, start, 0, half, 0, wait, 10, speak, 200, 12, 1, wait, 200, half, 1, end, 0, half, 2})
	f.Add([]byte{autoBot, 0, start, 0, half, 0, hush, 0, press, 0, half, 2, 22, 0, end, 0, half, 0})
	f.Add([]byte{wavMode | autoBot, 0, start, 0, half, 0, press, 0, half, 1, 2, 0, press, 0, half, 1})
	f.Add([]byte{0, 0, start, 0, half, 0, 24, 1, 25, 60, 25, 64, speak, 255, 27, 0, wait, 255, wait, 255})
	f.Add([]byte{0, 1, start, 0, half, 0, wait, 1, 28, 1, start, 0, half, 1, 6, 0, half, 0, 30, 0})
	f.Add([]byte{errorFallback, 0, start, 0, half, 0, press, 1, half, 0, 29, 1, press, 1, half, 0})
	f.Add([]byte{rejectUnknown | fewSessions, 0, press, 0, half, 0, start, 0, start, 4, half, 0, half, 1})
	f.Add([]byte{ownEndpointing, 0, start, 0, half, 0, speak, 100, 30, 1, wait, 9, 30, 2, 27, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) < 2 {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, data[0], data[1])
			for i := 2; i+1 < len(data) && i < 300; i += 2 {
				w.act(data[i], data[i+1])
			}
			w.close()
		})
	})
}

// The settings that the first byte chooses.
const (
	wavMode byte = 1 << iota
	rejectUnknown
	fewSessions
	autoBot
	tellWithAnswer
	errorFallback
	ownEndpointing
	withPartial
)

// Times within which everything of a call must have come to its end.
const (
	answerWithin = 5 * time.Second
	answerLimit  = 20 * time.Second
)

// world is a server with its caller's side and its bot.
type world struct {
	t        *testing.T
	flags    byte
	sessions *session.Sessions
	bot      *anyBot
	client   mediav1.VoiceVirtualAgentClient
	rpcs     []*anyRPC
	readers  sync.WaitGroup
	stop     func()
}

func newWorld(t *testing.T, flags, more byte) *world {
	settings := session.DefaultSettings()
	settings.AnswerWithin, settings.AnswerLimit, settings.FillerAfter = answerWithin, answerLimit, time.Second
	settings.PartialResponses, settings.GreetingBargeIn = flags&withPartial != 0, more&1 == 0
	if flags&wavMode != 0 {
		settings.Answers = session.WAV
	}
	if flags&tellWithAnswer != 0 {
		settings.EndOfInput = session.WithAnswer
	}
	settings.Fallback.Action = session.FallbackAction(more >> 1 % 3)
	if flags&errorFallback != 0 {
		settings.Fallback.Action = session.FallbackError
	}
	config := session.Config{Log: hclog.NewNullLogger(), Calls: &settings, RejectUnknown: flags&rejectUnknown != 0}
	if flags&fewSessions != 0 {
		config.MaxSessions = 1
	}
	w := &world{t: t, flags: flags, bot: &anyBot{auto: flags&autoBot != 0}}
	w.bot.traits.OwnEndpointing = flags&ownEndpointing != 0
	w.sessions = session.New(w.bot, config)
	w.serve()
	return w
}

// serve puts a real server in front of the sessions and connects to it.
func (w *world) serve() {
	listener := bufconn.Listen(1 << 20)
	server := rpc.NewServer(w.sessions, hclog.NewNullLogger())
	var served sync.WaitGroup
	served.Go(func() {
		if err := server.Serve(listener); err != nil {
			w.t.Error(err)
		}
	})
	conn, err := grpc.NewClient("passthrough:///memory", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		w.t.Fatal(err)
	}
	w.client = mediav1.NewVoiceVirtualAgentClient(conn)
	w.stop = func() {
		conn.Close()
		if cut := w.sessions.Stop(); cut != 0 {
			w.t.Errorf("%d sessions were cut", cut)
		}
		server.Stop(w.t.Context())
		served.Wait()
	}
}

// act carries out what two bytes stand for.
func (w *world) act(what, arg byte) {
	switch n := int(what) % 36; {
	case n < 12:
		w.open().send(w.message(n, arg))
	case n < 20:
		if r := w.pick(arg); r != nil {
			r.send(w.message(int(arg)>>3%12, arg*7))
		}
	case n < 22:
		if r := w.pick(arg); r != nil {
			r.halfClose()
		}
	case n < 23:
		if r := w.pick(arg); r != nil {
			r.cancel()
		}
	case n < 31:
		w.bot.command(n-23, arg)
	case n < 33:
		time.Sleep(time.Duration(arg) * 20 * time.Millisecond)
	default:
		synctest.Wait()
	}
}

// pick chooses among the RPCs, the newest first.
func (w *world) pick(arg byte) *anyRPC {
	if len(w.rpcs) == 0 {
		return nil
	}
	return w.rpcs[len(w.rpcs)-1-int(arg)%min(4, len(w.rpcs))]
}

var conversations = []string{"c1", "c2"}

// message makes one request. Some have ids that are missing or wrong.
func (w *world) message(kind int, arg byte) *mediav1.VoiceVARequest {
	id := conversations[arg>>2&1]
	m := event(id, mediav1.EventInput_EventType(kind))
	switch kind {
	case 0:
		m = event(id, mediav1.EventInput_SESSION_START)
	case 1:
		m = event(id, mediav1.EventInput_SESSION_END)
	case 2:
		m = event(id, mediav1.EventInput_START_OF_DTMF)
	case 3:
		m = digits(id, mediav1.DTMFDigits_DTMF_DIGIT_ONE, mediav1.DTMFDigits_DTMF_DIGIT_POUND)
	case 4:
		m = digits(id)
	case 5:
		m = event(id, mediav1.EventInput_NO_INPUT)
	case 6:
		m = event(id, mediav1.EventInput_CUSTOM_EVENT)
	case 7:
		m = sound(id, spoken()[:int(arg)*len(spoken())/255])
	case 8:
		m = sound(id, bytes.Repeat([]byte{0xff}, int(arg)*32))
	case 9:
		m = sound(id, spoken()[:int(arg)])
		m.GetAudioInput().Encoding, m.GetAudioInput().SampleRateHertz = mediav1.VoiceInput_LINEAR16_FORMAT, 16000
	case 10:
		m = request(id)
	}
	m.AllowPartialResponses = w.flags&withPartial != 0
	switch arg {
	case 0xf0:
		m.ConversationId = ""
	case 0xf1:
		m.CustomerOrgId = "another"
	case 0xf2:
		m.VirtualAgentId = "nobody"
	case 0xf3:
		m.VirtualAgentId = "other"
	}
	return m
}

// spoken is somebody speaking, in mu-law, with silence at its end.
var spoken = sync.OnceValue(func() []byte {
	file, err := os.ReadFile("../../examples/speech/hello.wav")
	if err != nil {
		panic(err)
	}
	wav, err := audio.ParseWAV(file)
	if err != nil {
		panic(err)
	}
	return append(bytes.Clone(wav.Data), bytes.Repeat([]byte{0xff}, 8000)...)
})

// anyRPC is one RPC of the caller's side.
type anyRPC struct {
	w      *world
	st     grpc.BidiStreamingClient[mediav1.VoiceVARequest, mediav1.VoiceVAResponse]
	cancel context.CancelFunc
	ended  chan struct{}
	closed bool
}

func (w *world) open() *anyRPC {
	ctx, cancel := context.WithCancel(w.t.Context())
	st, err := w.client.ProcessCallerInput(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	r := &anyRPC{w: w, st: st, cancel: cancel, ended: make(chan struct{})}
	w.rpcs = append(w.rpcs, r)
	w.readers.Go(r.read)
	return r
}

func (r *anyRPC) send(m *mediav1.VoiceVARequest) {
	if r.closed {
		return
	}
	if err := r.st.Send(m); err != nil && !errors.Is(err, io.EOF) && status.Code(err) != codes.Canceled {
		r.w.t.Errorf("send: %v", err)
	}
}

func (r *anyRPC) halfClose() {
	if !r.closed {
		r.closed = true
		r.st.CloseSend()
	}
}

// read holds the laws of what comes on an RPC.
func (r *anyRPC) read() {
	defer close(r.ended)
	final := false
	for {
		m, err := r.st.Recv()
		if err != nil {
			r.checkEnd(err)
			return
		}
		if final {
			r.w.t.Errorf("%v follows a FINAL", m)
		}
		final = closesAnswer(m)
		r.checkPrompts(m)
	}
}

// closesAnswer tells the FINAL of an answer from an event that stands alone.
func closesAnswer(m *mediav1.VoiceVAResponse) bool {
	if m.GetResponseType() != mediav1.VoiceVAResponse_FINAL {
		return false
	}
	for _, e := range m.GetOutputEvents() {
		if e.GetEventType() == mediav1.OutputEvent_START_OF_INPUT || e.GetEventType() == mediav1.OutputEvent_END_OF_INPUT {
			return false
		}
	}
	return true
}

func (r *anyRPC) checkEnd(err error) {
	code := status.Code(err)
	switch code {
	case codes.InvalidArgument, codes.NotFound, codes.ResourceExhausted, codes.Canceled:
		return
	case codes.FailedPrecondition:
		if r.w.flags&rejectUnknown != 0 {
			return
		}
	case codes.Internal:
		if r.w.flags&errorFallback != 0 {
			return
		}
	}
	if !errors.Is(err, io.EOF) {
		r.w.t.Errorf("an RPC ended with %v", err)
	}
}

func (r *anyRPC) checkPrompts(m *mediav1.VoiceVAResponse) {
	if len(m.GetOutputEvents()) > 1 {
		r.w.t.Errorf("%d events in a response", len(m.GetOutputEvents()))
	}
	for _, p := range m.GetPrompts() {
		data := p.GetAudioContent()
		chunk, wav := m.GetResponseType() == mediav1.VoiceVAResponse_CHUNK, r.w.flags&wavMode != 0
		switch {
		case chunk == wav:
			r.w.t.Errorf("a prompt in a %v, in the mode WAV: %v", m.GetResponseType(), wav)
		case wav && !bytes.HasPrefix(data, []byte("RIFF")):
			r.w.t.Errorf("a prompt of %d bytes has no WAV header", len(data))
		case chunk && (len(data) < 100 || len(data) > 65536):
			r.w.t.Errorf("a chunk of %d bytes", len(data))
		}
	}
}

// close ends what is still open and holds that all of it comes to its end.
func (w *world) close() {
	for _, r := range w.rpcs {
		r.halfClose()
	}
	time.Sleep(answerLimit + answerWithin)
	for i, r := range w.rpcs {
		select {
		case <-r.ended:
		default:
			w.t.Errorf("RPC %d of %d was half-closed and does not end", i+1, len(w.rpcs))
			r.cancel()
		}
	}
	for _, org := range []string{"org", "another"} {
		for _, id := range conversations {
			last := event(id, mediav1.EventInput_SESSION_END)
			last.CustomerOrgId = org
			r := w.open()
			r.send(last)
			r.halfClose()
			<-r.ended
		}
	}
	w.readers.Wait()
	synctest.Wait()
	if n := w.sessions.Len(); n != 0 {
		w.t.Errorf("%d sessions live on after SESSION_END", n)
	}
	w.stop()
	for _, r := range w.rpcs {
		r.cancel()
	}
}

// anyBot is a bot that does what it is told, whether that makes sense or not.
type anyBot struct {
	auto   bool // answers each turn when its input has ended
	traits session.Traits

	mu    sync.Mutex
	calls []*anyCall
}

func (b *anyBot) List(context.Context, string) ([]session.AgentInfo, error) {
	return []session.AgentInfo{{ID: "bot", Default: true}}, nil
}

func (b *anyBot) Open(_ context.Context, _, agent string, sink session.Sink) (session.AgentCall, error) {
	if agent == "nobody" {
		return nil, fmt.Errorf("%w %q", session.ErrUnknownAgent, agent)
	}
	c := &anyCall{bot: b, sink: sink}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls = append(b.calls, c)
	return c, nil
}

// command has the bot do something in its newest call or in the one before.
func (b *anyBot) command(what int, arg byte) {
	b.mu.Lock()
	n := len(b.calls)
	if n == 0 {
		b.mu.Unlock()
		return
	}
	c := b.calls[n-1-min(n-1, int(arg&1))]
	turn, prompt := c.turn-min(c.turn, uint64(arg>>6)), c.prompt
	if what == 0 {
		c.prompt++
		prompt = c.prompt
	}
	b.mu.Unlock()
	c.sink.Command(session.Command{Turn: turn, Prompt: prompt, Ref: 1, Body: anyCommand(what, arg)})
}

func anyCommand(what int, arg byte) session.CommandBody {
	switch what {
	case 0:
		format := audio.Telephone
		if arg&4 != 0 {
			format = audio.Format{Encoding: audio.Linear16, Rate: 16000}
		}
		return session.StartPrompt{Format: format, BargeIn: arg&2 == 0}
	case 1, 2:
		return session.PromptAudio{Data: make([]byte, int(arg)*64), End: arg&2 == 0}
	case 3:
		return session.Done{Event: []session.OutputEvent{session.NoEvent, session.NoMatch, session.NoInputEvent}[arg%3]}
	case 4:
		return session.Clear{}
	case 5:
		return session.Leave{Event: session.TransferToAgent + session.OutputEvent(arg>>1%3), Name: "away"}
	case 6:
		if arg&2 == 0 {
			return session.GiveUp{Message: "enough"}
		}
		return session.SetInput{DTMFLength: int(arg), NoInput: time.Second, Sensitive: arg&4 != 0, Terminator: "*"}
	default:
		return session.Endpoint{End: arg&2 != 0, At: time.Duration(arg) * 20 * time.Millisecond}
	}
}

// anyCall is a call at anyBot.
type anyCall struct {
	bot    *anyBot
	sink   session.Sink
	turn   uint64 // under the bot's lock, like prompt
	prompt uint64
}

func (c *anyCall) Agent() string           { return "bot" }
func (c *anyCall) Traits() session.Traits  { return c.bot.traits }
func (c *anyCall) Close(session.EndReason) {}
func (c *anyCall) Settled()                {}
func (c *anyCall) Resume(context.Context, session.Resumption, session.Sink) (session.AgentCall, error) {
	return nil, session.ErrAgentUnavailable
}
func (c *anyCall) AudioLost() int64 { return 0 }

func (c *anyCall) Send(e session.Event) error {
	c.bot.mu.Lock()
	defer c.bot.mu.Unlock()
	switch body := e.Body.(type) {
	case session.TurnStarted:
		c.turn = body.Turn
	case session.InputEnded:
		if c.bot.auto {
			c.answer(body.Turn)
		}
	}
	return nil
}

// answer says something and is done.
func (c *anyCall) answer(turn uint64) {
	c.prompt++
	loud := make([]byte, 4000)
	for i := range loud {
		loud[i] = byte(0x80 + 0x20*math.Sin(float64(i)/3))
	}
	for _, body := range []session.CommandBody{
		session.StartPrompt{BargeIn: true}, session.PromptAudio{Data: loud, End: true}, session.Done{},
	} {
		c.sink.Command(session.Command{Turn: turn, Prompt: c.prompt, Ref: 1, Body: body})
	}
}
