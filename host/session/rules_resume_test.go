package session

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestR8_TheWelcomeFollowsTheHalfClose(t *testing.T) {
	t.Run("the bot begins behind it", func(t *testing.T) {
		c := newCall(t, Traits{})
		c.open(1, Request{Kind: SessionStart})
		c.wait(400 * time.Millisecond)
		if count[Started](c) != 1 || turnBy(c, ByStart) {
			t.Errorf("before the half-close the bot was told %+v", c.events)
		}
		c.halfClose(1)
		if !turnBy(c, ByStart) || event[InputEnded](c).Turn != 1 {
			t.Errorf("behind the half-close the bot was told %+v", c.events)
		}
	})
	t.Run("the RPC waits for it", func(t *testing.T) {
		c := callWith(t, Traits{}, func(s *Settings) { s.FillerAfter = 0 })
		c.open(1, Request{Kind: SessionStart})
		c.halfClose(1)
		c.wait(5 * time.Second)
		c.wantOpen(1, "")
		c.say(1, 1, 100, true)
		c.wait(5 * time.Second)
		c.say(1, 2, 100, true)
		c.command(1, 0, Done{})
		c.wantDone(1, "CHUNK(800) CHUNK(800) FINAL")
	})
	t.Run("words that come before are sent behind it", func(t *testing.T) {
		c := newCall(t, Traits{})
		c.open(1, Request{Kind: SessionStart})
		c.say(0, 1, 100, true)
		c.wantOpen(1, "")
		c.halfClose(1)
		c.wantOpen(1, "CHUNK(800)")
	})
	t.Run("a client that never half-closes gets it all the same", func(t *testing.T) {
		c := newCall(t, Traits{})
		c.open(1, Request{Kind: SessionStart})
		c.wait(500 * time.Millisecond)
		if !turnBy(c, ByStart) {
			t.Error("no greeting within 500 ms")
		}
	})
}

func TestR10_StartedTwice(t *testing.T) {
	for name, again := range map[string]func(c *call){
		"on an RPC of its own": func(c *call) { c.open(3, Request{Kind: SessionStart}); c.halfClose(3) },
		"while an answer is being sent": func(c *call) {
			c.say(c.keys(2, "1"), 2, 100, true)
			c.open(3, Request{Kind: SessionStart})
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := greeted(t, Traits{})
			again(c)
			c.wantDone(3, "FINAL")
			if count[Started](c) != 0 || turnBy(c, ByStart) {
				t.Errorf("the call began again: %+v", c.events)
			}
			if _, done := c.completed[2]; done {
				t.Error("the answer being sent was given up")
			}
		})
	}
	t.Run("because the first broke off", func(t *testing.T) {
		c := newCall(t, Traits{})
		c.open(1, Request{Kind: SessionStart})
		c.step(input{kind: gone, rpc: 1})
		c.open(2, Request{Kind: SessionStart})
		c.halfClose(2)
		if count[Started](c) != 1 || !turnBy(c, ByStart) {
			t.Errorf("the bot is not to greet: %+v", c.events)
		}
		c.say(1, 1, 100, true)
		c.command(1, 0, Done{})
		c.wantDone(2, "CHUNK(800) FINAL")
	})
	t.Run("because the first broke off, and other input came since", func(t *testing.T) {
		c := newCall(t, Traits{})
		c.open(1, Request{Kind: SessionStart})
		c.step(input{kind: gone, rpc: 1})
		c.command(c.keys(2, "1"), 0, Done{})
		c.open(3, Request{Kind: SessionStart})
		c.wantDone(3, "FINAL")
	})
	t.Run("on the RPC of the first", func(t *testing.T) {
		c := newCall(t, Traits{})
		c.open(1, Request{Kind: SessionStart})
		c.request(1, Request{Kind: SessionStart})
		c.halfClose(1)
		c.request(1, Request{Kind: SessionStart})
		c.wantOpen(1, "")
		c.command(1, 0, Done{})
		c.wantDone(1, "FINAL")
	})
}

