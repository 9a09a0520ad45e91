package datasource

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/byova-host/byova-host/internal/byods/credential"
	"github.com/byova-host/byova-host/internal/byods/store"
	"github.com/byova-host/byova-host/internal/byods/webex"
)

var (
	// errIdle is an organisation for which nothing is done.
	errIdle = fmt.Errorf("%w: it has not authorised the service app", credential.ErrOrgNotRegistered)
	// errMoved is one that has taken its authorisation back, or given it anew, during
	// the work: what came of it is dropped.
	errMoved = fmt.Errorf("%w, or has done so anew during the work", errIdle)
	// errOnlyRead ends an update that writes nothing.
	errOnlyRead = errors.New("only read")
)

// job is one piece of work on an organisation, which nobody else works on meanwhile.
type job struct {
	*Keeper
	org  store.Org // as last read or written; of the generation that it began with
	auth *credential.OrgTokens
}

// work does one. It gives what is known of the organisation then; nothing, if that
// cannot be read.
func (k *Keeper) work(ctx context.Context, id webex.OrgID, do func(*job, context.Context) error) (store.Org, error) {
	unlock, err := k.Store.Lock(ctx, "datasource-"+string(id))
	if err != nil {
		return store.Org{}, fmt.Errorf("lock: %w", err)
	}
	defer unlock()
	j := &job{Keeper: k, auth: k.App.Org(id)}
	if err := j.begin(ctx, id); err != nil {
		return j.org, err
	}
	err = do(j, ctx)
	return j.org, err
}

// begin reads the record, past what is cached of it, and holds that there is work.
func (j *job) begin(ctx context.Context, id webex.OrgID) error {
	err := j.Store.UpdateOrg(ctx, id, func(o *store.Org) error {
		j.org = copied(*o)
		return errOnlyRead
	})
	switch {
	case !errors.Is(err, errOnlyRead):
		return fmt.Errorf("read the record: %w", err)
	case j.org.State != store.Authorized:
		return errIdle
	}
	return nil
}

// update changes data source and trouble, unless the authorisation has moved. It writes
// only what differs. What Webex has answered is noted even if ctx has ended.
func (j *job) update(ctx context.Context, change func(*store.Org)) error {
	err := j.Store.UpdateOrg(context.WithoutCancel(ctx), j.org.ID, func(o *store.Org) error {
		if o.State != store.Authorized || o.Generation != j.org.Generation {
			return errMoved
		}
		next := copied(*o)
		change(&next)
		j.org = copied(next)
		if next.Trouble == o.Trouble && reflect.DeepEqual(next.Source, o.Source) {
			return errOnlyRead
		}
		*o = next
		return nil
	})
	switch {
	case err == nil, errors.Is(err, errOnlyRead):
		return nil
	case errors.Is(err, errMoved):
		return err
	}
	return fmt.Errorf("write the record: %w", err)
}

// source changes what is known of the data source.
func (j *job) source(ctx context.Context, change func(*store.DataSource)) error {
	return j.update(ctx, func(o *store.Org) {
		if o.Source == nil {
			o.Source = &store.DataSource{}
		}
		change(o.Source)
		prune(o.Source, j.now())
	})
}

// copied is a record that shares nothing that this package changes.
func copied(o store.Org) store.Org {
	if o.Source != nil {
		d := *o.Source
		d.Nonces = slices.Clone(d.Nonces)
		o.Source = &d
	}
	return o
}
