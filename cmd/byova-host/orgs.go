package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/byova-host/byova-host/internal/byods"
	"github.com/byova-host/byova-host/internal/byods/datasource"
	"github.com/byova-host/byova-host/internal/byods/store"
	"github.com/byova-host/byova-host/internal/byods/webex"
)

type orgsCmd struct {
	List   orgsListCmd   `cmd:"" help:"List the organisations, and what is wrong with them."`
	Add    orgsAddCmd    `cmd:"" help:"Register an organisation with a refresh token, as for a sandbox."`
	Remove orgsRemoveCmd `cmd:"" help:"Forget an organisation and refuse its calls."`
}

// serviceApp gives the parts if a service app is configured.
func (f byodsFlags) serviceApp(ctx context.Context) (*byods.Service, error) {
	service, _, err := f.open(ctx)
	if err == nil && service.App == nil {
		err = usageError{"no service app is configured: set byods.service_app.client_id and client_secret_file, " +
			"or WEBEX_SA_CLIENT_ID and WEBEX_SA_CLIENT_SECRET"}
	}
	return service, err
}

// parseOrg reads an organisation's id in any of its forms.
func parseOrg(text string) (webex.OrgID, error) {
	id, err := webex.ParseOrgID(text)
	if err != nil {
		return "", usageError{err.Error()}
	}
	return id, nil
}

type orgsListCmd struct {
	byodsFlags
	JSON bool `help:"Print JSON."`
}

// Run prints what is known of the organisations.
func (c *orgsListCmd) Run(ctx context.Context, out io.Writer) error {
	service, _, err := c.open(ctx)
	if err != nil {
		return err
	}
	all := []datasource.Status{}
	for org := range service.Store.All() {
		all = append(all, standing(service, org))
	}
	if c.JSON {
		return printJSON(out, all)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ORG\tSTATE\tTOKEN UNTIL\tDATA SOURCE\tEXPIRES\tTROUBLE")
	for _, s := range all {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", s.Org, s.State, day(s.Token), dash(s.DataSource), day(s.Expires), trouble(s.Trouble))
	}
	return table.Flush()
}

// standing is how an organisation stands, also where no data source is configured.
func standing(service *byods.Service, org store.Org) datasource.Status {
	if service.Keeper != nil {
		return service.Keeper.Status(org)
	}
	s := datasource.Status{Org: org.ID, State: org.State, Trouble: org.Trouble}
	if org.Token != nil {
		s.Token = org.Token.Expires
	}
	if d := org.Source; d != nil {
		s.DataSource, s.URL, s.Status, s.Expires = d.ID, d.URL, d.Status, d.Expires
	}
	return s
}

func trouble(t store.Trouble) string {
	if t.What == "" {
		return "-"
	}
	since := "since " + day(t.Since) + ": "
	if t.Attention {
		since = "needs attention, " + since
	}
	return since + cell(t.What)
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return cell(s)
}

type orgsAddCmd struct {
	byodsFlags
	Org         string `arg:"" env:"WEBEX_ORG_ID" help:"The organisation's id, as a UUID or as Webex's API shows it."`
	RefreshFile string `name:"refresh-token-file" placeholder:"F" help:"The file with the refresh token from the developer portal; - is standard input. Without it WEBEX_SA_REFRESH_TOKEN counts."`
}

// Run registers an organisation.
func (c *orgsAddCmd) Run(ctx context.Context, out io.Writer) error {
	id, err := parseOrg(c.Org)
	if err != nil {
		return err
	}
	refresh, err := c.refreshToken()
	if err != nil {
		return err
	}
	service, err := c.serviceApp(ctx)
	if err != nil {
		return err
	}
	if err := service.App.Org(id).Register(ctx, refresh); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s is registered. A running host registers a data source for it; byova-host datasources create does it now.\n", id)
	return err
}

func (c *orgsAddCmd) refreshToken() (string, error) {
	var text []byte
	var err error
	switch c.RefreshFile {
	case "":
		text = []byte(os.Getenv("WEBEX_SA_REFRESH_TOKEN"))
	case "-":
		text, err = io.ReadAll(io.LimitReader(os.Stdin, 64<<10))
	default:
		text, err = os.ReadFile(c.RefreshFile)
	}
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(text))
	if token == "" || strings.ContainsAny(token, " \t\r\n") {
		return "", usageError{"orgs add: no refresh token: name its file with --refresh-token-file, or set WEBEX_SA_REFRESH_TOKEN"}
	}
	return token, nil
}

type orgsRemoveCmd struct {
	byodsFlags
	Org string `arg:"" help:"The organisation's id."`
}

// Run forgets an organisation. It needs no network.
func (c *orgsRemoveCmd) Run(ctx context.Context, out io.Writer) error {
	id, err := parseOrg(c.Org)
	if err != nil {
		return err
	}
	service, _, err := c.open(ctx)
	if err != nil {
		return err
	}
	errUnknown := fmt.Errorf("%s is not known here", id)
	source := ""
	err = service.Store.UpdateOrg(ctx, id, func(o *store.Org) error {
		if o.State == store.Unknown || o.State == store.Removed {
			return errUnknown
		}
		if o.Source != nil {
			source = o.Source.ID
		}
		o.Forget(store.Removed)
		return nil
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s is forgotten, and its calls are refused.\n", id)
	if source != "" {
		fmt.Fprintf(out, "Webex still has its data source %s, whose last token counts nowhere any more.\n", source)
	}
	return nil
}

// orgFlags are those of commands that speak for an organisation.
type orgFlags struct {
	byodsFlags
	Org string `required:"" placeholder:"ORG" env:"WEBEX_ORG_ID" help:"The organisation's id, as a UUID or as Webex's API shows it."`
}

// for gives the parts, the organisation, and what carries its token.
func (f orgFlags) org(ctx context.Context) (*byods.Service, webex.OrgID, webex.TokenSource, error) {
	id, err := parseOrg(f.Org)
	if err != nil {
		return nil, "", nil, err
	}
	service, err := f.serviceApp(ctx)
	if err != nil {
		return nil, "", nil, err
	}
	return service, id, service.App.Org(id), nil
}

// left is the life of something that expires.
func left(until time.Time) string {
	switch d := time.Until(until).Round(time.Minute); {
	case until.IsZero():
		return "-"
	case d <= 0:
		return "expired"
	default:
		return strings.TrimSuffix(d.String(), "0s")
	}
}

// errNoDataSource is a configuration without one.
var errNoDataSource = usageError{"no data source is configured: set byods.data_source.url"}

// keeper gives the keeper of data sources.
func keeper(service *byods.Service) (*datasource.Keeper, error) {
	if service.Keeper == nil {
		return nil, errNoDataSource
	}
	return service.Keeper, nil
}

// known finds the data source of an organisation: the one that is named, else its own.
func known(service *byods.Service, org webex.OrgID, id string) (string, error) {
	if id != "" {
		return id, nil
	}
	if o, ok := service.Store.Peek(org); ok && o.Source != nil && o.Source.ID != "" {
		return o.Source.ID, nil
	}
	return "", errors.New("no data source of this organisation is known: name its id, or see byova-host datasources list --org")
}
