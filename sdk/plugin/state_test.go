package plugin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

func TestDescribeResume(t *testing.T) {
	turn := HandlerFunc(func(context.Context, Turn, *Reply) error { return nil })
	for _, test := range []struct {
		name    string
		plugin  Plugin
		resume  pluginv1.DescribeResponse_Resume
		movable bool
		reads   []uint32
	}{
		{"turn function", Plugin{Handler: turn}, pluginv1.DescribeResponse_RESUME_STATELESS, true, []uint32{0}},
		{"turn functions with state", Plugin{Handler: Turns(func(*Call) HandlerFunc { return turn })}, pluginv1.DescribeResponse_RESUME_NONE, false, []uint32{0}},
		{"as the author says", Plugin{Handler: turn, Resume: ResumeNone}, pluginv1.DescribeResponse_RESUME_NONE, false, []uint32{0}},
		{"saved", Plugin{Handler: CallFunc(nil), Resume: ResumeSaved, StateVersion: 3, ReadsStateVersions: []uint32{4, 2}},
			pluginv1.DescribeResponse_RESUME_SAVED, true, []uint32{2, 3, 4}},
		{"its own version told", Plugin{Handler: CallFunc(nil), Resume: ResumeSaved, StateVersion: 2, ReadsStateVersions: []uint32{1, 2}},
			pluginv1.DescribeResponse_RESUME_SAVED, true, []uint32{1, 2}},
		{"immovable", Plugin{Handler: turn, Immovable: true}, pluginv1.DescribeResponse_RESUME_STATELESS, false, []uint32{0}},
		{"reconnect", Plugin{Handler: turn, Resume: ResumeReconnect}, pluginv1.DescribeResponse_RESUME_RECONNECT, false, []uint32{0}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := test.plugin.withDefaults().describe()
			if d.Resume != test.resume || d.Movable != test.movable || !slices.Equal(d.ReadsStateVersions, test.reads) ||
				d.StateVersion != test.plugin.StateVersion {
				t.Errorf("description = %v", d)
			}
		})
	}
}

func TestSaveState(t *testing.T) {
	var log []string
	var errs error
	bot := Plugin{StateVersion: 7, Handler: Turns(func(call *Call) HandlerFunc {
		return func(ctx context.Context, turn Turn, reply *Reply) error {
			state := []byte("first")
			errs = errors.Join(errs, call.SaveState(0, state), reply.SaveState([]byte("greeted")))
			copy(state, "wrong") // the state was kept as it was
			if err := call.SaveState(turn.Number, make([]byte, MaxState+1)); err != nil {
				log = append(log, err.Error())
			}
			errs = errors.Join(errs, call.SaveState(0, make([]byte, MaxState)), call.SaveState(0, nil))
			<-ctx.Done()
			if err := reply.SaveState([]byte("late")); err != nil {
				log = append(log, err.Error())
			}
			return nil
		}
	})}
	with(t, bot, func(t *testing.T, h *fakeHost) {
		h.send(start(1, 0))
		sent := h.send(greet(1)...)
		expect(t, "states", sent, `1/0 state 7 "first"`, `1/1 state 7 "greeted"`,
			`1/0 state 7 `+fmt.Sprintf("%.20q", make([]byte, MaxState)), `1/0 state 7 ""`)
		if n := len(sent[2].GetState().GetBlob()); n != MaxState {
			t.Errorf("a state of %d bytes came, want %d", n, MaxState)
		}
		expect(t, "turn is closed", h.send(turnEnded(1, 1, pluginv1.TurnEnded_INTERRUPTED)), `1/1 state 7 "late"`)
		h.send(press(1, 2, "1")...)
		expect(t, "call has ended", h.send(ended(1)))
		want := fmt.Sprintf("[save state: it has 65537 bytes, and at most 65536 are kept save state: it has 65537 bytes, and at most 65536 are kept %v]", ErrCallEnded)
		if got := placeless(fmt.Sprint(log)); got != want || errs != nil {
			t.Errorf("errors %s, %v\nwant   %s", got, errs, want)
		}
	})
}

