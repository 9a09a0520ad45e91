// Barge-in reads a long text that may be interrupted, and goes on where it was.
package main

import (
	"context"
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

// reader is how far one caller has come. The host numbers prompts from 1, as they are said.
type reader struct {
	said  uint64 // prompts, so far
	next  int    // the sentence that the last answer began with
	first uint64 // its prompt
	cuts  int
	heard time.Duration // of the sentence that was cut last
}

func newReader(*plugin.Call) plugin.HandlerFunc { return new(reader).answer }

func (r *reader) answer(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
	switch cut := turn.BargeIn; {
	case turn.Kind == plugin.TurnStart:
		if err := r.say(reply, "This call may be recorded.", wholly); err != nil {
			return err
		}
	case cut == nil: // all of it was heard
		return r.end(reply)
	default:
		if cut.Prompt > r.first { // so many sentences further on
			r.next += int(cut.Prompt - r.first)
		}
		r.cuts, r.heard = r.cuts+1, cut.Heard
		if err := r.say(reply, "Okay, one moment."); err != nil {
			return err
		}
	}
	r.first = r.said + 1
	for _, sentence := range text[r.next:] {
		if err := r.say(reply, sentence); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) say(reply *plugin.Reply, text string, options ...plugin.PromptOptions) error {
	r.said++
	return reply.Say(text, options...)
}

func (r *reader) end(reply *plugin.Reply) error {
	if err := r.say(reply, "Thank you for calling. Goodbye.", wholly); err != nil {
		return err
	}
	return reply.End(plugin.EndOptions{Metadata: map[string]any{"cuts": r.cuts, "heard_seconds": r.heard.Round(time.Second).Seconds()}})
}
