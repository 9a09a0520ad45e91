package session

import (
	"bytes"
	"testing"
	"time"
)

// prompted is a call in which 4 s of an answer to RPC 2 play, of which 1 s has
// been heard. The listening RPC 3 may be open.
func prompted(t *testing.T, bargeIn, done, listening bool) *call {
	c := greeted(t, Traits{})
	c.say(c.keys(2, "1"), 2, 4000, bargeIn)
	if done {
		c.command(2, 0, Done{})
	}
	if listening {
		c.listen(3)
	}
	c.wait(time.Second)
	c.events = nil
	return c
}

func TestR33_FirstKey(t *testing.T) {
	for name, listening := range map[string]bool{"on the open listening RPC": true, "on its own RPC": false} {
		t.Run(name, func(t *testing.T) {
			c := prompted(t, true, false, listening)
			if listening {
				c.request(3, Request{Kind: DTMFStart})
			} else {
				c.open(3, Request{Kind: DTMFStart})
			}
			c.halfClose(3)
			c.wantDone(3, "")
			c.wantDone(2, "CHUNK(32000) FINAL") // its generation is given up
			if event[TurnEnded](c) != (TurnEnded{2, Interrupted}) || count[DTMFStarted](c) != 1 || count[TurnStarted](c) != 0 {
				t.Errorf("the bot was told %+v", c.events)
			}
			c.say(c.keys(4, "5"), 5, 100, false)
			c.command(3, 0, Done{})
			c.wantDone(4, "CHUNK(800) FINAL")
			if count[BargedIn](c) != 1 {
				t.Errorf("one interruption was told %d times", count[BargedIn](c))
			}
		})
	}
	t.Run("over a protected prompt it is not heard", func(t *testing.T) {
		c := prompted(t, false, false, true)
		c.request(3, Request{Kind: DTMFStart})
		c.wantDone(3, "")
		c.wantOpen(2, "CHUNK(32000)")
		if len(c.events) != 0 {
			t.Errorf("the bot was told %+v", c.events)
		}
	})
}

func TestR34_Entries(t *testing.T) {
	for _, digits := range []string{"1", "1234", "12345678901234567890", "0*9"} {
		c := greeted(t, Traits{})
		turn := c.keys(2, digits)
		if got := event[DTMFEntry](c); got != (DTMFEntry{Turn: turn, Digits: digits}) {
			t.Errorf("the bot was told %+v of %q", got, digits)
		}
		if event[TurnStarted](c).Cause != ByDTMF || event[InputEnded](c).Turn != turn {
			t.Errorf("want a turn of which the input is complete, got %+v", c.events)
		}
		c.say(turn, 2, 100, true)
		c.command(turn, 0, Done{})
		c.wantDone(2, "CHUNK(800) FINAL")
	}
}

func TestR35_EntriesWithoutAFirstKey(t *testing.T) {
	t.Run("cut what is playing", func(t *testing.T) {
		c := prompted(t, true, true, true)
		c.keys(4, "1")
		if got := event[BargedIn](c); got != (BargedIn{Turn: 2, Prompt: 2, Heard: time.Second}) || count[DTMFStarted](c) != 0 {
			t.Errorf("the bot was told %+v", c.events)
		}
	})
	t.Run("and what is being answered", func(t *testing.T) {
		c := prompted(t, true, false, false)
		c.keys(4, "1")
		c.wantDone(2, "CHUNK(32000) FINAL")
	})
	t.Run("but no protected prompt", func(t *testing.T) {
		c := prompted(t, false, true, true)
		turn := c.keys(4, "1")
		if count[BargedIn](c) != 0 || event[DTMFEntry](c).Turn != turn {
			t.Errorf("the bot was told %+v", c.events)
		}
	})
	t.Run("are lost while one is still being answered", func(t *testing.T) {
		c := prompted(t, false, false, false)
		c.open(4, Request{Kind: DTMF, Digits: "1"})
		c.wantDone(4, "FINAL")
		if _, done := c.completed[2]; done || count[DTMFEntry](c) != 0 || count[TurnEnded](c) != 0 {
			t.Errorf("the answer was given up: %+v", c.events)
		}
	})
}

