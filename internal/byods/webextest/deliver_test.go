package webextest_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/byova-host/byova-host/internal/byods/webextest"
)

// delivery is one as it was received.
type delivery struct {
	to, signature, media string
	raw                  []byte
	body                 struct {
		ID, Name, Resource, Event, Filter, OrgID, CreatedBy, AppID, OwnedBy, Status, ActorID string
		Data                                                                                 struct {
			ID, AuthorizerOrgID string
			AuthorizationDate   time.Time
		}
	}
}

// receiver notes deliveries and answers with a status.
type receiver struct {
	t      *testing.T
	status int
	got    []delivery
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	d := delivery{to: q.URL.String(), signature: q.Header.Get("X-Spark-Signature"), media: q.Header.Get("Content-Type")}
	var err error
	if d.raw, err = io.ReadAll(q.Body); err != nil || q.Method != http.MethodPost {
		r.t.Errorf("%s, %v", q.Method, err)
	}
	if len(d.raw) > 0 && d.raw[0] == '{' {
		if err := json.Unmarshal(d.raw, &d.body); err != nil {
			r.t.Error(err)
		}
	}
	r.got = append(r.got, d)
	w.WriteHeader(r.status)
}

// withReceiver makes a server that delivers to a receiver.
func withReceiver(t *testing.T, c webextest.Config) (*webex, *receiver) {
	t.Helper()
	r := &receiver{t: t, status: 202}
	c.Delivery = webextest.InMemory(r)
	return start(t, c), r
}

func signed(secret string, body []byte) string {
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// TestEvents: what is delivered when a customer authorises and takes it back.
func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := withReceiver(t, webextest.Config{})
		token := w.integration()
		var ids []string
		for _, event := range []string{"authorized", "deauthorized"} {
			ids = append(ids, w.ask(200, "POST", "/webhooks", token, w.newHook(event, nil)).str("id"))
		}
		began := time.Now()
		if err := w.Authorize(t.Context(), customer); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if err := w.Deauthorize(t.Context(), customer); err != nil {
			t.Fatal(err)
		}
		if len(r.got) != 2 {
			t.Fatalf("%d deliveries, want 2", len(r.got))
		}
		for i, event := range []string{"authorized", "deauthorized"} {
			d := r.got[i]
			b := d.body
			if d.to != hooksURL || d.media != "application/json" || d.signature != signed("hook-secret", d.raw) {
				t.Errorf("delivered to %s, %s, signed %s", d.to, d.media, d.signature)
			}
			if b.ID != ids[i] || b.Name != event || b.Resource != "serviceApp" || b.Event != event || b.Filter != "id="+w.applicationID() ||
				b.OwnedBy != "creator" || b.Status != "active" || b.CreatedBy == "" || b.AppID == "" || b.ActorID == "" {
				t.Errorf("envelope %s", d.raw)
			}
			if b.OrgID != encoded("ORGANIZATION", w.Config().ProviderOrg) {
				t.Errorf("orgId %s is not the provider's", b.OrgID)
			}
			if b.Data.ID != w.applicationID() || b.Data.AuthorizerOrgID != encoded("ORGANIZATION", customer) ||
				b.Data.AuthorizationDate.Sub(began).Abs() > time.Second { // the same in both
				t.Errorf("data %+v", b.Data)
			}
		}
	})
}

// TestEventForms: the other ways in which the documents show events.
func TestEventForms(t *testing.T) {
	for form, want := range map[webextest.OrgForm]string{
		webextest.Encoded: encoded("ORGANIZATION", customer), webextest.Plain: customer,
		webextest.EncodedUUID: base64.RawURLEncoding.EncodeToString([]byte(customer)),
	} {
		w, r := withReceiver(t, webextest.Config{EventOrg: form})
		w.ask(200, "POST", "/webhooks", w.integration(), w.newHook("authorized", nil))
		if err := w.Authorize(t.Context(), customer); err != nil {
			t.Fatal(err)
		}
		if got := r.got[0].body.Data.AuthorizerOrgID; got != want {
			t.Errorf("form %d shows %s, want %s", form, got, want)
		}
	}
}

// TestEventDates: no two decisions of an organisation have the same date, not even
// while the clock stands still; with DeauthorizedNow, taking it back has its own.
func TestEventDates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := withReceiver(t, webextest.Config{DeauthorizedNow: true})
		token := w.integration()
		for _, event := range []string{"authorized", "deauthorized"} {
			w.ask(200, "POST", "/webhooks", token, w.newHook(event, nil))
		}
		for range 2 {
			if err := errors.Join(w.Authorize(t.Context(), customer), w.Deauthorize(t.Context(), customer)); err != nil {
				t.Fatal(err)
			}
		}
		for i := 1; i < 4; i++ {
			if !r.got[i].body.Data.AuthorizationDate.After(r.got[i-1].body.Data.AuthorizationDate) {
				t.Errorf("event %d is not later than the one before: %s", i, r.got[i].raw)
			}
		}
	})
}

