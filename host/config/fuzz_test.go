package config

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// FuzzConfig: no panic; each problem has a line of the file; what is valid is read
// again as the same after it was written.
func FuzzConfig(f *testing.F) {
	dir := files(f, map[string]string{"bot": program, "key": "secret", "p.wav": sound(), "s.pem": "-----BEGIN "})
	examples, err := filepath.Glob("../../examples/config/*.yaml")
	if err != nil || len(examples) == 0 {
		f.Fatal("no examples: ", err)
	}
	for _, path := range examples {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	for _, text := range []string{
		"", "{}", "a: &a [*a]", "a: &a {<<: *a}", "? [a]\n: b\n", "---\n---\n", "\xff\xfe", "%YAML 9.9\n---\n",
		"listen: ${A}\nadmin: unix:///x\n", "calls: {filler: {prompt: p.wav}, fallback: {prompt: none, name: '$${', metadata: {a: 1e9, b: 0x10}}}\n",
		"agents: {1: {answers: wav}, x: {max_duration: 0s, input: {terminator: '*'}}}\n",
		"plugins: {b: {path: bot, settings: {k_file: key, n: [1, .5, true, ~, '${A}', {x: 2026-01-01}]}}, a: {path: bot, log: error}}\n",
		"plugin_lock: lock\nplugin_dir: .\nplugins: {a: {path: bot, sha256: '" + programSum + "', orgs: [a, '${B}'], sessions: 3, swap: move, " +
			"drain_timeout: 0s, cut_after: 1m, crash_wait: 0s, standby: true, breaker: {starts: 1}, canary_limit: 0, limits: {memory: 512 MiB, open_files: 99}}}\n",
		"tls: {cert: s.pem, key: s.pem, client_ca: s.pem, client_names: ['*.a', O=b]}\n",
		"byods: {store: {dir: ., key_file: key}, integration: {client_id: C, client_secret: '$${x', scopes: [a]}, rate: 1.5}\n",
		"byods: {store: {dir: ., key: " + strings.Repeat("0f", 32) + "}, service_app: {client_id: C, client_secret_file: key}, " +
			"webhook: {listen: ':1', url: 'https://h/p', secret: s}, data_source: {url: 'https://h', lifetime: 90m}, issuers: ['https://i/idb']}\n",
		"limits: {sessions: 1_0, idle: 1h}\nshutdown_timeout: 1.5m\n", "listen: !!binary aGk6MQ==\n", "log: {level: \"in\\x66o\"}\r\n",
	} {
		f.Add([]byte(text))
	}
	file := filepath.Join(dir, "host.yaml")
	environ := []string{"A=127.0.0.1:1", "B=${A}", "WEBEX_MEDIA_VERIFY_TOKENS=0"}
	f.Fuzz(func(t *testing.T, text []byte) {
		config, problems := Read(file, text, environ)
		for _, p := range problems {
			if last := max(1, len(bytes.SplitAfter(bytes.TrimSuffix(text, []byte("\n")), []byte("\n")))); p.Line < 1 || p.Line > last || p.What == "" {
				t.Errorf("line %d of %d: %s", p.Line, last, p)
			}
		}
		if Broken(problems) {
			return
		}
		written, err := marshal(config)
		if err != nil {
			t.Fatal(err)
		}
		again, problems := Read(file, written, environ)
		if Broken(problems) {
			t.Fatalf("%s\nis read, but not again as\n%s\n%s", text, written, show(problems))
		}
		if !reflect.DeepEqual(normal(config), normal(again)) {
			t.Errorf("%s\nis %+v\nand %+v when it is written and read", text, config, again)
		}
	})
}

// normal makes empty and unset sections alike.
func normal(c Config) Config {
	plain := func(calls Calls) Calls {
		if len(calls.Fallback.Metadata) == 0 {
			calls.Fallback.Metadata = nil
		}
		return calls
	}
	c.Calls = plain(c.Calls)
	agents := map[string]Calls{}
	for id, own := range c.Agents {
		agents[id] = plain(own)
	}
	c.Agents = agents
	plugins := []Plugin{}
	for _, p := range c.Plugins {
		if len(p.Settings) == 0 {
			p.Settings = nil
		}
		plugins = append(plugins, p)
	}
	c.Plugins = plugins
	if len(c.TLS.ClientNames) == 0 {
		c.TLS.ClientNames = nil
	}
	return c
}

func FuzzExpand(f *testing.F) {
	for _, text := range []string{"", "${A}", "$${A}", "a${A", "$$${A}$", "${A}${A}"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := expand(text, map[string]string{"A": "x"})
		if escaped := escape(text).(string); err == nil && len(got) > len(text) {
			t.Errorf("expand(%q) = %q", text, got)
		} else if back, err := expand(escaped, nil); err != nil || back != text {
			t.Errorf("expand(%q) = %q, %v, want %q", escaped, back, err, text)
		}
	})
}

func FuzzDistance(f *testing.F) {
	f.Add("listen", "lsiten")
	f.Add("", "a")
	f.Fuzz(func(t *testing.T, a, b string) {
		if len(a)+len(b) > 200 {
			return
		}
		d := distance(a, b)
		if least := int(math.Abs(float64(len(a) - len(b)))); d < least || d > max(len(a), len(b)) || (d == 0) != (a == b) || d != distance(b, a) {
			t.Errorf("distance(%q, %q) = %d, back %d", a, b, d, distance(b, a))
		}
	})
}
