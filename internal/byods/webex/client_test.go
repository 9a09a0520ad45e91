package webex

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/byova-host/byova-host/internal/byods/webextest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const org = OrgID("7ecad38e-ba3f-4107-8de2-a7e6a73e6ea9")

// desk is a client beside its Webex, with tokens of each kind.
type desk struct {
	*webextest.Server
	*Client
	app, serviceApp       App
	integration, customer *source
}

// source gives a token, and another one when it was refused.
type source struct {
	mu       sync.Mutex
	token    string
	renewals int
	renew    func() (string, error)
}

func (s *source) Token(context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.token, nil
}

func (s *source) Renew(_ context.Context, refused string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token != refused {
		return s.token, nil
	}
	s.renewals++
	var err error
	s.token, err = s.renew()
	return s.token, err
}

// newDesk logs in, and has an organisation authorise.
func newDesk(t testing.TB, c webextest.Config, change func(*Config)) *desk {
	t.Helper()
	d := &desk{Server: webextest.New(c)}
	known := d.Config()
	config := Config{API: d.API(), HTTP: d.Transport(), Rate: 1000}
	if change != nil {
		change(&config)
	}
	d.Client = New(config)
	d.app = App{known.IntegrationID, known.IntegrationSecret}
	d.serviceApp = App{known.ServiceAppID, known.ServiceAppSecret}
	ctx := context.Background()
	redirect, err := d.Consent(d.AuthorizeURL(d.app, known.RedirectURI, "state", []string{
		"spark:applications_token", "application:webhooks_write", "application:webhooks_read"}), false)
	if err != nil {
		t.Fatal(err)
	}
	_, code, _ := strings.Cut(redirect, "code=")
	code, _, _ = strings.Cut(code, "&")
	token, err := d.Exchange(ctx, d.app, known.RedirectURI, code)
	if err != nil {
		t.Fatal(err)
	}
	d.integration = &source{token: token.Access, renew: func() (string, error) {
		fresh, err := d.RefreshToken(ctx, d.app, token.Refresh)
		return fresh.Access, err
	}}
	if err := d.Authorize(ctx, string(org)); err != nil {
		t.Fatal(err)
	}
	own, err := d.ServiceAppToken(ctx, d.integration, d.serviceApp, ApplicationID(d.serviceApp.ClientID), org.Encoded())
	if err != nil {
		t.Fatal(err)
	}
	d.customer = &source{token: own.Access, renew: func() (string, error) {
		fresh, err := d.RefreshToken(ctx, d.serviceApp, own.Refresh)
		return fresh.Access, err
	}}
	d.Requests()
	return d
}

func (d *desk) spec() DataSourceSpec {
	return DataSourceSpec{
		Schema: VoiceSchema, URL: "https://bots.example.com:443", Audience: "audience", Subject: "subject", Nonce: "nonce-1", Lifetime: 24 * time.Hour,
	}
}

func TestDataSources(t *testing.T) {
	for name, legacy := range map[string]bool{"as documented": false, "with older keys": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t, webextest.Config{LegacyRequests: legacy, LegacyResponses: legacy}, func(c *Config) { c.Legacy = legacy })
				ctx := t.Context()
				made, err := d.CreateDataSource(ctx, d.customer, d.spec())
				if err != nil {
					t.Fatal(err)
				}
				if made.URL != d.spec().URL || made.Schema != VoiceSchema || made.Nonce != "nonce-1" || made.Lifetime != 24*time.Hour ||
					made.Status != StatusActive || made.Token == "" || !made.Expires.Equal(time.Now().Add(24*time.Hour).Truncate(time.Second)) ||
					made.ApplicationID != d.serviceApp.ClientID || made.CreatedAt.IsZero() {
					t.Errorf("%+v", struct{ DataSource }{made})
				}
				if id, err := ParseOrgID(made.Org); err != nil || id != org {
					t.Errorf("organisation %q, %v", made.Org, err)
				}
				next := d.spec()
				next.Nonce, next.Lifetime = "nonce-2", time.Hour
				changed, err := d.UpdateDataSource(ctx, d.customer, made.ID, next)
				if err != nil || changed.Nonce != "nonce-2" || changed.Token == made.Token || changed.Lifetime != time.Hour {
					t.Errorf("%v, %v", changed, err)
				}
				next.Nonce, next.Status, next.ErrorMessage = "nonce-3", StatusDisabled, "back at noon"
				if off, err := d.UpdateDataSource(ctx, d.customer, made.ID, next); err != nil || off.Status != StatusDisabled || off.ErrorMessage != "back at noon" {
					t.Errorf("%v, %v", off, err)
				}
				if got, err := d.DataSource(ctx, d.customer, made.ID); err != nil || got.Nonce != "nonce-3" {
					t.Errorf("%v, %v", got, err)
				}
				if all, err := d.DataSources(ctx, d.customer); err != nil || len(all) != 1 || all[0].ID != made.ID {
					t.Errorf("%v, %v", all, err)
				}
				if err := d.DeleteDataSource(ctx, d.customer, made.ID); err != nil {
					t.Error(err)
				}
				if _, err := d.DataSource(ctx, d.customer, made.ID); !errors.Is(err, ErrNotFound) {
					t.Errorf("deleted: %v", err)
				}
				schemas, err := d.Schemas(ctx, d.customer)
				if err != nil || len(schemas) == 0 {
					t.Fatalf("%v, %v", schemas, err)
				}
				if s, err := d.Schema(ctx, d.customer, VoiceSchema); err != nil || s.ID != VoiceSchema || s.Protocol != "gRPC" {
					t.Errorf("%+v, %v", s, err)
				}
			})
		})
	}
}

