package credential

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.uber.org/goleak"

	"github.com/byova-host/byova-host/internal/byods/store"
	"github.com/byova-host/byova-host/internal/byods/webex"
	"github.com/byova-host/byova-host/internal/byods/webextest"
	"github.com/byova-host/byova-host/internal/logtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const org = webex.OrgID("7ecad38e-ba3f-4107-8de2-a7e6a73e6ea9")

const day = 24 * time.Hour

// desk is a provider beside its Webex.
type desk struct {
	*webextest.Server
	store       store.Store
	client      *webex.Client
	integration *Integration
	app         *ServiceApp
	log         *logtest.Log
}

func newDesk(t *testing.T, c webextest.Config, s store.Store) *desk {
	t.Helper()
	d := &desk{Server: webextest.New(c), store: s, log: &logtest.Log{}}
	known := d.Config()
	log := hclog.New(&hclog.LoggerOptions{Output: d.log, Level: hclog.Trace})
	d.client = webex.New(webex.Config{API: d.API(), HTTP: d.Transport(), Rate: 1000, Log: log})
	d.integration = NewIntegration(IntegrationConfig{
		App: webex.App{ClientID: known.IntegrationID, ClientSecret: known.IntegrationSecret}, RedirectURI: known.RedirectURI,
		Client: d.client, Store: s, Log: log,
	})
	d.app = NewServiceApp(ServiceAppConfig{
		App: webex.App{ClientID: known.ServiceAppID, ClientSecret: known.ServiceAppSecret}, Client: d.client,
		Integration: d.integration, Store: s, Log: log,
	})
	return d
}

