// Byova-host runs voice bots for Webex Contact Center as plugins.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/byova-host/byova-host/host/config"
)

// The exit codes that scripts may rely on.
const (
	exitFailed = 1
	exitUsage  = 2
)

// commands are all commands of the program.
type commands struct {
	Serve       serveCmd       `cmd:"" help:"Take calls from Webex and hand them to plugins."`
	Call        callCmd        `cmd:"" help:"Place a call as Webex does, and judge the server by it."`
	Plugins     pluginsCmd     `cmd:"" help:"See and change the plugins of a running host."`
	New         newCmd         `cmd:"" help:"Write a new plugin: a bot that answers at once."`
	Calls       callsCmd       `cmd:"" help:"See the calls of a running host."`
	Check       checkCmd       `cmd:"" help:"Say all that is wrong with a configuration file."`
	Auth        authCmd        `cmd:"" help:"The integration's authorisation at Webex."`
	Orgs        orgsCmd        `cmd:"" help:"The customers' organisations."`
	Webhooks    webhooksCmd    `cmd:"" help:"Where Webex tells of customers."`
	Datasources datasourcesCmd `cmd:"" help:"The data sources that Webex calls."`
	Schemas     schemasCmd     `cmd:"" help:"The contracts that a data source may have."`
	Token       tokenCmd       `cmd:"" help:"Tokens that Webex presents."`
	Store       storeCmd       `cmd:"" help:"The records of all this."`
	Version     versionCmd     `cmd:"" help:"Print the version."`
}

func main() { os.Exit(mainCode()) }

// mainCode is the program, for the tests that are the program as well.
func mainCode() int {
	stop, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	return run(stop, os.Args[1:], os.Stdout, os.Stderr)
}

// run carries one command line out and returns its exit code.
func run(stop context.Context, args []string, stdout, stderr io.Writer) int {
	exited := -1 // set when the parser has answered by itself, as to --help
	parser, err := kong.New(&commands{},
		kong.Name("byova-host"),
		kong.Description("The voice runtime for Webex Contact Center's bring-your-own virtual agent."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { exited = code }),
		kong.UsageOnError(),
		kong.Vars{"listen": config.Default().Listen},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		fmt.Fprintln(stderr, "byova-host:", err)
		return exitFailed
	}
	command, err := parser.Parse(args)
	if exited >= 0 {
		return exited
	}
	if err != nil {
		fmt.Fprintf(stderr, "byova-host: %v\nTry: byova-host --help\n", err)
		return exitUsage
	}
	command.BindTo(stop, (*context.Context)(nil))
	command.BindTo(stdout, (*io.Writer)(nil))
	switch err := command.Run(); {
	case err == nil:
		return 0
	case errors.As(err, new(usageError)):
		fmt.Fprintln(stderr, "byova-host:", err)
		return exitUsage
	default:
		fmt.Fprintln(stderr, "byova-host:", err)
		return exitFailed
	}
}

// usageError is a mistake in the command line that the parser cannot see.
type usageError struct{ what string }

func (e usageError) Error() string { return e.what }
