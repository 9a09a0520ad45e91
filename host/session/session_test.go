package session

import (
	"errors"
	"testing"

	"github.com/hashicorp/go-hclog"
)

// TestFlood holds the bound on commands that wait: an agent that is too far ahead
// is given up, once.
func TestFlood(t *testing.T) {
	s := newSession(Key{"o", "c"}, hclog.NewNullLogger())
	p := s.newPart(0, 0)
	for range 3 * maxCommands {
		p.Command(Command{Body: Accepted{}})
	}
	commands, losses := 0, 0
	for _, in := range s.mailbox.Take(nil) {
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
	s := newSession(Key{"o", "c"}, hclog.NewNullLogger())
	p := s.newPart(0, 1000)
	for range 5 {
		p.Command(Command{Prompt: 1, Body: PromptAudio{Data: make([]byte, 300)}})
	}
	taken := s.mailbox.Take(nil)
	if len(taken) != 4 || taken[3].kind != lost || !errors.Is(taken[3].err, errOverdrawn) {
		t.Errorf("took %d inputs of 1500 bytes at a credit of 1000, the last %+v", len(taken), taken[len(taken)-1])
	}
}
