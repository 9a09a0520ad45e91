package host

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/byova-host/byova-host/host/metrics"
	"github.com/byova-host/byova-host/host/rpc"
	"github.com/byova-host/byova-host/internal/byods"
	"github.com/byova-host/byova-host/internal/byods/credential"
	"github.com/byova-host/byova-host/internal/byods/jws"
	"github.com/byova-host/byova-host/internal/byods/store"
	"github.com/byova-host/byova-host/internal/byods/webex"
	"github.com/byova-host/byova-host/internal/byods/webhook"
)

// openBYODS puts Webex's side together and says what it will and will not do.
func (h *host) openBYODS(ctx context.Context) (err error) {
	c := h.config.BYODS.Config
	c.Log = h.log.Named("byods")
	c.Webex.Log = c.Log.Named("webex")
	if h.byods, err = byods.Open(ctx, c); err != nil {
		return err
	}
	switch {
	case !h.config.VerifyTokens:
		h.log.Warn("tokens are not verified: anyone who reaches the port can place calls", "listen", h.config.Listen)
	case h.byods.Known() == 0:
		h.log.Warn("no data source is known: every call is refused as UNAUTHENTICATED until one is registered", "see", "docs/byods.md")
	}
	receiver := h.byods.Webhook()
	if h.config.BYODS.Listen == "" || receiver == nil {
		return nil
	}
	h.hooks, err = newHooks(c.Webhook.URL, receiver)
	return err
}

// verifier holds the tokens of calls to what is registered; nil: nobody does.
func (h *host) verifier() rpc.Verifier {
	if !h.config.VerifyTokens {
		return nil
	}
	return &verifier{h.byods.Verifier, h.metrics}
}

// verifier tells the wire who may call, and the metrics who may not.
type verifier struct {
	tokens  *jws.Verifier
	metrics *metrics.Metrics
}

// Verify implements rpc.Verifier.
func (v *verifier) Verify(ctx context.Context, token string) (rpc.Permit, error) {
	identity, err := v.tokens.Verify(ctx, token)
	if err != nil {
		if refused, ok := errors.AsType[*jws.Error](err); ok {
			v.metrics.TokenRefused(string(refused.Category))
		}
		return nil, err
	}
	return func(org string) error {
		id, err := webex.ParseOrgID(org)
		if err != nil || string(id) != identity.Org {
			v.metrics.TokenRefused(string(jws.OrgMismatch))
			return &jws.Error{Category: jws.OrgMismatch, Detail: fmt.Sprintf("the token is of %s, the request of another organisation", identity.Org)}
		}
		return nil
	}, nil
}

// mind looks after credentials and data sources until the func that it returns has
// returned. It goes on while the host drains: live calls need tokens to the end.
func (h *host) mind() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var minding sync.WaitGroup
	if h.byods.Hooks != nil && h.config.BYODS.Webhook.URL != "" {
		minding.Go(func() { h.ensureHooks(ctx) })
	}
	minding.Go(func() {
		if err := h.byods.Run(ctx); err != nil {
			h.log.Error("tokens and data sources are no longer looked after", "error", err)
		}
	})
	return func() {
		cancel()
		minding.Wait()
	}
}

// How often the webhooks are looked at: Webex switches one off to which nothing could
// be delivered, and tells nobody.
const (
	hooksEvery = time.Hour
	hooksRetry = time.Minute // after a failure, doubled up to hooksEvery
)

// ensureHooks keeps the webhooks registered.
func (h *host) ensureHooks(ctx context.Context) {
	failing, retry := false, hooksRetry
	for {
		wait := hooksEvery
		changes, err := h.byods.Hooks.Ensure(ctx)
		for _, c := range changes {
			if c.Done != webhook.Kept {
				h.log.Info("webhook", "event", c.Webhook.Event, "done", c.Done, "id", c.Webhook.ID)
			}
		}
		switch {
		case err == nil:
			failing, retry = false, hooksRetry
		case ctx.Err() != nil:
			return
		default:
			wait = retry
			if !errors.Is(err, credential.ErrNotLoggedIn) { // of which Webex hears nothing
				retry = min(2*retry, hooksEvery)
			}
			if !failing { // once, not every time
				failing = true
				h.log.Warn("webhooks are not registered, and tried again", "error", err)
			}
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// sources is what the metrics are told of the data sources when they are read.
func (h *host) sources() (all []metrics.DataSource) {
	if h.byods == nil {
		return nil
	}
	for org := range h.byods.Store.All() {
		if org.State != store.Authorized {
			continue
		}
		s := metrics.DataSource{Org: string(org.ID), Trouble: org.Trouble.What != ""}
		if org.Source != nil {
			s.Expires = org.Source.Expires
		}
		all = append(all, s)
	}
	return all
}
