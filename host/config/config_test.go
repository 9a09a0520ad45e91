package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/byova-host/byova-host/host/session"
	"github.com/byova-host/byova-host/internal/audio"
)

// files makes files in a directory: the text of each, or what its name asks for.
func files(t testing.TB, all map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, content := range all {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		mode := os.FileMode(0o600)
		if strings.HasPrefix(content, "#!") {
			mode = 0o755
		}
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// A program, and its SHA-256.
const (
	program    = "#!/bin/sh\n"
	programSum = "a8076d3d28d21e02012b20eaf7dbf75409a6277134439025f282e368e3305abf"
)

// sound is a WAV file of 100 ms.
func sound() string {
	return string(audio.AppendWAV(nil, audio.WAV{
		Format: audio.Format{Encoding: audio.MuLaw, Rate: 8000}, Channels: 1, Data: []byte(strings.Repeat("\x55", 800)),
	}))
}

// show gives problems as text, one a line.
func show(problems []Problem) string {
	var b strings.Builder
	for _, p := range problems {
		fmt.Fprintln(&b, p)
	}
	return b.String()
}

func TestReadsAFile(t *testing.T) {
	dir := files(t, map[string]string{
		"bots/echo": program, "bots/other": program, "sorry.wav": sound(), "key": "s3cret\n",
	})
	text := `
listen: 0.0.0.0:${PORT}
admin: unix:///run/byova/admin.sock
shutdown_timeout: 90s
verify_tokens: false
log: {level: debug, json: true}
reflection: true
ping: {listen: "127.0.0.1:8080", service: bots}
limits: {sessions: 200, idle: 5m, cancel_grace: 2s, custom_return: 3m}
unknown_calls: reject
plugin_lock: plugins.lock
plugin_dir: bots
agents:
  # stands before calls, and inherits from it all the same
  other: {answers: wav, input: {terminator: none}, fallback: {prompt: none}}
calls:
  greeting_barge_in: false
  end_of_input: answer
  input: {mode: dtmf, dtmf_length: 4, terminator: "*", no_input: 0s}
  endpointing: {speech_start: 60ms, end_silence: 0.8s}
  filler: {after: 3s}
  max_duration: 0s
  fallback: {action: event, name: broken, metadata: {queue: 7, tags: [a, b]}, prompt: sorry.wav}
plugins:
  other: {path: bots/other}
  echo:
    path: bots/echo
    log: warn
    sha256: "A8076D3D28D21E02012B20EAF7DBF75409A6277134439025F282E368E3305ABF"
    orgs: [org-1, "2"]
    sessions: 50
    swap: move
    drain_timeout: 0s
    cut_after: 30s
    crash_wait: 0s
    standby: true
    breaker: {starts: 2, deaths: 9}
    canary_limit: 0
    limits: {memory: 1536MiB, open_files: 256}
    settings: {key_file: key, model: "$${x}", deep: {on: true, off: null, n: 1.5, at: 2026-01-02}}
`
	config, problems := Read(filepath.Join(dir, "host.yaml"), []byte(text), []string{"PORT=5005"})
	if len(problems) > 0 {
		t.Fatal(show(problems))
	}
	calls := session.DefaultSettings()
	calls.GreetingBargeIn, calls.EndOfInput = false, session.WithAnswer
	calls.Input.Mode, calls.Input.DTMFLength, calls.Input.Terminator, calls.Input.NoInput = session.DTMFOnly, 4, '*', 0
	calls.SpeechStart, calls.Input.EndSilence = 60*time.Millisecond, 800*time.Millisecond
	calls.FillerAfter, calls.MaxDuration = 3*time.Second, 0
	calls.Fallback = session.Fallback{
		Action: session.FallbackCustom, Name: "broken", Prompt: []byte(strings.Repeat("\x55", 800)),
		Metadata: map[string]any{"queue": 7.0, "tags": []any{"a", "b"}},
	}
	other := calls
	other.Answers, other.Input.Terminator, other.Fallback.Prompt = session.WAV, 0, nil
	want := session.Config{
		MaxSessions: 200, Idle: 5 * time.Minute, CancelGrace: 2 * time.Second, CustomReturn: 3 * time.Minute, RejectUnknown: true,
		Calls: &calls, Agents: map[string]session.Settings{"other": other},
	}
	if got := config.Sessions(); !reflect.DeepEqual(got, want) {
		t.Errorf("sessions %+v\nwant %+v", got, want)
	}
	plugins := []Plugin{
		DefaultPlugin("other", filepath.Join(dir, "bots/other")),
		{
			Name: "echo", Path: filepath.Join(dir, "bots/echo"), SHA256: programSum,
			Orgs: []string{"org-1", "2"}, Sessions: 50, Swap: Move, CutAfter: 30 * time.Second, Standby: true,
			Breaker: Breaker{Starts: 2, Deaths: 9}, Memory: 1536 << 20, OpenFiles: 256, Log: hclog.Warn, Settings: map[string]any{
				"key": "s3cret", "model": "${x}", "deep": map[string]any{"on": true, "off": nil, "n": 1.5, "at": "2026-01-02"},
			},
		},
	}
	if !reflect.DeepEqual(config.Plugins, plugins) {
		t.Errorf("plugins %+v\nwant %+v", config.Plugins, plugins)
	}
	config.Calls, config.Agents, config.Plugins, config.BYODS, config.Speech = Calls{}, nil, nil, BYODS{}, Speech{}
	rest := Config{
		Listen: "0.0.0.0:5005", Admin: "unix:///run/byova/admin.sock", Shutdown: 90 * time.Second,
		Log: Log{Level: hclog.Debug, JSON: true}, Reflection: true, Ping: Ping{Listen: "127.0.0.1:8080", Service: "bots"},
		Limits:  Limits{Sessions: 200, Idle: 5 * time.Minute, CancelGrace: 2 * time.Second, CustomReturn: 3 * time.Minute},
		Unknown: Reject, PluginLock: filepath.Join(dir, "plugins.lock"), PluginDir: filepath.Join(dir, "bots"),
	}
	if !reflect.DeepEqual(config, rest) {
		t.Errorf("the rest %+v\nwant %+v", config, rest)
	}
}

// TestNothing: without a file and variables, the defaults hold.
func TestNothing(t *testing.T) {
	for _, text := range []string{"", "\n", "# nothing\n", "---\n", "calls:\nplugins:\n", "{}"} {
		config, problems := Read("host.yaml", []byte("verify_tokens: false\n"+text), nil)
		if strings.HasPrefix(text, "---") || text == "{}" {
			config, problems = Read("host.yaml", []byte(text), nil)
			config.VerifyTokens, problems = false, problems[1:]
		}
		want := Default()
		want.VerifyTokens = false
		if config.Agents != nil || len(problems) > 0 || !reflect.DeepEqual(config, want) {
			t.Errorf("%q: %s%+v", text, show(problems), config)
		}
	}
	calls := session.DefaultSettings()
	if got := Default().Sessions(); !reflect.DeepEqual(got.Calls, &calls) {
		t.Errorf("calls are treated as %+v, want %+v", got.Calls, calls)
	}
}

// TestProblems: each says where it is, what is wrong and what to do.
func TestProblems(t *testing.T) {
	dir := files(t, map[string]string{
		"bot": program, "plain": "text", "text.wav": "no sound", "key": "secret", "open": "secret", "empty.pem": "nothing", "empty": "\n",
		"shared/file": "",
	})
	if err := os.Chmod(filepath.Join(dir, "shared"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "open"), 0o644); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, text, want string }{
		{"tabs", "log:\n\tlevel: info\n", "2: no valid YAML: found character that cannot start any token: indent with spaces instead of tabs"},
		{"a list", "- listen\n", "1: the file is a list, but keys with values are needed: write KEY: VALUE, with a space behind the colon"},
		{"no space", "listen::1\n", "1: the file is a single value, but keys with values are needed: write KEY: VALUE, with a space behind the colon"},
		{"two documents", "listen: :1\n---\nlisten: :2\n", "2: a second document: keep one and remove what follows the line ---"},
		{"unknown key", "listen: :1\nreflecton: true\n", `2: reflecton: unknown key: did you mean "reflection"?`},
		{"unknown below", "calls:\n  input:\n    dtmf_lngth: 3\n", `3: calls.input.dtmf_lngth: unknown key: did you mean "dtmf_length"?`},
		{"in the wrong section", "cert: x\n", "1: cert: unknown key here: did you mean tls.cert?"},
		{"of calls", "endpointing: {}\n", "1: endpointing: unknown key: known here are listen, admin, shutdown_timeout, verify_tokens, log, tls, " +
			"reflection, ping, limits, unknown_calls, plugin_lock, plugin_dir, speech, byods, calls, agents, plugins"},
		{"far from all", "log: {quiet: true}\n", "1: log.quiet: unknown key: known here are level, json"},
		{"twice", "listen: :1\n\nlisten: :2\n", "3: listen: the key stands twice, first in line 1: remove one"},
		{"no value", "listen:\n", "1: listen: has no value, but one value is needed: write it behind the colon, or leave the key out"},
		{"a list for a value", "listen: [a]\n", "1: listen: is a list, but one value is needed: write it behind the colon, or leave the key out"},
		{"a value for a section", "log: debug\n", "1: log: is a single value, but keys with values are needed: write them below it, indented"},
		{"an alias", "listen: &a :1\nadmin: *a\n", "2: admin: is an alias, which is not taken, but one value is needed: write it behind the colon, or leave the key out"},
		{"no unit", "shutdown_timeout: 30\n", `1: shutdown_timeout: "30" has no unit: write 30s or 30ms`},
		{"no duration", "shutdown_timeout: soon\n", `1: shutdown_timeout: "soon" is no duration: write one like 500ms, 1.5s, 10m or 1h`},
		{"below zero", "shutdown_timeout: -1s\n", "1: shutdown_timeout: -1s is out of range: write a duration of 0s to 24h"},
		{"too short", "limits: {idle: 0s}\n", "1: limits.idle: 0s is out of range: write a duration of 10s to 24h"},
		{"too long", "calls: {max_duration: 1000h}\n", "1: calls.max_duration: 1000h is out of range: write a duration of 1s to 168h, or 0s"},
		{"no number", "limits: {sessions: many}\n", `1: limits.sessions: "many" is no whole number: write one from 0 to 1000000`},
		{"number out of range", "calls: {input: {dtmf_length: 0}}\n", "1: calls.input.dtmf_length: 0 is out of range: write a number from 1 to 100"},
		{"no boolean", "reflection: yes\n", `1: reflection: "yes" is neither true nor false: write one of them`},
		{"no such word", "log: {level: warning}\n", `1: log.level: "warning" is not known: write trace, debug, info, warn or error`},
		{"nearly a word", "log: {level: wran}\n", `1: log.level: "wran" is not known: did you mean warn?`},
		{"no key of a telephone", "calls: {input: {terminator: E}}\n",
			`1: calls.input.terminator: is no key: write one of 0 to 9, A to D, "*" or "#" in quotes, or none`},
		{"no address", "listen: 50051\n", `1: listen: "50051" is no address: write host:port, like 127.0.0.1:50051`},
		{"no port", "listen: localhost:http\n", `1: listen: "localhost:http" is no address: "http" is no port: write a number from 0 to 65535`},
		{"two ports", "listen: '[0.0.0.0:1]:2'\n", `1: listen: "[0.0.0.0:1]:2" is no address: "0.0.0.0:1" is no host`},
		{"admin for all", "admin: 0.0.0.0:1\n", `1: admin: admin address "0.0.0.0:1": 0.0.0.0 is not a loopback address: the API has no password`},
		{"one port for two", "listen: 127.0.0.1:1\nping: {listen: '127.0.0.1:1'}\n", "2: ping.listen: 127.0.0.1:1 takes the port of listen, 127.0.0.1:1: choose another"},
		{"one port of all addresses", "listen: :1\nadmin: localhost:1\nping: {listen: '10.0.0.1:2'}\n",
			"2: admin: localhost:1 takes the port of listen, :1: choose another"},
		{"one port by two names", "admin: localhost:1\nping: {listen: '127.0.0.1:1'}\n",
			"2: ping.listen: 127.0.0.1:1 takes the port of admin, localhost:1: choose another"},
		{"ping without a certificate", "ping: {tls: true}\n", "1: ping.tls: stands without tls.cert and tls.key: without them there is no TLS"},
		{"no service", "ping: {service: a/b}\n", `1: ping.service: "a/b" is no part of a URL's path: use letters, digits, - and _`},
		{"cert alone", "tls:\n  cert: plain\n", "2: tls.cert: stands without tls.key: name both or neither"},
		{"key alone", "tls:\n  key: plain\n", "2: tls.key: stands without tls.cert: name both or neither"},
		{"no PEM", "tls:\n  cert: plain\n  key: key\n",
			"2: tls.cert: DIR/plain is no PEM file: it has no line that begins with -----BEGIN: name a PEM file of certificates\n" +
				"3: tls.key: DIR/key is no PEM file: it has no line that begins with -----BEGIN: name the PEM file of the certificate's private key"},
		{"CA alone", "tls: {client_ca: plain}\n", "1: tls.client_ca: stands without tls.cert and tls.key: without them there is no TLS\n" +
			"1: tls.client_ca: DIR/plain is no PEM file: it has no line that begins with -----BEGIN: name a PEM file of certificates"},
		{"names alone", "tls: {client_names: ['*.example.com']}\n",
			"1: tls.client_names: stands without tls.client_ca: without it no client is asked for a certificate"},
		{"no names", "tls: {client_names: []}\n",
			"1: tls.client_names: names nobody, and would let in all: name those who may come in, or leave the key out"},
		{"bad names", "tls:\n  client_names:\n  - a*b\n  - O=\n", `3: tls.client_names[0]: "a*b" is no name: write O=Example, *.example.com or host.example.com` + "\n" +
			`4: tls.client_names[1]: "O=" names no organisation: write O=Example`},
		{"a missing file", "tls: {cert: none.pem, key: plain}\n", "1: tls.cert: DIR/none.pem: no such file or directory: name a file that is there"},
		{"a directory", "plugins: {bot: {path: .}}\n", "1: plugins.bot.path: DIR is a directory: name a file"},
		{"a device", "plugins: {bot: {path: /dev/null}}\n", "1: plugins.bot.path: /dev/null is a pipe or device: name a file"},
		{"no program", "plugins: {bot: {path: plain}}\n", "1: plugins.bot.path: DIR/plain is not executable: make it so with chmod +x"},
		{"no path", "plugins:\n  bot:\n    log: info\n", "2: plugins.bot: has no path: name the program to run with path"},
		{"no name", "plugins:\n  a b: {path: bot}\n", "2: plugins.a b: is no name of a plugin: use letters, digits, - _ and ., 64 at most"},
		{"no sum", "plugins:\n  bot:\n    path: bot\n    sha256: abc\n",
			`4: plugins.bot.sha256: "abc" is no SHA-256: write the 64 hex digits that sha256sum prints`},
		{"another program than the pinned", "plugins:\n  bot:\n    sha256: " + strings.Repeat("0", 64) + "\n    path: bot\n",
			"3: plugins.bot.sha256: DIR/bot has the sum " + programSum + ": write that if it is the program that you mean, or put the right one there"},
		{"organisations", "plugins:\n  a: {path: bot, orgs: []}\n  b: {path: bot, orgs: x}\n  c:\n    path: bot\n    orgs:\n    - ''\n    - \"a\\nb\"\n",
			"2: plugins.a.orgs: names nobody: name the organisations, or leave the key out for all\n" +
				`3: plugins.b.orgs: is a single value, but a list is needed: write ["ORG-ID"]` + "\n" +
				"7: plugins.c.orgs[0]: is empty: write the id of an organisation\n" +
				"8: plugins.c.orgs[1]: has a character that is no text: remove it"},
		{"no policy", "plugins: {bot: {path: bot, swap: kill}}\n", `1: plugins.bot.swap: "kill" is not known: write drain or move`},
		{"times of a plugin", "plugins:\n  bot:\n    path: bot\n    drain_timeout: -1s\n    cut_after: 10ms\n    crash_wait: 2m\n",
			"4: plugins.bot.drain_timeout: -1s is out of range: write a duration of 0s to 24h\n" +
				"5: plugins.bot.cut_after: 10ms is out of range: write a duration of 1s to 24h, or 0s\n" +
				"6: plugins.bot.crash_wait: 2m is out of range: write a duration of 0s to 1m"},
		{"numbers of a plugin", "plugins:\n  bot:\n    path: bot\n    sessions: -1\n    canary_limit: 101\n    breaker:\n      starts: 0\n      deaths: x\n",
			"4: plugins.bot.sessions: -1 is out of range: write a number from 0 to 1000000\n" +
				"5: plugins.bot.canary_limit: 101 is out of range: write a number from 0 to 100\n" +
				"7: plugins.bot.breaker.starts: 0 is out of range: write a number from 1 to 1000\n" +
				`8: plugins.bot.breaker.deaths: "x" is no whole number: write one from 1 to 100000`},
		{"memory without a unit", "plugins: {bot: {path: bot, limits: {memory: 512}}}\n", `1: plugins.bot.limits.memory: "512" has no unit: write 512MiB or 512GiB`},
		{"memory in another unit", "plugins: {bot: {path: bot, limits: {memory: 512MB}}}\n",
			`1: plugins.bot.limits.memory: "512MB" is no size: write a whole number of KiB, MiB, GiB or TiB, like 512MiB`},
		{"too little memory", "plugins: {bot: {path: bot, limits: {memory: 1MiB}}}\n",
			"1: plugins.bot.limits.memory: 1MiB is out of range: write a size of 16MiB to 1TiB, or 0"},
		{"too much memory", "plugins: {bot: {path: bot, limits: {memory: 9223372036854775807TiB}}}\n",
			"1: plugins.bot.limits.memory: 9223372036854775807TiB is out of range: write a size of 16MiB to 1TiB, or 0"},
		{"of a plugin, in the wrong section", "crash_wait: 1s\n", "1: crash_wait: unknown key here: did you mean plugins.NAME.crash_wait?"},
		{"a lock that is a directory", "plugin_lock: .\nplugin_dir: bot\n", "1: plugin_lock: DIR is a directory: name a file\n" +
			"2: plugin_dir: DIR/bot is a file: name a directory"},
		{"a directory for all to write", "plugin_dir: shared\n",
			"1: plugin_dir: all users of this machine can write to DIR/shared: chmod o-w it, they could put their own programs there"},
		{"a lock that cannot be made", "plugin_lock: no/lock\nplugin_dir: no/where\n",
			"1: plugin_lock: DIR/no/lock: there is no directory DIR/no: make it\n2: plugin_dir: DIR/no/where: there is no directory DIR/no: make it"},
		{"no WAV", "calls: {filler: {prompt: text.wav}}\n", "1: calls.filler.prompt: DIR/text.wav is no WAV file that can be played: "},
		{"no variable", "listen: 127.0.0.1:${NOTHING}\n",
			"1: listen: the environment has no variable NOTHING: set it, or write $${NOTHING} for the text itself"},
		{"no name of a variable", "listen: ${A B}\n", "1: listen: ${ without the name of a variable and } behind it: write ${NAME}, or $${ for ${ itself"},
		{"an agent", "agents:\n  echo:\n    answrs: wav\n", `3: agents.echo.answrs: unknown key: did you mean "answers"?`},
		{"an event without a name", "calls:\n  fallback:\n    action: event\n    name: ''\nagents: {echo: {answers: wav}}\n",
			"4: calls.fallback.name: is empty: name the event that fallback.action sends"},
		{"a filler too late", "agents:\n  echo:\n    filler: {after: 20s}\n    answer: {within: 10s}\n",
			"3: agents.echo.filler.after: warning: 20s is not below answer.within, 10s: the filler is never played"},
		{"a secret for all to read", "plugins: {bot: {path: bot, settings: {token_file: open}}}\n",
			"1: plugins.bot.settings.token_file: warning: all users of this machine can read DIR/open: chmod 600 it"},
		{"a secret that is not there", "plugins: {bot: {path: bot, settings: {a: [{token_file: no}]}}}\n",
			"1: plugins.bot.settings.a[0].token_file: DIR/no: no such file or directory: name a file that is there"},
		{"a secret that is empty", "plugins: {bot: {path: bot, settings: {token_file: empty}}}\n",
			"1: plugins.bot.settings.token_file: DIR/empty is empty: write the secret into it, or leave the key out"},
		{"a secret twice", "plugins: {bot: {path: bot, settings: {token: x, token_file: key}}}\n",
			"1: plugins.bot.settings.token_file: token stands beside token_file: keep one of them"},
		{"a number too large", "plugins: {bot: {path: bot, settings: {id: 12345678901234567890}}}\n",
			"1: plugins.bot.settings.id: is a number too large to be passed exactly: put it in quotes"},
		{"no number at all", "plugins: {bot: {path: bot, settings: {n: .nan}}}\n",
			"1: plugins.bot.settings.n: is no finite number: write one, or put it in quotes"},
		{"a type of one's own", "plugins: {bot: {path: bot, settings: {n: !mine x}}}\n",
			"1: plugins.bot.settings.n: has the type !mine, which is not taken: remove it"},
		{"a key of two lines", "\"a\\nb\": 1\n", "1: a?b: unknown key: known here are listen, admin, shutdown_timeout, verify_tokens, log, tls, " +
			"reflection, ping, limits, unknown_calls, plugin_lock, plugin_dir, speech, byods, calls, agents, plugins"},
		{"many at once", "listen: 1\nlog: {level: x}\nplugins:\n  bot:\n    path: none\n    settings: {a: '${NOTHING}'}\n",
			`1: listen: "1" is no address: write host:port, like 127.0.0.1:50051` + "\n" +
				`2: log.level: "x" is not known: write trace, debug, info, warn or error` + "\n" +
				"5: plugins.bot.path: DIR/none: no such file or directory: name a file that is there\n" +
				"6: plugins.bot.settings.a: the environment has no variable NOTHING: set it, or write $${NOTHING} for the text itself"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			file := filepath.Join(dir, "host.yaml")
			_, problems := Read(file, []byte(test.text), []string{"WEBEX_MEDIA_VERIFY_TOKENS=false"})
			got := strings.ReplaceAll(strings.TrimSpace(show(problems)), file+":", "")
			if got = strings.ReplaceAll(got, dir, "DIR"); got != test.want && (!strings.HasSuffix(test.want, ": ") || !strings.HasPrefix(got, test.want)) {
				t.Errorf("%s\nsays %s\nwant %s", test.text, got, test.want)
			}
			if Broken(problems) == strings.Contains(test.want, "warning:") {
				t.Errorf("%s: broken is %v", test.text, Broken(problems))
			}
		})
	}
}

