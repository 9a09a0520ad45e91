package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
)

type client = grpc.BidiStreamingClient[mediav1.VoiceVARequest, mediav1.VoiceVAResponse]

// measure drives all calls against one server and returns the frames that came
// back a second.
func measure(ctx context.Context, addr string, d time.Duration) (float64, error) {
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithInitialConnWindowSize(1<<20), grpc.WithInitialWindowSize(1<<20))
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, d+30*time.Second) // a hang is an error, not a wait
	defer cancel()
	var (
		heard   atomic.Int64 // bytes
		failed  = make(chan error, calls)
		running sync.WaitGroup
		over    = time.Now().Add(d)
	)
	began := time.Now()
	for range calls {
		running.Go(func() {
			if err := runCall(ctx, mediav1.NewVoiceVirtualAgentClient(conn), over, &heard); err != nil {
				failed <- err
			}
		})
	}
	running.Wait()
	took := time.Since(began)
	close(failed)
	if err := <-failed; err != nil {
		return 0, err
	}
	return float64(heard.Load()) / frameBytes / took.Seconds(), nil
}

// runCall is a call: greeting, frames on one listening RPC, hang-up.
func runCall(ctx context.Context, agent mediav1.VoiceVirtualAgentClient, over time.Time, heard *atomic.Int64) error {
	conversation := rand.Text()
	if err := sendEvent(ctx, agent, conversation, mediav1.EventInput_SESSION_START); err != nil {
		return fmt.Errorf("session start: %w", err)
	}
	st, err := agent.ProcessCallerInput(ctx)
	if err != nil {
		return err
	}
	if err := exchangeFrames(st, conversation, over, heard); err != nil {
		return fmt.Errorf("frames: %w", err)
	}
	return sendEvent(ctx, agent, conversation, mediav1.EventInput_SESSION_END)
}

func sendEvent(ctx context.Context, agent mediav1.VoiceVirtualAgentClient, conversation string, kind mediav1.EventInput_EventType) error {
	st, err := agent.ProcessCallerInput(ctx)
	if err != nil {
		return err
	}
	err = st.Send(&mediav1.VoiceVARequest{ConversationId: conversation, CustomerOrgId: "bench",
		VoiceVaInputType: &mediav1.VoiceVARequest_EventInput{EventInput: &mediav1.EventInput{EventType: kind}}})
	if err != nil {
		return err
	}
	return finish(st)
}

// finish half-closes and reads to the end.
func finish(st client) error {
	if err := st.CloseSend(); err != nil {
		return err
	}
	for {
		if _, err := st.Recv(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// exchangeFrames keeps a window of frames under way until the time is over.
func exchangeFrames(st client, conversation string, over time.Time, heard *atomic.Int64) error {
	frame := &mediav1.VoiceVARequest{ConversationId: conversation, CustomerOrgId: "bench",
		VoiceVaInputType: &mediav1.VoiceVARequest_AudioInput{AudioInput: &mediav1.VoiceInput{
			CallerAudio: make([]byte, frameBytes), Encoding: mediav1.VoiceInput_MULAW_FORMAT, SampleRateHertz: 8000}}}
	sent, back := 0, 0 // bytes
	for {
		for time.Now().Before(over) && sent-back < window*frameBytes {
			if err := st.Send(frame); err != nil {
				return err
			}
			sent += frameBytes
		}
		if sent == back {
			return finish(st)
		}
		response, err := st.Recv()
		if err != nil {
			return err
		}
		for _, p := range response.GetPrompts() {
			back += len(p.GetAudioContent())
			heard.Add(int64(len(p.GetAudioContent())))
		}
	}
}
