package webextest_test

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/byova-host/byova-host/internal/byods/webextest"
)

// TestJourney plays one customer over real sockets.
func TestJourney(t *testing.T) {
	var events atomic.Int32
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { events.Add(1) }))
	defer receiver.Close()
	w := start(t, webextest.Config{})
	if err := w.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	carrier := &http.Transport{}
	defer carrier.CloseIdleConnections()
	w.carrier = carrier

	token := w.integration()
	for _, event := range []string{"authorized", "deauthorized"} {
		w.ask(200, "POST", "/webhooks", token, w.newHook(event, object{"targetUrl": receiver.URL}))
	}
	if err := w.Authorize(t.Context(), customer); err != nil {
		t.Fatal(err)
	}
	app := w.fetch(200, token, encoded("ORGANIZATION", customer))
	made := w.ask(200, "POST", "/dataSources", app.str("access_token"), spec(nil))
	if id := w.DataSourceOf(customer); id == "" || id != made.str("id") {
		t.Errorf("the data source is %q, answered was %q", id, made.str("id"))
	}
	presented := w.Present(made.str("id"))
	if presented == "" || presented != made.str("jwsToken") {
		t.Errorf("what Webex presents is not what it has shown")
	}
	if got := part(t, presented, 1)["iss"]; got != w.URL()+"/idb" || got != w.Issuer() {
		t.Errorf("iss is %v", got)
	}
	keys := w.ask(200, "GET", w.Issuer()+"/oauth2/v2/keys/verificationjwk", "", nil)
	verify(t, keys, presented)
	if err := w.Deauthorize(t.Context(), customer); err != nil {
		t.Fatal(err)
	}
	w.ask(401, "GET", "/dataSources", app.str("access_token"), nil)
	w.renew(400, w.app(), app.str("refresh_token"))
	if events.Load() != 2 {
		t.Errorf("%d deliveries, want 2", events.Load())
	}
	if all := w.Requests(); len(all) != 8 || all[7].Path != "/v1/access_token" || all[7].Status != 400 || all[7].Authorized {
		t.Errorf("requests noted: %+v", all)
	}
}
