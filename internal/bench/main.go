//go:build unix

package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/byova-host/byova-host/internal/pluginwire/wire"
)

func main() {
	if os.Getenv(wire.CookieKey) == wire.CookieValue {
		servePlugin()
		return
	}
	run := measureAll
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		run = serve
		os.Args = append(os.Args[:1], os.Args[2:]...)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// measureAll is the program as a person starts it.
func measureAll(ctx context.Context) error {
	only := flag.String("only", "", "measure only this: "+scenarioNames())
	full := flag.Bool("full", false, "take all the time that the figures in docs/performance need: a quarter of an hour, with nothing else on the machine")
	soak := flag.Duration("soak", 0, "watch the memory of calls for so long")
	write := flag.String("write", "", "with -full: write table and plot into this directory")
	baseline := flag.String("baseline", "", "compare with the ratios in this file")
	record := flag.String("record", "", "write the ratios into this file, to be compared with")
	profile := flag.String("profile", "", "write profiles of the servers into this directory, with -only relay, calls or growth")
	flag.Parse()
	b := &bench{ctx: ctx, results: &results{out: os.Stdout}, effort: short, profiles: *profile}
	if *full {
		b.effort = long
	}
	if *soak > 0 {
		return b.soak(*soak)
	}
	if *profile != "" {
		if err := os.MkdirAll(*profile, 0o750); err != nil {
			return err
		}
	}
	began := time.Now()
	if err := b.run(*only); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "bench: %v\n", time.Since(began).Round(time.Second))
	if *write != "" {
		if err := b.write(*write); err != nil {
			return err
		}
	}
	if *record != "" {
		if err := b.results.record(*record); err != nil {
			return err
		}
	}
	if *baseline == "" {
		return nil
	}
	return b.results.compare(*baseline, *only != "")
}
