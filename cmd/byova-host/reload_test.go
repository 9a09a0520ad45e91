//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/byova-host/byova-host/host/admin"
)

// configured is a host with a configuration file that changes.
type configured struct {
	*process
	t    *testing.T
	file string
}

// serveConfig starts a host with echo and what else a file says.
func serveConfig(t *testing.T, text string, args ...string) *configured {
	t.Helper()
	file := hostFile(t, text)
	c := &configured{start(t, runtimeDir(t), append([]string{"--config", file}, args...)...), t, file}
	if c.addr == "" {
		<-c.exited
		t.Fatalf("the host did not start: %v\n%s", c.err, c.log)
	}
	return c
}

// write puts another text into the file.
func (c *configured) write(text string) {
	c.t.Helper()
	if err := os.WriteFile(c.file+".new", []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
	if err := os.Rename(c.file+".new", c.file); err != nil {
		c.t.Fatal(err)
	}
}

func (c *configured) hangUp() {
	c.t.Helper()
	if err := c.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		c.t.Fatal(err)
	}
}

// reload has the host read another text, and returns what it says.
func (c *configured) reload(text string) (said string) {
	c.t.Helper()
	c.write(text)
	before := len(c.log.String())
	c.hangUp()
	eventually(c.t, 20*time.Second, "the host has reloaded or says why not", func() bool {
		said = c.log.String()[before:]
		return strings.Contains(said, "reloaded") && strings.HasSuffix(said, "\n")
	})
	return said
}

// plugin is what the host says of one; its Pid is 0 if there is none.
func (c *configured) plugin(name string) admin.Plugin {
	c.t.Helper()
	c.t.Setenv("XDG_RUNTIME_DIR", c.runtime)
	code, out, errs := cli(c.t, "plugins", "list", "--json")
	var plugins []admin.Plugin
	if err := json.Unmarshal([]byte(out), &plugins); err != nil || code != 0 {
		c.t.Fatalf("exit %d, %v\n%s%s", code, err, out, errs)
	}
	for _, p := range plugins {
		if p.Name == name && p.State == "running" {
			return p
		}
	}
	return admin.Plugin{}
}

// inWAV says whether a new call is answered with WAV files.
func inWAV(t *testing.T, s *stranger, conversation string) bool {
	t.Helper()
	got, err := s.exchange(s.event(conversation, sessionStart))
	if err != nil {
		t.Fatal(err)
	}
	return strings.HasPrefix(string(audioOf(got)), "RIFF")
}

func TestReload(t *testing.T) {
	echo := fmt.Sprintf("plugins:\n  echo: {path: %s}\n", echoBinary)
	bot := fmt.Sprintf("  bot: {path: %s, settings: {tone: %%d}}\n", testbotBinary)
	c := serveConfig(t, echo)
	s := dial(t, c.addr)
	s.greet("old")
	before := c.plugin("echo").Pid

	said := c.reload("listen: 127.0.0.1:1\nlog: {level: debug, json: true}\ncalls: {answers: wav}\n" + echo + fmt.Sprintf(bot, 500))
	for _, want := range []string{
		`reloaded: changed="log.level calls.answers plugins.bot"`, // the flag counts before listen
		`these count from the next start on: changed=log.json`,
	} {
		if !strings.Contains(said, want) {
			t.Errorf("the log lacks %s:\n%s", want, said)
		}
	}
	if !inWAV(t, s, "new") {
		t.Error("a new call is treated as before")
	}
	if got, err := s.exchange(s.digits("old", 1)); err != nil || strings.HasPrefix(string(audioOf(got)), "RIFF") {
		t.Errorf("the call from before got %d bytes, %v", len(audioOf(got)), err)
	}
	if !strings.Contains(c.log.String(), "[DEBUG]") {
		t.Error("the level of the log is as before")
	}
	first := c.plugin("bot").Pid
	if first == 0 {
		t.Fatal("the new plugin does not run")
	}
	if said := c.reload("calls: {answers: wav}\n" + echo + fmt.Sprintf(bot, 600)); !strings.Contains(said, `changed="log.level plugins.bot.settings"`) {
		t.Errorf("other settings: %s", said)
	}
	quiet := len(c.log.String())
	if _, err := s.exchange(s.digits("old", 1)); err != nil {
		t.Error(err)
	}
	if second := c.plugin("bot").Pid; second == first || second == 0 {
		t.Errorf("the process with other settings is %d, before %d", second, first)
	}
	eventually(t, 5*time.Second, "the old process ends", func() bool { return !alive(first) })
	if text := scrape(t, c.process); !strings.Contains(text, `byova_plugin_swaps_total{outcome="done",plugin="bot"} 1`) {
		t.Errorf("the swap is not counted in\n%s", text)
	}
	if said := c.reload(echo); !strings.Contains(said, `changed="calls.answers plugins.bot"`) || c.plugin("bot").Pid != 0 {
		t.Errorf("without the plugin: %s", said)
	}
	if said := c.reload(echo); !strings.Contains(said, `reloaded: changed=""`) {
		t.Errorf("the same again: %s", said)
	}
	if now := c.plugin("echo").Pid; now != before {
		t.Errorf("echo was restarted: %d, before %d", now, before)
	}
	for _, call := range []string{"old", "new"} {
		if _, err := s.exchange(s.event(call, sessionEnd)); err != nil {
			t.Error(err)
		}
	}
	if strings.Contains(c.log.String()[quiet:], "[DEBUG]") {
		t.Error("the level of the log has not come back")
	}
	c.stop(t)
	checkGone(t, c.process)
}

