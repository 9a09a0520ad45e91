package session

import (
	"strings"
	"testing"
	"time"
)

func TestR9_Greeting(t *testing.T) {
	t.Run("prompts in order, then FINAL with what the first input is to be", func(t *testing.T) {
		c := newCall(t, Traits{})
		c.open(1, Request{Kind: SessionStart})
		c.halfClose(1)
		mode := DTMFOnly
		c.command(1, 0, SetInput{Mode: &mode, DTMFLength: 4, Terminator: "*"})
		c.say(1, 1, 100, true)
		c.say(1, 2, 200, false)
		c.command(1, 0, Done{})
		c.wantDone(1, "CHUNK(800) CHUNK(1600) FINAL")
		if in := c.wantFinal(1).Input; in == nil || in.Mode != DTMFOnly || in.DTMFLength != 4 || in.Terminator != '*' {
			t.Errorf("Webex was told %+v of the first input", in)
		}
	})
	t.Run("none", func(t *testing.T) {
		c := newCall(t, Traits{})
		c.open(1, Request{Kind: SessionStart})
		c.halfClose(1)
		c.command(1, 0, Done{})
		c.wantDone(1, "FINAL")
	})
	t.Run("as WAV", func(t *testing.T) {
		c := callWith(t, Traits{}, inWAV)
		c.open(1, Request{Kind: SessionStart})
		c.halfClose(1)
		c.say(1, 1, 100, true)
		c.say(1, 2, 200, false)
		c.command(1, 0, Done{})
		c.wantDone(1, "FINAL(800)(1600)")
	})
}

func TestR26_InputMode(t *testing.T) {
	c := newCall(t, Traits{})
	c.open(1, Request{Kind: SessionStart})
	c.halfClose(1)
	c.command(1, 0, Done{})
	if got := c.wantFinal(1).Input.Mode; got != VoiceAndDTMF {
		t.Errorf("mode %d unless the bot asks for one, want %d", got, VoiceAndDTMF)
	}
	for i, mode := range []InputMode{DTMFOnly, VoiceOnly, VoiceAndDTMF} {
		rpc := rpcID(2*i + 2)
		turn := c.keys(rpc, "1")
		c.command(turn, 0, SetInput{Mode: &mode})
		c.command(turn, 0, Done{})
		c.command(c.keys(rpc+1, "1"), 0, Done{}) // nothing said: it stays
		for _, on := range []rpcID{rpc, rpc + 1} {
			if got := c.wantFinal(on).Input.Mode; got != mode {
				t.Errorf("RPC %d told Webex mode %d, want %d", on, got, mode)
			}
		}
	}
}

func TestR27_InputConfiguration(t *testing.T) {
	c := greeted(t, Traits{})
	if got := c.wantFinal(1).Input; *got != DefaultInput() {
		t.Errorf("Webex was told %+v, want the defaults", got)
	}
	c.keys(2, "1")
	wish := SetInput{DTMFLength: 7, InterDigit: time.Second, Terminator: "*", NoInput: 9 * time.Second, EndSilence: 800 * time.Millisecond, MaxSpeech: 20 * time.Second}
	want := InputConfig{DTMFLength: 7, InterDigit: time.Second, Terminator: '*', NoInput: 9 * time.Second, EndSilence: 800 * time.Millisecond, MaxSpeech: 20 * time.Second}
	c.command(2, 0, wish)
	c.command(2, 0, Done{})
	if got := c.wantFinal(2).Input; *got != want {
		t.Errorf("Webex was told %+v, want %+v", got, want)
	}
	answers := map[string]func(c *call){
		"an answer":                func(c *call) { c.command(c.keys(3, "1"), 0, Done{}) },
		"one of WAV":               func(c *call) { c.s.Answers = WAV; c.say(c.keys(3, "1"), 3, 100, true); c.command(2, 0, Done{}) },
		"one that is cut":          func(c *call) { c.say(c.keys(3, "1"), 3, 100, true); c.keys(4, "2") },
		"a start that comes again": func(c *call) { c.open(3, Request{Kind: SessionStart}) },
	}
	for name, answer := range answers {
		t.Run("in "+name, func(t *testing.T) {
			c := greeted(t, Traits{})
			answer(c)
			if got := c.wantFinal(3).Input; got == nil || *got != DefaultInput() {
				t.Errorf("Webex was told %+v", got)
			}
		})
	}
	t.Run("not at the end of input, nor of the bot's part", func(t *testing.T) {
		c := greeted(t, Traits{})
		c.listen(2)
		c.hears(2, words(t, "slt-yes"))
		c.command(2, 0, Leave{Event: EndSession})
		c.wantDone(2, "START END FINAL+SESSION_END")
		for _, r := range c.responses[2][1:] {
			if r.Input != nil {
				t.Errorf("%s has %+v", shapeOf(r), r.Input)
			}
		}
	})
}

