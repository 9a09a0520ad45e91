package main

import (
	"context"
	"os"

	"github.com/hashicorp/go-hclog"

	"github.com/byova-host/byova-host/host/config"
	"github.com/byova-host/byova-host/internal/byods"
)

// byodsFlags are those of the commands that speak to Webex by themselves.
type byodsFlags struct {
	Config fileName `placeholder:"FILE" help:"The configuration file, of which byods counts (none). The environment counts before it."`
}

// open puts together what the configuration has of Webex's side.
func (f byodsFlags) open(ctx context.Context) (*byods.Service, config.BYODS, error) {
	settings, problems := config.Load(string(f.Config), os.Environ())
	if config.Broken(problems) {
		return nil, settings.BYODS, brokenConfig(problems)
	}
	if settings.BYODS.Store.Dir == "" {
		return nil, settings.BYODS, usageError{"nothing says where tokens are kept: set byods.store.dir in a file and name it " +
			"with --config FILE, or set BYOVA_STORE"}
	}
	c := settings.BYODS.Config
	c.Log = hclog.New(&hclog.LoggerOptions{Name: "byova-host", Output: os.Stderr, Level: hclog.Warn})
	service, err := byods.Open(ctx, c)
	return service, settings.BYODS, err
}
