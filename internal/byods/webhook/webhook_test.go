package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
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
	"github.com/byova-host/byova-host/internal/logtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	org    = webex.OrgID("7ecad38e-ba3f-4107-8de2-a7e6a73e6ea9")
	target = "https://bots.example.com/webex/events"
	secret = "a-secret-of-webhooks"
)

// desk is a provider, its Webex, and the deliveries between them.
type desk struct {
	*webextest.Server
	hooks    Hooks
	store    store.Store
	receiver *Receiver // that deliveries go to
	log      *logtest.Log

	mu   sync.Mutex
	done []webex.OrgID
}

// ServeHTTP hands a delivery to whoever receives now.
func (d *desk) ServeHTTP(w http.ResponseWriter, q *http.Request) { d.receiver.ServeHTTP(w, q) }

func newDesk(t *testing.T, c webextest.Config, s store.Store) *desk {
	t.Helper()
	d := &desk{store: s, log: &logtest.Log{}}
	c.Delivery = webextest.InMemory(d)
	d.Server = webextest.New(c)
	known := d.Config()
	client := webex.New(webex.Config{API: d.API(), HTTP: d.Transport(), Rate: 1000})
	integration := credential.NewIntegration(credential.IntegrationConfig{
		App: webex.App{ClientID: known.IntegrationID, ClientSecret: known.IntegrationSecret}, RedirectURI: known.RedirectURI, Client: client, Store: s,
	})
	app := credential.NewServiceApp(credential.ServiceAppConfig{
		App: webex.App{ClientID: known.ServiceAppID, ClientSecret: known.ServiceAppSecret}, Client: client, Integration: integration, Store: s,
	})
	l := integration.Login()
	redirect, err := d.Consent(l.URL, false)
	if err == nil {
		err = l.Finish(t.Context(), redirect)
	}
	if err != nil {
		t.Fatal(err)
	}
	d.hooks = Hooks{Client: client, Auth: integration, ApplicationID: app.ApplicationID(), URL: target, Secret: secret}
	d.receiver = NewReceiver(ReceiverConfig{
		ApplicationID: app.ApplicationID(), Secret: secret, Store: s, App: app, Done: d.note,
		Log: hclog.New(&hclog.LoggerOptions{Output: d.log, Level: hclog.Trace}),
	})
	return d
}

func (d *desk) note(org webex.OrgID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.done = append(d.done, org)
}

// run works on events until the func that it returns has returned.
func (d *desk) run(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { d.receiver.Run(ctx) })
	synctest.Wait()
	return func() {
		cancel()
		running.Wait()
	}
}

func (d *desk) ensure(t *testing.T) []Change {
	t.Helper()
	changes, err := d.hooks.Ensure(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return changes
}

func (d *desk) org(t *testing.T) store.Org {
	t.Helper()
	o, err := d.store.Org(t.Context(), org)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	return o
}

// bubble runs a test on a fake clock, with webhooks registered and events worked on.
func bubble(t *testing.T, c webextest.Config, test func(t *testing.T, d *desk)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, c, store.NewMemory())
		d.ensure(t)
		defer d.run(t)()
		test(t, d)
		for _, s := range append(d.Secrets(), secret) {
			if strings.Contains(d.log.String(), s) {
				t.Error("the log shows a secret")
			}
		}
	})
}

func summary(changes []Change) string {
	var all []string
	for _, c := range changes {
		all = append(all, c.Webhook.Event+" "+c.Done)
	}
	return strings.Join(all, ", ")
}

