package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/byova-host/byova-host/internal/byods/datasource"
	"github.com/byova-host/byova-host/internal/byods/webex"
)

type datasourcesCmd struct {
	List   datasourcesListCmd   `cmd:"" help:"List data sources: all that are known here, or those that Webex has of one organisation."`
	Get    datasourcesGetCmd    `cmd:"" help:"Show one as Webex has it."`
	Create datasourcesCreateCmd `cmd:"" help:"Register an organisation's data source now, or mend it, as a running host does."`
	Update datasourcesUpdateCmd `cmd:"" help:"Replace one with what is configured, or with what the flags say, and a fresh nonce."`
	Renew  datasourcesRenewCmd  `cmd:"" help:"Give one a fresh nonce now, as a running host does in time."`
	Delete datasourcesDeleteCmd `cmd:"" help:"Delete one. A running host registers it again unless the organisation is removed."`
}

type datasourcesListCmd struct {
	byodsFlags
	Org  string `placeholder:"ORG" help:"Ask Webex for those of this organisation."`
	JSON bool   `help:"Print JSON."`
}

// shownSource is a data source for people and programs: all but its secrets.
type shownSource struct {
	Org           string    `json:"org"`
	ID            string    `json:"id"`
	Schema        string    `json:"schema,omitempty"`
	URL           string    `json:"url,omitempty"`
	Audience      string    `json:"audience,omitempty"`
	Subject       string    `json:"subject,omitempty"`
	Lifetime      string    `json:"lifetime,omitempty"`
	Status        string    `json:"status,omitempty"`
	ErrorMessage  string    `json:"error_message,omitempty"`
	ApplicationID string    `json:"application_id,omitempty"`
	Expires       time.Time `json:"expires_at,omitzero"`
	Renewal       time.Time `json:"renewal_at,omitzero"`
	CreatedAt     time.Time `json:"created_at,omitzero"`
	UpdatedAt     time.Time `json:"updated_at,omitzero"`
}

// shown is a data source as Webex has it.
func shown(org webex.OrgID, d webex.DataSource) shownSource {
	s := shownSource{
		Org: string(org), ID: d.ID, Schema: d.Schema, URL: d.URL, Audience: d.Audience, Subject: d.Subject, Status: d.Status,
		ErrorMessage: d.ErrorMessage, ApplicationID: d.ApplicationID, Expires: d.Expires, CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt,
	}
	if d.Lifetime > 0 {
		s.Lifetime = d.Lifetime.String()
	}
	return s
}

