package datasource

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/byova-host/byova-host/internal/byods/credential"
	"github.com/byova-host/byova-host/internal/byods/store"
	"github.com/byova-host/byova-host/internal/byods/webex"
)

// needsPerson reports whether a failure will not pass by itself.
func needsPerson(err error) bool {
	for _, kind := range []error{ErrAmbiguous, errKept, credential.ErrNotLoggedIn, webex.ErrAuthentication} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return errors.Is(err, webex.ErrValidation) && !errors.Is(err, webex.ErrConflict)
}

// note puts the end of the work into the record. What is written is seen by the other
// hosts that share it, which then look at the organisation as well: therefore it is
// written when the trouble begins, ends or becomes another, not with each try.
func (j *job) note(ctx context.Context, err error) error {
	return j.update(ctx, func(o *store.Org) {
		if err == nil {
			o.Trouble = store.Trouble{}
			return
		}
		attention := needsPerson(err)
		if o.Trouble.What != "" && o.Trouble.Attention == attention {
			return
		}
		if o.Trouble.Since.IsZero() {
			o.Trouble.Since = j.now()
		}
		o.Trouble.What, o.Trouble.Attention = plain(err), attention
	})
}

// plain is an error in one line.
func plain(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

func isIdle(err error) bool { return errors.Is(err, errIdle) }

// report says in the log that a visit has failed: aloud when that begins and each time
// that it is worse than before.
func (k *Keeper) report(e *entry, org store.Org, err error) {
	e.failures++
	level := k.alertOf(org, err)
	facts := []any{"org", e.org, "failures", e.failures, "error", err}
	if d := org.Source; d != nil && settled(d) {
		facts = append(facts, "data_source", d.ID, "expires", d.Expires.UTC().Format(time.RFC3339))
	}
	switch {
	case level <= e.alert && e.failures > 1:
		k.Log.Debug("a data source is still not right", facts...)
		return
	case level == failing:
		k.Log.Warn("a data source is not right and is tried again", facts...)
	case level == attention:
		k.Log.Error("a data source needs somebody's attention", facts...)
	case level == nearing:
		k.Log.Error("a data source was not renewed and will expire", facts...)
	case level == expired:
		k.Log.Error("a data source has expired: calls of the organisation are refused", facts...)
	}
	e.alert = level
}

// recovered says that one goes well again.
func (k *Keeper) recovered(e *entry) {
	if e.failures > 0 {
		k.Log.Info("a data source is right again", "org", e.org, "failures", e.failures)
	}
	e.health = health{}
}
