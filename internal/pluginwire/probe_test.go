//go:build unix

package pluginwire_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/byova-host/byova-host/internal/pluginwire"
	"github.com/byova-host/byova-host/internal/pluginwire/wire"
	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
	"github.com/byova-host/byova-host/sdk/plugin"
)

// trial is a bot that greets as its second argument says.
func trial() {
	plugin.Plugin{Name: "trial", Agents: []plugin.Agent{{ID: "one"}}, Handler: trials[os.Args[2]]}.Serve()
}

var trials = map[string]plugin.Handler{
	"answers":   turn(func(*plugin.Reply) error { return nil }),
	"transfers": turn(func(r *plugin.Reply) error { return r.Transfer("x") }),
	"ends":      turn(func(r *plugin.Reply) error { return r.End() }),
	"fails":     turn(func(*plugin.Reply) error { return errors.New("no licence") }),
	"panics":    turn(func(*plugin.Reply) error { panic("no licence") }),
	"exits":     turn(func(*plugin.Reply) error { os.Exit(3); return nil }),
	"plays": plugin.CallFunc(func(ctx context.Context, call *plugin.Call) error {
		audio := plugin.Audio{Data: make([]byte, 800)}
		return errors.Join(call.Play(ctx, audio, plugin.PromptOptions{}), listen(ctx, call))
	}),
	"custom": plugin.CallFunc(func(ctx context.Context, call *plugin.Call) error {
		return errors.Join(call.Custom(1, "x", nil), listen(ctx, call))
	}),
	"listens": plugin.CallFunc(listen),
	"fails late": plugin.CallFunc(func(_ context.Context, call *plugin.Call) error {
		time.Sleep(100 * time.Millisecond) // as one that asks a server first
		return errors.New("no licence")
	}),
}

func turn(answer func(*plugin.Reply) error) plugin.Handler {
	return plugin.HandlerFunc(func(_ context.Context, _ plugin.Turn, r *plugin.Reply) error { return answer(r) })
}

func listen(ctx context.Context, call *plugin.Call) error {
	for {
		if _, err := call.Next(ctx); err != nil {
			return nil
		}
	}
}

// muteServer answers pings, and says on stderr what it hears.
type muteServer struct{ limitedServer }

func (*muteServer) Attach(rpc grpc.BidiStreamingServer[pluginv1.EventBatch, pluginv1.CommandBatch]) error {
	for {
		batch, err := rpc.Recv()
		if err != nil {
			return nil
		}
		for _, e := range batch.Events {
			if ping := e.GetPing(); ping != nil {
				pong := &pluginv1.Command{Body: &pluginv1.Command_Pong{Pong: &pluginv1.Pong{Id: ping.Id}}}
				if err := rpc.Send(&pluginv1.CommandBatch{Commands: []*pluginv1.Command{pong}}); err != nil {
					return err
				}
			} else if e.Call != 0 {
				fmt.Fprintf(os.Stderr, "heard %d %T probe=%t\n", e.Seq, e.Body, e.GetStart().GetProbe())
			}
		}
	}
}

func mute() {
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig: wire.Handshake(), VersionedPlugins: wire.Plugins(&muteServer{}),
		GRPCServer: goplugin.DefaultGRPCServer,
	})
}

func TestProbe(t *testing.T) {
	for _, test := range []struct {
		bot  string
		want []string // of the error; none: it passes
	}{
		{"answers", nil},
		{"transfers", nil},
		{"ends", nil},
		{"custom", nil},
		{"plays", nil},
		{"listens", nil},
		{"fails", []string{`probe call to agent "one": it failed: answer turn 1: no licence`}},
		{"fails late", []string{"it failed: no licence"}},
		{"panics", []string{"it failed: panic: no licence", "probe_test.go"}},
		{"exits", []string{`plugin "trial" ended: exit status 3`}},
	} {
		t.Run(test.bot, func(t *testing.T) {
			l := newLauncher(t)
			config := l.config("trial")
			config.Args = append(config.Args, test.bot)
			p, err := pluginwire.Launch(t.Context(), config)
			if err != nil {
				t.Fatal(err)
			}
			defer stop(t, p)
			err = p.Probe(t.Context(), "one")
			if (err == nil) != (test.want == nil) {
				t.Fatalf("Probe = %v, want %q", err, test.want)
			}
			for _, text := range test.want {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("Probe = %v, want %q", err, text)
				}
			}
		})
	}
}

func TestProbeOfAMuteBot(t *testing.T) {
	l := newLauncher(t)
	p := l.start(t, "mute")
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := p.Probe(ctx, "one"); err == nil || !strings.Contains(err.Error(), "was not accepted in time") {
		t.Errorf("Probe = %v", err)
	}
	why := errors.New("the host stops")
	given, giveUp := context.WithCancelCause(t.Context())
	giveUp(why)
	if err := p.Probe(given, "one"); !errors.Is(err, why) {
		t.Errorf("Probe = %v, want %v", err, why)
	}
	l.log.until(t, "Event_End")
	heard := l.log.String()
	for _, text := range []string{
		"heard 1 *pluginv1.Event_Start probe=true", "heard 2 *pluginv1.Event_TurnStarted",
		"heard 3 *pluginv1.Event_InputEnded", "heard 4 *pluginv1.Event_End",
	} {
		i := strings.Index(heard, text)
		if i < 0 {
			t.Fatalf("the bot did not hear %q in its place", text)
		}
		heard = heard[i:]
	}
}
