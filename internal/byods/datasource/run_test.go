package datasource

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/byova-host/byova-host/internal/byods/store"
	"github.com/byova-host/byova-host/internal/byods/webex"
	"github.com/byova-host/byova-host/internal/byods/webextest"
	"github.com/byova-host/byova-host/internal/logtest"
)

// lines is a log.
type lines struct{ logtest.Log }

func (l *lines) logger() hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{Output: l, Level: hclog.Debug})
}

// of counts the lines of a level.
func (l *lines) of(level string) int {
	return l.Count("[" + level + "]")
}

// without holds that no secret of Webex's is in the log.
func (l *lines) without(t *testing.T, secrets []string) {
	t.Helper()
	if len(secrets) == 0 {
		t.Error("there are no secrets to look for")
	}
	for _, secret := range secrets {
		if strings.Contains(l.String(), secret) {
			t.Error("a secret is in the log")
		}
	}
}

// deauthorize takes an organisation's authorisation back, and notes it as its webhook does.
func (w *world) deauthorize(org webex.OrgID) {
	w.Helper()
	if err := w.webex.Deauthorize(w.Context(), string(org)); err != nil {
		w.Fatal(err)
	}
	if err := w.records.UpdateOrg(w.Context(), org, func(o *store.Org) error {
		o.Forget(store.Deauthorized)
		return nil
	}); err != nil {
		w.Fatal(err)
	}
}

// TestTwoKeepers has two processes look after the organisations of one store.
func TestTwoKeepers(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, webextest.Config{}, 5)
		for range 2 {
			h := w.host(want, nil)
			h.every = 10 * time.Minute // what the other has written is only seen then
			h.run()
		}
		for range 4 * 24 * 60 {
			time.Sleep(time.Minute)
			if time.Now().Minute() == 0 {
				for _, org := range w.orgs {
					w.accepted(org)
				}
			}
		}
		var count tally
		count.add(w.webex.Requests())
		// Each organisation is renewed after 9 to 12 hours: 8 to 10 times.
		if made, renewed := count.by["POST"], count.by["PUT"]; made != len(w.orgs) || renewed < 8*len(w.orgs) || renewed > 10*len(w.orgs) {
			t.Errorf("%d data sources were made and renewed %d times", made, renewed)
		}
	})
}

// TestDeauthorizedMeanwhile takes the authorisation back while a request is under way.
func TestDeauthorizedMeanwhile(t *testing.T) {
	for _, at := range []string{http.MethodPost, http.MethodGet, http.MethodPut} {
		for _, again := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, authorised anew: %v", at, again), func(t *testing.T) {
				bubble(t, webextest.Config{}, func(t *testing.T, w *world, org webex.OrgID) {
					if at == http.MethodPut {
						w.ensured(org)
						time.Sleep(13 * time.Hour)
					}
					h := w.host(want, nil)
					var once sync.Once
					w.carry = func(q *http.Request, next http.RoundTripper) (*http.Response, error) {
						r, err := next.RoundTrip(q)
						if q.Method == at && strings.HasPrefix(q.URL.Path, "/v1/dataSources") {
							once.Do(func() {
								w.deauthorize(org)
								if again {
									w.authorize(w.host(want, nil), org)
								}
								if _, err := h.Store.Reload(t.Context()); err != nil {
									t.Error(err)
								}
								h.Look(org)
							})
						}
						return r, err
					}
					h.run()
					time.Sleep(time.Hour)
					o := w.record(org)
					if again {
						w.accepted(org)
						if o.Trouble.What != "" {
							t.Errorf("left with %+v", o.Trouble)
						}
						return
					}
					if o.State != store.Deauthorized || o.Source != nil || o.Token != nil || o.Trouble.What != "" {
						t.Errorf("left: %+v", o)
					}
					w.webex.Requests()
					time.Sleep(7 * 24 * time.Hour)
					if sent := w.webex.Requests(); len(sent) > 0 {
						t.Errorf("%d requests for an organisation that does not want us", len(sent))
					}
					w.authorize(h, org)
					h.Look(org)
					time.Sleep(time.Minute)
					w.accepted(org)
				})
			})
		}
	}
}