// TestNotSent: what Webex would refuse anyhow, or misunderstand.
func TestNotSent(t *testing.T) {
	d := newDesk(t, webextest.Config{}, nil)
	for name, change := range map[string]func(*DataSourceSpec){
		"no schema": func(s *DataSourceSpec) { s.Schema = "" }, "no URL": func(s *DataSourceSpec) { s.URL = "" },
		"no audience": func(s *DataSourceSpec) { s.Audience = "" }, "no subject": func(s *DataSourceSpec) { s.Subject = "" },
		"no nonce": func(s *DataSourceSpec) { s.Nonce = "" }, "no lifetime": func(s *DataSourceSpec) { s.Lifetime = 0 },
		"25 hours": func(s *DataSourceSpec) { s.Lifetime = 25 * time.Hour }, "90 seconds": func(s *DataSourceSpec) { s.Lifetime = 90 * time.Second },
		"inactive": func(s *DataSourceSpec) { s.Status = "inactive" }, "disabled without a word": func(s *DataSourceSpec) { s.Status = StatusDisabled },
	} {
		s := d.spec()
		change(&s)
		if _, err := d.UpdateDataSource(t.Context(), d.customer, "id", s); err == nil {
			t.Errorf("%s: sent", name)
		}
	}
	for _, id := range []string{"", ".", ".."} {
		if _, err := d.DataSource(t.Context(), d.customer, id); err == nil {
			t.Errorf("id %q was asked for", id)
		}
	}
	if n := len(d.Requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
	_, _ = d.DataSource(t.Context(), d.customer, "a/../b?c#d")
	if got := d.Requests(); len(got) != 1 || !strings.HasPrefix(got[0].Path, "/v1/dataSources/") {
		t.Errorf("an id with a slash: %+v", got)
	}
}

func TestWebhooks(t *testing.T) {
	d := newDesk(t, webextest.Config{PageSize: 3}, nil)
	ctx := t.Context()
	var ids []string
	for i := range 8 {
		w, err := d.CreateWebhook(ctx, d.integration, NewWebhook{
			Name: fmt.Sprint("hook ", i), TargetURL: "https://bots.example.com/", Resource: "serviceApp", Event: "authorized", Filter: "id=x", Secret: "s"})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, w.ID)
	}
	all, err := d.Webhooks(ctx, d.integration)
	if err != nil || len(all) != len(ids) {
		t.Errorf("%d webhooks, %v, want %d", len(all), err, len(ids))
	}
	w, err := d.UpdateWebhook(ctx, d.integration, ids[0], WebhookUpdate{Name: "new", TargetURL: "https://bots.example.com/new", Secret: "t", Status: "active"})
	if err != nil || w.Name != "new" {
		t.Errorf("%v, %v", w, err)
	}
	if w, err = d.Webhook(ctx, d.integration, ids[0]); err != nil || w.TargetURL != "https://bots.example.com/new" || w.Filter != "id=x" {
		t.Errorf("%v, %v", w, err)
	}
	if err := d.DeleteWebhook(ctx, d.integration, ids[0]); err != nil {
		t.Error(err)
	}
	if _, err := d.Webhook(ctx, d.integration, ids[0]); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

// TestErrors: each status is of its kind, with what Webex says of it.
func TestErrors(t *testing.T) {
	kinds := []error{ErrAuthentication, ErrNotFound, ErrValidation, ErrConflict, ErrRateLimited, ErrUnavailable}
	for status, want := range map[int][]error{
		400: {ErrValidation}, 401: {ErrAuthentication}, 403: {ErrAuthentication}, 404: {ErrNotFound}, 409: {ErrValidation, ErrConflict},
		410: {ErrNotFound}, 415: {ErrValidation}, 423: {ErrUnavailable}, 428: {ErrValidation}, 429: {ErrRateLimited},
		500: {ErrUnavailable}, 502: {ErrUnavailable}, 503: {ErrUnavailable}, 504: {ErrUnavailable}, 302: nil, 418: nil,
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t, webextest.Config{}, nil)
				d.Fail(webextest.Fault{Path: "/v1/dataSources", Status: status})
				_, err := d.DataSource(t.Context(), d.customer, "id")
				e, ok := errors.AsType[*Error](err)
				if !ok || e.Status != status || e.TrackingID == "" || e.Message == "" && status >= 400 || e.Method != http.MethodGet || e.Path != "/dataSources/id" {
					t.Fatalf("%#v, %v", e, err)
				}
				if text := err.Error(); !strings.Contains(text, fmt.Sprint(status)) || !strings.Contains(text, e.TrackingID) || !strings.Contains(text, e.Message) {
					t.Error(text)
				}
				for _, kind := range kinds {
					is := false
					for _, w := range want {
						is = is || w == kind
					}
					if errors.Is(err, kind) != is {
						t.Errorf("it is %v: %v", kind, !is)
					}
				}
			})
		})
	}
}

