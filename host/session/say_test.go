package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// piece is a piece of a text's speech.
func (c *call) piece(prompt uint64, n int) input {
	return input{kind: spoken, number: c.speakers[prompt], speech: bytes.Repeat([]byte{0x55}, n)}
}

// speech brings a piece of a text's speech, and ends it.
func (c *call) speech(prompt uint64, n int) {
	c.step(c.piece(prompt, n))
	c.step(input{kind: spoken, number: c.speakers[prompt], over: true})
}

// askedFor is a call whose caller has pressed 1, with turn 2 open on RPC 2.
func askedFor(t *testing.T, change func(*Settings)) *call {
	c := greetedWith(t, keeping, change)
	c.keys(2, "1")
	c.events, c.told = nil, nil
	return c
}

func TestTextIsSpoken(t *testing.T) {
	text := StartPrompt{Text: "hello", BargeIn: true}
	for _, test := range []struct {
		name string
		run  func(c *call)
		want string // on RPC 2
	}{
		{"what is behind a text waits for it", func(c *call) {
			c.command(2, 2, text)
			c.command(2, 3, StartPrompt{BargeIn: true})
			c.command(2, 3, PromptAudio{Data: make([]byte, 400), End: true})
			c.command(2, 0, Done{})
			c.wantOpen(2, "")
			c.speech(2, 800)
		}, "CHUNK(800) CHUNK(400) FINAL"},
		{"two texts", func(c *call) {
			c.command(2, 2, text)
			c.command(2, 3, text)
			c.command(2, 0, Done{})
			c.speech(3, 100) // not yet
			c.speech(2, 800)
			c.wantOpen(2, "CHUNK(800)")
			c.speech(3, 400)
		}, "CHUNK(800) CHUNK(400) FINAL"},
		{"a transfer behind a text", func(c *call) {
			c.command(2, 2, text)
			c.command(2, 0, Leave{Event: TransferToAgent})
			c.speech(2, 800)
		}, "CHUNK(800) FINAL+TRANSFER"},
		{"one that cannot be spoken", func(c *call) {
			c.s.Unspoken = make([]byte, 300)
			c.command(2, 2, text)
			c.command(2, 0, Done{})
			c.step(input{kind: spoken, number: c.speakers[2], over: true, err: errors.New("no words")})
			if got := event[Refused](c); got.Command != "prompt" || got.Message != "no words" {
				c.t.Errorf("the bot was told %+v", got)
			}
		}, "CHUNK(300) FINAL"},
		{"new input ends it and what waits", func(c *call) {
			c.command(2, 2, text)
			c.step(c.piece(2, 800))
			c.command(2, 3, text)
			c.keys(3, "2")
			c.speech(2, 800)
			if c.hushed != 1 || len(c.s.saying.backlog) > 0 {
				c.t.Errorf("hushed %d times, %d commands still wait", c.hushed, len(c.s.saying.backlog))
			}
		}, "CHUNK(800) FINAL"},
		{"new input does not end it before a transfer", func(c *call) {
			c.command(2, 2, text)
			c.step(c.piece(2, 800))
			c.command(2, 0, Leave{Event: TransferToAgent})
			c.open(3, Request{Kind: DTMF, Digits: "2"})
			c.wantDone(3, "FINAL")
			c.speech(2, 400)
		}, "CHUNK(800) CHUNK(400) FINAL+TRANSFER"},
		{"nor one that must not be cut, before its first sound", func(c *call) {
			c.command(2, 2, StartPrompt{Text: "hello"})
			c.open(3, Request{Kind: DTMF, Digits: "2"})
			c.wantDone(3, "FINAL")
			c.speech(2, 800)
			c.command(2, 0, Done{})
		}, "CHUNK(800) FINAL"},
		{"nor such a one behind the filler", func(c *call) {
			c.s.Filler = make([]byte, 800)
			c.command(2, 2, StartPrompt{Text: "hello"})
			c.wait(c.s.FillerAfter + 10*time.Millisecond)
			c.open(3, Request{Kind: DTMF, Digits: "2"})
			c.wantDone(3, "FINAL")
			c.speech(2, 800)
			c.command(2, 0, Done{})
		}, "CHUNK(800) CHUNK(800) FINAL"},
		{"clear ends it", func(c *call) {
			c.command(2, 2, text)
			c.command(2, 3, text)
			c.command(0, 2, Clear{})
			c.command(2, 0, Done{})
			c.speech(3, 400)
		}, "CHUNK(400) FINAL"},
		{"clear of one that waits", func(c *call) {
			c.command(2, 2, text)
			c.command(2, 3, StartPrompt{BargeIn: true})
			c.command(2, 3, PromptAudio{Data: make([]byte, 400), End: true})
			c.command(0, 3, Clear{})
			c.command(2, 0, Done{})
			c.speech(2, 800)
		}, "CHUNK(800) FINAL"},
		{"clear of all ends all that was said", func(c *call) {
			c.command(2, 2, text)
			c.command(2, 3, text)
			c.command(2, 4, text)
			c.command(0, 0, Clear{})
			c.speech(2, 800)
			c.speech(4, 800)
			c.command(2, 0, Done{})
		}, "FINAL"},
		{"a bot that fails behind a text", func(c *call) {
			c.s.Fallback.Prompt = make([]byte, 200)
			c.command(2, 2, text)
			c.command(2, 0, GiveUp{})
			c.speech(2, 800)
		}, "CHUNK(800) CHUNK(200) FINAL+TRANSFER"},
		{"a process that dies behind a whole answer", func(c *call) {
			c.command(2, 2, text)
			c.command(2, 0, Leave{Event: TransferToAgent})
			c.die()
			if len(c.reopened) != 0 {
				c.t.Error("another process was asked for before the text was spoken")
			}
			c.speech(2, 800)
		}, "CHUNK(800) FINAL+TRANSFER"},
		{"a process that dies behind half an answer", func(c *call) {
			c.command(2, 2, text)
			c.die()
			c.speech(2, 800)
			c.comeBack()
			if got := c.resumed(); got.InterruptedTurn != 2 {
				c.t.Errorf("resumed with %+v, want turn 2 as the interrupted one", got)
			}
			c.command(2, 0, Done{})
		}, "CHUNK(800) FINAL"},
		{"the filler is cut by it", func(c *call) {
			c.s.Filler = make([]byte, 8000)
			c.command(2, 2, text)
			c.wait(3 * time.Second)
			c.speech(2, 800)
			c.command(2, 0, Done{})
		}, "CHUNK(8000) CHUNK(800) FINAL"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := askedFor(t, asIs)
			test.run(c)
			c.wantDone(2, test.want)
		})
	}
}

