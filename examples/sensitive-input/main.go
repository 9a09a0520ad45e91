// Sensitive-input asks for numbers that no recording and no log must have.
package main

import (
	"context"
	"strings"
	"time"

	"github.com/byova-host/byova-host/sdk/plugin"
)

func main() { plugin.Serve(plugin.Turns(newPayment)) }

// payment is what one caller has entered. It is never logged and never handed on.
type payment struct{ account string }

func newPayment(*plugin.Call) plugin.HandlerFunc { return new(payment).answer }

func (p *payment) answer(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
	switch {
	case turn.Kind == plugin.TurnStart:
		return ask(reply, 19, "Please enter your account number, and then press the pound key.")
	case p.account == "" && len(turn.DTMF) < 8:
		return ask(reply, 19, "Sorry, that is not a number. Please enter your account number again.")
	case p.account == "":
		p.account = turn.DTMF
		turn.Call.Log().Info("account number entered", "keys", len(turn.DTMF)) // never the keys
		return ask(reply, 6, "Thank you. The last 4 are "+inWords(lastFour(p.account))+". Now enter your PIN, and then press the pound key.")
	case len(turn.DTMF) < 4:
		return ask(reply, 6, "Sorry. Please enter your PIN again.")
	}
	// Here the payment would be made.
	if err := reply.Say("Thank you. Please hold.", plugin.PromptOptions{Uninterruptible: true}); err != nil {
		return err
	}
	return reply.Transfer("payment", plugin.TransferOptions{Metadata: map[string]any{"last4": lastFour(p.account)}})
}

// ask asks for keys that are sensitive. That holds for the next input alone, so it is said
// each time; and whoever reads a card needs time between the keys.
func ask(reply *plugin.Reply, length int, text string) error {
	err := reply.SetInput(plugin.Input{
		Mode: plugin.InputDTMF, DTMFLength: length, InterDigit: 8 * time.Second, Terminator: "#", Sensitive: true,
	})
	if err != nil {
		return err
	}
	return reply.Say(text)
}

func lastFour(digits string) string { return digits[len(digits)-4:] }

// inWords has keys said one by one.
func inWords(digits string) string { return strings.Join(strings.Split(digits, ""), " ") }
