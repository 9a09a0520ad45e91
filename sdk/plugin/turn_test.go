package plugin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

func TestTurnFunction(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer HandlerFunc
		want   []string
	}{
		{"nothing to say", func(context.Context, Turn, *Reply) error { return nil }, []string{"1/1 done"}},
		{"play", func(_ context.Context, _ Turn, r *Reply) error { return r.Play(silence(300)) },
			[]string{"1/1 prompt 1", "1/1 audio 1 2400 end", "1/1 done"}},
		{"play nothing", func(_ context.Context, _ Turn, r *Reply) error { return r.Play(Audio{}) }, []string{"1/1 done"}},
		{"play to the end", func(_ context.Context, _ Turn, r *Reply) error {
			return r.Play(silence(20), PromptOptions{Uninterruptible: true})
		}, []string{"1/1 prompt 1 uninterruptible", "1/1 audio 1 160 end", "1/1 done"}},
		{"say", func(_ context.Context, _ Turn, r *Reply) error { return r.Say("hello") },
			[]string{"1/1 prompt 1 says hello end", "1/1 done"}},
		{"transfer", func(_ context.Context, _ Turn, r *Reply) error { return r.Transfer("front desk") },
			[]string{"1/1 transfer map[reason:front desk]"}},
		{"end", func(_ context.Context, _ Turn, r *Reply) error { return r.End() }, []string{"1/1 end"}},
		{"input and event", func(_ context.Context, _ Turn, r *Reply) error {
			return errors.Join(r.SetInput(Input{Mode: InputVoiceAndDTMF}), r.Custom("seen", map[string]any{"n": 1}))
		}, []string{"1/0 input VOICE_AND_DTMF", "1/1 custom seen"}},
		{"error", func(context.Context, Turn, *Reply) error { return errors.New("no database") },
			[]string{"1/0 failed: answer turn 1: no database"}},
		{"panic", func(context.Context, Turn, *Reply) error { panic("oh") }, []string{"1/0 failed: panic: oh with stack"}},
		{"wrong audio", func(_ context.Context, _ Turn, r *Reply) error {
			return r.Play(Audio{Format: Format{Encoding: Linear16}, Data: make([]byte, 3)})
		}, []string{"1/0 failed: answer turn 1: audio: 3 bytes are no whole number of linear16 samples, which have 2 bytes each"}},
		{"wrong rate", func(_ context.Context, _ Turn, r *Reply) error {
			return r.Play(Audio{Format: Format{Rate: 4000}, Data: make([]byte, 3)})
		}, []string{"1/0 failed: answer turn 1: audio: sample rate 4000 Hz is outside 8000 to 48000"}},
		{"no text", func(_ context.Context, _ Turn, r *Reply) error { return r.Say("\xff") },
			[]string{"1/0 failed: answer turn 1: send command: string field contains invalid UTF-8"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			with(t, Plugin{Handler: test.answer}, func(t *testing.T, h *fakeHost) {
				expect(t, "start", h.send(start(1, 1<<20)), "1/0 accepted")
				expect(t, "greeting", h.send(greet(1)...), test.want...)
				expect(t, "end", h.send(ended(1)))
			})
		})
	}
}