// login lets the developer agree.
func (d *desk) login(t *testing.T) {
	t.Helper()
	l := d.integration.Login()
	redirect, err := d.Consent(l.URL, false)
	if err == nil {
		err = l.Finish(t.Context(), redirect)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// authorize has the customer authorise, and the store know of it.
func (d *desk) authorize(t *testing.T) int64 {
	t.Helper()
	if err := d.Authorize(t.Context(), string(org)); err != nil && !errors.Is(err, webextest.ErrNoWebhook) {
		t.Fatal(err)
	}
	var generation int64
	err := d.store.UpdateOrg(t.Context(), org, func(o *store.Org) error {
		o.State = store.Authorized
		o.Generation++
		generation = o.Generation
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return generation
}

// customer has its first tokens.
func (d *desk) customer(t *testing.T) {
	t.Helper()
	d.login(t)
	if err := d.app.Org(org).Fetch(t.Context(), d.authorize(t)); err != nil {
		t.Fatal(err)
	}
	d.Requests()
}

// asked counts requests to a path since the last time.
func (d *desk) asked(path string) (n int) {
	for _, q := range d.Requests() {
		if strings.HasPrefix(q.Path, path) {
			n++
		}
	}
	return n
}

// bubble runs a test on a fake clock.
func bubble(t *testing.T, c webextest.Config, test func(t *testing.T, d *desk)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, c, store.NewMemory())
		test(t, d)
		for _, secret := range d.Secrets() {
			if strings.Contains(d.log.String(), secret) {
				t.Error("the log shows a secret")
			}
		}
	})
}

func TestLogin(t *testing.T) {
	bubble(t, webextest.Config{}, func(t *testing.T, d *desk) {
		if _, err := d.integration.Token(t.Context()); !errors.Is(err, ErrNotLoggedIn) {
			t.Errorf("before: %v", err)
		}
		d.login(t)
		first, err := d.integration.Token(t.Context())
		if err != nil || first == "" {
			t.Fatalf("after: %q, %v", first, err)
		}
		if again, err := d.integration.Token(t.Context()); again != first || err != nil {
			t.Errorf("another token, %v", err)
		}
		r, err := d.store.Integration(t.Context())
		if err != nil || !r.Token.Expires.Equal(time.Now().Add(14*day)) || !r.Token.RefreshExpires.Equal(time.Now().Add(90*day)) {
			t.Errorf("it expires at %v and %v, %v", r.Token.Expires, r.Token.RefreshExpires, err)
		}
		if err := d.integration.Logout(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := d.integration.Token(t.Context()); !errors.Is(err, ErrNotLoggedIn) {
			t.Errorf("logged out: %v", err)
		}
	})
}

// TestPasted: what a person may paste.
func TestPasted(t *testing.T) {
	tests := []struct {
		name  string
		paste func(redirect string) string
		want  string // of the error
	}{
		{"the URL", func(r string) string { return r }, ""},
		{"the URL, with space", func(r string) string { return "  " + r + " \r\n" }, ""},
		{"the code", func(r string) string {
			_, code, _ := strings.Cut(r, "code=")
			c, _, _ := strings.Cut(code, "&")
			return c
		}, ""},
		{"nothing", func(string) string { return "\n" }, "that is no code"},
		{"half a URL", func(r string) string { return r[len("http://"):] }, "that is no code"},
		{"another login's", func(r string) string { return strings.Replace(r, "state=", "state=x", 1) }, "not of this login"},
		{"without state", func(r string) string { at, _, _ := strings.Cut(r, "&state"); return at }, "not of this login"},
		{"a wrong code", func(string) string { return "wrong" }, "400"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, webextest.Config{}, func(t *testing.T, d *desk) {
				l := d.integration.Login()
				redirect, err := d.Consent(l.URL, false)
				if err != nil {
					t.Fatal(err)
				}
				err = l.Finish(t.Context(), test.paste(redirect))
				if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
					t.Errorf("%v, want %q", err, test.want)
				}
				if _, stored := d.integration.Token(t.Context()); (stored == nil) != (test.want == "") {
					t.Errorf("stored: %v", stored)
				}
				if test.want == "" {
					if err := l.Finish(t.Context(), test.paste(redirect)); !errors.Is(err, ErrRedirect) {
						t.Errorf("once more: %v", err)
					}
				}
			})
		})
	}
	t.Run("denied", func(t *testing.T) {
		bubble(t, webextest.Config{}, func(t *testing.T, d *desk) {
			l := d.integration.Login()
			redirect, err := d.Consent(l.URL, true)
			if err != nil {
				t.Fatal(err)
			}
			if err := l.Finish(t.Context(), redirect); !errors.Is(err, ErrRedirect) || !strings.Contains(err.Error(), "access_denied") {
				t.Error(err)
			}
		})
	})
	t.Run("late", func(t *testing.T) {
		bubble(t, webextest.Config{}, func(t *testing.T, d *desk) {
			l := d.integration.Login()
			redirect, err := d.Consent(l.URL, false)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(loginLimit)
			if err := l.Finish(t.Context(), redirect); !errors.Is(err, ErrRedirect) {
				t.Error(err)
			}
		})
	})
	t.Run("asked for twice", func(t *testing.T) {
		bubble(t, webextest.Config{}, func(t *testing.T, d *desk) {
			d.Fail(webextest.Fault{Path: "/v1/access_token", Delay: time.Second, Late: true, Times: 1})
			l := d.integration.Login()
			var first sync.WaitGroup
			q := url.Values{"state": {l.state}, "code": {"x"}}
			first.Go(func() { _, _ = l.redirected(t.Context(), q) })
			synctest.Wait()
			if ended, err := l.redirected(t.Context(), q); ended || !errors.Is(err, ErrRedirect) {
				t.Errorf("the second ends what the first does: %v, %v", ended, err)
			}
			first.Wait()
		})
	})
	t.Run("scopes", func(t *testing.T) {
		bubble(t, webextest.Config{}, func(t *testing.T, d *desk) {
			l := d.integration.Login()
			if !strings.Contains(l.URL, "scope=spark%3Aapplications_token+application%3Awebhooks_write+application%3Awebhooks_read&") ||
				strings.Contains(l.URL, "spark%3Aall") || strings.Contains(l.URL, "secret") {
				t.Error(l.URL)
			}
		})
	})
}

