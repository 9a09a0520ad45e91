// Media-server-multiturn asks for this and that, and remembers what the caller answered.
package main

import (
	"context"

	"github.com/byova-host/byova-host/sdk/plugin"
)

func main() { plugin.Serve(plugin.Turns(newTalk)) }

var questions = []string{
	"Please say your name.",
	"Thank you. Now, please say the name of your company.",
}

// talk is what is remembered of one call.
type talk struct {
	answers []plugin.Audio // to the questions, so far
}

func newTalk(*plugin.Call) plugin.HandlerFunc { return new(talk).answer }

// answer takes what was said as the answer to the last question.
func (t *talk) answer(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
	switch turn.Kind {
	case plugin.TurnStart:
		if err := reply.Say("Hello, and welcome."); err != nil {
			return err
		}
	case plugin.TurnSpeech:
		t.answers = append(t.answers, turn.Utterance)
	default:
		if err := reply.Say("Sorry, I did not understand."); err != nil {
			return err
		}
	}
	if asked := len(t.answers); asked < len(questions) {
		return reply.Say(questions[asked])
	}
	return t.goodbye(reply)
}

// goodbye says back what was answered, in the caller's own voice, and ends the call.
func (t *talk) goodbye(reply *plugin.Reply) error {
	last := plugin.PromptOptions{Uninterruptible: true}
	for i, text := range []string{"You are", "from"} {
		if err := reply.Say(text, last); err != nil {
			return err
		}
		if err := reply.Play(t.answers[i], last); err != nil {
			return err
		}
	}
	if err := reply.Say("Thank you for calling. Goodbye.", last); err != nil {
		return err
	}
	return reply.End(plugin.EndOptions{Metadata: map[string]any{"answers": len(t.answers)}})
}
