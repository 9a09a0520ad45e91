//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

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

// TestPythonOutlived: a call goes on with its count when its process is killed, and
// when another takes over.
func TestPythonOutlived(t *testing.T) {
	p := servePython(t)
	call := newPhone(t, p.addr, "python")
	call.start()
	call.press("5")
	for i, how := range []string{"kill", "move", "kill"} {
		count := strconv.Itoa(i + 1)
		beside := newPhone(t, p.addr, "python")
		beside.id += count
		beside.start()
		tone := beside.press(count).audio
		beside.hangUp()
		bot := onlyPlugin(t, p)
		if how == "kill" {
			if err := syscall.Kill(bot.Pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		} else if code, out, errs := cli(t, "plugins", "swap", bot.Name, bot.Path, "--policy", "move"); code != 0 {
			t.Fatalf("swap: exit %d\n%s%s", code, out, errs)
		}
		// Behind a filler, where the start took its time.
		if h := call.press("8"); h.err != nil || len(tone) != 200*8 || !bytes.HasSuffix(h.audio, tone) {
			t.Errorf("after a %s: %d bytes, event %v, %v; want the tone of %s", how, len(h.audio), h.event, h.err, count)
		}
		awaitOther(t, p, bot.Pid)
	}
}

// awaitOther waits until another process than this one has all of the host's calls.
func awaitOther(t *testing.T, p *process, pid int) {
	t.Helper()
	for limit := time.Now().Add(10 * time.Second); alive(pid); {
		if time.Now().After(limit) {
			t.Fatalf("process %d has not ended", pid)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if bot := onlyPlugin(t, p); bot.Pid == pid || bot.State != "running" {
		t.Errorf("the bot is %+v", bot)
	}
}