func TestR28_SensitiveInput(t *testing.T) {
	asked := func(t *testing.T) *call {
		c := greeted(t, Traits{})
		c.keys(2, "1")
		c.command(2, 0, SetInput{Sensitive: true})
		c.command(2, 0, Done{})
		if !c.wantFinal(2).Input.Sensitive {
			t.Error("Webex does not know that the next input is sensitive")
		}
		return c
	}
	answered := func(c *call, rpc rpcID) bool {
		c.command(c.s.turns, 0, Done{})
		return c.wantFinal(rpc).Input.Sensitive
	}
	t.Run("keys clear it, and the bot knows", func(t *testing.T) {
		c := asked(t)
		c.keys(3, "4711")
		if !event[DTMFEntry](c).Sensitive || answered(c, 3) {
			t.Error("want sensitive keys, and the input after them as usual")
		}
		c.keys(4, "1")
		if event[DTMFEntry](c).Sensitive || answered(c, 4) {
			t.Error("the input after the next is sensitive, too")
		}
	})
	t.Run("words clear it", func(t *testing.T) {
		c := asked(t)
		c.listen(3)
		c.hears(3, words(t, "slt-order"))
		if answered(c, 3) {
			t.Error("the input after the next is sensitive, too")
		}
	})
	for name, silence := range map[string]Request{"no input": {Kind: Silence}, "an entry of nothing": {Kind: DTMF, Digits: "#"}} {
		t.Run(name+" keeps it", func(t *testing.T) {
			c := asked(t)
			c.open(3, silence)
			if !answered(c, 3) {
				t.Error("the reprompt forgot it")
			}
			c.keys(4, "4711")
			if !event[DTMFEntry](c).Sensitive || answered(c, 4) {
				t.Error("want sensitive keys after the reprompt, and the input after them as usual")
			}
		})
	}
	t.Run("the first key keeps it", func(t *testing.T) {
		c := asked(t)
		c.open(3, Request{Kind: DTMFStart})
		c.keys(4, "4711")
		if !event[DTMFEntry](c).Sensitive {
			t.Error("the keys are not sensitive")
		}
	})
}

func TestR29_OneEventInAResponse(t *testing.T) {
	for name, change := range map[string]func(*Settings){"at silence": asIs, "with the answer": withAnswer} {
		c := greetedWith(t, Traits{}, change)
		c.listen(2)
		c.hears(2, words(t, "slt-yes"))
		c.command(2, 0, Leave{Event: TransferToAgent})
		if got := c.shape(2); got != "START END FINAL+TRANSFER" {
			t.Errorf("END_OF_INPUT %s: got %q", name, got)
		}
	}
}

func TestR30_TranscriptAndSummary(t *testing.T) {
	c := greeted(t, Traits{})
	c.keys(2, "1")
	c.command(2, 0, Done{})
	c.say(c.keys(3, "1"), 3, 100, true)
	c.command(3, 0, Leave{Event: TransferToAgent, Transcript: "User: one", Summary: "short"})
	if got := c.wantFinal(3); got.Transcript != "User: one" || got.Summary != "short" {
		t.Errorf("the last response has transcript %q and summary %q", got.Transcript, got.Summary)
	}
	for rpc := rpcID(1); rpc <= 3; rpc++ {
		for _, r := range c.responses[rpc] {
			if last := r.Event == TransferToAgent; !last && r.Transcript+r.Summary != "" {
				t.Errorf("%s has transcript %q and summary %q", shapeOf(r), r.Transcript, r.Summary)
			}
		}
	}
}

