package session

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/byova-host/byova-host/internal/audio"
)

// TestR20_OneModePerCall holds a whole call to its mode, also where the host
// itself has something to say.
func TestR20_OneModePerCall(t *testing.T) {
	for _, mode := range []AnswerMode{Chunks, WAV} {
		t.Run(map[AnswerMode]string{Chunks: "CHUNK", WAV: "WAV"}[mode], func(t *testing.T) {
			c := greetedWith(t, Traits{}, func(s *Settings) {
				s.Answers, s.PartialResponses = mode, true
				s.Filler, s.Fallback.Prompt = make([]byte, 800), make([]byte, 800)
			})
			c.listen(2)
			c.say(0, 2, 300, true) // of no turn
			c.hears(2, words(t, "slt-yes"))
			c.wait(2500 * time.Millisecond) // the filler comes
			c.say(2, 3, 300, true)
			c.command(2, 0, Done{})
			c.open(3, Request{Kind: DTMF, Digits: "1", Partial: true})
			c.wait(2500 * time.Millisecond)
			c.step(input{kind: lost, err: ErrAgentUnavailable})
			sent := c.shape(1) + " " + c.shape(2) + " " + c.shape(3)
			chunks, clips := strings.Count(sent, "CHUNK("), strings.Count(sent, "FINAL(")+strings.Count(sent, "PARTIAL(")
			if mode == Chunks && (chunks != 6 || clips != 0) || mode == WAV && (chunks != 0 || clips != 4) {
				t.Errorf("%d responses with chunks and %d with WAV: %s", chunks, clips, sent)
			}
		})
	}
}

func TestR21_WAVAnswers(t *testing.T) {
	t.Run("one FINAL with all prompts in order, when the answer is whole", func(t *testing.T) {
		c := greetedWith(t, Traits{}, inWAV)
		turn := c.keys(2, "1")
		for prompt := uint64(2); prompt < 5; prompt++ {
			c.say(turn, prompt, 100*int(prompt), prompt != 3)
		}
		c.wantOpen(2, "")
		c.command(turn, 0, Done{})
		c.wantDone(2, "FINAL(1600)(2400)(3200)")
		clips := c.responses[2][0].Clips
		if !clips[0].BargeIn || clips[1].BargeIn || !clips[2].BargeIn {
			t.Errorf("barge-in is not what each prompt asked for: %+v", clips)
		}
	})
	t.Run("prompts that come by turns are not mixed", func(t *testing.T) {
		c := greetedWith(t, Traits{}, inWAV)
		turn := c.keys(2, "1")
		c.command(turn, 2, StartPrompt{})
		c.command(turn, 3, StartPrompt{})
		for range 3 {
			c.command(turn, 2, PromptAudio{Data: []byte{2, 2}})
			c.command(turn, 3, PromptAudio{Data: []byte{3}})
		}
		c.command(turn, 0, Done{})
		c.wantDone(2, "FINAL(6)(3)")
		if clips := c.responses[2][0].Clips; string(clips[0].Audio) != "\x02\x02\x02\x02\x02\x02" || string(clips[1].Audio) != "\x03\x03\x03" {
			t.Errorf("sent %+v", clips)
		}
	})
	for name, end := range map[string]func(c *call){
		"interrupted": func(c *call) { c.keys(3, "2"); c.wantDone(2, "FINAL") },
		"cancelled":   func(c *call) { c.step(input{kind: gone, rpc: 2}); c.keys(3, "2") },
	} {
		t.Run("half an answer is not sent when it is "+name, func(t *testing.T) {
			c := greetedWith(t, Traits{}, inWAV)
			c.say(c.keys(2, "1"), 2, 100, true)
			end(c)
			c.command(3, 0, Done{})
			c.wantDone(3, "FINAL")
		})
	}
	t.Run("an answer that is too long is refused from there on", func(t *testing.T) {
		c := greetedWith(t, Traits{}, inWAV)
		turn := c.keys(2, "1")
		c.command(turn, 2, StartPrompt{})
		for range 5 {
			c.command(turn, 2, PromptAudio{Data: make([]byte, 1<<19)})
		}
		if got := event[Refused](c); got.Command != "audio" || count[Refused](c) != 1 {
			t.Errorf("refused %d times, the last time %+v, want once and the audio", count[Refused](c), got)
		}
		c.command(turn, 0, Done{})
		c.wantDone(2, "FINAL(2097152)")
	})
	t.Run("answers that nobody reads are refused beyond twice that", func(t *testing.T) {
		c := greetedWith(t, Traits{}, inWAV)
		answer := func(rpc rpcID, want string) {
			t.Helper()
			turn := c.keys(rpc, "1") // which interrupts the one before, though it is on its way
			for prompt := 2 * turn; prompt < 2*turn+2; prompt++ {
				c.say(turn, prompt, 100_000, true)
			}
			c.command(turn, 0, Done{})
			c.wantDone(rpc, want)
		}
		answer(2, "FINAL(800000)(800000)")
		answer(3, "FINAL(800000)(800000)")
		answer(4, "FINAL(800000)")
		if got := event[Refused](c); got.Command != "audio" || count[Refused](c) != 1 || c.s.unplayed != 800_000 {
			t.Errorf("refused %d times, the last time %+v, and %d bytes unplayed", count[Refused](c), got, c.s.unplayed)
		}
		c.deliver(3) // it is read
		answer(5, "FINAL(800000)(800000)")
	})
}

