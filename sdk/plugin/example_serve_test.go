package plugin_test

import (
	"context"
	"fmt"
	"net"
	"os"

	"github.com/byova-host/byova-host/sdk/plugin"
)

// A program that serves its bot itself, where a host is to find it: for such as
// byova-host serve --plugin unix:///run/user/1000/bot.sock.
func ExamplePlugin_ServeOn() {
	bot := plugin.Plugin{Name: "bot", Handler: plugin.HandlerFunc(func(_ context.Context, _ plugin.Turn, reply *plugin.Reply) error {
		return reply.Say("Welcome.")
	})}
	l, err := net.Listen("unix", os.Getenv("XDG_RUNTIME_DIR")+"/bot.sock")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := bot.ServeOn(context.Background(), l); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
