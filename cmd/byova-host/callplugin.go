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
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/byova-host/byova-host/host"
	"github.com/byova-host/byova-host/host/admin"
	"github.com/byova-host/byova-host/internal/caller"
)

// hostFor is a host of the call's own, with one plugin.
type hostFor struct {
	addr  string
	admin *admin.Client
	stop  func() error
}

// said prints what the bot does in a call of this host, until the call has ended. What
// the caller hears of it, the call's own timeline shows. Fallback is why the host took the
// call from the bot, if it did; refused are the commands that it did not carry out.
func (h *hostFor) said(ctx context.Context, conversation string, out io.Writer) (fallback string, refused []string, err error) {
	err = h.admin.Trace(ctx, conversation, admin.TraceOptions{Content: true, Follow: true}, func(l admin.TraceLine) error {
		if l.Entry == nil || l.Entry.From == "host" && l.Entry.What != "refused" || l.Entry.What == "accepted" {
			return nil
		}
		what, detail := l.Entry.What, l.Entry.Detail
		if what == "refused" {
			refused = append(refused, detail)
		}
		if what == "fallback" {
			fallback = detail
		}
		if l.Entry.Content != "" {
			detail = l.Entry.Content
		}
		if l.Entry.Late {
			detail = join(detail, "too late, dropped")
		}
		_, err := fmt.Fprintf(out, "%-9s %-6s %s\n", fmt.Sprintf("+%.3fs", l.Entry.At/1000), l.Entry.From, strings.TrimSpace(what+" "+cell(detail)))
		return err
	})
	return fallback, refused, err
}

// tell has what the bot does told from the first answer on, if the call's host is its own.
// What it returns waits until all was told, and says why the host took the call from the
// bot, if it did, and what it refused.
func (c *callCmd) tell(ctx context.Context, o *caller.Options, out io.Writer) (wait func() (fallback string, refused []string)) {
	if c.own == nil {
		return func() (string, []string) { return "", nil }
	}
	if c.JSON {
		out = io.Discard
	}
	var telling sync.WaitGroup
	var fallback string
	var refused []string
	log, id := o.Log, o.ConversationID
	begin := sync.OnceFunc(func() {
		telling.Go(func() {
			var err error
			if fallback, refused, err = c.own.said(ctx, id, out); err != nil && ctx.Err() == nil {
				fmt.Fprintf(out, "what the bot does cannot be shown: %v\n", err)
			}
		})
	})
	o.Log = func(e caller.Entry) {
		log(e)
		if e.Kind == caller.HalfClosed { // the host knows the call now
			begin()
		}
	}
	return func() (string, []string) {
		telling.Wait()
		return fallback, refused
	}
}

// authorsLog is the log of a host that nobody operates: of plugins from level info on, of the
// rest only what is wrong.
func authorsLog(out io.Writer) hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{
		Name: "byova-host", Output: out, Level: hclog.Warn, IndependentLevels: true,
		SubloggerHook: func(sub hclog.Logger) hclog.Logger {
			if strings.HasPrefix(sub.Name(), "byova-host.plugin.") {
				sub.SetLevel(hclog.Info)
			}
			return sub
		},
	})
}

// sharedWriter is written by several, a line at a time.
type sharedWriter struct {
	mu sync.Mutex
	to io.Writer
}

func (w *sharedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(p)
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
		return nil, errors.Join(err, os.RemoveAll(dir))
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
	log, all := authorsLog(os.Stderr), hclog.New(&hclog.LoggerOptions{Name: "byova-host", Output: os.Stderr, Level: hclog.Trace})
	warnOf(problems, log)
	settings.Shutdown = 2 * time.Second // the only call is over
	giveUp := ctx
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	unwatch := context.AfterFunc(giveUp, cancel)
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
	unwatch() // from now on the call ends first
	if err != nil {
		if err := stop(); err != nil {
			return nil, err
		}
		return nil, errors.New("call: the host ended before it took calls")
	}
	return &hostFor{admin: desk, addr: strings.TrimSpace(strings.TrimPrefix(line, "listening on ")), stop: stop}, nil
}
