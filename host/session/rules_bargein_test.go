package session

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestR41_BargeInIsPerPrompt(t *testing.T) {
	modes := map[InputMode]string{VoiceAndDTMF: "voice and keys", VoiceOnly: "voice"}
	for mode, name := range modes {
		for _, answers := range []AnswerMode{Chunks, WAV} {
			for _, second := range []bool{true, false} {
				t.Run(name, func(t *testing.T) {
					c := greetedWith(t, Traits{}, func(s *Settings) { s.Answers, s.Input.Mode = answers, mode })
					turn := c.keys(2, "1")
					c.say(turn, 2, 2000, !second)
					c.say(turn, 3, 4000, second)
					c.command(turn, 0, Done{})
					c.deliver(2)
					c.listen(3)
					c.wait(2 * time.Second) // into the second
					c.hears(3, append(quiet(300), voice(500)...))
					if got := count[BargedIn](c) == 1; got != second {
						t.Errorf("the second prompt was cut: %t, want what it asked for, %t", got, second)
					}
				})
			}
		}
	}
	t.Run("keys alone", func(t *testing.T) {
		for _, bargeIn := range []bool{true, false} {
			c := greetedWith(t, Traits{}, func(s *Settings) { s.Input.Mode = DTMFOnly })
			c.say(c.keys(2, "1"), 2, 2000, bargeIn)
			c.command(2, 0, Done{})
			c.open(3, Request{Kind: DTMFStart})
			if got := count[BargedIn](c) == 1; got != bargeIn {
				t.Errorf("the prompt was cut: %t, want what it asked for, %t", got, bargeIn)
			}
		}
	})
	t.Run("each chunk says it", func(t *testing.T) {
		c := greeted(t, Traits{})
		c.keys(2, "1")
		c.say(2, 2, 100, true)
		c.say(2, 3, 100, false)
		if sent := c.responses[2]; !sent[0].BargeIn || sent[1].BargeIn {
			t.Errorf("sent %+v", sent)
		}
	})
	t.Run("what is said before the end of the bot's part is not cut", func(t *testing.T) {
		c := greeted(t, Traits{})
		c.listen(2)
		c.say(c.keys(3, "1"), 2, 3000, true)
		for _, a := range c.acts(input{kind: commanded, command: Command{Turn: 2, Body: Leave{Event: TransferToAgent}}}) {
			if a.kind == drop {
				t.Error("its audio was taken back")
			}
		}
		if got := c.acts(input{kind: requested, rpc: 2, request: &Request{Kind: DTMFStart}}); len(got) != 0 {
			t.Errorf("the next key did %+v", got)
		}
	})
}

// TestR42_BargeIn: the caller speaks over an answer on RPC 2, at every moment.
func TestR42_BargeIn(t *testing.T) {
	tests := []struct {
		name string
		said bool // 4 s of an answer, of which 1 s was heard
		done bool
		two  string // what RPC 2 gets in the end
		told BargedIn
	}{
		{"before the first response", false, false, "FINAL", BargedIn{Turn: 2}},
		{"before the answer is complete", true, false, "CHUNK(32000) FINAL", BargedIn{Turn: 2, Prompt: 2}},
		{"after the answer is complete", true, true, "CHUNK(32000) FINAL", BargedIn{Turn: 2, Prompt: 2}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := greeted(t, Traits{})
			c.keys(2, "1")
			if test.said {
				c.say(2, 2, 4000, true)
			}
			if test.done {
				c.command(2, 0, Done{})
			}
			c.listen(3)
			began := c.now
			c.hears(3, quiet(1000))
			c.hears(3, voice(400))
			c.wantOpen(3, "START")
			c.wantDone(2, test.two)
			got := event[BargedIn](c)
			if heard := got.Heard; test.said && (heard < 900*time.Millisecond || heard > c.now-began) {
				t.Errorf("the bot was told that %v were heard", heard)
			}
			if got.Heard = 0; got != test.told {
				t.Errorf("the bot was told %+v, want %+v", got, test.told)
			}
			ended := event[TurnEnded](c)
			if want := map[bool]TurnEnd{true: Answered, false: Interrupted}[test.done]; ended != (TurnEnded{2, want}) {
				t.Errorf("the turn ended with %+v", ended)
			}
			c.hears(3, quiet(1000))
			c.wantOpen(3, "START END")
			c.say(3, 3, 100, true)
			c.command(3, 0, Done{})
			c.wantDone(3, "START END CHUNK(800) FINAL")
		})
	}
}

