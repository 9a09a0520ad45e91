package datasource

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.uber.org/goleak"

	"github.com/byova-host/byova-host/internal/byods/credential"
	"github.com/byova-host/byova-host/internal/byods/store"
	"github.com/byova-host/byova-host/internal/byods/webex"
	"github.com/byova-host/byova-host/internal/byods/webextest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// want is the data source of the tests.
var want = Spec{URL: "https://voice.example.com:443", Audience: "byova-host", Subject: "voice-virtual-agent"}

// world is Webex, and a store that hosts share.
type world struct {
	*testing.T
	webex   *webextest.Server
	records *store.Memory
	orgs    []webex.OrgID
	// carry, if it is set, carries requests in place of next.
	carry func(q *http.Request, next http.RoundTripper) (*http.Response, error)
}

// RoundTrip implements http.RoundTripper.
func (w *world) RoundTrip(q *http.Request) (*http.Response, error) {
	if w.carry != nil {
		return w.carry(q, w.webex.Transport())
	}
	return w.webex.Transport().RoundTrip(q)
}

// bubble tests in a world of one organisation, whose time passes at once.
func bubble(t *testing.T, c webextest.Config, test func(*testing.T, *world, webex.OrgID)) {
	t.Helper()
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, c, 1)
		test(t, w, w.orgs[0])
	})
}

// inBubble is synctest.Test, if there is what it needs.
func inBubble(t *testing.T, test func(*testing.T)) {
	t.Helper()
	synctest.Test(t, test)
}

// newWorld has so many organisations that have authorised the service app.
func newWorld(t *testing.T, c webextest.Config, orgs int) *world {
	t.Helper()
	w := &world{T: t, webex: webextest.New(c), records: store.NewMemory()}
	h := w.host(want, nil)
	for i := range orgs {
		org := webex.OrgID(fmt.Sprintf("%08x-5a11-4c0d-9e37-00a1b2c3d4e5", i+1))
		w.orgs = append(w.orgs, org)
		w.authorize(h, org)
	}
	w.webex.Requests()
	return w
}

// authorize gives an organisation a token, as the developer's portal does.
func (w *world) authorize(h *host, org webex.OrgID) {
	w.Helper()
	if err := h.App.Org(org).Register(w.Context(), w.webex.PortalRefreshToken(string(org))); err != nil {
		w.Fatal(err)
	}
}

// host is a process with a keeper.
type host struct {
	*Keeper
	w    *world
	stop func() // ends Run and waits for it
}

// host starts a process that does not run its keeper.
func (w *world) host(spec Spec, log hclog.Logger) *host {
	w.Helper()
	records, err := store.NewCache(w.Context(), w.records)
	if err != nil {
		w.Fatal(err)
	}
	client := webex.New(webex.Config{API: w.webex.API(), HTTP: w, Rate: 10})
	app := credential.NewServiceApp(credential.ServiceAppConfig{
		App:    webex.App{ClientID: w.webex.Config().ServiceAppID, ClientSecret: w.webex.Config().ServiceAppSecret},
		Client: client, Store: records,
		Integration: credential.NewIntegration(credential.IntegrationConfig{Client: client, Store: records}),
	})
	return &host{w: w, Keeper: New(Config{Spec: spec, Client: client, App: app, Store: records, Log: log})}
}

// run runs the keeper until stop or the end of the test.
func (h *host) run() {
	ctx, cancel := context.WithCancel(h.w.Context())
	var running sync.WaitGroup
	running.Go(func() { h.Run(ctx) })
	h.stop = func() {
		cancel()
		running.Wait()
	}
	h.w.Cleanup(h.stop)
}

// ensured is a host that has brought the organisation's data source to how it should be.
func (w *world) ensured(org webex.OrgID) *host {
	w.Helper()
	h := w.host(want, nil)
	if err := h.Ensure(w.Context(), org); err != nil {
		w.Fatal(err)
	}
	w.accepted(org)
	w.webex.Requests()
	return h
}

// edit changes the data source at Webex, as somebody does who is not us.
func (w *world) edit(h *host, org webex.OrgID, change func(*webex.DataSourceSpec)) {
	w.Helper()
	d, err := h.Client.DataSource(w.Context(), h.App.Org(org), w.webex.DataSourceOf(string(org)))
	if err != nil {
		w.Fatal(err)
	}
	spec := webex.DataSourceSpec{
		Schema: d.Schema, URL: d.URL, Audience: d.Audience, Subject: d.Subject, Nonce: d.Nonce, Lifetime: d.Lifetime, Status: d.Status,
	}
	change(&spec)
	if _, err := h.Client.UpdateDataSource(w.Context(), h.App.Org(org), d.ID, spec); err != nil {
		w.Fatal(err)
	}
	w.webex.Requests()
}

// accepted holds that what Webex presents for an organisation would be let in.
func (w *world) accepted(org webex.OrgID) {
	w.Helper()
	if err := w.presented(org, w.peek); err != nil {
		w.Errorf("a token is refused: %v", err)
	}
}

// peek gives an organisation's record, past all caches.
func (w *world) peek(org webex.OrgID) (store.Org, bool) {
	o, err := w.records.Org(w.Context(), org)
	return o, err == nil
}

// sent gives the methods of the requests for data sources since it was called last.
func (w *world) sent() string {
	var all []string
	for _, q := range w.webex.Requests() {
		if strings.HasPrefix(q.Path, "/v1/dataSources") {
			all = append(all, q.Method)
		}
	}
	return strings.Join(all, " ")
}

// record is what the store has of an organisation.
func (w *world) record(org webex.OrgID) store.Org {
	w.Helper()
	o, err := w.records.Org(w.Context(), org)
	if err != nil {
		w.Fatal(err)
	}
	return o
}

// presented checks what Webex would present for an organisation now, as a verifier
// does that knows the records. It gives why the token is refused.
func (w *world) presented(org webex.OrgID, peek func(webex.OrgID) (store.Org, bool)) error {
	claims := w.webex.Claims(w.webex.DataSourceOf(string(org)))
	o, ok := peek(org)
	if claims == nil || !ok || o.State != store.Authorized || o.Source == nil || o.Source.ID == "" {
		return fmt.Errorf("claims %v, record %v with data source %v: nothing to compare", claims != nil, ok, o.Source != nil)
	}
	now, d := time.Now(), o.Source
	if exp := time.Unix(claims["exp"].(int64), 0); !now.Before(exp) {
		return fmt.Errorf("the token has expired at %v", exp)
	}
	for claim, registered := range map[string]string{
		"aud": d.Audience, "sub": d.Subject, "com.cisco.datasource.url": d.URL,
		"com.cisco.datasource.schema.uuid": d.Schema, "com.cisco.org.uuid": string(org),
	} {
		if claims[claim] != registered {
			return fmt.Errorf("%s is %v, and %q is registered", claim, claims[claim], registered)
		}
	}
	for _, n := range d.Nonces {
		if n.Value == claims["jti"] && (n.Until.IsZero() || now.Before(n.Until)) {
			return nil
		}
	}
	return fmt.Errorf("the nonce is none of %d", len(d.Nonces))
}
