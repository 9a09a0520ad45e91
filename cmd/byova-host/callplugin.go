package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/byova-host/byova-host/host"
)

// hostFor is a host of the call's own, with one plugin.
type hostFor struct {
	addr string
	stop func() error
}

// serveFor starts a host with a plugin and returns when it takes calls.
func (c *callCmd) serveFor(ctx context.Context) (_ *hostFor, err error) {
	dir, err := os.MkdirTemp("", "byova-call")
	if err != nil {
		return nil, fmt.Errorf("call: %w", err)
	}
	verify := false
	s := serveCmd{
		Config: c.Config, Listen: "127.0.0.1:0", Admin: "unix://" + filepath.ToSlash(filepath.Join(dir, "admin.sock")),
		VerifyTokens: &verify, PluginLog: c.PluginLog,
	}
	if c.Plugin != "" {
		s.Plugin = []string{c.Plugin}
	}
	settings, problems, err := s.load()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	level := hclog.Info
	if wanted := hclog.LevelFromString(c.PluginLog); wanted != hclog.NoLevel {
		level = min(level, wanted)
	}
	log := hclog.New(&hclog.LoggerOptions{Name: "byova-host", Output: os.Stderr, Level: level})
	warnOf(problems, log)
	settings.Shutdown = 2 * time.Second // the only call is over
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	lines, out := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := host.Run(ctx, context.WithoutCancel(ctx), host.Config{Config: settings, Version: version(), Log: log}, out)
		out.CloseWithError(errors.Join(err, io.EOF))
		ended <- errors.Join(err, os.RemoveAll(dir))
	}()
	stop := func() error {
		cancel()
		return <-ended
	}
	line, err := bufio.NewReader(lines).ReadString('\n')
	if err != nil {
		if err := stop(); err != nil {
			return nil, err
		}
		return nil, errors.New("call: the host ended before it took calls")
	}
	return &hostFor{addr: strings.TrimSpace(strings.TrimPrefix(line, "listening on ")), stop: stop}, nil
}
