package session

import (
	"testing"
	"time"
)

func TestR38_NoInput(t *testing.T) {
	tests := []struct {
		name string
		rpc  rpcID // of the event; RPC 2 listens
	}{
		{"on the listening RPC", 2},
		{"on an RPC of its own", 3},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := greeted(t, Traits{})
			c.listen(2)
			c.wait(5 * time.Second)
			if test.rpc == 2 {
				c.request(2, Request{Kind: Silence})
			} else {
				c.open(3, Request{Kind: Silence})
			}
			c.halfClose(test.rpc)
			if got := event[NoInput](c); got != (NoInput{2, 1}) || event[TurnStarted](c).Cause != ByNoInput {
				t.Errorf("the bot was told %+v", c.events)
			}
			c.say(2, 2, 100, true)
			c.command(2, 0, Done{})
			c.wantDone(test.rpc, "CHUNK(800) FINAL")
			if test.rpc != 2 {
				c.halfClose(2)
				c.wantDone(2, "")
			}
		})
	}
	t.Run("counts in a row, until there is input", func(t *testing.T) {
		c := greeted(t, Traits{})
		for i, q := range []Request{{Kind: Silence}, {Kind: Silence}, {Kind: DTMF, Digits: "1"}, {Kind: Silence}} {
			rpc := rpcID(i + 2)
			c.events = nil
			c.open(rpc, q)
			if want := []int{1, 2, 0, 1}[i]; want > 0 && event[NoInput](c).Count != want {
				t.Errorf("silence %d is counted as %d, want %d", i, event[NoInput](c).Count, want)
			}
			c.command(c.s.turns, 0, Done{})
			c.wantDone(rpc, "FINAL")
			c.wait(time.Second)
		}
	})
	t.Run("after which the bot may end its part", func(t *testing.T) {
		c := greeted(t, Traits{})
		c.open(2, Request{Kind: Silence})
		c.command(2, 0, Leave{Event: EndSession})
		c.wantDone(2, "FINAL+SESSION_END")
	})
}

func TestR39_EventsOnlyIfTheBotAsks(t *testing.T) {
	silences := map[string]func(c *call){
		"no input":            func(c *call) { c.open(2, Request{Kind: Silence}) },
		"an entry of nothing": func(c *call) { c.open(2, Request{Kind: DTMF, Digits: "#"}) },
		"the host's own":      func(c *call) { c.listen(2); c.wait(7 * time.Second) },
	}
	events := map[OutputEvent]string{NoEvent: "FINAL", NoInputEvent: "FINAL+NO_INPUT", NoMatch: "FINAL+NO_MATCH"}
	for name, silence := range silences {
		for event, want := range events {
			c := greeted(t, Traits{})
			silence(c)
			c.command(2, 0, Done{Event: event})
			if got := c.shape(2); got != want {
				t.Errorf("%s, answered with event %d, got %q, want %q", name, event, got, want)
			}
		}
	}
}

// silent is a call that listens on RPC 3 while an answer of 3 s plays.
func silent(t *testing.T, change func(*Settings)) *call {
	c := greetedWith(t, Traits{}, change)
	c.say(c.keys(2, "1"), 2, 3000, true)
	c.command(2, 0, Done{})
	c.listen(3)
	return c
}

