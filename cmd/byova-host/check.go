package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/byova-host/byova-host/host"
	"github.com/byova-host/byova-host/host/config"
	"github.com/byova-host/byova-host/host/session"
)

type checkCmd struct {
	Config fileName `required:"" placeholder:"FILE" help:"The configuration file."`
}

// fileName is the value of a flag that names a file. An empty one, as of a
// variable that is not set, would pass for no flag at all.
type fileName string

// UnmarshalText implements encoding.TextUnmarshaler.
func (f *fileName) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		return errors.New("names no file")
	}
	*f = fileName(text)
	return nil
}

// errChecked says that what is wrong was printed.
var errChecked = errors.New("the configuration cannot be used")

// Run prints all that is wrong with a configuration.
func (c *checkCmd) Run(ctx context.Context, out io.Writer) error {
	settings, problems := config.Load(string(c.Config), os.Environ())
	for _, p := range problems {
		fmt.Fprintln(out, p)
	}
	if config.Broken(problems) {
		return errChecked
	}
	if settings.Calls.Texts == session.SpeakText {
		_, warnings := host.Engines(ctx, settings.Speech)
		for _, w := range warnings {
			fmt.Fprintf(out, "%s:1: speech: warning: %s\n", c.Config, w)
		}
	}
	if len(settings.Plugins) == 0 {
		fmt.Fprintf(out, "%s:1: plugins: warning: names no plugin: serve needs --plugin PATH then\n", c.Config)
	}
	_, err := fmt.Fprintf(out, "%s: ok\n", c.Config)
	return err
}
