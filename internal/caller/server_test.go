package caller

import (
	"context"
	"io"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

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
	careless bool // takes any ids and any token
	agents   int  // how many are listed as the default one
	sick     bool // is said not to serve

	mu     sync.Mutex
	known  map[string]bool // conversations that were greeted and not left
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
	if !s.careless {
		if err := admit(first); err != nil {
			return err
		}
	}
	if s.serve != nil {
		if done, err := s.serve(first, stream); done {
			return err
		}
	}
	return s.act(first, stream)
}

// admit says what is wrong with the ids of a request.
func admit(m *in) error {
	switch {
	case m.GetConversationId() == "" || m.GetCustomerOrgId() == "":
		return status.Error(codes.InvalidArgument, "an id is missing")
	case m.GetVirtualAgentId() != "":
		return status.Error(codes.NotFound, "no such agent")
	}
	return nil
}

// ListVirtualAgents lists one agent, or as many as agents says, each the default.
func (s *server) ListVirtualAgents(context.Context, *mediav1.ListVARequest) (*mediav1.ListVAResponse, error) {
	list := &mediav1.ListVAResponse{}
	for i := range max(1, s.agents) {
		list.VirtualAgents = append(list.VirtualAgents, &mediav1.VirtualAgentInfo{
			VirtualAgentId: strconv.Itoa(i), VirtualAgentName: "Agent", IsDefault: true})
	}
	return list, nil
}

// act is what a server does that keeps the rules.
func (s *server) act(first *in, stream serverStream) error {
	switch {
	case first.GetEventInput().GetEventType() == mediav1.EventInput_SESSION_START && s.meet(first.GetConversationId()):
		return s.again(stream)
	case first.GetEventInput() != nil:
		return s.event(first.GetEventInput().GetEventType(), stream)
	case first.GetDtmfInput() != nil:
		return s.entry(first, stream)
	}
	return s.listen(first, stream)
}

// meet notes that a conversation is greeted and reports whether it was before.
func (s *server) meet(conversation string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.known[conversation]
	if s.known == nil {
		s.known = map[string]bool{}
	}
	s.known[conversation] = true
	return before
}

func (s *server) leave(conversation string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.known, conversation)
}

// again answers a repeated SESSION_START.
func (s *server) again(stream serverStream) error {
	if err := drain(stream); err != nil {
		return err
	}
	return s.send(stream, "again", s.final())
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
	case mediav1.EventInput_SESSION_START, mediav1.EventInput_CUSTOM_EVENT:
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

// endings are the entries with which the server ends the call.
var endings = map[string]mediav1.OutputEvent_EventType{
	"0": mediav1.OutputEvent_TRANSFER_TO_AGENT,
	"7": mediav1.OutputEvent_CUSTOM_EVENT,
	"9": mediav1.OutputEvent_SESSION_END,
}

func (s *server) entry(m *in, stream serverStream) error {
	var digits strings.Builder
	for _, e := range m.GetDtmfInput().GetDtmfEvents() {
		digits.WriteString(string(keyOrder[e-1]))
	}
	s.mu.Lock()
	s.keys = append(s.keys, digits.String())
	s.mu.Unlock()
	if e, ok := endings[strings.TrimSuffix(digits.String(), "#")]; ok {
		s.leave(m.GetConversationId())
		if err := s.ending(stream, tone(300*time.Millisecond, 440)); err != nil {
			return err
		}
		last := event(e)
		last.OutputEvents[0].Name = "end"
		last.OutputEvents[0].Metadata, _ = structpb.NewStruct(map[string]any{"reason": "asked"})
		last.SessionTranscript = &mediav1.TextContent{InputContent: &mediav1.TextContent_Text{Text: "Caller: bye"}}
		if s.wav {
			last.Prompts = []*mediav1.Prompt{{AudioContent: wavFile(tone(300*time.Millisecond, 440), audio.Telephone)}}
		}
		return s.send(stream, "terminal", last)
	}
	return s.speak(stream, "entry", tone(900*time.Millisecond, 660))
}

// ending says goodbye; in WAV mode that goes with the event.
func (s *server) ending(stream serverStream, muLaw []byte) error {
	if s.wav {
		return nil
	}
	return s.prompts(stream, "goodbye", muLaw)
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
			loud, quiet = loud+len(data), 0
		} else {
			loud, quiet = 0, quiet+len(data)
		}
		if !speech && loud >= 640 {
			speech = true
			if err := s.send(stream, "start", event(mediav1.OutputEvent_START_OF_INPUT)); err != nil {
				return err
			}
		}
		if speech && (quiet >= 4000 || s.hasty) {
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