// TestAnswers that make no sense: said, and not quoted.
func TestAnswers(t *testing.T) {
	for name, fault := range map[string]webextest.Fault{
		"a page of HTML":      {Body: "<html>hunter2</html>"},
		"an error page":       {Status: 502, Body: "<html>hunter2</html>"},
		"half a JSON":         {Body: `{"id":"hunter2`},
		"a list":              {Body: `["hunter2"]`},
		"nothing":             {Body: " "},
		"control characters":  {Status: 400, Body: `{"message":"a\u001b[31m\nb"}`},
		"an endless message":  {Status: 400, Body: `{"message":"` + strings.Repeat("x", 1<<20) + `"}`},
		"more than is read":   {Body: strings.Repeat(" ", maxAnswer+2)},
		"a broken connection": {Break: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t, webextest.Config{}, func(c *Config) { c.Tries = 1 })
				fault.Path = "/v1/dataSources"
				d.Fail(fault)
				_, err := d.DataSource(t.Context(), d.customer, "id")
				e, ok := errors.AsType[*Error](err)
				if !ok || strings.Contains(err.Error(), "hunter2") || len(err.Error()) > 1000 || strings.ContainsAny(err.Error(), "\n\x1b") {
					t.Errorf("%v", err)
				}
				if ok && fault.Status == 0 && !errors.Is(e, ErrUnavailable) {
					t.Errorf("it may pass: %v", err)
				}
			})
		})
	}
}

