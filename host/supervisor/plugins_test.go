//go:build unix

package supervisor

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	goplugin "github.com/hashicorp/go-plugin"
	"go.uber.org/goleak"
	"google.golang.org/grpc"

	"github.com/byova-host/byova-host/internal/pluginwire/wire"
	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

// The test binary is every plugin of the tests as well: a script runs it with what
// it is to be.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "bot" {
		var b bot
		if err := json.Unmarshal([]byte(os.Args[2]), &b); err != nil {
			panic(err)
		}
		b.serve()
		return
	}
	if len(os.Args) == 2 && os.Args[1] == "poison" {
		servePoison()
		return
	}
	goleak.VerifyTestMain(m)
}

// stderr is the process's own: go-plugin puts another in its place, which loses what is
// written just before the end.
var stderr = os.Stderr

// bot is a plugin of the tests. It says its version and what it resumed in each
// call, and then does what the keys say.
type bot struct {
	Version  string
	Agents   []string
	Private  map[string][]string // agents of some organisations alone
	State    uint32
	Reads    []uint32
	Resume   pluginv1.DescribeResponse_Resume
	Fixed    bool // not movable
	Rate     uint32
	DiesIf   string // a file: it dies at its start while that is there
	HangsIf  string // a file: it hangs at its start while that is there
	Probe    string // what it does in the probe call: dies, fails or hangs
	Pids     string // a file to which it adds its number
	Settings string // it wants
	pluginv1.UnimplementedPluginServer
}

// file makes a script of its own that runs the bot.
func (b bot) file(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	b.write(t, path)
	return path
}

func (b bot) write(t *testing.T, path string) {
	t.Helper()
	what, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("#!/bin/sh\nGORACE=atexit_sleep_ms=0 exec '%s' bot '%s'\n", os.Args[0], what)
	_ = os.Remove(path)
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
}

func (b *bot) serve() {
	signal.Ignore(syscall.SIGTERM)
	if b.Pids != "" {
		f, err := os.OpenFile(b.Pids, os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o600)
		if err != nil {
			panic(err)
		}
		fmt.Fprintln(f, os.Getpid())
		f.Close()
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	if exists(b.HangsIf) {
		time.Sleep(time.Hour)
	}
	if exists(b.DiesIf) {
		fmt.Fprintln(os.Stderr, "no licence")
		os.Exit(3)
	}
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig: wire.Handshake(), VersionedPlugins: wire.Plugins(b), GRPCServer: goplugin.DefaultGRPCServer,
	})
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return path != "" && err == nil
}

func (b *bot) Describe(context.Context, *pluginv1.DescribeRequest) (*pluginv1.DescribeResponse, error) {
	return &pluginv1.DescribeResponse{
		Name: "bot", Version: b.Version, StateVersion: b.State, ReadsStateVersions: b.Reads,
		Resume: b.Resume, Movable: !b.Fixed, ResumeRate: b.Rate,
	}, nil
}

func (b *bot) Configure(_ context.Context, r *pluginv1.ConfigureRequest) (*pluginv1.ConfigureResponse, error) {
	if got := r.GetSettings().AsMap()["voice"]; b.Settings != "" && got != b.Settings {
		return &pluginv1.ConfigureResponse{Errors: []*pluginv1.FieldError{{Field: "voice", Message: "no such voice"}}}, nil
	}
	return &pluginv1.ConfigureResponse{}, nil
}

func (b *bot) ListAgents(_ context.Context, r *pluginv1.ListAgentsRequest) (*pluginv1.ListAgentsResponse, error) {
	list := &pluginv1.ListAgentsResponse{}
	for _, id := range append(b.Agents, b.Private[r.GetOrg()]...) {
		list.Agents = append(list.Agents, &pluginv1.Agent{Id: id, Name: id})
	}
	return list, nil
}

func (b *bot) Attach(rpc grpc.BidiStreamingServer[pluginv1.EventBatch, pluginv1.CommandBatch]) error {
	var mu sync.Mutex
	send := func(c *pluginv1.Command) {
		mu.Lock()
		defer mu.Unlock()
		_ = rpc.Send(&pluginv1.CommandBatch{Commands: []*pluginv1.Command{c}})
	}
	for {
		batch, err := rpc.Recv()
		if err != nil {
			return nil
		}
		for _, e := range batch.Events {
			b.handle(e, send)
		}
	}
}

func (b *bot) handle(e *pluginv1.Event, send func(*pluginv1.Command)) {
	say := func(text string) {
		send(&pluginv1.Command{Call: e.Call, Body: &pluginv1.Command_Custom{Custom: &pluginv1.CustomEvent{Name: text}}})
	}
	switch body := e.Body.(type) {
	case *pluginv1.Event_Ping:
		send(&pluginv1.Command{Body: &pluginv1.Command_Pong{Pong: &pluginv1.Pong{Id: body.Ping.Id}}})
	case *pluginv1.Event_Start:
		b.start(e.Call, body.Start, send, say)
	case *pluginv1.Event_Dtmf:
		obey(body.Dtmf.Digits, say)
	case *pluginv1.Event_End:
		fmt.Fprintln(stderr, "end", body.End.Reason)
	}
}

func (b *bot) start(call uint64, s *pluginv1.Start, send func(*pluginv1.Command), say func(string)) {
	if s.GetProbe() {
		switch b.Probe {
		case "dies":
			os.Exit(9)
		case "fails":
			send(&pluginv1.Command{Call: call, Body: &pluginv1.Command_Failed{Failed: &pluginv1.Failed{
				Message: "panic: nil map", Stack: "goroutine 1\nmain.answer()"}}})
			return
		case "hangs":
			return
		}
	}
	send(&pluginv1.Command{Call: call, Body: &pluginv1.Command_Accepted{Accepted: &pluginv1.Accepted{}}})
	said := "v" + b.Version
	if r := s.GetResume(); r != nil {
		said += fmt.Sprintf(" resumed %q/%d", r.GetState(), r.GetStateVersion())
	}
	say(said)
}

// obey does what the keys say: "die" now, or after a while, as in "die 300ms".
func obey(keys string, say func(string)) {
	word, after, _ := strings.Cut(keys, " ")
	switch word {
	case "die":
		d, _ := time.ParseDuration(after)
		time.AfterFunc(d, func() { os.Exit(7) })
	default:
		say(keys)
	}
}
