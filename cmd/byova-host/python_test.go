//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/byova-host/byova-host/host/admin"
	"github.com/byova-host/byova-host/internal/audio"
)

// servePython starts a host with the bot in Python. make test-python finds a Python
// that can run it.
func servePython(t *testing.T) *process {
	t.Helper()
	if os.Getenv("BYOVA_TEST_PYTHON") == "" {
		t.Skip("needs a Python with gRPC: make test-python runs it")
	}
	p := start(t, runtimeDir(t), "--plugin", "../../examples/plugin-python/bot.py")
	if p.addr == "" {
		<-p.exited
		t.Fatalf("the host did not start: %v", p.err)
	}
	return p
}

// onlyPlugin is what a host says of its one plugin.
func onlyPlugin(t *testing.T, p *process) admin.Plugin {
	t.Helper()
	t.Setenv("XDG_RUNTIME_DIR", p.runtime)
	code, out, errs := cli(t, "plugins", "list", "--json")
	var plugins []admin.Plugin
	if err := json.Unmarshal([]byte(out), &plugins); err != nil || code != 0 || len(plugins) != 1 {
		t.Fatalf("exit %d, %v\n%s%s", code, err, out, errs)
	}
	return plugins[0]
}

// TestPythonBot: a bot without our SDK is a bot like any other.
func TestPythonBot(t *testing.T) {
	p := servePython(t)
	bot := onlyPlugin(t, p)
	call := newPhone(t, p.addr, "python")
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
	two := call.press("2")
	if count := call.press("8"); len(two.audio) != 200*8 || !bytes.Equal(count.audio, two.audio) {
		t.Errorf("after two answers the count is %d bytes, want the %d of key 2", len(count.audio), len(two.audio))
	}
	if end := call.press("0"); end.event.GetMetadata().GetFields()["reason"].GetStringValue() != "caller pressed 0" {
		t.Errorf("0 got %v, %v", end.event, end.err)
	}

	// Webex's side of whole calls, four at once, and its judgement.
	code, out, errs := cli(t, "call", "--addr", p.addr, "--all", "--agent", "python")
	if code != 0 {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
	for _, script := range []string{"03-utterance-chunks", "05-voice-barge-in", "08-no-input", "09-transfer", "10-host-ends", "12-custom-event"} {
		if !strings.Contains(out, "passed   "+script) {
			t.Errorf("%s did not pass:\n%s", script, out)
		}
	}
	p.stop(t)
	checkGone(t, p)
	if alive(bot.Pid) {
		t.Error("the bot's process outlived its host")
	}
}
