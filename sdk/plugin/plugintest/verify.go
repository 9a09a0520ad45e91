package plugintest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/byova-host/byova-host/host/supervisor"
	"github.com/byova-host/byova-host/internal/pluginwire"
	"github.com/byova-host/byova-host/internal/rundir"
)

// verifyLimit is how long a bot may owe an answer to Verify. A host waits longer.
const verifyLimit = 10 * time.Second

// VerifyOptions say how a program is verified.
type VerifyOptions struct {
	// Settings are the plugin's, as for Options.
	Settings map[string]any
	// Agent is the ID of the virtual agent that is called; empty: the first.
	Agent string
	// Log gets what the plugin and the host log; nil: nobody.
	Log io.Writer
}

// Outcome is what became of a check.
type Outcome string

// The outcomes of a check.
const (
	Kept    Outcome = "kept"
	Broken  Outcome = "broken"
	Skipped Outcome = "skipped" // it does not apply to this plugin, or could not be tried
)

// Check is one demand of the contract and what became of it.
type Check struct {
	Name    string   `json:"name"` // of the demand, for example "answers keys"
	Outcome Outcome  `json:"outcome"`
	Why     []string `json:"why,omitempty"` // what was wrong, or why it was skipped
}

// Report is what Verify has found.
type Report struct {
	Path    string        `json:"path"`
	Name    string        `json:"name"` // as the plugin says
	Version string        `json:"version"`
	SDK     string        `json:"sdk"`
	Checks  []Check       `json:"checks"`
	Took    time.Duration `json:"-"`
}

// OK reports that no check was broken.
func (r *Report) OK() bool {
	for _, c := range r.Checks {
		if c.Outcome == Broken {
			return false
		}
	}
	return true
}

// Conform fails the test for each demand of the contract that the plugin at path does not
// keep; see Verify. It runs the plugin's processes in real time, for about 20 s.
func Conform(t *testing.T, path string, options ...VerifyOptions) {
	t.Helper()
	var o VerifyOptions
	if len(options) > 0 {
		o = options[0]
	}
	if o.Log == nil {
		o.Log = t.Output()
	}
	report, err := Verify(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range report.Checks {
		t.Run(c.Name, func(t *testing.T) {
			switch c.Outcome {
			case Broken:
				t.Error(strings.Join(c.Why, "\n"))
			case Skipped:
				t.Skip(strings.Join(c.Why, "\n"))
			}
		})
	}
}

// Verify holds a plugin, the program at that path, against the contract that a host has with
// it, and reports what it kept: it runs it on hosts of its own and calls one virtual agent,
// whose bot may owe an answer for 10 s; a host waits for longer. It returns
// when nothing of that is left, soon after ctx has ended. The error says why nothing could
// be tried: ctx has ended, or the plugin does not offer VerifyOptions.Agent.
func Verify(ctx context.Context, program string, o VerifyOptions) (_ *Report, err error) {
	path, err := filepath.Abs(program)
	if err != nil {
		return nil, fmt.Errorf("verify %s: %w", program, err)
	}
	dir, err := rundir.Make() // sockets are in it, whose paths are short
	if err != nil {
		return nil, fmt.Errorf("verify %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, dir.Remove()) }()
	v := newVerifier(path, dir.Path, o)
	began := time.Now()
	report := &Report{Path: path}
	if err = v.learn(ctx, report); err == nil && report.OK() {
		report.Checks = append(report.Checks, v.all(ctx)...)
	}
	report.Took = time.Since(began)
	if o.Log != nil {
		_, _ = io.WriteString(o.Log, v.output.String())
	}
	if err != nil {
		return nil, fmt.Errorf("verify %s: %w", path, err)
	}
	return report, ctx.Err()
}

// verifier verifies one plugin.
type verifier struct {
	path, name, dir string
	options         VerifyOptions
	log             hclog.Logger
	output          output
	traits          traits
}

func newVerifier(path, dir string, o VerifyOptions) *verifier {
	v := &verifier{path: path, name: strings.TrimSuffix(filepath.Base(path), ".exe"), dir: dir, options: o}
	v.log = hclog.New(&hclog.LoggerOptions{Name: "host", Output: &v.output, Level: hclog.Trace})
	return v
}

// launch starts a process of the plugin.
func (v *verifier) launch(ctx context.Context) (*pluginwire.Process, error) {
	return v.launchWith(ctx, v.options.Settings)
}

func (v *verifier) launchWith(ctx context.Context, settings map[string]any) (*pluginwire.Process, error) {
	return pluginwire.Launch(ctx, pluginwire.Config{
		Name: v.name, Path: v.path, Settings: settings, HostVersion: "plugintest", Dir: v.dir,
		Log: v.log, LogLevel: hclog.Trace,
	})
}

// host starts a host with the plugin.
func (v *verifier) host(ctx context.Context, t tester) (*Host, error) {
	h := &Host{t: t, calling: ctx, path: v.path, log: v.log, answerWithin: verifyLimit}
	err := h.startIn(ctx, v.dir, supervisor.Plugin{
		Name: v.name, Settings: v.options.Settings, LogLevel: hclog.Trace,
		CrashWait: verifyLimit, // what is verified is the plugin, not how busy the machine is
	})
	if err != nil {
		h.stop()
		return nil, err
	}
	return h, nil
}

// all tries every check, several at a time.
func (v *verifier) all(ctx context.Context) []Check {
	done := make([]Check, len(checks))
	free := make(chan struct{}, 8*runtime.NumCPU())
	var trying sync.WaitGroup
	for i, c := range checks {
		trying.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			done[i] = v.try(ctx, c)
		})
	}
	trying.Wait()
	return done
}

// try tries one check, in a goroutine of its own that a failure ends.
func (v *verifier) try(ctx context.Context, c check) Check {
	t := &trial{ctx: ctx}
	if why := v.exempt(c); why != "" {
		return Check{Name: c.name, Outcome: Skipped, Why: []string{why}}
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		c.try(v, t)
	}()
	<-over
	return t.verdict(c.name)
}

// trial is what a check is told on; it is a tester.
type trial struct {
	ctx context.Context

	mu      sync.Mutex
	why     []string
	skipped string
}

func (t *trial) Helper()                  {}
func (t *trial) Context() context.Context { return t.ctx }

func (t *trial) Errorf(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.why = append(t.why, strings.TrimPrefix(fmt.Sprintf(format, args...), "plugintest: "))
}

// Fatalf ends the goroutine of the check.
func (t *trial) Fatalf(format string, args ...any) {
	t.Errorf(format, args...)
	runtime.Goexit()
}

func (t *trial) skip(format string, args ...any) {
	t.mu.Lock()
	t.skipped = fmt.Sprintf(format, args...)
	t.mu.Unlock()
	runtime.Goexit()
}

func (t *trial) verdict(name string) Check {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case len(t.why) > 0:
		return Check{name, Broken, t.why}
	case t.skipped != "":
		return Check{name, Skipped, []string{t.skipped}}
	default:
		return Check{Name: name, Outcome: Kept}
	}
}

// output is a log that several write.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
