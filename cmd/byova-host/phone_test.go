//go:build unix

package main

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"google.golang.org/grpc"

	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
)

// phone is a caller's side without a clock: what it is told to send goes out at
// once, one RPC for each exchange.
type phone struct {
	t         *testing.T
	conn      *grpc.ClientConn
	id, agent string
}

// newPhone connects to a host. The call is named by the agent that is called.
func newPhone(t *testing.T, addr, agent string) *phone {
	t.Helper()
	conn := dialHost(t, addr, 1)[0]
	t.Cleanup(func() { conn.Close() })
	return &phone{t: t, conn: conn, id: "to-" + agent, agent: agent}
}

// heard is what came back on an RPC.
type heard struct {
	audio  []byte
	event  *mediav1.OutputEvent // the last one that is about more than input
	finals int
	err    error
}

type webexStream = grpc.BidiStreamingClient[mediav1.VoiceVARequest, mediav1.VoiceVAResponse]

func (p *phone) open() webexStream {
	p.t.Helper()
	st, err := mediav1.NewVoiceVirtualAgentClient(p.conn).ProcessCallerInput(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	return st
}

func (p *phone) send(st webexStream, m *mediav1.VoiceVARequest) {
	p.t.Helper()
	m.ConversationId, m.CustomerOrgId, m.VirtualAgentId = p.id, "org", p.agent
	if err := st.Send(m); err != nil && !errors.Is(err, io.EOF) {
		p.t.Error(err)
	}
}

// exchange sends inputs on an RPC of their own, half-closes and hears the answer.
func (p *phone) exchange(inputs ...*mediav1.VoiceVARequest) heard {
	p.t.Helper()
	st := p.open()
	for _, m := range inputs {
		p.send(st, m)
	}
	st.CloseSend()
	return listenTo(st)
}

// listenTo hears an RPC to its end.
func listenTo(st webexStream) (h heard) {
	for {
		m, err := st.Recv()
		if errors.Is(err, io.EOF) {
			return h
		}
		if err != nil {
			h.err = err
			return h
		}
		aboutInput := false
		for _, e := range m.GetOutputEvents() {
			kind := e.GetEventType()
			aboutInput = kind == mediav1.OutputEvent_START_OF_INPUT || kind == mediav1.OutputEvent_END_OF_INPUT
			if !aboutInput {
				h.event = e
			}
		}
		if m.GetResponseType() == mediav1.VoiceVAResponse_FINAL && !aboutInput {
			h.finals++
		}
		for _, prompt := range m.GetPrompts() {
			h.audio = append(h.audio, prompt.GetAudioContent()...)
		}
	}
}

func (p *phone) start() heard  { return p.exchange(eventInput(mediav1.EventInput_SESSION_START)) }
func (p *phone) hangUp() heard { return p.exchange(eventInput(mediav1.EventInput_SESSION_END)) }

func (p *phone) press(keys string) heard { return p.exchange(keysInput(keys)) }

func (p *phone) say(words []byte) heard {
	return p.exchange(audioInput(words), audioInput(bytes.Repeat([]byte{0xff}, 8000)))
}

func eventInput(kind mediav1.EventInput_EventType) *mediav1.VoiceVARequest {
	return &mediav1.VoiceVARequest{VoiceVaInputType: &mediav1.VoiceVARequest_EventInput{EventInput: &mediav1.EventInput{EventType: kind}}}
}

func audioInput(data []byte) *mediav1.VoiceVARequest {
	return &mediav1.VoiceVARequest{VoiceVaInputType: &mediav1.VoiceVARequest_AudioInput{AudioInput: &mediav1.VoiceInput{CallerAudio: data}}}
}

func keysInput(keys string) *mediav1.VoiceVARequest {
	in := &mediav1.DTMFInputs{}
	for _, key := range keys {
		in.DtmfEvents = append(in.DtmfEvents, mediav1.DTMFDigits(strings.IndexRune("?1234567890ABCD*#", key)))
	}
	return &mediav1.VoiceVARequest{VoiceVaInputType: &mediav1.VoiceVARequest_DtmfInput{DtmfInput: in}}
}