func TestR22_ChunkSizes(t *testing.T) {
	piece := 0               // how much the bot sends at a time
	const whole = 3<<16 + 40 // bytes, at most: what is left behind three chunks is short
	answer := func(sink Sink, e Event) {
		in, ok := e.Body.(InputEnded)
		if !ok {
			return
		}
		prompt := func(body CommandBody) { sink.Command(Command{Turn: in.Turn, Prompt: in.Turn, Body: body}) }
		prompt(StartPrompt{})
		for rest := min(whole, 5000*piece); rest > 0; rest -= piece {
			prompt(PromptAudio{Data: bytes.Repeat([]byte{0x55}, min(rest, piece)), End: rest <= piece})
		}
		prompt(Done{})
	}
	for _, piece = range []int{7, 99, 160, 640, 16000, 65536, 65537, whole} {
		synctest.Test(t, func(t *testing.T) {
			l := start(t, Config{Credit: 1 << 20}, answer)
			got := l.exchange("c1", Request{Kind: SessionStart})
			last := len(got.responses) - 1
			size := 0
			for i, r := range got.responses {
				n := len(r.Audio)
				size += n
				if i < last && (r.Type != Chunk || n < 100 || n > 65536 || bytes.HasPrefix(r.Audio, []byte("RIFF"))) {
					t.Errorf("pieces of %d: response %d is %s", piece, i, shapeOf(r))
				}
			}
			if r := got.responses[last]; r.Type != Final || len(r.Audio) > 0 || len(r.Clips) > 0 || size < min(whole, 5000*piece) || size >= whole+100 {
				t.Errorf("pieces of %d: %d bytes, closed by %s", piece, size, shapeOf(r))
			}
		})
	}
	t.Run("the first one does not wait to grow", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := start(t, Config{}, func(sink Sink, e Event) {
				if in, ok := e.Body.(InputEnded); ok {
					sink.Command(Command{Turn: in.Turn, Prompt: 1, Body: StartPrompt{}})
					sink.Command(Command{Turn: in.Turn, Prompt: 1, Body: PromptAudio{Data: make([]byte, 160)}})
				}
			})
			rpc := l.join(Key{"org", "c1"}, Request{Kind: SessionStart})
			rpc.HalfClose()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if got := read(ctx, rpc).responses; len(got) != 1 || len(got[0].Audio) != 160 {
				t.Errorf("%d responses were sent while the bot went on, want a chunk of what there was", len(got))
			}
		})
	})
}

