package session

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestR51_TheBotFails(t *testing.T) {
	failures := map[string]func(c *call){
		"its process is gone": func(c *call) { c.step(input{kind: lost, err: ErrAgentUnavailable}) },
		"it gives up":         func(c *call) { c.command(2, 0, GiveUp{Message: "no"}) },
		"it is silent":        func(c *call) { c.wait(31 * time.Second) },
	}
	actions := []struct {
		name   string
		action FallbackAction
		chunks string
		wav    string
	}{
		{"transfer", FallbackTransfer, "CHUNK(1600) FINAL+TRANSFER", "FINAL(1600)+TRANSFER"},
		{"end", FallbackEnd, "CHUNK(1600) FINAL+SESSION_END", "FINAL(1600)+SESSION_END"},
		{"custom event", FallbackCustom, "CHUNK(1600) FINAL+CUSTOM", "FINAL(1600)+CUSTOM"},
		{"error", FallbackError, "CHUNK(1600)", ""},
	}
	for why, fail := range failures {
		for _, test := range actions {
			for mode, want := range []string{Chunks: test.chunks, WAV: test.wav} {
				t.Run(why+", "+test.name, func(t *testing.T) {
					c := greetedWith(t, Traits{}, func(s *Settings) {
						s.Answers, s.FillerAfter = AnswerMode(mode), 0
						s.Fallback = Fallback{test.action, "bot_failed", map[string]any{"desk": "2"}, make([]byte, 1600)}
					})
					c.keys(2, "1")
					fail(c)
					c.wantShape(2, want)
					if !c.over || c.s.reason != EndedFailed || event[TurnEnded](c).Reason != Failed {
						t.Errorf("over %t, %v, %+v", c.over, c.s.reason, event[TurnEnded](c))
					}
					if test.action == FallbackError {
						if err := c.completed[2]; !errors.Is(err, ErrBotFailed) {
							t.Errorf("the RPC ended with %v, want %v", err, ErrBotFailed)
						}
						return
					}
					last := c.wantFinal(2)
					if last.Name != "bot_failed" || last.Metadata["reason"] != "bot failed" || last.Metadata["desk"] != "2" || last.Input != nil {
						t.Errorf("Webex was told %+v", last)
					}
				})
			}
		}
	}
	t.Run("while nobody can be told, the next RPC is", func(t *testing.T) {
		c := greeted(t, Traits{})
		c.step(input{kind: lost, err: ErrAgentUnavailable})
		c.open(2, Request{Kind: DTMF, Digits: "1"})
		if last := c.wantFinal(2); last.Event != TransferToAgent || !c.over {
			t.Errorf("Webex was told %+v, over %t", last, c.over)
		}
	})
	t.Run("on the RPC that is listened to", func(t *testing.T) {
		c := greeted(t, Traits{})
		c.listen(2)
		c.step(input{kind: lost, err: ErrAgentUnavailable})
		if last := c.wantFinal(2); last.Event != TransferToAgent {
			t.Errorf("Webex was told %+v", last)
		}
	})
	t.Run("in the middle of what the caller says, behind END_OF_INPUT", func(t *testing.T) {
		c := greetedWith(t, Traits{}, func(s *Settings) { s.Fallback.Prompt = make([]byte, 1600) })
		c.listen(2)
		c.hears(2, append(quiet(300), voice(400)...))
		c.step(input{kind: lost, err: ErrAgentUnavailable})
		c.wantDone(2, "START END CHUNK(1600) FINAL+TRANSFER")
	})
	t.Run("unless there is a prompt, the caller hears one of the host's", func(t *testing.T) {
		if n := len(DefaultSettings().Fallback.Prompt); n < 8000 {
			t.Errorf("the default has %d bytes", n)
		}
	})
}

