package main

import (
	"maps"
	"strings"
	"testing"

	"github.com/byova-host/byova-host/sdk/plugin"
)

// TestSettings: each mistake is named, with what to do.
func TestSettings(t *testing.T) {
	good := map[string]any{"adapter": "twilio", "url": "ws://bot.example.com/ws"}
	for _, test := range []struct {
		name string
		with map[string]any
		want string // empty: nothing is wrong
	}{
		{"good", nil, ""},
		{"all", map[string]any{"query": map[string]any{"a": "b"}, "lead": "300ms", "agents": []any{map[string]any{"id": "a"}, map[string]any{"id": "b", "name": "B"}}, "speech": "host"}, ""},
		{"no adapter", map[string]any{"adapter": ""}, "adapter: is missing: want byova-json, deepgram-agent"},
		{"unknown adapter", map[string]any{"adapter": "teapot"}, `adapter: "teapot" is no adapter`},
		{"unknown key", map[string]any{"urll": "x"}, "urll: is not a setting of this plugin"},
		{"unknown option", map[string]any{"options": map[string]any{"sid": "x"}}, "options.sid: is no option of this adapter"},
		{"option of another kind", map[string]any{"options": map[string]any{"auth_token": 1.0}}, "options.auth_token: is a number, must be a string"},
		{"no url", map[string]any{"url": ""}, "url: is missing"},
		{"http", map[string]any{"url": "https://x"}, `url: begins with "https://": want ws:// or wss://`},
		{"no host", map[string]any{"url": "ws:///x"}, "url: names no host"},
		{"a password", map[string]any{"url": "ws://me:hunter2@x"}, "url: has a password in it"},
		{"no url at all", map[string]any{"url": "ws://hunter2\x7f"}, "url: is no URL"},
		{"a fragment", map[string]any{"url": "ws://x/#a"}, "url: has a fragment"},
		{"the socket's header", map[string]any{"headers": map[string]any{"sec-websocket-key": "x"}}, "headers.sec-websocket-key: is the WebSocket's own"},
		{"a bad header", map[string]any{"headers": map[string]any{"a b": "x"}}, "headers.a b: is no header"},
		{"a broken header", map[string]any{"headers": map[string]any{"a": "x\ny: z"}}, "headers.a: is no header"},
		{"no certificate", map[string]any{"tls": map[string]any{"ca": "x"}}, "tls.ca: has no certificate in PEM"},
		{"half a pair", map[string]any{"tls": map[string]any{"cert": "x"}}, "tls: cert and key go together"},
		{"a bad pair", map[string]any{"tls": map[string]any{"cert": "x", "key": "y"}}, "tls.cert: tls: failed to find any PEM data"},
		{"on_close", map[string]any{"on_close": "explode"}, `on_close: is "explode": want end or transfer or fallback`},
		{"speech", map[string]any{"speech": "backend"}, "speech: is backend, but twilio reports no speech"},
		{"no unit", map[string]any{"lead": 200.0}, "lead: is a value without a unit"},
		{"no time", map[string]any{"lead": "soon"}, "lead: is a text that is no time"},
		{"too long", map[string]any{"answer_timeout": "1h"}, "answer_timeout: is 1h0m0s: want 100ms to 25s"},
		{"ping and idle", map[string]any{"ping": "1m"}, "idle_timeout: is 40s, not more than ping"},
		{"negative", map[string]any{"max_connections": -1.0}, "max_connections: is -1: want 0 to"},
		{"level", map[string]any{"quiet_level": 3.0}, "quiet_level: is 3 dB"},
		{"an agent twice", map[string]any{"agents": []any{map[string]any{"id": "a"}, map[string]any{"id": "a"}, map[string]any{}}}, "agents[1].id: stands twice\nagents[2].id: is missing"},
	} {
		t.Run(test.name, func(t *testing.T) {
			all := map[string]any{}
			for _, m := range []map[string]any{good, test.with} {
				maps.Copy(all, m)
			}
			_, err := readSettings(given(t, all))
			switch {
			case test.want == "" && err != nil:
				t.Errorf("error %v, want none", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("error %v, want %q", err, test.want)
			case err != nil && strings.Contains(err.Error(), "hunter2"):
				t.Errorf("the error has a secret: %v", err)
			}
		})
	}
}

// given makes settings as the host hands them over.
func given(t *testing.T, all map[string]any) plugin.Settings {
	t.Helper()
	s, err := plugin.SettingsOf(all)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