func TestResumption(t *testing.T) {
	var got *Resumption
	bot := Plugin{Resume: ResumeSaved, StateVersion: 2, ReadsStateVersions: []uint32{1}, Handler: Turns(func(call *Call) HandlerFunc {
		got = call.Info().Resumed
		return func(_ context.Context, turn Turn, reply *Reply) error {
			return reply.Say(fmt.Sprint(string(got.State), " ", turn.Attempt))
		}
	})}
	with(t, bot, func(t *testing.T, h *fakeHost) {
		expect(t, "start", h.send(resumed(1, &pluginv1.Resume{
			Cause: pluginv1.Resume_CAUSE_CRASH, State: []byte("seven"), StateVersion: 1, Attempt: 2, Prompts: 41,
			PromptInFlight: &pluginv1.PromptInFlight{Id: 41, SentMs: 500, LeftMs: 200},
		})), "1/0 accepted")
		want := Resumption{
			Cause: ResumedByCrash, State: []byte("seven"), StateVersion: 1, Attempt: 2,
			InFlight: PromptInFlight{Prompt: 41, Sent: 500 * time.Millisecond, Left: 200 * time.Millisecond},
		}
		if got == nil || fmt.Sprintf("%+v", *got) != fmt.Sprintf("%+v", want) || got.Cause.String() != "crash" {
			t.Errorf("resumption = %+v\nwant         %+v", got, want)
		}
		again := press(1, 9, "1")
		again[0].GetTurnStarted().Attempt, again[0].Replayed = 2, true
		expect(t, "turn that comes again", h.send(again...), "1/9 prompt 42 says seven 2 end", "1/9 done")
		h.send(ended(1))
		if h.send(start(2, 0)); got != nil {
			t.Errorf("a new call has resumption %+v", got)
		}
	})
}

func TestInterruptedTurn(t *testing.T) {
	answer := HandlerFunc(func(_ context.Context, turn Turn, reply *Reply) error { return reply.Say(turn.DTMF) })
	begins := func(act func(call *Call, turn uint64) error) Events {
		return Events{SessionStart: func(_ context.Context, call *Call, e SessionStartEvent) error {
			return act(call, e.Info.Resumed.InterruptedTurn)
		}}
	}
	for _, test := range []struct {
		name    string
		handler Handler
		want    []string
	}{
		{"turn function", answer, []string{"1/5 done"}},
		{"turn functions", Turns(func(*Call) HandlerFunc { return answer }), []string{"1/5 done"}},
		{"events that do not care", Events{}, []string{"1/5 done"}},
		{"events that only save", begins(func(call *Call, turn uint64) error { return call.SaveState(turn, nil) }),
			[]string{`1/5 state 0 ""`, "1/5 done"}},
		{"events that say something else", begins(func(call *Call, _ uint64) error { return call.Say("hi") }),
			[]string{"1/0 prompt 4 says hi end", "1/5 done"}},
		{"events that go on", begins(func(call *Call, turn uint64) error { return call.Say("hi", PromptOptions{Turn: turn}) }),
			[]string{"1/5 prompt 4 says hi end"}},
		{"events that close it", begins(func(call *Call, turn uint64) error { return call.Done(turn) }), []string{"1/5 done"}},
		{"events that leave", begins(func(call *Call, turn uint64) error { return call.Transfer("", TransferOptions{Turn: turn}) }),
			[]string{"1/5 transfer map[]"}},
		{"primitive", script(func(context.Context, *Call) {}), nil},
		{"primitive that goes on", script(func(_ context.Context, call *Call) { call.Say("hi", PromptOptions{Turn: 5}) }),
			[]string{"1/5 prompt 4 says hi end"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			with(t, Plugin{Handler: test.handler, Resume: ResumeSaved}, func(t *testing.T, h *fakeHost) {
				expect(t, "start", h.send(resumed(1, &pluginv1.Resume{InterruptedTurn: 5, Prompts: 3})),
					append([]string{"1/0 accepted"}, test.want...)...)
				h.send(ended(1))
			})
		})
	}
}

// A turn that the host closed while the call started needs no closing.
func TestInterruptedTurnIsClosedByTheHost(t *testing.T) {
	var release chan struct{} // made in the bubble
	bot := Events{SessionStart: func(context.Context, *Call, SessionStartEvent) error { <-release; return nil }}
	with(t, Plugin{Handler: bot, Resume: ResumeSaved}, func(t *testing.T, h *fakeHost) {
		release = make(chan struct{})
		h.send(resumed(1, &pluginv1.Resume{InterruptedTurn: 5}))
		h.send(turnEnded(1, 5, pluginv1.TurnEnded_INTERRUPTED))
		close(release)
		expect(t, "afterwards", h.settle())
	})
}

