package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/hashicorp/go-hclog"

	"github.com/byova-host/byova-host/host"
	"github.com/byova-host/byova-host/host/config"
	"github.com/byova-host/byova-host/internal/heapfloor"
)

// serveCmd has no defaults of its own: what is not said leaves the environment, the
// file or the default to count.
type serveCmd struct {
	Config       fileName `placeholder:"FILE" help:"The configuration file (none). Flags count before it."`
	Listen       string   `placeholder:"ADDR" help:"Where Webex calls, as host:port; port 0 takes a free one (${listen})."`
	Plugin       []string `sep:"none" placeholder:"PATH" help:"A plugin binary, named by its file, or unix:///path of one that runs in a debugger. Repeat it for several; the first one's first agent is the default. It replaces the file's plugin of that name."`
	Admin        string   `placeholder:"ADDR" help:"Where the admin API answers: unix:///path or a loopback host:port (a private socket)."`
	VerifyTokens *bool    `help:"Check the tokens that Webex presents (true). With --verify-tokens=false everybody who reaches the port can call."`
	Watch        bool     `help:"Swap a plugin when its binary changes on disk, and move its calls at once. For development: traces have keys and texts from the beginning."`
	PluginLog    string   `enum:"trace,debug,info,warn,error," default:"" placeholder:"LEVEL" help:"Level of the plugins' own logs (info): trace, debug, info, warn or error."`
}

// Run serves until the first signal, then lets live calls end; a second signal
// ends them. SIGHUP reads the configuration again.
func (c *serveCmd) Run(stop context.Context, out io.Writer) error {
	heapfloor.Set(heapfloor.OfHost)
	hangUp := make(chan os.Signal, 1) // one waits while another is carried out
	signal.Notify(hangUp, syscall.SIGHUP)
	defer signal.Stop(hangUp)
	settings, problems, err := c.load()
	if err != nil {
		return err
	}
	log, all := newLogs(settings)
	warnOf(problems, log)
	kill, cancel := context.WithCancel(context.WithoutCancel(stop))
	defer cancel()
	defer context.AfterFunc(stop, func() { cancelOnSignal(kill, cancel) })()
	return host.Run(stop, kill, host.Config{
		Config: settings, Version: version(), Log: log, LogAll: all, Watch: c.Watch, TraceContent: c.Watch, Reload: hangUp,
		Load: func() (config.Config, error) {
			settings, problems, err := c.load()
			if err == nil {
				warnOf(problems, log)
			}
			return settings, err
		},
	}, out)
}

// newLogs are the host's log, and one of every level for plugins that are asked for more.
func newLogs(settings config.Config) (log, all hclog.Logger) {
	var mu sync.Mutex // both write to the same
	of := func(level hclog.Level) hclog.Logger {
		return hclog.New(&hclog.LoggerOptions{
			Name: "byova-host", Output: os.Stderr, Mutex: &mu, Level: level, JSONFormat: settings.Log.JSON,
		})
	}
	return of(settings.Log.Level), of(hclog.Trace)
}

// load reads the configuration. Problems are warnings if there is no error.
func (c *serveCmd) load() (config.Config, []config.Problem, error) {
	settings, problems := config.Load(string(c.Config), os.Environ())
	if config.Broken(problems) {
		return settings, nil, brokenConfig(problems)
	}
	c.override(&settings)
	if len(settings.Plugins) == 0 {
		return settings, nil, usageError{"serve: no plugin: name one with --plugin PATH, or in a file with --config FILE"}
	}
	return settings, problems, nil
}

func warnOf(problems []config.Problem, log hclog.Logger) {
	for _, p := range problems {
		if p.Key != "verify_tokens" { // the host says it itself, and a flag may say otherwise
			log.Warn("configuration", "problem", p.String())
		}
	}
}

// override lets the flags count before everything else.
func (c *serveCmd) override(settings *config.Config) {
	if c.Listen != "" {
		settings.Listen = c.Listen
	}
	if c.Admin != "" {
		settings.Admin = c.Admin
	}
	if c.VerifyTokens != nil {
		settings.VerifyTokens = *c.VerifyTokens
	}
	for _, path := range c.Plugin {
		name := pluginName(path)
		i := slices.IndexFunc(settings.Plugins, func(p config.Plugin) bool { return p.Name == name })
		if i < 0 {
			settings.Plugins = append(settings.Plugins, config.DefaultPlugin(name, path))
			continue
		}
		settings.Plugins[i].Path = path
	}
	if level := hclog.LevelFromString(c.PluginLog); level != hclog.NoLevel {
		for i := range settings.Plugins {
			settings.Plugins[i].Log = level
		}
	}
}

// pluginName is what a plugin is called of which only the program is known, or the
// socket where it answers.
func pluginName(path string) string {
	name := filepath.Base(path)
	for _, ending := range []string{".exe", ".sock"} {
		name = strings.TrimSuffix(name, ending)
	}
	return name
}

// brokenConfig has all problems of a configuration, one a line.
func brokenConfig(problems []config.Problem) error {
	lines := []string{"the configuration cannot be used:"}
	for _, p := range problems {
		lines = append(lines, p.String())
	}
	return errors.New(strings.Join(lines, "\n"))
}

// cancelOnSignal cancels at the next signal, or returns when ctx ends.
func cancelOnSignal(ctx context.Context, cancel context.CancelFunc) {
	again, done := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer done()
	<-again.Done()
	cancel()
}
