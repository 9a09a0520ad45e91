package webextest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // what Webex signs deliveries with
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"
)

const (
	deliveryTimeout = 10 * time.Second
	failureWindow   = 5 * time.Minute
	failureLimit    = 100 // deliveries within the window that fail, and the webhook is disabled
	failureLimitLow = 10  // for one that was enabled again within the window; Webex says only that it is lower
)

// ErrNoWebhook is an event that no active webhook wants.
var ErrNoWebhook = errors.New("no active webhook wants the event")

// Event is something that webhooks tell of. What is not set is as Webex has it.
type Event struct {
	Event       string    // authorized or deauthorized
	Org         string    // of the customer; a UUID is shown as Config.EventOrg says, anything else as it is
	Date        time.Time // data.authorizationDate; zero: when the organisation last authorised, or now if never
	Application string    // the service app's client id; empty: ours
	Body        []byte    // instead of the whole body
	Signature   string    // instead of the right one; "-": none
}

// Deliver tells all active webhooks of an event, whether it has happened or not, and
// returns when they have answered. The error has each delivery that failed.
func (s *Server) Deliver(ctx context.Context, e Event) error {
	if !s.begin() {
		return errors.New("deliver: the server is closed")
	}
	defer s.running.Done()
	all := s.deliveries(e)
	if len(all) == 0 {
		return fmt.Errorf("%s of organisation %s: %w", e.Event, e.Org, ErrNoWebhook)
	}
	var failed []error
	for _, d := range all {
		err := s.post(ctx, d)
		s.count(d.hook, err != nil)
		if err != nil {
			failed = append(failed, fmt.Errorf("deliver %s to webhook %q: %w", e.Event, d.name, err))
		}
	}
	return errors.Join(failed...)
}

// delivery is one request.
type delivery struct {
	hook      *hook
	name      string
	target    string
	body      []byte
	signature string // empty: none
}

// deliveries makes those of an event.
func (s *Server) deliveries(e Event) []delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.Application = cmp.Or(e.Application, s.config.ServiceAppID)
	if uuid, ok := orgUUID(e.Org); ok && e.Date.IsZero() {
		e.Date = s.org(uuid).date
	}
	if e.Date.IsZero() {
		e.Date = time.Now()
	}
	if uuidShape.MatchString(e.Org) {
		e.Org = s.config.EventOrg.show(e.Org)
	}
	var all []delivery
	for _, h := range s.hooks {
		if h.Status != active || h.Event != e.Event || !h.wants(e.Application) {
			continue
		}
		d := delivery{hook: h, name: h.Name, target: h.TargetURL, body: e.Body}
		if d.body == nil {
			d.body = s.envelope(h, e)
		}
		if h.Secret != "" {
			d.signature = sign(h.Secret, d.body)
		}
		switch e.Signature {
		case "":
		case "-":
			d.signature = ""
		default:
			d.signature = e.Signature
		}
		all = append(all, d)
	}
	return all
}

// wants tells whether a webhook's filter lets events of a service app pass. Names of
// sites and apps are not known here, and match nothing.
func (h *hook) wants(application string) bool {
	values, err := url.ParseQuery(h.Filter)
	if err != nil {
		return false
	}
	for key, value := range values {
		if id, ok := decodeID("APPLICATION", value[0]); key != "id" || !ok || id != application {
			return false
		}
	}
	return true
}

// envelope is the body. Its orgId is the webhook's owner's, never the customer's.
func (s *Server) envelope(h *hook, e Event) []byte {
	text, err := json.Marshal(map[string]any{
		"id": h.ID, "name": h.Name, "targetUrl": h.TargetURL, "resource": h.Resource, "event": h.Event, "filter": h.Filter,
		"orgId":     encodeID("ORGANIZATION", s.config.ProviderOrg),
		"createdBy": encodeID("PEOPLE", s.config.ProviderOrg), "appId": encodeID("APPLICATION", s.config.IntegrationID),
		"ownedBy": h.OwnedBy, "status": h.Status, "created": h.Created,
		"actorId": encodeID("PEOPLE", newUUID()),
		"data": map[string]any{
			"id":                encodeID("APPLICATION", e.Application),
			"authorizerOrgId":   e.Org,
			"authorizationDate": timestamp(e.Date),
		},
	})
	if err != nil {
		panic(err) // it has strings and a time alone
	}
	return text
}

// timestamp is how Webex shows times.
func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// sign is the value of X-Spark-Signature.
func sign(secret string, body []byte) string {
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// post delivers. No connection outlives it.
func (s *Server) post(ctx context.Context, d delivery) error {
	ctx, cancel := context.WithTimeout(ctx, deliveryTimeout)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, d.target, bytes.NewReader(d.body))
	if err != nil {
		return err
	}
	q.Close = true
	q.Header.Set("Content-Type", "application/json")
	if d.signature != "" {
		q.Header.Set("X-Spark-Signature", d.signature)
	}
	carrier := s.config.Delivery
	if carrier == nil {
		carrier = http.DefaultTransport
	}
	r, err := carrier.RoundTrip(q)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(r.Body, maxBody)); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if r.StatusCode < 200 || r.StatusCode > 299 {
		return fmt.Errorf("answered %s", r.Status)
	}
	return nil
}

// count notes how a delivery ended, and disables a webhook of which too many fail.
func (s *Server) count(h *hook, failed bool) {
	if !failed {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	h.failures = slices.DeleteFunc(h.failures, func(at time.Time) bool { return now.Sub(at) >= failureWindow })
	h.failures = append(h.failures, now)
	limit := failureLimit
	if !h.reenabled.IsZero() && now.Sub(h.reenabled) < failureWindow {
		limit = failureLimitLow
	}
	if len(h.failures) >= limit {
		h.Status = inactive
	}
}