func TestR31_NothingAfterFinal(t *testing.T) {
	t.Run("words of no turn wait for the next RPC", func(t *testing.T) {
		c := greeted(t, Traits{})
		c.say(0, 2, 500, true)
		c.wantDone(1, "CHUNK(8000) FINAL")
		c.listen(2)
		c.wantOpen(2, "CHUNK(4000)")
		c.halfClose(2)
		c.wantDone(2, "CHUNK(4000) FINAL") // behind prompts stands a FINAL
	})
	for name, settings := range map[string]func(*Settings){
		"END_OF_INPUT at silence":    asIs,
		"END_OF_INPUT at the answer": func(s *Settings) { s.EndOfInput = WithAnswer },
	} {
		t.Run("or for the end of what the caller says, "+name, func(t *testing.T) {
			c := greetedWith(t, Traits{}, settings)
			c.listen(2)
			c.hears(2, append(quiet(300), voice(400)...))
			c.say(0, 2, 5000, false)
			c.hears(2, voice(400))
			c.wantOpen(2, "START")
			c.hears(2, quiet(1000))
			c.say(2, 3, 100, true)
			c.command(2, 0, Done{})
			c.wantDone(2, "START END CHUNK(40000) CHUNK(800) FINAL")
		})
	}
	t.Run("or for the next answer", func(t *testing.T) {
		c := greetedWith(t, Traits{}, inWAV)
		c.say(0, 2, 500, true)
		c.say(c.keys(2, "1"), 3, 100, true)
		c.command(2, 0, Done{})
		c.wantDone(2, "FINAL(4000)(800)")
	})
	t.Run("an answer that comes twice or too late is dropped, and counted", func(t *testing.T) {
		c := greeted(t, Traits{})
		c.say(c.keys(2, "1"), 2, 500, true)
		c.command(2, 0, Done{})
		var notes strings.Builder
		for range 3 {
			for _, a := range c.acts(input{kind: commanded, command: Command{Turn: 2, Body: Done{}}}) {
				notes.WriteString(a.note)
			}
		}
		c.say(2, 3, 500, true)
		c.wantDone(2, "CHUNK(4000) FINAL")
		if c.s.dropped != 5 || c.s.unplayed != 4000 || notes.String() != "a command of the bot came too late" {
			t.Errorf("%d commands dropped, %d bytes unplayed, noted %q: want 5, 4000 and one note", c.s.dropped, c.s.unplayed, notes.String())
		}
		c.keys(3, "1")
		c.command(3, 0, Done{})
		c.wantDone(3, "FINAL")
	})
	t.Run("an answer that was cut is dropped without a note", func(t *testing.T) {
		c := greeted(t, Traits{})
		c.say(c.keys(2, "1"), 2, 500, true)
		c.keys(3, "2")
		for _, a := range c.acts(input{kind: commanded, command: Command{Turn: 2, Body: Done{}}}) {
			t.Errorf("the bot could not know, but: %+v", a)
		}
	})
}

func TestR32_EstimateOfPlayback(t *testing.T) {
	c := greetedWith(t, Traits{}, asIs)
	c.keys(2, "1")
	for prompt := uint64(2); prompt < 5; prompt++ {
		c.say(2, prompt, 1000, true)
	}
	c.command(2, 0, Done{})
	c.wait(999 * time.Millisecond)
	if n := count[PromptDone](c); n != 0 {
		t.Errorf("%d prompts were played within 999 ms", n)
	}
	c.wait(1501 * time.Millisecond)
	if got := event[PromptDone](c); got.Prompt != 3 || count[PromptDone](c) != 2 {
		t.Errorf("after 2.5 s %d prompts were played, the last %d", count[PromptDone](c), got.Prompt)
	}
	c.keys(3, "2")
	if got := event[BargedIn](c); got != (BargedIn{Turn: 2, Prompt: 4, Heard: 500 * time.Millisecond}) {
		t.Errorf("cut %+v, want prompt 4 of turn 2 after 500 ms", got)
	}
	t.Run("a pause of the bot is not heard", func(t *testing.T) {
		c := greeted(t, Traits{})
		c.keys(2, "1")
		c.command(2, 2, StartPrompt{BargeIn: true})
		for range 2 {
			c.command(2, 2, PromptAudio{Data: make([]byte, 8000)})
			c.wait(1500 * time.Millisecond)
		}
		c.keys(3, "2")
		if got := event[BargedIn](c); got != (BargedIn{Turn: 2, Prompt: 2, Heard: 2 * time.Second}) {
			t.Errorf("cut %+v, want prompt 2 after the 2 s that there were of it", got)
		}
	})
	t.Run("WAV", func(t *testing.T) {
		c := greetedWith(t, Traits{}, inWAV)
		c.keys(2, "1")
		c.say(2, 2, 1000, true)
		c.wait(3 * time.Second) // nothing plays before the answer is whole
		c.command(2, 0, Done{})
		c.deliver(2)
		c.wait(600 * time.Millisecond)
		c.keys(3, "2")
		if got := event[BargedIn](c); got.Prompt != 2 || got.Heard != 600*time.Millisecond {
			t.Errorf("cut %+v, want prompt 2 after 600 ms", got)
		}
	})
}
