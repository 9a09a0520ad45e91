package datasource

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/byova-host/byova-host/internal/byods/credential"
	"github.com/byova-host/byova-host/internal/byods/store"
	"github.com/byova-host/byova-host/internal/byods/webex"
	"github.com/byova-host/byova-host/internal/byods/webextest"
)

// otherSchema is one that Webex knows beside ours.
const otherSchema = "523e1b7f-4693-47bc-b84e-a7b7a505fb0b"

func TestCreate(t *testing.T) {
	bubble(t, webextest.Config{}, func(t *testing.T, w *world, org webex.OrgID) {
		h := w.host(want, nil)
		if err := h.Ensure(w.Context(), org); err != nil {
			w.Fatal(err)
		}
		if sent := w.sent(); sent != "GET POST" {
			w.Errorf("sent %s, want GET POST", sent)
		}
		w.accepted(org)
		d := w.record(org).Source
		if d.ID != w.webex.DataSourceOf(string(org)) || len(d.Nonces) != 1 || len(d.Nonces[0].Value) < 32 || d.Lifetime != 24*time.Hour {
			w.Errorf("recorded as %+v", d)
		}
		if err := h.Ensure(w.Context(), org); err != nil {
			w.Fatal(err)
		}
		if sent := w.sent(); sent != "GET" {
			w.Errorf("one that is right: sent %s, want GET", sent)
		}
	})
}

func TestDrift(t *testing.T) {
	with := func(change func(*Spec)) Spec {
		s := want
		change(&s)
		return s
	}
	for _, drift := range []struct {
		name   string
		change func(*webex.DataSourceSpec) // at Webex
		want   Spec                        // of a host that starts then
		sent   string
	}{
		{"none", nil, want, "GET"},
		{"another url at Webex", func(s *webex.DataSourceSpec) { s.URL = "https://elsewhere.example.com" }, want, "GET PUT"},
		{"another audience at Webex", func(s *webex.DataSourceSpec) { s.Audience = "nobody" }, want, "GET PUT"},
		{"another subject at Webex", func(s *webex.DataSourceSpec) { s.Subject = "nothing" }, want, "GET PUT"},
		{"a shorter lifetime at Webex", func(s *webex.DataSourceSpec) { s.Lifetime = time.Hour }, want, "GET PUT"},
		{"disabled", func(s *webex.DataSourceSpec) { s.Status, s.ErrorMessage = webex.StatusDisabled, "closed" }, want, "GET PUT"},
		{"another nonce at Webex", func(s *webex.DataSourceSpec) { s.Nonce = "0123456789abcdef0123456789abcdef" }, want, "GET"},
		{"another url configured", nil, with(func(s *Spec) { s.URL = "https://new.example.com" }), "GET PUT"},
		{"another audience configured", nil, with(func(s *Spec) { s.Audience = "new" }), "GET PUT"},
		{"another subject configured", nil, with(func(s *Spec) { s.Subject = "new" }), "GET PUT"},
		{"another lifetime configured", nil, with(func(s *Spec) { s.Lifetime = time.Hour }), "GET PUT"},
	} {
		t.Run(drift.name, func(t *testing.T) {
			bubble(t, webextest.Config{}, func(t *testing.T, w *world, org webex.OrgID) {
				first := w.ensured(org)
				if drift.change != nil {
					w.edit(first, org, drift.change)
				}
				h := w.host(drift.want, nil)
				h.run()
				time.Sleep(time.Minute)
				if sent := w.sent(); sent != drift.sent {
					t.Errorf("sent %s, want %s", sent, drift.sent)
				}
				w.accepted(org)
				d := w.record(org).Source
				if wrong := h.Spec.mendable(d); len(wrong) > 0 {
					t.Errorf("still wrong: %v", wrong)
				}
				if accepted := len(d.Nonces); drift.sent == "GET PUT" && accepted < 2 {
					t.Errorf("%d nonces are accepted: the one before is missing", accepted)
				}
				if err := h.Ensure(t.Context(), org); err != nil {
					t.Error(err)
				}
				if sent := w.sent(); sent != "GET" {
					t.Errorf("once more: sent %s, want GET", sent)
				}
			})
		})
	}
}

