package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

// script is a handler that keeps its call up and lets the test act in its place.
func script(act func(ctx context.Context, call *Call)) CallFunc {
	return func(ctx context.Context, call *Call) error {
		act(ctx, call)
		<-ctx.Done()
		return nil
	}
}

func TestCreditHoldsTheAuthor(t *testing.T) {
	played := errors.New("not yet")
	bot := script(func(ctx context.Context, call *Call) {
		played = call.Play(ctx, FromPCM(make([]int16, 1250), 16000)) // 2500 bytes
	})
	with(t, Plugin{Handler: bot}, func(t *testing.T, h *fakeHost) {
		// An odd byte of credit buys no sample, but is not lost.
		expect(t, "start", h.send(start(1, 1001)), "1/0 accepted", "1/0 prompt 1", "1/0 audio 1 1000")
		expect(t, "more credit", h.send(credit(1, 500)), "1/0 audio 1 500")
		if played == nil {
			t.Error("Play returned before its audio was taken")
		}
		expect(t, "one byte", h.send(credit(1, 1)), "1/0 audio 1 2")
		expect(t, "enough", h.send(credit(1, 5000)), "1/0 audio 1 998 end")
		if played != nil {
			t.Errorf("Play = %v", played)
		}
	})
}

func TestLargeAudioIsCut(t *testing.T) {
	bot := script(func(ctx context.Context, call *Call) { call.Play(ctx, silence(5000)) })
	with(t, Plugin{Handler: bot}, func(t *testing.T, h *fakeHost) {
		total := 0
		for _, c := range h.send(start(1, 1<<20)) {
			if total += len(c.Audio); len(c.Audio) > largestPiece {
				t.Errorf("a piece of %d bytes", len(c.Audio))
			}
		}
		if total != 40000 {
			t.Errorf("%d bytes came, want 40000", total)
		}
	})
}

func TestPlayEndsWith(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(h *fakeHost) []*pluginv1.Command
		want error
		sent []string
	}{
		{"its turn", func(h *fakeHost) []*pluginv1.Command {
			return h.send(turnEnded(1, 1, pluginv1.TurnEnded_INTERRUPTED))
		}, ErrTurnEnded, nil},
		{"the call", func(h *fakeHost) []*pluginv1.Command { return h.send(ended(1)) }, ErrCallEnded, nil},
		{"its context", func(h *fakeHost) []*pluginv1.Command {
			time.Sleep(time.Minute) // of the bubble's clock
			return h.settle()
		}, context.DeadlineExceeded, []string{"1/1 audio 1 0 end"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got error
			bot := CallFunc(func(ctx context.Context, call *Call) error {
				for {
					event, err := call.Next(ctx)
					if err != nil {
						return nil
					}
					if e, ok := event.(TurnStartedEvent); ok {
						short, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
						got = call.Play(short, silence(100), PromptOptions{Turn: e.Turn})
						cancel()
					}
				}
			})
			with(t, Plugin{Handler: bot}, func(t *testing.T, h *fakeHost) {
				h.send(start(1, 80))
				h.send(greet(1)...)
				expect(t, "end", test.end(h), test.sent...)
				if !errors.Is(got, test.want) {
					t.Errorf("Play = %v, want %v", got, test.want)
				}
			})
		})
	}
}

