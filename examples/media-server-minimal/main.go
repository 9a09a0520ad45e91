// Media-server-minimal is the smallest bot that speaks: it greets, and says goodbye.
package main

import (
	"context"

	"github.com/byova-host/byova-host/sdk/plugin"
)

func main() { plugin.Serve(plugin.HandlerFunc(greet)) }

// greet says hello when the call comes, and takes leave of whoever answers.
func greet(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
	if turn.Kind == plugin.TurnStart {
		return reply.Say("Hello, and welcome. How can I help you?")
	}
	// The last words: nothing that the caller does cuts them.
	if err := reply.Say("Thank you for calling. Goodbye.", plugin.PromptOptions{Uninterruptible: true}); err != nil {
		return err
	}
	return reply.End()
}
