package plugin_test

import (
	"context"
	"fmt"
	"time"

	"github.com/byova-host/byova-host/sdk/plugin"
)

// The smallest bot repeats the caller.
func ExampleServe() {
	main := func() {
		plugin.Serve(plugin.HandlerFunc(func(ctx context.Context, turn plugin.Turn, reply *plugin.Reply) error {
			if turn.DTMF == "0" {
				return reply.Transfer("front desk")
			}
			return reply.Play(turn.Utterance)
		}))
	}
	_ = main
}

// A bot that says more about itself, and takes settings from the host's file.
func ExamplePlugin() {
	var settings struct {
		Greeting string `json:"greeting"`
	}
	bot := plugin.Plugin{
		Name: "reception", Version: "1.4.0",
		Agents: []plugin.Agent{{ID: "day", Name: "Reception"}, {ID: "night", Name: "Night desk"}},
		Configure: func(_ context.Context, s plugin.Settings) error {
			if err := s.Decode(&settings); err != nil {
				return err
			}
			if settings.Greeting == "" {
				return &plugin.FieldError{Field: "greeting", Message: "must be set"}
			}
			return nil
		},
		Handler: plugin.HandlerFunc(func(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
			if turn.Kind == plugin.TurnStart {
				return reply.Say(settings.Greeting)
			}
			return reply.Transfer("calls " + turn.Call.Info().Agent)
		}),
	}
	main := func() { bot.Serve() }
	_ = main
}

// A bot that remembers something in each call.
func ExampleTurns() {
	handler := plugin.Turns(func(call *plugin.Call) plugin.HandlerFunc {
		misses := 0
		return func(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
			switch turn.Kind {
			case plugin.TurnStart:
				return reply.SetInput(plugin.Input{Mode: plugin.DTMF, DTMFLength: 4, NoInput: 5 * time.Second})
			case plugin.TurnDTMF:
				return reply.Say("your order is " + turn.DTMF)
			}
			if misses++; misses == 3 {
				return reply.Transfer("no order number")
			}
			return reply.Say("please enter your order number")
		}
	})
	main := func() { plugin.Serve(handler) }
	_ = main
}

// An answer is spoken while it is made.
func ExampleReply_Stream() {
	answer := func(ctx context.Context, turn plugin.Turn, reply *plugin.Reply) error {
		prompt, err := reply.Stream(plugin.Format{Encoding: plugin.Linear16, Rate: 16000})
		if err != nil {
			return err
		}
		defer prompt.Close()
		for piece := range speak(ctx, "the answer") {
			if _, err := prompt.Write(piece); err != nil {
				return err // interrupted, most of the time
			}
		}
		return nil
	}
	main := func() { plugin.Serve(plugin.HandlerFunc(answer)) }
	_ = main
}

// A bot that sends the caller's audio on while it comes.
func ExampleEvents() {
	bot := plugin.Events{
		AudioInput: func(_ context.Context, call *plugin.Call, e plugin.AudioInputEvent) error {
			return recognise(call.Info().SessionID, e.Audio)
		},
		InputEnded: func(ctx context.Context, call *plugin.Call, e plugin.InputEndedEvent) error {
			if err := call.Say("one moment", plugin.PromptOptions{Turn: e.Turn}); err != nil {
				return err
			}
			return call.Done(e.Turn)
		},
		BargeIn: func(_ context.Context, call *plugin.Call, e plugin.BargeInEvent) error {
			call.Log().Info("interrupted", "prompt", e.Prompt, "heard", e.Heard)
			return nil
		},
	}
	main := func() { plugin.Serve(bot) }
	_ = main
}

// The primitive reads events itself.
func ExampleCallFunc() {
	bot := func(ctx context.Context, call *plugin.Call) error {
		for {
			event, err := call.Next(ctx)
			if err != nil {
				return nil // io.EOF: the call is over
			}
			switch e := event.(type) {
			case plugin.AudioInputEvent:
				if err := call.Play(ctx, e.Audio, plugin.PromptOptions{}); err != nil {
					return err
				}
			case plugin.DTMFInputEvent:
				return call.Transfer("a key was pressed")
			}
		}
	}
	main := func() { plugin.Serve(plugin.CallFunc(bot)) }
	_ = main
}

func ExampleAudio_Duration() {
	audio := plugin.FromPCM(make([]int16, 24000), 16000)
	fmt.Println(audio.Format, audio.Duration())
	// Output: linear16 16000 Hz 1.5s
}

func speak(context.Context, string) <-chan []byte    { return nil }
func recognise(session string, _ plugin.Audio) error { return nil }