// turnBy says whether a turn was opened by a cause.
func turnBy(c *call, cause TurnCause) bool {
	for _, e := range c.events {
		if started, ok := e.(TurnStarted); ok && started.Cause == cause {
			return true
		}
	}
	return false
}

func TestR10a_UnknownConversations(t *testing.T) {
	inputs := []struct {
		name  string
		input Request
		cause TurnCause // of the turn that it opens; 0 for none
	}{
		{"an entry", Request{Kind: DTMF, Digits: "3"}, ByDTMF},
		{"no input", Request{Kind: Silence}, ByNoInput},
		{"a custom event", Request{Kind: CustomInput, Name: "n"}, ByCustom},
		{"the first key", Request{Kind: DTMFStart}, 0},
		{"audio", Request{Kind: Audio, Audio: quiet(20)}, 0},
	}
	for _, test := range inputs {
		t.Run(test.name+" resumes", func(t *testing.T) {
			c := newCall(t, Traits{})
			c.open(1, test.input)
			c.halfClose(1)
			if event[Started](c).Resumed == nil || turnBy(c, ByStart) {
				t.Errorf("want a call that goes on without a greeting, got %+v", c.events)
			}
			if test.cause == 0 {
				c.wantDone(1, "")
				return
			}
			if !turnBy(c, test.cause) {
				t.Errorf("the input is lost: %+v", c.events)
			}
			c.command(1, 0, Done{})
			c.wantDone(1, "FINAL")
		})
	}
	t.Run("words resume", func(t *testing.T) {
		c := newCall(t, Traits{})
		c.listen(1)
		c.hears(1, words(t, "rms-bill"))
		c.wantOpen(1, "START END")
	})
	t.Run("a call that was given up resumes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := start(t, Config{Idle: 10 * time.Second}, nil)
			l.exchange("c1", Request{Kind: SessionStart})
			time.Sleep(11 * time.Second)
			synctest.Wait()
			got := l.exchange("c1", Request{Kind: DTMF, Digits: "1"})
			if got.err != nil || len(got.responses) == 0 || l.count("Open") != 2 {
				t.Errorf("its next input got %+v and %d calls, want an answer and 2", got, l.count("Open"))
			}
		})
	})
	t.Run("a call that begins is not resumed", func(t *testing.T) {
		c := newCall(t, Traits{})
		c.open(1, Request{Kind: SessionStart})
		if event[Started](c).Resumed != nil {
			t.Error("the bot was told that it goes on")
		}
	})
}

func TestR10a_Reject(t *testing.T) {
	reject := []struct {
		name  string
		input Request
		want  error
		calls int
	}{
		{"an entry is refused", Request{Kind: DTMF, Digits: "3"}, ErrNoSession, 0},
		{"audio is refused", Request{Kind: Audio, Audio: quiet(20)}, ErrNoSession, 0},
		{"a hang-up is completed", Request{Kind: SessionEnd}, nil, 0},
		{"a call that begins is taken", Request{Kind: SessionStart}, nil, 1},
	}
	for _, test := range reject {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := start(t, Config{RejectUnknown: true}, nil)
				got := l.exchange("c1", test.input)
				if !errors.Is(got.err, test.want) || l.count("Open") != test.calls {
					t.Errorf("got %v and %d calls, want %v and %d", got.err, l.count("Open"), test.want, test.calls)
				}
			})
		})
	}
	t.Run("without it a hang-up starts nothing either", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := start(t, Config{}, nil)
			for range 2 {
				if got := l.exchange("c1", Request{Kind: SessionEnd}); got.err != nil || len(got.responses) != 0 || l.count("Open") != 0 {
					t.Errorf("got %+v and %d calls", got, l.count("Open"))
				}
			}
		})
	})
}