// TestReloadRefused: what is wrong is said, all of it, and nothing changes.
func TestReloadRefused(t *testing.T) {
	echo := fmt.Sprintf("plugins:\n  echo: {path: %s}\n", echoBinary)
	wav := "calls: {answers: wav}\n"
	c := serveConfig(t, echo)
	before := c.plugin("echo")
	s := dial(t, c.addr)
	for name, test := range map[string]struct {
		text string
		says []string
	}{
		"a file that is wrong in two places": {wav + "log: {level: loud}\n" + echo + "  other: {path: /none}\n", []string{
			c.file + ":2: log.level: ", c.file + ":5: plugins.other.path: /none: no such file"}},
		"no YAML":                   {wav + "log: {\n", []string{c.file + ":2: no valid YAML"}},
		"no plugin":                 {wav, []string{"no plugin: name one"}},
		"a plugin that is none":     {wav + echo + "  other: {path: /bin/true}\n", []string{"/bin/true", "handshake"}},
		"settings that it refuses":  {wav + strings.Replace(echo, "}", ", settings: {colour: red}}", 1), []string{"takes no settings"}},
		"an agent that is there":    {wav + echo + fmt.Sprintf("  second: {path: %s}\n", echoBinary), []string{"both offer virtual agent"}},
		"another pin than the file": {wav + strings.Replace(echo, "}", ", sha256: "+strings.Repeat("0", 64)+"}", 1), []string{":3: plugins.echo.sha256: " + echoBinary + " has the sum"}},
	} {
		said := c.reload(test.text)
		for _, want := range append(test.says, "not reloaded") {
			if !strings.Contains(said, want) {
				t.Errorf("%s: the log lacks %q:\n%s", name, want, said)
			}
		}
		if inWAV(t, s, name) {
			t.Errorf("%s: calls are treated otherwise", name)
		}
		if now := c.plugin("echo"); now.Pid != before.Pid {
			t.Errorf("%s: echo was restarted", name)
		}
		if _, err := s.exchange(s.event(name, sessionEnd)); err != nil {
			t.Error(err)
		}
	}
	if text := scrape(t, c.process); !strings.Contains(text, `byova_plugin_swaps_total{outcome="failed",plugin="echo"} 1`) {
		t.Errorf("the swap that failed is not counted in\n%s", text)
	}
	c.stop(t)
	checkGone(t, c.process)
}

// TestReloadStorm: many at once do what the last one would, and none ends the host,
// not even while it drains.
func TestReloadStorm(t *testing.T) {
	text := fmt.Sprintf("plugins:\n  echo: {path: %s}\n  bot: {path: %s, settings: {tone: %%d}}\n", echoBinary, testbotBinary)
	c := serveConfig(t, fmt.Sprintf(text, 300))
	s := dial(t, c.addr)
	s.greet("c1")
	const signals = 100
	for i := range signals {
		c.write(fmt.Sprintf(text, 400+i/50) + fmt.Sprintf("limits: {sessions: %d}\n", 1+i%7))
		c.hangUp()
	}
	if said := c.reload(fmt.Sprintf(text, 500) + "limits: {sessions: 1}\n"); strings.Contains(said, "not reloaded") {
		t.Errorf("a reload failed:\n%s", said)
	}
	eventually(t, 20*time.Second, "the last one counts", func() bool {
		_, err := s.exchange(s.event("c2", sessionStart))
		if err == nil {
			_, err = s.exchange(s.event("c2", sessionEnd))
			return err != nil
		}
		return strings.Contains(err.Error(), "ResourceExhausted")
	})
	if n := strings.Count(c.log.String(), "reloaded: "); n < 1 || n > signals+1 {
		t.Errorf("%d reloads at %d signals", n, signals+1)
	}
	c.signal(t)
	for range 10 {
		c.hangUp()
	}
	if got, err := s.exchange(s.digits("c1", 1)); err != nil || len(audioOf(got)) == 0 {
		t.Errorf("the live call got %v, %v", got, err)
	}
	if _, err := s.exchange(s.event("c1", sessionEnd)); err != nil {
		t.Error(err)
	}
	if code := c.wait(t, 20*time.Second); code != 0 {
		t.Errorf("exit %d", code)
	}
	checkGone(t, c.process)
}

