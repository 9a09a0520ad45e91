package wire

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/byova-host/byova-host/internal/audio"
	"github.com/byova-host/byova-host/internal/lane"
	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

// Whatever is dropped, positions, gaps and audio add up to the time that passed.
func TestEventsAddUp(t *testing.T) {
	for _, format := range []audio.Format{
		audio.Telephone,
		{Encoding: audio.Linear16, Rate: 16000},
		{Encoding: audio.Linear16, Rate: 48000},
		{Encoding: audio.Linear16, Rate: 11025},
	} {
		t.Run(format.String(), func(t *testing.T) { synctest.Test(t, func(t *testing.T) { addUp(t, format) }) })
	}
}

func addUp(t *testing.T, format audio.Format) {
	inbox := lane.NewInbox(Events(format))
	rng := rand.New(rand.NewPCG(3, 4))
	sent := 0
	push := func(most time.Duration) {
		t.Helper()
		for range 500 {
			n := (1 + rng.IntN(2000)) * format.BytesPerSample()
			at := format.Duration(sent).Milliseconds()
			if err := inbox.Push(&pluginv1.Event{Call: 1, AtMs: at, Audio: make([]byte, n)}); err != nil {
				t.Fatal(err)
			}
			sent += n
		}
		waiting := format.Duration(sent - int(inbox.Dropped()))
		if waiting > most || waiting < min(most, format.Duration(sent))-50*time.Millisecond {
			t.Errorf("%v of audio waits, want %v", waiting, most)
		}
	}
	push(MostAudioWaiting)
	time.Sleep(AudioWaiting)
	push(AudioWaiting)

	heard, at := 0, int64(0)
	for i, e := range inbox.Take(nil) {
		if off := e.AtMs - at; off < -2 || off > 2 {
			t.Errorf("item %d is at %d ms, want %d", i, e.AtMs, at)
		}
		if len(e.Audio)%format.BytesPerSample() != 0 {
			t.Errorf("item %d has half a sample", i)
		}
		at = e.AtMs + e.GetGap().GetMs() + format.Duration(len(e.Audio)).Milliseconds()
		heard += len(e.Audio)
	}
	if got := heard + int(inbox.Dropped()); got != sent {
		t.Errorf("heard and dropped %d bytes, want %d", got, sent)
	}
}

func TestEventsThatDoNotJoin(t *testing.T) {
	for _, test := range []struct {
		name string
		next *pluginv1.Event
		want int
	}{
		{"goes on", &pluginv1.Event{AtMs: 20, Audio: make([]byte, 160)}, 1},
		{"after a hole", &pluginv1.Event{AtMs: 40, Audio: make([]byte, 160)}, 2},
		{"another track", &pluginv1.Event{AtMs: 20, Track: pluginv1.Event_TRACK_AGENT, Audio: make([]byte, 160)}, 2},
		{"replayed", &pluginv1.Event{AtMs: 20, Replayed: true, Audio: make([]byte, 160)}, 2},
	} {
		inbox := lane.NewInbox(Events(audio.Telephone))
		inbox.Push(&pluginv1.Event{Audio: make([]byte, 160)})
		inbox.Push(test.next)
		if got := len(inbox.Take(nil)); got != test.want {
			t.Errorf("%s: %d events, want %d", test.name, got, test.want)
		}
	}
}

func TestCommandsJoin(t *testing.T) {
	for _, test := range []struct {
		name        string
		first, next *pluginv1.Command
		want        int
	}{
		{"same prompt", &pluginv1.Command{Prompt: 1}, &pluginv1.Command{Prompt: 1}, 1},
		{"its end", &pluginv1.Command{Prompt: 1}, &pluginv1.Command{Prompt: 1, PromptEnd: true}, 1},
		{"after its end", &pluginv1.Command{Prompt: 1, PromptEnd: true}, &pluginv1.Command{Prompt: 1}, 2},
		{"another prompt", &pluginv1.Command{Prompt: 1}, &pluginv1.Command{Prompt: 2}, 2},
		{"another turn", &pluginv1.Command{Prompt: 1, Turn: 1}, &pluginv1.Command{Prompt: 1}, 2},
		{"of one number", &pluginv1.Command{Prompt: 1, Ref: 3}, &pluginv1.Command{Prompt: 1, Ref: 3}, 1},
		{"one that can be refused", &pluginv1.Command{Prompt: 1}, &pluginv1.Command{Prompt: 1, Ref: 3}, 2},
	} {
		inbox := lane.NewInbox(Commands())
		test.first.Audio, test.next.Audio = []byte{1, 2}, []byte{3}
		inbox.Push(test.first)
		inbox.Push(test.next)
		got := inbox.Take(nil)
		if len(got) != test.want {
			t.Errorf("%s: %d commands, want %d", test.name, len(got), test.want)
		}
		if last := got[len(got)-1]; test.want == 1 && (!bytes.Equal(last.Audio, []byte{1, 2, 3}) || last.PromptEnd != test.next.PromptEnd) {
			t.Errorf("%s: joined to %v", test.name, last)
		}
	}
}