// TestNothingIsKnownOfBrokenYAML: what such a file seems to lack may stand in it.
func TestNothingIsKnownOfBrokenYAML(t *testing.T) {
	_, problems := Read("host.yaml", []byte("verify_tokens: false\nlog: {\n"), []string{"WEBEX_MEDIA_PORT=http"})
	if got := show(problems); len(problems) != 2 || !strings.Contains(got, "host.yaml:2: no valid YAML") || !strings.Contains(got, "WEBEX_MEDIA_PORT") {
		t.Error(got)
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "16MiB": 16 << 20, "16384KiB": 16 << 20, "3 GiB": 3 << 30, "1TiB": 1 << 40} {
		config, problems := Read("", []byte("plugins: {bot: {path: /bin/sh, limits: {memory: "+text+"}}}\nverify_tokens: false\n"), nil)
		if got := config.Plugins[0].Memory; got != want || Broken(problems) {
			t.Errorf("%s is %d, want %d\n%s", text, got, want, show(problems))
		}
	}
	for n, want := range map[int64]any{0: 0, 16 << 20: "16MiB", 1536 << 20: "1536MiB", 1 << 40: "1TiB", 3 << 10: "3KiB"} {
		if got := shortSize(n); got != want {
			t.Errorf("%d is shown as %v, want %v", n, got, want)
		}
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	text := "plugins:\n  bot:\n    path: none\n    settings: {a: !x hunter2, b: [.inf, '${hunter2', '${NO}hunter2'], c: {c: hunter2, c: hunter2}}\n"
	_, problems := Read("host.yaml", []byte(text), nil)
	if got := show(problems); len(problems) < 5 || strings.Contains(got, "hunter2") {
		t.Errorf("%d problems:\n%s", len(problems), got)
	}
}

func TestLoad(t *testing.T) {
	dir := files(t, map[string]string{"host.yaml": "verify_tokens: false\n", "large.yaml": strings.Repeat("#", maxFile+1)})
	for name, want := range map[string]string{
		"host.yaml": "", "none.yaml": "no such file", "": "is a directory", "large.yaml": "larger than 1048576 bytes",
	} {
		_, problems := Load(dir+"/"+name, nil)
		if got := show(problems); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	config, problems := Load("", []string{"WEBEX_MEDIA_PORT=1"})
	if config.Listen != "127.0.0.1:1" || Broken(problems) {
		t.Errorf("from the environment alone: %s, %s", config.Listen, show(problems))
	}
}

func TestExpand(t *testing.T) {
	environ := map[string]string{"A": "x", "B_2": "${A}", "EMPTY": ""}
	for text, want := range map[string]string{
		"": "", "plain": "plain", "$": "$", "$A": "$A", "${A}": "x", "a${A}b${A}c": "axbxc", "${B_2}": "${A}", "[${EMPTY}]": "[]",
		"$${A}": "${A}", "$$${A}": "$${A}", "$$": "$$", "{A}": "{A}", "$${": "${", "a$${A}${A}": "a${A}x",
		"${}": "error", "${A": "error", "${1}": "error", "${A-b}": "error", "${NO}": "error",
	} {
		got, err := expand(text, environ)
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("expand(%q) = %q, %v, want %q", text, got, err, want)
		}
	}
}
