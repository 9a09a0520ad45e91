package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/byova-host/byova-host/examples/speech"
	"github.com/byova-host/byova-host/internal/audio"
	"github.com/byova-host/byova-host/internal/caller"
)

type callCmd struct {
	Addr      string   `xor:"server" placeholder:"HOST:PORT" help:"The server to call (${listen})."`
	Plugin    string   `xor:"server" placeholder:"PATH" help:"Call this plugin instead, on a host that lives as long as the call."`
	Config    fileName `placeholder:"FILE" help:"With --plugin: the configuration of that host. Alone: a host with its plugins."`
	PluginLog string   `enum:"trace,debug,info,warn,error," default:"" placeholder:"LEVEL" help:"With --plugin or --config: level of the plugin's own log (info)."`

	Trace bool `help:"Show also what the bot does, as the host's admin API tells it: with its texts, if the host serves with --watch."`
	adminFlag

	Agent string `placeholder:"ID" help:"The virtual agent to ask for (the server's default one)."`
	Org   string `placeholder:"ID" help:"The customer organisation that calls (one that does not exist)."`

	Audio string `xor:"say" type:"existingfile" placeholder:"FILE.wav" help:"What the caller says, as WAV of any kind (a bundled sample)."`
	DTMF  string `name:"dtmf" xor:"say" placeholder:"DIGITS" help:"Keys that the caller presses instead: 0-9, A-D, * and #."`

	Script string            `xor:"say" placeholder:"FILE" help:"Run this call script instead: a file, or the name of a bundled one."`
	All    bool              `xor:"say" help:"Run all bundled call scripts and report on the server."`
	Set    map[string]string `mapsep:"none" placeholder:"NAME=VALUE" help:"Give a variable of the script another value."`
	JUnit  string            `name:"junit" placeholder:"FILE" help:"Write the report of --all as JUnit XML too."`

	Record string `placeholder:"OUT.wav" help:"Record the call: the caller left, the bot right."`
	JSON   bool   `name:"json" help:"Print JSON lines, the verdict last."`

	TLS       bool   `name:"tls" help:"Use TLS and trust the system's authorities. The next three imply it."`
	CA        string `name:"ca" type:"existingfile" placeholder:"FILE" help:"Trust the authorities in this PEM file instead."`
	Cert      string `and:"pair" type:"existingfile" placeholder:"FILE" help:"Present this certificate (PEM)."`
	Key       string `and:"pair" type:"existingfile" placeholder:"FILE" help:"The certificate's private key (PEM)."`
	TokenFile string `type:"existingfile" placeholder:"FILE" help:"Present the data source token in this file, read again for each RPC."`

	Calls    int           `default:"1" placeholder:"N" help:"Place up to so many calls at once, on a line each, and print a summary."`
	Rate     float64       `placeholder:"R" help:"So many calls are due in a second, whatever became of those before (one when a line's last has ended)."`
	Duration time.Duration `placeholder:"D" help:"Calls are due for so long (one call on each line)."`
	own      *hostFor      // of the call; nil: none

	Frame    time.Duration `placeholder:"D" help:"Caller audio in one message, 20ms to 200ms (as the script says, or 20ms)."`
	Limit    time.Duration `default:"60s" placeholder:"D" help:"End a call that takes longer (${default})."`
	Patience time.Duration `default:"40s" placeholder:"D" help:"Give an RPC up that is open for longer after its half-close and last message (${default})."`
}

// Help explains the command beyond its flags.
func (*callCmd) Help() string {
	return "Plays Webex against any BYOVA server: waits for the greeting, speaks or presses keys, waits for the answer and hangs up. " +
		"Prints what went over the wire, then which rules of the contract the server kept and broke. " +
		"Exit code 0 when no rule was broken, 1 when one was or the call could not be played to its end. " +
		"A script adds what it expects; one that had to be skipped exits with 1. " +
		"--all runs the bundled scripts, up to four at once, and probes the server."
}

// Run places the calls. An error means that not all was well with them, or that
// none could be placed; the output has the details.
func (c *callCmd) Run(ctx context.Context, out io.Writer) (err error) {
	if err := c.validate(); err != nil {
		return err
	}
	switch {
	case c.Plugin != "" || c.Config != "":
		if c.own, err = c.serveFor(ctx); err != nil {
			return err
		}
		c.Addr = c.own.addr
		defer func() { err = errors.Join(err, c.own.stop()) }()
	case c.Trace:
		desk, err := c.client()
		if err != nil {
			return err
		}
		c.own = &hostFor{admin: desk}
	}
	if c.Addr == "" {
		c.Addr = caller.DefaultAddr
	}
	return c.place(ctx, out)
}

