package webex

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// Webhook is a registered delivery of events.
type Webhook struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	TargetURL string    `json:"targetUrl"`
	Resource  string    `json:"resource"`
	Event     string    `json:"event"`
	Filter    string    `json:"filter"`
	Secret    string    `json:"secret"`
	Status    string    `json:"status"` // active or inactive
	OwnedBy   string    `json:"ownedBy"`
	Created   time.Time `json:"created"`
}

// String hides the secret.
func (w Webhook) String() string { return "webhook " + w.ID }

// GoString hides the secret from %#v.
func (w Webhook) GoString() string { return w.String() }

// NewWebhook is what a webhook is created with.
type NewWebhook struct {
	Name      string `json:"name"`
	TargetURL string `json:"targetUrl"`
	Resource  string `json:"resource"`
	Event     string `json:"event"`
	Filter    string `json:"filter,omitempty"`
	Secret    string `json:"secret,omitempty"`
	OwnedBy   string `json:"ownedBy,omitempty"`
}

// WebhookUpdate is what can be changed of a webhook. Webex demands name and target.
type WebhookUpdate struct {
	Name      string `json:"name"`
	TargetURL string `json:"targetUrl"`
	Secret    string `json:"secret,omitempty"`
	OwnedBy   string `json:"ownedBy,omitempty"`
	Status    string `json:"status,omitempty"` // active, to enable it again
}

// String hides the secret.
func (w NewWebhook) String() string { return "webhook for " + w.Event }

// GoString hides the secret from %#v.
func (w NewWebhook) GoString() string { return w.String() }

// String hides the secret.
func (w WebhookUpdate) String() string { return "webhook " + w.Name }

// GoString hides the secret from %#v.
func (w WebhookUpdate) GoString() string { return w.String() }

// UnmarshalJSON implements json.Unmarshaler. A time that cannot be read is none.
func (w *Webhook) UnmarshalJSON(text []byte) error {
	*w = Webhook{}
	type fields Webhook
	read := struct {
		*fields
		Created any `json:"created"`
	}{fields: (*fields)(w)}
	if err := json.Unmarshal(text, &read); err != nil {
		return err
	}
	w.Created = moment(read.Created)
	if w.ID == "" {
		return misshapen("a webhook has no id")
	}
	return nil
}

const webhooksPath = "/webhooks"

// Webhooks lists all webhooks of the integration's user, all pages.
func (c *Client) Webhooks(ctx context.Context, auth TokenSource) ([]Webhook, error) {
	return list[Webhook](ctx, c, auth, webhooksPath+"?max=100")
}

// Webhook gives one.
func (c *Client) Webhook(ctx context.Context, auth TokenSource, id string) (w Webhook, err error) {
	err = c.item(ctx, auth, http.MethodGet, webhooksPath, id, nil, &w)
	return w, err
}

// CreateWebhook registers one.
func (c *Client) CreateWebhook(ctx context.Context, auth TokenSource, w NewWebhook) (made Webhook, err error) {
	err = c.Do(ctx, auth, http.MethodPost, webhooksPath, w, &made)
	return made, err
}

// UpdateWebhook changes one.
func (c *Client) UpdateWebhook(ctx context.Context, auth TokenSource, id string, w WebhookUpdate) (now Webhook, err error) {
	err = c.item(ctx, auth, http.MethodPut, webhooksPath, id, w, &now)
	return now, err
}

// DeleteWebhook removes one.
func (c *Client) DeleteWebhook(ctx context.Context, auth TokenSource, id string) error {
	return c.item(ctx, auth, http.MethodDelete, webhooksPath, id, nil, nil)
}
