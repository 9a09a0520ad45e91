// First-plugin is the smallest bot: it repeats what the caller says.
//
//	go build -o first-plugin ./examples/first-plugin
//	byova-host serve --plugin ./first-plugin
package main

import (
	"context"

	"github.com/byova-host/byova-host/sdk/plugin"
)

func main() { plugin.Serve(plugin.HandlerFunc(echo)) }

// echo repeats the caller; the 0 key asks for a person.
func echo(ctx context.Context, turn plugin.Turn, reply *plugin.Reply) error {
	if turn.DTMF == "0" {
		return reply.Transfer("front desk")
	}
	return reply.Play(turn.Utterance) // audio, as heard from the start of speech to its end
}