// Run prints data sources.
func (c *datasourcesListCmd) Run(ctx context.Context, out io.Writer) error {
	all, err := c.all(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(out, all)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ORG\tDATA SOURCE\tSTATUS\tEXPIRES\tLEFT\tRENEWAL\tURL")
	for _, d := range all {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", d.Org, d.ID, dash(d.Status), day(d.Expires), left(d.Expires), day(d.Renewal), dash(d.URL))
	}
	return table.Flush()
}

func (c *datasourcesListCmd) all(ctx context.Context) ([]shownSource, error) {
	all := []shownSource{}
	if c.Org != "" {
		service, org, auth, err := orgFlags{c.byodsFlags, c.Org}.org(ctx)
		if err != nil {
			return nil, err
		}
		found, err := service.Client.DataSources(ctx, auth)
		for _, d := range found {
			all = append(all, shown(org, d))
		}
		return all, err
	}
	service, _, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	for org := range service.Store.All() {
		if d := org.Source; d != nil {
			all = append(all, shownSource{
				Org: string(org.ID), ID: d.ID, Schema: d.Schema, URL: d.URL, Audience: d.Audience, Subject: d.Subject,
				Lifetime: d.Lifetime.String(), Status: d.Status, Expires: d.Expires, Renewal: standing(service, org).Renewal,
			})
		}
	}
	return all, nil
}

type datasourcesGetCmd struct {
	orgFlags
	ID string `arg:"" optional:"" help:"Its id (the one that is known of the organisation)."`
}

// Run prints a data source as Webex has it.
func (c *datasourcesGetCmd) Run(ctx context.Context, out io.Writer) error {
	service, org, auth, err := c.org(ctx)
	if err != nil {
		return err
	}
	id, err := known(service, org, c.ID)
	if err != nil {
		return err
	}
	d, err := service.Client.DataSource(ctx, auth, id)
	if err != nil {
		return err
	}
	return printJSON(out, shown(org, d))
}

// specFlags say how a data source should be where the configuration says otherwise.
type specFlags struct {
	URL      string        `name:"url" placeholder:"URL" help:"The URL instead of byods.data_source.url, as all below."`
	Schema   string        `placeholder:"ID" help:"The schema."`
	Audience string        `placeholder:"TEXT" help:"The audience."`
	Subject  string        `placeholder:"TEXT" help:"The subject."`
	Lifetime time.Duration `placeholder:"D" help:"How long tokens count."`
}

// over puts what the flags say above a spec.
func (f specFlags) over(s datasource.Spec) datasource.Spec {
	for _, part := range []struct {
		flag string
		to   *string
	}{{f.URL, &s.URL}, {f.Schema, &s.Schema}, {f.Audience, &s.Audience}, {f.Subject, &s.Subject}} {
		if part.flag != "" {
			*part.to = part.flag
		}
	}
	if f.Lifetime != 0 {
		s.Lifetime = f.Lifetime
	}
	return s
}

// keeper gives one that keeps what the flags say.
func (f specFlags) keeper(ctx context.Context, o orgFlags) (*datasource.Keeper, webex.OrgID, error) {
	id, err := parseOrg(o.Org)
	if err != nil {
		return nil, "", err
	}
	service, err := o.serviceApp(ctx)
	if err != nil {
		return nil, "", err
	}
	if _, settings, err := o.open(ctx); err != nil {
		return nil, "", err
	} else if spec := f.over(settings.Source); spec.URL != "" {
		return datasource.New(datasource.Config{Spec: spec, Client: service.Client, App: service.App, Store: service.Store}), id, nil
	}
	return nil, "", errNoDataSource
}

type datasourcesCreateCmd struct {
	orgFlags
	specFlags
}

// Run registers a data source, or mends the one that is there.
func (c *datasourcesCreateCmd) Run(ctx context.Context, out io.Writer) error {
	keeper, org, err := c.keeper(ctx, c.orgFlags)
	if err != nil {
		return err
	}
	if err := keeper.Ensure(ctx, org); err != nil {
		return err
	}
	return printKept(ctx, out, keeper, org, "registered")
}

// printKept says how an organisation's data source stands.
func printKept(ctx context.Context, out io.Writer, keeper *datasource.Keeper, org webex.OrgID, done string) error {
	o, err := keeper.Store.Org(ctx, org)
	if err != nil {
		return err
	}
	s := keeper.Status(o)
	_, err = fmt.Fprintf(out, "%s: data source %s of %s; its tokens count until %s\n", done, s.DataSource, org, day(s.Expires))
	return err
}

type datasourcesUpdateCmd struct {
	orgFlags
	specFlags
	Status  string `enum:"active,disabled," default:"" placeholder:"active|disabled" help:"Enable or disable it. A running host enables one again."`
	Message string `name:"error-message" placeholder:"TEXT" help:"With --status disabled: what the customer's administrator reads."`
}

// Run replaces a data source, as a whole.
func (c *datasourcesUpdateCmd) Run(ctx context.Context, out io.Writer) error {
	if c.Status == webex.StatusDisabled {
		return c.disable(ctx, out)
	}
	if c.Message != "" {
		return usageError{"datasources update: --error-message goes with --status disabled"}
	}
	keeper, org, err := c.keeper(ctx, c.orgFlags)
	if err != nil {
		return err
	}
	if err := keeper.Renew(ctx, org); err != nil {
		return err
	}
	return printKept(ctx, out, keeper, org, "updated")
}

// disable keeps what Webex has, and presents no token any more. The nonce that goes
// with it is nobody's: the next renewal brings one that counts.
func (c *datasourcesUpdateCmd) disable(ctx context.Context, out io.Writer) error {
	if c.Message == "" {
		return usageError{"datasources update: --status disabled wants --error-message, which the customer's administrator reads"}
	}
	service, org, auth, err := c.org(ctx)
	if err != nil {
		return err
	}
	id, err := known(service, org, "")
	if err != nil {
		return err
	}
	d, err := service.Client.DataSource(ctx, auth, id)
	if err != nil {
		return err
	}
	_, err = service.Client.UpdateDataSource(ctx, auth, id, webex.DataSourceSpec{
		Schema: d.Schema, URL: d.URL, Audience: d.Audience, Subject: d.Subject, Lifetime: d.Lifetime,
		Nonce: rand.Text(), Status: webex.StatusDisabled, ErrorMessage: c.Message,
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "disabled: data source %s of %s. A running host enables it again, and so does byova-host datasources update.\n", id, org)
	return err
}

type datasourcesRenewCmd struct{ orgFlags }

// Run gives a data source a fresh nonce.
func (c *datasourcesRenewCmd) Run(ctx context.Context, out io.Writer) error {
	service, org, _, err := c.org(ctx)
	if err != nil {
		return err
	}
	keeper, err := keeper(service)
	if err != nil {
		return err
	}
	if err := keeper.Renew(ctx, org); err != nil {
		return err
	}
	return printKept(ctx, out, keeper, org, "renewed")
}

type datasourcesDeleteCmd struct {
	orgFlags
	ID string `arg:"" optional:"" help:"Its id (the one that is known of the organisation)."`
}

// Run deletes a data source.
func (c *datasourcesDeleteCmd) Run(ctx context.Context, out io.Writer) error {
	service, org, _, err := c.org(ctx)
	if err != nil {
		return err
	}
	id, err := known(service, org, c.ID)
	if err != nil {
		return err
	}
	keeper, err := keeper(service)
	if err != nil {
		return err
	}
	if err := keeper.Delete(ctx, org, id); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "deleted: data source %s of %s. A running host registers one again; byova-host orgs remove ends that.\n", id, org)
	return err
}