// validate refuses flags that mean nothing together.
func (c *callCmd) validate() error {
	own := c.Plugin != "" || c.Config != ""
	switch {
	case c.Addr != "" && c.Config != "":
		return usageError{"call: --addr and --config: call a host that is there, or one of the call's own"}
	case c.Trace && (c.All || c.many()):
		return usageError{"call: --trace is for a single call"}
	case c.JUnit != "" && !c.All:
		return usageError{"call: --junit goes with --all"}
	case c.Record != "" && !c.All && c.many():
		return usageError{"call: --record is for a single call"}
	case c.Rate != 0 && !c.All && !c.many():
		return usageError{"call: --rate goes with --calls N, how many at once, or --duration D, for how long"}
	case own && (c.TLS || c.CA != "" || c.Cert != "" || c.TokenFile != ""):
		return usageError{"call: a host of the call's own has no TLS and asks for no token: leave --tls, --ca, --cert and --token-file out"}
	case !own && c.PluginLog != "":
		return usageError{"call: --plugin-log goes with --plugin or --config"}
	}
	o, err := c.options() // before anything is started
	if err != nil || c.All || !c.many() {
		return err
	}
	if err := c.loadOptions(o).Validate(); err != nil {
		return usageError{"call: " + err.Error()}
	}
	return nil
}

// many reports whether the calls are a load, of which a summary is all that is shown.
func (c *callCmd) many() bool { return c.Calls != 1 || c.Duration != 0 }

func (c *callCmd) loadOptions(o caller.Options) caller.LoadOptions {
	return caller.LoadOptions{Call: o, Calls: c.Calls, Rate: c.Rate, Duration: c.Duration}
}

// place places the calls.
func (c *callCmd) place(ctx context.Context, out io.Writer) error {
	o, err := c.options()
	if err != nil {
		return err
	}
	if c.All {
		return c.all(ctx, o, out)
	}
	if c.many() {
		return c.load(ctx, o, out)
	}
	return c.one(ctx, o, out)
}

// one places a single call and prints all about it.
func (c *callCmd) one(ctx context.Context, o caller.Options, out io.Writer) (err error) {
	if c.Record != "" { // before the call, which would be lost if this failed after it
		file, err := os.OpenFile(c.Record, os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return fmt.Errorf("record the call: %w", err)
		}
		file.Close()
		o.Record = true
	}
	timeline := caller.NewTimeline(out)
	switch {
	case c.JSON:
		timeline = caller.NewJSONLines(out)
	case c.own != nil:
		shared := &sharedWriter{to: out}
		out, timeline = shared, caller.NewTimeline(shared)
	}
	o.ConversationID = caller.NewConversationID()
	o.Log = timeline.Log
	told := c.tell(ctx, &o, out)
	result, err := caller.Run(ctx, o)
	fallback, refused := told()
	if err != nil {
		return fmt.Errorf("call: %w", err)
	}
	if err := timeline.Close(); err != nil {
		return fmt.Errorf("print the call: %w", err)
	}
	if c.Record != "" {
		if err := os.WriteFile(c.Record, result.Recording, 0o600); err != nil {
			return fmt.Errorf("record the call: %w", err)
		}
	}
	show := result.Print
	if c.JSON {
		show = result.PrintJSON
	}
	if err := show(out); err != nil {
		return fmt.Errorf("print the verdict: %w", err)
	}
	if err := c.addenda(out, refused); err != nil {
		return fmt.Errorf("print the verdict: %w", err)
	}
	if fallback != "" && c.Script == "" { // which may want it so
		return fmt.Errorf("call: the host took the call from the bot: %s", fallback)
	}
	return verdict(result)
}

// addenda says what no rule is about: what the bot wanted in vain, and where the recording is.
func (c *callCmd) addenda(out io.Writer, refused []string) (err error) {
	if c.JSON {
		return nil
	}
	if len(refused) > 0 {
		_, err = fmt.Fprintf(out, "REFUSED  %s of the bot, the first: %s\n", plural(len(refused), "command"), cell(refused[0]))
	}
	if c.Record != "" && err == nil {
		_, err = fmt.Fprintf(out, "recorded %s: the caller left, the bot right\n", c.Record)
	}
	return err
}

// verdict is nil when all was well.
func verdict(r *caller.Result) error {
	switch {
	case r.OK() && r.Skipped == "":
		return nil
	case r.OK():
		return fmt.Errorf("call: skipped: %s", r.Skipped)
	}
	var bad []string
	for _, f := range r.Verdict.With(caller.Broken) {
		bad = append(bad, f.Rule)
	}
	if n := len(r.Unmet); n > 0 && r.Failure == nil {
		return fmt.Errorf("call: %d expectations were not met, the first: %v", n, r.Unmet[0])
	}
	switch broken := strings.Join(bad, ", "); {
	case r.Failure == nil:
		return fmt.Errorf("call: the server broke %s", broken)
	case broken == "" && errors.Is(r.Failure, caller.ErrUnreached):
		return fmt.Errorf("call: %w: start a host there with byova-host serve, or call a plugin with --plugin PATH", r.Failure)
	case broken == "":
		return fmt.Errorf("call: %w", r.Failure)
	default:
		return fmt.Errorf("call: %w; the server broke %s", r.Failure, broken)
	}
}

