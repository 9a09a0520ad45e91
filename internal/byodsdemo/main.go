// Byodsdemo plays the journey of one customer, from the provider's login to a call with
// a real token, a renewal, and the customer who leaves: with byova-host as a person
// uses it, against a Webex in this process. It prints each step, and ends with status 1
// when one does not go as it should.
//
//	make build && go run ./internal/byodsdemo bin/byova-host bin/plugins/echo
//
// With the directory of an example it plays the steps of that one instead:
//
//	go run ./internal/byodsdemo bin/byova-host bin/plugins/echo examples/webhook-handler
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// limit is how long it all may take.
const limit = 2 * time.Minute

func main() {
	if len(os.Args) != 3 && len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: byodsdemo BYOVA-HOST PLUGIN [EXAMPLE]")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1], os.Args[2], strings.Join(os.Args[3:], ""), os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "byodsdemo:", err)
		os.Exit(1)
	}
}

// run plays the journey, or an example if there is one, in a directory that it removes.
func run(ctx context.Context, host, plugin, example string, out io.Writer) error {
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
	if example != "" {
		return playExample(ctx, dir, host, plugin, example, out)
	}
	j, err := begin(ctx, dir, host, plugin, out)
	if err != nil {
		return err
	}
	err = j.play(ctx)
	return j.end(err)
}
