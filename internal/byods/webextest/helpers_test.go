package webextest_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/byova-host/byova-host/internal/byods/webextest"
)

const (
	customer = "7ecad38e-ba3f-4107-8de2-a7e6a73e6ea9"
	other    = "912b2c37-3a3d-4b0e-8a4a-1d7a0f6c2a55"
	voice    = "5397013b-7920-4ffc-807c-e8a3e0a18f43"
	hooksURL = "https://provider.example.com/webex"
	allHooks = "application:webhooks_read application:webhooks_write spark:applications_token"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := goleak.Find(); code == 0 && err != nil {
		_, _ = os.Stderr.WriteString(err.Error())
		code = 1
	}
	os.Exit(code)
}

// object is JSON.
type object = map[string]any

// reply is what a request got.
type reply struct {
	status int
	header http.Header
	text   string
	json   object
}

// webex is a server with a client that asks it in memory.
type webex struct {
	*webextest.Server
	t       testing.TB
	carrier http.RoundTripper
}

func start(t testing.TB, c webextest.Config) *webex {
	t.Helper()
	s := webextest.New(c)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &webex{s, t, s.Transport()}
}

// on is the same server, for another test.
func (w *webex) on(t testing.TB) *webex { return &webex{w.Server, t, w.carrier} }

// ask sends a request below /v1, or to a whole URL, and wants a status.
func (w *webex) ask(want int, method, path, token string, body any) reply {
	w.t.Helper()
	var reader io.Reader
	header := http.Header{}
	switch body := body.(type) {
	case nil:
	case url.Values:
		reader = strings.NewReader(body.Encode())
		header.Set("Content-Type", "application/x-www-form-urlencoded")
	case string:
		reader = strings.NewReader(body)
		header.Set("Content-Type", "application/json")
	default:
		text, err := json.Marshal(body)
		if err != nil {
			w.t.Fatal(err)
		}
		reader = bytes.NewReader(text)
		header.Set("Content-Type", "application/json")
	}
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	r, err := w.send(w.t.Context(), method, path, header, reader)
	if err != nil {
		w.t.Fatalf("%s %s: %v", method, path, err)
	}
	if r.status != want {
		w.t.Fatalf("%s %s got %d: %s, want %d", method, path, r.status, r.text, want)
	}
	if r.status >= 400 {
		w.checkError(r)
	}
	return r
}

