//go:build unix

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/byova-host/byova-host/internal/byods/webextest"
	"github.com/byova-host/byova-host/internal/logtest"
)

const (
	customerOrg = "7ecad38e-ba3f-4107-8de2-a7e6a73e6ea9"
	otherOrg    = "912b2c37-3a3d-4b0e-8a4a-1d7a0f6c2a55"
)

// provider is who runs the commands beside a Webex.
type provider struct {
	*webextest.Server
	config  string
	printed strings.Builder // by all commands, both streams
}

// answered is how a command ended.
type answered struct {
	out, complaint string
	code           int
}

func newProvider(t *testing.T, more string) *provider {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	redirect := l.Addr().String()
	l.Close()
	p := &provider{Server: webextest.New(webextest.Config{RedirectURI: "http://" + redirect + "/callback", Domains: []string{"bots.example.com"}})}
	if err := p.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	known := p.Config()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"store.key": strings.Repeat("5e", 32), "hooks": "the-secret-of-the-webhooks", "integration": known.IntegrationSecret, "app": known.ServiceAppSecret,
		"host.yaml": fmt.Sprintf(`byods:
  api: %s
  issuers: [%s]
  store: {dir: store, key_file: store.key}
  integration: {client_id: %s, client_secret_file: integration, redirect_uri: "%s"}
  service_app: {client_id: %s, client_secret_file: app}
  webhook: {url: "https://bots.example.com/events", secret_file: hooks}
  data_source: {url: "https://bots.example.com:443"}
%s`, p.API(), p.Issuer(), known.IntegrationID, known.RedirectURI, known.ServiceAppID, more),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p.config = filepath.Join(dir, "host.yaml")
	t.Cleanup(func() {
		for _, secret := range append(p.Secrets(), strings.Repeat("5e", 32), "the-secret-of-the-webhooks") {
			if i := strings.Index(p.printed.String(), secret); i >= 0 {
				t.Errorf("a secret is shown behind %q", p.printed.String()[max(0, i-80):i])
			}
		}
	})
	return p
}

// do runs a command with the configuration.
func (p *provider) do(t *testing.T, in string, args ...string) answered {
	t.Helper()
	return p.plain(t, in, append(args, "--config", p.config)...)
}

// plain runs a command as it is.
func (p *provider) plain(t *testing.T, in string, args ...string) answered {
	t.Helper()
	cmd := exec.Command(hostBinary, args...)
	cmd.Stdin = strings.NewReader(in)
	var out, complaint strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &complaint
	err := cmd.Run()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		t.Fatal(err)
	}
	p.printed.WriteString(out.String() + complaint.String())
	return answered{out.String(), complaint.String(), cmd.ProcessState.ExitCode()}
}

// good runs a command that must go well, and gives what it prints.
func (p *provider) good(t *testing.T, args ...string) string {
	t.Helper()
	got := p.do(t, "", args...)
	if got.code != 0 {
		t.Fatalf("%v: exit code %d: %s%s", args, got.code, got.out, got.complaint)
	}
	return got.out
}

