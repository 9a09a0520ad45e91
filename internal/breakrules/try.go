package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// row is one change that breaks a rule.
type row struct {
	rule string
	pkg  string // directory of the test
	test string // which must fail
	what string // the change breaks, in a few words
	file string // to change
	old  string // is in the file exactly once
	new  string
	also []edit // of the same file, where one does not do
}

type edit struct{ old, new string }

// apply makes the change in the source of its file.
func (r row) apply(source string) (string, error) {
	for _, e := range append([]edit{{r.old, r.new}}, r.also...) {
		switch n := strings.Count(source, e.old); {
		case e.old == "" || n == 0:
			return "", fmt.Errorf("%s no longer has the text %q: mend the row", r.file, e.old)
		case n > 1:
			return "", fmt.Errorf("%s has the text %q %d times: make it longer", r.file, e.old, n)
		}
		source = strings.Replace(source, e.old, e.new, 1)
	}
	return source, nil
}

// breaker tries rows on the module at root.
type breaker struct {
	root    string
	workers int
	out     io.Writer

	mu sync.Mutex // guards out
}

var (
	errFails    = errors.New("the test fails without any change")
	errSurvived = errors.New("the test did not notice")
	errNoBuild  = errors.New("the change does not compile")
	errNoTest   = errors.New("there is no such test")
)

// tryAll tries the rows, tells of each and counts the bad ones. The error says
// why nothing could be tried.
func (b *breaker) tryAll(ctx context.Context, rows []row) (bad int, err error) {
	failing, err := b.failing(ctx, rows)
	if err != nil {
		return 0, err
	}
	dir, err := os.MkdirTemp("", "breakrules")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	results := make([]error, len(rows))
	next := make(chan int)
	var all sync.WaitGroup
	for range b.workers {
		all.Go(func() {
			for i := range next {
				if results[i] = errFails; !failing[rows[i].test] {
					results[i] = b.try(ctx, filepath.Join(dir, fmt.Sprint(i)), rows[i])
				}
				b.tell(rows[i], results[i])
			}
		})
	}
	for i := range rows {
		next <- i
	}
	close(next)
	all.Wait()
	for _, err := range results {
		if err != nil {
			bad++
		}
	}
	return bad, ctx.Err()
}

// failing runs the tests of all rows without a change, and returns those that
// fail anyway, which proves nothing.
func (b *breaker) failing(ctx context.Context, rows []row) (map[string]bool, error) {
	tests := map[string][]string{}
	for _, r := range rows {
		if !slices.Contains(tests[r.pkg], r.test) {
			tests[r.pkg] = append(tests[r.pkg], r.test)
		}
	}
	failing := map[string]bool{}
	for pkg, names := range tests {
		out, err := b.goTest(ctx, pkg, "^("+strings.Join(names, "|")+")$")
		if err == nil {
			continue
		}
		before := len(failing)
		for _, name := range names {
			if verdict(name, out, err) == nil {
				failing[name] = true
			}
		}
		if len(failing) == before {
			return nil, fmt.Errorf("the tests of %s do not run: %w\n%s", pkg, err, tail(out))
		}
	}
	return failing, nil
}

// tell prints what became of a row.
func (b *breaker) tell(r row, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		fmt.Fprintf(b.out, "BAD %-4s %s: %s: %v\n", r.rule, r.test, r.what, err)
		return
	}
	fmt.Fprintf(b.out, "ok  %-4s %s\n", r.rule, r.what)
}

// try makes the change of a row below dir and runs its test, which must fail.
func (b *breaker) try(ctx context.Context, dir string, r row) error {
	path := filepath.Join(b.root, filepath.FromSlash(r.file))
	source, err := os.ReadFile(path) //nolint:gosec // rows are ours
	if err != nil {
		return err
	}
	changed, err := r.apply(string(source))
	if err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	copied, overlay := filepath.Join(dir, filepath.Base(path)), filepath.Join(dir, "overlay.json")
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {path: copied}})
	if err != nil {
		return err
	}
	if err := os.WriteFile(copied, []byte(changed), 0o600); err != nil { //nolint:gosec // rows are ours
		return err
	}
	if err := os.WriteFile(overlay, replace, 0o600); err != nil {
		return err
	}
	out, err := b.goTest(ctx, r.pkg, "^"+r.test+"$", "-overlay", overlay)
	return verdict(r.test, out, err)
}

// verdict says what the output of go test, which ended with err, means.
func verdict(test, out string, err error) error {
	failed := regexp.MustCompile(`(?m)^--- FAIL: ` + regexp.QuoteMeta(test) + `\b`)
	switch {
	case strings.Contains(out, "[build failed]") || strings.Contains(out, "[setup failed]"):
		return fmt.Errorf("%w:\n%s", errNoBuild, tail(out))
	case strings.Contains(out, "no tests to run"):
		return errNoTest
	case err == nil:
		return errSurvived
	case failed.MatchString(out):
		return nil
	default:
		return fmt.Errorf("go test ended otherwise: %w\n%s", err, tail(out))
	}
}

// goTest runs tests of a package. It asks for no race detector and no vet, which
// have had their turn.
func (b *breaker) goTest(ctx context.Context, pkg, tests string, flags ...string) (string, error) {
	args := append([]string{"test", "-vet=off", "-count=1", "-timeout=60s", "-run", tests}, flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, "./"+pkg)...) //nolint:gosec // rows are ours
	cmd.Dir = b.root
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

// tail is the end of an output, short enough to read.
func tail(out string) string {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}
