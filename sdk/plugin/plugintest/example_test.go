package plugintest_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/byova-host/byova-host/sdk/plugin"
	"github.com/byova-host/byova-host/sdk/plugin/plugintest"
)

var bot = plugin.Plugin{Name: "bot", Resume: plugin.ResumeStateless, Handler: plugin.HandlerFunc(answer)}

func answer(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
	if turn.DTMF == "0" {
		return reply.Transfer("asked for a person")
	}
	return reply.Say("Press 0 for a person.")
}

// A test of a whole call, whose minutes cost nothing in a bubble.
func ExampleNew() {
	var _ = func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			call := plugintest.New(t, bot).Call()
			if said := call.Start().Text(); said != "Press 0 for a person." {
				t.Errorf("the bot greets with %q", said)
			}
			if _, transferred := call.Press("0#").Transfer(); !transferred {
				t.Error("0 does not lead to a person")
			}
			if !call.Over() {
				t.Error("the call goes on")
			}
		})
	}
}

// All that a caller can do, and some of what can be asked of an answer.
func ExampleCall() {
	var _ = func(t *testing.T) {
		call := plugintest.New(t, bot).Call(plugintest.CallOptions{Language: "de-DE"})
		greeting := call.Start()
		call.BargeIn(300*time.Millisecond, plugintest.Hello())
		for _, p := range greeting.Prompts() {
			fmt.Println(p.Text, p.Cut, p.Heard)
		}
		fmt.Println(call.Say(plugintest.Hello()).Played())
		fmt.Println(call.Silence().Told() == plugin.FlowNoInput)
		fmt.Println(call.Send("weather", map[string]any{"city": "Oslo"}).Turns())
		if in, set := call.Press("12#").Input(); set {
			fmt.Println(in.DTMFLength)
		}
		fmt.Println(call.Answer().Text())
		fmt.Println(call.PressOver(300*time.Millisecond, "0").Text())
		call.HangUp()
	}
}

// How an answer can leave the call, and what must not happen unless a test asks.
func ExampleAnswer() {
	var _ = func(t *testing.T, a *plugintest.Answer) {
		if transfer, ok := a.Transfer(); ok {
			fmt.Println(transfer.Metadata["reason"], transfer.Summary)
		}
		if end, ok := a.End(); ok {
			fmt.Println(end.Transcript)
		}
		if name, metadata, ok := a.Custom(); ok {
			fmt.Println(name, metadata)
		}
		if state, saved := a.State(); saved {
			fmt.Println(len(state))
		}
		if why := a.Failure(); why != "" {
			fmt.Println("the bot gave the call up:", why)
		}
		for _, r := range a.Refused() {
			fmt.Println(r.Command, r.Message)
		}
	}
}

// A call that goes on in another process.
func ExampleHost() {
	var _ = func(t *testing.T) {
		host := plugintest.New(t, bot, plugintest.Options{})
		call := host.Call()
		call.Start()
		host.Crash()
		fmt.Println(call.Press("1#").Text())
		host.Swap()
		fmt.Println(call.Press("2#").Text())
	}
}

// A contract test of a program, in any language.
func ExampleConform() {
	var _ = func(t *testing.T) {
		plugintest.Conform(t, "bin/mybot", plugintest.VerifyOptions{Settings: map[string]any{"greeting": "hello"}})
	}
}

func ExampleVerify() {
	report, err := plugintest.Verify(context.Background(), "bin/mybot", plugintest.VerifyOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, check := range report.Checks {
		if check.Outcome == plugintest.Broken {
			fmt.Println(check.Name, check.Why)
		}
	}
	fmt.Println(report.OK())
}
