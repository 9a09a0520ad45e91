package plugin

import (
	"context"
	"fmt"
	"testing"

	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

// TestLabels: what a bot calls its prompts it is told again, of the last ones.
func TestLabels(t *testing.T) {
	var told []string
	bot := CallFunc(func(ctx context.Context, call *Call) error {
		say := func(label string) {
			if err := call.Say("hi", PromptOptions{Label: label}); err != nil {
				t.Error(err)
			}
		}
		say("menu")
		say("")
		say("hours")
		for {
			event, err := call.Next(ctx)
			if err != nil {
				return nil
			}
			switch e := event.(type) {
			case BargeInEvent:
				told = append(told, fmt.Sprintf("cut %d %s", e.Prompt, e.Label))
			case PromptDoneEvent:
				told = append(told, fmt.Sprintf("done %d %s", e.Prompt, e.Label))
				for range keptLabels {
					say("")
				}
			}
		}
	})
	with(t, Plugin{Handler: bot}, func(t *testing.T, h *fakeHost) {
		cut := func(prompt uint64) *pluginv1.Event {
			return &pluginv1.Event{Call: 1, Body: &pluginv1.Event_BargeIn{BargeIn: &pluginv1.BargeIn{Prompt: prompt}}}
		}
		done := &pluginv1.Event{Call: 1, Body: &pluginv1.Event_PromptDone{PromptDone: &pluginv1.PromptDone{Prompt: 1}}}
		h.send(start(1, 1000), cut(3), cut(2), cut(0), done, cut(3))
		h.send(ended(1))
	})
	want := "[cut 3 hours cut 2  cut 0  done 1 menu cut 3 ]"
	if got := fmt.Sprint(told); got != want {
		t.Errorf("told %s, want %s", got, want)
	}
}