// TestKeep: the integration's token is renewed days ahead, through outages, and no
// expired one is given.
func TestKeep(t *testing.T) {
	bubble(t, webextest.Config{}, func(t *testing.T, d *desk) {
		d.login(t)
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { d.integration.Keep(ctx) })
		time.Sleep(8 * day)
		d.Requests()
		time.Sleep(2 * day)
		if n := d.asked("/v1/access_token"); n != 1 {
			t.Errorf("%d renewals between the 8th and the 10th day", n)
		}
		d.Fail(webextest.Fault{Path: "/v1/access_token", Status: 503})
		time.Sleep(12 * day) // of 14
		tries := d.asked("/v1/access_token")
		if tries < 100 || tries > 3000 {
			t.Errorf("%d tries in an outage of days", tries)
		}
		if _, err := d.integration.Token(t.Context()); err != nil {
			t.Errorf("the token that is there: %v", err)
		}
		if r, _ := d.store.Integration(t.Context()); r.Trouble.What == "" || time.Since(r.Trouble.Since) < day {
			t.Errorf("trouble %+v", r.Trouble)
		}
		d.ClearFaults()
		time.Sleep(lastRetry + lookAgain)
		if r, _ := d.store.Integration(t.Context()); r.Trouble.What != "" || time.Until(r.Token.Expires) < 13*day {
			t.Errorf("after the outage: %v, trouble %+v", r.Token, r.Trouble)
		}
		if n := strings.Count(d.log.String(), "cannot be renewed"); n != 1 {
			t.Errorf("the log says it %d times", n)
		}
		cancel()
		running.Wait()
	})
}

// TestExpired: a token that has expired is renewed before it is given, or not given.
func TestExpired(t *testing.T) {
	bubble(t, webextest.Config{}, func(t *testing.T, d *desk) {
		d.customer(t)
		for _, source := range []webex.TokenSource{d.integration, d.app.Org(org)} {
			before, err := source.Token(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			d.Fail(webextest.Fault{Path: "/v1/access_token", Status: 500})
			time.Sleep(15 * day)
			if got, err := source.Token(t.Context()); err == nil {
				t.Errorf("an expired token is given: same %v", got == before)
			}
			d.ClearFaults()
			if got, err := source.Token(t.Context()); err != nil || got == before {
				t.Errorf("after the outage: same %v, %v", got == before, err)
			}
		}
		time.Sleep(100 * day) // the refresh token has expired, too
		if _, err := d.integration.Token(t.Context()); !errors.Is(err, ErrNotLoggedIn) {
			t.Errorf("after the refresh token: %v", err)
		}
	})
}

// TestOneRenewal: many who are refused, one renewal.
func TestOneRenewal(t *testing.T) {
	for name, rotate := range map[string]bool{"the refresh token stays": false, "it is another each time": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, webextest.Config{RotateRefresh: rotate}, func(t *testing.T, d *desk) {
				d.customer(t)
				for _, source := range []func() webex.TokenSource{
					func() webex.TokenSource { return d.integration }, func() webex.TokenSource { return d.app.Org(org) },
				} {
					for range 3 {
						was, err := source().Token(t.Context())
						if err != nil {
							t.Fatal(err)
						}
						d.Requests()
						got := make([]string, 50)
						var all sync.WaitGroup
						for i := range got {
							all.Go(func() {
								var err error
								if got[i], err = source().Renew(t.Context(), was); err != nil {
									t.Error(err)
								}
							})
						}
						all.Wait()
						if n := d.asked("/v1/access_token"); n != 1 || got[0] == was || len(slices.Compact(got)) != 1 {
							t.Errorf("%d renewals, %d tokens", n, len(slices.Compact(got)))
						}
					}
				}
			})
		})
	}
}