func (w *webex) send(ctx context.Context, method, path string, header http.Header, body io.Reader) (reply, error) {
	if !strings.HasPrefix(path, "http") {
		path = w.API() + path
	}
	q, err := http.NewRequestWithContext(ctx, method, path, body)
	if err != nil {
		return reply{}, err
	}
	q.Header = header
	answer, err := w.carrier.RoundTrip(q)
	if err != nil {
		return reply{}, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	r := reply{status: answer.StatusCode, header: answer.Header, text: string(text)}
	if len(text) > 0 && err == nil {
		err = json.Unmarshal(text, &r.json)
	}
	return r, err
}

// checkError holds that an error has the shape of Webex's.
func (w *webex) checkError(r reply) {
	w.t.Helper()
	var e struct {
		Message    string
		TrackingID string `json:"trackingId"`
		Errors     []struct{ Description string }
	}
	if err := json.Unmarshal([]byte(r.text), &e); err != nil {
		w.t.Fatal(err)
	}
	if e.Message == "" || e.TrackingID == "" || e.TrackingID != r.header.Get("trackingid") ||
		len(e.Errors) == 0 || e.Errors[0].Description == "" {
		w.t.Errorf("error %s with tracking id %q lacks something", r.text, r.header.Get("trackingid"))
	}
}

// integrationApp and app are the credentials, as form fields.
func (w *webex) integrationApp() url.Values {
	c := w.Config()
	return url.Values{"client_id": {c.IntegrationID}, "client_secret": {c.IntegrationSecret}}
}

func (w *webex) app() url.Values {
	c := w.Config()
	return url.Values{"client_id": {c.ServiceAppID}, "client_secret": {c.ServiceAppSecret}}
}

// plus adds fields to a copy.
func plus(v url.Values, pairs ...string) url.Values {
	all := url.Values{}
	for key, value := range v {
		all[key] = slices.Clone(value)
	}
	for i := 0; i < len(pairs); i += 2 {
		all.Set(pairs[i], pairs[i+1])
	}
	return all
}

// authorizeURL asks for scopes.
func (w *webex) authorizeURL(scope string, pairs ...string) string {
	q := plus(url.Values{
		"client_id": {w.Config().IntegrationID}, "redirect_uri": {w.Config().RedirectURI},
		"response_type": {"code"}, "scope": {scope}, "state": {"s-1"},
	}, pairs...)
	return w.API() + "/authorize?" + q.Encode()
}

// code logs in as far as the redirect.
func (w *webex) code(scope string) string {
	w.t.Helper()
	to, err := w.Consent(w.authorizeURL(scope), false)
	if err != nil {
		w.t.Fatal(err)
	}
	at, err := url.Parse(to)
	if err != nil || at.Query().Get("code") == "" {
		w.t.Fatalf("redirect %q, %v: no code", to, err)
	}
	return at.Query().Get("code")
}

// exchange is the form that exchanges a new code.
func (w *webex) exchange(scopes ...string) url.Values {
	w.t.Helper()
	scope := strings.Join(append(scopes, "spark:all"), " ")
	return plus(w.integrationApp(), "grant_type", "authorization_code", "code", w.code(scope), "redirect_uri", w.Config().RedirectURI)
}

// login gives the integration's tokens.
func (w *webex) login(scopes string) reply {
	w.t.Helper()
	return w.ask(200, "POST", "/access_token", "", w.exchange(scopes))
}

// renew asks with a refresh token.
func (w *webex) renew(want int, app url.Values, refresh string) reply {
	w.t.Helper()
	return w.ask(want, "POST", "/access_token", "", plus(app, "grant_type", "refresh_token", "refresh_token", refresh))
}

// integration logs in for everything.
func (w *webex) integration() string {
	w.t.Helper()
	return w.login(allHooks).str("access_token")
}

// str gives a string of an answer.
func (r reply) str(key string) string {
	text, _ := r.json[key].(string)
	return text
}

func (r reply) items() (all []object) {
	list, _ := r.json["items"].([]any)
	for _, item := range list {
		all = append(all, item.(object))
	}
	return all
}

func encoded(kind, id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte("ciscospark://us/" + kind + "/" + id))
}

func (w *webex) applicationID() string { return encoded("APPLICATION", w.Config().ServiceAppID) }

// fetch asks for tokens of a customer.
func (w *webex) fetch(want int, token, target string) reply {
	w.t.Helper()
	return w.ask(want, "POST", "/applications/"+w.applicationID()+"/token", token, object{
		"clientId": w.Config().ServiceAppID, "clientSecret": w.Config().ServiceAppSecret, "targetOrgId": target,
	})
}

// customer authorises for an organisation and gives its access token.
func (w *webex) customer(org string) string {
	w.t.Helper()
	if err := w.Authorize(w.t.Context(), org); err != nil {
		w.t.Fatal(err)
	}
	return w.fetch(200, w.integration(), encoded("ORGANIZATION", org)).str("access_token")
}

// spec is a data source, with changes; nil removes a key.
func spec(changes object) object {
	return merged(object{
		"schemaId": voice, "url": "https://bots.example.com:443", "audience": "a", "subject": "s", "nonce": "n-1",
		"tokenLifetimeMinutes": 60,
	}, changes)
}

func merged(o, changes object) object {
	for key, value := range changes {
		if o[key] = value; value == nil {
			delete(o, key)
		}
	}
	return o
}

// newHook is a webhook, with changes.
func (w *webex) newHook(event string, changes object) object {
	return merged(object{
		"name": event, "targetUrl": hooksURL, "resource": "serviceApp", "event": event,
		"filter": "id=" + w.applicationID(), "secret": "hook-secret",
	}, changes)
}

// part decodes a part of a token: 0 is the header, 1 the claims.
func part(t *testing.T, token string, i int) object {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("token has %d parts", len(parts))
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[i])
	if err != nil {
		t.Fatal(err)
	}
	var o object
	if err := json.Unmarshal(text, &o); err != nil {
		t.Fatal(err)
	}
	return o
}
