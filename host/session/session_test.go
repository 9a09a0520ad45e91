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
	for range 3 * maxCommands {
		s.Command(Command{Body: Accepted{}})
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