func TestEnsure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, webextest.Config{PageSize: 2}, store.NewMemory())
		create := func(w webex.NewWebhook) webex.Webhook {
			t.Helper()
			made, err := d.hooks.Client.CreateWebhook(t.Context(), d.hooks.Auth, w)
			if err != nil {
				t.Fatal(err)
			}
			return made
		}
		expect := func(what, want string) {
			t.Helper()
			if got := summary(d.ensure(t)); got != want {
				t.Errorf("%s: %s, want %s", what, got, want)
			}
		}
		others := []webex.NewWebhook{
			{Name: "no filter", TargetURL: target, Resource: "serviceApp", Event: "authorized"},
			{Name: "another app", TargetURL: target, Resource: "serviceApp", Event: "authorized", Filter: "id=" + webex.ApplicationID("C0ffee")},
			{Name: "another filter too", TargetURL: target, Resource: "serviceApp", Event: "authorized", Filter: "id=" + d.hooks.ApplicationID + "&friendlyName=x"},
			{Name: "elsewhere", TargetURL: "https://elsewhere.example.com/", Resource: "serviceApp", Event: "authorized", Filter: "id=" + d.hooks.ApplicationID},
		}
		for _, w := range others {
			create(w)
		}
		expect("the first time", "authorized created, deauthorized created")
		expect("again", "authorized kept, deauthorized kept")
		expect("and again", "authorized kept, deauthorized kept")
		all, err := d.hooks.Client.Webhooks(t.Context(), d.hooks.Auth)
		if err != nil || len(all) != len(others)+2 {
			t.Fatalf("%d webhooks, %v", len(all), err)
		}
		for _, w := range all[len(others):] {
			if w.Filter != "id="+d.hooks.ApplicationID || w.Status != "active" {
				t.Errorf("%+v", w)
			}
		}
		create(webex.NewWebhook{Name: "double", TargetURL: target, Resource: "serviceApp", Event: "deauthorized", Filter: "id=" + d.hooks.ApplicationID, Secret: secret})
		expect("one twice", "authorized kept, deauthorized kept, deauthorized deleted")
		d.hooks.Secret = "another"
		expect("another secret", "authorized updated, deauthorized updated")
		expect("which is there then", "authorized kept, deauthorized kept")
		d.hooks.Secret = secret
		d.ensure(t)
		for range 100 { // until Webex disables it
			_ = d.Deliver(t.Context(), webextest.Event{Event: "authorized", Org: string(org), Signature: "wrong"})
		}
		expect("disabled", "authorized enabled, deauthorized kept")
		d.hooks.URL = "https://new.example.com/hooks"
		expect("another URL", "authorized created, deauthorized created")
		d.Fail(webextest.Fault{Method: http.MethodPost, Path: "/v1/webhooks", Status: 403})
		d.hooks.URL = target + "/third"
		if _, err := d.hooks.Ensure(t.Context()); !errors.Is(err, webex.ErrAuthentication) {
			t.Error(err)
		}
		d.hooks.URL = ""
		if _, err := d.hooks.Ensure(t.Context()); err == nil {
			t.Error("webhooks that lead nowhere")
		}
	})
}

// TestEvents: the whole way, in each form of the customer's id.
func TestEvents(t *testing.T) {
	for name, form := range map[string]webextest.OrgForm{"encoded": webextest.Encoded, "plain": webextest.Plain, "encoded UUID": webextest.EncodedUUID} {
		t.Run(name, func(t *testing.T) {
			bubble(t, webextest.Config{EventOrg: form}, func(t *testing.T, d *desk) {
				if err := d.Authorize(t.Context(), string(org)); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				o := d.org(t)
				if o.State != store.Authorized || o.Token == nil || o.Events.Pending != nil || len(d.done) == 0 {
					t.Errorf("%v, token %v, pending %v, done %v", o, o.Token, o.Events.Pending, d.done)
				}
				if all, _ := d.store.Orgs(t.Context()); len(all) != 1 {
					t.Errorf("organisations %v: the envelope's is the provider's own", all)
				}
				if err := d.Deauthorize(t.Context(), string(org)); err != nil {
					t.Fatal(err)
				}
				if o := d.org(t); o.State != store.Deauthorized || o.Token != nil { // at once
					t.Errorf("%v", o)
				}
				if err := d.Authorize(t.Context(), string(org)); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if o := d.org(t); o.State != store.Authorized || o.Token == nil || o.Generation != 3 {
					t.Errorf("%v, generation %d", o, o.Generation)
				}
			})
		})
	}
}

// TestOrders: whatever the order in which deliveries come, and however often, what is
// true at Webex is what counts in the end.
func TestOrders(t *testing.T) {
	for name, now := range map[string]bool{"deauthorisations repeat the date": false, "they carry their own": true} {
		for _, history := range []string{"A", "AD", "ADA", "ADAD", "ADADA"} {
			t.Run(name+" "+history, func(t *testing.T) {
				permute(len(history), func(order []int) {
					bubble(t, webextest.Config{DeauthorizedNow: now}, func(t *testing.T, d *desk) { d.inOrder(t, history, order) })
				})
			})
		}
	}
}