// TestTextInWAV holds that spoken text is part of the one file of its prompt.
func TestTextInWAV(t *testing.T) {
	c := askedFor(t, inWAV)
	c.command(2, 2, StartPrompt{Text: "hello"})
	c.command(2, 0, Done{})
	c.step(c.piece(2, 500))
	c.speech(2, 800)
	c.wantDone(2, "FINAL(1300)")
	if c.allowed != 1300 {
		t.Errorf("%d bytes were allowed, want all 1300 at once", c.allowed)
	}
}

// TestTextTooLongForWAV: what an answer cannot hold is not made, and what is behind it goes
// on.
func TestTextTooLongForWAV(t *testing.T) {
	c := askedFor(t, inWAV)
	c.command(2, 2, StartPrompt{Text: "hello"})
	c.command(2, 0, Done{})
	for range 3 {
		c.step(c.piece(2, maxHeld/2+1))
	}
	c.wantDone(2, fmt.Sprintf("FINAL(%d)", maxHeld/2+1))
	if n := count[Refused](c); n != 1 || c.hushed != 1 {
		t.Errorf("refused %d times, hushed %d times, want once", n, c.hushed)
	}
}

// TestTextBeforeATransfer: the transfer is carried out though its RPC breaks off, or the
// flow comes with something else meanwhile.
func TestTextBeforeATransfer(t *testing.T) {
	for _, test := range []struct {
		name string
		run  func(c *call)
		want string // on RPC 3
	}{
		{"the RPC breaks off", func(c *call) {
			c.step(input{kind: gone, rpc: 2, err: errors.New("cancelled")})
			c.open(3, Request{Kind: Audio, Audio: make([]byte, 160)})
		}, "FINAL+TRANSFER"},
		{"an event of the flow", func(c *call) { c.open(3, Request{Kind: CustomInput, Name: "n"}) }, "FINAL+TRANSFER"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := askedFor(t, asIs)
			c.command(2, 2, StartPrompt{Text: "hello", BargeIn: true})
			c.command(2, 0, Leave{Event: TransferToAgent})
			test.run(c)
			c.wantDone(3, test.want)
		})
	}
	t.Run("it was late already", func(t *testing.T) {
		c := askedFor(t, asIs)
		c.keys(3, "2")
		c.command(3, 2, StartPrompt{Text: "hello", BargeIn: true})
		c.command(2, 0, Leave{Event: TransferToAgent})
		c.command(3, 0, Done{})
		c.speech(2, 800)
		c.wantDone(3, "CHUNK(800) FINAL")
	})
}

// TestTextBeforeAMove: the process gives the call back behind what it said.
func TestTextBeforeAMove(t *testing.T) {
	for _, late := range []bool{false, true} {
		c := greetedWith(t, keeping, asIs)
		c.open(2, Request{Kind: Audio, Audio: make([]byte, 160)})
		c.step(input{kind: moveWanted, number: c.s.bind.number, reads: func(uint32) bool { return true }})
		event[Suspend](c)
		c.command(0, 2, StartPrompt{Text: "hello", BargeIn: true}) // on its way before
		c.command(0, 0, Leave{Event: TransferToAgent})
		if !late {
			c.command(0, 0, Suspended{})
		}
		c.wait(suspendWait + time.Second)
		c.speech(2, 800)
		c.wantDone(2, "CHUNK(800) FINAL+TRANSFER")
	}
}