// TestWhoIsTold: the event, the state and the filter decide.
func TestWhoIsTold(t *testing.T) {
	w, r := withReceiver(t, webextest.Config{})
	token := w.integration()
	for name, changes := range map[string]object{
		"filtered": {}, "unfiltered": {"filter": nil}, "unsigned": {"secret": nil},
		"another app's": {"filter": "id=" + encoded("APPLICATION", "C1")}, "a site's": {"filter": "id=" + w.applicationID() + "&trainSiteNames=x"},
		"another event's": {"event": "deauthorized"}, "the organisation's": {"ownedBy": "org"},
	} {
		changes["name"] = name
		w.ask(200, "POST", "/webhooks", token, w.newHook("authorized", changes))
	}
	if err := w.Authorize(t.Context(), customer); err != nil {
		t.Fatal(err)
	}
	told := map[string]string{}
	for _, d := range r.got {
		told[d.body.Name] = d.signature
	}
	for _, name := range []string{"filtered", "unfiltered", "unsigned", "the organisation's"} {
		if signature, ok := told[name]; !ok || (signature == "") != (name == "unsigned") {
			t.Errorf("webhook %q was told: %v, signed %q", name, ok, signature)
		}
		delete(told, name)
	}
	if len(told) > 0 {
		t.Errorf("told as well: %v", told)
	}
}

// TestDeliver: events that a test makes up.
func TestDeliver(t *testing.T) {
	w, r := withReceiver(t, webextest.Config{})
	if err := w.Deliver(t.Context(), webextest.Event{Event: "authorized", Org: customer}); !errors.Is(err, webextest.ErrNoWebhook) {
		t.Errorf("without a webhook: %v", err)
	}
	w.ask(200, "POST", "/webhooks", w.integration(), w.newHook("authorized", object{"filter": nil}))
	when := time.Date(2024, 10, 2, 3, 4, 5, 6e6, time.UTC)
	before := time.Now().Add(-time.Second)
	for _, e := range []webextest.Event{
		{Org: customer, Date: when}, {Org: customer}, {Org: "what it may be"}, {Application: "C1"},
		{Body: []byte("not JSON")}, {Signature: "abc"}, {Signature: "-"},
	} {
		e.Event = "authorized"
		if err := w.Deliver(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	got := r.got
	if len(got) != 7 {
		t.Fatalf("%d deliveries", len(got))
	}
	if b := got[0].body.Data; !b.AuthorizationDate.Equal(when) || b.AuthorizerOrgID != encoded("ORGANIZATION", customer) {
		t.Errorf("with a date: %s", got[0].raw)
	}
	if b := got[1].body.Data; b.AuthorizationDate.Before(before) {
		t.Errorf("without a date: %s", got[1].raw)
	}
	if got[2].body.Data.AuthorizerOrgID != "what it may be" || got[3].body.Data.ID != encoded("APPLICATION", "C1") {
		t.Errorf("%s, %s", got[2].raw, got[3].raw)
	}
	if string(got[4].raw) != "not JSON" || got[4].signature != signed("hook-secret", got[4].raw) {
		t.Errorf("raw body %q, signed %s", got[4].raw, got[4].signature)
	}
	if got[5].signature != "abc" || got[6].signature != "" {
		t.Errorf("signatures %q, %q", got[5].signature, got[6].signature)
	}
}

// TestRedeliver repeats the date of the authorisation, as duplicates do.
func TestRedeliver(t *testing.T) {
	w, r := withReceiver(t, webextest.Config{})
	w.ask(200, "POST", "/webhooks", w.integration(), w.newHook("authorized", nil))
	if err := w.Authorize(t.Context(), customer); err != nil {
		t.Fatal(err)
	}
	if err := w.Deliver(t.Context(), webextest.Event{Event: "authorized", Org: customer}); err != nil {
		t.Fatal(err)
	}
	if len(r.got) != 2 || r.got[0].body.Data != r.got[1].body.Data {
		t.Errorf("delivered again: %+v", r.got)
	}
}

// TestFailedDeliveries are told, each, and change nothing of the decision.
func TestFailedDeliveries(t *testing.T) {
	w, r := withReceiver(t, webextest.Config{})
	token := w.integration()
	for _, name := range []string{"first", "second"} {
		w.ask(200, "POST", "/webhooks", token, w.newHook("authorized", object{"name": name}))
	}
	r.status = 502
	err := w.Authorize(t.Context(), customer)
	if err == nil {
		t.Fatal("failed deliveries are not told")
	}
	for _, want := range []string{`"first"`, `"second"`, "502"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not have %s", err, want)
		}
	}
	if strings.Contains(err.Error(), "hook-secret") {
		t.Errorf("error %q shows a secret", err)
	}
	w.fetch(200, token, customer)
}

// TestDisabled: a hundred failures within five minutes disable a webhook; one that is
// enabled again stands less, for five minutes.
func TestDisabled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := withReceiver(t, webextest.Config{AccessLifetime: 24 * time.Hour})
		token := w.integration()
		id := w.ask(200, "POST", "/webhooks", token, w.newHook("authorized", nil)).str("id")
		status := func() string { return w.ask(200, "GET", "/webhooks/"+id, token, nil).str("status") }
		deliver := func(times int, every time.Duration) {
			for range times {
				_ = w.Deliver(t.Context(), webextest.Event{Event: "authorized", Org: customer})
				time.Sleep(every)
			}
		}
		r.status = 500
		deliver(150, 4*time.Second) // never a hundred within five minutes
		if status() != "active" {
			t.Error("failures that are far apart disable")
		}
		time.Sleep(5 * time.Minute)
		deliver(99, time.Second)
		r.status = 204
		deliver(1, 0)
		if status() != "active" {
			t.Error("99 failures disable")
		}
		r.status = 404
		deliver(1, 0)
		if status() != "inactive" {
			t.Error("100 failures do not disable")
		}
		told := len(r.got)
		if err := w.Deliver(t.Context(), webextest.Event{Event: "authorized"}); !errors.Is(err, webextest.ErrNoWebhook) || len(r.got) != told {
			t.Errorf("a disabled webhook is told: %v", err)
		}

		enable := object{"name": "n", "targetUrl": hooksURL, "status": "active"}
		w.ask(200, "PUT", "/webhooks/"+id, token, object{"name": "n", "targetUrl": hooksURL})
		if status() != "inactive" {
			t.Error("a change without status enables")
		}
		w.ask(200, "PUT", "/webhooks/"+id, token, enable)
		deliver(10, 0)
		if status() != "inactive" {
			t.Error("a webhook that was enabled again stands as much as before")
		}
		w.ask(200, "PUT", "/webhooks/"+id, token, enable)
		time.Sleep(5 * time.Minute)
		deliver(99, 0)
		if status() != "active" {
			t.Error("the low limit lasts longer than five minutes")
		}
	})
}