// TestOrgTokens: where an organisation's tokens come from.
func TestOrgTokens(t *testing.T) {
	tests := []struct {
		name string
		webextest.Config
		do func(t *testing.T, d *desk)
	}{
		{"an unknown organisation", webextest.Config{}, func(t *testing.T, d *desk) {
			_, err := d.app.Org(org).Token(t.Context())
			if !errors.Is(err, ErrOrgNotRegistered) || !strings.Contains(err.Error(), string(org)) || !strings.Contains(err.Error(), "Control Hub") {
				t.Error(err)
			}
		}},
		{"as the webhook names it", webextest.Config{OnlyEncodedTarget: true}, func(t *testing.T, d *desk) { fetches(t, d, org.Encoded(), 1) }},
		{"in the other form", webextest.Config{OnlyUUIDTarget: true}, func(t *testing.T, d *desk) { fetches(t, d, string(org), 2) }},
		{"its refresh needs no integration", webextest.Config{}, func(t *testing.T, d *desk) {
			d.customer(t)
			if err := d.integration.Logout(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(20 * day)
			if _, err := d.app.Org(org).Token(t.Context()); err != nil {
				t.Error(err)
			}
			for _, q := range d.Requests() {
				if q.Authorized || q.Path != "/v1/access_token" {
					t.Errorf("%+v", q)
				}
			}
		}},
		{"a refresh without a refresh token", webextest.Config{OmitRefresh: 1}, func(t *testing.T, d *desk) {
			d.customer(t)
			for range 3 {
				time.Sleep(20 * day)
				if _, err := d.app.Org(org).Token(t.Context()); err != nil {
					t.Error(err)
				}
			}
			if o, _ := d.store.Org(t.Context(), org); o.Token.RefreshExpires.IsZero() || time.Until(o.Token.RefreshExpires) > 31*day {
				t.Errorf("the refresh token counts until %v", o.Token.RefreshExpires)
			}
		}},
		{"a refresh token that was revoked", webextest.Config{}, func(t *testing.T, d *desk) {
			d.customer(t)
			d.Revoke(string(org))
			was, _ := d.store.Org(t.Context(), org)
			if _, err := d.app.Org(org).Renew(t.Context(), was.Token.Access); err != nil {
				t.Fatal(err)
			}
			if n := d.asked("/v1/applications"); n != 1 {
				t.Errorf("%d fetches", n)
			}
		}},
		{"a refresh token that has expired", webextest.Config{}, func(t *testing.T, d *desk) {
			d.customer(t)
			time.Sleep(91 * day)
			d.login(t)
			d.Requests()
			if _, err := d.app.Org(org).Token(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, q := range d.Requests() {
				if q.Path == "/v1/access_token" {
					t.Error("it was tried all the same")
				}
			}
		}},
		{"an integration whose token is refused", webextest.Config{}, func(t *testing.T, d *desk) {
			d.login(t)
			generation := d.authorize(t)
			time.Sleep(time.Hour)
			d.Fail(webextest.Fault{Path: "/v1/applications", Status: 401, Times: 1})
			if err := d.app.Org(org).Fetch(t.Context(), generation); err != nil {
				t.Error(err)
			}
		}},
		{"deauthorised", webextest.Config{}, func(t *testing.T, d *desk) {
			d.customer(t)
			if err := d.Deauthorize(t.Context(), string(org)); err != nil && !errors.Is(err, webextest.ErrNoWebhook) {
				t.Fatal(err)
			}
			was, _ := d.store.Org(t.Context(), org)
			_, err := d.app.Org(org).Renew(t.Context(), was.Token.Access)
			if !errors.Is(err, ErrOrgNotRegistered) || !errors.Is(err, webex.ErrAuthentication) {
				t.Error(err)
			}
		}},
		{"deauthorised while they are fetched", webextest.Config{}, func(t *testing.T, d *desk) {
			d.login(t)
			generation := d.authorize(t)
			d.Fail(webextest.Fault{Path: "/v1/applications", Delay: time.Second, Late: true, Times: 1})
			var fetching sync.WaitGroup
			fetching.Go(func() {
				if err := d.app.Org(org).Fetch(t.Context(), generation); !errors.Is(err, ErrOrgNotRegistered) {
					t.Error(err)
				}
			})
			time.Sleep(time.Second / 2)
			if err := d.store.UpdateOrg(t.Context(), org, func(o *store.Org) error { o.Forget(store.Deauthorized); return nil }); err != nil {
				t.Fatal(err)
			}
			fetching.Wait()
			if o, _ := d.store.Org(t.Context(), org); o.Token != nil || o.State != store.Deauthorized {
				t.Errorf("it is back: %v", o)
			}
		}},
		{"of an older generation", webextest.Config{}, func(t *testing.T, d *desk) {
			d.login(t)
			generation := d.authorize(t)
			if err := d.app.Org(org).Fetch(t.Context(), generation-1); !errors.Is(err, ErrOrgNotRegistered) {
				t.Error(err)
			}
		}},
		{"not known to Webex yet", webextest.Config{}, func(t *testing.T, d *desk) {
			d.login(t)
			err := d.store.UpdateOrg(t.Context(), org, func(o *store.Org) error { o.State = store.Authorized; return nil })
			if err != nil {
				t.Fatal(err)
			}
			if err := d.app.Org(org).Fetch(t.Context(), 0); !errors.Is(err, webex.ErrNotFound) || !errors.Is(err, ErrOrgNotRegistered) {
				t.Error(err)
			}
		}},
		{"a sandbox", webextest.Config{}, func(t *testing.T, d *desk) {
			if err := d.app.Org(org).Register(t.Context(), "wrong"); !errors.Is(err, webex.ErrValidation) {
				t.Errorf("with a wrong refresh token: %v", err)
			}
			if _, err := d.store.Org(t.Context(), org); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("it is kept all the same: %v", err)
			}
			if err := d.app.Org(org).Register(t.Context(), d.PortalRefreshToken(string(org))); err != nil {
				t.Fatal(err)
			}
			if _, err := d.app.Org(org).Token(t.Context()); err != nil {
				t.Error(err)
			}
			if _, err := d.client.Schemas(t.Context(), d.app.Org(org)); err != nil {
				t.Error(err)
			}
		}},
		{"renewed ahead, not before", webextest.Config{}, func(t *testing.T, d *desk) {
			d.customer(t)
			o, _ := d.store.Org(t.Context(), org)
			by := d.app.Org(org).RenewBy(o)
			if early := o.Token.Expires.Sub(by); early < 4*day || early > 6*day {
				t.Errorf("%v ahead", early)
			}
			for _, step := range []struct {
				wait time.Duration
				want int
			}{{time.Until(by) - time.Second, 0}, {time.Second, 1}, {time.Second, 0}} {
				time.Sleep(step.wait)
				if err := d.app.Org(org).Ensure(t.Context()); err != nil {
					t.Error(err)
				}
				if n := d.asked("/v1"); n != step.want {
					t.Errorf("%d requests, want %d", n, step.want)
				}
			}
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { bubble(t, test.Config, test.do) })
	}
}

// fetches fetches twice: the form of the id that worked is tried first the next time.
func fetches(t *testing.T, d *desk, form string, tries int) {
	t.Helper()
	d.login(t)
	generation := d.authorize(t)
	if err := d.store.UpdateOrg(t.Context(), org, func(o *store.Org) error { o.Target = org.Encoded(); return nil }); err != nil {
		t.Fatal(err)
	}
	d.Requests()
	for _, want := range []int{tries, 1} {
		if err := d.app.Org(org).Fetch(t.Context(), generation); err != nil {
			t.Fatal(err)
		}
		if n := d.asked("/v1/applications"); n != want {
			t.Errorf("%d requests, want %d", n, want)
		}
		if o, _ := d.store.Org(t.Context(), org); o.Target != form {
			t.Errorf("%q is noted as what works, want %q", o.Target, form)
		}
	}
}

// TestNotAllowedIsNotRenewed: 403 says that another token would not help.
func TestNotAllowedIsNotRenewed(t *testing.T) {
	bubble(t, webextest.Config{}, func(t *testing.T, d *desk) {
		d.customer(t)
		d.Fail(webextest.Fault{Path: "/v1/dataSources", Status: 403})
		if _, err := d.client.DataSources(t.Context(), d.app.Org(org)); !errors.Is(err, webex.ErrAuthentication) {
			t.Error(err)
		}
		if n := d.asked("/v1/access_token"); n != 0 {
			t.Errorf("%d renewals", n)
		}
		d.ClearFaults()
		d.Fail(webextest.Fault{Path: "/v1/dataSources", Status: 401, Times: 1})
		if _, err := d.client.DataSources(t.Context(), d.app.Org(org)); err != nil {
			t.Error(err)
		}
		if n := d.asked("/v1/access_token"); n != 1 {
			t.Errorf("%d renewals after 401, want 1", n)
		}
	})
}

// TestRenewalsAreSpread: a thousand that began together do not come together.
func TestRenewalsAreSpread(t *testing.T) {
	now := time.Now()
	token := webex.Token{Obtained: now, Expires: now.Add(14 * day)}
	hours := map[int]int{}
	for i := range 1000 {
		by := renewBy(token, fmt.Sprint("org", i))
		if ahead := token.Expires.Sub(by); ahead < 4*day || ahead > 6*day {
			t.Fatalf("%v ahead", ahead)
		}
		hours[int(by.Sub(now).Hours())]++
	}
	for hour, n := range hours {
		if n > 70 { // 30 on average
			t.Errorf("%d in hour %d", n, hour)
		}
	}
}

// TestListen: the browser comes to us, by real HTTP.
func TestListen(t *testing.T) {
	server := webextest.New(webextest.Config{RedirectURI: "http://" + freeAddress(t) + "/callback"})
	known := server.Config()
	records := store.NewMemory()
	integration := NewIntegration(IntegrationConfig{
		App: webex.App{ClientID: known.IntegrationID, ClientSecret: known.IntegrationSecret}, RedirectURI: known.RedirectURI,
		Client: webex.New(webex.Config{API: server.API(), HTTP: server.Transport()}), Store: records,
	})
	browser := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	get := func(url string) (int, string) {
		for {
			answer, err := browser.Get(url)
			if err != nil {
				if strings.Contains(err.Error(), "refused") { // it does not listen yet
					continue
				}
				t.Fatal(err)
			}
			var b bytes.Buffer
			_, _ = b.ReadFrom(answer.Body)
			answer.Body.Close()
			if answer.Header.Get("Content-Security-Policy") == "" && answer.StatusCode != http.StatusNotFound {
				t.Error("the page has no policy")
			}
			return answer.StatusCode, b.String()
		}
	}
	listen := func(l *Login) <-chan error {
		ended := make(chan error, 1)
		go func() { ended <- l.Listen(t.Context()) }()
		return ended
	}
	l := integration.Login()
	ended := listen(l)
	base := known.RedirectURI
	if code, _ := get(strings.TrimSuffix(base, "callback") + "favicon.ico"); code != http.StatusNotFound {
		t.Errorf("another path: %d", code)
	}
	for _, stray := range []string{"", "?code=x", "?code=x&state=wrong", "?error=access_denied&state=wrong", "?state=" + l.state} {
		if code, text := get(base + stray); code != http.StatusBadRequest || strings.Contains(text, l.state) {
			t.Errorf("%q: %d %s", stray, code, text)
		}
	}
	select {
	case err := <-ended:
		t.Fatalf("a stray request ended the login: %v", err)
	default:
	}
	redirect, err := server.Consent(l.URL, false)
	if err != nil {
		t.Fatal(err)
	}
	if code, text := get(redirect); code != http.StatusOK || !strings.Contains(text, "Logged in") {
		t.Errorf("%d %s", code, text)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if r, err := records.Integration(t.Context()); err != nil || r.Token.Access == "" {
		t.Errorf("%v, %v", r, err)
	}
	l = integration.Login()
	ended = listen(l)
	if redirect, err = server.Consent(l.URL, true); err != nil {
		t.Fatal(err)
	}
	if code, text := get(redirect + "&error_description=%3Cscript%3E"); code != http.StatusBadRequest || strings.Contains(text, "<script>") {
		t.Errorf("%d %s", code, text)
	}
	if err := <-ended; !errors.Is(err, ErrRedirect) {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := integration.Login().Listen(ctx); !errors.Is(err, ErrRedirectTimeout) {
		t.Error(err)
	}
	integration.config.RedirectURI = "https://bots.example.com/callback"
	if err := integration.Login().Listen(t.Context()); err == nil || !strings.Contains(err.Error(), "--no-browser") {
		t.Error(err)
	}
}

// freeAddress is one that nobody uses.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// TestOneRenewalOfTwoHosts: two that share a directory, as two processes do, renew
// once. Each refresh token counts once here.
func TestOneRenewalOfTwoHosts(t *testing.T) {
	dir := t.TempDir() + "/s"
	open := func() store.Store {
		f, err := store.Open(store.FileConfig{Dir: dir, Key: bytes.Repeat([]byte{1}, 32)})
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	first := newDesk(t, webextest.Config{RotateRefresh: true}, open())
	first.customer(t)
	c, integration := first.app.config, first.integration.config
	c.Store, integration.Store = open(), open()
	c.Integration = NewIntegration(integration)
	second := NewServiceApp(c)
	for _, sources := range [][]webex.TokenSource{
		{first.app.Org(org), second.Org(org)}, {first.integration, c.Integration},
	} {
		for range 3 {
			was, err := sources[0].Token(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			first.Requests()
			got := make([]string, 8)
			var all sync.WaitGroup
			for i := range got {
				all.Go(func() {
					var err error
					if got[i], err = sources[i%2].Renew(t.Context(), was); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			if n := first.asked("/v1/access_token"); n != 1 || got[0] == was || len(slices.Compact(got)) != 1 {
				t.Errorf("%d renewals, %d tokens", n, len(slices.Compact(got)))
			}
		}
	}
}