// TestRepeats: what is tried again, how often, and after what time.
func TestRepeats(t *testing.T) {
	get := func(ctx context.Context, d *desk) error { _, err := d.DataSources(ctx, d.customer); return err }
	put := func(ctx context.Context, d *desk) error {
		_, err := d.UpdateDataSource(ctx, d.customer, "id", d.spec())
		return err
	}
	post := func(ctx context.Context, d *desk) error {
		_, err := d.CreateDataSource(ctx, d.customer, d.spec())
		return err
	}
	tests := []struct {
		name     string
		do       func(context.Context, *desk) error
		fault    webextest.Fault
		requests int
		least    time.Duration
		most     time.Duration
		ok       bool
	}{
		{"a failure that passes", get, webextest.Fault{Status: 503, Times: 2}, 3, 0, 3 * time.Second, true},
		{"one that lasts", get, webextest.Fault{Status: 500}, 4, time.Second / 10, 10 * time.Second, false},
		{"a broken connection", get, webextest.Fault{Break: true, Times: 1}, 2, 0, time.Second, true},
		{"locked", put, webextest.Fault{Status: 423, RetryAfter: "7"}, 4, 21 * time.Second, 30 * time.Second, false},
		{"too many, in seconds", get, webextest.Fault{Status: 429, RetryAfter: "10", Times: 1}, 2, 10 * time.Second, 12 * time.Second, true},
		{"too many, as a date", get, webextest.Fault{Status: 429, RetryAfter: "date", Times: 1}, 2, 9 * time.Second, 12 * time.Second, true},
		{"too many, of a POST", post, webextest.Fault{Status: 429, RetryAfter: "10", Times: 1}, 2, 10 * time.Second, 12 * time.Second, true},
		{"unavailable, of a POST, with a time", post, webextest.Fault{Status: 503, RetryAfter: "10", Times: 1}, 2, 10 * time.Second, 12 * time.Second, true},
		{"unavailable, of a POST", post, webextest.Fault{Status: 503}, 1, 0, 0, false},
		{"a lost answer to a POST", post, webextest.Fault{Break: true, Late: true}, 1, 0, 0, false},
		{"wait for an hour", get, webextest.Fault{Status: 429, RetryAfter: "3600"}, 1, 0, 0, false},
		{"wait for ever", get, webextest.Fault{Status: 429, RetryAfter: "99999999999999999999"}, 1, 0, 0, false},
		{"not accepted", put, webextest.Fault{Status: 400}, 1, 0, 0, false},
		{"not found", get, webextest.Fault{Status: 404}, 1, 0, 0, false},
		{"forbidden", get, webextest.Fault{Status: 403}, 1, 0, 0, false},
		{"conflict", post, webextest.Fault{Status: 409}, 1, 0, 0, false},
		{"slow", get, webextest.Fault{Delay: time.Hour, Times: 1}, 2, attemptLimit, attemptLimit + time.Second, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t, webextest.Config{}, nil)
				test.fault.Path = "/v1/dataSources"
				if test.fault.RetryAfter == "date" {
					test.fault.RetryAfter = time.Now().Add(10 * time.Second).UTC().Format(http.TimeFormat)
				}
				d.Fail(test.fault)
				began := time.Now()
				err := test.do(t.Context(), d)
				took := time.Since(began)
				if n := len(d.Requests()); n != test.requests || took < test.least || took > test.most || (err == nil) != test.ok {
					t.Errorf("%d requests in %v, %v; want %d in %v to %v", n, took, err, test.requests, test.least, test.most)
				}
			})
		})
	}
}

// TestDeadline: nobody waits longer than they want to.
func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, webextest.Config{}, nil)
		d.Fail(webextest.Fault{Path: "/v1/dataSources", Status: 429, RetryAfter: "30"})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		began := time.Now()
		if _, err := d.DataSources(ctx, d.customer); !errors.Is(err, ErrRateLimited) || time.Since(began) > 0 {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

// TestNoStampede: after one 429 nobody asks before its time, and then not all at once.
func TestNoStampede(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, webextest.Config{}, func(c *Config) { c.Rate = 5 })
		d.Fail(webextest.Fault{Path: "/v1/dataSources", Status: 429, RetryAfter: "20", Times: 1})
		began := time.Now()
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				if _, err := d.DataSources(t.Context(), d.customer); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		seconds := map[int]int{}
		for _, q := range d.Requests() {
			seconds[int(q.At.Sub(began)/time.Second)]++
		}
		for second, n := range seconds {
			if n > 8 || second > 0 && second < 20 {
				t.Errorf("%d requests in second %d", n, second)
			}
		}
	})
}

// TestRenewal: 401 renews once and repeats once.
func TestRenewal(t *testing.T) {
	tests := []struct {
		name               string
		times              int
		requests, renewals int
		ok                 bool
	}{
		{"a token that has expired", 1, 2, 1, true},
		{"one that is refused again", 2, 2, 1, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t, webextest.Config{}, nil)
				d.Fail(webextest.Fault{Path: "/v1/dataSources", Status: 401, Times: test.times})
				_, err := d.DataSources(t.Context(), d.customer)
				asked := 0
				for _, q := range d.Requests() {
					if strings.HasPrefix(q.Path, "/v1/dataSources") {
						asked++
					}
				}
				if asked != test.requests || d.customer.renewals != test.renewals || (err == nil) != test.ok {
					t.Errorf("%d requests, %d renewals, %v", asked, d.customer.renewals, err)
				}
			})
		})
	}
	t.Run("a source that has none", func(t *testing.T) {
		d := newDesk(t, webextest.Config{}, nil)
		if _, err := d.DataSources(t.Context(), StaticToken("expired")); !errors.Is(err, ErrAuthentication) {
			t.Error(err)
		}
	})
}

