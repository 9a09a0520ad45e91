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

	"github.com/byova-host/byova-host/host"
	"github.com/byova-host/byova-host/host/admin"
)

// hostFor is a host of the call's own, with one plugin.
type hostFor struct {
	addr  string
	admin *admin.Client
	stop  func() error
}

// said prints what the bot does in a call of this host, until the call has ended. What
// the caller hears of it, the call's own timeline shows.
func (h *hostFor) said(ctx context.Context, conversation string, out io.Writer) error {
	return h.admin.Trace(ctx, conversation, admin.TraceOptions{Content: true, Follow: true}, func(l admin.TraceLine) error {
		if l.Entry == nil || l.Entry.From == "host" || l.Entry.What == "accepted" {
			return nil
		}
		what, detail := l.Entry.What, l.Entry.Detail
		if l.Entry.Content != "" {
			detail = l.Entry.Content
		}
		if l.Entry.Late {
			detail = join(detail, "too late, dropped")
		}
		_, err := fmt.Fprintf(out, "%-9s %-6s %s\n", fmt.Sprintf("+%.3fs", l.Entry.At/1000), l.Entry.From, strings.TrimSpace(what+" "+cell(detail)))
		return err
	})
}

// serveFor starts a host with a plugin and returns when it takes calls.
func (c *callCmd) serveFor(ctx context.Context) (_ *hostFor, err error) {
	dir, err := os.MkdirTemp("", "byova-call")
	if err != nil {
		return nil, fmt.Errorf("call: %w", err)
	}
	address := "unix://" + filepath.ToSlash(filepath.Join(dir, "admin.sock"))
	desk, err := adminFlag{address}.client()
	if err != nil {
		return nil, err
	}
	verify := false
	s := serveCmd{
		Config: c.Config, Listen: "127.0.0.1:0", Admin: address,
		VerifyTokens: &verify, PluginLog: c.PluginLog,
	}
	if c.Plugin != "" {
		s.Plugin = []string{c.Plugin}
	}
	settings, problems, err := s.load()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	log, all := newLogs(settings)
	warnOf(problems, log)
	settings.Shutdown = 2 * time.Second // the only call is over
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	lines, out := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := host.Run(ctx, context.WithoutCancel(ctx), host.Config{
			Config: settings, Version: version(), Log: log, LogAll: all, TraceContent: true,
		}, out)
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
	return &hostFor{admin: desk, addr: strings.TrimSpace(strings.TrimPrefix(line, "listening on ")), stop: stop}, nil
}