func TestR23_PromptsAreMuLawAt8kHz(t *testing.T) {
	tone := audio.EncodeLinear16(nil, audio.DecodeMuLaw(nil, voice(1000)))
	tests := []struct {
		name   string
		format audio.Format
		data   []byte
		want   int // bytes
	}{
		{"mu-law, 8 kHz", audio.Format{}, voice(1000), 8000},
		{"Linear16, 8 kHz", audio.Format{Encoding: audio.Linear16, Rate: 8000}, tone, 8000},
		{"Linear16, 16 kHz", audio.Format{Encoding: audio.Linear16, Rate: 16000}, tone, 4000},
		{"A-law, 8 kHz", audio.Format{Encoding: audio.ALaw, Rate: 8000}, make([]byte, 8000), 8000},
	}
	for _, test := range tests {
		for name, change := range map[string]func(*Settings){"CHUNK": asIs, "WAV": inWAV} {
			t.Run(test.name+" as "+name, func(t *testing.T) {
				c := greetedWith(t, Traits{}, change)
				c.keys(2, "1")
				c.command(2, 2, StartPrompt{Format: test.format})
				c.command(2, 2, PromptAudio{Data: test.data, End: true})
				c.command(2, 0, Done{})
				var got []byte
				for _, r := range c.responses[2] {
					got = append(got, r.Audio...)
					for _, clip := range r.Clips {
						got = append(got, clip.Audio...)
					}
				}
				if d := len(got) - test.want; d < -80 || d > 80 {
					t.Errorf("%d bytes were sent, want %d within 10 ms", len(got), test.want)
				}
				if test.name == "Linear16, 8 kHz" && !slices.Equal(audio.DecodeMuLaw(nil, got), audio.DecodeMuLaw(nil, voice(1000))) {
					t.Error("the sound has changed on its way")
				}
			})
		}
	}
}

func TestR24_Partial(t *testing.T) {
	tests := []struct {
		name     string
		mode     AnswerMode
		set, ask bool
		want     string
	}{
		{"WAV, set and asked for", WAV, true, true, "PARTIAL(800)"},
		{"WAV, not set", WAV, false, true, ""},
		{"WAV, not asked for", WAV, true, false, ""},
		{"CHUNK, set and asked for", Chunks, true, true, "CHUNK(800)"},
		{"CHUNK, neither", Chunks, false, false, "CHUNK(800)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := greetedWith(t, Traits{}, func(s *Settings) {
				s.Answers, s.PartialResponses, s.Filler = test.mode, test.set, make([]byte, 800)
			})
			c.open(2, Request{Kind: DTMF, Digits: "1", Partial: test.ask})
			c.wait(3 * time.Second)
			c.wantOpen(2, test.want)
			c.command(2, 0, Done{})
			c.wantDone(2, strings.TrimSpace(test.want+" FINAL"))
		})
	}
	t.Run("off unless set", func(t *testing.T) {
		if DefaultSettings().PartialResponses {
			t.Error("PARTIAL is on by default")
		}
	})
}

func TestR25_NoTextInPrompts(t *testing.T) {
	for _, mode := range []TextMode{SpeakText, PassTextOn} {
		c := greetedWith(t, Traits{}, func(s *Settings) { s.Texts = mode })
		c.keys(2, "1")
		c.command(2, 2, StartPrompt{Text: "hello"})
		c.speech(2, 800)
		c.command(2, 0, Done{})
		for _, r := range c.responses[2] {
			if r.Text != nil && len(r.Audio) > 0 {
				t.Errorf("mode %d: text beside audio: %+v", mode, r)
			}
			if passed := r.Text != nil; r.Type == Chunk && passed != (mode == PassTextOn) {
				t.Errorf("mode %d: text in a prompt: %t", mode, passed)
			}
		}
		if got := len(c.responses[2]); got != 2 {
			t.Errorf("mode %d: %d responses, want a CHUNK and the FINAL", mode, got)
		}
	}
}