// TestTokens: lifetimes are what Webex says, and nothing is guessed.
func TestTokens(t *testing.T) {
	tests := []struct {
		name, body string
		access     string
		life       time.Duration
		refresh    string
		want       string // of the error
	}{
		{"numbers", `{"access_token":"a","expires_in":3600,"refresh_token":"r","refresh_token_expires_in":7200}`, "a", time.Hour, "r", ""},
		{"texts", `{"access_token":"a","expires_in":"3600","refresh_token":"r"}`, "a", time.Hour, "r", ""},
		{"the old refresh token stays", `{"access_token":"a","expires_in":3600}`, "a", time.Hour, "old", ""},
		{"no expiry", `{"access_token":"a"}`, "", 0, "", "expires_in"},
		{"expiry 0", `{"access_token":"a","expires_in":0}`, "", 0, "", "expires_in"},
		{"expiry -1", `{"access_token":"a","expires_in":-1}`, "", 0, "", "expires_in"},
		{"no token", `{"expires_in":3600}`, "", 0, "", "token"},
		{"no JSON", `hunter2`, "", 0, "", "token"},
		{"HTML", `<html>hunter2`, "", 0, "", "token"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t, webextest.Config{}, func(c *Config) { c.Tries = 1 })
				d.Fail(webextest.Fault{Path: "/v1/access_token", Body: test.body})
				got, err := d.RefreshToken(t.Context(), d.app, "old")
				if (err == nil) != (test.want == "") || err != nil && (!strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hunter2")) {
					t.Fatalf("%v, want %q", err, test.want)
				}
				if err != nil {
					return
				}
				if got.Access != test.access || got.Refresh != test.refresh || !got.Expires.Equal(time.Now().Add(test.life)) {
					t.Errorf("%+v", struct{ Token }{got})
				}
			})
		})
	}
	t.Run("refused", func(t *testing.T) {
		d := newDesk(t, webextest.Config{}, nil)
		_, err := d.RefreshToken(t.Context(), d.app, "wrong")
		if e, ok := errors.AsType[*Error](err); !ok || !errors.Is(err, ErrValidation) || e.TrackingID == "" || strings.Contains(err.Error(), d.app.ClientSecret) {
			t.Error(err)
		}
		if got := d.Requests(); len(got) != 1 || got[0].Authorized {
			t.Errorf("%+v: want one without an access token", got)
		}
	})
	t.Run("a wrong secret", func(t *testing.T) {
		d := newDesk(t, webextest.Config{}, nil)
		_, err := d.RefreshToken(t.Context(), App{d.app.ClientID, "hunter2"}, "x")
		if !errors.Is(err, ErrAuthentication) || strings.Contains(err.Error(), "hunter2") {
			t.Error(err)
		}
	})
}

// elsewhere answers with a link to another host.
type elsewhere struct{ link string }

func (e elsewhere) RoundTrip(q *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Request: q, Header: http.Header{"Link": {e.link}, "Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(`{"items":[{"id":"x"}]}`)),
	}, nil
}

// TestLinks: the token goes nowhere but to the API, and lists end.
func TestLinks(t *testing.T) {
	for link, want := range map[string]string{
		`<https://evil.example/v1/webhooks?page=2>; rel="next"`:  "elsewhere",
		`<http://webexapis.com/v1/webhooks?page=2>; rel="next"`:  "elsewhere",
		`<https://webexapis.com/v1/people>; rel="next"`:          "elsewhere",
		`<https://webexapis.com:444/v1/webhooks>; rel="next"`:    "elsewhere",
		`</v1/webhooks?page=2>; rel="next"`:                      "no end",
		`<https://webexapis.com/v1/webhooks?cursor=x>; rel=next`: "no end",
		`<https://webexapis.com/v1/webhooks?page=1>; rel="prev"`: "",
		``:   "",
		`<x`: "",
	} {
		c := New(Config{HTTP: elsewhere{link}, Rate: 1e9})
		all, err := c.Webhooks(t.Context(), StaticToken("t"))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) || err == nil && len(all) != 1 {
			t.Errorf("%s: %v", link, err)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "5": 5 * time.Second, " 7 ": 7 * time.Second, "-3": 0, "x": 0, "1.5": 0, "Thu, 26 Nov 2026 10:00:30 GMT": 30 * time.Second,
		"Thursday, 26-Nov-26 10:00:30 GMT": 30 * time.Second, "Thu, 26 Nov 2026 09:00:00 GMT": 0, "999999999999": 365 * 24 * time.Hour,
	} {
		if got := retryAfter(text, now); got != want {
			t.Errorf("%q is %v, want %v", text, got, want)
		}
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	for _, value := range []any{
		Token{Access: "secret", Refresh: "secret"}, App{"id", "secret"}, DataSource{ID: "id", Nonce: "secret", Token: "secret"},
		DataSourceSpec{URL: "u", Nonce: "secret"}, Webhook{ID: "id", Secret: "secret"}, NewWebhook{Secret: "secret"}, WebhookUpdate{Secret: "secret"},
		&Token{Access: "secret"}, []Token{{Access: "secret"}}, Config{},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			if text := fmt.Sprintf(verb, value); strings.Contains(text, "secret") {
				t.Errorf("%s of %T: %s", verb, value, text)
			}
		}
	}
}

