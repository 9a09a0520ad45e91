// Barge-in reads a long text that may be interrupted, and goes on where it was.
package main

import (
	"context"
	"strconv"
	"time"

	"github.com/byova-host/byova-host/sdk/plugin"
)

func main() { plugin.Serve(plugin.Turns(newReader)) }

var text = []string{
	"We are open from Monday to Friday.",
	"On Saturday and on Sunday our office is closed.",
	"To leave a message, press 1.",
}

// wholly is for what is heard to its end, whatever the caller does.
var wholly = plugin.PromptOptions{Uninterruptible: true}

// reader is how far one caller has come.
type reader struct {
	next  int // the sentence that the next answer begins with
	cuts  int
	heard time.Duration // of the sentence that was cut last
}

func newReader(*plugin.Call) plugin.HandlerFunc { return new(reader).answer }

func (r *reader) answer(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
	switch cut := turn.BargeIn; {
	case turn.Kind == plugin.TurnStart:
		if err := reply.Say("This call may be recorded.", wholly); err != nil {
			return err
		}
	case cut == nil: // all of it was heard
		return r.end(reply)
	default:
		if n, err := strconv.Atoi(cut.Label); err == nil { // a sentence, which then comes again
			r.next = n
		}
		r.cuts, r.heard = r.cuts+1, cut.Heard
		if err := reply.Say("Okay, one moment."); err != nil {
			return err
		}
	}
	for n := r.next; n < len(text); n++ {
		if err := reply.Say(text[n], plugin.PromptOptions{Label: strconv.Itoa(n)}); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) end(reply *plugin.Reply) error {
	if err := reply.Say("Thank you for calling. Goodbye.", wholly); err != nil {
		return err
	}
	return reply.End(plugin.EndOptions{Metadata: map[string]any{"cuts": r.cuts, "heard_seconds": r.heard.Round(time.Second).Seconds()}})
}
