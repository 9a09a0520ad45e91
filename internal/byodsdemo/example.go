package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// playExample plays the steps of an example: its host.yaml as it is, and in its steps a
// line each of
//
//	# a comment
//	$ byova-host ...     a command, which must go well; one that serves runs on to the end
//	shows ...            what the command before printed must have these words
//	! CODE byova-host call ...
//	                     a call that must be refused with that status
//	log ...              waits until the host's log has these words
//	webex authorize      the customer's administrator authorises the service app
//	webex deauthorize    ... and takes it back
//	webex token          Webex makes a token for the customer's data source, in the file token
//	webex portal         the developer portal shows a refresh token, in the file refresh-token
//
// and whatever else, which is printed. In commands ORG is the customer, ADDR where the host
// serves and EXAMPLES the directory above the example.
func playExample(ctx context.Context, dir, binary, plugin, example string, out io.Writer) error {
	j, hooks, err := newJourney(ctx, dir, binary, out)
	if err != nil {
		return err
	}
	config, err := os.ReadFile(filepath.Join(example, "host.yaml")) //nolint:gosec // whoever plays an example names it
	if err != nil {
		return j.end(err)
	}
	steps, err := os.ReadFile(filepath.Join(example, "steps")) //nolint:gosec // as above
	if err != nil {
		return j.end(err)
	}
	if err := j.write(map[string]string{"host.yaml": string(config)}); err != nil {
		return err
	}
	examples, err := filepath.Abs(filepath.Dir(filepath.Clean(example)))
	if err != nil {
		return j.end(err)
	}
	j.env = append(j.env, j.variables()...)
	j.env = append(j.env, "BOT="+plugin)
	if strings.Contains(string(config), "webhook:") { // who has the URL needs the rest
		j.env = append(j.env, "WEBEX_WEBHOOK_TARGET_URL=http://"+hooks+"/webex/events", "WEBHOOK_LISTEN="+hooks)
	}
	for line := range strings.Lines(string(steps)) {
		line = strings.TrimSpace(line)
		if err := j.step(ctx, line, examples); err != nil {
			return j.end(fmt.Errorf("%s: %w", line, err))
		}
	}
	return j.end(nil)
}

// variables are what an example finds in its environment, as those of the provider are.
func (j *journey) variables() []string {
	known := j.webex.Config()
	return []string{
		"WEBEX_API=" + j.webex.API(), "WEBEX_ISSUER=" + j.webex.Issuer(),
		"WEBEX_INTEGRATION_CLIENT_ID=" + known.IntegrationID, "WEBEX_INTEGRATION_CLIENT_SECRET=" + known.IntegrationSecret,
		"WEBEX_INTEGRATION_REDIRECT_URI=" + known.RedirectURI,
		"WEBEX_SA_CLIENT_ID=" + known.ServiceAppID, "WEBEX_SA_CLIENT_SECRET=" + known.ServiceAppSecret,
		"WEBEX_MEDIA_PORT=0", "XDG_RUNTIME_DIR=" + j.dir, // for the admin API's socket
	}
}

// step does what a line says.
func (j *journey) step(ctx context.Context, line, examples string) error {
	if strings.HasPrefix(line, "#") {
		return nil
	}
	if words, ok := strings.CutPrefix(line, "log "); ok && j.host != nil {
		return j.host.log.await(ctx, words)
	}
	if args, ok := strings.CutPrefix(line, "$ byova-host "); ok {
		return j.do(ctx, j.arguments(args, examples))
	}
	if call, ok := strings.CutPrefix(line, "! "); ok {
		code, args, _ := strings.Cut(call, " byova-host ")
		return j.refuse(ctx, code, j.arguments(args, examples))
	}
	if words, ok := strings.CutPrefix(line, "shows "); ok {
		if !strings.Contains(j.printed.String(), words) {
			return fmt.Errorf("the command printed something else:\n%s", j.printed.String())
		}
		return nil
	}
	switch line {
	case "webex authorize":
		return j.webex.Authorize(ctx, customer)
	case "webex deauthorize":
		return j.webex.Deauthorize(ctx, customer)
	case "webex token":
		return j.write(map[string]string{"token": j.webex.Present(j.webex.DataSourceOf(customer))})
	case "webex portal":
		return j.write(map[string]string{"refresh-token": j.webex.PortalRefreshToken(customer)})
	}
	fmt.Fprintln(j.out, line)
	return nil
}

// arguments are those of a command of an example.
func (j *journey) arguments(text, examples string) (args []string) {
	addr := ""
	if j.host != nil {
		addr = j.host.addr
	}
	put := strings.NewReplacer("ORG", customer, "ADDR", addr, "EXAMPLES", examples)
	for arg := range strings.FieldsSeq(text) {
		args = append(args, put.Replace(arg))
	}
	return args
}

// do runs a command of an example.
func (j *journey) do(ctx context.Context, args []string) (err error) {
	switch args[0] {
	case "serve":
	case "call":
		printed, err := j.run(ctx, args)
		if err != nil {
			return fmt.Errorf("%w:\n%s", err, printed)
		}
		_, verdict, _ := strings.Cut(printed, "\nverdict  ")
		fmt.Fprint(j.out, "    ", verdict)
		return nil
	default:
		return j.converse(ctx, j.browser, args...)
	}
	j.host, err = startHost(ctx, j.binary, j.dir, j.env, args...)
	if err == nil {
		fmt.Fprintf(j.out, "  $ byova-host %s\n    listening on %s\n", strings.Join(args, " "), j.host.addr)
	}
	return err
}

// refuse places a call that must be refused with a status.
func (j *journey) refuse(ctx context.Context, code string, args []string) error {
	printed, err := j.run(ctx, args)
	if err == nil || !strings.Contains(printed, code) {
		return fmt.Errorf("the call was not refused as %s:\n%s", code, printed)
	}
	fmt.Fprintf(j.out, "    refused: %s\n", code)
	return nil
}

// run runs a command and shows it alone.
func (j *journey) run(ctx context.Context, args []string) (printed string, err error) {
	fmt.Fprintf(j.out, "  $ byova-host %s\n", strings.Join(args, " "))
	cmd := exec.CommandContext(ctx, j.binary, args...) //nolint:gosec // the program under show
	cmd.Dir, cmd.Env = j.dir, j.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}
