package plugin_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/byova-host/byova-host/sdk/plugin"
)

// A greeting in the caller's language.
func ExampleInfo() {
	greeting := func(info plugin.Info) string {
		if strings.HasPrefix(info.Language, "de") {
			return "Willkommen."
		}
		return "Welcome."
	}
	fmt.Println(greeting(plugin.Info{Language: "de-CH"}))
	fmt.Println(greeting(plugin.Info{}))
	// Output:
	// Willkommen.
	// Welcome.
}

// What Control Hub has for this bot, and a trial call of the host.
func ExampleCall_Info() {
	begin := func(call *plugin.Call) plugin.HandlerFunc {
		info := call.Info()
		var config struct {
			Queue string `json:"queue"`
		}
		err := json.Unmarshal([]byte(info.VendorConfig), &config)
		return func(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
			if err != nil {
				return fmt.Errorf("vendor configuration: %w", err)
			}
			if !info.Probe {
				order(turn.ID, turn.DTMF) // not twice: a turn has the same ID when it comes again
			}
			return reply.Transfer(config.Queue)
		}
	}
	_ = plugin.Turns(begin)
}

// A Handler around another one logs how long each call took. What the inner one wants must
// be said, because it is not seen.
func ExampleHandler() {
	bot := plugin.Plugin{
		Audio: plugin.AudioUtterances, Resume: plugin.ResumeStateless,
		Handler: timed{plugin.HandlerFunc(repeat)},
	}
	main := func() { bot.Serve() }
	_ = main
}

type timed struct{ inner plugin.Handler }

func (h timed) ServeCall(ctx context.Context, call *plugin.Call) error {
	began := time.Now()
	defer func() { call.Log().Info("served", "seconds", time.Since(began).Seconds()) }()
	return h.inner.ServeCall(ctx, call)
}

// The agents of one plugin may have different shapes.
func ExampleHandlerFunc_ServeCall() {
	byAgent := func(ctx context.Context, call *plugin.Call) error {
		switch call.Info().Agent {
		case "repeat":
			return plugin.HandlerFunc(repeat).ServeCall(ctx, call)
		case "listen":
			return plugin.Events{AudioInput: sendOn}.ServeCall(ctx, call)
		default:
			return plugin.CallFunc(sayClosed).ServeCall(ctx, call)
		}
	}
	bot := plugin.Plugin{
		Agents:  []plugin.Agent{{ID: "repeat"}, {ID: "listen"}, {ID: "closed", Name: "Out of hours"}},
		Handler: plugin.CallFunc(byAgent),
	}
	main := func() { bot.Serve() }
	_ = main
}

func repeat(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
	return reply.Play(turn.Utterance)
}

func sendOn(_ context.Context, call *plugin.Call, e plugin.AudioInputEvent) error {
	return recognise(call.Info().SessionID, e.Audio)
}

func sayClosed(_ context.Context, call *plugin.Call) error {
	if err := call.Say("We are closed."); err != nil {
		return err
	}
	return call.End()
}

// Events are read until the last one.
func ExampleCall_Next() {
	serve := func(ctx context.Context, call *plugin.Call) error {
		for {
			event, err := call.Next(ctx)
			if err != nil {
				return nil // io.EOF: the call is over
			}
			switch e := event.(type) {
			case plugin.InputEndedEvent:
				if err := call.Say("I am listening.", plugin.PromptOptions{Turn: e.Turn}); err != nil {
					return err
				}
				if err := call.Done(e.Turn); err != nil {
					return err
				}
			case plugin.TurnEndedEvent:
				call.Log().Info("turn ended", "number", e.Turn, "how", e.Reason.String())
			case plugin.SessionEndEvent:
				call.Log().Info("call ended", "how", e.Reason.String(), "after", e.At)
			}
		}
	}
	_ = plugin.CallFunc(serve)
}

// An answer that is written while it is made, and dropped when the caller says stop.
func ExampleCall_Stream() {
	var prompt *plugin.Prompt
	bot := plugin.Events{
		InputEnded: func(ctx context.Context, call *plugin.Call, e plugin.InputEndedEvent) (err error) {
			prompt, err = call.Stream(ctx, plugin.Format{Encoding: plugin.Linear16, Rate: 24000}, plugin.PromptOptions{Turn: e.Turn})
			if err != nil {
				return err
			}
			for piece := range speak(ctx, "a long story") {
				if _, err := prompt.Write(piece); err != nil {
					return err
				}
			}
			if err := prompt.Close(); err != nil {
				return err
			}
			return call.Done(e.Turn)
		},
		Custom: func(_ context.Context, call *plugin.Call, e plugin.CustomEvent) error {
			if e.Name == "stop" && prompt != nil {
				return call.Clear(prompt.ID())
			}
			return nil
		},
	}
	_ = bot
}