func TestR52_CancelledRPCs(t *testing.T) {
	cancel := func(c *call, rpc rpcID) { c.step(input{kind: gone, rpc: rpc}) }
	t.Run("work for it ends at once", func(t *testing.T) {
		c := greeted(t, Traits{})
		c.say(c.keys(2, "1"), 2, 500, true)
		cancel(c, 2)
		if event[TurnEnded](c) != (TurnEnded{2, Interrupted}) {
			t.Errorf("the bot was told %+v", c.events)
		}
		c.wantShape(2, "CHUNK(4000)")
	})
	t.Run("the call lives on with the next RPC", func(t *testing.T) {
		c := greeted(t, Traits{})
		c.listen(2)
		cancel(c, 2)
		c.wait(9 * time.Second)
		turn := c.keys(3, "1")
		c.wait(20 * time.Second)
		if c.over {
			t.Error("the call was given up while an RPC was open")
		}
		c.command(turn, 0, Done{})
		if c.wantFinal(3); c.over {
			t.Error("the call was given up")
		}
	})
	t.Run("a listening RPC is cancelled beside an answer", func(t *testing.T) {
		c := greeted(t, Traits{})
		c.keys(2, "1")
		c.listen(3)
		cancel(c, 3)
		c.wait(29 * time.Second)
		c.say(2, 2, 100, true)
		c.command(2, 0, Done{})
		c.wantFinal(2)
		c.wait(time.Minute) // the last RPC ended in order: more patience
		if c.over {
			t.Error("the call was given up")
		}
	})
	t.Run("without another RPC it is gone after the grace", func(t *testing.T) {
		c := greeted(t, Traits{})
		c.listen(2)
		cancel(c, 2)
		c.wait(9999 * time.Millisecond)
		if c.over {
			t.Error("the call was given up too soon")
		}
		c.wait(time.Millisecond)
		if !c.over || c.s.reason != EndedGone {
			t.Errorf("over %t, %v", c.over, c.s.reason)
		}
	})
}

// asked is a call whose bot owes an answer on RPC 2. The filler takes 2 s.
func asked(t *testing.T, change func(*Settings)) *call {
	c := greetedWith(t, Traits{}, func(s *Settings) { s.Filler = make([]byte, 16000); change(s) })
	c.keys(2, "1")
	return c
}

func TestR54_Fillers(t *testing.T) {
	t.Run("a filler after 2 s, once", func(t *testing.T) {
		c := asked(t, asIs)
		c.wait(1999 * time.Millisecond)
		c.wantOpen(2, "")
		c.wait(20 * time.Second)
		c.wantOpen(2, "CHUNK(16000)")
		if count[PromptDone](c) != 0 {
			t.Errorf("the bot was told of a prompt that is not its own: %+v", c.events)
		}
	})
	t.Run("none while something plays, or when the answer has begun", func(t *testing.T) {
		c := asked(t, asIs)
		c.say(2, 2, 100, true)
		c.wait(20 * time.Second)
		c.wantOpen(2, "CHUNK(800)")
	})
	t.Run("the filler is no answer", func(t *testing.T) {
		c := asked(t, asIs)
		c.wait(29999 * time.Millisecond)
		c.wantOpen(2, "CHUNK(16000)")
		c.wait(time.Millisecond)
		if last := c.wantFinal(2); last.Event != TransferToAgent {
			t.Errorf("after 30 s Webex was told %+v", last)
		}
	})
	t.Run("what has not left of it is taken back when the answer comes", func(t *testing.T) {
		synctest.Test(t, fillerTakenBack)
	})
}

func TestR54_Times(t *testing.T) {
	t.Run("the bot knows when its answer is due", func(t *testing.T) {
		c := asked(t, asIs)
		if got := event[InputEnded](c).AnswerBy; got != c.now+30*time.Second {
			t.Errorf("it was told %v, now is %v", got, c.now)
		}
	})
	t.Run("the answer is due from the end of what was heard", func(t *testing.T) {
		c := asked(t, func(s *Settings) { s.FillerAfter = 0 })
		c.say(2, 2, 20000, true)
		c.wait(49 * time.Second)
		if c.over {
			t.Error("the bot was given up while its prompt played, or soon after")
		}
		c.wait(time.Second)
		if last := c.wantFinal(2); last.Event != TransferToAgent {
			t.Errorf("Webex was told %+v", last)
		}
	})
	t.Run("whoever looks for the reason is told which answer did not come, and for how long", func(t *testing.T) {
		for want, limit := range map[string]time.Duration{
			"the bot did not answer in time: nothing came in turn 2 for 30s":   5 * time.Minute,
			"the bot did not answer in time: turn 2 was not answered after 7s": 7 * time.Second,
		} {
			c := asked(t, func(s *Settings) { s.AnswerLimit = limit })
			c.wait(30 * time.Second)
			if c.s.detail != want {
				t.Errorf("with a limit of %v: %q, want %q", limit, c.s.detail, want)
			}
		}
	})
	t.Run("a bot that dribbles has a limit", func(t *testing.T) {
		c := asked(t, asIs)
		c.command(2, 2, StartPrompt{})
		began := c.now
		for !c.over && c.now-began < 10*time.Minute {
			c.command(2, 2, PromptAudio{Data: make([]byte, 80)})
			c.wait(10 * time.Second)
		}
		if took := c.now - began; took != 5*time.Minute || c.wantFinal(2).Metadata["reason"] != "bot failed" {
			t.Errorf("it was given up after %v", took)
		}
	})
	t.Run("a call has a limit", func(t *testing.T) {
		c := asked(t, func(s *Settings) { s.MaxDuration, s.NoInputBackstop = 20*time.Minute, 0 })
		c.command(2, 0, Done{})
		c.listen(3)
		c.wait(20*time.Minute - c.now - time.Millisecond)
		c.wantOpen(3, "")
		c.wait(time.Millisecond)
		if last := c.wantFinal(3); last.Event != TransferToAgent || last.Metadata["reason"] != "call too long" {
			t.Errorf("Webex was told %+v", last)
		}
	})
}