// TestForgotten has the data source deleted at Webex, behind our back.
func TestForgotten(t *testing.T) {
	bubble(t, webextest.Config{}, func(t *testing.T, w *world, org webex.OrgID) {
		h := w.ensured(org)
		before := *w.record(org).Source
		if err := h.Client.DeleteDataSource(t.Context(), h.App.Org(org), before.ID); err != nil {
			t.Fatal(err)
		}
		w.webex.Requests()
		if err := h.Ensure(t.Context(), org); !errors.Is(err, webex.ErrNotFound) || w.sent() != "GET GET" {
			t.Errorf("at once: %v, want that it waits for what Webex may not show yet", err)
		}
		time.Sleep(lag)
		if err := h.Ensure(t.Context(), org); err != nil {
			t.Fatal(err)
		}
		if sent := w.sent(); sent != "GET GET POST" {
			t.Errorf("sent %s, want GET GET POST", sent)
		}
		w.accepted(org)
		d := w.record(org).Source
		if d.ID == before.ID || len(d.Nonces) != 2 || d.Nonces[1].Value != before.Nonces[0].Value || !d.Nonces[1].Until.Equal(before.Expires) {
			t.Errorf("recorded as %+v after %+v", d, before)
		}
	})
}

func TestAdopt(t *testing.T) {
	forget := func(w *world, org webex.OrgID) {
		if err := w.records.UpdateOrg(w.Context(), org, func(o *store.Org) error {
			o.Source = nil
			return nil
		}); err != nil {
			w.Fatal(err)
		}
	}
	t.Run("one that is right", func(t *testing.T) {
		bubble(t, webextest.Config{}, func(t *testing.T, w *world, org webex.OrgID) {
			w.ensured(org)
			forget(w, org)
			if err := w.host(want, nil).Ensure(t.Context(), org); err != nil {
				t.Fatal(err)
			}
			if sent := w.sent(); sent != "GET" {
				t.Errorf("sent %s, want GET", sent)
			}
			w.accepted(org)
		})
	})
	t.Run("one that differs", func(t *testing.T) {
		bubble(t, webextest.Config{}, func(t *testing.T, w *world, org webex.OrgID) {
			id, err := w.webex.AddDataSource(string(org), "", webex.VoiceSchema, want.URL)
			if err != nil {
				t.Fatal(err)
			}
			w.ensured(org)
			if d := w.record(org).Source; d.ID != id || len(d.Nonces) != 2 || d.Audience != want.Audience {
				t.Errorf("recorded as %+v, want %s", d, id)
			}
		})
	})
	t.Run("one whose nonce is not shown", func(t *testing.T) {
		bubble(t, webextest.Config{OmitKeys: []string{
			"url", "audience", "subject", "nonce", "status", "jwsToken", "tokenExpiryTime", "tokenLifetimeMinutes", "createdAt", "updatedAt", "orgId",
		}}, func(t *testing.T, w *world, org webex.OrgID) {
			h := w.ensured(org)
			for range 3 {
				if err := h.Ensure(t.Context(), org); err != nil {
					t.Fatal(err)
				}
			}
			if sent := w.sent(); sent != "GET GET GET" {
				t.Errorf("sent %s, want nothing but GET", sent)
			}
			if left := time.Until(w.record(org).Source.Expires); left < 23*time.Hour || left > 24*time.Hour {
				t.Errorf("it is taken to expire in %v, want a day", left)
			}
		})
	})
	for _, ambiguous := range []struct {
		name         string
		applications []string
	}{{"several", []string{"", ""}}, {"another application's", []string{"Cabcdef"}}, {"another application's beside ours", []string{"Cabcdef", ""}}} {
		t.Run(ambiguous.name, func(t *testing.T) {
			bubble(t, webextest.Config{}, func(t *testing.T, w *world, org webex.OrgID) {
				var ids []string
				for _, application := range ambiguous.applications {
					id, err := w.webex.AddDataSource(string(org), application, webex.VoiceSchema, want.URL)
					if err != nil {
						t.Fatal(err)
					}
					ids = append(ids, id)
				}
				h := w.host(want, nil)
				err := h.Ensure(t.Context(), org)
				if !errors.Is(err, ErrAmbiguous) || !strings.Contains(err.Error(), ids[0]) {
					t.Errorf("Ensure = %v, want ErrAmbiguous that names %s", err, ids[0])
				}
				if sent := w.sent(); sent != "GET" {
					t.Errorf("sent %s, want GET", sent)
				}
				if trouble := w.record(org).Trouble; !trouble.Attention || trouble.Since.IsZero() {
					t.Errorf("noted as %+v", trouble)
				}
				if ambiguous.applications[0] != "" {
					return
				}
				if err := h.Delete(t.Context(), org, ids[0]); err != nil {
					t.Fatal(err)
				}
				if err := h.Ensure(t.Context(), org); err != nil || w.record(org).Trouble.What != "" {
					t.Errorf("after one was deleted: %v, %+v", err, w.record(org).Trouble)
				}
				w.accepted(org)
			})
		})
	}
}