func TestR42_WhatElseIsCut(t *testing.T) {
	t.Run("what has not left is taken back", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := start(t, Config{}, func(sink Sink, e Event) {
				if in, ok := e.Body.(InputEnded); ok && in.Turn == 1 {
					sink.Command(Command{Turn: 1, Prompt: 1, Body: StartPrompt{BargeIn: true}})
					sink.Command(Command{Turn: 1, Prompt: 1, Body: PromptAudio{Data: make([]byte, 60000), End: true}})
				}
			})
			first := l.join(Key{"org", "c1"}, Request{Kind: SessionStart})
			first.HalfClose()
			synctest.Wait() // the audio waits for its writer
			l.join(Key{"org", "c1"}, Request{Kind: DTMF, Digits: "1"})
			synctest.Wait()
			if got := read(t.Context(), first).responses; len(got) != 1 || got[0].Type != Final {
				t.Errorf("%d responses were sent after the interruption, want FINAL alone", len(got))
			}
		})
	})
	t.Run("in WAV mode, too, where the answer may wait behind a filler", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			settings := DefaultSettings()
			settings.Answers, settings.PartialResponses, settings.Filler = WAV, true, make([]byte, 800)
			l := start(t, Config{Calls: &settings}, func(sink Sink, e Event) {
				if in, ok := e.Body.(InputEnded); ok && in.Turn == 1 {
					time.AfterFunc(3*time.Second, func() {
						sink.Command(Command{Turn: 1, Prompt: 1, Body: StartPrompt{BargeIn: true}})
						sink.Command(Command{Turn: 1, Prompt: 1, Body: PromptAudio{Data: make([]byte, 60000), End: true}})
						sink.Command(Command{Turn: 1, Body: Done{}})
					})
				}
			})
			first := l.join(Key{"org", "c1"}, Request{Kind: SessionStart, Partial: true})
			first.HalfClose()
			time.Sleep(4 * time.Second)
			l.join(Key{"org", "c1"}, Request{Kind: DTMF, Digits: "1"})
			synctest.Wait()
			if got := read(t.Context(), first).responses; len(got) != 1 || shapeOf(got[0]) != "FINAL" || got[0].Input == nil {
				t.Errorf("after the interruption %+v were sent, want FINAL without prompts", got)
			}
		})
	})
	t.Run("the host's own filler is cut like the bot's words", func(t *testing.T) {
		c := greetedWith(t, Traits{}, func(s *Settings) { s.Filler = make([]byte, 24000) })
		c.keys(2, "1")
		c.listen(3)
		c.wait(2 * time.Second)
		c.hears(3, append(quiet(300), voice(400)...))
		c.wantDone(2, "CHUNK(24000) FINAL")
		if got := event[BargedIn](c); got != (BargedIn{Turn: 2}) {
			t.Errorf("the bot was told %+v, want no prompt, for it was not the bot's", got)
		}
	})
	t.Run("a cough does nothing", func(t *testing.T) {
		c := prompted(t, true, false, true)
		c.hears(3, append(append(quiet(300), voice(35)...), quiet(500)...))
		c.wantOpen(3, "")
		c.wantOpen(2, "CHUNK(32000)")
		if len(c.events) != 0 {
			t.Errorf("the bot was told %+v", c.events)
		}
	})
}

func TestR44_Greetings(t *testing.T) {
	for _, allowed := range []bool{true, false} {
		protect := func(s *Settings) { s.GreetingBargeIn = allowed }
		before := map[string]func(c *call){
			"an answer to the start": func(c *call) { c.halfClose(1); c.say(1, 1, 4000, true) },
			"words before it":        func(c *call) { c.say(0, 1, 4000, true); c.halfClose(1) },
		}
		for name, greet := range before {
			t.Run(name, func(t *testing.T) {
				c := callWith(t, Traits{}, protect)
				c.open(1, Request{Kind: SessionStart})
				greet(c)
				c.listen(2)
				c.hears(2, append(quiet(300), voice(400)...))
				if c.responses[1][0].BargeIn != allowed || count[BargedIn](c) == 1 != allowed {
					t.Errorf("Webex was told %t, cut %d times, want the setting, %t", c.responses[1][0].BargeIn, count[BargedIn](c), allowed)
				}
			})
		}
		c := greetedWith(t, Traits{}, protect)
		c.say(c.keys(2, "1"), 2, 1000, true)
		if !c.responses[2][0].BargeIn {
			t.Error("the setting for greetings holds for an answer")
		}
	}
	t.Run("the setting is the agent's", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			own := DefaultSettings()
			own.GreetingBargeIn = false
			l := start(t, Config{Agents: map[string]Settings{"second": own}}, nil)
			for agent, want := range map[string]bool{"bot": true, "second": false} {
				got := l.exchange(agent, Request{Kind: SessionStart, Agent: agent})
				if len(got.responses) != 2 || got.responses[0].BargeIn != want {
					t.Errorf("agent %s greets with %+v, want barge-in %t", agent, got.responses, want)
				}
			}
		})
	})
}
