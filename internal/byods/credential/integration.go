package credential

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/byova-host/byova-host/internal/byods/store"
	"github.com/byova-host/byova-host/internal/byods/webex"
)

// IntegrationConfig says which integration.
type IntegrationConfig struct {
	App         webex.App
	RedirectURI string   // as registered with Webex; empty: http://127.0.0.1:8765/callback
	Scopes      []string // empty: what this program needs
	Client      *webex.Client
	Store       store.Store
	Log         hclog.Logger // nil: none
}

// Integration is the provider's own credential; a webex.TokenSource.
type Integration struct{ config IntegrationConfig }

// Scopes are what this program needs of an integration.
func Scopes() []string {
	return []string{"spark:applications_token", "application:webhooks_write", "application:webhooks_read"}
}

// NewIntegration makes one. It reads nothing yet.
func NewIntegration(c IntegrationConfig) *Integration {
	if c.RedirectURI == "" {
		c.RedirectURI = "http://127.0.0.1:8765/callback"
	}
	if len(c.Scopes) == 0 {
		c.Scopes = Scopes()
	}
	if c.Log == nil {
		c.Log = hclog.NewNullLogger()
	}
	return &Integration{c}
}

// integrationLock is held by whoever renews its tokens.
const integrationLock = "integration"

// Logout forgets the tokens. Webex keeps them valid until they expire.
func (i *Integration) Logout(ctx context.Context) error {
	return i.config.Store.UpdateIntegration(ctx, func(r *store.Integration) error {
		*r = store.Integration{}
		return nil
	})
}

// Token implements webex.TokenSource.
func (i *Integration) Token(ctx context.Context) (string, error) {
	r, err := i.read(ctx)
	if err != nil {
		return "", err
	}
	if expired(r.Token) {
		if r, err = i.renew(ctx, func(r store.Integration) bool { return !expired(r.Token) }); err != nil {
			return "", err
		}
	}
	return r.Token.Access, nil
}

// Renew implements webex.TokenSource.
func (i *Integration) Renew(ctx context.Context, was string) (string, error) {
	r, err := i.renew(ctx, func(r store.Integration) bool { return r.Token.Access != was })
	return r.Token.Access, err
}

func (i *Integration) read(ctx context.Context) (store.Integration, error) {
	r, err := i.config.Store.Integration(ctx)
	switch {
	case errors.Is(err, store.ErrNotFound) || err == nil && r.Token.Access == "":
		return r, ErrNotLoggedIn
	case err == nil && expired(r.Token) && hopeless(r.Token):
		return r, fmt.Errorf("%w: the last login has expired", ErrNotLoggedIn)
	}
	return r, err
}

// renew gets new tokens, unless somebody has done so meanwhile.
func (i *Integration) renew(ctx context.Context, done func(store.Integration) bool) (r store.Integration, err error) {
	unlock, err := i.config.Store.Lock(ctx, integrationLock)
	if err != nil {
		return r, err
	}
	defer unlock()
	if r, err = i.read(ctx); err != nil || done(r) {
		return r, err
	}
	fresh, err := i.config.Client.RefreshToken(ctx, i.config.App, r.Token.Refresh)
	if err != nil {
		i.trouble(ctx, err)
		if refused(err) {
			return r, fmt.Errorf("%w: Webex has refused the refresh token: %w", ErrNotLoggedIn, err)
		}
		return r, fmt.Errorf("renew the integration's token: %w", err)
	}
	was := r.Token.Access
	err = i.config.Store.UpdateIntegration(ctx, func(now *store.Integration) error {
		if now.Token.Access != was {
			return ErrNotLoggedIn // logged out, or in anew, meanwhile
		}
		if fresh.RefreshExpires.IsZero() {
			fresh.RefreshExpires = now.Token.RefreshExpires
		}
		*now = store.Integration{Token: fresh}
		r = *now
		return nil
	})
	return r, err
}

// trouble notes a failure, and what it is about for as long as it lasts.
func (i *Integration) trouble(ctx context.Context, failure error) {
	err := i.config.Store.UpdateIntegration(ctx, func(r *store.Integration) error {
		r.Trouble.Note(failure, refused(failure))
		return nil
	})
	if err != nil {
		i.config.Log.Error("failure not noted", "error", err)
	}
}

// Keep renews the tokens ahead of time until ctx ends.
func (i *Integration) Keep(ctx context.Context) {
	failing := false
	for {
		wait := i.due(ctx)
		if wait <= 0 {
			switch _, err := i.renew(ctx, func(r store.Integration) bool { return time.Now().Before(i.when(r)) }); {
			case err == nil:
				failing = false
				i.config.Log.Info("the integration's token is renewed")
			case ctx.Err() != nil:
				return
			case !failing: // once, not every time
				failing = true
				i.config.Log.Error("the integration's token cannot be renewed, and is tried again", "error", err)
			}
			wait = firstRetry
		}
		select {
		case <-time.After(min(wait, lookAgain)):
		case <-ctx.Done():
			return
		}
	}
}

// lookAgain is how often Keep looks whether somebody has logged in.
const lookAgain = time.Minute

func (i *Integration) due(ctx context.Context) time.Duration {
	r, err := i.read(ctx)
	if err != nil {
		return lookAgain
	}
	return time.Until(i.when(r))
}

// when is when its tokens are to be renewed, or tried to be again.
func (i *Integration) when(r store.Integration) time.Time {
	due := renewBy(r.Token, integrationLock)
	if again := retryAfter(r.Trouble, r.Trouble.Last); r.Trouble.What != "" && again.After(due) {
		return again
	}
	return due
}
