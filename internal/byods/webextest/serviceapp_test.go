package webextest_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/byova-host/byova-host/internal/byods/webextest"
)

// TestFetch: who gets tokens for which organisation, asked for how.
func TestFetch(t *testing.T) {
	w := start(t, webextest.Config{})
	token := w.integration()
	w.customer(customer)
	if err := w.Authorize(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	if err := w.Deauthorize(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	c := w.Config()
	good := func(changes object) object {
		return merged(object{"clientId": c.ServiceAppID, "clientSecret": c.ServiceAppSecret, "targetOrgId": customer}, changes)
	}
	path := "/applications/" + w.applicationID() + "/token"
	tests := []struct {
		name string
		path string
		body any
		want int
	}{
		{"right", path, good(nil), 200},
		{"encoded target", path, good(object{"targetOrgId": encoded("ORGANIZATION", customer)}), 200},
		{"padded application", "/applications/" + base64.StdEncoding.EncodeToString([]byte("ciscospark://us/APPLICATION/"+c.ServiceAppID)) + "/token", good(nil), 200},
		{"another application", "/applications/" + encoded("APPLICATION", c.IntegrationID) + "/token", good(nil), 404},
		{"a client id as application", "/applications/" + c.ServiceAppID + "/token", good(nil), 404},
		{"another kind of id", "/applications/" + encoded("ORGANIZATION", c.ServiceAppID) + "/token", good(nil), 404},
		{"no client", path, good(object{"clientId": nil}), 400},
		{"no secret", path, good(object{"clientSecret": nil}), 400},
		{"no target", path, good(object{"targetOrgId": nil}), 400},
		{"wrong secret", path, good(object{"clientSecret": "guessed"}), 400},
		{"the integration's credentials", path, good(object{"clientId": c.IntegrationID, "clientSecret": c.IntegrationSecret}), 400},
		{"a key too many", path, good(object{"orgId": customer}), 400},
		{"no organisation's id", path, good(object{"targetOrgId": "customer"}), 400},
		{"another kind of target", path, good(object{"targetOrgId": encoded("PEOPLE", customer)}), 400},
		{"an organisation that has not authorised", path, good(object{"targetOrgId": "00000000-0000-4000-8000-000000000000"}), 404},
		{"an organisation that has deauthorised", path, good(object{"targetOrgId": other}), 403},
		{"no JSON", path, "clientId=1", 400},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := w.ask(test.want, "POST", test.path, token, test.body)
			if test.want == 200 && (r.str("access_token") == "" || r.str("refresh_token") == "" ||
				!strings.HasSuffix(r.str("access_token"), "_"+customer) || r.json["expires_in"] != 1209600.0) {
				t.Errorf("tokens: %s", r.text)
			}
		})
	}
	w.ask(415, "POST", path, token, plus(w.app(), "targetOrgId", customer))
}

// TestTargetForms: a server can be made to take one form of targetOrgId alone.
func TestTargetForms(t *testing.T) {
	for _, test := range []struct {
		config         webextest.Config
		plain, encoded int
	}{
		{webextest.Config{}, 200, 200},
		{webextest.Config{OnlyUUIDTarget: true}, 200, 404},
		{webextest.Config{OnlyEncodedTarget: true}, 400, 200},
	} {
		w := start(t, test.config)
		token := w.integration()
		if err := w.Authorize(t.Context(), customer); err != nil {
			t.Fatal(err)
		}
		w.fetch(test.plain, token, customer)
		w.fetch(test.encoded, token, encoded("ORGANIZATION", customer))
	}
}

// TestDeauthorize: all tokens of the organisation end, and no others.
func TestDeauthorize(t *testing.T) {
	w := start(t, webextest.Config{})
	token := w.integration()
	w.customer(customer)
	apps := map[string]reply{}
	for _, org := range []string{customer, other} {
		if org == other {
			w.customer(other)
		}
		apps[org] = w.fetch(200, token, org)
	}
	source := w.ask(200, "POST", "/dataSources", apps[customer].str("access_token"), spec(nil)).str("id")
	second := w.renew(200, w.app(), apps[customer].str("refresh_token"))
	if err := w.Deauthorize(t.Context(), customer); err != nil {
		t.Fatal(err)
	}
	for _, ended := range []reply{apps[customer], second} {
		w.ask(401, "GET", "/dataSources", ended.str("access_token"), nil)
		w.renew(400, w.app(), ended.str("refresh_token"))
	}
	w.fetch(403, token, customer)
	w.ask(200, "GET", "/dataSources", apps[other].str("access_token"), nil)
	w.renew(200, w.app(), apps[other].str("refresh_token"))
	if w.Present(source) == "" {
		t.Error("the token of the data source has gone: a host could not be shown to refuse it")
	}

	if err := w.Authorize(t.Context(), customer); err != nil {
		t.Fatal(err)
	}
	again := w.fetch(200, token, customer).str("access_token")
	if all := w.ask(200, "GET", "/dataSources", again, nil).items(); len(all) != 1 || all[0]["id"] != source {
		t.Errorf("after another authorisation there are %v", all)
	}
	w.ask(401, "GET", "/dataSources", second.str("access_token"), nil)
}

// TestDecisions that are none.
func TestDecisions(t *testing.T) {
	w := start(t, webextest.Config{})
	if err := w.Deauthorize(t.Context(), customer); err == nil {
		t.Error("an authorisation is taken back that was never given")
	}
	if err := w.Authorize(t.Context(), "customer"); err == nil {
		t.Error("an organisation without a UUID authorises")
	}
	if err := w.Authorize(t.Context(), strings.ToUpper(customer)); err != nil {
		t.Error(err)
	}
	if err := w.Authorize(t.Context(), encoded("ORGANIZATION", customer)); err == nil {
		t.Error("the same organisation authorises twice")
	}
}

// TestPortalRefreshToken: a sandbox works without a webhook.
func TestPortalRefreshToken(t *testing.T) {
	told := 0
	w := start(t, webextest.Config{Delivery: webextest.InMemory(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { told++ }))})
	w.ask(200, "POST", "/webhooks", w.integration(), w.newHook("authorized", nil))
	token := w.renew(200, w.app(), w.PortalRefreshToken(customer)).str("access_token")
	w.ask(200, "POST", "/dataSources", token, spec(nil))
	if told != 0 || w.PortalRefreshToken("nobody") != "" {
		t.Errorf("%d webhooks were delivered", told)
	}
	if err := w.Deauthorize(t.Context(), customer); err != nil {
		t.Fatal(err)
	}
	w.ask(401, "GET", "/dataSources", token, nil)
}

// TestRevoke ends tokens and nothing else.
func TestRevoke(t *testing.T) {
	w := start(t, webextest.Config{})
	login := w.login(allHooks)
	if err := w.Authorize(t.Context(), customer); err != nil {
		t.Fatal(err)
	}
	app := w.fetch(200, login.str("access_token"), customer)
	w.Revoke(customer)
	w.ask(401, "GET", "/dataSources", app.str("access_token"), nil)
	w.renew(400, w.app(), app.str("refresh_token"))
	app = w.fetch(200, login.str("access_token"), customer)
	w.Revoke("")
	w.ask(401, "GET", "/webhooks", login.str("access_token"), nil)
	w.renew(400, w.integrationApp(), login.str("refresh_token"))
	w.renew(200, w.app(), app.str("refresh_token")) // without the integration
}
