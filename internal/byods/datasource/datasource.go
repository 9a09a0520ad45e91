package datasource

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/byova-host/byova-host/internal/byods/credential"
	"github.com/byova-host/byova-host/internal/byods/store"
	"github.com/byova-host/byova-host/internal/byods/webex"
)

// ErrAmbiguous is an organisation with several data sources of our URL and schema,
// or with one that is another application's: a person must choose.
var ErrAmbiguous = errors.New("several data sources could be ours")

// Spec is how a data source should be.
type Spec struct {
	Schema   string // empty: webex.VoiceSchema
	URL      string
	Audience string
	Subject  string
	Lifetime time.Duration // 0: 24 h
}

// Config says what is kept.
type Config struct {
	Spec    Spec
	Client  *webex.Client
	App     *credential.ServiceApp
	Store   *store.Cache
	Workers int          // organisations that are worked on at a time; 0: 4
	Log     hclog.Logger // nil: none
	// Watch is told how each piece of work on an organisation ended; nil: nobody is.
	Watch func(webex.OrgID, error)
}

// Keeper keeps the data sources of all organisations. All methods may be called
// concurrently.
type Keeper struct {
	Config
	schedule *schedule
	every    time.Duration    // between visits with nothing due
	now      func() time.Time // the wall clock, which jumps
}

// New makes a keeper. It does nothing before Run, Renew, Ensure or Delete.
func New(c Config) *Keeper {
	c.Spec.Schema = cmp.Or(c.Spec.Schema, webex.VoiceSchema)
	c.Spec.Lifetime = cmp.Or(c.Spec.Lifetime, 24*time.Hour)
	c.Workers = cmp.Or(c.Workers, 4)
	if c.Log == nil {
		c.Log = hclog.NewNullLogger()
	}
	if c.Watch == nil {
		c.Watch = func(webex.OrgID, error) {}
	}
	return &Keeper{Config: c, schedule: newSchedule(), every: every, now: func() time.Time { return time.Now().Round(0) }}
}

// Ensure brings an organisation's data source to how it should be, now: it adopts
// the one that is there, creates it, or mends it. It renews nothing that is right and
// has half of its lifetime left.
func (k *Keeper) Ensure(ctx context.Context, org webex.OrgID) error {
	_, err := k.work(ctx, org, (*job).ensure)
	return about(org, err)
}

// Renew gives an organisation's data source a new nonce now, and does what Ensure does.
func (k *Keeper) Renew(ctx context.Context, org webex.OrgID) error {
	_, err := k.work(ctx, org, (*job).renew)
	return about(org, err)
}

// Delete removes a data source of an organisation and, if it is ours, forgets it:
// its tokens are refused at once. It lasts only while no keeper runs: who authorises
// the service app has a data source, and the next visit creates it again.
func (k *Keeper) Delete(ctx context.Context, org webex.OrgID, id string) error {
	_, err := k.work(ctx, org, func(j *job, ctx context.Context) error { return j.delete(ctx, id) })
	return about(org, err)
}

// about names the organisation in an error.
func about(org webex.OrgID, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("data source of organisation %s: %w", org, err)
}
