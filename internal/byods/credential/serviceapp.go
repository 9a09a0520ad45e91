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

// ServiceAppConfig says which service app.
type ServiceAppConfig struct {
	App           webex.App
	ApplicationID string // empty: derived from the client id
	Client        *webex.Client
	Integration   *Integration // nil: tokens are refreshed, but not fetched
	Store         store.Store
	Log           hclog.Logger // nil: none
}

// ServiceApp is the provider's application, with a credential for each organisation.
type ServiceApp struct{ config ServiceAppConfig }

// NewServiceApp makes one. It reads nothing yet.
func NewServiceApp(c ServiceAppConfig) *ServiceApp {
	if c.ApplicationID == "" {
		c.ApplicationID = webex.ApplicationID(c.App.ClientID)
	}
	if c.Log == nil {
		c.Log = hclog.NewNullLogger()
	}
	return &ServiceApp{c}
}

// ApplicationID is the id of the service app.
func (s *ServiceApp) ApplicationID() string { return s.config.ApplicationID }

// Org is the credential of one organisation; a webex.TokenSource.
func (s *ServiceApp) Org(id webex.OrgID) *OrgTokens { return &OrgTokens{s.config, id} }

// OrgTokens is the credential of one organisation.
type OrgTokens struct {
	config ServiceAppConfig
	id     webex.OrgID
}

// lock is held by whoever gets tokens for the organisation.
func (o *OrgTokens) lock(ctx context.Context) (unlock func(), err error) {
	return o.config.Store.Lock(ctx, "token-"+string(o.id))
}

// Token implements webex.TokenSource.
func (o *OrgTokens) Token(ctx context.Context) (string, error) {
	r, err := o.read(ctx)
	if err != nil {
		return "", err
	}
	if r.Token == nil || expired(*r.Token) {
		if r, err = o.renew(ctx, func(r store.Org) bool { return r.Token != nil && !expired(*r.Token) }); err != nil {
			return "", err
		}
	}
	return r.Token.Access, nil
}

// Renew implements webex.TokenSource.
func (o *OrgTokens) Renew(ctx context.Context, was string) (string, error) {
	r, err := o.renew(ctx, func(r store.Org) bool { return r.Token != nil && r.Token.Access != was })
	if err != nil {
		return "", err
	}
	return r.Token.Access, nil
}

// read gives the record of an organisation that has authorised the service app.
func (o *OrgTokens) read(ctx context.Context) (store.Org, error) {
	r, err := o.config.Store.Org(ctx, o.id)
	if errors.Is(err, store.ErrNotFound) || err == nil && r.State != store.Authorized {
		return r, o.unregistered(r.State, nil)
	}
	return r, err
}

// unregistered says what to do for an organisation without tokens.
func (o *OrgTokens) unregistered(s store.State, why error) error {
	is := map[store.State]string{
		store.Unknown: "it has not authorised the service app", store.Authorized: "Webex gives no tokens for it",
		store.Deauthorized: "it has taken its authorisation back", store.Removed: "it was removed",
	}[s]
	err := fmt.Errorf("%w: %s: %s: its administrator authorises the service app in Control Hub, "+
		"or byova-host orgs add registers a sandbox", ErrOrgNotRegistered, o.id, is)
	if why != nil {
		err = fmt.Errorf("%w: %w", err, why)
	}
	return err
}

// renew gets new tokens, unless somebody has done so meanwhile: with the refresh
// token, and where that is used up with the integration's.
func (o *OrgTokens) renew(ctx context.Context, done func(store.Org) bool) (r store.Org, err error) {
	unlock, err := o.lock(ctx)
	if err != nil {
		return r, err
	}
	defer unlock()
	if r, err = o.read(ctx); err != nil || done(r) {
		return r, err
	}
	var fresh webex.Token
	if r.Token != nil && !hopeless(*r.Token) {
		if fresh, err = o.config.Client.RefreshToken(ctx, o.config.App, r.Token.Refresh); err == nil && fresh.RefreshExpires.IsZero() {
			fresh.RefreshExpires = r.Token.RefreshExpires
		}
		if err != nil && !refused(err) {
			return r, fmt.Errorf("renew the token of %s: %w", o.id, err)
		}
	}
	target := r.Target
	if fresh.Access == "" {
		o.config.Log.Info("the refresh token is used up, tokens are fetched anew", "org", o.id)
		if fresh, target, err = o.fetch(ctx, r); err != nil {
			return r, err
		}
	}
	return o.keep(ctx, r.Generation, fresh, target)
}

