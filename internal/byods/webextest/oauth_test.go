package webextest_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/byova-host/byova-host/internal/byods/webextest"
)

// TestConsent: what a browser is redirected to, and what it is not redirected for.
func TestConsent(t *testing.T) {
	w := start(t, webextest.Config{RedirectURI: "http://127.0.0.1:9/back?tenant=1"})
	tests := []struct {
		name  string
		pairs []string
		deny  bool
		want  string // error in the redirect; "-": no redirect; "": a code
	}{
		{name: "agreed"},
		{name: "denied", deny: true, want: "access_denied"},
		{name: "another client", pairs: []string{"client_id", "C1"}, want: "-"},
		{name: "another redirect", pairs: []string{"redirect_uri", "http://127.0.0.1:9/back"}, want: "-"},
		{name: "no code asked for", pairs: []string{"response_type", "token"}, want: "unsupported_response_type"},
		{name: "no scope", pairs: []string{"scope", " "}, want: "invalid_scope"},
		{name: "a scope that is not registered", pairs: []string{"scope", "spark:all spark:kms"}, want: "invalid_scope"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			asked := w.authorizeURL("spark:all", test.pairs...)
			to, err := w.Consent(asked, test.deny)
			if (err != nil) != (test.want == "-") {
				t.Fatalf("Consent = %q, %v", to, err)
			}
			if err != nil {
				w.ask(400, "GET", asked, "", nil)
				return
			}
			at, err := url.Parse(to)
			if err != nil || !strings.HasPrefix(to, "http://127.0.0.1:9/back?") {
				t.Fatalf("redirect to %q, %v", to, err)
			}
			q := at.Query()
			if q.Get("state") != "s-1" || q.Get("tenant") != "1" || q.Get("error") != test.want || (q.Get("code") == "") != (test.want != "") {
				t.Errorf("redirect to %q", to)
			}
		})
	}
	if _, err := w.Consent(w.URL()+"/v1/elsewhere?", false); err == nil {
		t.Error("another path is taken for the authorize URL")
	}
}

// TestAuthorizePage: a browser that is sent there comes back with a code.
func TestAuthorizePage(t *testing.T) {
	w := start(t, webextest.Config{})
	r := w.ask(302, "GET", w.authorizeURL("spark:all"), "", nil)
	at, err := url.Parse(r.header.Get("Location"))
	if err != nil || at.Query().Get("code") == "" || at.Host != "127.0.0.1:8765" || at.Path != "/callback" {
		t.Errorf("Location %q, %v", r.header.Get("Location"), err)
	}
}

// TestCode: a code counts once, for its client and redirect URI.
func TestCode(t *testing.T) {
	w := start(t, webextest.Config{})
	for _, test := range []struct {
		name string
		want int
		form url.Values
	}{
		{"right", 200, w.exchange()},
		{"unknown", 400, plus(w.exchange(), "code", "guessed")},
		{"another redirect", 400, plus(w.exchange(), "redirect_uri", "http://127.0.0.1:1/")},
		{"another app", 400, plus(w.exchange(), "client_id", w.Config().ServiceAppID, "client_secret", w.Config().ServiceAppSecret)},
		{"wrong secret", 401, plus(w.exchange(), "client_secret", "guessed")},
		{"unknown client", 401, plus(w.exchange(), "client_id", "C1")},
		{"another grant", 400, plus(w.exchange(), "grant_type", "client_credentials")},
		{"no code", 400, plus(w.exchange(), "code", "")},
		{"no redirect", 400, plus(w.exchange(), "redirect_uri", "")},
		{"no client", 400, plus(w.exchange(), "client_id", "")},
		{"no secret", 400, plus(w.exchange(), "client_secret", "")},
	} {
		t.Run(test.name, func(*testing.T) { w.ask(test.want, "POST", "/access_token", "", test.form) })
	}
	once := w.exchange()
	w.ask(200, "POST", "/access_token", "", once)
	w.ask(400, "POST", "/access_token", "", once)
	w.ask(415, "POST", "/access_token", "", object{"grant_type": "refresh_token"})
}

