package plugin_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/byova-host/byova-host/sdk/plugin"
)

// Each kind of turn has its own answer. One that is not known here is answered as
// silence is.
func ExampleTurnKind() {
	greeter := func(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
		switch turn.Kind {
		case plugin.TurnStart:
			return reply.Say("Welcome.")
		case plugin.TurnSpeech:
			return reply.Play(turn.Utterance)
		case plugin.TurnDTMF:
			return reply.Say("You have pressed " + turn.DTMF)
		case plugin.TurnCustom:
			return reply.Say("The flow says " + turn.Custom.Name)
		default:
			return reply.Say("Are you still there?")
		}
	}
	_ = plugin.HandlerFunc(greeter)
	fmt.Println(plugin.TurnNoInput.String())
	// Output: no input
}

// A turn that is interrupted ends its context, and the work for it.
func ExampleHandlerFunc() {
	answer := func(ctx context.Context, turn plugin.Turn, reply *plugin.Reply) error {
		select {
		case text := <-lookUp(ctx, turn.DTMF):
			return reply.Say(text)
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), plugin.ErrBargeIn) {
				plugin.Log().Debug("the caller went on before there was an answer")
			}
			return nil
		}
	}
	main := func() { plugin.Serve(plugin.HandlerFunc(answer)) }
	_ = main
}

// Terms that the caller has to hear to their end.
func ExampleReply_Play() {
	terms := plugin.FromPCM(make([]int16, 8000), 8000)
	answer := func(_ context.Context, _ plugin.Turn, reply *plugin.Reply) error {
		return reply.Play(terms, plugin.PromptOptions{Uninterruptible: true})
	}
	_ = plugin.HandlerFunc(answer)
}

// A text in another language than the call's.
func ExampleReply_Say() {
	answer := func(_ context.Context, _ plugin.Turn, reply *plugin.Reply) error {
		if err := reply.Say("For English, press 1."); err != nil {
			return err
		}
		return reply.Say("Für Deutsch drücken Sie die 2.", plugin.PromptOptions{Language: "de-DE"})
	}
	_ = plugin.HandlerFunc(answer)
}

// A card number: keys alone, which are neither recorded nor logged.
func ExampleReply_SetInput() {
	answer := func(_ context.Context, _ plugin.Turn, reply *plugin.Reply) error {
		card := plugin.Input{
			Mode: plugin.InputDTMF, DTMFLength: 19, Terminator: "#", InterDigit: 5 * time.Second,
			NoInput: 15 * time.Second, Sensitive: true,
		}
		if err := reply.SetInput(card); err != nil {
			return err
		}
		return reply.Say("Please enter your card number, and then the hash key.")
	}
	_ = plugin.HandlerFunc(answer)
}

// What the person who takes the call gets to read.
func ExampleReply_Transfer() {
	answer := func(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
		if err := reply.Say("I will put you through."); err != nil {
			return err
		}
		return reply.Transfer("a refund", plugin.TransferOptions{
			Summary:  "wants the money back for order " + turn.DTMF,
			Metadata: map[string]any{"order": turn.DTMF, "urgent": true},
		})
	}
	_ = plugin.HandlerFunc(answer)
}

func ExampleReply_End() {
	answer := func(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
		if turn.NoInputs < 3 {
			return reply.Say("Are you still there?")
		}
		if err := reply.Say("Goodbye."); err != nil {
			return err
		}
		return reply.End(plugin.EndOptions{Summary: "the caller said nothing"})
	}
	_ = plugin.HandlerFunc(answer)
}

// The flow looks something up and comes back with it.
func ExampleReply_Custom() {
	answer := func(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
		if turn.Custom.Name == "order found" { // as the flow calls it
			return reply.Say(fmt.Sprint("It comes on ", turn.Custom.Parameters["day"]))
		}
		return reply.Custom("find order", map[string]any{"number": turn.DTMF})
	}
	_ = plugin.HandlerFunc(answer)
}

// The flow is told that the bot has not understood.
func ExampleReply_Tell() {
	answer := func(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
		if turn.Kind == plugin.TurnSpeech {
			reply.Tell(plugin.FlowNoMatch)
		}
		return reply.Say("Please press 1 or 2.")
	}
	_ = plugin.HandlerFunc(answer)
}

// A text that the host could not speak is told with the next turn.
func ExampleRefusedEvent() {
	answer := func(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
		for _, refused := range turn.Refused {
			turn.Call.Log().Warn("the caller has not heard all", "command", refused.Command, "why", refused.Message)
		}
		return reply.Say("What can I do for you?")
	}
	_ = plugin.HandlerFunc(answer)
}

// Errors of commands imply each other.
func Example_errors() {
	fmt.Println(errors.Is(plugin.ErrBargeIn, plugin.ErrTurnEnded))
	fmt.Println(errors.Is(plugin.ErrCallMoved, plugin.ErrCallEnded))
	fmt.Println(errors.Is(plugin.ErrTurnEnded, plugin.ErrBargeIn))
	// Output:
	// true
	// true
	// false
}

func lookUp(context.Context, string) <-chan string { return nil }