func TestPromptIsWritten(t *testing.T) {
	var log []string
	bot := script(func(ctx context.Context, call *Call) {
		note := func(n int, err error) { log = append(log, fmt.Sprint(n, " ", err)) }
		p, err := call.Stream(ctx, Format{Encoding: Linear16, Rate: 16000})
		note(int(p.ID()), err)
		note(p.Write(make([]byte, 3)))
		note(p.Write(make([]byte, 2)))
		note(p.Write(make([]byte, 1)))
		note(p.Write(make([]byte, 1)))
		note(0, p.Close())
		note(0, p.Close())
		note(p.Write(nil))
		_, err = call.Stream(ctx, Format{Encoding: 7})
		note(0, err)
	})
	with(t, Plugin{Handler: bot}, func(t *testing.T, h *fakeHost) {
		sent := 0
		for _, c := range h.send(start(1, 1000)) {
			sent += len(c.Audio)
		}
		want := "1 <nil>, 3 <nil>, 2 <nil>, 1 <nil>, 1 <nil>, " +
			"0 close prompt: audio: 1 bytes are no whole number of linear16 samples, which have 2 bytes each, " +
			"0 <nil>, 0 write prompt: it is closed, 0 audio: unknown encoding 7"
		if got := placeless(strings.Join(log, ", ")); got != want || sent != 6 {
			t.Errorf("%d bytes, %s\nwant 6, %s", sent, got, want)
		}
	})
}

func TestCommands(t *testing.T) {
	var errs error
	bot := script(func(ctx context.Context, call *Call) {
		errs = errors.Join(
			call.SetInput(Input{Mode: InputDTMF}), call.Clear(3), call.Endpoint(SpeechStart, 1500*time.Millisecond),
			call.Custom(0, "seen", nil), call.Say("hi"),
			call.SetEndpointing(PluginEndpointing), call.Report(map[string]float64{"calls_total": 1}),
			call.Transfer("", TransferOptions{Metadata: map[string]any{"skill": "billing"}}))
		if err := call.Done(5); !errors.Is(err, ErrTurnEnded) {
			errs = errors.Join(errs, fmt.Errorf("done of a turn that never was: %w", err))
		}
		if err := call.Custom(0, "x", map[string]any{"c": make(chan int)}); err == nil {
			errs = errors.Join(errs, errors.New("a channel went as metadata"))
		}
	})
	with(t, Plugin{Handler: bot}, func(t *testing.T, h *fakeHost) {
		expect(t, "commands", h.send(start(1, 0)), "1/0 accepted", "1/0 input DTMF", "1/0 clear 3", "1/0 START at 1500",
			"1/0 custom seen", "1/0 prompt 1 says hi end",
			"1/0 detect ENDPOINTING_PLUGIN", "1/0 metrics map[calls_total:1]", "1/0 transfer map[skill:billing]")
		if errs != nil {
			t.Error(errs)
		}
	})
}

func TestPrimitiveGetsEventsInOrder(t *testing.T) {
	var log []string
	bot := CallFunc(func(ctx context.Context, call *Call) error {
		for {
			event, err := call.Next(ctx)
			if err != nil {
				log = append(log, err.Error())
				return nil
			}
			log = append(log, strings.TrimPrefix(fmt.Sprintf("%T", event), "plugin."))
		}
	})
	unknown := &pluginv1.Event{Call: 1}
	unknown.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 903, protowire.VarintType), 7))
	with(t, Plugin{Handler: bot}, func(t *testing.T, h *fakeHost) {
		expect(t, "all at once", h.send(concat([]*pluginv1.Event{start(1, 0), unknown, {Call: 77}, credit(1, 3)}, greet(1), sound(1, 0, 20),
			[]*pluginv1.Event{
				{Call: 1, Body: &pluginv1.Event_DtmfStarted{}},
				{Call: 1, Body: &pluginv1.Event_PromptDone{}},
				{Call: 1, Body: &pluginv1.Event_Refused{}},
				{Call: 1, Body: &pluginv1.Event_Format{}},
				start(1, 0), // once is enough
				{Body: &pluginv1.Event_Ping{Ping: &pluginv1.Ping{Id: 9}}},
				ended(1), turnEnded(1, 1, 0),
			})...), "1/0 accepted", "0/0 pong 9")
		want := "SessionStartEvent TurnStartedEvent InputEndedEvent AudioInputEvent DTMFStartedEvent PromptDoneEvent RefusedEvent FormatEvent SessionEndEvent EOF"
		if got := strings.Join(log, " "); got != want {
			t.Errorf("events: %s\nwant    %s", got, want)
		}
	})
}

