//go:build unix

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
)

// second is a second of telephone audio, in bytes.
const second = 8000

// frame20 is 20 ms of telephone audio, in bytes; frame80 is what Webex sends at once.
const (
	frame20 = second / 50
	frame80 = 4 * frame20
)

// playTime is how long audio of that many bytes plays.
func playTime(bytes int) time.Duration { return time.Duration(bytes) * time.Second / second }

type stream = grpc.BidiStreamingClient[mediav1.VoiceVARequest, mediav1.VoiceVAResponse]

// call is one call, in one goroutine at a time.
type call struct {
	ctx          context.Context
	agent        mediav1.VoiceVirtualAgentClient
	conversation string
	frame        *mediav1.VoiceVARequest
	listen       stream
}

// newCall makes a call that will send frames of that size.
func (s *subject) newCall(ctx context.Context, conn *grpc.ClientConn, frameBytes int) *call {
	if s.at.Authorization != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", s.at.Authorization)
	}
	c := &call{ctx: ctx, agent: mediav1.NewVoiceVirtualAgentClient(conn), conversation: rand.Text()}
	c.frame = &mediav1.VoiceVARequest{ConversationId: c.conversation, CustomerOrgId: org,
		VoiceVaInputType: &mediav1.VoiceVARequest_AudioInput{AudioInput: &mediav1.VoiceInput{
			CallerAudio: quietNoise(frameBytes), Encoding: mediav1.VoiceInput_MULAW_FORMAT, SampleRateHertz: second}}}
	return c
}

// quietNoise is what a telephone line sounds like when nobody speaks.
func quietNoise(bytes int) []byte {
	noise := make([]byte, bytes)
	_, _ = rand.Read(noise) // never fails
	for i, b := range noise {
		noise[i] = 0x7c | b&0x83 // the least four steps, of both signs
	}
	return noise
}

// begin greets: it returns when the greeting has been received, and how long after
// due its first audio came.
func (c *call) begin(due time.Time) (firstAudio time.Duration, err error) {
	st, err := c.event(mediav1.EventInput_SESSION_START)
	if err != nil {
		return 0, fmt.Errorf("session start: %w", err)
	}
	for {
		r, err := st.Recv()
		switch {
		case errors.Is(err, io.EOF) && firstAudio == 0:
			return 0, errors.New("session start: no greeting came")
		case errors.Is(err, io.EOF):
			return firstAudio, nil
		case err != nil:
			return 0, fmt.Errorf("session start: %w", err)
		}
		if firstAudio == 0 && audioBytes(r) > 0 {
			firstAudio = time.Since(due)
		}
	}
}

// event sends one and half-closes.
func (c *call) event(kind mediav1.EventInput_EventType) (stream, error) {
	st, err := c.agent.ProcessCallerInput(c.ctx)
	if err != nil {
		return nil, err
	}
	err = st.Send(&mediav1.VoiceVARequest{ConversationId: c.conversation, CustomerOrgId: org,
		VoiceVaInputType: &mediav1.VoiceVARequest_EventInput{EventInput: &mediav1.EventInput{EventType: kind}}})
	if err != nil {
		return nil, err
	}
	return st, st.CloseSend()
}

// speak opens the RPC that frames go out on.
func (c *call) speak() (err error) {
	c.listen, err = c.agent.ProcessCallerInput(c.ctx)
	return err
}

// hangUp ends the call.
func (c *call) hangUp() error {
	if c.listen != nil {
		if err := c.listen.CloseSend(); err != nil {
			return err
		}
		if err := drain(c.listen); err != nil {
			return fmt.Errorf("frames: %w", err)
		}
	}
	st, err := c.event(mediav1.EventInput_SESSION_END)
	if err == nil {
		err = drain(st)
	}
	if err != nil {
		return fmt.Errorf("session end: %w", err)
	}
	return nil
}

// drain reads to the end.
func drain(st stream) error {
	for {
		if _, err := st.Recv(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func audioBytes(r *mediav1.VoiceVAResponse) (n int) {
	for _, p := range r.GetPrompts() {
		n += len(p.GetAudioContent())
	}
	return n
}
