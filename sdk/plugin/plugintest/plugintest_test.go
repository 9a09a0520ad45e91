package plugintest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/byova-host/byova-host/sdk/plugin"
	"github.com/byova-host/byova-host/sdk/plugin/plugintest"
)

// clerk does a little of everything.
func clerk(ctx context.Context, turn plugin.Turn, reply *plugin.Reply) error {
	switch {
	case turn.Kind == plugin.TurnStart:
		return errors.Join(reply.SetInput(plugin.Input{Mode: plugin.InputVoiceAndDTMF, DTMFLength: 1}), reply.Say("Welcome. Press 0 for a person."))
	case turn.DTMF == "0":
		return reply.Transfer("asked for a person", plugin.TransferOptions{Summary: "pressed 0"})
	case turn.DTMF == "9":
		return reply.End()
	case turn.DTMF == "8":
		return errors.New("no luck")
	case turn.DTMF != "":
		return reply.Say("You pressed "+turn.DTMF+".", plugin.PromptOptions{Uninterruptible: true})
	case turn.Kind == plugin.TurnNoInput:
		return reply.Say("Are you there?")
	case turn.Kind == plugin.TurnCustom:
		return reply.Say("It is " + turn.Custom.Name + ".")
	}
	return reply.Play(turn.Utterance)
}

// with runs a test of a call in a bubble.
func with(t *testing.T, p plugin.Plugin, test func(t *testing.T, call *plugintest.Call)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		test(t, plugintest.New(t, p).Call())
	})
}

func is[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestCall(t *testing.T) {
	with(t, plugin.Plugin{Handler: plugin.HandlerFunc(clerk)}, func(t *testing.T, call *plugintest.Call) {
		greeting := call.Start()
		is(t, "greeting", greeting.Text(), "Welcome. Press 0 for a person.")
		in, set := greeting.Input()
		is(t, "input set", set, true)
		is(t, "length", in.DTMFLength, 1)
		is(t, "mode", in.Mode, plugin.InputVoiceAndDTMF)

		spoken := call.Say(plugintest.Hello())
		if d := spoken.Played(); d < 400*time.Millisecond || d > 3*time.Second {
			t.Errorf("what comes back lasts %v", d)
		}
		is(t, "turns", len(spoken.Turns()), 1)
		is(t, "text", spoken.Text(), "")

		is(t, "silence", call.Silence().Text(), "Are you there?")
		is(t, "event", call.Send("rain", nil).Text(), "It is rain.")

		keys := call.Press("5")
		is(t, "keys", keys.Text(), "You pressed 5.")
		is(t, "uninterruptible", keys.Prompts()[0].Uninterruptible, true)

		transfer, ok := call.Press("0").Transfer()
		is(t, "transferred", ok, true)
		is(t, "reason", transfer.Metadata["reason"], any("asked for a person"))
		is(t, "summary", transfer.Summary, "pressed 0")
		is(t, "over", call.Over(), true)
	})
}

func TestBargeIn(t *testing.T) {
	with(t, plugin.Plugin{Handler: plugin.HandlerFunc(clerk)}, func(t *testing.T, call *plugintest.Call) {
		greeting := call.Start()
		answer := call.BargeIn(300*time.Millisecond, plugintest.Hello())
		p := greeting.Prompts()
		if len(p) != 1 || !p[0].Cut || p[0].Heard < 300*time.Millisecond || p[0].Heard > time.Second {
			t.Errorf("greeting: %+v", p)
		}
		if answer.Played() == 0 {
			t.Error("what was said over the greeting was not answered")
		}
		is(t, "greeting", greeting.Text(), "Welcome. Press 0 for a person.")
		is(t, "answer to the barge-in", answer.Text(), "")
		silence := call.Silence()
		key := call.PressOver(300*time.Millisecond, "6")
		is(t, "answer to a key over a prompt", key.Text(), "You pressed 6.")
		is(t, "the prompt is cut", silence.Prompts()[0].Cut, true)
		_, ended := call.Press("9").End()
		is(t, "ended", ended, true)
	})
}

// TestBargeInAgain: each answer has what was said to its own act, also where one interrupts
// the other.
func TestBargeInAgain(t *testing.T) {
	with(t, plugin.Plugin{Handler: plugin.HandlerFunc(func(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
		return reply.Say("this is the answer to the keys " + turn.DTMF)
	})}, func(t *testing.T, call *plugintest.Call) {
		answers := []*plugintest.Answer{
			call.Start(), call.PressOver(300*time.Millisecond, "1#"), call.PressOver(300*time.Millisecond, "2#"), call.Press("3#"),
		}
		for i, want := range []string{"", "1", "2", "3"} {
			is(t, "answer", answers[i].Text(), "this is the answer to the keys "+want)
			if p := answers[i].Prompts(); len(p) != 1 || p[0].Cut != (i < 2) {
				t.Errorf("to %q: %+v", want, p)
			}
		}
	})
}

// TestFailure: what the bot gets wrong is told to those who ask.
func TestFailure(t *testing.T) {
	with(t, plugin.Plugin{Handler: plugin.HandlerFunc(clerk)}, func(t *testing.T, call *plugintest.Call) {
		call.Start()
		if why := call.Press("8").Failure(); !strings.Contains(why, "no luck") {
			t.Errorf("failure: %q", why)
		}
	})
}

// TestStates: a call that goes to another process brings its state.
func TestStates(t *testing.T) {
	count := plugin.Turns(func(call *plugin.Call) plugin.HandlerFunc {
		var saved string
		if r := call.Info().Resumed; r != nil {
			saved = string(r.State)
		}
		return func(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
			saved += turn.DTMF
			return errors.Join(reply.SaveState([]byte(saved)), reply.Say("so far: "+saved))
		}
	})
	for name, change := range map[string]func(*plugintest.Host){"swap": (*plugintest.Host).Swap, "crash": (*plugintest.Host).Crash} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				host := plugintest.New(t, plugin.Plugin{Handler: count, Resume: plugin.ResumeSaved})
				call := host.Call()
				call.Start()
				is(t, "before", call.Press("1#").Text(), "so far: 1")
				change(host)
				answer := call.Press("2#")
				is(t, "after", answer.Text(), "so far: 12")
				state, saved := answer.State()
				is(t, "saved", saved, true)
				is(t, "state", string(state), "12")
			})
		})
	}
}

