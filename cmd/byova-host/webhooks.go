package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/byova-host/byova-host/internal/byods"
	"github.com/byova-host/byova-host/internal/byods/webhook"
)

type webhooksCmd struct {
	List   webhooksListCmd   `cmd:"" help:"List the webhooks of the integration's user."`
	Ensure webhooksEnsureCmd `cmd:"" help:"See to it that the service app's webhooks are there and active, as a running host does."`
	Delete webhooksDeleteCmd `cmd:"" help:"Delete one."`
}

// withIntegration gives the parts if an integration is configured.
func (f byodsFlags) withIntegration(ctx context.Context) (*byods.Service, error) {
	service, _, err := f.open(ctx)
	if err == nil && service.Integration == nil {
		_, _, err = f.integration(ctx) // says what to set
	}
	return service, err
}

type webhooksListCmd struct {
	byodsFlags
	JSON bool `help:"Print JSON."`
}

// shownHook is a webhook without its secret.
type shownHook struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Resource string    `json:"resource"`
	Event    string    `json:"event"`
	Status   string    `json:"status"`
	Target   string    `json:"target_url"`
	Filter   string    `json:"filter,omitempty"`
	Created  time.Time `json:"created_at,omitzero"`
}

// Run prints the webhooks.
func (c *webhooksListCmd) Run(ctx context.Context, out io.Writer) error {
	service, err := c.withIntegration(ctx)
	if err != nil {
		return err
	}
	all, err := service.Client.Webhooks(ctx, service.Integration)
	if err != nil {
		return err
	}
	hooks := make([]shownHook, len(all))
	for i, w := range all {
		hooks[i] = shownHook{w.ID, w.Name, w.Resource, w.Event, w.Status, w.TargetURL, w.Filter, w.Created}
	}
	if c.JSON {
		return printJSON(out, hooks)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "RESOURCE\tEVENT\tSTATUS\tTARGET\tID")
	for _, w := range hooks {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", cell(w.Resource), cell(w.Event), cell(w.Status), cell(w.Target), cell(w.ID))
	}
	return table.Flush()
}

type webhooksEnsureCmd struct {
	byodsFlags
	URL string `arg:"" optional:"" env:"WEBEX_WEBHOOK_TARGET_URL" help:"Where Webex delivers to (byods.webhook.url)."`
}

// Run registers the webhooks.
func (c *webhooksEnsureCmd) Run(ctx context.Context, out io.Writer) error {
	service, err := c.withIntegration(ctx)
	if err != nil {
		return err
	}
	if service.Hooks == nil {
		return usageError{"webhooks ensure: the service app and the secret are needed: set byods.service_app and byods.webhook.secret_file"}
	}
	hooks := *service.Hooks
	if c.URL != "" {
		hooks.URL = c.URL
	}
	if err := webhook.CheckURL(hooks.URL); err != nil {
		return usageError{"webhooks ensure: " + err.Error()}
	}
	changes, err := hooks.Ensure(ctx)
	for _, change := range changes {
		fmt.Fprintf(out, "%s: %s (%s)\n", cell(change.Webhook.Event), change.Done, cell(change.Webhook.ID))
	}
	return err
}

type webhooksDeleteCmd struct {
	byodsFlags
	ID string `arg:"" help:"Its id, as webhooks list shows it."`
}

// Run deletes a webhook.
func (c *webhooksDeleteCmd) Run(ctx context.Context, out io.Writer) error {
	service, err := c.withIntegration(ctx)
	if err != nil {
		return err
	}
	if err := service.Client.DeleteWebhook(ctx, service.Integration, c.ID); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "deleted: webhook %s. A running host registers its own again.\n", cell(c.ID))
	return err
}
