package session

import (
	"context"
	"errors"
	"io"
	"testing"
)

// TestFlood holds the bound on commands that wait: an agent that is too far ahead
// is given up, once.
func TestFlood(t *testing.T) {
	s, happened := collector()
	p := s.newPart(0, 0)
	for range 3 * maxCommands {
		p.Command(Command{Body: Accepted{}})
	}
	commands, losses := 0, 0
	s.inputs.Start()
	for _, in := range *happened {
		switch {
		case in.kind == commanded:
			commands++
		case in.kind == lost && errors.Is(in.err, errFlood):
			losses++
		}
	}
	if commands >= maxCommands || losses != 1 {
		t.Errorf("%d commands wait and the agent was lost %d times, want fewer than %d and once", commands, losses, maxCommands)
	}
}

// TestOverdraft holds a bot to its credit.
func TestOverdraft(t *testing.T) {
	s, happened := collector()
	p := s.newPart(0, 1000)
	for range 5 {
		p.Command(Command{Prompt: 1, Body: PromptAudio{Data: make([]byte, 300)}})
	}
	s.inputs.Start()
	taken := *happened
	if len(taken) != 4 || taken[3].kind != lost || !errors.Is(taken[3].err, errOverdrawn) {
		t.Errorf("took %d inputs of 1500 bytes at a credit of 1000, the last %+v", len(taken), taken[len(taken)-1])
	}
}

// TestActionsAreGone: an action is used again by the next step, so that what goes on takes
// what it needs of it.
func TestActionsAreGone(t *testing.T) {
	s, _ := collector()
	s.inputs.Start()
	s.state = newState("s", s.key, "bot", Traits{}, Config{}.limits(), DefaultSettings())
	s.part = s.newPart(0, 0)
	asked := asking{with: make(chan int, 1)}
	s.part.call = asked
	said := make(chan string, 1)
	s.voice = speakerFunc(func(_ context.Context, text Text, _ io.Writer) error {
		said <- text.Text
		return nil
	})
	for _, a := range []action{
		{kind: reopen, number: 1, resumption: Resumption{Suspect: 3}},
		{kind: speak, number: 1, text: Text{Text: "hello"}},
	} {
		s.perform(&a)
		a = action{} //nolint:staticcheck // as step does
	}
	s.helpers.Wait()
	if suspect, text := <-asked.with, <-said; suspect != 3 || text != "hello" {
		t.Errorf("another process was asked for with suspect %d, and %q was spoken, want 3 and hello", suspect, text)
	}
}

// asking is a call that notes with what suspicion another process is asked for.
type asking struct {
	nobody
	with chan int
}

func (a asking) Resume(_ context.Context, r Resumption, _ Sink) (AgentCall, error) {
	a.with <- r.Suspect
	return nil, ErrAgentUnavailable
}