// TestOutage has Webex answer nothing for longer than a data source lives.
func TestOutage(t *testing.T) {
	bubble(t, webextest.Config{}, func(t *testing.T, w *world, org webex.OrgID) {
		var log lines
		h := w.host(want, log.logger())
		var ends []error
		h.Watch = func(_ webex.OrgID, err error) { ends = append(ends, err) }
		h.run()
		time.Sleep(time.Minute)
		made := time.Now()
		w.webex.Fail(webextest.Fault{Path: "/v1/dataSources", Break: true})
		for _, then := range []struct {
			after        time.Duration
			warns, fails int
		}{{3 * time.Hour, 1, 0}, {17 * time.Hour, 1, 0}, {18*time.Hour + 10*time.Minute, 1, 1}, {23 * time.Hour, 1, 1}, {24*time.Hour + 10*time.Minute, 1, 2}, {30 * time.Hour, 1, 2}} {
			time.Sleep(time.Until(made.Add(then.after)))
			if warns, fails := log.of("WARN"), log.of("ERROR"); warns != then.warns || fails != then.fails {
				t.Errorf("after %v: %d warnings and %d errors, want %d and %d", then.after, warns, fails, then.warns, then.fails)
			}
		}
		o := w.record(org)
		if since := o.Trouble.Since.Sub(made); o.Trouble.What == "" || o.Trouble.Attention || since > 2*time.Hour {
			t.Errorf("noted as %+v, %v after it began", o.Trouble, since)
		}
		tries := len(w.webex.Requests()) / 4
		if tries < 30*4 || tries > 30*8+24 {
			t.Errorf("%d tries in 30 hours", tries)
		}
		w.webex.ClearFaults()
		time.Sleep(10 * time.Minute)
		w.accepted(org)
		if o := w.record(org); o.Trouble.What != "" {
			t.Errorf("left with %+v", o.Trouble)
		}
		h.stop()
		if len(ends) < tries || ends[0] != nil || ends[1] == nil || ends[len(ends)-1] != nil {
			t.Errorf("of about %d tries %d were told of", tries, len(ends))
		}
		log.without(t, w.webex.Secrets())
	})
}

// TestForbidden is what only a person can mend.
func TestForbidden(t *testing.T) {
	bubble(t, webextest.Config{}, func(t *testing.T, w *world, org webex.OrgID) {
		var log lines
		h := w.host(want, log.logger())
		w.webex.Fail(webextest.Fault{Path: "/v1/dataSources", Status: 403})
		h.run()
		time.Sleep(10 * time.Hour)
		synctest.Wait()
		if sent := strings.Fields(w.sent()); len(sent) < 8 || len(sent) > 14 {
			t.Errorf("%d requests in 10 hours, want one an hour", len(sent))
		}
		if trouble := w.record(org).Trouble; !trouble.Attention || !strings.Contains(trouble.What, "403") {
			t.Errorf("noted as %+v", trouble)
		}
		if fails := log.of("ERROR"); fails != 1 {
			t.Errorf("%d errors in the log, want 1", fails)
		}
		w.webex.ClearFaults()
		h.Look(org)
		time.Sleep(calm + 5*time.Second)
		w.accepted(org)
	})
}

// TestRetryAfter waits as long as Webex asks for.
func TestRetryAfter(t *testing.T) {
	bubble(t, webextest.Config{}, func(t *testing.T, w *world, org webex.OrgID) {
		h := w.host(want, nil)
		e := &entry{org: org, health: health{failures: 1}}
		err := fmt.Errorf("ask: %w", &webex.Error{Status: 429, RetryAfter: 20 * time.Minute})
		at := h.retryAt(e, w.record(org), err)
		if wait := time.Until(at); wait < 20*time.Minute || wait > 21*time.Minute {
			t.Errorf("the next try is in %v", wait)
		}
		h.schedule.entries[org] = e
		h.schedule.give(e, at, h.now())
		h.Look(org)
		if wait := time.Until(e.at); wait < 20*time.Minute {
			t.Errorf("after Look the next try is in %v", wait)
		}
		err = &webex.Error{Status: 503, RetryAfter: 1000 * time.Hour}
		if wait := time.Until(h.retryAt(e, w.record(org), err)); wait > 2*rarely {
			t.Errorf("who asks for too much is waited for for %v", wait)
		}
	})
}

// TestSleep has the machine sleep for a day: its timers do not see that.
func TestSleep(t *testing.T) {
	for _, slept := range []time.Duration{24 * time.Hour, -24 * time.Hour} {
		t.Run(slept.String(), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newWorld(t, webextest.Config{}, 20)
				h := w.host(want, nil)
				var mu sync.Mutex
				var ahead time.Duration
				h.now = func() time.Time {
					mu.Lock()
					defer mu.Unlock()
					return time.Now().Round(0).Add(ahead)
				}
				h.run()
				time.Sleep(30 * time.Minute)
				w.webex.Requests()
				mu.Lock()
				ahead = slept
				mu.Unlock()
				time.Sleep(3 * time.Minute)
				var count tally
				count.add(w.webex.Requests())
				renewed := 0
				if slept > 0 {
					renewed = len(w.orgs)
				}
				if count.by["GET"] != len(w.orgs) || count.by["PUT"] != renewed {
					t.Errorf("within three minutes: %v, want that each is looked at, and %d renewed", count.by, renewed)
				}
				for _, org := range w.orgs {
					w.accepted(org)
				}
			})
		})
	}
}

// TestStop ends the keeper while a request is under way.
func TestStop(t *testing.T) {
	bubble(t, webextest.Config{}, func(t *testing.T, w *world, org webex.OrgID) {
		h := w.host(want, nil)
		asked := make(chan struct{})
		ended := false
		w.carry = func(q *http.Request, _ http.RoundTripper) (*http.Response, error) {
			close(asked)
			<-q.Context().Done()
			time.Sleep(time.Second) // it takes its time to end
			ended = true
			return nil, q.Context().Err()
		}
		h.run()
		<-asked
		h.stop()
		if !ended {
			t.Error("Run has returned before its work has")
		}
		if trouble := w.record(org).Trouble; trouble.What != "" {
			t.Errorf("a stop is noted as %+v", trouble)
		}
		w.carry = nil
		h.run()
		time.Sleep(time.Minute)
		w.accepted(org)
	})
}