// load places many calls and prints a summary.
func (c *callCmd) load(ctx context.Context, o caller.Options, out io.Writer) error {
	summary, err := caller.Load(ctx, c.loadOptions(o))
	if err != nil {
		return fmt.Errorf("call: %w", err)
	}
	show := summary.Print
	if c.JSON {
		show = summary.PrintJSON
	}
	if err := show(out); err != nil {
		return fmt.Errorf("print the summary: %w", err)
	}
	return notWell(summary, ctx.Err() != nil)
}

// notWell says what was not well with a load, which may have been stopped; nil when all was.
func notWell(s *caller.Summary, stopped bool) error {
	var what []string
	if n := s.Failed(); n > 0 {
		what = append(what, fmt.Sprintf("%d of %d calls were not ok", n, s.Calls))
	}
	if n := s.NotBegun(); n > 0 {
		what = append(what, fmt.Sprintf("%d of %d calls that were due were not begun, because no line was free", n, s.Due))
	}
	if stopped {
		what = append(what, "stopped with "+plural(s.CutOff, "call")+" under way")
	}
	if len(what) == 0 {
		return nil
	}
	return fmt.Errorf("call: %s", strings.Join(what, "; "))
}

// options turns the flags into a call.
func (c *callCmd) options() (caller.Options, error) {
	if c.Limit <= 0 {
		return caller.Options{}, usageError{fmt.Sprintf("call: --limit %v: want more than nothing", c.Limit)}
	}
	if c.Patience <= 0 {
		return caller.Options{}, usageError{fmt.Sprintf("call: --patience %v: want more than nothing", c.Patience)}
	}
	o := caller.Options{Addr: c.Addr, Agent: c.Agent, Org: c.Org, Limit: c.Limit, Limits: caller.Limits{Complete: c.Patience}}
	o, err := c.steps(o)
	if err != nil {
		return o, err
	}
	if c.Frame != 0 {
		if c.Frame < 20*time.Millisecond || c.Frame > 200*time.Millisecond || c.Frame%time.Millisecond != 0 {
			return o, usageError{fmt.Sprintf("call: --frame %v: want whole milliseconds, 20ms to 200ms", c.Frame)}
		}
		o.FrameMillis = int(c.Frame.Milliseconds())
	}
	if err := o.Validate(); err != nil {
		return o, usageError{"call: " + err.Error()}
	}
	if o.TLS, err = c.tlsConfig(); err != nil {
		return o, err
	}
	if c.TokenFile != "" {
		o.Token = c.token
	}
	return o, nil
}

// steps are what the caller does.
func (c *callCmd) steps(o caller.Options) (caller.Options, error) {
	switch {
	case len(c.Set) > 0 && c.Script == "" && !c.All:
		return o, usageError{"call: --set goes with --script or --all"}
	case c.All: // each script has its own
		return o, nil
	case c.Script != "":
		return c.script(o)
	}
	say, err := c.say()
	o.Steps = []caller.Step{caller.WaitAnswer(), say, caller.WaitAnswer(), caller.HangUp()}
	return o, err
}

// say is what the caller does between the greeting and hanging up.
func (c *callCmd) say() (caller.Step, error) {
	if c.DTMF != "" {
		return caller.Press(c.DTMF), nil
	}
	name, file := "the bundled sample", speech.Hello
	if c.Audio != "" {
		var err error
		if file, err = os.ReadFile(c.Audio); err != nil {
			return caller.Step{}, usageError{fmt.Sprintf("call: read what to say: %v", err)}
		}
		name = c.Audio
	}
	wav, err := audio.ParseWAV(file)
	if err != nil {
		return caller.Step{}, usageError{fmt.Sprintf("call: say %s: %v", name, err)}
	}
	muLaw, err := wav.MuLaw8k()
	if err != nil {
		return caller.Step{}, usageError{fmt.Sprintf("call: say %s: %v", name, err)}
	}
	return caller.Say(muLaw), nil
}

// tlsConfig is nil for a call without TLS.
func (c *callCmd) tlsConfig() (*tls.Config, error) {
	if !c.TLS && c.CA == "" && c.Cert == "" {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CA != "" {
		pem, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, usageError{fmt.Sprintf("call: read the authorities: %v", err)}
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, usageError{fmt.Sprintf("call: --ca %s: no PEM certificate in it", c.CA)}
		}
	}
	if c.Cert != "" {
		pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
		if err != nil {
			return nil, usageError{fmt.Sprintf("call: load --cert %s and --key %s: %v", c.Cert, c.Key, err)}
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// token reads the file anew, because tokens are renewed while calls are up.
func (c *callCmd) token(context.Context) (string, error) {
	b, err := os.ReadFile(c.TokenFile)
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(b))
	if token == "" {
		return "", fmt.Errorf("%s is empty", c.TokenFile)
	}
	return strings.TrimPrefix(token, "Bearer "), nil
}