func TestStateThatIsNotRead(t *testing.T) {
	bot := Plugin{Handler: CallFunc(nil), Resume: ResumeSaved, StateVersion: 2, ReadsStateVersions: []uint32{1}}
	with(t, bot, func(t *testing.T, h *fakeHost) {
		expect(t, "start", h.send(resumed(1, &pluginv1.Resume{State: []byte("x"), StateVersion: 3})),
			"1/0 accepted", "1/0 failed: resume call: its state has version 3, and this plugin reads [1 2]")
	})
}

// witness is a handler of each kind that notes how its call ends.
type witness struct {
	ctx context.Context // of the call
	log []string
}

func (w *witness) note(format string, a ...any) { w.log = append(w.log, fmt.Sprintf(format, a...)) }

// String is what was noted, and why the context ended.
func (w *witness) String() string {
	return strings.Join(append(w.log, fmt.Sprint(context.Cause(w.ctx))), "; ")
}

func (w *witness) handler(kind string) Handler {
	answer := HandlerFunc(func(context.Context, Turn, *Reply) error { return nil })
	return map[string]Handler{
		"turn functions": Turns(func(call *Call) HandlerFunc { w.ctx = call.ctx; return answer }),
		"events": Events{
			SessionStart: func(ctx context.Context, _ *Call, _ SessionStartEvent) error { w.ctx = ctx; return nil },
			InputEnded:   func(_ context.Context, call *Call, e InputEndedEvent) error { return call.Done(e.Turn) },
			SessionEnd: func(_ context.Context, _ *Call, e SessionEndEvent) error {
				w.note("end by %v", e.Reason)
				return nil
			},
		},
		"primitive": CallFunc(func(ctx context.Context, call *Call) error {
			w.ctx = ctx
			for {
				event, err := call.Next(ctx)
				switch e := event.(type) {
				case nil:
					w.note("%v, %v", err, call.Say("x"))
					return err
				case InputEndedEvent:
					call.Done(e.Turn)
				case SessionEndEvent:
					w.note("end by %v", e.Reason)
				case suspendEvent:
					w.note("the handler was shown the host's question")
				}
			}
		}),
	}[kind]
}

func TestSuspend(t *testing.T) {
	const goesOn = "the call goes on in another process: the call has ended"
	for _, test := range []struct {
		name    string
		suspend func(context.Context, *Call) error
		change  func(p *Plugin)
		want    []string
		stays   bool
	}{
		{"nothing to ask", nil, func(*Plugin) {}, []string{"1/0 suspended"}, false},
		{"saves", func(_ context.Context, call *Call) error { return call.SaveState(0, []byte("last")) }, func(*Plugin) {},
			[]string{`1/0 state 4 "last"`, "1/0 suspended"}, false},
		{"declines", func(context.Context, *Call) error { return errors.New("a payment is under way") }, func(*Plugin) {},
			[]string{"1/0 declined: a payment is under way"}, true},
		{"panics", func(context.Context, *Call) error { panic("oh") }, func(*Plugin) {}, []string{"1/0 declined: panic: oh"}, true},
		{"immovable", nil, func(p *Plugin) { p.Immovable = true }, []string{"1/0 declined: this plugin keeps its calls"}, true},
		{"reconnect", nil, func(p *Plugin) { p.Resume = ResumeReconnect }, []string{"1/0 declined: this plugin keeps its calls"}, true},
	} {
		for _, kind := range []string{"turn functions", "events", "primitive"} {
			t.Run(test.name+"/"+kind, func(t *testing.T) {
				w := &witness{}
				p := Plugin{Handler: w.handler(kind), Resume: ResumeSaved, StateVersion: 4, Suspend: test.suspend}
				test.change(&p)
				with(t, p, func(t *testing.T, h *fakeHost) {
					h.send(start(1, 0))
					expect(t, "greeting", h.send(greet(1)...), "1/1 done")
					expect(t, "suspend", h.send(turnEnded(1, 1, pluginv1.TurnEnded_ANSWERED), suspend(1)), test.want...)
					if test.stays {
						expect(t, "goes on", h.send(press(1, 2, "1")...), "1/2 done")
						h.send(ended(1))
						return
					}
					expect(t, "given back", h.send(press(1, 2, "1")...))
					want := goesOn
					if kind == "primitive" {
						want = "EOF, the call has ended; " + goesOn
					}
					if got := w.String(); got != want {
						t.Errorf("the handler saw %q, want %q", got, want)
					}
					expect(t, "moved", h.send(moved(1)))
				})
			})
		}
	}
}

