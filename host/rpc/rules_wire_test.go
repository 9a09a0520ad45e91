package rpc_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/byova-host/byova-host/host/session"
	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
)

func TestR26_ModesOnTheWire(t *testing.T) {
	modes := map[session.InputMode]mediav1.VoiceVAInputMode{
		session.VoiceAndDTMF: mediav1.VoiceVAInputMode_INPUT_VOICE_DTMF,
		session.VoiceOnly:    mediav1.VoiceVAInputMode_INPUT_VOICE,
		session.DTMFOnly:     mediav1.VoiceVAInputMode_INPUT_EVENT_DTMF,
	}
	for mode, want := range modes {
		r := perform(t, &puppet{react: answering(func(_ uint64, do func(uint64, session.CommandBody)) {
			do(0, session.SetInput{Mode: &mode})
			do(0, session.Done{})
		})}, session.Config{})
		if got := r.begin(t, "c1")[0].GetInputMode(); got != want {
			t.Errorf("mode %d is %v on the wire, want %v", mode, got, want)
		}
	}
}

func TestR27_ConfigurationOnTheWire(t *testing.T) {
	wish := session.SetInput{DTMFLength: 7, InterDigit: time.Second, Terminator: "*", NoInput: 9 * time.Second,
		EndSilence: 800 * time.Millisecond, MaxSpeech: 20 * time.Second}
	for terminator, number := range map[string]mediav1.DTMFDigits{
		"*": mediav1.DTMFDigits_DTMF_DIGIT_STAR, "#": mediav1.DTMFDigits_DTMF_DIGIT_POUND,
		"0": mediav1.DTMFDigits_DTMF_DIGIT_ZERO, "D": mediav1.DTMFDigits_DTMF_DIGIT_D, "none": mediav1.DTMFDigits_DTMF_EVENT_UNSPECIFIED,
	} {
		wish.Terminator = terminator
		r := perform(t, &puppet{react: answering(func(_ uint64, do func(uint64, session.CommandBody)) {
			do(0, wish)
			do(0, session.Done{})
		})}, session.Config{})
		got := r.begin(t, "c1")[0].GetInputHandlingConfig()
		keys, speech := got.GetDtmfConfig(), got.GetSpeechTimers()
		if keys.GetDtmfInputLength() != 7 || keys.GetInterDigitTimeoutMsec() != 1000 || keys.GetTermchar() != number {
			t.Errorf("keys are to be taken as %v, want 7, 1000 and %v", keys, number)
		}
		if speech.GetNoInputTimeoutMsec() != 9000 || speech.GetCompleteTimeoutMsec() != 800 || speech.GetMaxSpeechTimeoutMsec() != 20000 {
			t.Errorf("speech is to be taken as %v", speech)
		}
	}
}

func TestR28_SensitiveOnTheWire(t *testing.T) {
	r := perform(t, &puppet{react: answering(func(turn uint64, do func(uint64, session.CommandBody)) {
		if turn == 1 {
			do(0, session.SetInput{Sensitive: true})
		}
		do(0, session.Done{})
	})}, session.Config{})
	if !r.begin(t, "c1")[0].GetInputSensitive() {
		t.Error("the next input is not marked")
	}
	if got, err := r.exchange(t, digits("c1", 1)); err != nil || got[0].GetInputSensitive() {
		t.Errorf("the one after it is %v, %v", got, err)
	}
}

func TestR45_TransferOnTheWire(t *testing.T) {
	r := perform(t, &puppet{react: answering(func(_ uint64, do func(uint64, session.CommandBody)) {
		do(0, session.Leave{Event: session.TransferToAgent, Name: "asked", Metadata: map[string]any{"summary": "wants a person", "routing_hint": "desk"},
			Transcript: "User: a person", Summary: "short"})
	})}, session.Config{})
	last := r.begin(t, "c1")[0]
	event := last.GetOutputEvents()[0]
	if len(last.GetOutputEvents()) != 1 || event.GetEventType() != mediav1.OutputEvent_TRANSFER_TO_AGENT || event.GetName() != "asked" ||
		event.GetMetadata().AsMap()["summary"] != "wants a person" || event.GetMetadata().AsMap()["routing_hint"] != "desk" {
		t.Errorf("the events are %v", last.GetOutputEvents())
	}
	if last.GetSessionTranscript().GetText() != "User: a person" || last.GetSessionSummary().GetText() != "short" || last.GetInputHandlingConfig() != nil {
		t.Errorf("the last response is %v", last)
	}
}

