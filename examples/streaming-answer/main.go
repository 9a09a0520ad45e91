// Streaming-answer speaks while the answer is still being made, and stops when interrupted.
package main

import (
	"context"
	"errors"
	"iter"
	"strings"
	"time"

	"github.com/byova-host/byova-host/sdk/plugin"
)

func main() { plugin.Serve(plugin.Turns(newTalk)) }

// talk is what is remembered of one call.
type talk struct {
	words   int  // that the model has made
	stopped bool // by the caller
}

func newTalk(*plugin.Call) plugin.HandlerFunc { return new(talk).answer }

func (t *talk) answer(ctx context.Context, turn plugin.Turn, reply *plugin.Reply) error {
	switch {
	case turn.Kind == plugin.TurnStart:
		return reply.Say("Hello. What can I do for you?")
	case turn.DTMF == "0":
		return reply.Transfer("key", plugin.TransferOptions{Metadata: map[string]any{
			"stopped": t.stopped, "whole": t.words == len(strings.Fields(text)),
		}})
	}
	t.words = 0
	var sentence []string
	for word := range model(ctx) { // ends when ctx does
		t.words++
		sentence = append(sentence, word)
		if strings.HasSuffix(word, ".") { // whole sentences sound best
			if err := reply.Say(strings.Join(sentence, " ")); err != nil {
				return err
			}
			sentence = nil
		}
	}
	t.stopped = errors.Is(context.Cause(ctx), plugin.ErrBargeIn)
	return nil
}

const text = "We are open from Monday to Friday. On Saturday we are closed. Sunday is the day for customer service. " +
	"Our main office is open at night. Please call our front desk in the morning. Our sales department is open now. " +
	"To speak to a person, press 0."

// model stands for a language model, which yields a word at a time.
func model(ctx context.Context) iter.Seq[string] {
	return func(yield func(string) bool) {
		for word := range strings.FieldsSeq(text) {
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
				return
			}
			if !yield(word) {
				return
			}
		}
	}
}