func TestR36_Terminator(t *testing.T) {
	tests := []struct{ announced, wished, pressed, want string }{
		{"", "", "12#", "12"},
		{"", "", "12", "12"},
		{"", "", "1#2", "1#2"},
		{"", "", "12##", "12#"},
		{"", "", "#12#", "#12"},
		{"", "", "12*", "12*"},
		{"*", "", "12*", "12"},
		{"*", "", "12#", "12#"},
		{"none", "", "12#", "12#"},
		{"A", "", "1A", "1"},
		{"", "", "1ABCD", "1ABCD"},
		{"", "*", "12#", "12"}, // wished too late: Webex ends entries with #
		{"", "*", "12*", "12*"},
		{"none", "#", "12#", "12#"},
	}
	for _, test := range tests {
		c := greeted(t, Traits{})
		c.keys(2, "9")
		c.command(2, 0, SetInput{Terminator: test.announced})
		c.command(2, 0, Done{})
		c.command(0, 0, SetInput{Terminator: test.wished}) // no RPC can announce it
		c.keys(3, test.pressed)
		if got := event[DTMFEntry](c).Digits; got != test.want {
			t.Errorf("%q, where %q was announced and %q wished later, came as %q, want %q", test.pressed, test.announced, test.wished, got, test.want)
		}
	}
	for _, pressed := range []string{"", "#"} {
		c := greeted(t, Traits{})
		turn := c.keys(2, pressed)
		if got := event[NoInput](c); got != (NoInput{turn, 1}) || count[DTMFEntry](c) != 0 {
			t.Errorf("an entry of %q is no input, but the bot was told %+v", pressed, c.events)
		}
	}
}

func TestR37_SoundBeforeKeys(t *testing.T) {
	t.Run("words that had begun are given up", func(t *testing.T) {
		c := greeted(t, Traits{})
		c.listen(2)
		c.hears(2, append(quiet(300), voice(400)...))
		c.wantOpen(2, "START")
		c.request(2, Request{Kind: DTMFStart})
		c.halfClose(2)
		c.wantDone(2, "START FINAL")
		if event[TurnEnded](c) != (TurnEnded{2, Interrupted}) || count[InputEnded](c) != 0 {
			t.Errorf("the bot was told %+v", c.events)
		}
	})
	t.Run("sound that was no speech yet is not part of the next utterance", func(t *testing.T) {
		c := greetedWith(t, Traits{}, func(s *Settings) { s.SpeechStart = 200 * time.Millisecond })
		c.listen(2)
		mark := bytes.Repeat([]byte{0x7b}, 160)
		c.hears(2, append(quiet(500), mark...))
		c.request(2, Request{Kind: DTMFStart})
		c.halfClose(2)
		c.wantDone(2, "")
		c.listen(3)
		c.hears(3, append(voice(600), quiet(1000)...))
		c.wantOpen(3, "START END")
		heard := 0
		for _, e := range c.events {
			if a, ok := e.(CallerAudio); ok {
				heard += len(a.Data)
				if bytes.Contains(a.Data, mark) {
					t.Error("the bot heard it")
				}
			}
		}
		if heard < 4800 {
			t.Errorf("the bot heard %d bytes of the utterance, want at least 4800", heard)
		}
	})
}

func TestR43_KeysInterrupt(t *testing.T) {
	tests := []struct {
		name  string
		done  bool
		input Request
	}{
		{"the first key, while the answer is sent", false, Request{Kind: DTMFStart}},
		{"the first key, while it only plays", true, Request{Kind: DTMFStart}},
		{"an entry, while the answer is sent", false, Request{Kind: DTMF, Digits: "7"}},
		{"an entry, while it only plays", true, Request{Kind: DTMF, Digits: "7"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := prompted(t, true, test.done, true)
			c.wait(250 * time.Millisecond)
			c.open(4, test.input)
			if got := event[BargedIn](c); got != (BargedIn{Turn: 2, Prompt: 2, Heard: 1250 * time.Millisecond}) {
				t.Errorf("the bot was told %+v, want prompt 2 after 1.25 s", got)
			}
			c.wait(10 * time.Second)
			if count[PromptDone](c) != 0 {
				t.Error("the prompt that was cut was played to its end")
			}
			if want := test.input.Kind == DTMFStart; want != (count[DTMFStarted](c) == 1) {
				t.Errorf("the bot was told %d times of a first key", count[DTMFStarted](c))
			}
		})
	}
}
