//go:build unix

package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/byova-host/byova-host/internal/logtest"
	"github.com/byova-host/byova-host/sdk/plugin/plugintest"
)

// TestVerify: the verdict in words, as JSON, and as the exit code.
func TestVerify(t *testing.T) {
	t.Parallel()
	code, out, errs := cli(t, "plugins", "verify", echoBinary)
	if code != 0 || !strings.Contains(out, "kept     answers speech") || !strings.Contains(out, "verdict  echo 1.0.0: ") {
		t.Errorf("echo: exit %d\n%s%s", code, out, errs)
	}
	bad := filepath.Join(t.TempDir(), "bad")
	if err := os.WriteFile(bad, []byte("#!/bin/sh\necho hello\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	code, out, errs = cli(t, "plugins", "verify", "--json", bad)
	var report plugintest.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != 1 || len(report.Checks) != 1 || report.Checks[0].Outcome != plugintest.Broken {
		t.Errorf("a program that is no plugin: exit %d, %v\n%s%s", code, err, out, errs)
	}
}

// TestVerifySettings: a plugin that needs settings gets those of its section.
func TestVerifySettings(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "byova.yaml")
	text := "plugins:\n  echo:\n    path: " + echoBinary + "\n    settings: {misspelt: 1}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, _ := cli(t, "plugins", "verify", "--config", file, echoBinary); code != 1 || !strings.Contains(out, "misspelt") {
		t.Errorf("wrong settings: exit %d\n%s", code, out)
	}
	if code, _, errs := cli(t, "plugins", "verify", "--config", file, hostBinary); code != 1 || !strings.Contains(errs, `has no plugin "byova-host"`) {
		t.Errorf("no section: exit %d\n%s", code, errs)
	}
}

// TestCallPlugin: one command calls a plugin, on a host of its own of which nothing is left.
func TestCallPlugin(t *testing.T) {
	t.Parallel()
	record := filepath.Join(t.TempDir(), "call.wav")
	code, out, errs := cli(t, "call", "--plugin", echoBinary, "--record", record)
	if code != 0 || !strings.Contains(out, "verdict  ok") {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
	if done := regexp.MustCompile(`(?m)^\+\d\.\d{3}s +bot +done$`); len(done.FindAllString(out, -1)) != 2 {
		t.Errorf("what the bot did is not told:\n%s", out)
	}
	if readWAV(t, record).Channels != 2 {
		t.Error("the call was not recorded")
	}
	for _, test := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"call", "--plugin", testbotBinary, "--agent", "crash"}, 1, "the host took the call from the bot: the bot failed: panic"},
		{[]string{"call", "--plugin", testbotBinary, "--agent", "crash", "--json"}, 1, "the host took the call from the bot"},
		{[]string{"call", "--plugin", echoBinary, "--agent", "eco"}, 1, `byova-host: call: the server does not offer virtual agent "eco": unknown virtual agent "eco": this host has echo` + "\n"},
		{[]string{"call", "--addr", "127.0.0.1:1"}, 1, "call a plugin with --plugin PATH"},
		{[]string{"call", "--plugin", "no/such"}, 1, "no/such"},
		{[]string{"call", "--plugin", echoBinary, "--tls"}, 2, "no TLS"},
		{[]string{"call", "--plugin", echoBinary, "--dtmf", "x"}, 2, "not a key"},
		{[]string{"call", "--plugin", echoBinary, "--addr", "127.0.0.1:1"}, 2, "--addr"},
		{[]string{"call", "--addr", "127.0.0.1:1", "--config", "../../examples/config/minimal.yaml"}, 2, "--addr and --config"},
		{[]string{"call", "--trace", "--calls", "2"}, 2, "--trace is for a single call"},
		{[]string{"call", "--trace", "--all"}, 2, "--trace is for a single call"},
		{[]string{"call", "--plugin-log", "debug"}, 2, "--plugin-log goes with"},
	} {
		if code, out, errs := cli(t, test.args...); code != test.code || !strings.Contains(errs, test.says) {
			t.Errorf("%v: exit %d, want %d that says %q:\n%s%s", test.args, code, test.code, test.says, out, errs)
		}
	}
}

