//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/hashicorp/go-hclog"

	"github.com/byova-host/byova-host/host/config"
)

// hostFile writes a configuration into a directory of its own.
func hostFile(t *testing.T, text string) string {
	t.Helper()
	return writeFile(t, "host.yaml", []byte(text))
}

// serveFile starts a host with a configuration beside the echo plugin, and expects
// it to come up.
func serveFile(t *testing.T, text string, args ...string) *process {
	t.Helper()
	p := start(t, runtimeDir(t), append([]string{"--config", hostFile(t, text), "--plugin", echoBinary}, args...)...)
	if p.addr == "" {
		<-p.exited
		t.Fatalf("the host did not start: %v\n%s", p.err, p.log)
	}
	return p
}

// TestCheck: all problems, each with its place, and an exit code that scripts can
// rely on.
func TestCheck(t *testing.T) {
	t.Setenv("A_PORT", "99999")
	t.Setenv("PATH", t.TempDir()) // no program is installed that speaks
	const clipsAlone = "FILE:1: speech: warning: only recorded speech is there, which has few words and is English: " +
		"install espeak-ng or flite, or set speech.openai.url, for bots that say other things"
	good := fmt.Sprintf("verify_tokens: false\nplugins: {echo: {path: %s}}\n", echoBinary)
	prompts := t.TempDir()
	if err := os.WriteFile(filepath.Join(prompts, "Good Morning.wav"), []byte("RIFF"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, text string
		code       int
		says       []string // lines; FILE stands for the file
	}{
		{"good", good, 0, []string{clipsAlone, "FILE: ok"}},
		{"texts that Webex speaks", good + "calls: {text: {by: webex}}\n", 0, []string{"FILE: ok"}},
		{"an engine that is not there", good + "speech: {engines: [espeak-ng]}\n", 0, []string{
			"FILE:1: speech: warning: speech engine espeak-ng is not there: install espeak-ng",
			"FILE:1: speech: warning: no speech engine is there: what bots say as text is not spoken", "FILE: ok",
		}},
		{"recorded prompts that nobody will hear", good + "speech: {recorded: " + prompts + "}\n", 0, []string{
			"FILE:1: speech: warning: recorded prompt " + prompts + "/Good Morning.wav: no text finds it: a file is named by what it says, as good-morning.wav",
			"FILE:1: speech: warning: recorded prompt " + prompts + "/Good Morning.wav cannot be played: the WAV file is shorter than it says: it broke off",
			clipsAlone, "FILE: ok",
		}},
		{"an engine that there is not", good + "speech: {engines: [sam]}\n", 1, []string{
			`FILE:3: speech.engines[0]: "sam" is no speech engine: write one of recorded, openai, espeak-ng, flite, clips`}},
		{"a service that is not named", good + "speech: {engines: [openai]}\n", 1, []string{"FILE:3: speech.engines: names openai, and speech.openai.url is not set"}},
		{"tokens", strings.TrimPrefix(good, "verify_tokens: false\n"), 0,
			[]string{"FILE:1: verify_tokens: warning: without byods.store.dir no data source is known, and every call is refused: set it, or let everybody in with false here or --verify-tokens=false", clipsAlone, "FILE: ok"}},
		{"nothing", "verify_tokens: false", 0, []string{clipsAlone, "FILE:1: plugins: warning: names no plugin: serve needs --plugin PATH then", "FILE: ok"}},
		{"bad", "listen: localhost:${A_PORT}\nlimits:\n  idel: 3m\nplugins:\n  echo: {path: /none}\nverify_tokens: false", 1, []string{
			`FILE:1: listen: "localhost:99999" is no address: "99999" is no port: write a number from 0 to 65535`,
			`FILE:3: limits.idel: unknown key: did you mean "idle"?`,
			"FILE:5: plugins.echo.path: /none: no such file or directory: name a file that is there",
		}},
	}
	for _, test := range tests {
		file := hostFile(t, test.text)
		code, out, errs := cli(t, "check", "--config", file)
		got := strings.Split(strings.TrimSpace(strings.ReplaceAll(out, file, "FILE")), "\n")
		if code != test.code || !slices.Equal(got, test.says) || (errs == "") != (code == 0) {
			t.Errorf("%s: exit %d\n%s\n%s\nwant %d\n%s", test.name, code, strings.Join(got, "\n"), errs, test.code, strings.Join(test.says, "\n"))
		}
		if test.code == 0 {
			continue
		}
		// serve says the same and does not start.
		p := start(t, runtimeDir(t), "--config", file)
		if code := p.wait(t, 10*time.Second); code != 1 || p.addr != "" || !strings.Contains(p.log.String(), strings.TrimSpace(out)) {
			t.Errorf("%s: serve exits with %d and says\n%s\nwant\n%s", test.name, code, p.log, out)
		}
	}
	if code, _, errs := cli(t, "check"); code != 2 || !strings.Contains(errs, "--config") {
		t.Errorf("without a file: exit %d, %s", code, errs)
	}
	for _, command := range []string{"check", "serve"} {
		if code, _, errs := cli(t, command, "--config", ""); code != 2 || !strings.Contains(errs, "--config: names no file") {
			t.Errorf("%s without the file's name: exit %d, %s", command, code, errs)
		}
	}
	if code, out, _ := cli(t, "check", "--config", "/none.yaml"); code != 1 || !strings.Contains(out, "/none.yaml:1: /none.yaml: no such file") {
		t.Errorf("with no such file: exit %d, %s", code, out)
	}
}

// TestOrder: a flag counts before the environment, that before the file, that
// before the default.
func TestOrder(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "echo")
	if err := os.Symlink(echoBinary, other); err != nil {
		t.Fatal(err)
	}
	file := hostFile(t, fmt.Sprintf("listen: 10.0.0.1:1\nadmin: 127.0.0.1:2\nlog: {level: error}\nplugins:\n"+
		"  slow: {path: %s, log: warn}\n  echo: {path: %s, settings: {a: b}}\n", echoBinary, echoBinary))
	plugin := func(name, path string, log hclog.Level, settings map[string]any) config.Plugin {
		p := config.DefaultPlugin(name, path)
		p.Log, p.Settings = log, settings
		return p
	}
	plugins := func(slow, echo hclog.Level, path string) []config.Plugin {
		return []config.Plugin{plugin("slow", echoBinary, slow, nil), plugin("echo", path, echo, map[string]any{"a": "b"})}
	}
	tests := []struct {
		name    string
		environ []string
		args    []string
		change  func(*config.Config) // from the defaults
	}{
		{"nothing", nil, nil, func(*config.Config) {}},
		{"environment", []string{"WEBEX_MEDIA_PORT=5", "WEBEX_MEDIA_VERIFY_TOKENS=0"}, nil,
			func(c *config.Config) { c.Listen, c.VerifyTokens = "127.0.0.1:5", false }},
		{"file", nil, []string{"--config", file}, func(c *config.Config) {
			c.Listen, c.Admin, c.Log.Level, c.Plugins = "10.0.0.1:1", "127.0.0.1:2", hclog.Error, plugins(hclog.Warn, hclog.Info, echoBinary)
		}},
		{"environment above file", []string{"WEBEX_MEDIA_PORT=5", "WEBEX_MEDIA_LOG_LEVEL=DEBUG"}, []string{"--config", file}, func(c *config.Config) {
			c.Listen, c.Admin, c.Log.Level, c.Plugins = "10.0.0.1:5", "127.0.0.1:2", hclog.Debug, plugins(hclog.Warn, hclog.Info, echoBinary)
		}},
		{"flags above all", []string{"WEBEX_MEDIA_PORT=5", "WEBEX_MEDIA_VERIFY_TOKENS=1"},
			[]string{"--config", file, "--listen", ":7", "--admin", "unix:///x", "--verify-tokens=false", "--plugin", other, "--plugin", "/other.exe", "--plugin-log", "trace"},
			func(c *config.Config) {
				c.Listen, c.Admin, c.VerifyTokens, c.Log.Level = ":7", "unix:///x", false, hclog.Error
				c.Plugins = append(plugins(hclog.Trace, hclog.Trace, other), plugin("other", "/other.exe", hclog.Trace, nil))
			}},
	}
	for _, test := range tests {
		var all commands
		parser, err := kong.New(&all, kong.Vars{"listen": "x"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parser.Parse(append([]string{"serve"}, test.args...)); err != nil {
			t.Fatal(err)
		}
		got, problems := config.Load(string(all.Serve.Config), test.environ)
		if config.Broken(problems) {
			t.Fatal(problems)
		}
		all.Serve.override(&got)
		want := config.Default()
		test.change(&want)
		if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != w {
			t.Errorf("%s:\n%s\nwant\n%s", test.name, g, w)
		}
	}
}

// TestConfiguredHost: what the file says is what the program does.
func TestConfiguredHost(t *testing.T) {
	t.Setenv("WEBEX_MEDIA_SAMPLE_RATE", "16000")
	p := serveFile(t, `
log: {json: true}
unknown_calls: reject
limits: {sessions: 1}
agents:
  echo: {answers: wav}
  nobody: {answers: wav}
`)
	s := dial(t, p.addr)
	if _, err := s.exchange(s.digits("c0", 1)); err == nil || !strings.Contains(err.Error(), "FailedPrecondition") {
		t.Errorf("an unknown call got %v", err)
	}
	greeting, err := s.exchange(s.event("c1", sessionStart))
	if err != nil || len(greeting) != 1 || !strings.HasPrefix(string(audioOf(greeting)), "RIFF") {
		t.Errorf("the greeting is %v, %v, want one WAV file", greeting, err)
	}
	if _, err := s.exchange(s.event("c2", sessionStart)); err == nil || !strings.Contains(err.Error(), "ResourceExhausted") {
		t.Errorf("a second call got %v", err)
	}
	if _, err := s.exchange(s.event("c1", sessionEnd)); err != nil {
		t.Error(err)
	}
	p.stop(t)
	var warned []string
	for line := range strings.Lines(p.log.String()) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("not JSON: %s", line)
		}
		if entry["@level"] == "warn" {
			warned = append(warned, line)
		}
	}
	all := strings.Join(warned, "")
	for _, want := range []string{`"agent":"nobody"`, "WEBEX_MEDIA_SAMPLE_RATE: warning: sets nothing here", "tokens are not verified"} {
		if strings.Count(all, want) != 1 {
			t.Errorf("the warnings lack %s:\n%s", want, all)
		}
	}
	if strings.Contains(all, `"agent":"echo"`) {
		t.Errorf("warned of an agent that is there:\n%s", all)
	}
}

// TestPluginSettings: they reach the plugin, which says what it does not take.
func TestPluginSettings(t *testing.T) {
	file := hostFile(t, fmt.Sprintf("plugins:\n  echo: {path: %s, settings: {colour: hunter2}}\n", echoBinary))
	p := start(t, runtimeDir(t), "--config", file)
	if code := p.wait(t, 15*time.Second); code != 1 || !strings.Contains(p.log.String(), "colour") || !strings.Contains(p.log.String(), "takes no settings") {
		t.Errorf("exit %d, which says\n%s", code, p.log)
	}
	if strings.Contains(p.log.String(), "hunter2") {
		t.Errorf("the log has a setting:\n%s", p.log)
	}
	checkGone(t, p)
}