// login logs in by pasting.
func (p *provider) login(t *testing.T) {
	t.Helper()
	cmd := exec.Command(hostBinary, "auth", "login", "--no-browser", "--config", p.config)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		p.printed.WriteString(lines.Text())
		if !strings.HasPrefix(lines.Text(), p.API()) {
			continue
		}
		redirect, err := p.Consent(lines.Text(), false)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprintln(in, redirect); err != nil {
			t.Fatal(err)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
}

// sandbox registers the customer with the portal's refresh token.
func (p *provider) sandbox(t *testing.T) {
	t.Helper()
	got := p.do(t, p.PortalRefreshToken(customerOrg)+"\n", "orgs", "add", customerOrg, "--refresh-token-file", "-")
	if got.code != 0 || !strings.Contains(got.out, customerOrg) {
		t.Fatalf("%+v", got)
	}
}

func TestAuthCommands(t *testing.T) {
	p := newProvider(t, "")
	if got := p.do(t, "", "auth", "status"); got.code != 1 || !strings.Contains(got.complaint, "byova-host auth login") {
		t.Errorf("before: %+v", got)
	}
	if got := p.do(t, "nonsense and more\n", "auth", "login", "--no-browser"); got.code != 1 || !strings.Contains(got.complaint, "paste the whole URL") {
		t.Errorf("nonsense pasted: %+v", got)
	}
	if got := p.do(t, "", "auth", "login", "--no-browser"); got.code != 1 {
		t.Errorf("nothing pasted: %+v", got)
	}
	p.login(t)
	if out := p.good(t, "auth", "status"); !strings.Contains(out, "logged in: the access token counts until") {
		t.Error(out)
	}
	var status authStatus
	if err := json.Unmarshal([]byte(p.good(t, "auth", "status", "--json")), &status); err != nil || !status.LoggedIn || time.Until(status.Expires) < 13*24*time.Hour {
		t.Errorf("%+v, %v", status, err)
	}
	p.good(t, "auth", "logout")
	if got := p.do(t, "", "auth", "status"); got.code != 1 {
		t.Errorf("logged out: %+v", got)
	}
}

// TestLoginInABrowser: it comes to the program by itself.
func TestLoginInABrowser(t *testing.T) {
	p := newProvider(t, "")
	cmd := exec.Command(hostBinary, "auth", "login", "--config", p.config)
	cmd.Env = append(os.Environ(), "DISPLAY=", "WAYLAND_DISPLAY=")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if !strings.HasPrefix(lines.Text(), p.API()) {
			continue
		}
		for shown := false; !shown; { // until the program listens
			answer, err := browser.Get(lines.Text())
			if err != nil {
				if !strings.Contains(err.Error(), "refused") {
					t.Fatal(err)
				}
				continue
			}
			page, err := io.ReadAll(answer.Body)
			answer.Body.Close()
			if shown = true; err != nil || !strings.Contains(string(page), "Logged in") {
				t.Errorf("%s, %v", page, err)
			}
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	p.good(t, "auth", "status")
	if got := p.do(t, "", "auth", "login", "--timeout", "10ms"); got.code != 1 || !strings.Contains(got.complaint, "in time") {
		t.Errorf("nobody comes: %+v", got)
	}
}

func TestOrgsCommands(t *testing.T) {
	p := newProvider(t, "")
	if got := p.do(t, "wrong", "orgs", "add", customerOrg, "--refresh-token-file", "-"); got.code != 1 || !strings.Contains(got.complaint, "gives no access token") {
		t.Errorf("a wrong token: %+v", got)
	}
	if got := p.do(t, "", "orgs", "add", "nobody", "--refresh-token-file", "-"); got.code != 2 || !strings.Contains(got.complaint, "no organisation's id") {
		t.Errorf("no organisation: %+v", got)
	}
	if got := p.do(t, "", "orgs", "add", customerOrg); got.code != 2 || !strings.Contains(got.complaint, "--refresh-token-file") {
		t.Errorf("no token: %+v", got)
	}
	if got := p.do(t, "", "orgs", "remove", customerOrg); got.code != 1 || !strings.Contains(got.complaint, "not known here") {
		t.Errorf("an unknown one: %+v", got)
	}
	p.sandbox(t)
	if out := p.good(t, "orgs", "list"); !strings.Contains(out, customerOrg) || !strings.Contains(out, "authorized") {
		t.Error(out)
	}
	if out := p.good(t, "orgs", "remove", strings.ToUpper(customerOrg)); !strings.Contains(out, "forgotten") {
		t.Error(out)
	}
	var all []struct{ Org, State string }
	if err := json.Unmarshal([]byte(p.good(t, "orgs", "list", "--json")), &all); err != nil || len(all) != 1 || all[0].State != "removed" {
		t.Errorf("%+v, %v", all, err)
	}
	if got := p.do(t, "", "datasources", "list", "--org", customerOrg); got.code != 1 || !strings.Contains(got.complaint, "Control Hub") {
		t.Errorf("a removed one: %+v", got)
	}
}

func TestDatasourcesCommands(t *testing.T) {
	p := newProvider(t, "")
	p.sandbox(t)
	org := []string{"--org", customerOrg}
	with := func(args ...string) []string { return append(args, org...) }
	if got := p.do(t, "", with("datasources", "renew")...); got.code != 0 { // there is none: one is created
		t.Fatalf("%+v", got)
	}
	id := p.DataSourceOf(customerOrg)
	if out := p.good(t, with("datasources", "create")...); !strings.Contains(out, id) || p.DataSourceOf(customerOrg) != id {
		t.Errorf("one that is there: %s", out)
	}
	before := p.Present(id)
	p.good(t, with("datasources", "renew")...)
	if p.Present(id) == before {
		t.Error("it is not renewed")
	}
	for _, token := range []string{before, p.Present(id), "Bearer " + p.Present(id) + "\n", "Authorization: Bearer " + p.Present(id)} {
		if got := p.do(t, token, "token", "verify"); got.code != 0 || !strings.Contains(got.out, "good: organisation "+customerOrg) {
			t.Errorf("%+v", got)
		}
	}
	var shown shownSource
	if err := json.Unmarshal([]byte(p.good(t, with("datasources", "get")...)), &shown); err != nil || shown.ID != id || shown.URL != "https://bots.example.com:443" {
		t.Errorf("%+v, %v", shown, err)
	}
	if out := p.good(t, "datasources", "list"); !strings.Contains(out, id) || !strings.Contains(out, "24h0m") {
		t.Error(out)
	}
	var all []shownSource
	if err := json.Unmarshal([]byte(p.good(t, with("datasources", "list", "--json")...)), &all); err != nil || len(all) != 1 || all[0].ID != id {
		t.Errorf("%+v, %v", all, err)
	}
	p.good(t, with("datasources", "update", "--lifetime", "1h", "--audience", "others")...)
	if c := p.Claims(id); c["aud"] != "others" {
		t.Errorf("claims %v", c)
	}
	if got := p.do(t, "", with("datasources", "update", "--status", "disabled")...); got.code != 2 || !strings.Contains(got.complaint, "--error-message") {
		t.Errorf("%+v", got)
	}
	p.good(t, with("datasources", "update", "--status", "disabled", "--error-message", "back at noon")...)
	if p.Present(id) != "" {
		t.Error("it is not disabled")
	}
	p.good(t, with("datasources", "update")...)
	if got := p.do(t, p.Present(id), "token", "verify"); got.code != 0 {
		t.Errorf("enabled again: %+v", got)
	}
	if got := p.do(t, "", with("datasources", "update", "--url", "https://elsewhere.example.org")...); got.code != 1 || !strings.Contains(got.complaint, "trackingId") {
		t.Errorf("outside of the domain: %+v", got)
	}
	p.good(t, with("datasources", "delete")...)
	if got := p.do(t, "", with("datasources", "get")...); got.code != 1 || p.DataSourceOf(customerOrg) != "" {
		t.Errorf("%+v", got)
	}
	if out := p.good(t, with("schemas", "list")...); !strings.Contains(out, "5397013b-7920-4ffc-807c-e8a3e0a18f43") {
		t.Error(out)
	}
	if out := p.good(t, with("schemas", "get", "5397013b-7920-4ffc-807c-e8a3e0a18f43")...); !strings.Contains(out, "gRPC") {
		t.Error(out)
	}
	if got := p.do(t, "", with("schemas", "get", "nothing")...); got.code != 1 || !strings.Contains(got.complaint, "404") {
		t.Errorf("%+v", got)
	}
}

func TestTokenCommands(t *testing.T) {
	p := newProvider(t, "")
	p.sandbox(t)
	p.good(t, "datasources", "create", "--org", customerOrg)
	id := p.DataSourceOf(customerOrg)
	claims := p.Claims(id)
	claims["com.cisco.datasource.url"] = "https://elsewhere.example.com"
	foreign := p.Claims(id)
	foreign["iss"] = "https://evil.example/idb"
	tests := []struct {
		name, token string
		args        []string
		code        int
		says        string
	}{
		{"good", p.Present(id), []string{"--org", customerOrg}, 0, id},
		{"of another organisation", p.Present(id), []string{"--org", otherOrg}, 1, "for " + customerOrg + ", not for " + otherOrg},
		{"for another URL", p.Sign(claims, nil), nil, 1, `url_mismatch: "https://elsewhere.example.com", registered is "https://bots.example.com:443"`},
		{"of a foreign issuer", p.Sign(foreign, nil), nil, 1, "issuer_mismatch"},
		{"garbage", "x", nil, 1, "malformed"},
		{"nothing", " \n", nil, 2, "standard input is empty"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := p.do(t, test.token, append([]string{"token", "verify"}, test.args...)...)
			if got.code != test.code || !strings.Contains(got.out+got.complaint, test.says) {
				t.Errorf("%+v, want %d and %q", got, test.code, test.says)
			}
		})
	}
	// Inspect shows the nonce: it is not among the other commands' output.
	cmd := exec.Command(hostBinary, "token", "inspect")
	cmd.Stdin = strings.NewReader(p.Present(id))
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	var shown shownClaims
	if err != nil || json.Unmarshal(out, &shown) != nil || shown.Org == "" || shown.Algorithm != "RS256" || !strings.Contains(complaint.String(), "nothing of this is verified") {
		t.Errorf("%s%s, %v", out, complaint.String(), err)
	}
	if parts := strings.Split(p.Present(id), "."); strings.Contains(string(out), parts[2]) {
		t.Error("the signature is shown")
	}
}

func TestWebhooksCommands(t *testing.T) {
	p := newProvider(t, "")
	if got := p.do(t, "", "webhooks", "list"); got.code != 1 || !strings.Contains(got.complaint, "auth login") {
		t.Errorf("not logged in: %+v", got)
	}
	p.login(t)
	if out := p.good(t, "webhooks", "ensure"); strings.Count(out, "created") != 2 {
		t.Error(out)
	}
	if out := p.good(t, "webhooks", "ensure"); strings.Count(out, "kept") != 2 {
		t.Error(out)
	}
	if out := p.good(t, "webhooks", "ensure", "https://new.example.com/"); strings.Count(out, "created") != 2 {
		t.Error(out)
	}
	if got := p.do(t, "", "webhooks", "ensure", "http://new.example.com/"); got.code != 2 || !strings.Contains(got.complaint, "https://") {
		t.Errorf("%+v", got)
	}
	var all []shownHook
	if err := json.Unmarshal([]byte(p.good(t, "webhooks", "list", "--json")), &all); err != nil || len(all) != 4 || all[0].Status != "active" {
		t.Fatalf("%+v, %v", all, err)
	}
	p.good(t, "webhooks", "delete", all[0].ID)
	if got := p.do(t, "", "webhooks", "delete", all[0].ID); got.code != 1 || !strings.Contains(got.complaint, "404") {
		t.Errorf("%+v", got)
	}
	if out := p.good(t, "webhooks", "list"); strings.Count(out, "serviceApp") != 3 {
		t.Error(out)
	}
}

func TestStoreCommand(t *testing.T) {
	p := newProvider(t, "")
	p.sandbox(t)
	dir := filepath.Dir(p.config)
	if err := os.Rename(filepath.Join(dir, "store.key"), filepath.Join(dir, "old.key")); err != nil {
		t.Fatal(err)
	}
	write := func(store string) {
		t.Helper()
		text, err := os.ReadFile(p.config)
		if err == nil {
			before, after, _ := strings.Cut(string(text), "  store:")
			_, after, _ = strings.Cut(after, "\n")
			err = os.WriteFile(p.config, []byte(before+"  store: "+store+"\n"+after), 0o600)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "store.key"), []byte(strings.Repeat("7d", 32)), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	write("{dir: store, key_file: store.key}")
	if got := p.do(t, "", "orgs", "list"); got.code != 1 || !strings.Contains(got.complaint, "byods.store.old_key") {
		t.Errorf("with another key: %+v", got)
	}
	write("{dir: store, key_file: store.key, old_key_file: old.key}")
	p.good(t, "orgs", "list")
	if out := p.good(t, "store", "rotate"); !strings.HasPrefix(out, "1 records") {
		t.Error(out)
	}
	write("{dir: store, key_file: store.key}")
	p.good(t, "orgs", "list")
	write("{dir: store}")
	if got := p.do(t, "", "store", "rotate"); got.code == 0 {
		t.Errorf("to no key: %+v", got)
	}
}

// TestNothingConfigured: each command says what to set.
func TestNothingConfigured(t *testing.T) {
	p := newProvider(t, "")
	dir := t.TempDir()
	for _, test := range []struct{ command, says string }{
		{"auth status", "BYOVA_STORE"}, {"orgs list", "byods.store.dir"}, {"token verify", "byods.store.dir"},
	} {
		if got := p.plain(t, "x", strings.Fields(test.command)...); got.code != 2 || !strings.Contains(got.complaint, test.says) {
			t.Errorf("%s: %+v", test.command, got)
		}
	}
	t.Setenv("BYOVA_STORE", filepath.Join(dir, "store"))
	t.Setenv("BYOVA_STORE_KEY", strings.Repeat("5e", 32))
	for _, test := range []struct{ command, says string }{
		{"auth login", "WEBEX_INTEGRATION_CLIENT_ID"}, {"webhooks list", "byods.integration.client_id"}, {"webhooks ensure https://x.example.com/", "byods.integration"},
		{"orgs add " + customerOrg + " --refresh-token-file " + p.config, "orgs add: no refresh token"},
		{"datasources create --org " + customerOrg, "WEBEX_SA_CLIENT_ID"}, {"schemas list --org " + customerOrg, "byods.service_app.client_id"},
		{"datasources list --org x", "no organisation's id"}, {"datasources renew", "--org"},
	} {
		if got := p.plain(t, "x", strings.Fields(test.command)...); got.code != 2 || !strings.Contains(got.complaint, test.says) {
			t.Errorf("%s: %+v", test.command, got)
		}
	}
	// The environment alone is enough.
	known := p.Config()
	t.Setenv("WEBEX_SA_CLIENT_ID", known.ServiceAppID)
	t.Setenv("WEBEX_SA_CLIENT_SECRET", known.ServiceAppSecret)
	t.Setenv("WEBEX_ORG_ID", customerOrg)
	t.Setenv("WEBEX_SA_REFRESH_TOKEN", "x")
	if got := p.plain(t, "", "orgs", "list"); got.code != 0 {
		t.Errorf("%+v", got)
	}
	if got := p.plain(t, "", "datasources", "renew"); got.code != 2 || !strings.Contains(got.complaint, "byods.data_source.url") {
		t.Errorf("%+v", got)
	}
}

// TestServeFollowsTheCommands: what they do beside a host counts in it.
func TestServeFollowsTheCommands(t *testing.T) {
	p := newProvider(t, fmt.Sprintf("listen: 127.0.0.1:0\nplugins: {echo: {path: %s}}\n", echoBinary))
	host := exec.Command(hostBinary, "serve", "--config", p.config, "--admin", "unix://"+filepath.Join(runtimeDir(t), "admin.sock"))
	log := &logtest.Log{}
	host.Stderr = log
	out, err := host.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = host.Process.Signal(os.Interrupt)
		if err := host.Wait(); err != nil || t.Failed() {
			t.Errorf("%v\n%s", err, log)
		}
		p.printed.WriteString(log.String())
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	addr := strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
	call := func(token string) answered {
		t.Helper()
		file := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
		return p.plain(t, "", "call", "--addr", addr, "--agent", "echo", "--org", customerOrg, "--dtmf", "1", "--token-file", file)
	}
	if got := call("x"); got.code != 1 || !strings.Contains(got.out+got.complaint, "Unauthenticated") {
		t.Errorf("without a data source: %+v", got)
	}
	p.sandbox(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	await := func(what string) { // the host says it when it is done
		t.Helper()
		for !strings.Contains(log.String(), what) {
			select {
			case <-ctx.Done():
				t.Fatalf("the host never said %q", what)
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
	await("a data source is registered")
	token := p.Present(p.DataSourceOf(customerOrg))
	if got := call(token); got.code != 0 {
		t.Errorf("%+v", got)
	}
	p.good(t, "datasources", "renew", "--org", customerOrg)
	if got := call(p.Present(p.DataSourceOf(customerOrg))); got.code != 0 {
		t.Errorf("renewed: %+v", got)
	}
	p.good(t, "orgs", "remove", customerOrg)
	refused := answered{}
	for refused.code == 0 && ctx.Err() == nil { // the host sees it in a moment
		refused = call(token)
	}
	if !strings.Contains(refused.out+refused.complaint, "Unauthenticated") {
		t.Errorf("removed: %+v", refused)
	}
}