// TestPatience: a call waits for an answer for as long as it was told.
func TestPatience(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--patience", "1s", "--limit", "20s"}, 1, "was not completed within 1s"},
		{[]string{"--patience", "20s", "--limit", "1s"}, 1, "over its limit of 1s"},
		{[]string{"--patience", "0s"}, 2, "--patience 0s: want more than nothing"},
	} {
		args := append([]string{"call", "--plugin", testbotBinary, "--agent", "mute"}, test.args...)
		if code, out, errs := cli(t, args...); code != test.code || !strings.Contains(errs, test.says) {
			t.Errorf("%v: exit %d, want %d that says %q:\n%s%s", args, code, test.code, test.says, out, errs)
		}
	}
}

// TestCallGivenUp: whoever ends a call whose plugin does not start does not wait for that.
func TestCallGivenUp(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	slow, begun := filepath.Join(dir, "slow"), filepath.Join(dir, "begun")
	if err := os.WriteFile(slow, []byte("#!/bin/sh\n: > "+begun+"\nexec sleep 60\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, giveUp := context.WithCancel(t.Context())
	var errs logtest.Log
	ended := make(chan int)
	go func() { ended <- run(ctx, []string{"call", "--plugin", slow}, io.Discard, &errs) }()
	eventually(t, 20*time.Second, "the plugin runs", func() bool { _, err := os.Stat(begun); return err == nil })
	giveUp()
	if code, said := <-ended, errs.String(); code != 1 || !strings.Contains(said, "given up while waiting for its handshake") {
		t.Errorf("exit %d\n%s", code, said)
	}
}

// TestNew: what is written is called as its README says.
func TestNew(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "mybot")
	code, out, errs := cli(t, "new", dir)
	if code != 0 || !strings.Contains(out, "make run") {
		t.Fatalf("exit %d\n%s%s", code, out, errs)
	}
	command := exec.CommandContext(t.Context(), "make", "run")
	command.Dir = dir
	if out, err := command.CombinedOutput(); err != nil || !strings.Contains(string(out), "verdict  ok") {
		t.Errorf("make run: %v\n%s", err, out)
	}
	for _, test := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"new", dir}, 1, "is not empty"},
		{[]string{"new", filepath.Join(t.TempDir(), "b"), "--template", "magic"}, 2, `one of "turn","event","streaming"`},
		{[]string{"new", filepath.Join(t.TempDir(), "b"), "--sdk", dir}, 2, "there is no go.mod of"},
	} {
		if code, _, errs := cli(t, test.args...); code != test.code || !strings.Contains(errs, test.says) {
			t.Errorf("%v: exit %d, want %d that says %q:\n%s", test.args, code, test.code, test.says, errs)
		}
	}
}

// TestAttach: a host takes a bot that somebody else runs, and finds it again when it was
// started anew.
func TestAttach(t *testing.T) {
	socket := filepath.Join(runtimeDir(t), "bot.sock")
	bot := func() *exec.Cmd {
		command := exec.Command(echoBinary)
		command.Env = append(os.Environ(), "BYOVA_PLUGIN_LISTEN=unix://"+socket)
		command.Stderr = os.Stderr
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = command.Process.Kill(); _ = command.Wait() })
		eventually(t, 10*time.Second, "the bot listens", func() bool { _, err := os.Stat(socket); return err == nil })
		return command
	}
	none := start(t, runtimeDir(t), "--plugin", "unix://"+socket)
	if code := none.wait(t, 20*time.Second); code != 1 || !strings.Contains(none.log.String(), "BYOVA_PLUGIN_LISTEN=unix://"+socket) {
		t.Errorf("without the bot: exit %d\n%s", code, none.log)
	}
	first := bot()
	p := start(t, runtimeDir(t), "--watch", "--plugin", "unix://"+socket)
	if p.addr == "" {
		t.Fatalf("the host did not start\n%s", p.log)
	}
	call := func() {
		t.Helper()
		if code, out, errs := cli(t, "call", "--addr", p.addr, "--agent", "echo", "--dtmf", "5"); code != 0 {
			t.Errorf("call: exit %d\n%s%s", code, out, errs)
		}
	}
	call()
	_ = first.Process.Kill()
	_ = first.Wait()
	_ = os.Remove(socket)
	bot()
	eventually(t, 20*time.Second, "the host is attached again", func() bool { return strings.Contains(p.log.String(), "plugin is back") })
	call()
	if plugin := onlyPlugin(t, p); plugin.Name != "bot" || plugin.Path != "unix://"+socket || plugin.Restarts != 1 {
		t.Errorf("the list has %+v", plugin)
	}
	p.stop(t)
}

