package session

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/byova-host/byova-host/internal/audio"
)

// callWith is a call whose agent is treated by other settings.
func callWith(t *testing.T, traits Traits, change func(*Settings)) *call {
	settings := DefaultSettings()
	change(&settings)
	c := newCall(t, traits)
	c.s = newState("s", Key{"o", "c"}, "bot", traits, Config{}.limits(), settings)
	return c
}

// greetedWith is such a call whose greeting of 1 s has been answered and played.
func greetedWith(t *testing.T, traits Traits, change func(*Settings)) *call {
	c := callWith(t, traits, change)
	c.open(1, Request{Kind: SessionStart})
	c.halfClose(1)
	c.say(1, 1, 1000, true)
	c.command(1, 0, Done{})
	c.deliver(1)
	c.wait(2 * time.Second)
	c.events = nil
	return c
}

func asIs(*Settings) {}

func inWAV(s *Settings) { s.Answers = WAV }

// deliver hands the WAV prompts of an RPC to the wire. The harness does so with
// chunks by itself.
func (c *call) deliver(rpc rpcID) {
	for _, r := range c.responses[rpc] {
		for _, clip := range r.Clips {
			c.step(input{kind: left, rpc: rpc, prompt: clip.prompt, bytes: clip.bytes()})
		}
	}
}

// wait lets time pass, and everything happen that is due meanwhile.
func (c *call) wait(d time.Duration) {
	c.t.Helper()
	until := c.now + d
	for n := 0; c.s.due.next() <= until; n++ {
		if n > 1000 {
			c.t.Fatalf("something is due again and again at %v: %+v", c.now, c.s.due)
		}
		c.now = max(c.now, c.s.due.next())
		c.step(input{kind: tick})
	}
	c.now = until
	c.step(input{kind: tick})
}

// hears sends sound on an open RPC, as it is spoken.
func (c *call) hears(rpc rpcID, sound []byte) {
	c.t.Helper()
	for len(sound) > 0 {
		n := min(160, len(sound))
		c.wait(audio.Telephone.Duration(n))
		c.request(rpc, Request{Kind: Audio, Audio: bytes.Clone(sound[:n])})
		sound = sound[n:]
	}
}

// listen opens an RPC with a frame of silence, as Webex does.
func (c *call) listen(rpc rpcID) { c.open(rpc, Request{Kind: Audio, Audio: quiet(20)}) }

// keys opens an RPC with an entry, half-closes it and returns its turn.
func (c *call) keys(rpc rpcID, digits string) uint64 {
	c.open(rpc, Request{Kind: DTMF, Digits: digits})
	c.halfClose(rpc)
	return c.s.turns
}

// quiet is silence, in milliseconds.
func quiet(ms int) []byte { return bytes.Repeat([]byte{0xff}, 8*ms) }

// voice is a sound like a sung vowel, in milliseconds.
func voice(ms int) []byte {
	pcm := make([]int16, 8*ms)
	for i := range pcm {
		at := 2 * math.Pi * 130 * float64(i) / 8000
		for harmonic := 1.0; harmonic <= 8; harmonic++ {
			pcm[i] += int16(4000 / harmonic * math.Sin(harmonic*at))
		}
	}
	return audio.EncodeMuLaw(nil, pcm)
}

// words is a recorded sentence between silence of 300 ms and 1 s.
func words(t *testing.T, name string) []byte {
	t.Helper()
	file, err := os.ReadFile("../../internal/audio/testdata/speech/" + name + ".wav")
	if err != nil {
		t.Fatal(err)
	}
	wav, err := audio.ParseWAV(file)
	if err != nil {
		t.Fatal(err)
	}
	sound, err := wav.MuLaw8k()
	if err != nil {
		t.Fatal(err)
	}
	return append(append(quiet(300), sound...), quiet(1000)...)
}

// shape is what was sent on an RPC, in short: START, END, CHUNK(bytes),
// PARTIAL and FINAL with the bytes of their prompts, and the event.
func (c *call) shape(rpc rpcID) string {
	var all []string
	for _, r := range c.responses[rpc] {
		all = append(all, shapeOf(r))
	}
	return strings.Join(all, " ")
}

func shapeOf(r Response) string {
	event := map[OutputEvent]string{StartOfInput: "START", EndOfInput: "END", TransferToAgent: "TRANSFER",
		EndSession: "SESSION_END", CustomOutput: "CUSTOM", NoMatch: "NO_MATCH", NoInputEvent: "NO_INPUT"}[r.Event]
	var clips strings.Builder
	for _, clip := range r.Clips {
		fmt.Fprintf(&clips, "(%d)", len(clip.Audio))
	}
	switch r.Type {
	case EventOnly:
		return event
	case Chunk:
		return fmt.Sprintf("CHUNK(%d)%s", len(r.Audio), event)
	case Partial:
		return "PARTIAL" + clips.String() + event
	default:
		return strings.TrimSuffix("FINAL"+clips.String()+"+"+event, "+")
	}
}

// wantShape holds an RPC to what was sent on it.
func (c *call) wantShape(rpc rpcID, want string) {
	c.t.Helper()
	if got := c.shape(rpc); got != want {
		c.t.Errorf("RPC %d got %q, want %q", rpc, got, want)
	}
}

// wantDone holds an RPC to be completed in order after what was sent on it.
func (c *call) wantDone(rpc rpcID, want string) {
	c.t.Helper()
	c.wantShape(rpc, want)
	if err, done := c.completed[rpc]; !done || err != nil {
		c.t.Errorf("RPC %d: completed %t with %v, want an orderly end", rpc, done, err)
	}
}

// wantOpen holds an RPC not to be completed yet.
func (c *call) wantOpen(rpc rpcID, want string) {
	c.t.Helper()
	c.wantShape(rpc, want)
	if _, done := c.completed[rpc]; done {
		c.t.Errorf("RPC %d is completed, want it open", rpc)
	}
}

// acts takes one step and returns what it does, without the harness doing it.
func (c *call) acts(in input) []action {
	return append([]action(nil), c.s.step(c.now, &in)...)
}
