package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/hashicorp/go-hclog"

	"github.com/byova-host/byova-host/host"
)

type serveCmd struct {
	Listen       string   `default:"${listen}" placeholder:"ADDR" help:"Where Webex calls, as host:port; port 0 takes a free one (${default})."`
	Plugin       []string `sep:"none" required:"" placeholder:"PATH" help:"A plugin binary, named by its file. Repeat it for several; the first one's first agent is the default."`
	Admin        string   `placeholder:"ADDR" help:"Where the admin API answers: unix:///path or a loopback host:port (a private socket)."`
	VerifyTokens bool     `default:"true" help:"Check the tokens that Webex presents. Not possible yet: start with --verify-tokens=false."`
	PluginLog    string   `enum:"trace,debug,info,warn,error" default:"info" placeholder:"LEVEL" help:"Level of the plugins' own logs (${default}): ${enum}."`
}

// Run serves until the first signal, then lets live calls end; a second signal
// ends them.
func (c *serveCmd) Run(stop context.Context, out io.Writer) error {
	if c.VerifyTokens {
		return usageError{"serve: tokens cannot be checked yet: start with --verify-tokens=false, " +
			"and only where nobody but you can reach the port"}
	}
	log := hclog.New(&hclog.LoggerOptions{Name: "byova-host", Output: os.Stderr, Level: hclog.Info})
	log.Warn("tokens are not verified: anyone who reaches the port can place calls", "listen", c.Listen)
	kill, cancel := context.WithCancel(context.WithoutCancel(stop))
	defer cancel()
	defer context.AfterFunc(stop, func() { cancelOnSignal(kill, cancel) })()
	return host.Run(stop, kill, host.Config{
		Listen: c.Listen, Plugins: c.Plugin, Admin: c.Admin, Version: version(),
		Log: log, PluginLog: hclog.LevelFromString(c.PluginLog),
	}, out)
}

// cancelOnSignal cancels at the next signal, or returns when ctx ends.
func cancelOnSignal(ctx context.Context, cancel context.CancelFunc) {
	again, done := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer done()
	<-again.Done()
	cancel()
}
