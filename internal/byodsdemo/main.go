// Byodsdemo plays the journey of one customer, from the provider's login to a call with
// a real token, a renewal, and the customer who leaves: with byova-host as a person
// uses it, against a Webex in this process. It prints each step, and ends with status 1
// when one does not go as it should.
//
//	make build && go run ./internal/byodsdemo bin/byova-host bin/plugins/echo
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// limit is how long it all may take.
const limit = 2 * time.Minute

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: byodsdemo BYOVA-HOST PLUGIN")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1], os.Args[2], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "byodsdemo:", err)
		os.Exit(1)
	}
}

// run plays the journey in a directory that it removes.
func run(ctx context.Context, host, plugin string, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	dir, err := os.MkdirTemp("", "byods")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, path := range []*string{&host, &plugin} {
		if *path, err = filepath.Abs(*path); err != nil {
			return err
		}
	}
	j, err := begin(ctx, dir, host, plugin, out)
	if err != nil {
		return err
	}
	err = j.play(ctx)
	return j.end(err)
}
