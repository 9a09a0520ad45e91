// Custom-event has the flow look something up, and says what came back.
package main

import (
	"context"

	"github.com/byova-host/byova-host/sdk/plugin"
)

func main() { plugin.Serve(plugin.Turns(newDesk)) }

// desk remembers the order while the flow looks for it.
type desk struct{ order string }

func newDesk(*plugin.Call) plugin.HandlerFunc { return new(desk).answer }

func (d *desk) answer(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
	switch {
	case turn.Custom.Name != "": // from the flow, by a custom event or a new session start
		return d.found(turn.Custom, reply)
	case turn.Kind == plugin.TurnDTMF:
		d.order = turn.DTMF
		if err := reply.Say("One moment, please.", plugin.PromptOptions{Uninterruptible: true}); err != nil {
			return err
		}
		return reply.Custom("find_order", map[string]any{"order": d.order})
	default:
		return reply.Say("Please enter your order number, and then press the pound key.")
	}
}

// found says what the flow knows.
func (d *desk) found(event plugin.CustomEvent, reply *plugin.Reply) error {
	day, known := event.Parameters["day"].(string)
	if event.Name != "order_found" || !known {
		return reply.Say("Sorry, something went wrong. Please enter your order number again.")
	}
	if err := reply.Say("Your order is here on "+day+". Goodbye.", plugin.PromptOptions{Uninterruptible: true}); err != nil {
		return err
	}
	return reply.End(plugin.EndOptions{Metadata: map[string]any{"order": d.order, "day": day}})
}
