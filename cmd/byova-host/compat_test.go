//go:build unix

package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/byova-host/byova-host/internal/audio"
)

// serveOldest starts a host with a plugin of the time of plugin protocol 1.0, which shares
// no code with the host of today.
func serveOldest(t *testing.T) *process {
	t.Helper()
	bot := filepath.Join(t.TempDir(), "bot10")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bot, "../../internal/compat/bot10").CombinedOutput(); err != nil {
		t.Fatalf("build bot10: %v\n%s", err, out)
	}
	p := start(t, runtimeDir(t), "--plugin", bot)
	if p.addr == "" {
		<-p.exited
		t.Fatalf("the host did not start: %v\n%s", p.err, p.log)
	}
	return p
}

// TestOldestPlugin: a plugin built against the first protocol still runs.
func TestOldestPlugin(t *testing.T) {
	p := serveOldest(t)
	bot := onlyPlugin(t, p)
	call := newPhone(t, p.addr, "bot10")
	if greeting := call.start(); greeting.err != nil || len(greeting.audio) != 300*8 {
		t.Errorf("the greeting is %d bytes, %v", len(greeting.audio), greeting.err)
	}
	words := readWAV(t, helloFile)
	spoken, err := words.Mono8k()
	if err != nil {
		t.Fatal(err)
	}
	echoed, err := audio.WAV{Format: audio.Telephone, Channels: 1, Data: call.say(words.Data).audio}.Mono8k()
	if err != nil {
		t.Fatal(err)
	}
	if like, _ := match(echoed, spoken); like < 0.99 {
		t.Errorf("what was said came back with correlation %.3f", like)
	}
	one, two := call.press("1"), call.press("22")
	if len(one.audio) != 200*8 || len(two.audio) != 2*200*8 || bytes.Equal(one.audio, two.audio[:200*8]) {
		t.Errorf("the keys came back as %d and %d bytes", len(one.audio), len(two.audio))
	}
	if end := call.press("0"); end.event.GetMetadata().GetFields()["reason"].GetStringValue() != "caller pressed 0" {
		t.Errorf("0 got %v, %v", end.event, end.err)
	}

	// Webex's side of whole calls, and its judgement.
	t.Run("calls", func(t *testing.T) {
		for _, script := range []string{"03-utterance-chunks", "05-voice-barge-in", "09-transfer", "11-hang-up"} {
			t.Run(script, func(t *testing.T) {
				t.Parallel()
				code, out, errs := cli(t, "call", "--addr", p.addr, "--agent", "bot10", "--script", "../../examples/calls/"+script+".yaml")
				if code != 0 {
					t.Errorf("exit %d\n%s%s", code, out, errs)
				}
			})
		}
	})
	p.stop(t)
	checkGone(t, p)
	if alive(bot.Pid) {
		t.Error("the bot's process outlived its host")
	}
}

// TestOldestPluginOutlived: its calls go on with their state over kills and swaps.
func TestOldestPluginOutlived(t *testing.T) {
	p := serveOldest(t)
	call := newPhone(t, p.addr, "bot10")
	call.start()
	beside := newPhone(t, p.addr, "bot10")
	beside.id += "-beside"
	beside.start()
	tones := map[string][]byte{}
	for _, key := range []string{"1", "2", "3"} {
		tones[key] = beside.press(key).audio
	}
	call.press("5")
	for i, how := range []string{"move", "kill", "move"} {
		bot := onlyPlugin(t, p)
		if how == "kill" {
			if err := syscall.Kill(bot.Pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		} else if code, out, errs := cli(t, "plugins", "swap", bot.Name, bot.Path, "--policy", "move"); code != 0 {
			t.Fatalf("swap: exit %d\n%s%s", code, out, errs)
		}
		want := tones[string(rune('1'+i))] // how many answers there were before
		// Behind a filler, where the start took its time.
		if h := call.press("8"); h.err != nil || len(want) != 200*8 || !bytes.HasSuffix(h.audio, want) {
			t.Errorf("after a %s: %d bytes, event %v, %v; want the tone of %d", how, len(h.audio), h.event, h.err, i+1)
		}
		awaitOther(t, p, bot.Pid)
	}
}