func TestTurnFields(t *testing.T) {
	var got Turn
	answer := func(_ context.Context, turn Turn, _ *Reply) error { got = turn; return nil }
	with(t, Plugin{Handler: HandlerFunc(answer)}, func(t *testing.T, h *fakeHost) {
		h.send(start(1, 0))
		h.send(greet(1)...)
		if got.Kind != TurnStart || got.ID != "s1/1" || got.Number != 1 || got.Attempt != 1 || got.Call.Info().Agent != "a" {
			t.Errorf("greeting = %+v", got)
		}
		h.send(press(1, 2, "12#")...)
		if got.Kind != TurnDTMF || got.DTMF != "12#" || len(got.Utterance.Data) != 0 {
			t.Errorf("keys = %+v", got)
		}
		h.send(turnStarted(1, 3, pluginv1.TurnStarted_CAUSE_NO_INPUT, 0),
			&pluginv1.Event{Call: 1, Body: &pluginv1.Event_NoInput{NoInput: &pluginv1.NoInput{Count: 2, Turn: 3}}}, inputEnded(1, 3, 0))
		if got.Kind != TurnNoInput || got.NoInputs != 2 {
			t.Errorf("no input = %+v", got)
		}
		h.send(turnStarted(1, 4, pluginv1.TurnStarted_CAUSE_CUSTOM, 0),
			&pluginv1.Event{Call: 1, Body: &pluginv1.Event_Custom{Custom: &pluginv1.Custom{Name: "paid", Turn: 4}}}, inputEnded(1, 4, 0))
		if got.Kind != TurnCustom || got.Custom.Name != "paid" {
			t.Errorf("custom = %+v", got)
		}
	})
}

func TestUtterance(t *testing.T) {
	for _, test := range []struct {
		name        string
		from, to    int64 // what the host sends
		begin, end  int64 // where speech was found
		first, last int64 // what the function gets
	}{
		{"with silence around it", 500, 2500, 1500, 2000, 1200, 2100},
		{"from the call's begin", 0, 1000, 100, 600, 0, 700},
		{"to the end of what came", 1000, 2000, 1500, 1980, 1200, 2000},
		{"between two samples of the clock", 1000, 2000, 1503, 1777, 1203, 1877},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got Audio
			answer := func(_ context.Context, turn Turn, _ *Reply) error { got = turn.Utterance; return nil }
			with(t, Plugin{Handler: HandlerFunc(answer)}, func(t *testing.T, h *fakeHost) {
				h.send(concat([]*pluginv1.Event{start(1, 0)},
					sound(1, test.from, test.from+300),
					[]*pluginv1.Event{turnStarted(1, 1, pluginv1.TurnStarted_CAUSE_SPEECH, test.begin)},
					sound(1, test.from+300, test.to),
					[]*pluginv1.Event{inputEnded(1, 1, test.end)})...)
				want := soundOf(test.first, test.last)
				if !bytes.Equal(got.Data, want) {
					t.Errorf("utterance of %v beginning with %v, want %v beginning with %v",
						got.Duration(), first(got.Data), time.Duration(len(want))*time.Second/8000, first(want))
				}
			})
		})
	}
}

func first(b []byte) []byte { return b[:min(len(b), 8)] }

func TestBargeIn(t *testing.T) {
	var log []string
	var release chan struct{} // made in the bubble
	answer := func(ctx context.Context, turn Turn, reply *Reply) error {
		log = append(log, fmt.Sprintf("begin %d", turn.Number))
		if turn.Number == 2 {
			if turn.BargeIn == nil || turn.BargeIn.Heard != 700*time.Millisecond {
				return fmt.Errorf("turn 2 was told of barge-in %+v", turn.BargeIn)
			}
			return nil
		}
		err := reply.Play(silence(1000)) // has no credit for all of it
		if !errors.Is(err, ErrTurnEnded) {
			return fmt.Errorf("play = %w", err)
		}
		<-ctx.Done()
		if cause := context.Cause(ctx); cause != ErrBargeIn {
			return fmt.Errorf("cause = %w", cause)
		}
		<-release
		log = append(log, "end 1")
		return errors.New("an error of an interrupted turn does not matter")
	}
	with(t, Plugin{Handler: HandlerFunc(answer)}, func(t *testing.T, h *fakeHost) {
		release = make(chan struct{})
		h.send(start(1, 800))
		expect(t, "greeting", h.send(greet(1)...), "1/1 prompt 1", "1/1 audio 1 800")
		h.send(concat([]*pluginv1.Event{
			{Call: 1, Body: &pluginv1.Event_BargeIn{BargeIn: &pluginv1.BargeIn{Prompt: 1, HeardMs: 700, Turn: 1}}},
			turnEnded(1, 1, pluginv1.TurnEnded_INTERRUPTED),
		}, press(1, 2, "1"))...)
		if got := fmt.Sprint(log); got != "[begin 1]" {
			t.Errorf("before the function returned: %s", got)
		}
		close(release)
		expect(t, "second turn", h.settle(), "1/2 done")
		if got := fmt.Sprint(log); got != "[begin 1 end 1 begin 2]" {
			t.Errorf("turns: %s, want one at a time", got)
		}
	})
}