// What comes of a call in the moment of a move, in order: what the host sends while
// Suspend works, and when it has returned.
func TestEndAroundSuspend(t *testing.T) {
	const goesOn = "the call goes on in another process: the call has ended"
	lost := func(h *fakeHost) { _ = h.stream.CloseSend(); synctest.Wait() }
	for _, test := range []struct {
		name          string
		during, after func(h *fakeHost)
		sent          []string
		seen          string
	}{
		{"ends during", func(h *fakeHost) { h.send(ended(1)) }, nil, nil, "end by caller; the call has ended"},
		{"is lost during", lost, nil, nil, "end by gone; the call has ended"},
		{"host did not wait", func(h *fakeHost) { h.send(moved(1)) }, nil, nil, goesOn},
		{"ends after", nil, func(h *fakeHost) { h.send(ended(1)) }, []string{"1/0 suspended"}, goesOn},
		{"is lost after", nil, lost, []string{"1/0 suspended"}, goesOn},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := &witness{}
			var release chan struct{} // made in the bubble
			p := Plugin{Handler: w.handler("events"), Resume: ResumeSaved, Suspend: func(context.Context, *Call) error { <-release; return nil }}
			with(t, p, func(t *testing.T, h *fakeHost) {
				release = make(chan struct{})
				h.send(start(1, 0))
				h.send(suspend(1))
				if test.during != nil {
					test.during(h)
				}
				close(release)
				expect(t, "released", h.settle(), test.sent...)
				if test.after != nil {
					test.after(h)
				}
				if got := w.String(); got != test.seen {
					t.Errorf("the handler saw %q, want %q", got, test.seen)
				}
			})
		})
	}
}

// A host whose patience has ended moves the call unasked.
func TestMovedUnasked(t *testing.T) {
	for _, kind := range []string{"turn functions", "events", "primitive"} {
		t.Run(kind, func(t *testing.T) {
			w := &witness{}
			p := Plugin{Handler: w.handler(kind), Resume: ResumeSaved, Suspend: func(context.Context, *Call) error { return nil }}
			with(t, p, func(t *testing.T, h *fakeHost) {
				h.send(start(1, 0))
				expect(t, "moved", h.send(moved(1)))
				if got := w.String(); strings.Contains(got, "end by") || context.Cause(w.ctx) != ErrCallMoved {
					t.Errorf("the handler saw %q", got)
				}
			})
		})
	}
}

func TestSuspendWaitsForTurnFunction(t *testing.T) {
	for _, test := range []struct {
		name string
		then func(h *fakeHost) []*pluginv1.Command
		want []string
		seen string
	}{
		{"that returns", func(h *fakeHost) []*pluginv1.Command { return nil }, []string{`1/1 state 0 "late"`, "1/0 suspended"},
			"interrupted; saved <nil>; asked"},
		{"of a call that ends", func(h *fakeHost) []*pluginv1.Command { return h.send(ended(1)) }, nil,
			"interrupted; saved the call has ended"},
		{"of a call that is moved unasked", func(h *fakeHost) []*pluginv1.Command { return h.send(moved(1)) }, nil,
			"interrupted; saved the call has ended"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var log []string
			var release chan struct{} // made in the bubble
			answer := func(ctx context.Context, _ Turn, reply *Reply) error {
				<-ctx.Done()
				log = append(log, "interrupted")
				<-release
				log = append(log, fmt.Sprint("saved ", reply.SaveState([]byte("late"))))
				return nil
			}
			p := Plugin{Handler: HandlerFunc(answer), Suspend: func(context.Context, *Call) error { log = append(log, "asked"); return nil }}
			with(t, p, func(t *testing.T, h *fakeHost) {
				release = make(chan struct{})
				h.send(start(1, 0))
				h.send(greet(1)...)
				expect(t, "asked too early", h.send(turnEnded(1, 1, pluginv1.TurnEnded_INTERRUPTED), suspend(1)))
				expect(t, "meanwhile", test.then(h))
				close(release)
				expect(t, "function has returned", h.settle(), test.want...)
				if got := strings.Join(log, "; "); got != test.seen {
					t.Errorf("saw %q, want %q", got, test.seen)
				}
			})
		})
	}
}

