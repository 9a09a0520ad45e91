package session

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/byova-host/byova-host/internal/audio"
)

// TestR11_OverlappingRPCs: the listening RPC opens, and the caller speaks on it,
// at every moment of the greeting. RPC 1 is the greeting's.
func TestR11_OverlappingRPCs(t *testing.T) {
	said := func(c *call) { c.say(1, 1, 4000, true) }
	done := func(c *call) { c.command(1, 0, Done{}) }
	tests := []struct {
		name   string
		before []func(c *call)
		one    string // what RPC 1 gets in the end
	}{
		{"before the half-close of the first", nil, "FINAL"},
		{"before the first response", []func(*call){func(c *call) { c.halfClose(1) }}, "FINAL"},
		{"before the answer is complete", []func(*call){func(c *call) { c.halfClose(1) }, said}, "CHUNK(32000) FINAL"},
		{"after the answer is complete", []func(*call){func(c *call) { c.halfClose(1) }, said, done}, "CHUNK(32000) FINAL"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := newCall(t, Traits{})
			c.open(1, Request{Kind: SessionStart})
			for _, do := range test.before {
				do(c)
			}
			c.listen(2)
			if len(test.before) == 0 {
				c.halfClose(1)
			}
			c.wantOpen(2, "")
			c.hears(2, words(t, "rms-bill"))
			c.wantOpen(2, "START END")
			c.wantDone(1, test.one)
			if !turnBy(c, BySpeech) {
				t.Errorf("no turn for the utterance: %+v", c.events)
			}
			turn := c.s.turns
			c.say(turn, 7, 500, false)
			c.command(turn, 0, Done{})
			c.wantDone(2, "START END CHUNK(4000) FINAL")
		})
	}
	t.Run("words before the half-close of the first", func(t *testing.T) {
		c := newCall(t, Traits{})
		c.open(1, Request{Kind: SessionStart})
		c.listen(2)
		c.hears(2, append(quiet(150), voice(200)...))
		c.halfClose(1)
		c.wantDone(1, "FINAL")
		c.wantOpen(2, "START")
		if got := event[TurnStarted](c); got.Cause != BySpeech || count[TurnStarted](c) != 2 {
			t.Errorf("the greeting came behind the words: %+v", c.events)
		}
	})
	t.Run("the newest takes what belongs to no turn", func(t *testing.T) {
		c := greeted(t, Traits{})
		c.listen(2)
		c.listen(3)
		c.say(0, 5, 100, true)
		c.wantOpen(2, "")
		c.wantOpen(3, "CHUNK(800)")
	})
}

func TestR12_AudioIsNotSpeech(t *testing.T) {
	noise := make([]int16, 8000*20)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = int16(random.IntN(200) - 100)
	}
	for name, sound := range map[string][]byte{
		"silence": quiet(20000), "a line that hisses": audio.EncodeMuLaw(nil, noise), "clicks": bytes.Repeat(append(quiet(900), voice(5)...), 10),
	} {
		t.Run(name, func(t *testing.T) {
			c := greetedWith(t, Traits{}, func(s *Settings) { s.NoInputBackstop = 0 })
			c.listen(2)
			c.hears(2, sound)
			c.halfClose(2)
			c.wantDone(2, "")
			if len(c.events) != 0 {
				t.Errorf("the bot was told %+v", c.events)
			}
		})
	}
	t.Run("words that an agent finds itself, while it asks for keys alone", func(t *testing.T) {
		c := greetedWith(t, Traits{OwnEndpointing: true}, func(s *Settings) { s.Input.Mode = DTMFOnly })
		c.listen(2)
		c.command(0, 0, Endpoint{At: c.now})
		c.wantOpen(2, "")
		if got := event[Refused](c); got.Command != "endpoint" || turnBy(c, BySpeech) {
			t.Errorf("the agent was told %+v", c.events)
		}
	})
	t.Run("words while keys alone are asked for", func(t *testing.T) {
		c := greeted(t, Traits{})
		mode := DTMFOnly
		c.keys(2, "1")
		c.command(2, 0, SetInput{Mode: &mode})
		c.command(2, 0, Done{})
		c.listen(3)
		c.hears(3, words(t, "rms-bill"))
		c.wantOpen(3, "")
		if turnBy(c, BySpeech) {
			t.Errorf("they opened a turn: %+v", c.events)
		}
		if turn := c.keys(4, "12"); event[DTMFEntry](c).Turn != turn {
			t.Error("the keys opened none")
		}
	})
}