// A turn that is interrupted before its function ran does not run.
func TestTurnThatWaitsIsInterrupted(t *testing.T) {
	var log []uint64
	var release chan struct{} // made in the bubble
	answer := func(_ context.Context, turn Turn, _ *Reply) error {
		log = append(log, turn.Number)
		<-release
		return nil
	}
	with(t, Plugin{Handler: HandlerFunc(answer)}, func(t *testing.T, h *fakeHost) {
		release = make(chan struct{})
		h.send(start(1, 0))
		h.send(concat(greet(1), []*pluginv1.Event{turnEnded(1, 1, pluginv1.TurnEnded_INTERRUPTED)},
			press(1, 2, "1"), []*pluginv1.Event{turnEnded(1, 2, pluginv1.TurnEnded_INTERRUPTED)},
			press(1, 3, "1"))...)
		close(release)
		expect(t, "after it", h.settle(), "1/3 done")
		if fmt.Sprint(log) != "[1 3]" {
			t.Errorf("turns answered: %v, want 1 and 3", log)
		}
	})
}

func TestCallEndsDuringTurn(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(h *fakeHost)
	}{
		{"caller hangs up", func(h *fakeHost) { h.send(ended(1)) }},
		{"stream ends", func(h *fakeHost) { _ = h.stream.CloseSend() }},
	} {
		t.Run(test.name, func(t *testing.T) {
			var cause error
			answer := func(ctx context.Context, _ Turn, reply *Reply) error {
				<-ctx.Done()
				cause = context.Cause(ctx)
				return reply.Play(silence(20))
			}
			with(t, Plugin{Handler: HandlerFunc(answer)}, func(t *testing.T, h *fakeHost) {
				h.send(start(1, 100))
				h.send(greet(1)...)
				test.end(h)
				expect(t, "end", h.settle())
				if cause != ErrCallEnded {
					t.Errorf("cause = %v, want ErrCallEnded", cause)
				}
			})
		})
	}
}

func TestTurnsKeepStatePerCall(t *testing.T) {
	begin := func(call *Call) HandlerFunc {
		count := 0
		return func(_ context.Context, _ Turn, reply *Reply) error {
			count++
			return reply.Say(fmt.Sprint(call.Info().SessionID, " ", count))
		}
	}
	with(t, Plugin{Handler: Turns(begin)}, func(t *testing.T, h *fakeHost) {
		h.send(start(1, 0), start(2, 0))
		h.send(greet(1)...)
		expect(t, "other call", h.send(greet(2)...), "2/1 prompt 1 says s2 1 end", "2/1 done")
		expect(t, "second turn", h.send(press(1, 2, "1")...), "1/2 prompt 2 says s1 2 end", "1/2 done")
	})
}

func TestPanicStaysInItsCall(t *testing.T) {
	answer := func(_ context.Context, turn Turn, reply *Reply) error {
		if turn.DTMF == "1" {
			panic("no answer to 1")
		}
		return reply.Say("fine")
	}
	with(t, Plugin{Handler: HandlerFunc(answer)}, func(t *testing.T, h *fakeHost) {
		h.send(start(1, 0), start(2, 0))
		expect(t, "panic", h.send(press(1, 1, "1")...), "1/0 failed: panic: no answer to 1 with stack")
		expect(t, "the failed call", h.send(press(1, 2, "2")...))
		expect(t, "the other call", h.send(press(2, 1, "2")...), "2/1 prompt 1 says fine end", "2/1 done")
	})
}
