package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/byova-host/byova-host/internal/byods/webex"
)

// ErrNotFound is a record that is not there.
var ErrNotFound = errors.New("no such record")

// Store keeps records. All methods may be called concurrently, also by other
// processes. An update is atomic: change sees the record as it is and what it leaves
// is written, or nothing is if it returns an error, which comes back as it is. Change
// must not call the store, and must not wait for the network.
type Store interface {
	// Integration gives the integration's record, or ErrNotFound.
	Integration(ctx context.Context) (Integration, error)
	// UpdateIntegration changes it; one that is not there is zero.
	UpdateIntegration(ctx context.Context, change func(*Integration) error) error
	// Orgs gives all organisations that have a record, in order.
	Orgs(ctx context.Context) ([]webex.OrgID, error)
	// Org gives an organisation's record, or ErrNotFound.
	Org(ctx context.Context, id webex.OrgID) (Org, error)
	// UpdateOrg changes it; one that is not there has nothing but its ID. A record is
	// never removed: what happened to its organisation counts for what comes late.
	UpdateOrg(ctx context.Context, id webex.OrgID, change func(*Org) error) error
	// Lock waits until nobody else has the lock of this name, in any process, and
	// takes it. It is for work that needs the network between a read and an update.
	// The lock ends with unlock, or with the process.
	Lock(ctx context.Context, name string) (unlock func(), err error)
}

// Integration is the provider's own authorisation.
type Integration struct {
	Token   webex.Token `json:"token"`
	Trouble Trouble     `json:"trouble,omitzero"`
}

// State says what an organisation has allowed.
type State string

// The states.
const (
	Unknown      State = ""             // nothing has been heard of it
	Authorized   State = "authorized"   // its administrator has authorised the service app
	Deauthorized State = "deauthorized" // and has taken that back
	Removed      State = "removed"      // the operator has forgotten it
)

// Org is what is known of an organisation. Its secrets are gone unless it is
// Authorized.
type Org struct {
	ID    webex.OrgID `json:"id"`
	State State       `json:"state"`
	// Generation counts up with each change of State. Whoever works for an
	// organisation notes it first, and drops the result if it has moved.
	Generation int64 `json:"generation"`
	// Revision counts up with each update, by the store.
	Revision int64 `json:"revision"`
	// Target is the form of its id that Webex took to give tokens, or that the webhook
	// gave, until one was tried.
	Target  string       `json:"target,omitempty"`
	Token   *webex.Token `json:"token,omitempty"` // nil: none yet
	Source  *DataSource  `json:"data_source,omitempty"`
	Events  Events       `json:"events,omitzero"`
	Trouble Trouble      `json:"trouble,omitzero"`
}

// Forget takes an organisation to a state in which it has no secrets.
func (o *Org) Forget(s State) {
	o.State, o.Token, o.Source, o.Trouble = s, nil, nil, Trouble{}
	o.Events.Pending = nil
	o.Generation++
}

// DataSource is our own endpoint as it is registered for an organisation: what
// tokens that Webex presents must claim.
type DataSource struct {
	ID       string        `json:"id"`
	Schema   string        `json:"schema"`
	URL      string        `json:"url"`
	Audience string        `json:"audience"`
	Subject  string        `json:"subject"`
	Lifetime time.Duration `json:"lifetime"`
	Nonces   []Nonce       `json:"nonces"` // that are accepted, the current one first
	Renewed  time.Time     `json:"renewed_at,omitzero"`
	Expires  time.Time     `json:"expires_at,omitzero"` // of the tokens of the current nonce
	Status   string        `json:"status"`
}

// Nonce is one that tokens may carry.
type Nonce struct {
	Value string    `json:"value"`
	Until time.Time `json:"until,omitzero"` // zero: for as long as it is current, or until it is known whether Webex has it
}

// Events is what webhooks have said of an organisation.
type Events struct {
	Authorized   time.Time `json:"authorized_at,omitzero"`   // the date in the last one that counted
	Deauthorized time.Time `json:"deauthorized_at,omitzero"` // the same
	Seen         []string  `json:"seen,omitempty"`           // keys of the last ones, newest first
	Pending      *Event    `json:"pending,omitempty"`        // that is still to be worked on
}

// Event is one that was accepted and is not done.
type Event struct {
	Event      string    `json:"event"` // authorized, or deauthorized if it is in doubt
	Key        string    `json:"key"`
	Generation int64     `json:"generation"` // of the organisation when it was accepted
	Received   time.Time `json:"received_at"`
}

// Trouble is the last failure that is not mended.
type Trouble struct {
	What      string    `json:"what,omitempty"` // without secrets
	Since     time.Time `json:"since,omitzero"`
	Last      time.Time `json:"last,omitzero"`       // when it was met last
	Attention bool      `json:"attention,omitempty"` // it will not pass by itself
}

// Note takes down a failure. It lasts since the first one that was not mended.
func (t *Trouble) Note(failure error, attention bool) {
	now := time.Now().UTC()
	if t.What == "" {
		t.Since = now
	}
	t.What, t.Last, t.Attention = failure.Error(), now, attention
}

// clone shares nothing that can be changed.
func (o Org) clone() Org {
	if o.Token != nil {
		t := *o.Token
		o.Token = &t
	}
	if o.Source != nil {
		d := *o.Source
		d.Nonces = slices.Clone(d.Nonces)
		o.Source = &d
	}
	if o.Events.Pending != nil {
		e := *o.Events.Pending
		o.Events.Pending = &e
	}
	o.Events.Seen = slices.Clone(o.Events.Seen)
	return o
}

// String hides the secrets, as do those below.
func (o Org) String() string { return fmt.Sprintf("organisation %s, %s", o.ID, o.State) }

// GoString hides them from %#v.
func (o Org) GoString() string { return o.String() }

// String hides the nonces.
func (d DataSource) String() string { return "data source " + d.ID }

// GoString hides them from %#v.
func (d DataSource) GoString() string { return d.String() }

// String hides the value.
func (n Nonce) String() string { return "a nonce" }

// GoString hides it from %#v.
func (n Nonce) GoString() string { return n.String() }