// What the host asked is not put to the author once it has moved the call unasked.
func TestMovedBeforeSuspend(t *testing.T) {
	var asked bool
	var release chan struct{} // made in the bubble
	bot := Plugin{
		Resume:  ResumeSaved,
		Suspend: func(context.Context, *Call) error { asked = true; return nil },
		Handler: Events{SessionStart: func(context.Context, *Call, SessionStartEvent) error { <-release; return nil }},
	}
	with(t, bot, func(t *testing.T, h *fakeHost) {
		release = make(chan struct{})
		h.send(start(1, 0), suspend(1), moved(1))
		close(release)
		expect(t, "handler is free", h.settle())
		if asked {
			t.Error("Suspend was asked of a call that had been moved")
		}
	})
}

// A turn function whose call is moved learns it by its context.
func TestMovedDuringTurn(t *testing.T) {
	var cause error
	answer := func(ctx context.Context, _ Turn, _ *Reply) error {
		<-ctx.Done()
		cause = context.Cause(ctx)
		return cause
	}
	with(t, Plugin{Handler: HandlerFunc(answer)}, func(t *testing.T, h *fakeHost) {
		h.send(start(1, 0))
		h.send(greet(1)...)
		expect(t, "moved", h.send(moved(1)))
		if cause != ErrCallMoved || !errors.Is(cause, ErrCallEnded) {
			t.Errorf("cause = %v, want ErrCallMoved", cause)
		}
	})
}

// Suspend is asked when the funcs have handled what came before, and what a
// goroutine of the bot sends afterwards is refused.
func TestSuspendComesInOrder(t *testing.T) {
	var log []string
	var release chan struct{} // made in the bubble
	played := errors.New("not yet")
	bot := Plugin{
		Resume: ResumeSaved,
		Suspend: func(context.Context, *Call) error {
			log = append(log, "asked")
			return nil
		},
		Handler: Events{
			SessionStart: func(ctx context.Context, call *Call, _ SessionStartEvent) error {
				go func() { played = call.Play(ctx, silence(100)) }() // has no credit
				return nil
			},
			DTMFInput: func(_ context.Context, _ *Call, e DTMFInputEvent) error {
				<-release
				log = append(log, e.Digits)
				return nil
			},
			Other: func(_ context.Context, _ *Call, e Event) error {
				log = append(log, fmt.Sprintf("%T", e))
				return nil
			},
		},
	}
	with(t, bot, func(t *testing.T, h *fakeHost) {
		release = make(chan struct{})
		h.send(start(1, 0))
		expect(t, "busy", h.send(press(1, 1, "1")[1], &pluginv1.Event{Call: 1, Body: &pluginv1.Event_Refused{}}, suspend(1)))
		close(release)
		expect(t, "suspend", h.settle(), "1/0 suspended")
		if got := fmt.Sprint(log); got != "[1 plugin.RefusedEvent asked]" {
			t.Errorf("order: %s", got)
		}
		if !errors.Is(played, ErrCallEnded) {
			t.Errorf("Play = %v, want ErrCallEnded", played)
		}
	})
}

// TestCallLog: a line of a call names session and conversation.
func TestCallLog(t *testing.T) {
	var out bytes.Buffer
	bot := script(func(_ context.Context, call *Call) { call.Log().Info("here") })
	e := start(1, 0)
	e.GetStart().ConversationId = "c-1"
	withLog(t, Plugin{Handler: bot}, &out, func(t *testing.T, h *fakeHost) {
		h.send(e, ended(1))
		if got := out.String(); !strings.Contains(got, "here: conversation=c-1 session=s1") {
			t.Errorf("log: %s", got)
		}
	})
}
