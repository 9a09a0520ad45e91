package config

import (
	"bytes"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/byova-host/byova-host/internal/byods/webex"
)

// storeKeyText is 32 bytes, as people write them.
var storeKeyText = strings.Repeat("0f", 32)

func TestBYODS(t *testing.T) {
	dir := files(t, map[string]string{"keys/new": storeKeyText + "\n", "keys/old": strings.Repeat("1e", 32), "webhook": "p$${x}ss\n"})
	text := `
byods:
  store: {dir: records, key_file: keys/new, old_key_file: keys/old}
  integration: {client_id: C1, client_secret: "${SECRET}", redirect_uri: "http://127.0.0.1:9/cb", scopes: [a, b]}
  service_app: {client_id: C2, client_secret: two, application_id: app}
  webhook: {listen: "127.0.0.1:8081", url: "https://bots.example.com/hooks", secret_file: webhook}
  data_source: {url: "https://bots.example.com:443", schema: s, audience: a, subject: b, lifetime: 90m}
  api: http://127.0.0.1:1/v1
  rate: 2.5
  legacy_keys: true
  issuers: ["https://idbroker-eu.webex.com/idb"]
`
	config, problems := Read(filepath.Join(dir, "host.yaml"), []byte(text), []string{"SECRET=one"})
	if len(problems) > 0 {
		t.Fatal(show(problems))
	}
	var want BYODS
	want.Store.Dir, want.Store.Key = filepath.Join(dir, "records"), bytes.Repeat([]byte{0x0f}, 32)
	want.Store.OldKeys = [][]byte{bytes.Repeat([]byte{0x1e}, 32)}
	want.Integration, want.RedirectURI, want.Scopes = webex.App{ClientID: "C1", ClientSecret: "one"}, "http://127.0.0.1:9/cb", []string{"a", "b"}
	want.ServiceApp, want.ApplicationID = webex.App{ClientID: "C2", ClientSecret: "two"}, "app"
	want.Listen, want.Webhook.URL, want.Webhook.Secret = "127.0.0.1:8081", "https://bots.example.com/hooks", "p$${x}ss"
	want.Source.URL, want.Source.Schema, want.Source.Audience = "https://bots.example.com:443", "s", "a"
	want.Source.Subject, want.Source.Lifetime = "b", 90*time.Minute
	want.Webex.API, want.Webex.Rate, want.Webex.Legacy = "http://127.0.0.1:1/v1", 2.5, true
	want.Issuers = []string{"https://idbroker-eu.webex.com/idb"}
	if !reflect.DeepEqual(config.BYODS, want) {
		t.Errorf("%+v\nwant %+v", config.BYODS, want)
	}
}

// TestBYODSVariables: the variables of the SDK for Python set what they mean there.
func TestBYODSVariables(t *testing.T) {
	dir := t.TempDir()
	config, problems := Load("", []string{
		"WEBEX_INTEGRATION_CLIENT_ID=C1", "WEBEX_INTEGRATION_CLIENT_SECRET=one", "WEBEX_INTEGRATION_REDIRECT_URI=http://127.0.0.1:9/cb",
		"WEBEX_SA_CLIENT_ID=C2", "WEBEX_SA_CLIENT_SECRET=two", "BYOVA_STORE=" + dir, "BYOVA_STORE_KEY=" + storeKeyText,
	})
	b := config.BYODS
	if Broken(problems) || b.Integration.ClientSecret != "one" || b.ServiceApp.ClientSecret != "two" || b.RedirectURI != "http://127.0.0.1:9/cb" ||
		b.Store.Dir != dir || len(b.Store.Key) != 32 {
		t.Errorf("%+v, %s", b, show(problems))
	}
}