// TestCodeLifetime: a code counts for ten minutes.
func TestCodeLifetime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, webextest.Config{})
		soon, late := w.exchange(), w.exchange()
		time.Sleep(10*time.Minute - 1)
		w.ask(200, "POST", "/access_token", "", soon)
		time.Sleep(time.Nanosecond)
		w.ask(400, "POST", "/access_token", "", late)
	})
}

// TestLogin: what an answer with tokens has.
func TestLogin(t *testing.T) {
	w := start(t, webextest.Config{})
	r := w.login(allHooks)
	if r.str("token_type") != "Bearer" || r.str("scope") != allHooks+" spark:all" || r.json["expires_in"] != 1209600.0 ||
		r.json["refresh_token_expires_in"] != 7775999.0 && r.json["refresh_token_expires_in"] != 7776000.0 {
		t.Errorf("tokens: %s", r.text)
	}
	if r.str("access_token") == "" || r.str("refresh_token") == "" || r.str("access_token") == r.str("refresh_token") {
		t.Errorf("tokens: %s", r.text)
	}
}

// TestRefresh: by default the refresh token stays and its lifetime counts down to its
// end; access tokens end by themselves.
func TestRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, webextest.Config{AccessLifetime: time.Hour, RefreshLifetime: 3 * time.Hour})
		first := w.login(allHooks)
		w.ask(200, "GET", "/webhooks", first.str("access_token"), nil)
		time.Sleep(time.Hour)
		w.ask(401, "GET", "/webhooks", first.str("access_token"), nil)
		second := w.renew(200, w.integrationApp(), first.str("refresh_token"))
		if second.str("refresh_token") != first.str("refresh_token") || second.json["refresh_token_expires_in"] != 7200.0 ||
			second.json["expires_in"] != 3600.0 || second.str("access_token") == first.str("access_token") {
			t.Errorf("refreshed: %s", second.text)
		}
		w.ask(200, "GET", "/webhooks", second.str("access_token"), nil)
		w.renew(400, w.app(), first.str("refresh_token")) // another client's
		w.renew(400, w.integrationApp(), "guessed")
		w.renew(400, w.integrationApp(), "")
		time.Sleep(2 * time.Hour)
		w.renew(400, w.integrationApp(), first.str("refresh_token"))
	})
}

// TestRefreshVariants: the other ways in which Webex may answer a refresh.
func TestRefreshVariants(t *testing.T) {
	tests := []struct {
		name   string
		config webextest.Config
		token  [3]string  // of three refreshes: same, new or none
		left   [3]float64 // hours of it, each refresh an hour after the one before
	}{
		{"stays", webextest.Config{}, [3]string{"same", "same", "same"}, [3]float64{9, 8, 7}},
		{"rotates", webextest.Config{RotateRefresh: true}, [3]string{"new", "new", "new"}, [3]float64{10, 10, 10}},
		{"is extended", webextest.Config{ExtendRefresh: true}, [3]string{"same", "same", "same"}, [3]float64{10, 10, 10}},
		{"is left out", webextest.Config{OmitRefresh: 1}, [3]string{"none", "none", "none"}, [3]float64{9, 8, 7}},
		{"is left out at times", webextest.Config{OmitRefresh: 2}, [3]string{"same", "none", "same"}, [3]float64{9, 8, 7}},
		{"rotates at times", webextest.Config{OmitRefresh: 2, RotateRefresh: true}, [3]string{"new", "none", "new"}, [3]float64{10, 9, 10}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				test.config.RefreshLifetime = 10 * time.Hour
				w := start(t, test.config)
				current := w.login(allHooks).str("refresh_token")
				for i := range 3 {
					time.Sleep(time.Hour)
					r := w.renew(200, w.integrationApp(), current)
					next, got := r.str("refresh_token"), "new"
					switch next {
					case "":
						got = "none"
					case current:
						got = "same"
					}
					if got != test.token[i] || r.json["refresh_token_expires_in"] != test.left[i]*3600 {
						t.Errorf("refresh %d gives %s for %v s, want %s for %v h", i, got, r.json["refresh_token_expires_in"], test.token[i], test.left[i])
					}
					if got == "new" {
						w.renew(400, w.integrationApp(), current) // the old one is used up
						current = next
					}
				}
			})
		})
	}
}

