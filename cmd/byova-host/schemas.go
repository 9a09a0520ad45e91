package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
)

type schemasCmd struct {
	List schemasListCmd `cmd:"" help:"List the schemas that Webex knows."`
	Get  schemasGetCmd  `cmd:"" help:"Show one."`
}

type schemasListCmd struct {
	orgFlags
	JSON bool `help:"Print JSON."`
}

// Run prints the schemas.
func (c *schemasListCmd) Run(ctx context.Context, out io.Writer) error {
	service, _, auth, err := c.org(ctx)
	if err != nil {
		return err
	}
	all, err := service.Client.Schemas(ctx, auth)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(out, all)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tPROTOCOL\tSERVICE\tAPP TYPE")
	for _, s := range all {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", cell(s.ID), dash(s.Protocol), dash(s.ServiceType), dash(s.AppType))
	}
	return table.Flush()
}

type schemasGetCmd struct {
	orgFlags
	ID string `arg:"" help:"The schema's id."`
}

// Run prints a schema.
func (c *schemasGetCmd) Run(ctx context.Context, out io.Writer) error {
	service, _, auth, err := c.org(ctx)
	if err != nil {
		return err
	}
	s, err := service.Client.Schema(ctx, auth, c.ID)
	if err != nil {
		return err
	}
	return printJSON(out, s)
}
