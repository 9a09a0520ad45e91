package plugin_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
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
				return reply.SetInput(plugin.Input{Mode: plugin.InputDTMF, DTMFLength: 4, NoInput: 5 * time.Second})
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

// A bot whose calls outlive its process: what a call has counted is saved before it
// is said, and found again by the process that takes the call over.
func ExampleReply_SaveState() {
	begin := func(call *plugin.Call) plugin.HandlerFunc {
		keys := 0
		if r := call.Info().Resumed; r != nil {
			keys, _ = strconv.Atoi(string(r.State)) // empty until the first key
		}
		return func(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
			keys += len(turn.DTMF)
			if err := reply.SaveState([]byte(strconv.Itoa(keys))); err != nil {
				return err
			}
			return reply.Say(fmt.Sprintf("you have pressed %d keys", keys))
		}
	}
	bot := plugin.Plugin{
		Resume: plugin.ResumeSaved, StateVersion: 1,
		Suspend: func(_ context.Context, call *plugin.Call) error {
			if call.Info().Agent == "payments" {
				return errors.New("a payment is not moved")
			}
			return nil
		},
		Handler: plugin.Turns(begin),
	}
	main := func() { bot.Serve() }
	_ = main
}

// A bot that reads the state of its earlier release, so that calls go on over an
// update. To roll back as well, release reading before writing.
func ExampleResumption() {
	type order struct {
		Items    []string `json:"items"`
		Language string   `json:"language"` // since version 2
	}
	load := func(r *plugin.Resumption) (order, error) {
		o := order{Language: "en"}
		if r == nil || len(r.State) == 0 {
			return o, nil
		}
		switch r.StateVersion {
		case 1: // the items with commas between them
			o.Items = strings.Split(string(r.State), ",")
			return o, nil
		default:
			return o, json.Unmarshal(r.State, &o)
		}
	}
	// Goes with plugin.Plugin{StateVersion: 2, ReadsStateVersions: []uint32{1}, ...}.
	fmt.Println(load(nil))
	fmt.Println(load(&plugin.Resumption{StateVersion: 1, State: []byte("tea,milk")}))
	fmt.Println(load(&plugin.Resumption{StateVersion: 2, State: []byte(`{"items":["tea"],"language":"de"}`)}))
	// Output:
	// {[] en} <nil>
	// {[tea milk] en} <nil>
	// {[tea] de} <nil>
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
				if err := call.Play(ctx, e.Audio); err != nil {
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

// A bot in a debugger, which a host finds at a socket.
func ExamplePlugin_ServeOn() {
	debug := func(ctx context.Context) error {
		l, err := net.Listen("unix", "/run/user/1000/bot.sock")
		if err != nil {
			return err
		}
		return plugin.Plugin{Name: "repeat", Handler: plugin.HandlerFunc(repeat)}.ServeOn(ctx, l)
	}
	_ = debug
}

// What main does before it serves is logged by the host, too.
func ExampleLog() {
	main := func() {
		plugin.Log().Info("the voice model is loaded", "megabytes", 40)
		plugin.Serve(plugin.HandlerFunc(repeat))
	}
	_ = main
}

func speak(context.Context, string) <-chan []byte    { return nil }
func recognise(session string, _ plugin.Audio) error { return nil }