// TestNamelessBot: the agent of a bot that says no name is called as the host calls the
// plugin, also when a program in another file has taken its place.
func TestNamelessBot(t *testing.T) {
	dir := t.TempDir()
	for _, file := range []string{"first", "first-v2"} {
		if err := build([]string{"-o", filepath.Join(dir, file), "../../examples/first-plugin"}); err != nil {
			t.Fatal(err)
		}
	}
	p := start(t, runtimeDir(t), "--plugin", filepath.Join(dir, "first"))
	if p.addr == "" {
		t.Fatalf("the host did not start\n%s", p.log)
	}
	t.Setenv("XDG_RUNTIME_DIR", p.runtime)
	for _, act := range [][]string{{"plugins", "swap", "first", filepath.Join(dir, "first-v2")}, {"plugins", "list"}} {
		if code, out, errs := cli(t, "call", "--addr", p.addr, "--agent", "first", "--dtmf", "0"); code != 0 {
			t.Errorf("before %v: exit %d\n%s%s", act, code, out, errs)
		}
		if code, out, errs := cli(t, act...); code != 0 || strings.Contains(out, "does not offer") {
			t.Errorf("%v: exit %d\n%s%s", act, code, out, errs)
		}
	}
	p.stop(t)
}

// TestCallTrace: a call to a host that is there shows what its bot does.
func TestCallTrace(t *testing.T) {
	p := start(t, runtimeDir(t), "--watch", "--plugin", echoBinary)
	if p.addr == "" {
		t.Fatalf("the host did not start\n%s", p.log)
	}
	admin := "unix://" + filepath.Join(p.runtime, "byova-host", "admin.sock")
	code, out, errs := cli(t, "call", "--addr", p.addr, "--agent", "echo", "--dtmf", "0", "--trace", "--admin", admin)
	if code != 0 || !strings.Contains(out, `bot    transfer {"metadata":{"reason":"caller pressed 0"}}`) {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
	p.stop(t)
}

// TestRefusedSaid: a text that nothing can speak is told, and where the recording is.
func TestRefusedSaid(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	config, record := filepath.Join(dir, "byova.yaml"), filepath.Join(dir, "call.wav")
	text := "speech: {engines: [clips]}\nplugins:\n  greeter:\n    path: " + filepath.Join(dir, "greeter") + "\n    settings: {greetings: [{text: Fritz the parcel bot}]}\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := build([]string{"-o", filepath.Join(dir, "greeter"), "../../plugins/tts-greeter"}); err != nil {
		t.Fatal(err)
	}
	code, out, errs := cli(t, "call", "--config", config, "--record", record)
	if code != 0 || !strings.Contains(out, "REFUSED  ") || !strings.Contains(out, "recorded "+record) {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
}

// TestAuthorsLog: whoever calls a plugin is told what it logs, and what is wrong.
func TestAuthorsLog(t *testing.T) {
	var lines strings.Builder
	log := authorsLog(&lines)
	log.Info("host")
	log.Named("session").Info("session")
	log.Named("session").With("conversation", "c").Warn("fallback")
	log.Named("plugin").Named("echo").With("plugin", "echo").Info("started")
	log.Named("plugin").Named("echo").Debug("detail")
	var said []string
	for line := range strings.Lines(lines.String()) {
		_, what, _ := strings.Cut(strings.TrimSpace(line), "byova-host.")
		said = append(said, what)
	}
	if got := strings.Join(said, "; "); got != "session: fallback: conversation=c; plugin.echo: started: plugin=echo" {
		t.Errorf("it says %s", got)
	}
}
