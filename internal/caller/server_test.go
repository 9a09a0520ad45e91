package caller

import (
	"context"
	"io"
	"math"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/test/bufconn"

	"github.com/byova-host/byova-host/internal/audio"
	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
)

type (
	in  = mediav1.VoiceVARequest
	out = mediav1.VoiceVAResponse
)

// server is a small virtual agent that keeps the rules. Its fields change one
// thing each.
type server struct {
	mediav1.UnimplementedVoiceVirtualAgentServer
	hasty    bool                             // takes the start of speech for its end
	bargeIn  bool                             // on all prompts
	greeting []byte                           // default 300 ms
	answer   []byte                           // default 300 ms
	wav      bool                             // WAV mode
	timers   *mediav1.InputHandlingConfig     // default: entries of 20 keys, # ends, 3 s
	mode     mediav1.VoiceVAInputMode         // default voice and DTMF
	tweak    func(role string, m *out) []*out // rewrites what is sent
	serve    func(first *in, s serverStream) (done bool, err error)

	mu     sync.Mutex
	frames []heardFrame
	keys   []string
	tokens []string
}

type serverStream = grpc.BidiStreamingServer[in, out]

// heardFrame is one audio message as it arrived.
type heardFrame struct {
	at   time.Time
	size int
	from time.Time
}

func (s *server) ProcessCallerInput(stream serverStream) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	if s.serve != nil {
		if done, err := s.serve(first, stream); done {
			return err
		}
	}
	switch {
	case first.GetEventInput() != nil:
		return s.event(first.GetEventInput().GetEventType(), stream)
	case first.GetDtmfInput() != nil:
		return s.entry(first.GetDtmfInput(), stream)
	}
	return s.listen(first, stream)
}

