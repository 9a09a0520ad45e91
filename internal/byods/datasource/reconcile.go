package datasource

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/byova-host/byova-host/internal/byods/store"
	"github.com/byova-host/byova-host/internal/byods/webex"
)

const (
	// spread is how long other hosts that share the store may take to read a nonce
	// that Webex is about to have.
	spread = time.Second
	// lag is how long Webex may take to show everywhere what it has.
	lag = 10 * time.Minute
)

// errKept is a data source that Webex does not let be as it should.
var errKept = errors.New("webex keeps it otherwise than configured")

// ensure is the work of Ensure.
func (j *job) ensure(ctx context.Context) error { return j.keep(ctx, false) }

// renew is the work of Renew.
func (j *job) renew(ctx context.Context) error { return j.keep(ctx, true) }

// keep brings token and data source to how they should be, and notes how it went.
func (j *job) keep(ctx context.Context, renew bool) error {
	err := j.token(ctx)
	if err == nil || j.usable() { // a token that cannot be renewed counts until it expires
		err = cmp.Or(j.reconcile(ctx, renew), err)
	}
	if isIdle(err) || ctx.Err() != nil {
		return err
	}
	switch noted := j.note(ctx, err); {
	case isIdle(noted):
		return noted // it is over, and so is what went wrong
	case noted != nil:
		err = errors.Join(err, noted)
	}
	j.Watch(j.org.ID, err)
	return err
}

// token renews the service app's token if its time has come.
func (j *job) token(ctx context.Context) error {
	if err := j.auth.Ensure(ctx); err != nil {
		return fmt.Errorf("renew the service app's token: %w", err)
	}
	return nil
}

// usable reports whether there is a token that has not expired.
func (j *job) usable() bool { return j.org.Token != nil && j.org.Token.Expires.After(j.now()) }

// reconcile compares what Webex has with what should be, and replaces what differs.
func (j *job) reconcile(ctx context.Context, renew bool) error {
	found, err := j.find(ctx)
	switch {
	case err != nil:
		return err
	case found == nil:
		return j.create(ctx)
	}
	if err := j.source(ctx, func(d *store.DataSource) { observe(d, *found, j.Spec.Lifetime, j.now()) }); err != nil {
		return err
	}
	wrong := j.Spec.mendable(j.org.Source)
	if len(wrong) > 0 {
		j.Log.Info("a data source differs from the configuration and is mended",
			"org", j.org.ID, "data_source", found.ID, "differs", strings.Join(wrong, ", "))
	}
	if renew || len(wrong) > 0 || !j.now().Before(j.renewAt(j.org)) {
		if err := j.replace(ctx); err != nil {
			return err
		}
	}
	return j.Spec.kept(j.org.Source)
}

// find gives the data source as Webex has it; nil: there is none.
func (j *job) find(ctx context.Context) (*webex.DataSource, error) {
	known := j.org.Source
	if known != nil && known.ID != "" {
		switch d, err := j.Client.DataSource(ctx, j.auth, known.ID); {
		case err == nil:
			d.ID = known.ID // also if the answer has none
			return j.only([]webex.DataSource{d})
		case !errors.Is(err, webex.ErrNotFound):
			return nil, err
		}
	}
	all, err := j.Client.DataSources(ctx, j.auth)
	if err != nil {
		return nil, err
	}
	ours := slices.DeleteFunc(all, func(d webex.DataSource) bool {
		return d.ID == "" || (d.URL != j.Spec.URL || d.Schema != j.Spec.Schema) && (d.Nonce == "" || !has(known, d.Nonce))
	})
	if len(ours) == 0 && known != nil && known.ID != "" && j.now().Before(known.Renewed.Add(lag)) {
		return nil, fmt.Errorf("%w: data source %s was there less than %v ago: it is looked for again before another one is created",
			webex.ErrNotFound, known.ID, lag)
	}
	return j.only(ours)
}

// only gives the one data source that is there, if it is ours.
func (j *job) only(all []webex.DataSource) (*webex.DataSource, error) {
	var ids []string
	for _, d := range all {
		ids = append(ids, d.ID)
		if d.ApplicationID != "" && !webex.SameApplication(d.ApplicationID, j.App.ApplicationID()) {
			return nil, fmt.Errorf("%w: %s has our url and schema and belongs to the application %s: delete it there, or register another url",
				ErrAmbiguous, d.ID, d.ApplicationID)
		}
	}
	switch len(all) {
	case 0:
		return nil, nil
	case 1:
		return &all[0], nil
	}
	return nil, fmt.Errorf("%w: %s: delete all but the one that the customer uses", ErrAmbiguous, strings.Join(ids, ", "))
}

// create registers one.
func (j *job) create(ctx context.Context) error {
	nonce, err := j.propose(ctx)
	if err != nil {
		return err
	}
	made, err := j.Client.CreateDataSource(ctx, j.auth, j.Spec.ask(j.Spec.Schema, nonce))
	if err != nil {
		return err
	}
	if made.ID == "" {
		return errors.New("webex has registered it and does not say under which id: it is looked for")
	}
	if err := j.accept(ctx, nonce, made); err != nil {
		return err
	}
	j.Log.Info("a data source is registered", "org", j.org.ID, "data_source", made.ID)
	return j.Spec.kept(j.org.Source)
}