func TestHandlerThatReturns(t *testing.T) {
	for _, test := range []struct {
		name string
		bot  CallFunc
		want []string
	}{
		{"without a word", func(context.Context, *Call) error { return nil }, []string{"1/0 failed: the handler returned while the call was up"}},
		{"with an error", func(context.Context, *Call) error { return errors.New("oh") }, []string{"1/0 failed: oh"}},
		{"with an error that is no text", func(context.Context, *Call) error { return errors.New("oh\xff") }, []string{"1/0 failed: oh\ufffd"}},
		{"after a transfer", func(_ context.Context, c *Call) error { return c.Transfer("done") }, []string{"1/0 transfer map[reason:done]"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			with(t, Plugin{Handler: test.bot}, func(t *testing.T, h *fakeHost) {
				expect(t, "start", h.send(start(1, 0)), append([]string{"1/0 accepted"}, test.want...)...)
				expect(t, "afterwards", h.send(concat(greet(1), []*pluginv1.Event{ended(1)})...))
			})
		})
	}
}

// TestTransferThatWasTooLate: a handler that has transferred and returned is not there for
// another turn, and the host is told so.
func TestTransferThatWasTooLate(t *testing.T) {
	transfers := CallFunc(func(ctx context.Context, c *Call) error {
		for {
			switch e, err := c.Next(ctx); e := e.(type) {
			case InputEndedEvent:
				return c.Transfer("done", TransferOptions{Turn: e.Turn})
			default:
				if err != nil {
					return err
				}
			}
		}
	})
	with(t, Plugin{Handler: transfers}, func(t *testing.T, h *fakeHost) {
		h.send(start(1, 0))
		h.send(start(2, 0))
		expect(t, "turn", h.send(greet(1)...), "1/1 transfer map[reason:done]")
		expect(t, "turn of another call", h.send(greet(2)...), "2/1 transfer map[reason:done]")
		expect(t, "the next turn", h.send(append([]*pluginv1.Event{turnEnded(1, 1, pluginv1.TurnEnded_INTERRUPTED)}, press(1, 2, "1")...)...),
			"1/0 failed: the handler returned after a transfer or an end that came too late: the caller had interrupted its turn")
		expect(t, "the end", h.send(turnEnded(2, 1, pluginv1.TurnEnded_ANSWERED), ended(1), ended(2)))
	})
}

func TestSlowHandlerLosesOldestAudio(t *testing.T) {
	var release chan struct{} // made in the bubble
	var log []string
	var audio time.Duration
	bot := CallFunc(func(ctx context.Context, call *Call) error {
		<-release
		for {
			event, err := call.Next(ctx)
			if errors.Is(err, io.EOF) {
				return nil
			}
			switch e := event.(type) {
			case AudioInputEvent:
				audio += e.Audio.Duration()
			case GapEvent:
				log = append(log, fmt.Sprintf("gap of %v at %v", e.Lost, e.At))
			default:
				log = append(log, fmt.Sprintf("%T", e))
			}
		}
	})
	with(t, Plugin{Handler: bot}, func(t *testing.T, h *fakeHost) {
		release = make(chan struct{})
		h.send(start(1, 0))
		h.send(sound(1, 0, 4000)...)
		time.Sleep(2 * time.Second)
		h.send(sound(1, 4000, 5000)...)
		h.send(greet(1)...)
		// The demultiplexer went on meanwhile.
		expect(t, "ping", h.send(&pluginv1.Event{Body: &pluginv1.Event_Ping{Ping: &pluginv1.Ping{Id: 1}}}), "0/0 pong 1")
		close(release)
		synctest.Wait()
		want := "[gap of 3s at 0s plugin.TurnStartedEvent plugin.InputEndedEvent]"
		if got := strings.Replace(fmt.Sprint(log), "plugin.SessionStartEvent ", "", 1); got != want {
			t.Errorf("events: %s, want %s", got, want)
		}
		if audio != 2*time.Second {
			t.Errorf("audio = %v, want the latest 2s", audio)
		}
		h.send(ended(1))
	})
}