// TestCrashAfterSwap: a call that stayed with its process in a swap loses that in a crash.
func TestCrashAfterSwap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := plugintest.New(t, plugin.Plugin{Resume: plugin.ResumeStateless, Immovable: true, Handler: plugin.Turns(func(call *plugin.Call) plugin.HandlerFunc {
			said := "new"
			if call.Info().Resumed != nil {
				said = "resumed"
			}
			return func(_ context.Context, _ plugin.Turn, reply *plugin.Reply) error { return reply.Say(said) }
		})})
		call := host.Call()
		is(t, "greeting", call.Start().Text(), "new")
		host.Swap()
		is(t, "after the swap", call.Press("1#").Text(), "new")
		host.Crash()
		is(t, "after the crash", call.Press("2#").Text(), "resumed")
	})
}

// TestFallbacksName: a bot may call its transfer what the host calls its own.
func TestFallbacksName(t *testing.T) {
	with(t, plugin.Plugin{Handler: plugin.HandlerFunc(func(_ context.Context, _ plugin.Turn, reply *plugin.Reply) error {
		return reply.Transfer("a person", plugin.TransferOptions{Name: "bot_failed"})
	})}, func(t *testing.T, call *plugintest.Call) {
		_, transferred := call.Start().Transfer()
		is(t, "transferred", transferred, true)
	})
}

// TestHangUpOrder: calls that a test leaves end in the order in which they began.
func TestHangUpOrder(t *testing.T) {
	var mu sync.Mutex
	var began, ended []string
	synctest.Test(t, func(t *testing.T) {
		host := plugintest.New(t, plugin.Plugin{Handler: plugin.Events{
			SessionEnd: func(_ context.Context, call *plugin.Call, _ plugin.SessionEndEvent) error {
				mu.Lock()
				defer mu.Unlock()
				ended = append(ended, call.Info().ConversationID)
				return nil
			},
			InputEnded: func(_ context.Context, call *plugin.Call, e plugin.InputEndedEvent) error { return call.Done(e.Turn) },
		}})
		for n := range 20 {
			host.Call().Start()
			began = append(began, fmt.Sprintf("call-%d", n+1))
		}
	})
	is(t, "ended", strings.Join(ended, " "), strings.Join(began, " "))
}

// TestCalls: many calls at a time, in real time.
func TestCalls(t *testing.T) {
	host := plugintest.New(t, plugin.Plugin{Agents: []plugin.Agent{{ID: "a"}, {ID: "b"}}, Handler: plugin.HandlerFunc(
		func(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
			info := turn.Call.Info()
			return reply.Say(fmt.Sprint(info.Agent, info.Parameters["ani"]))
		})})
	one, other := host.Call(), host.Call(plugintest.CallOptions{Agent: "b", Parameters: map[string]any{"ani": "+47"}})
	first, second := one.Start(), other.Start()
	is(t, "first", first.Text(), "a<nil>")
	is(t, "second", second.Text(), "b+47")
	one.HangUp()
}
