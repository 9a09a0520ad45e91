package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/byova-host/byova-host/host/config"
	"github.com/byova-host/byova-host/sdk/plugin/plugintest"
)

type pluginsVerifyCmd struct {
	Path   string   `arg:"" type:"existingfile" help:"The plugin's program."`
	Config fileName `placeholder:"FILE" help:"Take the settings of the plugin of that name from this configuration (none)."`
	Agent  string   `placeholder:"ID" help:"The virtual agent to call (the plugin's first)."`
	Log    bool     `help:"Print what the plugin and the host log to standard error."`
	JSON   bool     `help:"Print JSON."`
}

// Help explains the command beyond its flags.
func (*pluginsVerifyCmd) Help() string {
	return "Runs the plugin on hosts of its own, calls it, and says which demands of the contract between host and plugin it keeps. " +
		"It calls one virtual agent, and a bot may owe it an answer for 10 seconds, a third of what a host allows. " +
		"No running host is needed or touched. It takes about 20 seconds. Exit code 0 when nothing was broken, else 1."
}

// Run verifies a plugin. An error means that it does not keep the contract.
func (c *pluginsVerifyCmd) Run(ctx context.Context, out io.Writer) error {
	o := plugintest.VerifyOptions{Agent: c.Agent}
	if c.Log {
		o.Log = os.Stderr
	}
	if c.Config != "" {
		var err error
		if o.Settings, err = c.settings(); err != nil {
			return err
		}
	}
	report, err := plugintest.Verify(ctx, c.Path, o)
	if err != nil {
		return fmt.Errorf("plugins verify: %w", err)
	}
	if err := c.print(report, out); err != nil {
		return fmt.Errorf("print the report: %w", err)
	}
	if !report.OK() {
		return errors.New("plugins verify: the plugin does not keep the contract")
	}
	return nil
}

// settings are those of the plugin in the configuration.
func (c *pluginsVerifyCmd) settings() (map[string]any, error) {
	settings, problems := config.Load(string(c.Config), os.Environ())
	if config.Broken(problems) {
		return nil, brokenConfig(problems)
	}
	name := pluginName(c.Path)
	i := slices.IndexFunc(settings.Plugins, func(p config.Plugin) bool { return p.Name == name })
	if i < 0 {
		return nil, fmt.Errorf("plugins verify: %s has no plugin %q: name its section like the program", c.Config, name)
	}
	return settings.Plugins[i].Settings, nil
}

func (c *pluginsVerifyCmd) print(r *plugintest.Report, out io.Writer) error {
	if c.JSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(r)
	}
	count := map[plugintest.Outcome]int{}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, check := range r.Checks {
		count[check.Outcome]++
		fmt.Fprintf(table, "%s\t%s\n", check.Outcome, check.Name)
		for _, why := range check.Why {
			for line := range strings.Lines(why) {
				fmt.Fprintf(table, "\t    %s\n", strings.TrimRight(line, "\n"))
			}
		}
	}
	fmt.Fprintf(table, "verdict\t%s: %d kept, %d broken, %d skipped, in %v\n",
		cell(strings.TrimSpace(r.Name+" "+r.Version)), count[plugintest.Kept], count[plugintest.Broken], count[plugintest.Skipped], r.Took.Round(100*time.Millisecond))
	return table.Flush()
}
