package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/byova-host/byova-host/host/admin"
	"github.com/byova-host/byova-host/internal/rundir"
)

type pluginsCmd struct {
	List     pluginsListCmd     `cmd:"" help:"List the plugins."`
	Swap     pluginsSwapCmd     `cmd:"" help:"Let another program take a plugin's place while calls are up."`
	Promote  pluginsPromoteCmd  `cmd:"" help:"Give a canary all new calls."`
	Rollback pluginsRollbackCmd `cmd:"" help:"End a canary, or swap back to the program from before."`
	Restart  pluginsRestartCmd  `cmd:"" help:"Let a new process of the same program take a plugin's place."`
	Reset    pluginsResetCmd    `cmd:"" help:"Start a plugin again that ended too often."`
	Verify   pluginsVerifyCmd   `cmd:"" help:"Say whether a plugin keeps the contract with the host; no running host is needed."`
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
	fmt.Fprintln(table, "NAME\tVERSION\tGENERATION\tSTATE\tPID\tSESSIONS\tRESTARTS\tSHA256\tPATH\tERROR")
	for _, p := range plugins {
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%d\t%d\t%d\t%s\t%s\t%s\n", p.Name, cell(p.Version), p.Generation, state(p),
			p.Pid, p.Sessions, p.Restarts, short(p.SHA256), cell(p.Path), cell(p.Error))
	}
	return table.Flush()
}

// state is one word, so that columns stay columns.
func state(p admin.Plugin) string {
	if p.State == "canary" {
		return fmt.Sprintf("canary(%d%%)", p.Percent)
	}
	return p.State
}

// short is enough of a sum to tell programs apart.
func short(sum string) string { return sum[:min(12, len(sum))] }

// cell is what stands on one line: plugins say what they like.
func cell(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
}