func permute(n int, do func([]int)) {
	var rest func(so []int, left []int)
	rest = func(so, left []int) {
		if len(left) == 0 {
			do(so)
			return
		}
		for i := range left {
			rest(append(append([]int{}, so...), left[i]), append(append([]int{}, left[:i]...), left[i+1:]...))
		}
	}
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	rest(nil, all)
}

// inOrder lets a history happen unheard, and then delivers it.
func (d *desk) inOrder(t *testing.T, history string, order []int) {
	t.Helper()
	receiver := d.receiver
	var bodies []*heldBack
	for _, event := range history {
		kept := &heldBack{}
		bodies = append(bodies, kept)
		d.receiver = nil
		deliver := d.Authorize
		if event == 'D' {
			deliver = d.Deauthorize
		}
		d.receiver = NewReceiver(receiver.config)
		d.receiver.config.Store = kept // nothing is noted
		if err := deliver(t.Context(), string(org)); err == nil {
			t.Fatal("it was noted")
		}
		time.Sleep(time.Minute)
	}
	d.receiver = receiver
	for _, i := range append(order, order[0]) { // the first comes again
		event, date := authorized, bodies[i].date
		if history[i] == 'D' {
			event = deauthorized
		}
		if err := d.Deliver(t.Context(), webextest.Event{Event: event, Org: string(org), Date: date}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
	}
	time.Sleep(2 * patience) // for what Webex is asked about
	o := d.org(t)
	want := store.Authorized
	if strings.HasSuffix(history, "D") {
		want = store.Deauthorized
	}
	if o.State != want || (o.Token != nil) != (want == store.Authorized) || o.Events.Pending != nil {
		t.Errorf("%s delivered in the order %v: %s, token %v, pending %v", history, order, o.State, o.Token, o.Events.Pending)
	}
}

// heldBack is a store that notes nothing but the date of the event.
type heldBack struct {
	store.Store
	date time.Time
}

func (h *heldBack) UpdateOrg(_ context.Context, _ webex.OrgID, change func(*store.Org) error) error {
	var o store.Org
	o.State = store.Authorized
	if err := change(&o); err != nil {
		return err
	}
	if h.date = o.Events.Authorized; h.date.IsZero() {
		h.date = o.Events.Deauthorized
	}
	return errors.New("nothing is noted")
}

func signature(body, secret string) string {
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write([]byte(body))
	return hex.EncodeToString(mac.Sum(nil))
}

// TestDeliveries: what is answered, and what of it counts.
func TestDeliveries(t *testing.T) {
	d := newDesk(t, webextest.Config{}, store.NewMemory())
	app := d.hooks.ApplicationID
	event := func(change func(envelope, data map[string]any)) string {
		data := map[string]any{"id": app, "authorizerOrgId": org.Encoded(), "authorizationDate": "2026-11-26T10:00:00.000Z"}
		envelope := map[string]any{"resource": "serviceApp", "event": "authorized", "orgId": webex.OrgID("11111111-1111-1111-1111-111111111111").Encoded(), "data": data}
		if change != nil {
			change(envelope, data)
		}
		text, err := json.MarshalIndent(envelope, "", "   ")
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	good := event(nil)
	type object = map[string]any
	tests := []struct {
		name, body string
		header     []string // signatures; nil: the right one
		code       int
		counts     bool
	}{
		{"no signature", good, []string{}, 401, false},
		{"empty signature", good, []string{""}, 401, false},
		{"another secret's", good, []string{signature(good, "another")}, 401, false},
		{"no secret's", good, []string{signature(good, "")}, 401, false},
		{"of another body", good, []string{signature(good+" ", secret)}, 401, false},
		{"39 digits", good, []string{signature(good, secret)[:39]}, 401, false},
		{"more behind it", good, []string{signature(good, secret) + "00"}, 401, false},
		{"no hex", good, []string{strings.Repeat("x", 40)}, 401, false},
		{"two signatures", good, []string{signature(good, secret), signature(good, secret)}, 401, false},
		{"written anew", strings.ReplaceAll(good, "   ", ""), []string{signature(good, secret)}, 401, false},
		{"no JSON", "authorized", nil, 400, false},
		{"a list", "[]", nil, 400, false},
		{"no customer", event(func(_, data object) { delete(data, "authorizerOrgId") }), nil, 400, false},
		{"customer in the envelope alone", event(func(e, data object) { delete(data, "authorizerOrgId"); data["orgId"] = e["orgId"] }), nil, 400, false},
		{"no organisation's id", event(func(_, data object) { data["authorizerOrgId"] = "../../etc" }), nil, 400, false},
		{"no application", event(func(_, data object) { delete(data, "id") }), nil, 400, false},
		{"no date's form", event(func(_, data object) { data["authorizationDate"] = "yesterday" }), nil, 400, false},
		{"another resource", event(func(e, _ object) { e["resource"] = "dataSources" }), nil, 202, false},
		{"another event", event(func(e, _ object) { e["event"] = "updated" }), nil, 202, false},
		{"another application", event(func(_, data object) { data["id"] = webex.ApplicationID("C0ffee") }), nil, 202, false},
		{"too long", good + strings.Repeat(" ", maxBody), nil, 413, false},
		{"good", good, nil, 202, true},
		{"good, with more in it", event(func(e, data object) { e["x"] = 1; data["y"] = []int{} }), nil, 202, true},
		{"good, the application's client id", event(func(_, data object) { data["id"] = d.Config().ServiceAppID }), nil, 202, true},
		{"good, without a date", event(func(_, data object) { delete(data, "authorizationDate") }), nil, 202, true},
		{"good, another zone", event(func(_, data object) { data["authorizationDate"] = "2026-11-26T12:00:00.000+0200" }), nil, 202, true},
		{"good, upper case", good, []string{strings.ToUpper(signature(good, secret))}, 202, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			records := store.NewMemory()
			c := d.receiver.config
			c.Store = records
			r := NewReceiver(c)
			q := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(test.body))
			header := test.header
			if header == nil {
				header = []string{signature(test.body, secret)}
			}
			for _, h := range header {
				q.Header.Add("X-Spark-Signature", h)
			}
			w := httptest.NewRecorder()
			r.ServeHTTP(w, q)
			o, err := records.Org(t.Context(), org)
			if counts := err == nil && o.State == store.Authorized && o.Events.Pending != nil; w.Code != test.code || counts != test.counts {
				t.Errorf("%d %s, counts %v, want %d, %v", w.Code, w.Body, counts, test.code, test.counts)
			}
			if all, _ := records.Orgs(t.Context()); len(all) > 1 || len(all) == 1 && all[0] != org {
				t.Errorf("organisations %v", all)
			}
		})
	}
	w := httptest.NewRecorder()
	d.receiver.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", w.Code)
	}
}

