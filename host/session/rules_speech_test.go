package session

import (
	"testing"
	"time"
)

// pausing is two vowels with a pause between them, and a second of silence.
func pausing(pause int) (sound []byte) {
	for _, part := range [][]byte{quiet(300), voice(700), quiet(pause), voice(700), quiet(1000)} {
		sound = append(sound, part...)
	}
	return sound
}

func TestR15_StartOfInput(t *testing.T) {
	t.Run("once, on the RPC of the audio, alone and with the configuration", func(t *testing.T) {
		c := greeted(t, Traits{})
		c.keys(2, "1")
		c.say(2, 2, 3000, true)
		c.listen(3)
		c.hears(3, pausing(200))
		c.wantDone(2, "CHUNK(24000) FINAL")
		c.wantOpen(3, "START END")
		if first := c.responses[3][0]; first.Input == nil || first.Audio != nil || first.Clips != nil || first.Type != EventOnly {
			t.Errorf("START_OF_INPUT came as %+v", first)
		}
	})
	t.Run("while the caller speaks, not after", func(t *testing.T) {
		c := greeted(t, Traits{})
		c.listen(2)
		c.hears(2, append(quiet(300), voice(300)...))
		c.wantOpen(2, "START")
	})
	t.Run("again for the next utterance, on its RPC", func(t *testing.T) {
		c := greeted(t, Traits{})
		for rpc := rpcID(2); rpc < 5; rpc++ {
			c.listen(rpc)
			c.hears(rpc, words(t, "slt-seven"))
			c.command(c.s.turns, 0, Done{})
			c.wantDone(rpc, "START END FINAL")
		}
	})
	t.Run("for an agent that finds speech itself, when it says so", func(t *testing.T) {
		c := greeted(t, Traits{OwnEndpointing: true})
		c.listen(2)
		c.hears(2, words(t, "slt-seven"))
		c.wantOpen(2, "")
		c.command(0, 0, Endpoint{At: c.now - time.Second})
		c.command(0, 0, Endpoint{At: c.now - time.Second})
		c.wantOpen(2, "START")
	})
}

func TestR16_EndOfInput(t *testing.T) {
	t.Run("at silence, not in a pause", func(t *testing.T) {
		c := greeted(t, Traits{})
		c.listen(2)
		c.hears(2, pausing(300)[:8*1600]) // into the second vowel
		c.wantOpen(2, "START")
		c.hears(2, pausing(300)[8*1600:])
		c.wantOpen(2, "START END")
	})
	t.Run("what follows on the RPC is not heard", func(t *testing.T) {
		c := greetedWith(t, Traits{Audio: AllAudio}, func(s *Settings) { s.FillerAfter = 0 })
		c.listen(2)
		c.hears(2, words(t, "slt-yes"))
		c.events = nil
		c.hears(2, words(t, "slt-yes"))
		c.wantOpen(2, "START END")
		if len(c.events) != 0 {
			t.Errorf("the bot was told %+v", c.events)
		}
	})
	t.Run("not after Webex has half-closed", func(t *testing.T) {
		c := greeted(t, Traits{})
		c.listen(2)
		c.hears(2, append(quiet(300), voice(500)...))
		c.halfClose(2)
		c.command(c.s.turns, 0, Done{})
		c.wantDone(2, "START FINAL")
	})
	t.Run("for words that do not end", func(t *testing.T) {
		c := greetedWith(t, Traits{}, func(s *Settings) { s.Input.MaxSpeech = 10 * time.Second })
		c.listen(2)
		c.hears(2, quiet(300))
		for range 10 {
			c.hears(2, append(voice(700), quiet(260)...))
		}
		c.wantOpen(2, "START")
		c.hears(2, voice(700))
		c.wantOpen(2, "START END")
	})
}

func withAnswer(s *Settings) { s.EndOfInput, s.FillerAfter = WithAnswer, 0 }