func TestDeafHandlerFails(t *testing.T) {
	bot := CallFunc(func(ctx context.Context, _ *Call) error { <-ctx.Done(); return nil })
	with(t, Plugin{Handler: bot}, func(t *testing.T, h *fakeHost) {
		h.send(start(1, 0))
		var events []*pluginv1.Event
		for turn := range uint64(1100) {
			events = append(events, inputEnded(1, turn, 0))
		}
		expect(t, "1100 events", h.send(events...), "1/0 failed: the handler does not take its events")
	})
}

func TestEvents(t *testing.T) {
	var log []string
	note := func(format string, a ...any) { log = append(log, fmt.Sprintf(format, a...)) }
	bot := Events{
		SessionStart: func(_ context.Context, _ *Call, e SessionStartEvent) error {
			note("start %s", e.Info.SessionID)
			return nil
		},
		AudioInput: func(_ context.Context, _ *Call, e AudioInputEvent) error {
			note("audio %v", e.Audio.Duration())
			return nil
		},
		InputEnded: func(ctx context.Context, call *Call, e InputEndedEvent) error {
			note("answer %d", e.Turn)
			if err := call.Play(ctx, silence(20), PromptOptions{Turn: e.Turn}); err != nil {
				return err
			}
			return call.Done(e.Turn)
		},
		DTMFInput: func(_ context.Context, _ *Call, e DTMFInputEvent) error { return fmt.Errorf("no key %s", e.Digits) },
		SessionEnd: func(ctx context.Context, _ *Call, e SessionEndEvent) error {
			began := time.Now()
			<-ctx.Done()
			note("end by %v, %v to clean up", e.Reason, time.Since(began))
			return nil
		},
		Error: func(_ context.Context, _ *Call, e ErrorEvent) error {
			note("error %v in %T", e.Err, e.Event)
			return nil
		},
		Other: func(_ context.Context, _ *Call, e Event) error { note("other %T", e); return nil },
	}
	with(t, Plugin{Handler: bot}, func(t *testing.T, h *fakeHost) {
		h.send(start(1, 100))
		expect(t, "greeting", h.send(greet(1)...), "1/1 prompt 1", "1/1 audio 1 100")
		h.send(turnEnded(1, 1, pluginv1.TurnEnded_INTERRUPTED)) // no error of the handler's own
		h.send(sound(1, 0, 20)...)
		h.send(&pluginv1.Event{Call: 1, Body: &pluginv1.Event_Refused{}}, press(1, 2, "5")[1])
		h.send(ended(1))
		time.Sleep(afterCall)
		synctest.Wait()
		want := "start s1; answer 1; audio 20ms; other plugin.RefusedEvent; error no key 5 in plugin.DTMFInputEvent; end by caller, 10s to clean up"
		if got := strings.Join(log, "; "); got != want {
			t.Errorf("events: %s\nwant    %s", got, want)
		}
	})
}

func TestEventsErrorFailsTheCall(t *testing.T) {
	bot := Events{DTMFInput: func(context.Context, *Call, DTMFInputEvent) error { return errors.New("no such key") }}
	with(t, Plugin{Handler: bot}, func(t *testing.T, h *fakeHost) {
		h.send(start(1, 0))
		expect(t, "key", h.send(press(1, 1, "5")...), "1/0 failed: no such key")
	})
}

// TestLongErrors: an error's text is cut to what the wire and a log can bear.
func TestLongErrors(t *testing.T) {
	for _, text := range []string{"short", strings.Repeat("x", 2<<20), strings.Repeat("\u20ac", longestMessage)} {
		got := shorten(text)
		if len(got) > longestMessage+3 || !utf8.ValidString(got) || !strings.HasPrefix(text, strings.TrimSuffix(got, "...")) {
			t.Errorf("%d bytes became %d", len(text), len(got))
		}
	}
}