func TestR13_NoInputDuringAProtectedPrompt(t *testing.T) {
	for name, input := range map[string]func(c *call){
		"words":     func(c *call) { c.hears(3, words(c.t, "slt-yes")) },
		"first key": func(c *call) { c.request(3, Request{Kind: DTMFStart}) },
	} {
		t.Run(name, func(t *testing.T) {
			c := greeted(t, Traits{})
			c.say(c.keys(2, "1"), 2, 5000, false)
			c.command(2, 0, Done{})
			c.listen(3)
			c.events = nil
			input(c)
			c.wantShape(3, "")
			if len(c.events) != 0 {
				t.Errorf("the bot was told %+v", c.events)
			}
			c.wait(5 * time.Second)
			if got := event[PromptDone](c); got.Prompt != 2 {
				t.Errorf("prompt %d was played to its end, want 2", got.Prompt)
			}
			if name == "words" { // the RPC listens again when the prompt is over
				c.hears(3, words(t, "slt-yes"))
				c.wantOpen(3, "START END")
			}
		})
	}
}

// TestR13_WhereAudioComesLate: a bot may write a prompt more slowly than it plays.
func TestR13_WhereAudioComesLate(t *testing.T) {
	for name, bargeIn := range map[string]bool{"a protected prompt": false, "one that may be cut": true} {
		t.Run(name, func(t *testing.T) {
			c := greeted(t, Traits{})
			c.keys(2, "1")
			c.command(2, 2, StartPrompt{BargeIn: bargeIn})
			c.command(2, 2, PromptAudio{Data: make([]byte, 8000)})
			c.listen(3)
			c.wait(1100 * time.Millisecond)
			c.hears(3, append(quiet(300), voice(400)...))
			if bargeIn {
				c.wantOpen(3, "START")
				c.wantDone(2, "CHUNK(8000) FINAL")
				if got := event[BargedIn](c); got != (BargedIn{Turn: 2, Prompt: 2, Heard: time.Second}) {
					t.Errorf("the bot was told %+v, want prompt 2, of which all that was sent was heard", got)
				}
				return
			}
			c.command(2, 2, PromptAudio{Data: make([]byte, 4000), End: true})
			c.command(2, 0, Done{})
			c.wantDone(2, "CHUNK(8000) CHUNK(4000) FINAL")
			c.wantOpen(3, "")
			if count[BargedIn](c) != 0 {
				t.Errorf("the bot was told %+v", c.events)
			}
			c.wait(500 * time.Millisecond)
			c.hears(3, words(t, "slt-yes"))
			c.wantOpen(3, "START END")
		})
	}
}

func TestR14_CallerAudio(t *testing.T) {
	sound := words(t, "awb-pay")
	pcm := audio.EncodeLinear16(nil, audio.DecodeMuLaw(nil, sound))
	tests := []struct {
		name   string
		format audio.Format
		data   []byte
		frame  int
	}{
		{"nothing said of the format, frames of 80 ms", audio.Format{}, sound, 640},
		{"frames of 20 ms", audio.Format{}, sound, 160},
		{"frames of 3 bytes", audio.Format{}, sound, 3},
		{"all at once", audio.Format{}, sound, len(sound)},
		{"Linear16 in odd frames", audio.Format{Encoding: audio.Linear16, Rate: 8000}, pcm, 333},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := greeted(t, Traits{Audio: AllAudio})
			c.open(2, Request{Kind: Audio, Format: test.format, Audio: test.data[:3]}) // the first packet is often that small
			var got []byte
			for rest := test.data[3:]; len(rest) > 0; {
				n := min(test.frame, len(rest))
				c.request(2, Request{Kind: Audio, Format: test.format, Audio: bytes.Clone(rest[:n])})
				c.request(2, Request{Kind: Audio, Format: test.format}) // nothing
				rest = rest[n:]
			}
			c.wantOpen(2, "START END")
			for _, e := range c.events {
				if a, ok := e.(CallerAudio); ok {
					got = append(got, a.Data...)
				}
			}
			if !bytes.HasPrefix(test.data, got) || len(got) < len(test.data)*3/4 {
				t.Errorf("the bot heard %d bytes of %d, in other order or value", len(got), len(test.data))
			}
		})
	}
	t.Run("the format said in the first message alone", func(t *testing.T) {
		for name, first := range map[string]int{"with audio": 320, "without": 0} {
			c := greeted(t, Traits{Audio: AllAudio})
			c.open(2, Request{Kind: Audio, Format: audio.Format{Encoding: audio.Linear16, Rate: 8000}, Audio: pcm[:first:first]})
			c.hears(2, pcm[first:])
			c.wantOpen(2, "START END")
			if n := count[FormatChanged](c); n != 1 {
				t.Errorf("%s: the bot was told of %d formats, want 1", name, n)
			}
			c.listen(3)
			if got := event[FormatChanged](c).Format; got != audio.Telephone {
				t.Errorf("%s: on the next RPC, where nothing is said, it is %v", name, got)
			}
		}
	})
}
