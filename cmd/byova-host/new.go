package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"github.com/byova-host/byova-host/internal/starter"
)

type newCmd struct {
	Dir      string `arg:"" help:"Where to write it: a directory that is new. Its name becomes the plugin's."`
	Template string `enum:"turn,event,streaming" default:"turn" placeholder:"NAME" help:"turn: a function that answers turns (default); event: a function for each kind of event; streaming: hears while the caller speaks and answers while it thinks."`
	SDK      string `name:"sdk" type:"existingdir" placeholder:"DIR" help:"Use the SDK's source in this directory (that around DIR, or around this program; else the SDK's release of this program's version)."`
}

// Help explains the command beyond its flags.
func (*newCmd) Help() string {
	return "Writes a bot plugin: a Go module with a program that answers at once, a test that runs a whole call, and a Makefile " +
		"to call it, to change it while calls are up, and to verify it. Needs Go to be used."
}

// Run writes a plugin and gets what it needs.
func (c *newCmd) Run(ctx context.Context, out io.Writer) error {
	p := starter.Plugin{Dir: c.Dir, Template: c.Template}
	if err := c.choose(&p); err != nil {
		return err
	}
	files, err := p.Write()
	if err != nil {
		return fmt.Errorf("new: %w", err)
	}
	fmt.Fprintf(out, "%s: %s\n", c.Dir, strings.Join(files, " "))
	if err := tidy(ctx, c.Dir); err != nil {
		return fmt.Errorf("new: the plugin is written, but what it needs is not there: %w", err)
	}
	_, err = fmt.Fprintf(out, "\nNext:\n    cd %s\n    make run     # a spoken call; make test, make dev: see README.md\n", c.Dir)
	return err
}

// choose says which SDK is used.
func (c *newCmd) choose(p *starter.Plugin) error {
	if c.SDK != "" {
		if !starter.IsCheckout(c.SDK) {
			return usageError{fmt.Sprintf("new: --sdk %s: there is no go.mod of %s", c.SDK, starter.SDK)}
		}
		p.Checkout = c.SDK
		return nil
	}
	if around, found := starter.FindCheckout(c.Dir); found {
		p.Checkout = around
		return nil
	}
	if own, found := source(); found {
		p.Checkout = own
		return nil
	}
	if p.Version = version(); !release.MatchString(p.Version) {
		return usageError{fmt.Sprintf("new: this byova-host (%s) is no release and its source is not there: name a clone of %s with --sdk DIR", p.Version, starter.SDK)}
	}
	return nil
}

// release is a version that others can get.
var release = regexp.MustCompile(`^v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`)

// source is the checkout that this program stands in or was built from, if there is one.
// What was built from a release has none.
func source() (checkout string, found bool) {
	if self, err := os.Executable(); err == nil {
		if checkout, found = starter.FindCheckout(filepath.Dir(self)); found {
			return checkout, true
		}
	}
	_, file, _, ok := runtime.Caller(0)
	checkout = filepath.Join(filepath.Dir(file), "..", "..")
	return checkout, ok && !strings.Contains(file, "@") && starter.IsCheckout(checkout)
}

// tidy has Go find the modules that the plugin needs.
func tidy(ctx context.Context, dir string) error {
	tool, err := exec.LookPath("go")
	if err != nil {
		return errors.New("there is no go on the path: install Go 1.26, then run `go mod tidy` there")
	}
	command := exec.CommandContext(ctx, tool, "mod", "tidy") //nolint:gosec // the user's own Go
	command.Dir, command.Env = dir, append(os.Environ(), "GOWORK=off")
	if said, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("go mod tidy: %w\n%s", err, said)
	}
	return nil
}