// TestForgeriesDoNotFillTheLog: anybody can send them.
func TestForgeriesDoNotFillTheLog(t *testing.T) {
	bubble(t, webextest.Config{}, func(t *testing.T, d *desk) {
		for range 1000 {
			q := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("forged-body"))
			d.receiver.ServeHTTP(httptest.NewRecorder(), q)
		}
		time.Sleep(forgeryIn)
		d.receiver.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", strings.NewReader("x")))
		if log := d.log.String(); strings.Count(log, "wrong signature") != 2 || !strings.Contains(log, "=1000") || strings.Contains(log, "forged-body") {
			t.Error(log)
		}
	})
}

// TestPatience: Webex need not know everywhere at once what it has told of.
func TestPatience(t *testing.T) {
	for _, code := range []int{403, 404, 429, 500, 503} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			bubble(t, webextest.Config{}, func(t *testing.T, d *desk) {
				d.Fail(webextest.Fault{Path: "/v1/applications", Status: code})
				if err := d.Authorize(t.Context(), string(org)); err != nil {
					t.Fatal(err)
				}
				time.Sleep(9 * time.Minute)
				if o := d.org(t); o.Events.Pending == nil || o.Trouble.What != "" {
					t.Errorf("given up: %+v", o.Trouble)
				}
				if n := strings.Count(d.log.String(), "cannot be worked on"); n != 1 {
					t.Errorf("the log says it %d times", n)
				}
				d.ClearFaults()
				time.Sleep(lastRetry)
				if o := d.org(t); o.Token == nil || o.Events.Pending != nil {
					t.Errorf("not taken up again: %v", o)
				}
			})
		})
	}
	t.Run("not for ever", func(t *testing.T) {
		bubble(t, webextest.Config{}, func(t *testing.T, d *desk) {
			d.Fail(webextest.Fault{Path: "/v1/applications", Status: 403})
			if err := d.Authorize(t.Context(), string(org)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(3 * patience)
			if o := d.org(t); o.Events.Pending != nil || !o.Trouble.Attention {
				t.Errorf("pending %v, trouble %+v", o.Events.Pending, o.Trouble)
			}
		})
	})
}