// replace updates it with everything and a nonce that is new to Webex.
func (j *job) replace(ctx context.Context) error {
	nonce, err := j.propose(ctx)
	if err != nil {
		return err
	}
	if err := pause(ctx, spread); err != nil {
		return err
	}
	id := j.org.Source.ID
	want := j.Spec.ask(cmp.Or(j.org.Source.Schema, j.Spec.Schema), nonce)
	want.Status = webex.StatusActive
	made, err := j.Client.UpdateDataSource(ctx, j.auth, id, want)
	if err != nil {
		return err
	}
	made.ID = id
	return j.accept(ctx, nonce, made)
}

// propose stores a nonce as accepted before Webex has it.
func (j *job) propose(ctx context.Context) (nonce string, err error) {
	err = j.source(ctx, func(d *store.DataSource) { nonce = propose(d) })
	return nonce, err
}

// accept notes what Webex has answered to a nonce.
func (j *job) accept(ctx context.Context, nonce string, made webex.DataSource) error {
	return j.source(ctx, func(d *store.DataSource) {
		now := j.now()
		d.ID = made.ID
		d.Schema = cmp.Or(made.Schema, d.Schema, j.Spec.Schema)
		d.URL = cmp.Or(made.URL, j.Spec.URL)
		d.Audience = cmp.Or(made.Audience, j.Spec.Audience)
		d.Subject = cmp.Or(made.Subject, j.Spec.Subject)
		d.Lifetime = cmp.Or(made.Lifetime, j.Spec.Lifetime)
		d.Status = cmp.Or(made.Status, webex.StatusActive)
		expires := made.Expires
		if expires.IsZero() || made.Nonce != "" && made.Nonce != nonce {
			expires = now.Add(d.Lifetime)
		}
		settle(d, nonce, now, expires)
	})
}

// delete removes a data source, and what is known of it if it is ours.
func (j *job) delete(ctx context.Context, id string) error {
	err := j.Client.DeleteDataSource(ctx, j.auth, id)
	gone := errors.Is(err, webex.ErrNotFound) && j.org.Source != nil && j.org.Source.ID == id
	if err != nil && !gone {
		return err
	}
	return j.update(ctx, func(o *store.Org) {
		o.Trouble = store.Trouble{} // the next visit sees what is left of it
		if o.Source != nil && o.Source.ID == id {
			o.Source = nil
		}
	})
}

// observe notes what Webex shows of a data source. What it does not show stays as it
// was. Soon after a renewal it may still show what was before, which is no news.
func observe(d *store.DataSource, shown webex.DataSource, lifetime time.Duration, now time.Time) {
	if d.ID == shown.ID && superseded(d, shown.Nonce) && now.Before(d.Renewed.Add(lag)) {
		return
	}
	if d.ID != shown.ID {
		d.ID, d.Schema, d.URL, d.Audience, d.Subject, d.Lifetime, d.Status = shown.ID, "", "", "", "", 0, ""
	}
	d.Schema = cmp.Or(shown.Schema, d.Schema)
	d.URL = cmp.Or(shown.URL, d.URL)
	d.Audience = cmp.Or(shown.Audience, d.Audience)
	d.Subject = cmp.Or(shown.Subject, d.Subject)
	d.Lifetime = cmp.Or(shown.Lifetime, d.Lifetime)
	d.Status = cmp.Or(shown.Status, d.Status, webex.StatusActive)
	current := settled(d) && d.Nonces[0].Value == shown.Nonce
	if shown.Nonce == "" || current && (shown.Expires.IsZero() || shown.Expires.Equal(d.Expires)) {
		return
	}
	lifetime = cmp.Or(d.Lifetime, lifetime)
	since, expires := shown.UpdatedAt, shown.Expires
	if since.IsZero() {
		since = shown.CreatedAt
	}
	switch {
	case !expires.IsZero():
		since = expires.Add(-lifetime)
	case !since.IsZero():
		expires = since.Add(lifetime)
	default:
		expires = now.Add(lifetime) // no token can last longer; since is not known
	}
	settle(d, shown.Nonce, since, expires)
}

// ask is what Webex is asked for.
func (s Spec) ask(schema, nonce string) webex.DataSourceSpec {
	return webex.DataSourceSpec{
		Schema: schema, URL: s.URL, Audience: s.Audience, Subject: s.Subject, Nonce: nonce, Lifetime: s.Lifetime,
	}
}

// mendable names what differs and can be replaced.
func (s Spec) mendable(d *store.DataSource) (wrong []string) {
	for _, differs := range []struct {
		name string
		is   bool
	}{
		{"url", d.URL != s.URL},
		{"audience", d.Audience != s.Audience},
		{"subject", d.Subject != s.Subject},
		{"lifetime", d.Lifetime != s.Lifetime},
		{"status", d.Status != webex.StatusActive},
		{"nonce", !settled(d)}, // is not shown
	} {
		if differs.is {
			wrong = append(wrong, differs.name)
		}
	}
	return wrong
}

// kept holds that nothing differs any more.
func (s Spec) kept(d *store.DataSource) error {
	if d.Schema != s.Schema {
		return fmt.Errorf("%w: its schema is %s, which cannot be changed: delete data source %s, so that one of the schema %s is created",
			errKept, d.Schema, d.ID, s.Schema)
	}
	if wrong := s.mendable(d); len(wrong) > 0 {
		return fmt.Errorf("%w: data source %s, %s", errKept, d.ID, strings.Join(wrong, ", "))
	}
	return nil
}

// pause waits.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