// TestPermission: each route wants a token of its kind, with its scope, that counts.
func TestPermission(t *testing.T) {
	w := start(t, webextest.Config{})
	integration, personal := w.integration(), w.PersonalToken()
	app := w.customer(customer)
	readsHooks := w.login("application:webhooks_read").str("access_token")
	fetches := w.login("spark:applications_token").str("access_token")
	readOnly := start(t, webextest.Config{ServiceAppScopes: []string{"spark-admin:datasource_read"}})
	appReads := readOnly.customer(customer)
	writeOnly := start(t, webextest.Config{ServiceAppScopes: []string{"spark-admin:datasource_write"}})
	appWrites := writeOnly.customer(customer)
	hook, source := w.newHook("authorized", nil), spec(nil)
	tests := []struct {
		name         string
		at           *webex
		token        string
		method, path string
		body         any
		want         int
	}{
		{"no token", w, "", "GET", "/dataSources", nil, 401},
		{"unknown token", w, "guessed", "GET", "/dataSources", nil, 401},
		{"no token for schemas", w, "", "GET", "/dataSources/schemas", nil, 401},
		{"no token for webhooks", w, "", "GET", "/webhooks", nil, 401},
		{"no token to fetch", w, "", "POST", "/applications/x/token", object{}, 401},
		{"integration at data sources", w, integration, "GET", "/dataSources", nil, 403},
		{"integration makes a data source", w, integration, "POST", "/dataSources", source, 403},
		{"personal at data sources", w, personal, "GET", "/dataSources/", nil, 403},
		{"personal at webhooks", w, personal, "GET", "/webhooks", nil, 403},
		{"service app at webhooks", w, app, "GET", "/webhooks", nil, 403},
		{"service app makes a webhook", w, app, "POST", "/webhooks", hook, 403},
		{"service app fetches", w, app, "POST", "/applications/x/token", object{}, 403},
		{"reader lists webhooks", w, readsHooks, "GET", "/webhooks", nil, 200},
		{"reader makes a webhook", w, readsHooks, "POST", "/webhooks", hook, 403},
		{"reader changes a webhook", w, readsHooks, "PUT", "/webhooks/x", hook, 403},
		{"reader removes a webhook", w, readsHooks, "DELETE", "/webhooks/x", nil, 403},
		{"reader fetches", w, readsHooks, "POST", "/applications/x/token", object{}, 403},
		{"fetcher lists webhooks", w, fetches, "GET", "/webhooks", nil, 403},
		{"service app reads only", readOnly, appReads, "POST", "/dataSources", source, 403},
		{"service app reads only, changes", readOnly, appReads, "PUT", "/dataSources/x", source, 403},
		{"service app reads only, removes", readOnly, appReads, "DELETE", "/dataSources/x", nil, 403},
		{"service app reads only, lists", readOnly, appReads, "GET", "/dataSources", nil, 200},
		{"service app writes only, lists", writeOnly, appWrites, "GET", "/dataSources", nil, 403},
		{"service app writes only, reads", writeOnly, appWrites, "GET", "/dataSources/x", nil, 403},
		{"schemas, integration", w, integration, "GET", "/dataSources/schemas", nil, 200},
		{"schemas, personal", w, personal, "GET", "/dataSources/schemas", nil, 200},
		{"schemas, service app", w, app, "GET", "/dataSources/schemas", nil, 200},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := test.at.ask(test.want, test.method, test.path, test.token, test.body)
			if (r.header.Get("WWW-Authenticate") != "") != (test.want == 401) {
				t.Errorf("WWW-Authenticate: %q", r.header.Get("WWW-Authenticate"))
			}
		})
	}
	for _, value := range []string{"Basic " + app, app, "Bearer", "bearer " + app} {
		header := http.Header{"Authorization": {value}}
		r, err := w.send(t.Context(), "GET", "/dataSources", header, nil)
		if want := map[bool]int{true: 200, false: 401}[strings.HasPrefix(value, "bearer ")]; err != nil || r.status != want {
			t.Errorf("Authorization %.6s...: %d, %v, want %d", value, r.status, err, want)
		}
	}
}