// TestDeauthorisedWhileFetching: what was under way does not bring tokens back.
func TestDeauthorisedWhileFetching(t *testing.T) {
	bubble(t, webextest.Config{}, func(t *testing.T, d *desk) {
		d.Fail(webextest.Fault{Path: "/v1/applications", Delay: 5 * time.Second, Late: true, Times: 1})
		if err := d.Authorize(t.Context(), string(org)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if err := d.Deauthorize(t.Context(), string(org)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if o := d.org(t); o.State != store.Deauthorized || o.Token != nil || o.Events.Pending != nil {
			t.Errorf("%v, token %v", o, o.Token)
		}
	})
}

// TestAnotherProcessGoesOn: what was answered is done, also if the process ends.
func TestAnotherProcessGoesOn(t *testing.T) {
	dir := t.TempDir() + "/s"
	open := func() store.Store {
		f, err := store.Open(store.FileConfig{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, webextest.Config{}, open())
		d.ensure(t)
		if err := d.Authorize(t.Context(), string(org)); err != nil { // nothing runs
			t.Fatal(err)
		}
		if o := d.org(t); o.Events.Pending == nil || o.Token != nil {
			t.Fatalf("%v, pending %v", o, o.Events.Pending)
		}
		c := d.receiver.config
		c.Store = open()
		d.receiver = NewReceiver(c)
		stop := d.run(t)
		time.Sleep(time.Second)
		stop()
		if o := d.org(t); o.Events.Pending != nil || o.Token == nil {
			t.Errorf("%v, pending %v", o, o.Events.Pending)
		}
	})
}

// TestDoneOnce: an event that is done is done, also where records come from a file.
func TestDoneOnce(t *testing.T) {
	f, err := store.Open(store.FileConfig{Dir: t.TempDir() + "/s"})
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		records, err := store.NewCache(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		d := newDesk(t, webextest.Config{}, records)
		d.ensure(t)
		stop := d.run(t)
		if err := d.Authorize(t.Context(), string(org)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		stop()
		fetches := 0
		for _, q := range d.Requests() {
			if strings.HasPrefix(q.Path, "/v1/applications") {
				fetches++
			}
		}
		if o := d.org(t); fetches != 1 || o.Events.Pending != nil {
			t.Errorf("%d fetches, pending %v", fetches, o.Events.Pending)
		}
	})
}

// TestNotNoted: what cannot be noted is not said to be.
func TestNotNoted(t *testing.T) {
	dir := t.TempDir() + "/s"
	f, err := store.Open(store.FileConfig{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, webextest.Config{}, f)
		d.ensure(t)
		if err := os.WriteFile(dir+"/org-"+string(org)+".record", []byte("damaged"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := d.Authorize(t.Context(), string(org)); err == nil || !strings.Contains(err.Error(), "503") {
			t.Errorf("an event that was not noted: %v", err)
		}
	})
}

func TestURLs(t *testing.T) {
	for url, good := range map[string]bool{
		target: true, "http://127.0.0.1:8080/x": true, "http://localhost/": true, "http://bots.example.com/": false, "": false, "/x": false, "ftp://x/": false,
	} {
		if err := CheckURL(url); (err == nil) != good {
			t.Errorf("%q: %v", url, err)
		}
	}
}

func FuzzEvent(f *testing.F) {
	app := webex.ApplicationID("C0ffee")
	f.Add(`{"resource":"serviceApp","event":"authorized","data":{"id":"` + app + `","authorizerOrgId":"` + org.Encoded() + `","authorizationDate":"2026-11-26T10:00:00.000Z"}}`)
	f.Add(`{"data":null}`)
	f.Fuzz(func(t *testing.T, body string) {
		d, err := parse([]byte(body), app)
		if err == nil && (d.org == "" || len(d.key) != 64 || d.event != authorized && d.event != deauthorized) {
			t.Errorf("%+v", d)
		}
		if err == nil {
			var o store.Org
			if did := take(&o, d, time.Now()); did != pending && did != ended && did != stale {
				t.Errorf("the first event is %s", did)
			}
			if did := take(&o, d, time.Now()); did == pending && !d.date.IsZero() {
				t.Error("the same event counts twice")
			}
		}
	})
}