// A bot that must not wait plays what the host takes now and keeps the rest.
func ExampleCall_Credit() {
	var waiting []byte // mu-law
	write := func(call *plugin.Call, prompt *plugin.Prompt) error {
		n, err := prompt.Write(waiting[:min(call.Credit(), len(waiting))])
		waiting = waiting[n:]
		return err
	}
	_ = write
}

// Speech is found by the recogniser, in the calls that have one.
func ExampleCall_SetEndpointing() {
	bot := plugin.Plugin{
		Audio: plugin.AudioAll,
		Handler: plugin.Events{
			SessionStart: func(_ context.Context, call *plugin.Call, e plugin.SessionStartEvent) error {
				if e.Info.VendorConfig == "no recogniser" {
					return nil // the host finds speech
				}
				return call.SetEndpointing(plugin.PluginEndpointing)
			},
			AudioInput: func(_ context.Context, call *plugin.Call, e plugin.AudioInputEvent) error {
				for _, word := range wordsIn(e.Audio) {
					edge := plugin.SpeechStart
					if word == "" {
						edge = plugin.SpeechEnd
					}
					if err := call.Endpoint(edge, e.At); err != nil {
						return err
					}
				}
				return nil
			},
		},
	}
	main := func() { bot.Serve() }
	_ = main
}

// Numbers for the host's metrics.
func ExampleCall_Report() {
	answer := func(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
		began := time.Now()
		order(turn.ID, turn.DTMF)
		if err := turn.Call.Report(map[string]float64{
			"orders_total": 1, "order_seconds": time.Since(began).Seconds(),
		}); err != nil {
			return err
		}
		return reply.Say("Thank you.")
	}
	_ = plugin.HandlerFunc(answer)
}

// A call of Events goes on in the next process where it was.
func ExampleCall_SaveState() {
	bot := plugin.Plugin{
		Resume: plugin.ResumeSaved, StateVersion: 1,
		Handler: plugin.Events{
			SessionStart: func(_ context.Context, call *plugin.Call, e plugin.SessionStartEvent) error {
				if r := e.Info.Resumed; r != nil {
					call.Log().Info("resumed", "cause", r.Cause.String(), "keys", string(r.State))
				}
				return nil
			},
			DTMFInput: func(_ context.Context, call *plugin.Call, e plugin.DTMFInputEvent) error {
				return call.SaveState(e.Turn, []byte(e.Digits))
			},
			InputEnded: func(_ context.Context, call *plugin.Call, e plugin.InputEndedEvent) error {
				return call.Done(e.Turn)
			},
		},
	}
	main := func() { bot.Serve() }
	_ = main
}

// A bot of Events says which turn it answers.
func ExampleCall_Done() {
	bot := plugin.Events{
		SessionStart: func(_ context.Context, call *plugin.Call, _ plugin.SessionStartEvent) error {
			return call.SetInput(plugin.Input{Mode: plugin.InputVoice, EndSilence: 800 * time.Millisecond})
		},
		InputEnded: func(ctx context.Context, call *plugin.Call, e plugin.InputEndedEvent) error {
			if err := call.Play(ctx, plugin.FromPCM(make([]int16, 800), 8000), plugin.PromptOptions{Turn: e.Turn}); err != nil {
				return err
			}
			return call.Done(e.Turn, plugin.DoneOptions{Event: plugin.FlowNoMatch})
		},
	}
	_ = bot
}

// Three ways to leave: to a person, to the flow, and for good.
func ExampleCall_Transfer() {
	bot := plugin.Events{
		DTMFInput: func(_ context.Context, call *plugin.Call, e plugin.DTMFInputEvent) error {
			switch e.Digits {
			case "0":
				return call.Transfer("asked for a person", plugin.TransferOptions{Turn: e.Turn})
			case "1":
				return call.Custom(e.Turn, "opening hours", map[string]any{"branch": "north"})
			case "9":
				return call.End(plugin.EndOptions{Turn: e.Turn})
			default:
				return call.Say("Press 0, 1 or 9.", plugin.PromptOptions{Turn: e.Turn})
			}
		},
		InputEnded: func(_ context.Context, call *plugin.Call, e plugin.InputEndedEvent) error {
			return call.Done(e.Turn)
		},
	}
	_ = bot
}

func order(turn, number string)           {}
func wordsIn(plugin.Audio) (all []string) { return nil }