// TestSpeechOfAnEarlierText: what still comes of a text that was cut is not taken for that of
// another, though the bot gives it the same number.
func TestSpeechOfAnEarlierText(t *testing.T) {
	c := askedFor(t, asIs)
	text := StartPrompt{Text: "hello", BargeIn: true}
	c.command(2, 2, text)
	earlier := c.piece(2, 500)
	c.keys(3, "2")
	c.command(3, 2, text)
	c.step(earlier)
	c.speech(2, 800)
	c.command(3, 0, Done{})
	c.wantDone(3, "CHUNK(800) FINAL")
}

// TestTextIsAnnounced holds what the voice is told.
func TestTextIsAnnounced(t *testing.T) {
	for _, test := range []struct {
		name    string
		own     string // of the prompt
		setting string
		want    string
	}{
		{"of the call", "", "", "fr-CA"}, {"of the agent", "", "de", "de"}, {"of the prompt", "es", "de", "es"},
	} {
		c := callWith(t, Traits{}, func(s *Settings) { s.Language, s.VoiceName = test.setting, "anna" })
		c.open(1, Request{Kind: SessionStart, Language: "fr-CA"})
		c.halfClose(1)
		c.command(1, 1, StartPrompt{Text: "x", Language: test.own})
		if len(c.texts) != 1 || c.texts[0] != (Text{"x", test.want, "anna"}) {
			t.Errorf("language %s: spoke %+v", test.name, c.texts)
		}
	}
}

// TestTextPassedOn: Webex is handed texts that the host would speak, too, and no others.
func TestTextPassedOn(t *testing.T) {
	c := askedFor(t, func(s *Settings) { s.Texts, s.Unspoken = PassTextOn, make([]byte, 300) })
	c.command(2, 2, StartPrompt{Text: strings.Repeat("x", 150)})
	c.command(2, 3, StartPrompt{Text: strings.Repeat("x", longestPassedOn+1)})
	c.command(2, 0, Done{})
	c.wantDone(2, "CHUNK(0) CHUNK(300) FINAL")
	if got := event[Refused](c); !strings.Contains(got.Message, "10001 bytes") {
		t.Errorf("refused with %+v", got)
	}
	if ends := c.s.play.ends - c.now; ends < 9*time.Second || ends > 11*time.Second {
		t.Errorf("150 characters are taken to play for %v, want about 10 s", ends)
	}
	wav := askedFor(t, func(s *Settings) { s.Texts, s.Answers = PassTextOn, WAV })
	wav.command(2, 2, StartPrompt{Text: "hello"})
	wav.command(2, 0, Done{})
	wav.wantDone(2, "FINAL(0)")
	if clips := wav.responses[2][0].Clips; clips[0].Text == nil || clips[0].Text.Text != "hello" {
		t.Errorf("clips %+v", clips)
	}
	wav = askedFor(t, func(s *Settings) { s.Texts, s.Answers = PassTextOn, WAV })
	long := StartPrompt{Text: strings.Repeat("x", charactersASecond*140)} // seconds
	wav.command(2, 2, long)
	wav.command(2, 3, long)
	wav.command(2, 0, Done{})
	wav.wantDone(2, "FINAL(0)")
	if got := event[Refused](wav); !strings.Contains(got.Message, "the most in WAV mode") || len(wav.responses[2][0].Clips) != 1 {
		t.Errorf("280 s of text: refused with %+v, clips %d", got, len(wav.responses[2][0].Clips))
	}
}

// TestSpeakerWaits holds the bound on speech that has not left.
func TestSpeakerWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, happened := collector()
		s.inputs.Start()
		s.voice = speakerFunc(func(_ context.Context, _ Text, w io.Writer) error {
			_, err := w.Write(make([]byte, 3*maxSpoken))
			return err
		})
		came := func() (bytes int) {
			synctest.Wait()
			for _, in := range *happened {
				bytes += len(in.speech)
			}
			return bytes
		}
		s.startSpeaking(1, Text{Text: "long"}) // as the first
		if n := came(); n != maxSpoken {
			t.Errorf("%d bytes came with nothing sent, want %d", n, maxSpoken)
		}
		s.speaker.allow(1 << 30) // more than was taken: of another prompt
		if n := came(); n != 2*maxSpoken || s.speaker.ahead.Load() != maxSpoken {
			t.Errorf("%d bytes came and %d are ahead, want %d and %d", n, s.speaker.ahead.Load(), 2*maxSpoken, maxSpoken)
		}
		s.speaker.cancel()
		s.helpers.Wait()
		if last := (*happened)[len(*happened)-1]; came() != 2*maxSpoken || !last.over || !errors.Is(last.err, context.Canceled) {
			t.Errorf("after hush came %+v", last)
		}
	})
}

type speakerFunc func(context.Context, Text, io.Writer) error

func (f speakerFunc) Speak(ctx context.Context, t Text, w io.Writer) error { return f(ctx, t, w) }

func TestVoiceless(t *testing.T) {
	if err := (voiceless{}).Speak(t.Context(), Text{}, io.Discard); err == nil || !strings.Contains(err.Error(), "send audio") {
		t.Errorf("without a voice: %v", err)
	}
}
