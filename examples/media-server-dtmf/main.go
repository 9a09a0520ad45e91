// Media-server-dtmf is a menu of keys, with a submenu, a number read back, and a person at 0.
package main

import (
	"context"
	"strings"
	"time"

	"github.com/byova-host/byova-host/sdk/plugin"
)

func main() { plugin.Serve(plugin.Turns(newDesk)) }

// place is somewhere in the menus: what is asked there, and which keys it takes.
type place struct {
	prompt string
	input  plugin.Input
}

var (
	key  = plugin.Input{Mode: plugin.InputDTMF, DTMFLength: 1, Terminator: plugin.NoTerminator}
	keys = plugin.Input{Mode: plugin.InputDTMF, DTMFLength: 10, Terminator: "#", InterDigit: 4 * time.Second}

	places = map[string]place{
		"main":    {"For sales, press 1. For support, press 2. To enter your number, press 3. To speak to a person, press 0.", key},
		"support": {"For orders, press 1. For billing, press 2. For the main menu, press 9.", key},
		"number":  {"Please enter your number, and then press the pound key.", keys},
	}
)

// desk is where one caller is.
type desk struct{ at string }

func newDesk(*plugin.Call) plugin.HandlerFunc { return new(desk).answer }

func (d *desk) answer(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
	if turn.Kind == plugin.TurnStart {
		return d.tell(reply, "Hello, and welcome.", "main")
	}
	if d.at == "number" && turn.DTMF != "" {
		return d.tell(reply, "You entered "+inWords(turn.DTMF)+".", "main")
	}
	switch d.at + " " + turn.DTMF {
	case "main 1":
		return leave(reply, "sales")
	case "main 2":
		return d.ask(reply, "support")
	case "main 3":
		return d.ask(reply, "number")
	case "support 1":
		return leave(reply, "orders")
	case "support 2":
		return leave(reply, "billing")
	case "support 9":
		return d.ask(reply, "main")
	case "main 0", "support 0":
		return leave(reply, "front desk")
	default: // another key, or none
		return d.tell(reply, "That is not a valid choice.", d.at)
	}
}

// tell says something before it asks.
func (d *desk) tell(reply *plugin.Reply, text, at string) error {
	if err := reply.Say(text); err != nil {
		return err
	}
	return d.ask(reply, at)
}

// ask goes to a place. What it takes counts from the next input on.
func (d *desk) ask(reply *plugin.Reply, at string) error {
	d.at = at
	if err := reply.SetInput(places[at].input); err != nil {
		return err
	}
	return reply.Say(places[at].prompt)
}

func leave(reply *plugin.Reply, queue string) error {
	if err := reply.Say("Please hold while I connect you.", plugin.PromptOptions{Uninterruptible: true}); err != nil {
		return err
	}
	return reply.Transfer("menu", plugin.TransferOptions{Metadata: map[string]any{"queue": queue}})
}

// inWords has keys said one by one.
func inWords(digits string) string {
	return strings.ReplaceAll(strings.Join(strings.Split(digits, ""), " "), "*", "star")
}