// TestBYODSProblems: what is missing is named, and no secret is shown.
func TestBYODSProblems(t *testing.T) {
	dir := files(t, map[string]string{"secret": "hunter2", "plain": "text"})
	tests := []struct{ name, text, want string }{
		{"no store", "integration: {client_id: C, client_secret: hunter2}", "2: byods.integration.client_id: stands without byods.store.dir: set that too"},
		{"a plain store", "store: {dir: .}", "2: byods.store.dir: warning: tokens are kept as they are, in files for their owner alone: " +
			"set byods.store.key_file to have them encrypted"},
		{"a file for a store", "store: {dir: plain, key: " + storeKeyText + "}", "2: byods.store.dir: DIR/plain is no directory: name one"},
		{"no secret", "{store: {dir: ., key: " + storeKeyText + "}, integration: {client_id: C}}",
			"2: byods.integration.client_id: stands without byods.integration.client_secret: set that too"},
		{"two secrets", "{store: {dir: ., key: " + storeKeyText + "}, integration: {client_id: C, client_secret: hunter2, client_secret_file: secret}}",
			"2: byods.integration.client_secret: stands beside byods.integration.client_secret_file: keep one of them"},
		{"an old key alone", "store: {dir: ., old_key: " + storeKeyText + "}", "2: byods.store.old_key: stands without byods.store.key: set that too\n" +
			"2: byods.store.dir: warning: tokens are kept as they are, in files for their owner alone: set byods.store.key_file to have them encrypted"},
		{"a data source alone", `data_source: {url: "https://h"}`, "2: byods.data_source.url: stands without byods.service_app.client_id: set that too"},
		{"plain HTTP", "api: http://webexapis.com/v1", `2: byods.api: "http://webexapis.com/v1" must begin with https://`},
		{"no URL", "webhook: {url: /hooks}", `2: byods.webhook.url: "/hooks" is no URL: write one like https://host.example.com` + "\n" +
			"2: byods.webhook.url: stands without byods.webhook.secret: set that too\n" +
			"2: byods.webhook.url: stands without byods.service_app.client_id: set that too"},
		{"half a minute", "data_source: {lifetime: 90s}", "2: byods.data_source.lifetime: 1m30s is no number of whole minutes, which are what Webex takes"},
		{"too long", "data_source: {lifetime: 25h}", "2: byods.data_source.lifetime: 25h is out of range: write a duration of 1m to 24h"},
		{"no issuers", "issuers: []", "2: byods.issuers: trusts nobody: name issuers, or leave the key out for those of production"},
		{"too many requests", "rate: 0", `2: byods.rate: "0" is no number from 1 to 1000`},
		{"an unknown key", "store: {path: x}", "2: byods.store.path: unknown key"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			file := filepath.Join(dir, "host.yaml")
			text := test.text
			if !strings.HasPrefix(text, "{") {
				text = "{" + text + "}"
			}
			_, problems := Read(file, fmt.Appendf(nil, "verify_tokens: false\nbyods: %s\n", text), nil)
			got := strings.ReplaceAll(strings.TrimSpace(show(problems)), file+":", "")
			if got = strings.ReplaceAll(got, dir, "DIR"); !strings.HasPrefix(got, test.want) {
				t.Errorf("says %s\nwant %s", got, test.want)
			}
			if strings.Contains(got, "hunter2") || strings.Contains(got, storeKeyText) {
				t.Errorf("a secret is shown: %s", got)
			}
		})
	}
	for _, bad := range []string{"hunter2", storeKeyText + "00", storeKeyText[2:], "${NOTHING}"} {
		_, problems := Read("host.yaml", fmt.Appendf(nil, "byods: {store: {dir: %s, key: '%s'}}\n", dir, bad), nil)
		if !Broken(problems) || bad != "${NOTHING}" && strings.Contains(show(problems), bad) {
			t.Errorf("key %q: %s", bad, show(problems))
		}
	}
}

// TestNothingIsAcceptedWithoutAStore: it is said, and not twice.
func TestNothingIsAcceptedWithoutAStore(t *testing.T) {
	_, problems := Read("host.yaml", []byte("listen: ':1'\n"), nil)
	if len(problems) != 1 || problems[0].Key != "verify_tokens" || !problems[0].Warning {
		t.Error(show(problems))
	}
	_, problems = Read("host.yaml", fmt.Appendf(nil, "byods: {store: {dir: %s, key: %s}}\n", t.TempDir(), storeKeyText), nil)
	if len(problems) != 0 {
		t.Error(show(problems))
	}
}
