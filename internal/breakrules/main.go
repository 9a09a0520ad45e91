package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "breakrules:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("breakrules", flag.ContinueOnError)
	only := flags.String("run", "", "only the changes of this `rule`, such as R11")
	workers := flags.Int("workers", runtime.NumCPU(), "how many to try at the same time")
	if err := flags.Parse(args); err != nil {
		return err
	}
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	rows := rowsOf(*only)
	if len(rows) == 0 {
		return fmt.Errorf("no change for rule %q: want one of R1 to R63, or R10a", *only)
	}
	began := time.Now()
	b := breaker{root: root, out: out, workers: max(1, *workers)}
	bad, err := b.tryAll(ctx, rows)
	if err != nil {
		return err
	}
	rules := map[string]bool{}
	for _, r := range rows {
		rules[r.rule] = true
	}
	fmt.Fprintf(out, "%d changes of %d rules in %v: %d noticed, %d not\n",
		len(rows), len(rules), time.Since(began).Round(time.Second), len(rows)-bad, bad)
	if bad > 0 {
		return fmt.Errorf("%d changes were not noticed by their tests, or could not be tried", bad)
	}
	return nil
}

func rowsOf(rule string) (chosen []row) {
	for _, r := range table() {
		if rule == "" || r.rule == rule {
			chosen = append(chosen, r)
		}
	}
	return chosen
}

// moduleRoot is the directory of go.mod, here or above.
func moduleRoot() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no go.mod in %s or above: run it inside the repository", start)
		}
	}
}
