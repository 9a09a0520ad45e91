package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/byova-host/byova-host/host/admin"
)

// termsFlags say what becomes of the calls of the process that is replaced.
type termsFlags struct {
	adminFlag
	Policy string `placeholder:"drain|move" help:"Calls of the old process end there, or go to the new one between two turns (what the configuration says)."`
	Force  bool   `help:"Do not wait for the calls of an even older process: what cannot move within 5 s gets the fallback."`
}

// Validate refuses an unknown policy, in words that do without the empty one.
func (f termsFlags) Validate() error {
	if f.Policy != "" && f.Policy != "drain" && f.Policy != "move" {
		return fmt.Errorf("--policy %s: want drain or move", f.Policy)
	}
	return nil
}

func (f termsFlags) terms() admin.Terms { return admin.Terms{Policy: f.Policy, Force: f.Force} }

type pluginsSwapCmd struct {
	Name string `arg:"" help:"The plugin, as plugins list shows it."`
	Path string `arg:"" help:"The program that takes its place."`
	termsFlags
	Canary *int `placeholder:"PERCENT" help:"Of new calls, give it only so many, until plugins promote or rollback (all)."`
}

type pluginsPromoteCmd struct {
	Name string `arg:"" help:"The plugin, as plugins list shows it."`
	adminFlag
}

type pluginsRollbackCmd struct {
	Name string `arg:"" help:"The plugin, as plugins list shows it."`
	termsFlags
}

type pluginsRestartCmd struct {
	Name string `arg:"" help:"The plugin, as plugins list shows it."`
	termsFlags
}

type pluginsResetCmd struct {
	Name string `arg:"" help:"The plugin, as plugins list shows it."`
	adminFlag
}

// Run swaps, and says what it waits for and what came of it.
func (c *pluginsSwapCmd) Run(ctx context.Context, out io.Writer) error {
	swap := admin.Swap{Terms: c.terms()}
	if c.Canary != nil {
		if swap.Canary = *c.Canary; swap.Canary < 1 || swap.Canary > 99 {
			return usageError{fmt.Sprintf("plugins swap: --canary %d: want a percentage, 1 to 99", swap.Canary)}
		}
	}
	if strings.HasPrefix(c.Path, "unix://") {
		return usageError{fmt.Sprintf("plugins swap: %s is where a plugin runs already, and a swap starts a program: give it to serve as --plugin, or as the path in the configuration file", c.Path)}
	}
	var err error
	if swap.Path, err = filepath.Abs(c.Path); err != nil {
		return err
	}
	return c.replace(ctx, out, c.Name, func(client *admin.Client, progress func(string)) (admin.Swapped, error) {
		return client.Swap(ctx, c.Name, swap, progress)
	})
}

// Run promotes a canary.
func (c *pluginsPromoteCmd) Run(ctx context.Context, out io.Writer) error {
	return c.replace(ctx, out, c.Name, func(client *admin.Client, _ func(string)) (admin.Swapped, error) {
		return client.Promote(ctx, c.Name)
	})
}

// Run goes back to what was there before.
func (c *pluginsRollbackCmd) Run(ctx context.Context, out io.Writer) error {
	return c.replace(ctx, out, c.Name, func(client *admin.Client, progress func(string)) (admin.Swapped, error) {
		return client.Rollback(ctx, c.Name, c.terms(), progress)
	})
}

// Run swaps to the same program.
func (c *pluginsRestartCmd) Run(ctx context.Context, out io.Writer) error {
	return c.replace(ctx, out, c.Name, func(client *admin.Client, progress func(string)) (admin.Swapped, error) {
		return client.Restart(ctx, c.Name, c.terms(), progress)
	})
}

// Run has a plugin started again.
func (c *pluginsResetCmd) Run(ctx context.Context, out io.Writer) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	if err := client.Reset(ctx, c.Name); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s: breaker closed\n", c.Name)
	return err
}

// replace lets another process take a plugin's place and prints what there is to know.
func (f adminFlag) replace(ctx context.Context, out io.Writer, name string, do func(*admin.Client, func(string)) (admin.Swapped, error)) error {
	client, err := f.client()
	if err != nil {
		return err
	}
	done, err := do(client, func(what string) { fmt.Fprintf(out, "%s: %s\n", name, cell(what)) })
	if err != nil {
		return err
	}
	live, err := client.Plugins(ctx)
	if err != nil {
		live = nil // it is done all the same
	}
	_, err = fmt.Fprintln(out, summary(done, live))
	return err
}

// summary is what a swap came to, on one line.
func summary(done admin.Swapped, live []admin.Plugin) string {
	share, rest := "", ""
	for _, p := range live {
		switch {
		case p.Name != done.Name:
		case p.Generation == done.Generation:
			if p.Percent > 0 && p.Percent < 100 {
				share = fmt.Sprintf("%d %% of ", p.Percent)
			}
		case p.Percent > 0:
			rest = fmt.Sprintf("; generation %d takes the rest", p.Generation)
		case p.Sessions > 0 && done.Moves:
			rest = fmt.Sprintf("; generation %d moves %s if it can", p.Generation, plural(p.Sessions, "call"))
		case p.Sessions > 0:
			rest = fmt.Sprintf("; generation %d drains %s", p.Generation, plural(p.Sessions, "call"))
		}
	}
	return fmt.Sprintf("%s: generation %d, version %s (sha256 %s), takes %snew calls%s",
		done.Name, done.Generation, cell(done.Version), short(done.SHA256), share, rest)
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