// keep stores tokens, unless the organisation has decided otherwise meanwhile.
func (o *OrgTokens) keep(ctx context.Context, generation int64, fresh webex.Token, target string) (r store.Org, err error) {
	err = o.config.Store.UpdateOrg(ctx, o.id, func(now *store.Org) error {
		if now.Generation != generation || now.State != store.Authorized {
			return o.unregistered(now.State, nil)
		}
		now.Token, now.Target = &fresh, target
		r = *now
		return nil
	})
	return r, err
}

// fetch gets tokens with the integration's: with the organisation's id as it worked
// before, or as the webhook gave it, and then in the other form.
func (o *OrgTokens) fetch(ctx context.Context, r store.Org) (fresh webex.Token, target string, err error) {
	if o.config.Integration == nil {
		return fresh, "", fmt.Errorf("fetch the tokens of %s: no integration is configured: set byods.integration", o.id)
	}
	forms := []string{r.Target}
	for _, form := range []string{string(o.id), o.id.Encoded()} {
		if form != r.Target {
			forms = append(forms, form)
		}
	}
	if r.Target == "" {
		forms = forms[1:]
	}
	var first error
	for _, form := range forms[:min(2, len(forms))] {
		fresh, err = o.config.Client.ServiceAppToken(ctx, o.config.Integration, o.config.App, o.config.ApplicationID, form)
		if err == nil {
			return fresh, form, nil
		}
		if first == nil {
			first = err
		}
		if e, ok := errors.AsType[*webex.Error](err); !ok || e.Status != 400 && e.Status != 404 {
			break // the form of the id is not what is wrong
		}
	}
	if e, ok := errors.AsType[*webex.Error](first); ok && (e.Status == 403 || e.Status == 404) {
		return fresh, "", o.unregistered(r.State, first)
	}
	return fresh, "", fmt.Errorf("fetch the tokens of %s: %w", o.id, first)
}

// Fetch gets tokens with the integration's, for an organisation that is of the
// generation given and Authorized, and stores them unless that has moved meanwhile,
// which is an ErrOrgNotRegistered.
func (o *OrgTokens) Fetch(ctx context.Context, generation int64) error {
	unlock, err := o.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	r, err := o.read(ctx)
	if err != nil {
		return err
	}
	if r.Generation != generation {
		return o.unregistered(r.State, nil)
	}
	fresh, target, err := o.fetch(ctx, r)
	if err != nil {
		return err
	}
	_, err = o.keep(ctx, generation, fresh, target)
	return err
}

// Register takes a refresh token that the developer has copied from Webex's portal,
// for a sandbox, gets an access token with it, and makes the organisation Authorized.
func (o *OrgTokens) Register(ctx context.Context, refresh string) error {
	unlock, err := o.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	fresh, err := o.config.Client.RefreshToken(ctx, o.config.App, refresh)
	if err != nil {
		return fmt.Errorf("register %s: the refresh token gives no access token: %w", o.id, err)
	}
	return o.config.Store.UpdateOrg(ctx, o.id, func(r *store.Org) error {
		if r.State != store.Authorized {
			r.State = store.Authorized
			r.Generation++
		}
		r.Token, r.Trouble = &fresh, store.Trouble{}
		return nil
	})
}

// RenewBy says when the token is to be renewed: days ahead, and at another moment
// for each organisation. Zero: there is none.
func (o *OrgTokens) RenewBy(r store.Org) time.Time {
	if r.Token == nil {
		return time.Time{}
	}
	return renewBy(*r.Token, string(o.id))
}

// Ensure renews the token if its time has come, and does nothing otherwise. A renewal
// that fails is an error although the token may still count.
func (o *OrgTokens) Ensure(ctx context.Context) error {
	r, err := o.read(ctx)
	fresh := func(r store.Org) bool { return r.Token != nil && time.Now().Before(o.RenewBy(r)) }
	if err != nil || fresh(r) {
		return err
	}
	_, err = o.renew(ctx, fresh)
	return err
}
