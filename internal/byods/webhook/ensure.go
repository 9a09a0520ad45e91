package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/byova-host/byova-host/internal/byods/webex"
)

// The events of a service app.
const (
	resource     = "serviceApp"
	authorized   = "authorized"
	deauthorized = "deauthorized"
)

// Hooks are the service app's webhooks, as they should be.
type Hooks struct {
	Client        *webex.Client
	Auth          webex.TokenSource // the integration's
	ApplicationID string            // of the service app
	URL           string            // that Webex delivers to
	Secret        string
}

// Change is what Ensure has done to a webhook.
type Change struct {
	Webhook webex.Webhook
	Done    string // Created, Enabled, Updated, Deleted or Kept
}

// What Ensure does.
const (
	Created = "created"
	Enabled = "enabled"
	Updated = "updated"
	Deleted = "deleted"
	Kept    = "kept"
)

// Ensure sees to it that there is one webhook for each event, with the filter of the
// service app and the secret, and that it is active. It can be called any time: what
// is as it should be is left alone. Webex shows a webhook's secret to its owner; where
// it does not, the secret is set each time.
func (h Hooks) Ensure(ctx context.Context) (changes []Change, err error) {
	if h.URL == "" {
		return nil, errors.New("webhooks: no URL to deliver to: set byods.webhook.url")
	}
	all, err := h.Client.Webhooks(ctx, h.Auth)
	if err != nil {
		return nil, err
	}
	for _, event := range []string{authorized, deauthorized} {
		done, err := h.ensure(ctx, event, h.ours(all, event))
		changes = append(changes, done...)
		if err != nil {
			return changes, fmt.Errorf("webhook for %s: %w", event, err)
		}
	}
	return changes, nil
}

// ours are the webhooks of an event that deliver to us for this service app, the best
// first.
func (h Hooks) ours(all []webex.Webhook, event string) (found []webex.Webhook) {
	for _, w := range all {
		if w.Resource == resource && w.Event == event && w.TargetURL == h.URL && h.filtered(w.Filter) {
			found = append(found, w)
		}
	}
	slices.SortStableFunc(found, func(a, b webex.Webhook) int {
		rank := func(w webex.Webhook) int {
			if w.Status == webex.StatusActive {
				return 0
			}
			return 1
		}
		return rank(a) - rank(b)
	})
	return found
}

// filtered tells whether a filter lets this service app's events pass and no others.
func (h Hooks) filtered(filter string) bool {
	values, err := url.ParseQuery(filter)
	return err == nil && len(values) == 1 && webex.SameApplication(values.Get("id"), h.ApplicationID)
}

func (h Hooks) ensure(ctx context.Context, event string, found []webex.Webhook) (changes []Change, err error) {
	name := "byova-host service app " + event
	if len(found) == 0 {
		w, err := h.Client.CreateWebhook(ctx, h.Auth, webex.NewWebhook{
			Name: name, TargetURL: h.URL, Resource: resource, Event: event, Filter: "id=" + h.ApplicationID, Secret: h.Secret,
		})
		if err != nil {
			return nil, err
		}
		return []Change{{w, Created}}, nil
	}
	first, err := h.mend(ctx, found[0])
	if err != nil {
		return nil, err
	}
	changes = append(changes, first)
	for _, double := range found[1:] {
		if err := h.Client.DeleteWebhook(ctx, h.Auth, double.ID); err != nil && !errors.Is(err, webex.ErrNotFound) {
			return changes, err
		}
		changes = append(changes, Change{double, Deleted})
	}
	return changes, nil
}

// mend enables a webhook and gives it the secret, where that is not so.
func (h Hooks) mend(ctx context.Context, w webex.Webhook) (Change, error) {
	done := Kept
	switch {
	case w.Status != webex.StatusActive:
		done = Enabled
	case w.Secret != h.Secret:
		done = Updated
	default:
		return Change{w, done}, nil
	}
	now, err := h.Client.UpdateWebhook(ctx, h.Auth, w.ID, webex.WebhookUpdate{
		Name: w.Name, TargetURL: h.URL, Secret: h.Secret, OwnedBy: w.OwnedBy, Status: webex.StatusActive,
	})
	return Change{now, done}, err
}

// CheckURL holds that Webex can deliver to a URL: https, or http of this machine for
// a try.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return fmt.Errorf("%q is no URL: write one like https://bots.example.com/webex/events", text)
	}
	if host := u.Hostname(); u.Scheme != "https" && (u.Scheme != "http" || host != "localhost" && !strings.HasPrefix(host, "127.") && host != "::1") {
		return fmt.Errorf("%q must begin with https://: Webex delivers to nothing else", text)
	}
	return nil
}