// send sends one message unless the test changes it.
func (s *server) send(stream serverStream, role string, m *out) error {
	list := []*out{m}
	if s.tweak != nil {
		list = s.tweak(role, m)
	}
	for _, m := range list {
		if m == nil { // nothing is said here by a server that keeps the rules
			continue
		}
		if err := stream.Send(m); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) event(e mediav1.EventInput_EventType, stream serverStream) error {
	switch e {
	case mediav1.EventInput_SESSION_START:
		if err := drain(stream); err != nil {
			return err
		}
		return s.speak(stream, "greeting", orDefault(s.greeting, tone(300*time.Millisecond, 440)))
	case mediav1.EventInput_NO_INPUT:
		return s.speak(stream, "reprompt", tone(200*time.Millisecond, 220))
	case mediav1.EventInput_START_OF_DTMF:
		return s.send(stream, "dtmf start", nil)
	}
	return s.send(stream, "session end", nil)
}

func (s *server) entry(d *mediav1.DTMFInputs, stream serverStream) error {
	var digits strings.Builder
	for _, e := range d.GetDtmfEvents() {
		digits.WriteString(string(keyOrder[e-1]))
	}
	s.mu.Lock()
	s.keys = append(s.keys, digits.String())
	s.mu.Unlock()
	if digits.String() == "0" {
		if err := s.prompts(stream, "goodbye", tone(300*time.Millisecond, 440)); err != nil {
			return err
		}
		return s.send(stream, "terminal", terminalEvent())
	}
	return s.speak(stream, "entry", tone(900*time.Millisecond, 660))
}

// listen is an RPC with the caller's audio.
func (s *server) listen(m *in, stream serverStream) error {
	loud, quiet, speech := 0, 0, false
	for {
		data := m.GetAudioInput().GetCallerAudio()
		s.mu.Lock()
		s.frames = append(s.frames, heardFrame{time.Now(), len(data), m.GetAudioInput().GetAudioTimestamp().AsTime()})
		s.mu.Unlock()
		if dBov(audio.DecodeMuLaw(nil, data)) > -45 {
			loud, quiet = loud+1, 0
		} else {
			loud, quiet = 0, quiet+1
		}
		if !speech && loud == 4 {
			speech = true
			if err := s.send(stream, "start", event(mediav1.OutputEvent_START_OF_INPUT)); err != nil {
				return err
			}
		}
		if speech && (quiet == 25 || s.hasty) {
			if err := s.send(stream, "end", event(mediav1.OutputEvent_END_OF_INPUT)); err != nil {
				return err
			}
			return s.speak(stream, "answer", orDefault(s.answer, tone(300*time.Millisecond, 880)))
		}
		var err error
		if m, err = stream.Recv(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if e := m.GetEventInput(); e != nil {
			return s.event(e.GetEventType(), stream)
		}
	}
}

// speak is a complete answer.
func (s *server) speak(stream serverStream, role string, muLaw []byte) error {
	if !s.wav {
		if err := s.prompts(stream, role, muLaw); err != nil {
			return err
		}
	}
	final := s.final()
	if s.wav {
		final.Prompts = []*mediav1.Prompt{{AudioContent: wavFile(muLaw, audio.Telephone), IsBargeInEnabled: s.bargeIn}}
	}
	return s.send(stream, role+" final", final)
}

func (s *server) final() *out {
	mode := s.mode
	setDefault(&mode, mediav1.VoiceVAInputMode_INPUT_VOICE_DTMF)
	timers := s.timers
	if timers == nil {
		timers = config(20, 3000, 0)
	}
	return &out{InputMode: mode, InputHandlingConfig: timers}
}

func (s *server) prompts(stream serverStream, role string, muLaw []byte) error {
	const size = 1600
	for len(muLaw) > 0 {
		n := min(size, len(muLaw))
		if rest := len(muLaw) - n; rest < 100 {
			n += rest
		}
		if err := s.send(stream, role+" chunk", chunkOf(muLaw[:n], s.bargeIn)); err != nil {
			return err
		}
		muLaw = muLaw[n:]
	}
	return nil
}

func config(length, gap, noInput int32) *mediav1.InputHandlingConfig {
	return &mediav1.InputHandlingConfig{
		DtmfConfig: &mediav1.DTMFInputConfig{DtmfInputLength: length, InterDigitTimeoutMsec: gap,
			Termchar: mediav1.DTMFDigits_DTMF_DIGIT_POUND},
		SpeechTimers: &mediav1.InputSpeechTimers{NoInputTimeoutMsec: noInput},
	}
}

func chunkOf(data []byte, bargeIn bool) *out {
	return &out{ResponseType: mediav1.VoiceVAResponse_CHUNK, Prompts: []*mediav1.Prompt{{AudioContent: data, IsBargeInEnabled: bargeIn}}}
}

func event(e mediav1.OutputEvent_EventType) *out {
	return &out{OutputEvents: []*mediav1.OutputEvent{{EventType: e}}}
}

func terminalEvent() *out { return event(mediav1.OutputEvent_TRANSFER_TO_AGENT) }

func orDefault(b, otherwise []byte) []byte {
	if b == nil {
		return otherwise
	}
	return b
}

func drain(stream serverStream) error {
	for {
		if _, err := stream.Recv(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// tone is a sine in mu-law, loud enough to count as speech.
func tone(d time.Duration, hertz float64) []byte {
	samples := make([]int16, audio.Telephone.Bytes(d))
	for i := range samples {
		samples[i] = int16(8000 * math.Sin(2*math.Pi*hertz*float64(i)/8000))
	}
	return audio.EncodeMuLaw(nil, samples)
}

func wavFile(data []byte, f audio.Format) []byte {
	return audio.AppendWAV(nil, audio.WAV{Format: f, Channels: 1, Data: data})
}

// dial serves s in memory and returns the options to reach it; the server is
// gone when the test has ended.
func dial(t *testing.T, s *server) []grpc.DialOption {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	g := grpc.NewServer(grpc.StreamInterceptor(func(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, h grpc.StreamHandler) error {
		s.noteToken(stream.Context())
		return h(srv, stream)
	}))
	mediav1.RegisterVoiceVirtualAgentServer(g, s)
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := g.Serve(listener); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	t.Cleanup(func() { g.Stop(); serving.Wait() })
	return []grpc.DialOption{grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
		return listener.DialContext(ctx)
	})}
}

// inBubble places a call to s inside a bubble: time passes at once, and a leaked
// goroutine fails the test.
func inBubble(t *testing.T, s *server, o Options, check func(*testing.T, *Result)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o.Addr, o.Dial = "passthrough:///server", dial(t, s)
		result, err := Run(t.Context(), o)
		if err != nil {
			t.Fatalf("Run: %v", err)
		}
		check(t, result)
		if t.Failed() {
			timeline := NewTimeline(t.Output())
			for _, e := range result.Entries {
				timeline.Log(e)
			}
			timeline.Close()
			result.Print(t.Output())
		}
	})
}
