package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/byova-host/byova-host/internal/byods/webextest"
)

// The customers. The first authorises the service app, the second never does.
const (
	customer = "7ecad38e-ba3f-4107-8de2-a7e6a73e6ea9"
	stranger = "912b2c37-3a3d-4b0e-8a4a-1d7a0f6c2a55"
)

// journey is what is there while it is played.
type journey struct {
	out     io.Writer
	dir     string
	binary  string // of byova-host
	webex   *webextest.Server
	env     []string        // of what is run
	host    *host           // nil: not running
	printed strings.Builder // by the last command
}

// begin starts Webex and writes what the provider configures.
func begin(ctx context.Context, dir, binary, plugin string, out io.Writer) (*journey, error) {
	j, hooks, err := newJourney(ctx, dir, binary, out)
	if err != nil {
		return nil, err
	}
	known := j.webex.Config()
	return j, j.write(map[string]string{
		"integration.secret": known.IntegrationSecret, "service-app.secret": known.ServiceAppSecret,
		"host.yaml": fmt.Sprintf(`listen: 127.0.0.1:0
admin: unix://%s
byods:
  api: %s
  issuers: [%s]
  store: {dir: store, key_file: store.key}
  integration: {client_id: %s, client_secret_file: integration.secret, redirect_uri: "%s"}
  service_app: {client_id: %s, client_secret_file: service-app.secret}
  webhook: {listen: "%s", url: "http://%s/webex/events", secret_file: webhook.secret}
  data_source: {url: "https://bots.example.com:443"}
plugins:
  echo: {path: %s}
`, filepath.Join(dir, "admin.sock"), j.webex.API(), j.webex.Issuer(), known.IntegrationID, known.RedirectURI,
			known.ServiceAppID, hooks, hooks, plugin),
	})
}

// newJourney starts Webex and makes the provider's own secrets. Hooks is where its host may
// listen for webhooks.
func newJourney(ctx context.Context, dir, binary string, out io.Writer) (j *journey, hooks string, err error) {
	redirect, err := freeAddress(ctx)
	if err != nil {
		return nil, "", err
	}
	if hooks, err = freeAddress(ctx); err != nil {
		return nil, "", err
	}
	j = &journey{out: out, dir: dir, binary: binary, env: slices.DeleteFunc(os.Environ(), configures)}
	j.webex = webextest.New(webextest.Config{RedirectURI: "http://" + redirect + "/callback", Domains: []string{"bots.example.com"}})
	if err := j.webex.Start("127.0.0.1:0"); err != nil {
		return nil, "", err
	}
	return j, hooks, j.write(map[string]string{
		"store.key": strings.Repeat("5e", 32), "webhook.secret": "the-secret-of-the-webhooks",
	})
}

// configures says whether a variable of the environment could change what the host does.
func configures(variable string) bool {
	return strings.HasPrefix(variable, "WEBEX_") || strings.HasPrefix(variable, "BYOVA_")
}

// write writes files, or closes Webex again.
func (j *journey) write(files map[string]string) error {
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(j.dir, name), []byte(text), 0o600); err != nil { //nolint:gosec // a directory and names of our own
			return errors.Join(err, j.webex.Close())
		}
	}
	return nil
}