// TestSchemaStays has Webex keep what cannot be changed: it is renewed all the same.
func TestSchemaStays(t *testing.T) {
	bubble(t, webextest.Config{}, func(t *testing.T, w *world, org webex.OrgID) {
		w.ensured(org)
		spec := want
		spec.Schema = otherSchema
		h := w.host(spec, nil)
		h.run()
		time.Sleep(3 * 24 * time.Hour)
		if trouble := w.record(org).Trouble; !trouble.Attention || !strings.Contains(trouble.What, "schema") {
			t.Errorf("noted as %+v", trouble)
		}
		w.accepted(org)
	})
}

func TestDelete(t *testing.T) {
	bubble(t, webextest.Config{}, func(t *testing.T, w *world, org webex.OrgID) {
		h := w.ensured(org)
		id := w.record(org).Source.ID
		if err := h.Delete(t.Context(), org, "another"); !errors.Is(err, webex.ErrNotFound) || w.record(org).Source == nil {
			t.Errorf("Delete of one that is not there = %v", err)
		}
		for range 2 { // the second is after an answer that was lost
			if err := w.records.UpdateOrg(t.Context(), org, func(o *store.Org) error {
				o.Source = &store.DataSource{ID: id}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if err := h.Delete(t.Context(), org, id); err != nil {
				t.Fatal(err)
			}
			if d := w.record(org).Source; d != nil || w.webex.DataSourceOf(string(org)) != "" {
				t.Errorf("left: %+v", d)
			}
		}
	})
}

func TestNotAuthorized(t *testing.T) {
	bubble(t, webextest.Config{}, func(t *testing.T, w *world, org webex.OrgID) {
		h := w.host(want, nil)
		if err := w.records.UpdateOrg(t.Context(), org, func(o *store.Org) error {
			o.Forget(store.Deauthorized)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		for _, id := range []webex.OrgID{org, "00000000-0000-0000-0000-00000000beef"} {
			for name, do := range map[string]func() error{
				"Ensure": func() error { return h.Ensure(t.Context(), id) },
				"Renew":  func() error { return h.Renew(t.Context(), id) },
				"Delete": func() error { return h.Delete(t.Context(), id, "x") },
			} {
				if err := do(); !errors.Is(err, credential.ErrOrgNotRegistered) || !strings.Contains(err.Error(), string(id)) {
					t.Errorf("%s(%s) = %v, want ErrOrgNotRegistered that names it", name, id, err)
				}
			}
		}
		if all, _ := w.records.Orgs(t.Context()); len(all) != 1 || w.sent() != "" {
			t.Errorf("there are records of %v", all)
		}
	})
}

func TestRenew(t *testing.T) {
	bubble(t, webextest.Config{}, func(t *testing.T, w *world, org webex.OrgID) {
		h := w.ensured(org)
		before := *w.record(org).Source
		time.Sleep(time.Hour)
		if err := h.Renew(t.Context(), org); err != nil {
			t.Fatal(err)
		}
		if sent := w.sent(); sent != "GET PUT" {
			t.Errorf("sent %s, want GET PUT", sent)
		}
		w.accepted(org)
		d := w.record(org).Source
		if d.ID != before.ID || len(d.Nonces) != 2 || d.Nonces[0].Value == before.Nonces[0].Value ||
			d.Nonces[1].Value != before.Nonces[0].Value || !d.Nonces[1].Until.Equal(before.Expires) || !d.Expires.After(before.Expires) {
			t.Errorf("recorded as %+v after %+v", d, before)
		}
		time.Sleep(25 * time.Hour)
		if err := h.Ensure(t.Context(), org); err != nil {
			t.Fatal(err)
		}
		for _, n := range w.record(org).Source.Nonces {
			if n.Value == before.Nonces[0].Value {
				t.Error("the nonce whose tokens have expired is still there")
			}
		}
	})
}

// TestUnclear has the answer to a request lost, after or before Webex has done it, or
// the request refused.
func TestUnclear(t *testing.T) {
	for _, method := range []string{http.MethodPost, http.MethodPut} {
		for name, fault := range map[string]webextest.Fault{
			"done, no answer":       {Break: true, Late: true},
			"done, 500":             {Status: 500, Late: true},
			"done, 429":             {Status: 429, RetryAfter: "5", Late: true},
			"not done, no answer":   {Break: true},
			"not done, unavailable": {Status: 503},
			"refused":               {Status: 400},
			"in conflict":           {Status: 409},
			"not readable":          {Body: "<html>", Late: true},
			"without an id":         {Body: "{}", Late: true},
		} {
			t.Run(method+" "+name, func(t *testing.T) {
				bubble(t, webextest.Config{}, func(t *testing.T, w *world, org webex.OrgID) {
					h := w.host(want, nil)
					do := h.Ensure
					if method == http.MethodPut {
						h, do = w.ensured(org), h.Renew
					}
					fault.Method, fault.Path = method, "/v1/dataSources"
					w.webex.Fail(fault)
					err := do(t.Context(), org)
					if whole := method == http.MethodPut && fault.Body == "{}"; (err == nil) != whole {
						t.Fatalf("the error is %v", err)
					} else if whole {
						w.accepted(org)
						return
					}
					o := w.record(org)
					if o.Trouble.What == "" {
						t.Error("no trouble is noted")
					}
					kept := proposed(o.Source)
					if kept == "" {
						t.Error("the nonce that Webex may have is not kept")
					}
					if method == http.MethodPut {
						w.accepted(org)
					}
					w.webex.ClearFaults()
					if err := h.Ensure(t.Context(), org); err != nil {
						t.Fatal(err)
					}
					w.accepted(org)
					if err := do(t.Context(), org); err != nil {
						t.Fatal(err)
					}
					w.accepted(org)
					d := w.record(org).Source
					if proposed(d) != "" || w.record(org).Trouble.What != "" {
						t.Errorf("left: %+v", w.record(org).Trouble)
					}
					if !has(d, kept) {
						t.Error("the nonce that was proposed was not the next one")
					}
				})
			})
		}
	}
}

// TestRefusedAfterDone has a PUT carried out, its answer lost, and the client's next
// try refused: the refusal does not say that Webex has the old nonce.
func TestRefusedAfterDone(t *testing.T) {
	bubble(t, webextest.Config{}, func(t *testing.T, w *world, org webex.OrgID) {
		h := w.ensured(org)
		w.webex.Fail(webextest.Fault{Method: http.MethodPut, Times: 1, Late: true, Break: true})
		w.webex.Fail(webextest.Fault{Method: http.MethodPut, Times: 1, Status: 400})
		if err := h.Renew(t.Context(), org); !errors.Is(err, webex.ErrValidation) {
			t.Fatalf("Renew = %v, want the refusal", err)
		}
		w.accepted(org)
		if err := h.Ensure(t.Context(), org); err != nil {
			t.Fatal(err)
		}
		w.accepted(org)
		if sent := w.sent(); sent != "GET PUT PUT GET" {
			t.Errorf("sent %s, want that the nonce Webex has is found", sent)
		}
	})
}

// TestStale has Webex show for a while what was before a renewal.
func TestStale(t *testing.T) {
	bubble(t, webextest.Config{}, func(t *testing.T, w *world, org webex.OrgID) {
		h := w.ensured(org)
		id := w.record(org).Source.ID
		old, err := h.Client.DataSource(t.Context(), h.App.Org(org), id)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(13 * time.Hour)
		if err := h.Renew(t.Context(), org); err != nil {
			t.Fatal(err)
		}
		renewed := w.record(org).Source
		text := fmt.Sprintf(`{"id": %q, "nonce": %q, "tokenExpiryTime": %q, "url": "https://before.example.com"}`,
			id, old.Nonce, old.Expires.Format(time.RFC3339))
		w.webex.Requests()
		w.webex.Fail(webextest.Fault{Method: http.MethodGet, Body: text})
		for range 3 {
			if err := h.Ensure(t.Context(), org); err != nil {
				t.Fatal(err)
			}
		}
		if sent := w.sent(); sent != "GET GET GET" {
			t.Errorf("sent %s, want that nothing is mended", sent)
		}
		if now := w.record(org).Source; now.URL != renewed.URL || now.Nonces[0] != renewed.Nonces[0] {
			t.Errorf("recorded as %+v", now)
		}
		time.Sleep(lag)
		if err := h.Ensure(t.Context(), org); err != nil || !strings.Contains(w.sent(), "PUT") {
			t.Errorf("what lasts is not mended: %v", err)
		}
		w.accepted(org)
	})
}

// TestFence drops what was done for an authorisation that has been given anew since.
func TestFence(t *testing.T) {
	bubble(t, webextest.Config{}, func(t *testing.T, w *world, org webex.OrgID) {
		h := w.ensured(org)
		w.carry = func(q *http.Request, next http.RoundTripper) (*http.Response, error) {
			r, err := next.RoundTrip(q)
			if q.Method == http.MethodPut {
				w.carry = nil
				w.deauthorize(org)
				w.authorize(h, org)
			}
			return r, err
		}
		if err := h.Renew(t.Context(), org); !errors.Is(err, credential.ErrOrgNotRegistered) {
			t.Errorf("Renew = %v, want ErrOrgNotRegistered", err)
		}
		if o := w.record(org); o.State != store.Authorized || o.Source != nil || o.Trouble.What != "" {
			t.Errorf("recorded as %+v", o)
		}
	})
}

// TestAnswerAtTheEnd notes what Webex has answered when the process is told to stop.
func TestAnswerAtTheEnd(t *testing.T) {
	bubble(t, webextest.Config{}, func(t *testing.T, w *world, org webex.OrgID) {
		h := w.ensured(org)
		ctx, cancel := context.WithCancel(t.Context())
		_, err := h.work(ctx, org, func(j *job, ctx context.Context) error {
			nonce, err := j.propose(ctx)
			if err != nil {
				return err
			}
			cancel()
			return j.accept(ctx, nonce, webex.DataSource{ID: j.org.Source.ID})
		})
		if err != nil || proposed(w.record(org).Source) != "" {
			t.Errorf("the answer is not noted: %v", err)
		}
	})
}

// TestKilled ends the process just before and just after Webex has a new nonce.
func TestKilled(t *testing.T) {
	for _, done := range []bool{false, true} {
		for _, method := range []string{http.MethodPost, http.MethodPut} {
			name := method + " not sent"
			if done {
				name = method + " carried out"
			}
			t.Run(name, func(t *testing.T) {
				bubble(t, webextest.Config{}, func(t *testing.T, w *world, org webex.OrgID) {
					if method == http.MethodPut {
						w.ensured(org)
						time.Sleep(13 * time.Hour)
					}
					h := w.host(want, nil)
					killed := make(chan struct{})
					w.carry = func(q *http.Request, next http.RoundTripper) (*http.Response, error) {
						if q.Method != method || !strings.HasPrefix(q.URL.Path, "/v1/dataSources") {
							return next.RoundTrip(q)
						}
						if done {
							if _, err := next.RoundTrip(q); err != nil {
								t.Error(err)
							}
						}
						close(killed)
						<-q.Context().Done()
						return nil, q.Context().Err()
					}
					h.run()
					<-killed
					h.stop()
					w.carry = nil
					if method == http.MethodPut {
						w.accepted(org) // by a process that is not this one
					}
					w.webex.Requests()
					second := w.host(want, nil)
					second.run()
					time.Sleep(time.Minute)
					w.accepted(org)
					sent := map[string]map[bool]string{
						http.MethodPost: {false: "GET POST", true: "GET"},
						http.MethodPut:  {false: "GET PUT", true: "GET"},
					}[method][done]
					if got := w.sent(); got != sent {
						t.Errorf("sent %s, want %s", got, sent)
					}
					if d := w.record(org).Source; proposed(d) != "" || time.Until(d.Expires) < 23*time.Hour {
						t.Errorf("recorded as %+v", d)
					}
				})
			})
		}
	}
}
