package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/byova-host/byova-host/host/admin"
	"github.com/byova-host/byova-host/internal/rundir"
)

type pluginsCmd struct {
	List pluginsListCmd `cmd:"" help:"List the plugins."`
}

type pluginsListCmd struct {
	adminFlag
	JSON bool `help:"Print JSON."`
}

// adminFlag says which host to speak to.
type adminFlag struct {
	Admin string `placeholder:"ADDR" help:"The host's admin API: unix:///path or host:port (the first host of this user)."`
}

func (f adminFlag) client() (*admin.Client, error) {
	if f.Admin != "" {
		address, err := admin.ParseAddress(f.Admin)
		if err != nil {
			return nil, usageError{err.Error()}
		}
		return admin.NewClient(address), nil
	}
	base, err := rundir.Base()
	if err != nil {
		return nil, err
	}
	return admin.NewClient(admin.DefaultAddress(base, 1)), nil
}

// Run prints the plugins of a running host.
func (c *pluginsListCmd) Run(ctx context.Context, out io.Writer) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	plugins, err := client.Plugins(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(plugins)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tVERSION\tSTATE\tPID\tSESSIONS\tPATH\tERROR")
	for _, p := range plugins {
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%d\t%s\t%s\n", p.Name, p.Version, p.State, p.Pid, p.Sessions, p.Path, p.Error)
	}
	return table.Flush()
}