// TestR40_SilenceThatWebexDoesNotReport: Webex was told 5 s, the host waits 1.5 s
// longer.
func TestR40_SilenceThatWebexDoesNotReport(t *testing.T) {
	t.Run("counts from the end of playback", func(t *testing.T) {
		c := silent(t, asIs)
		c.wait(3*time.Second + 6499*time.Millisecond)
		if n := count[NoInput](c); n != 0 {
			t.Errorf("the bot was told of %d silences before it was time", n)
		}
		c.wait(time.Millisecond)
		if got := event[NoInput](c); got != (NoInput{3, 1}) {
			t.Errorf("the bot was told %+v", got)
		}
		c.say(3, 3, 100, true)
		c.command(3, 0, Done{})
		c.wantDone(3, "CHUNK(800) FINAL")
	})
	t.Run("counts from the end of playback in WAV mode", func(t *testing.T) {
		c := greetedWith(t, Traits{}, inWAV)
		c.say(c.keys(2, "1"), 2, 3000, true)
		c.command(2, 0, Done{})
		c.deliver(2)
		c.listen(3)
		c.wait(9499 * time.Millisecond)
		if count[NoInput](c) != 0 {
			t.Error("the bot was told before it was time")
		}
	})
	t.Run("nothing is written where no RPC is listened to", func(t *testing.T) {
		c := silent(t, asIs)
		c.halfClose(3)
		c.wait(time.Minute)
		c.wantDone(3, "")
		if count[NoInput](c) != 0 {
			t.Error("the bot was told of a silence that it cannot answer")
		}
		c.listen(4) // which is when it begins to count
		c.wait(6400 * time.Millisecond)
		if count[NoInput](c) != 0 {
			t.Error("the bot was told before it was time")
		}
	})
	for name, answer := range map[string]func(c *call){
		"a prompt":                func(*call) {},
		"a bot that is to answer": func(c *call) { c.keys(4, "2") },
	} {
		t.Run("not while keys are pressed that interrupt "+name, func(t *testing.T) {
			c := silent(t, func(s *Settings) { s.Input.DTMFLength, s.Input.InterDigit = 6, 2*time.Second })
			answer(c)
			c.open(5, Request{Kind: DTMFStart}) // beside the listening RPC
			c.halfClose(5)
			c.wait(18499 * time.Millisecond) // an entry may take 12 s
			if n := count[NoInput](c); n != 0 {
				t.Errorf("the bot was told of %d silences", n)
			}
			c.wait(time.Millisecond)
			if n := count[NoInput](c); n != 1 {
				t.Errorf("when no entry had come the bot was told of %d silences, want 1", n)
			}
		})
	}
	t.Run("never when Webex was told none, or the host has none", func(t *testing.T) {
		for name, change := range map[string]func(*Settings){
			"Webex": func(s *Settings) { s.Input.NoInput = 0 }, "the host": func(s *Settings) { s.NoInputBackstop = 0 },
		} {
			c := silent(t, change)
			c.wait(time.Minute)
			if count[NoInput](c) != 0 {
				t.Errorf("%s had no limit, but the bot was told of a silence", name)
			}
		}
	})
}

func TestR40_OneSilenceCountsOnce(t *testing.T) {
	for name, rpc := range map[string]rpcID{"on the same RPC": 3, "on another RPC": 4} {
		report := func(c *call) {
			if rpc == 3 {
				c.request(3, Request{Kind: Silence})
			} else {
				c.open(4, Request{Kind: Silence})
			}
		}
		t.Run("Webex is first, "+name, func(t *testing.T) {
			c := silent(t, asIs)
			c.wait(8 * time.Second)
			report(c)
			c.wait(6 * time.Second)
			if count[NoInput](c) != 1 {
				t.Errorf("it was counted %d times", count[NoInput](c))
			}
		})
		t.Run("the host is first, "+name, func(t *testing.T) {
			c := silent(t, asIs)
			c.wait(9500 * time.Millisecond)
			report(c)
			c.wait(6 * time.Second)
			if count[NoInput](c) != 1 {
				t.Errorf("it was counted %d times", count[NoInput](c))
			}
			if rpc == 4 {
				c.wantDone(4, "FINAL")
			}
		})
	}
	t.Run("the host is first, and Webex reports it as an entry of nothing", func(t *testing.T) {
		c := silent(t, asIs)
		c.wait(9500 * time.Millisecond)
		c.keys(4, "")
		c.wantDone(4, "FINAL")
		c.wantOpen(3, "") // the bot's answer is not given up for it
		if count[NoInput](c) != 1 {
			t.Errorf("it was counted %d times", count[NoInput](c))
		}
	})
	t.Run("the bot has answered it meanwhile", func(t *testing.T) {
		c := silent(t, asIs)
		c.wait(9500 * time.Millisecond)
		c.command(3, 0, Done{})
		c.wantDone(3, "FINAL")
		c.wait(time.Second)
		c.open(4, Request{Kind: Silence})
		c.wantDone(4, "FINAL")
		if count[NoInput](c) != 1 {
			t.Errorf("it was counted %d times", count[NoInput](c))
		}
	})
}

// TestR40_WordsAfterACountedSilence: Webex does not know that the host has counted
// a silence and goes on sending what the caller says.
func TestR40_WordsAfterACountedSilence(t *testing.T) {
	for name, reprompt := range map[string]bool{"while the bot thinks": false, "over its reprompt": true} {
		t.Run(name, func(t *testing.T) {
			c := silent(t, asIs)
			c.wait(9500 * time.Millisecond)
			if reprompt {
				c.say(3, 3, 4000, true)
			}
			c.events = nil
			c.hears(3, words(t, "slt-order"))
			if got := event[InputEnded](c); got.Turn != 4 || event[TurnStarted](c).Cause != BySpeech {
				t.Fatalf("after %+v", got)
			}
			if cut := event[BargedIn](c); cut.Turn != 3 || (cut.Prompt == 3) != reprompt {
				t.Errorf("interrupted %+v", cut)
			}
			c.say(4, 4, 500, true)
			c.command(4, 0, Done{})
			want := "START END CHUNK(4000) FINAL"
			if reprompt {
				want = "CHUNK(32000) " + want
			}
			c.wantDone(3, want)
		})
	}
}