// freeAddress is one of this machine that nobody uses.
func freeAddress(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// play goes through the steps.
func (j *journey) play(ctx context.Context) error {
	for _, step := range []struct {
		says string
		do   func(context.Context) error
	}{
		{"The provider logs in, once.", j.login},
		{"The host serves. No customer is there yet, and who calls without a token is refused.", j.serve},
		{"A customer's administrator authorises the service app in Control Hub. Webex tells the host, which gets tokens\n" +
			"for the customer and registers a data source.", j.authorize},
		{"Webex calls with a token that it made for the data source.", j.call},
		{"Forged tokens, and the customer's own for another organisation's calls, are refused.", j.forge},
		{"The data source is renewed, as the host does twice a day. New tokens count, and those before until they expire.", j.renew},
		{"The customer takes the authorisation back. From that moment on its calls are refused.", j.deauthorize},
	} {
		fmt.Fprintf(j.out, "\n%s\n", step.says)
		if err := step.do(ctx); err != nil {
			return err
		}
	}
	fmt.Fprintln(j.out, "\nAll went as it should.")
	return nil
}

// end stops what runs, and shows the host's log after a failure.
func (j *journey) end(failure error) error {
	err := failure
	if j.host != nil {
		err = errors.Join(err, j.host.stop())
		if err != nil {
			fmt.Fprintf(j.out, "\n--- the host's log:\n%s", j.host.log)
		}
	}
	return errors.Join(err, j.webex.Close())
}

// browser is what the person does with what is printed.
func (j *journey) browser(line string) (string, error) {
	if !strings.HasPrefix(line, j.webex.API()+"/authorize") {
		return "", nil
	}
	return j.webex.Consent(line, false)
}

func (j *journey) login(ctx context.Context) error {
	if err := j.converse(ctx, j.browser, "auth", "login", "--no-browser", "--config", "host.yaml"); err != nil {
		return err
	}
	return j.command(ctx, "auth", "status")
}

func (j *journey) serve(ctx context.Context) (err error) {
	if j.host, err = startHost(ctx, j.binary, j.dir, j.env, "serve", "--config", "host.yaml"); err != nil {
		return err
	}
	fmt.Fprintf(j.out, "  byova-host serves on %s\n", j.host.addr)
	if err := j.host.log.await(ctx, "no data source is known"); err != nil {
		return err
	}
	return j.refused(ctx, "Unauthenticated", "", customer)
}

func (j *journey) authorize(ctx context.Context) error {
	if err := j.host.log.await(ctx, "event=deauthorized done=created"); err != nil { // the webhooks
		return err
	}
	if err := j.webex.Authorize(ctx, customer); err != nil {
		return err
	}
	if err := j.host.log.await(ctx, "a data source is registered"); err != nil {
		return err
	}
	if err := j.command(ctx, "webhooks", "list"); err != nil {
		return err
	}
	return j.command(ctx, "orgs", "list")
}

func (j *journey) call(ctx context.Context) error {
	return j.accepted(ctx, j.webex.Present(j.webex.DataSourceOf(customer)))
}

func (j *journey) forge(ctx context.Context) error {
	source := j.webex.DataSourceOf(customer)
	claims := j.webex.Claims(source)
	claims["com.cisco.datasource.url"] = "https://elsewhere.example.com"
	for _, forged := range []string{
		"not-a-token", j.webex.Present(source) + "x", j.webex.Sign(claims, nil),
	} {
		if err := j.refused(ctx, "Unauthenticated", forged, customer); err != nil {
			return err
		}
	}
	return j.refused(ctx, "PermissionDenied", j.webex.Present(source), stranger)
}

func (j *journey) renew(ctx context.Context) error {
	source := j.webex.DataSourceOf(customer)
	before := j.webex.Present(source)
	if err := j.command(ctx, "datasources", "renew", "--org", customer); err != nil {
		return err
	}
	after := j.webex.Present(source)
	if before == after {
		return errors.New("the token from before the renewal is presented")
	}
	if err := j.host.log.await(ctx, "records changed"); err != nil {
		return err
	}
	for _, token := range []string{before, after} {
		if err := j.accepted(ctx, token); err != nil {
			return err
		}
	}
	return j.command(ctx, "datasources", "list")
}

func (j *journey) deauthorize(ctx context.Context) error {
	token := j.webex.Present(j.webex.DataSourceOf(customer))
	if err := j.webex.Deauthorize(ctx, customer); err != nil {
		return err
	}
	if err := j.refused(ctx, "Unauthenticated", token, customer); err != nil {
		return err
	}
	return j.command(ctx, "orgs", "list")
}