// TestServeWatch: a build swaps the plugin and its call goes on; one that is broken
// does not.
func TestServeWatch(t *testing.T) {
	echo := filepath.Join(t.TempDir(), "echo")
	build := func(flags string) {
		t.Helper()
		if out, err := exec.Command("go", "build", "-ldflags", flags, "-o", echo, "../../plugins/echo").CombinedOutput(); err != nil {
			t.Fatalf("build echo: %v\n%s", err, out)
		}
	}
	build("-s")
	c := &configured{start(t, runtimeDir(t), "--plugin", echo, "--watch"), t, ""}
	if c.addr == "" {
		t.Fatalf("the host did not start\n%s", c.log)
	}
	says := func(what string) {
		t.Helper()
		eventually(t, 20*time.Second, "the log says "+what, func() bool { return strings.Contains(c.log.String(), what) })
	}
	s := dial(t, c.addr)
	s.greet("c1")
	if _, err := s.exchange(s.digits("c1", 5)); err != nil {
		t.Fatal(err)
	}
	first := c.plugin("echo").Pid
	build("-w -s")
	says("swapped, the program has changed: plugin=echo generation=2")
	second := c.plugin("echo").Pid
	if second == first || second == 0 {
		t.Fatalf("process %d, before %d", second, first)
	}
	eventually(t, 5*time.Second, "the old process ends", func() bool { return !alive(first) })
	if err := os.WriteFile(echo, []byte("#!/bin/sh\necho no plugin\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	says("not swapped, the old one stays: plugin=echo error=")
	if now := c.plugin("echo").Pid; now != second {
		t.Errorf("process %d, before %d", now, second)
	}
	got, err := s.exchange(s.digits("c1", 8))
	if err != nil {
		t.Fatal(err)
	}
	checkTones(t, audioOf(got), "1") // an entry before this one: the call went along
	if _, err := s.exchange(s.event("c1", sessionEnd)); err != nil {
		t.Error(err)
	}
	c.stop(t)
	checkGone(t, c.process)
}

// TestPluginKeys: what the file says of a plugin is what the supervisor does.
func TestPluginKeys(t *testing.T) {
	dir := t.TempDir()
	echo := filepath.Join(dir, "echo")
	if err := os.WriteFile(echo, readFile(t, echoBinary), 0o755); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("plugin_lock: %s/lock\nplugin_dir: %s/copies\nplugins:\n  echo: {path: %s, sessions: 1}\n", dir, dir, echo)
	c := serveConfig(t, text)
	sum := c.plugin("echo").SHA256
	if copies, err := filepath.Glob(dir + "/copies/run-*/echo-*"); err != nil || len(copies) != 1 {
		t.Errorf("copies %v, %v", copies, err)
	}
	if lock := string(readFile(t, dir+"/lock")); len(sum) != 64 || !strings.Contains(lock, sum) {
		t.Errorf("%s is not in the lock file:\n%s", sum, lock)
	}
	s := dial(t, c.addr)
	s.greet("c1")
	if _, err := s.exchange(s.event("c2", sessionStart)); err == nil || !strings.Contains(err.Error(), "ResourceExhausted") {
		t.Errorf("a second call got %v", err)
	}
	if _, err := s.exchange(s.event("c1", sessionEnd)); err != nil {
		t.Error(err)
	}
	c.reload(strings.Replace(text, "sessions: 1", "orgs: [another]", 1))
	if _, err := s.exchange(s.event("c3", sessionStart)); err == nil || !strings.Contains(err.Error(), "NotFound") {
		t.Errorf("another organisation got %v", err)
	}
	c.stop(t)
	checkGone(t, c.process)
	if left, err := filepath.Glob(dir + "/copies/run-*"); err != nil || len(left) != 0 {
		t.Errorf("the host left %v, %v", left, err)
	}
	if err := os.WriteFile(echo, append(readFile(t, echo), 0), 0o755); err != nil {
		t.Fatal(err)
	}
	p := start(t, runtimeDir(t), "--config", c.file)
	if code := p.wait(t, 15*time.Second); code != 1 || !strings.Contains(p.log.String(), dir+"/lock") {
		t.Errorf("with another program: exit %d\n%s", code, p.log)
	}
}