// fillerTakenBack has a filler wait for a writer that comes with the answer only.
func fillerTakenBack(t *testing.T) {
	settings := DefaultSettings()
	settings.Filler = make([]byte, 16000)
	answer := make(chan Sink, 1)
	l := start(t, Config{Calls: &settings}, func(sink Sink, e Event) {
		if _, ok := e.Body.(InputEnded); ok {
			answer <- sink
		}
	})
	rpc := l.join(Key{"org", "c1"}, Request{Kind: SessionStart})
	rpc.HalfClose()
	sink := <-answer
	time.Sleep(3 * time.Second)
	for _, body := range []CommandBody{StartPrompt{}, PromptAudio{Data: make([]byte, 800), End: true}, Done{}} {
		sink.Command(Command{Turn: 1, Prompt: 1, Body: body})
	}
	synctest.Wait()
	got := read(t.Context(), rpc).responses
	if len(got) != 2 || len(got[0].Audio) != 800 || got[1].Type != Final {
		t.Errorf("%d responses were sent, the first %s: want the answer alone", len(got), shapeOf(got[0]))
	}
}

func TestR62_IdleCalls(t *testing.T) {
	forever := func(s *Settings) { s.MaxDuration, s.NoInputBackstop = 0, 0 }
	t.Run("are given up", func(t *testing.T) {
		c := greetedWith(t, Traits{}, forever)
		c.say(c.keys(2, "1"), 2, 60000, true)
		c.command(2, 0, Done{})
		c.wait(11*time.Minute - time.Millisecond) // ten, from the end of playback
		if c.over {
			t.Error("the call was given up too soon")
		}
		c.wait(time.Millisecond)
		if !c.over || c.s.reason != EndedGone || event[Ended](c).Reason != EndedGone {
			t.Errorf("over %t, %v", c.over, c.s.reason)
		}
	})
	t.Run("not while an RPC is open", func(t *testing.T) {
		c := greetedWith(t, Traits{}, forever)
		c.listen(2)
		c.wait(5 * time.Hour)
		if c.over {
			t.Fatal("the call was given up")
		}
		c.hears(2, words(t, "slt-yes"))
		c.wantOpen(2, "START END")
	})
	for name, due := range map[string]func(c *call) time.Duration{
		"as it is given up":         func(c *call) time.Duration { return c.s.due.gone },
		"as its bot is given up on": func(c *call) time.Duration { c.keys(2, "1"); return c.s.due.answer },
	} {
		t.Run("an RPC that comes "+name+" is completed", func(t *testing.T) {
			c := greeted(t, Traits{})
			c.now = due(c)
			c.listen(3) // before the timer fires
			c.wantDone(3, "")
			if !c.over {
				t.Error("the call goes on")
			}
		})
	}
	t.Run("by their sessions' clock, with nothing left behind", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := start(t, Config{Idle: time.Minute}, nil)
			l.exchange("c1", Request{Kind: SessionStart})
			time.Sleep(61 * time.Second)
			synctest.Wait()
			if l.sessions.Len() != 0 || l.count("Close") != 1 {
				t.Errorf("%d sessions are left, %d calls closed", l.sessions.Len(), l.count("Close"))
			}
		})
	})
}
