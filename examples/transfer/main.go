// Transfer hands the caller to a person, with all that the person should know.
package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/byova-host/byova-host/sdk/plugin"
)

func main() { plugin.Serve(plugin.Turns(newDesk)) }

// desk is what is known of one caller.
type desk struct {
	account    string
	transcript []string
}

func newDesk(*plugin.Call) plugin.HandlerFunc { return new(desk).answer }

func (d *desk) answer(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
	switch {
	case turn.Kind == plugin.TurnDTMF && d.account == "":
		d.account = turn.DTMF
		d.note("Caller: account " + d.account)
		return d.say(reply, "Thank you. How can I help you?")
	case d.account == "":
		return d.say(reply, "Please enter your account number, and then press the pound key.")
	case turn.Kind == plugin.TurnSpeech: // a speech recogniser would say what it was
		d.note(fmt.Sprintf("Caller: (%.0f seconds of speech)", turn.Utterance.Duration().Seconds()))
	}
	if err := d.say(reply, "Please hold while I connect you.", plugin.PromptOptions{Uninterruptible: true}); err != nil {
		return err
	}
	return reply.Transfer("caller needs a person", plugin.TransferOptions{
		Metadata:   map[string]any{"queue": "billing", "account": d.account},
		Transcript: strings.Join(d.transcript, "\n"),
		Summary:    "Account " + d.account + ", asked for the reason of the call",
	})
}

// say has a text spoken, and notes it.
func (d *desk) say(reply *plugin.Reply, text string, options ...plugin.PromptOptions) error {
	d.note("Bot: " + text)
	return reply.Say(text, options...)
}

func (d *desk) note(line string) { d.transcript = append(d.transcript, line) }