// TestPersonalToken: it lasts 12 hours and fetches.
func TestPersonalToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, webextest.Config{})
		w.customer(customer)
		token := w.PersonalToken()
		w.fetch(200, token, customer)
		time.Sleep(12 * time.Hour)
		w.fetch(401, token, customer)
	})
}

// TestSecrets: everything that must not be logged is told.
func TestSecrets(t *testing.T) {
	w := start(t, webextest.Config{RotateRefresh: true})
	form := w.exchange(allHooks)
	code := form.Get("code")
	login := w.ask(200, "POST", "/access_token", "", form)
	renewed := w.renew(200, w.integrationApp(), login.str("refresh_token"))
	w.ask(200, "POST", "/webhooks", renewed.str("access_token"), w.newHook("authorized", object{"targetUrl": "https://127.0.0.1:1/"}))
	if err := w.Authorize(t.Context(), customer); err == nil {
		t.Error("nobody listens, and the delivery is answered")
	}
	app := w.fetch(200, renewed.str("access_token"), customer)
	source := w.ask(200, "POST", "/dataSources", app.str("access_token"), spec(nil))
	secrets := w.Secrets()
	for what, secret := range map[string]string{
		"integration's secret": w.Config().IntegrationSecret, "service app's secret": w.Config().ServiceAppSecret, "code": code,
		"access token": login.str("access_token"), "refresh token": login.str("refresh_token"),
		"second access token": renewed.str("access_token"), "second refresh token": renewed.str("refresh_token"),
		"app's access token": app.str("access_token"), "app's refresh token": app.str("refresh_token"),
		"webhook's secret": "hook-secret", "nonce": "n-1", "presented token": source.str("jwsToken"),
		"portal's": w.PortalRefreshToken(other), "personal": w.PersonalToken(), "signed": w.Sign(nil, nil),
	} {
		if what == "portal's" || what == "personal" || what == "signed" {
			secrets = w.Secrets()
		}
		if secret == "" || !slices.Contains(secrets, secret) {
			t.Errorf("the %s is not among the secrets", what)
		}
	}
	slices.Sort(secrets)
	if len(slices.Compact(secrets)) != len(w.Secrets()) || slices.Contains(secrets, "") {
		t.Error("secrets come twice, or are empty")
	}
}

// TestRefreshRace: of those who use one refresh token at once, where it rotates, one
// gets the next.
func TestRefreshRace(t *testing.T) {
	w := start(t, webextest.Config{RotateRefresh: true})
	old := w.login(allHooks).str("refresh_token")
	form := plus(w.integrationApp(), "grant_type", "refresh_token", "refresh_token", old).Encode()
	status := make(chan int, 8)
	for range cap(status) {
		go func() {
			header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
			r, err := w.send(t.Context(), "POST", "/access_token", header, strings.NewReader(form))
			if err != nil {
				t.Error(err)
			}
			status <- r.status
		}()
	}
	got := map[int]int{}
	for range cap(status) {
		got[<-status]++
	}
	if got[200] != 1 || got[400] != cap(status)-1 {
		t.Errorf("answers: %v", got)
	}
}
