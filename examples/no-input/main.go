// No-input asks a silent caller again, and again in other words, and then fetches a person.
package main

import (
	"context"
	"time"

	"github.com/byova-host/byova-host/sdk/plugin"
)

func main() { plugin.Serve(plugin.HandlerFunc(answer)) }

func answer(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
	switch {
	case turn.Kind == plugin.TurnStart:
		if err := reply.SetInput(plugin.Input{NoInput: 2 * time.Second}); err != nil {
			return err
		}
		return reply.Say("What can I do for you?")
	case turn.NoInputs == 1: // silences in a row: an answer begins anew
		return reply.Say("I did not hear anything. Please say that again.")
	case turn.NoInputs == 2:
		return reply.Say("Sorry. Please speak, or press a key.")
	case turn.NoInputs == 3:
		if err := reply.Say("Please hold while I transfer your call.", plugin.PromptOptions{Uninterruptible: true}); err != nil {
			return err
		}
		return reply.Transfer("no input", plugin.TransferOptions{Metadata: map[string]any{"silences": turn.NoInputs}})
	default:
		return reply.Say("Thank you. Can I help you with anything else?")
	}
}
