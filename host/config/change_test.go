package config

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/byova-host/byova-host/host/session"
)

// TestChanges: what differs is named, and what of it a running host takes.
func TestChanges(t *testing.T) {
	base := func() Config {
		c := Default()
		c.Agents = map[string]Calls{"own": c.Calls, "gone": c.Calls}
		c.Plugins = []Plugin{DefaultPlugin("a", "/a"), DefaultPlugin("b", "/b")}
		c.Plugins[0].Settings = map[string]any{"list": []any{"x"}}
		return c
	}
	tests := []struct {
		name   string
		change func(c *Config)
		want   []Change
	}{
		{"nothing", func(*Config) {}, nil},
		{"addresses", func(c *Config) { c.Listen, c.Admin, c.Ping.Service = ":1", "unix:///x", "bots" },
			[]Change{{"listen", true}, {"admin", true}, {"ping.service", true}}},
		{"the log", func(c *Config) { c.Log = Log{Level: hclog.Debug, JSON: true} }, []Change{{"log.level", false}, {"log.json", true}}},
		{"certificates", func(c *Config) { c.TLS.Cert, c.Reflection = "x", true }, []Change{{"tls.cert", true}, {"reflection", true}}},
		{"where plugins are kept", func(c *Config) { c.PluginLock, c.PluginDir = "x", "y" }, []Change{{"plugin_lock", true}, {"plugin_dir", true}}},
		{"Webex's side", func(c *Config) { c.BYODS.Webhook.Secret, c.VerifyTokens = "another", false },
			[]Change{{"verify_tokens", true}, {"byods.webhook.secret", true}}},
		{"limits", func(c *Config) { c.Limits.Sessions, c.Shutdown, c.Unknown = 5, time.Second, Reject },
			[]Change{{"shutdown_timeout", false}, {"limits.sessions", false}, {"unknown_calls", false}}},
		{"calls, which agents inherit", func(c *Config) {
			c.Calls.Answers = session.WAV
			for id := range c.Agents {
				c.Agents[id] = c.Calls
			}
		}, []Change{{"calls.answers", false}}},
		{"calls, but not an agent", func(c *Config) { c.Calls.Answers = session.WAV }, []Change{{"calls.answers", false}}},
		{"a prompt in the same file", func(c *Config) { c.Calls.FillerPrompt.Audio = []byte{1} }, []Change{{"calls.filler.prompt", false}}},
		{"agents", func(c *Config) {
			own := c.Calls
			own.Input.NoInput = time.Second
			c.Agents = map[string]Calls{"own": own, "new": own}
		}, []Change{{"agents.gone", false}, {"agents.new", false}, {"agents.own.input.no_input", false}}},
		{"the first agents", func(c *Config) { c.Agents = nil }, []Change{{"agents.gone", false}, {"agents.own", false}}},
		{"plugins", func(c *Config) {
			c.Plugins = []Plugin{DefaultPlugin("new", "/n"), c.Plugins[0]}
			c.Plugins[1].Settings = map[string]any{"list": []any{"y"}}
			c.Plugins[1].Breaker.Deaths = 3
		}, []Change{{"plugins.b", false}, {"plugins.new", false}, {"plugins.a.breaker.deaths", false}, {"plugins.a.settings", false}}},
		{"their order", func(c *Config) { slices.Reverse(c.Plugins) }, []Change{{"plugins", false}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before, after := base(), base()
			test.change(&after)
			if got := Changes(before, after); !slices.Equal(got, test.want) {
				t.Errorf("%v, want %v", got, test.want)
			}
			for _, c := range Changes(before.Reload(after), after) {
				if !c.Restart {
					t.Errorf("%s is not taken by a running host", c.Key)
				}
			}
			for _, c := range Changes(before, before.Reload(after)) {
				if c.Restart {
					t.Errorf("%s is taken by a running host", c.Key)
				}
			}
		})
	}
}

// TestEachKeyIsTakenOrWaits: at once or at the next start, and never half.
func TestEachKeyIsTakenOrWaits(t *testing.T) {
	_, full, _ := example(t, "full.yaml")
	full.VerifyTokens, full.Log.JSON, full.Reflection, full.Ping.TLS = true, true, true, true
	var none Config
	reloaded := none.Reload(full)
	waiting := map[string]bool{}
	for _, f := range fields {
		if key, _, _ := strings.Cut(f.key, "."); needsRestart(f.key) {
			waiting[f.key], waiting[key] = true, true
		}
		if want := map[bool]*Config{true: &none, false: &full}[needsRestart(f.key)]; !f.equal(&reloaded, want) {
			t.Errorf("%s: needs a restart: %v, and it is otherwise", f.key, needsRestart(f.key))
		}
	}
	for _, key := range atStart {
		if !waiting[key] {
			t.Errorf("%s is no key", key)
		}
	}
}