// TestTokenFails has the service app's token not renewed: the data source is, for as
// long as the token counts.
func TestTokenFails(t *testing.T) {
	bubble(t, webextest.Config{AccessLifetime: 48 * time.Hour}, func(t *testing.T, w *world, org webex.OrgID) {
		h := w.host(want, nil)
		h.run()
		time.Sleep(time.Hour)
		w.webex.Fail(webextest.Fault{Path: "/v1/access_token", Status: 503})
		time.Sleep(46 * time.Hour)
		w.accepted(org)
		if o := w.record(org); !strings.Contains(o.Trouble.What, "token") || time.Until(o.Source.Expires) < 11*time.Hour {
			t.Errorf("noted as %+v, and it expires at %v", o.Trouble, o.Source.Expires)
		}
		w.webex.ClearFaults()
		time.Sleep(20 * time.Minute)
		if trouble := w.record(org).Trouble; trouble.What != "" {
			t.Errorf("left with %+v", trouble)
		}
	})
}

// TestStoreFails has the store not written to: nothing is sent that is not stored.
func TestStoreFails(t *testing.T) {
	bubble(t, webextest.Config{}, func(t *testing.T, w *world, org webex.OrgID) {
		h := w.ensured(org)
		full := errors.New("the disk is full")
		records, err := store.NewCache(t.Context(), &fullStore{Store: w.records, err: full})
		if err != nil {
			t.Fatal(err)
		}
		h.Store = records
		if err := h.Renew(t.Context(), org); !errors.Is(err, full) {
			t.Errorf("Renew = %v, want that the disk is full", err)
		}
		if sent := w.sent(); sent != "GET" {
			t.Errorf("sent %s, want GET", sent)
		}
		w.accepted(org)
	})
}

// fullStore is a store that cannot be written to.
type fullStore struct {
	store.Store
	err error
}

func (f *fullStore) UpdateOrg(ctx context.Context, id webex.OrgID, change func(*store.Org) error) error {
	return f.Store.UpdateOrg(ctx, id, func(o *store.Org) error {
		if err := change(o); err != nil {
			return err
		}
		return f.err
	})
}

// TestFaults has everything fail at random, processes end at random, and two of them
// at work, for days: whatever Webex presents is let in while it counts.
func TestFaults(t *testing.T) {
	const days = 10
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, webextest.Config{AccessLifetime: 50 * time.Hour}, 4)
		var log lines
		random := rand.New(rand.NewPCG(3, 4))
		spec := want
		spec.Lifetime = 4 * time.Hour
		hosts := []*host{w.host(spec, log.logger()), w.host(spec, log.logger())}
		for _, h := range hosts {
			h.run()
		}
		time.Sleep(time.Minute)
		faults := []webextest.Fault{
			{Status: 500}, {Status: 503, Late: true}, {Break: true}, {Break: true, Late: true}, {Status: 400}, {Status: 403},
			{Status: 429, RetryAfter: "7"}, {Status: 404}, {Status: 409}, {Delay: 40 * time.Second}, {Delay: 40 * time.Second, Late: true},
			{Body: "{}", Late: true}, {Body: "[", Late: true},
		}
		for minute := range days * 24 * 60 {
			time.Sleep(time.Minute)
			if minute%60 < 30 && minute%10 == 0 {
				f := faults[random.IntN(len(faults))]
				f.Path = "/v1/dataSources"
				f.Method = []string{"", "GET", "PUT"}[random.IntN(3)]
				f.Times = 1 + random.IntN(12)
				w.webex.Fail(f)
			}
			if minute%60 == 30 { // half an hour of peace, in which all must be mended
				w.webex.ClearFaults()
			}
			if random.IntN(200) == 0 {
				i := random.IntN(2)
				hosts[i].stop()
				hosts[i] = w.host(spec, log.logger())
				hosts[i].run()
			}
			for _, org := range w.orgs {
				if err := w.presented(org, w.peek); err != nil {
					t.Fatalf("in minute %d, a token for %s is refused: %v", minute, org, err)
				}
			}
		}
		var count tally
		count.add(w.webex.Requests())
		t.Logf("%d requests, %v, answers %v", count.all, count.by, count.status)
		if renewed, refused := count.by["PUT"], count.all-count.status[http.StatusOK]; renewed < 4*days*12 || refused < 50*days {
			t.Errorf("%d renewals and %d failures: the test tests nothing", renewed, refused)
		}
		for _, org := range w.orgs {
			if n := len(w.record(org).Source.Nonces); n > 8 {
				t.Errorf("%d nonces are kept", n)
			}
		}
		log.without(t, w.webex.Secrets())
	})
}