func TestDo(t *testing.T) {
	d := newDesk(t, webextest.Config{}, nil)
	var out struct{ Items []json.RawMessage }
	if err := d.Do(t.Context(), d.customer, http.MethodGet, "/dataSources/schemas", nil, &out); err != nil || len(out.Items) == 0 {
		t.Errorf("%d items, %v", len(out.Items), err)
	}
	if err := d.Do(t.Context(), d.customer, http.MethodPost, "/dataSources", make(chan int), nil); err == nil {
		t.Error("a channel was sent as JSON")
	}
}

func FuzzDataSource(f *testing.F) {
	f.Add([]byte(`{"id":"x","schemaId":["s"],"tokenLifeMinutes":"60","jwtToken":"a.eyJhdWQiOiJ4In0.c","tokenExpiryTime":"2026-11-26T10:00:00.000Z"}`))
	f.Add([]byte(`{"id":7,"tokenLifetimeMinutes":1e99,"extra":{}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var d DataSource
		if err := json.Unmarshal(text, &d); err != nil {
			return
		}
		if d.Lifetime < 0 || d.Lifetime > maxLifetime || d.Lifetime%time.Minute != 0 {
			t.Errorf("lifetime %v", d.Lifetime)
		}
	})
}

func FuzzToken(f *testing.F) {
	f.Add([]byte(`{"access_token":"a","expires_in":"3600","refresh_token_expires_in":7}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var a tokenAnswer
		if json.Unmarshal(text, &a) != nil {
			return
		}
		if token, err := a.token(""); err == nil && (token.Access == "" || !token.Expires.After(token.Obtained)) {
			t.Errorf("%s is %+v", text, token)
		}
	})
}

func FuzzOrgID(f *testing.F) {
	f.Add(string(org))
	f.Add(org.Encoded() + "==")
	f.Fuzz(func(t *testing.T, text string) {
		id, err := ParseOrgID(text)
		if err != nil {
			return
		}
		for _, form := range []string{string(id), id.Encoded(), strings.ToUpper(string(id))} {
			if again, err := ParseOrgID(form); err != nil || again != id {
				t.Errorf("%q is %s, and as %q %s, %v", text, id, form, again, err)
			}
		}
	})
}

func TestOrgIDs(t *testing.T) {
	for text, good := range map[string]bool{
		string(org): true, strings.ToUpper(string(org)): true, org.Encoded(): true, org.Encoded() + "=": true,
		"Y2lzY29zcGFyazovL3VybjpURUFNOmV1LWNlbnRyYWwtMV9rL09SR0FOSVpBVElPTi83ZWNhZDM4ZS1iYTNmLTQxMDctOGRlMi1hN2U2YTczZTZlYTk": true, // another cluster
		"N2VjYWQzOGUtYmEzZi00MTA3LThkZTItYTdlNmE3M2U2ZWE5":                                                                    true, // the UUID alone
		"": false, "x": false, string(org) + "0": false, strings.Repeat("a", 2000): false, "../" + string(org)[:30]: false,
		ApplicationID("C0ffee"): false,
	} {
		if id, err := ParseOrgID(text); (err == nil) != good || good && id != org {
			t.Errorf("%q is %q, %v", text, id, err)
		}
	}
	app := ApplicationID("C0ffee")
	for other, same := range map[string]bool{app: true, "C0ffee": true, "c0ffee": true, app + "==": true, "C0ffe": false, "": false, org.Encoded(): false} {
		if SameApplication(other, app) != same {
			t.Errorf("%q: %v", other, !same)
		}
	}
}