func TestR17_WhenInputEnds(t *testing.T) {
	heard := func(t *testing.T, change func(*Settings)) *call {
		c := greetedWith(t, Traits{}, change)
		c.listen(2)
		c.hears(2, words(t, "slt-yes"))
		return c
	}
	t.Run("at silence, before the bot has said a word", func(t *testing.T) {
		c := heard(t, asIs)
		c.wantOpen(2, "START END")
		c.say(2, 2, 100, true)
		c.command(2, 0, Done{})
		c.wantDone(2, "START END CHUNK(800) FINAL")
	})
	t.Run("with the answer: before its first prompt", func(t *testing.T) {
		c := heard(t, withAnswer)
		c.wantOpen(2, "START")
		if event[InputEnded](c).Turn != 2 {
			t.Error("the bot does not know that it is to answer")
		}
		c.say(2, 2, 100, true)
		c.wantOpen(2, "START END CHUNK(800)")
	})
	t.Run("with the answer: before an answer of nothing", func(t *testing.T) {
		c := heard(t, withAnswer)
		c.command(2, 0, Done{})
		c.wantDone(2, "START END FINAL")
	})
	t.Run("with the answer: before the filler", func(t *testing.T) {
		c := heard(t, func(s *Settings) { s.EndOfInput, s.Filler = WithAnswer, make([]byte, 800) })
		c.wait(2 * time.Second)
		c.wantOpen(2, "START END CHUNK(800)")
	})
	t.Run("with the answer: but at once for words that do not end", func(t *testing.T) {
		c := greetedWith(t, Traits{}, func(s *Settings) { withAnswer(s); s.Input.MaxSpeech = time.Second })
		c.listen(2)
		c.hears(2, pausing(200))
		c.wantOpen(2, "START END")
	})
	t.Run("with the answer: in WAV mode, too", func(t *testing.T) {
		c := heard(t, func(s *Settings) { withAnswer(s); inWAV(s) })
		c.say(2, 2, 100, true)
		c.wantOpen(2, "START")
		c.command(2, 0, Done{})
		c.wantDone(2, "START END FINAL(800)")
	})
	t.Run("with the answer: the caller may add to what was said", func(t *testing.T) {
		c := heard(t, withAnswer)
		c.hears(2, words(t, "slt-yes"))
		c.wantOpen(2, "START") // no second one
		if got := event[TurnStarted](c); got.Turn != 3 || got.Cause != BySpeech || event[TurnEnded](c) != (TurnEnded{2, Interrupted}) {
			t.Errorf("want turn 3 in the place of 2, got %+v", c.events)
		}
		c.say(2, 2, 100, true) // the old answer comes too late
		c.say(3, 3, 200, true)
		c.command(3, 0, Done{})
		c.wantDone(2, "START END CHUNK(1600) FINAL")
	})
}

func TestR18_AnswersBeforeTheHalfClose(t *testing.T) {
	c := greeted(t, Traits{})
	c.listen(2)
	c.hears(2, words(t, "slt-yes"))
	c.say(2, 2, 100, true)
	c.command(2, 0, Done{})
	c.wantDone(2, "START END CHUNK(800) FINAL")
	c.events = nil
	c.hears(2, words(t, "slt-yes")) // still on its way
	c.halfClose(2)
	c.wantDone(2, "START END CHUNK(800) FINAL")
	if turnBy(c, BySpeech) {
		t.Errorf("audio after the end opened a turn: %+v", c.events)
	}
}

func TestR19_Endpointing(t *testing.T) {
	tests := []struct {
		name  string
		start int // in milliseconds
		end   int
		sound []byte
		want  string
	}{
		{"a cough of 60 ms at a threshold of 150 ms", 150, 500, append(append(quiet(500), voice(60)...), quiet(1000)...), ""},
		{"a cough of 140 ms at a threshold of 150 ms", 150, 500, append(append(quiet(500), voice(140)...), quiet(1000)...), ""},
		{"a word of 400 ms at a threshold of 150 ms", 150, 500, append(append(quiet(500), voice(400)...), quiet(1000)...), "START END"},
		{"the same 140 ms at a threshold of 40 ms", 40, 500, append(append(quiet(500), voice(140)...), quiet(1000)...), "START END"},
		{"a pause of 700 ms where 500 ms end", 40, 500, pausing(700)[:8*1600], "START END"},
		{"a pause of 700 ms where 900 ms end", 40, 900, pausing(700)[:8*1600], "START"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := greetedWith(t, Traits{}, func(s *Settings) {
				s.SpeechStart = time.Duration(test.start) * time.Millisecond
				s.Input.EndSilence = time.Duration(test.end) * time.Millisecond
			})
			c.listen(2)
			c.hears(2, test.sound)
			c.wantOpen(2, test.want)
		})
	}
	t.Run("the bot may ask for another end", func(t *testing.T) {
		c := greeted(t, Traits{})
		c.keys(2, "1")
		c.command(2, 0, SetInput{EndSilence: 900 * time.Millisecond})
		c.command(2, 0, Done{})
		if got := c.wantFinal(2).Input.EndSilence; got != 900*time.Millisecond {
			t.Errorf("Webex was told %v", got)
		}
		c.listen(3)
		c.hears(3, pausing(700)[:8*1600])
		c.wantOpen(3, "START")
	})
}
