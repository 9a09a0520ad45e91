package webhook

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/byova-host/byova-host/internal/byods/credential"
	"github.com/byova-host/byova-host/internal/byods/store"
	"github.com/byova-host/byova-host/internal/byods/webex"
)

const (
	maxBody   = 64 << 10 // bytes of a delivery
	maxSeen   = 32       // events of an organisation that are remembered
	forgeryIn = time.Minute
)

// ReceiverConfig says what is accepted and what is done with it.
type ReceiverConfig struct {
	ApplicationID string
	Secret        string // never empty
	Store         store.Store
	App           *credential.ServiceApp
	// Done is called with each organisation of which something has changed; nil: nobody is.
	Done func(webex.OrgID)
	Log  hclog.Logger // nil: none
}

// Receiver receives deliveries: an http.Handler.
type Receiver struct {
	config ReceiverConfig
	work   *worker

	mu      sync.Mutex
	forged  int       // deliveries with a wrong signature, since it was last said
	saidLet time.Time // when it may be said again
}

// NewReceiver makes one.
func NewReceiver(c ReceiverConfig) *Receiver {
	if c.Log == nil {
		c.Log = hclog.NewNullLogger()
	}
	if c.Done == nil {
		c.Done = func(webex.OrgID) {}
	}
	return &Receiver{config: c, work: newWorker(c)}
}

// Run works on what was accepted, also by an earlier process, until ctx ends.
func (r *Receiver) Run(ctx context.Context) { r.work.run(ctx) }

// ServeHTTP takes one delivery. It is checked and noted, and what follows from it is
// done later: Webex switches a webhook off that answers slowly or with errors.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	if q.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "events are posted", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, q.Body, maxBody))
	if err != nil {
		code := http.StatusBadRequest
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			code = http.StatusRequestEntityTooLarge
		}
		http.Error(w, http.StatusText(code), code)
		return
	}
	if signatures := q.Header.Values("X-Spark-Signature"); len(signatures) != 1 || !signed(body, signatures[0], r.config.Secret) {
		r.forgery()
		http.Error(w, "the signature is not right", http.StatusUnauthorized)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	code, text := r.accept(q.Context(), body)
	w.WriteHeader(code)
	_, _ = io.WriteString(w, text+"\n") // Webex does not read it
}

// forgery counts a wrong signature, and says so now and then: anybody can send them.
func (r *Receiver) forgery() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forged++
	if now := time.Now(); !now.Before(r.saidLet) {
		r.config.Log.Warn("webhook deliveries with a wrong signature", "since_the_last_such_line", r.forged)
		r.forged, r.saidLet = 0, now.Add(forgeryIn)
	}
}

// accept notes a delivery that was signed, and tells what to answer.
func (r *Receiver) accept(ctx context.Context, body []byte) (code int, text string) {
	d, err := parse(body, r.config.ApplicationID)
	switch {
	case errors.Is(err, errOthers): // an error would count against the webhook
		r.config.Log.Info("webhook event of something else")
		return http.StatusAccepted, "not for this service app"
	case err != nil:
		r.config.Log.Warn("webhook event not understood", "error", err)
		return http.StatusBadRequest, err.Error()
	}
	var did string
	err = r.config.Store.UpdateOrg(ctx, d.org, func(o *store.Org) error {
		did = take(o, d, time.Now().UTC())
		if did == repeated {
			return errNothing
		}
		return nil
	})
	if err != nil && !errors.Is(err, errNothing) {
		r.config.Log.Error("webhook event not noted, Webex has to deliver it again", "org", d.org, "event", d.event, "error", err)
		return http.StatusServiceUnavailable, "not noted: deliver it again"
	}
	r.config.Log.Info("webhook event", "org", d.org, "event", d.event, "taken_as", did)
	switch did {
	case pending:
		r.work.look(d.org)
	case ended:
		r.config.Done(d.org)
	}
	return http.StatusAccepted, did
}

// errNothing leaves a record as it is.
var errNothing = errors.New("nothing to change")

// What becomes of a delivery.
const (
	repeated = "repeated" // it was taken before
	stale    = "stale"    // something later is known
	ended    = "ended"    // the organisation's secrets are gone
	pending  = "pending"  // it is to be worked on
)

// take holds an event against what is known of its organisation, and changes that.
//
// Webex tells only when the authorisation was given, on both events. An authorisation
// is stale if one as young was taken back, or if one as young is known. A
// deauthorisation that names an older authorisation than the one that counts is in
// doubt: it may be late, or not. Webex is asked.
func take(o *store.Org, d delivery, now time.Time) string {
	e := &o.Events
	if slices.Contains(e.Seen, d.key) && (!d.date.IsZero() || d.event == authorized) {
		return repeated
	}
	e.Seen = append([]string{d.key}, e.Seen[:min(len(e.Seen), maxSeen-1)]...)
	if d.event == authorized {
		return takeAuthorized(o, d, now)
	}
	return takeDeauthorized(o, d, now)
}

func takeAuthorized(o *store.Org, d delivery, now time.Time) string {
	date := d.date
	if date.IsZero() {
		date = now
	}
	e := &o.Events
	if !date.After(e.Deauthorized) || !e.Authorized.IsZero() && !date.After(e.Authorized) {
		return stale
	}
	e.Authorized = date
	if o.State != store.Authorized {
		o.State, o.Trouble = store.Authorized, store.Trouble{}
		o.Generation++
	}
	o.Target = d.given
	e.Pending = &store.Event{Event: authorized, Key: d.key, Generation: o.Generation, Received: now}
	return pending
}

func takeDeauthorized(o *store.Org, d delivery, now time.Time) string {
	e := &o.Events
	if !d.date.IsZero() && d.date.Before(e.Authorized) {
		if o.State != store.Authorized {
			return stale
		}
		e.Pending = &store.Event{Event: deauthorized, Key: d.key, Generation: o.Generation, Received: now}
		return pending
	}
	date := d.date
	if date.IsZero() {
		date = now
	}
	if date.After(e.Deauthorized) {
		e.Deauthorized = date
	}
	if o.State == store.Authorized || o.State == store.Unknown {
		o.Forget(store.Deauthorized)
	}
	return ended
}