// TestDeliveryTimeout: a receiver that does not answer fails after ten seconds, or
// when the one who waits gives up.
func TestDeliveryTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs := http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) { <-q.Context().Done() })
		w := start(t, webextest.Config{Delivery: webextest.InMemory(hangs)})
		w.ask(200, "POST", "/webhooks", w.integration(), w.newHook("authorized", nil))
		began := time.Now()
		err := w.Authorize(t.Context(), customer)
		if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took != 10*time.Second {
			t.Errorf("after %v: %v", took, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began = time.Now()
		if err := w.Deliver(ctx, webextest.Event{Event: "authorized"}); err == nil || time.Since(began) != time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

// TestCloseWaits for deliveries under way; later ones are refused.
func TestCloseWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		arrived, answer := make(chan struct{}), make(chan struct{})
		w := start(t, webextest.Config{Delivery: webextest.InMemory(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			close(arrived)
			<-answer
		}))})
		w.ask(200, "POST", "/webhooks", w.integration(), w.newHook("authorized", nil))
		told, closed := make(chan error, 1), make(chan error, 1)
		go func() { told <- w.Authorize(t.Context(), customer) }()
		<-arrived
		go func() { closed <- w.Close() }()
		synctest.Wait()
		select {
		case <-closed:
			t.Error("Close does not wait for a delivery")
		default:
		}
		close(answer)
		if err := errors.Join(<-told, <-closed, w.Close()); err != nil {
			t.Error(err)
		}
		if err := w.Deliver(t.Context(), webextest.Event{Event: "authorized"}); err == nil {
			t.Error("a closed server delivers")
		}
		if r, err := w.send(t.Context(), "GET", "/webhooks", nil, nil); err == nil {
			t.Errorf("a closed server answers %d", r.status)
		}
		if err := w.Start("127.0.0.1:0"); err == nil {
			t.Error("a closed server starts")
		}
	})
}

func ExampleServer_Deliver() {
	hooks := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { fmt.Println("told") })
	s := webextest.New(webextest.Config{Delivery: webextest.InMemory(hooks)})
	defer s.Close()
	fmt.Println(s.Deliver(context.Background(), webextest.Event{Event: "authorized", Org: "an organisation"}))
	// Output: authorized of organisation an organisation: no active webhook wants the event
}