// TestR36_KeysOnTheWire: every key has its place, and the terminator is not one
// of them.
func TestR36_KeysOnTheWire(t *testing.T) {
	heard := make(chan string, 1)
	r := perform(t, &puppet{react: func(sink session.Sink, e session.Event) {
		if entry, ok := e.Body.(session.DTMFEntry); ok {
			heard <- entry.Digits
		}
		answering(done)(sink, e)
	}}, session.Config{})
	var all []mediav1.DTMFDigits
	for number := mediav1.DTMFDigits(1); number <= 16; number++ {
		all = append(all, number)
	}
	if _, err := r.exchange(t, digits("c1", all...)); err != nil {
		t.Fatal(err)
	}
	if got := <-heard; got != "1234567890ABCD*" {
		t.Errorf("all keys, of which # is the terminator, came as %q", got)
	}
	slices.Reverse(all)
	if _, err := r.exchange(t, digits("c1", all...)); err != nil {
		t.Fatal(err)
	}
	if got := <-heard; got != "#*DCBA0987654321" {
		t.Errorf("the other way round they came as %q", got)
	}
}

func TestR51_FallbackStatus(t *testing.T) {
	settings := session.DefaultSettings()
	settings.Fallback.Action = session.FallbackError
	r := perform(t, &puppet{react: answering(func(_ uint64, do func(uint64, session.CommandBody)) {
		do(0, session.GiveUp{Message: "secret reason"})
	})}, session.Config{Calls: &settings})
	got, err := r.exchange(t, event("c1", mediav1.EventInput_SESSION_START))
	if s := status.Convert(err); s.Code() != codes.Internal || s.Message() != "the bot failed" {
		t.Errorf("the flow's error branch gets %v", err)
	}
	if len(heard(got)) < 8000 {
		t.Errorf("the caller heard %d bytes of the fallback's prompt", len(heard(got)))
	}
}

// TestR52_CancelledOnTheWire: the listening RPC breaks off beside an answer, and
// the call goes on; then the last one, and the call is gone after the grace.
func TestR52_CancelledOnTheWire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var begun atomic.Int32
		answer := answering(done)
		r := perform(t, &puppet{react: func(sink session.Sink, e session.Event) {
			if _, started := e.Body.(session.Started); started {
				begun.Add(1)
			}
			answer(sink, e)
		}}, session.Config{CancelGrace: 10 * time.Second})
		r.begin(t, "c1")
		breakOff := func() {
			ctx, cancel := context.WithCancel(t.Context())
			st, err := mediav1.NewVoiceVirtualAgentClient(r.conn).ProcessCallerInput(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if err := st.Send(sound("c1", []byte{0xff})); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			cancel()
			if _, err := st.Recv(); status.Code(err) != codes.Canceled {
				t.Errorf("the RPC that broke off got %v", err)
			}
		}
		breakOff()
		time.Sleep(9 * time.Second)
		if got, err := r.exchange(t, digits("c1", 1)); err != nil || len(got) != 1 || begun.Load() != 1 {
			t.Errorf("the next RPC got %v, %v, and the call began %d times, want once", got, err, begun.Load())
		}
		breakOff()
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if n := r.sessions.Len(); n != 0 {
			t.Errorf("%d calls are left after the grace", n)
		}
	})
}

// TestR53_SeveralConnections: the RPCs of a call may come on any of them.
func TestR53_SeveralConnections(t *testing.T) {
	r := serve(t, session.Config{})
	for _, q := range []*mediav1.VoiceVARequest{event("c1", mediav1.EventInput_SESSION_START), digits("c1", 1), digits("c1", 2)} {
		r.conn = client(t, r.addr, insecure.NewCredentials())
		if got, err := r.exchange(t, q); err != nil || len(heard(got)) == 0 {
			t.Fatalf("on a connection of its own an RPC got %v, %v", got, err)
		}
	}
	if n := r.sessions.Len(); n != 1 {
		t.Fatalf("%d calls, want 1", n)
	}
	// The listening RPC may be on another connection than what ends the call.
	listening, err := mediav1.NewVoiceVirtualAgentClient(r.conn).ProcessCallerInput(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := listening.Send(sound("c1", []byte{0xff})); err != nil {
		t.Fatal(err)
	}
	r.conn = client(t, r.addr, insecure.NewCredentials())
	if _, err := r.exchange(t, event("c1", mediav1.EventInput_SESSION_END)); err != nil {
		t.Fatal(err)
	}
	if got, err := collect(listening); err != nil || len(got) != 0 {
		t.Errorf("after a hang-up on another connection the listening RPC got %v, %v", got, err)
	}
}
