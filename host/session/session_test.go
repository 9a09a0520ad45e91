package session

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/byova-host/byova-host/internal/audio"
	"github.com/byova-host/byova-host/internal/lane"
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
	asked := asking{with: make(chan int, 1)}
	s := begun(asked)
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
		a = action{} // as step does
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

// begun is a session that nothing has happened to yet, and its agent.
func begun(agent AgentCall) *Session {
	s := newSession(Key{"o", "c"}, hclog.NewNullLogger(), func() {})
	s.state = newState("s", s.key, "bot", Traits{}, Config{}.limits(), DefaultSettings())
	s.part = s.newPart(0, 0)
	s.part.call = agent
	return s
}

// TestConversionsElsewhere: who reads for all calls of a plugin converts nothing.
func TestConversionsElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := collector()
		done, held := 0, make(chan struct{})
		s.inputs = lane.NewActor(func(*input) {
			<-held
			done++
		}, nil)
		s.inputs.Start()
		p := s.newPart(0, 1000)
		wide := audio.Format{Encoding: audio.Linear16, Rate: 24000}
		for _, c := range []CommandBody{StartPrompt{Format: wide}, PromptAudio{Data: make([]byte, 480)}, Done{}} {
			p.Command(Command{Prompt: 1, Body: c}) // hangs if it carries the command out
		}
		close(held)
		if synctest.Wait(); done != 3 {
			t.Errorf("%d commands were carried out, want 3", done)
		}
		held = make(chan struct{})
		returned := false
		go func() {
			s.newPart(0, 0).Command(Command{Prompt: 2, Body: StartPrompt{Format: audio.Format{Rate: 8000}}})
			returned = true
		}()
		synctest.Wait()
		if returned {
			t.Error("a prompt that needs no conversion was left to another goroutine")
		}
		close(held)
	})
}

// stuck is a log that nobody reads.
type stuck chan struct{}

func (s stuck) Write(b []byte) (int, error) { <-s; return len(b), nil }

// TestNotesWaitElsewhere: a log that nobody reads holds up nobody who reads for other calls.
func TestNotesWaitElsewhere(t *testing.T) {
	read := make(stuck)
	s := begun(nobody{})
	s.log = hclog.New(&hclog.LoggerOptions{Output: read})
	s.perform(&action{kind: note, note: "something", detail: "strange"}) // hangs if it waits
	close(read)
	s.helpers.Wait()
}

// lastWords is an agent that puts something as it is told that its part is over.
type lastWords struct {
	nobody
	put func() bool
	was *bool
}

func (l lastWords) Close(EndReason) { *l.was = l.put() }

// TestNothingAfterTheEnd: who learns of a session's end finds it closed, and begins anew.
func TestNothingAfterTheEnd(t *testing.T) {
	taken := true
	s := begun(nil)
	s.part.call = lastWords{put: func() bool { return s.inputs.Put(input{kind: tick}) }, was: &taken}
	s.timer = time.NewTimer(never)
	s.inputs.Start()
	s.inputs.Put(input{kind: stopped})
	if taken {
		t.Error("something was taken that nobody will answer")
	}
}

// TestEndWaits: the end of a session waits for what it has begun.
func TestEndWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := false
		voice := speakerFunc(func(ctx context.Context, _ Text, _ io.Writer) error {
			<-ctx.Done()
			time.Sleep(time.Second) // not at once
			ended = true
			return ctx.Err()
		})
		l := start(t, Config{Voice: voice}, func(sink Sink, e Event) {
			if body, ok := e.Body.(InputEnded); ok {
				sink.Command(Command{Turn: body.Turn, Prompt: 1, Body: StartPrompt{Text: "hello"}})
			}
		})
		rpc := l.join(Key{"org", "one"}, Request{Kind: SessionStart})
		rpc.HalfClose()
		synctest.Wait()
		if l.sessions.Stop(); !ended {
			t.Error("the session has ended while its voice spoke")
		}
	})
}
