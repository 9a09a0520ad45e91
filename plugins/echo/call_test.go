package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/byova-host/byova-host/internal/pluginwire"
	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

// The test binary is echo itself when it gets an argument.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		main()
		return
	}
	os.Exit(m.Run())
}

// call is a call to an echo that runs as a process of its own.
type call struct {
	t    *testing.T
	call *pluginwire.Call
	turn uint64

	mu      sync.Mutex
	said    []string // since the turn began
	audio   []byte
	changed chan struct{}
}

func (c *call) Lost(err error) { c.Command(&pluginv1.Command{Body: &pluginv1.Command_Failed{}}) }

func (c *call) Command(m *pluginv1.Command) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.audio = append(c.audio, m.Audio...)
	switch b := m.Body.(type) {
	case *pluginv1.Command_Done:
		c.said = append(c.said, "done")
	case *pluginv1.Command_Transfer:
		c.said = append(c.said, fmt.Sprint("transfer ", b.Transfer.Metadata.AsMap()))
	case *pluginv1.Command_End:
		c.said = append(c.said, "end")
	case *pluginv1.Command_Custom:
		c.said = append(c.said, "custom "+b.Custom.Name)
	case *pluginv1.Command_Input:
		c.said = append(c.said, fmt.Sprintf("input %v %d %d %s", b.Input.Mode, b.Input.DtmfLength, b.Input.InterDigitMs, b.Input.DtmfTerminator))
	case *pluginv1.Command_State:
		c.said = append(c.said, fmt.Sprintf("state %d %s of turn %d", b.State.Version, b.State.Blob, m.Turn))
	case *pluginv1.Command_PromptStart:
		c.said = append(c.said, "prompt")
		if !b.PromptStart.BargeIn {
			c.said = append(c.said, "a prompt without barge-in")
		}
	case *pluginv1.Command_Failed:
		c.said = append(c.said, "failed")
	}
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// newCall begins a call, or resumes one.
func newCall(t *testing.T, p *pluginwire.Process, resume *pluginv1.Resume) *call {
	t.Helper()
	c := &call{t: t, changed: make(chan struct{}, 1)}
	var err error
	if c.call, err = p.Open(c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.call.Close)
	c.send(&pluginv1.Event{Body: &pluginv1.Event_Start{Start: &pluginv1.Start{SessionId: "s", Credit: 1 << 20, Resume: resume}}})
	return c
}

func (c *call) send(e *pluginv1.Event) {
	c.t.Helper()
	if err := c.call.Send(e); err != nil {
		c.t.Fatal(err)
	}
}

// answer plays a turn and returns what echo said in it, and the audio.
func (c *call) answer(cause pluginv1.TurnStarted_Cause, speechEnd int64, input ...*pluginv1.Event) (string, []byte) {
	c.t.Helper()
	c.turn++
	c.mu.Lock()
	c.said, c.audio = nil, nil
	c.mu.Unlock()
	c.send(&pluginv1.Event{Body: &pluginv1.Event_TurnStarted{TurnStarted: &pluginv1.TurnStarted{Turn: c.turn, Cause: cause, SpeechAtMs: 1000}}})
	for _, e := range input {
		c.send(e)
	}
	c.send(&pluginv1.Event{Body: &pluginv1.Event_InputEnded{InputEnded: &pluginv1.InputEnded{Turn: c.turn, SpeechEndMs: speechEnd}}})
	limit := time.After(10 * time.Second)
	for {
		c.mu.Lock()
		said, audio := strings.Join(c.said, ", "), c.audio
		c.mu.Unlock()
		for _, end := range []string{"done", "end", "]", "failed", "custom echo"} {
			if strings.HasSuffix(said, end) {
				return said, audio
			}
		}
		select {
		case <-c.changed:
		case <-limit:
			c.t.Fatalf("no answer to turn %d, only %q", c.turn, said)
		}
	}
}

func (c *call) press(digits string) (string, []byte) {
	c.t.Helper()
	return c.answer(pluginv1.TurnStarted_CAUSE_DTMF, 0, &pluginv1.Event{Body: &pluginv1.Event_Dtmf{Dtmf: &pluginv1.DTMF{Digits: digits}}})
}

func (c *call) silence(count uint32) (string, []byte) {
	c.t.Helper()
	return c.answer(pluginv1.TurnStarted_CAUSE_NO_INPUT, 0, &pluginv1.Event{Body: &pluginv1.Event_NoInput{NoInput: &pluginv1.NoInput{Count: count}}})
}

func TestEcho(t *testing.T) {
	dir, err := os.MkdirTemp("", "echo")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	p, err := pluginwire.Launch(t.Context(), pluginwire.Config{Name: "echo", Path: os.Args[0], Args: []string{"serve"}, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop(context.Background())
	if a := p.Agents(); len(a) != 1 || a[0].Id != "echo" {
		t.Errorf("agents = %v", a)
	}
	if d := p.Description(); d.Resume != pluginv1.DescribeResponse_RESUME_SAVED || !d.Movable || d.StateVersion != 1 || d.Version != version {
		t.Errorf("description = %v", d)
	}
	c := newCall(t, p, nil)
	check := func(what string, want string, wantAudio []byte) func(string, []byte) {
		return func(said string, audio []byte) {
			t.Helper()
			if said != want || string(audio) != string(wantAudio) {
				t.Errorf("%s: %q and %d bytes of audio, want %q and %d", what, said, len(audio), want, len(wantAudio))
			}
		}
	}
	check("greeting", "input VOICE_AND_DTMF 20 3000 #, prompt, done", tone(greeting).Data)(c.answer(pluginv1.TurnStarted_CAUSE_START, 0))
	check("no count yet", "state 1 1 of turn 2, prompt, done", keyTones("0").Data)(c.press("8"))
	check("keys", "state 1 2 of turn 3, prompt, done", keyTones("12*").Data)(c.press("12*"))
	check("keys that begin as a command", "state 1 3 of turn 4, prompt, done", keyTones("00").Data)(c.press("00"))
	speech := make([]byte, 16000)
	for i := range speech {
		speech[i] = byte(i / 80)
	}
	check("speech", "state 1 4 of turn 5, prompt, done", speech[4*8*50:][:1400*8])(c.answer(pluginv1.TurnStarted_CAUSE_SPEECH, 2000, &pluginv1.Event{AtMs: 500, Audio: append([]byte(nil), speech...)}))
	check("count", "state 1 5 of turn 6, prompt, done", keyTones("4").Data)(c.press("8"))
	check("custom event", "state 1 6 of turn 7, custom echo", nil)(c.press("7"))
	check("silence", "prompt, done", tone(nobody).Data)(c.silence(1))
	check("third silence", "prompt, end", tone(nobody).Data)(c.silence(3))
	const begin = "input VOICE_AND_DTMF 20 3000 #, state 1 1 of turn 1, "
	check("transfer", begin+"transfer map[reason:caller pressed 0]", nil)(newCall(t, p, nil).press("0"))
	check("end", begin+"end", nil)(newCall(t, p, nil).press("9"))
	for _, test := range []struct{ state, count, next string }{{"41", "41", "42"}, {"", "0", "1"}} {
		c := newCall(t, p, &pluginv1.Resume{State: []byte(test.state), StateVersion: 1})
		want := "input VOICE_AND_DTMF 20 3000 #, state 1 " + test.next + " of turn 1, prompt, done"
		check("count of a call resumed with "+test.state, want, keyTones(test.count).Data)(c.press("8"))
	}
}
