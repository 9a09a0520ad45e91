package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/byova-host/byova-host/examples/calls"
	"github.com/byova-host/byova-host/examples/speech"
	"github.com/byova-host/byova-host/internal/caller"
)

// script puts the steps of the script that --script names into a call.
func (c *callCmd) script(o caller.Options) (caller.Options, error) {
	text, err := os.ReadFile(c.Script)
	dir := filepath.Dir(c.Script)
	if errors.Is(err, fs.ErrNotExist) {
		if bundled, e := calls.Files.ReadFile(strings.TrimSuffix(c.Script, ".yaml") + ".yaml"); e == nil {
			text, err, dir = bundled, nil, ""
		}
	}
	if err != nil {
		return o, usageError{fmt.Sprintf("call: read the script: %v; the bundled ones are %s", err, strings.Join(bundledNames(), ", "))}
	}
	script, err := caller.ParseScript(c.Script, text, c.Set)
	if err == nil {
		err = c.knownVars(script)
	}
	if err == nil {
		o, err = script.Apply(o, clips(dir))
	}
	if err != nil {
		return o, usageError{"call: " + err.Error()}
	}
	return o, nil
}

// knownVars says which --set names no variable of the scripts.
func (c *callCmd) knownVars(scripts ...*caller.Script) error {
	known := caller.VarNames(scripts...)
	for _, name := range slices.Sorted(maps.Keys(c.Set)) {
		if !slices.Contains(known, name) {
			return fmt.Errorf("--set %s: no such variable, there are: %s", name, strings.Join(known, ", "))
		}
	}
	return nil
}

// clips gives what scripts say: bundled clips by name, or files beside the script.
func clips(dir string) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		if name == "hello" {
			return speech.Hello, nil
		}
		if dir == "" || !strings.HasSuffix(strings.ToLower(name), ".wav") {
			return nil, errors.New("no such clip; name a WAV file beside the script, or hello, which is bundled")
		}
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		return os.ReadFile(name) //nolint:gosec // whoever runs a script may read what it names
	}
}

// bundledNames lists the scripts of the program in their order.
func bundledNames() (names []string) {
	files, _ := fs.Glob(calls.Files, "*.yaml") // the pattern is good
	for _, file := range files {
		names = append(names, strings.TrimSuffix(path.Base(file), ".yaml"))
	}
	return names
}

// bundled reads the scripts of the program.
func (c *callCmd) bundled() (scripts []*caller.Script, err error) {
	for _, name := range bundledNames() {
		text, err := calls.Files.ReadFile(name + ".yaml")
		if err != nil {
			return nil, err
		}
		script, err := caller.ParseScript(name, text, c.Set)
		if err != nil {
			return nil, err
		}
		scripts = append(scripts, script)
	}
	return scripts, nil
}

// all runs the bundled scripts and reports on the server.
func (c *callCmd) all(ctx context.Context, o caller.Options, out io.Writer) error {
	if c.Record != "" || c.many() || c.Rate != 0 || c.Frame != 0 {
		return usageError{"call: --record, --calls, --rate, --duration and --frame do not go with --all"}
	}
	scripts, err := c.bundled()
	if err == nil {
		err = c.knownVars(scripts...)
	}
	if err != nil {
		return usageError{"call: " + err.Error()}
	}
	var junit *os.File
	if c.JUnit != "" { // before the calls, whose report would be lost if this failed after them
		if junit, err = os.Create(c.JUnit); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
		defer junit.Close()
	}
	report, err := caller.Conform(ctx, caller.ConformOptions{Call: o, Scripts: scripts, Clip: clips("")})
	if err != nil {
		return fmt.Errorf("call: %w", err)
	}
	show := report.Print
	if c.JSON {
		show = report.PrintJSON
	}
	if err := show(out); err != nil {
		return fmt.Errorf("print the report: %w", err)
	}
	if junit != nil {
		if err := errors.Join(report.PrintJUnit(junit), junit.Close()); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
	}
	if report.OK() {
		return nil
	}
	return fmt.Errorf("call: %s", report.Why())
}
