//go:build unix

package pluginwire_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	goplugin "github.com/hashicorp/go-plugin"
	"go.uber.org/goleak"
	"google.golang.org/grpc"

	"github.com/byova-host/byova-host/internal/pluginwire"
	"github.com/byova-host/byova-host/internal/pluginwire/wire"
	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
	"github.com/byova-host/byova-host/sdk/plugin"
)

// The test binary is every plugin of the tests as well: the first argument says
// which, because a plugin gets no variables of ours.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		if run := plugins[os.Args[1]]; run != nil {
			run()
			return
		}
	}
	goleak.VerifyTestMain(m)
}

var plugins = map[string]func(){
	"plugin-good":       func() { serve() },
	"plugin-settings":   func() { serve() },
	"plugin-exits":      func() { fmt.Fprintln(os.Stderr, "no licence file"); os.Exit(3) },
	"plugin-panics":     func() { panic("no licence file") },
	"plugin-garbage":    func() { fmt.Println("hello, this is no handshake " + strings.Repeat("x", 1000)) },
	"plugin-prattles":   func() { fmt.Println("ready to serve"); forever() },
	"plugin-silent":     func() { hang() },
	"plugin-closes":     func() { os.Stdout.Close(); hang() },
	"plugin-version":    func() { handshake("2", "unix", "/none"); hang() },
	"plugin-netrpc":     func() { fmt.Println("1|1|unix|/none|netrpc|"); hang() },
	"plugin-plain":      func() { fmt.Println("1|1|unix|/none|grpc|"); hang() },
	"plugin-unanswered": unanswered,
	"plugin-liar":       func() { handshake("1", "unix", "/none"); os.Exit(4) },
	"plugin-noservice":  noService,
	"plugin-chatty":     func() { fmt.Print("starting... 3"); serve() },
	"plugin-stdout":     func() { go write(os.Stdout, 20*time.Millisecond); serve() },
	"plugin-stderr":     func() { go write(os.Stderr, 20*time.Millisecond); serve() },
	"plugin-stdouts":    func() { go write(os.Stdout, 0); serve() },
	"plugin-stderrs":    func() { go write(os.Stderr, 0); serve() },
	"plugin-drowns":     func() { write(os.Stderr, 0) },
	"plugin-family":     func() { family(&syscall.SysProcAttr{Setsid: true}) },
	"plugin-kin":        func() { family(nil) },
	"plugin-leaks":      func() { go leak(); serve() },
	"plugin-leaks-soon": func() { leak() },
	"plugin-leaky-kin":  func() { kin("plugin-leaks-soon"); serve() },
	"plugin-files":      files,
	"plugin-deaf":       func() { serveConfigured(func(context.Context, plugin.Settings) error { forever(); return nil }) },
	"plugin-limited":    func() { limited(goplugin.DefaultGRPCServer) },
	"plugin-narrow":     func() { limited(narrow) },
	"plugin-duplex":     func() { plugin.Serve(plugin.CallFunc(duplex)) },
	"plugin-trial":      trial,
	"plugin-mute":       mute,
	"plugin-host":       host,
	"plugin-env":        func() { fmt.Fprintln(os.Stderr, strings.Join(append(os.Args[:1:1], os.Environ()...), " ")); os.Exit(1) },
}

func hang() { _, _ = io.Copy(io.Discard, os.Stdin); forever() }

// forever does nothing. Not select{}: a process of which every goroutine waits
// for nothing ends by itself.
func forever() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGCONT)
	for range signals {
	}
}

func handshake(version, network, address string) {
	certificate, err := wire.NewCertificate()
	if err != nil {
		panic(err)
	}
	fmt.Printf("1|%s|%s|%s|grpc|%s\n", version, network, address,
		base64.RawStdEncoding.EncodeToString(certificate.Certificate[0]))
}

// unanswered takes the connection and says nothing on it.
func unanswered() {
	path := filepath.Join(os.Getenv("PLUGIN_UNIX_SOCKET_DIR"), "s")
	if _, err := net.Listen("unix", path); err != nil {
		panic(err)
	}
	handshake("1", "unix", path)
	forever()
}

type nothing struct {
	goplugin.NetRPCUnsupportedPlugin
}

func (nothing) GRPCServer(*goplugin.GRPCBroker, *grpc.Server) error { return nil }
func (nothing) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, nil
}

// noService is a plugin of go-plugin, but of another program. It leaves the
// certificates to go-plugin, as a plugin in another language may.
func noService() {
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig:  wire.Handshake(),
		VersionedPlugins: map[int]goplugin.PluginSet{1: {wire.SetName: nothing{}}},
		GRPCServer:       goplugin.DefaultGRPCServer,
	})
}

// limitedServer takes two calls a stream. It answers each call's start with the
// number of the stream.
type limitedServer struct {
	pluginv1.UnimplementedPluginServer
	streams atomic.Int64
}

func (*limitedServer) Describe(context.Context, *pluginv1.DescribeRequest) (*pluginv1.DescribeResponse, error) {
	return &pluginv1.DescribeResponse{Name: "limited", MaxCallsPerStream: 2}, nil
}

func (*limitedServer) Configure(context.Context, *pluginv1.ConfigureRequest) (*pluginv1.ConfigureResponse, error) {
	return &pluginv1.ConfigureResponse{}, nil
}

func (*limitedServer) ListAgents(context.Context, *pluginv1.ListAgentsRequest) (*pluginv1.ListAgentsResponse, error) {
	return &pluginv1.ListAgentsResponse{}, nil
}

func (s *limitedServer) Attach(rpc grpc.BidiStreamingServer[pluginv1.EventBatch, pluginv1.CommandBatch]) error {
	number := s.streams.Add(1)
	for {
		batch, err := rpc.Recv()
		if err != nil {
			return nil
		}
		answers := &pluginv1.CommandBatch{}
		for _, e := range batch.Events {
			c := &pluginv1.Command{Call: e.Call}
			if ping := e.GetPing(); ping != nil {
				c.Body = &pluginv1.Command_Pong{Pong: &pluginv1.Pong{Id: ping.Id}}
			} else {
				c.Body = &pluginv1.Command_Custom{Custom: &pluginv1.CustomEvent{Name: fmt.Sprint("stream ", number)}}
			}
			if e.GetDtmf() != nil {
				return nil // ends the stream with its calls on it
			}
			answers.Commands = append(answers.Commands, c)
		}
		if err := rpc.Send(answers); err != nil {
			return err
		}
	}
}

func limited(server func([]grpc.ServerOption) *grpc.Server) {
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig: wire.Handshake(), VersionedPlugins: wire.Plugins(&limitedServer{}), GRPCServer: server,
	})
}

// narrow is a server that has no more than six streams, of which go-plugin takes two
// and the host one.
func narrow(options []grpc.ServerOption) *grpc.Server {
	return goplugin.DefaultGRPCServer(append(options, grpc.MaxConcurrentStreams(6)))
}

// host is a host that the test kills. It says its plugin's number.
func host() {
	path, err := os.Executable()
	if err != nil {
		panic(err)
	}
	p, err := pluginwire.Launch(context.Background(), pluginwire.Config{
		Name: "orphan", Path: path, Args: []string{"plugin-family"}, Dir: os.Args[2],
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(p.Pid(), p.Agents()[0].Id)
	forever()
}

// write writes 300 KB to a file that the process began with, again and again.
func write(f *os.File, pause time.Duration) {
	line := []byte(strings.Repeat("x", 100) + "\n")
	long := []byte(strings.Repeat("y", 200<<10))
	for {
		for range 1000 {
			f.Write(line)
		}
		f.Write(long)
		time.Sleep(pause)
	}
}

// family leaves a child behind that holds stderr open.
func family(attributes *syscall.SysProcAttr) {
	child := exec.Command("sleep", "1000")
	child.Stderr = os.Stderr
	child.SysProcAttr = attributes
	if err := child.Start(); err != nil {
		panic(err)
	}
	serveAgents([]plugin.Agent{{ID: fmt.Sprint(child.Process.Pid)}})
}

// kin starts another of these plugins as its own.
func kin(name string) {
	if err := exec.Command(os.Args[0], name).Start(); err != nil {
		panic(err)
	}
}

// leak takes 200 MiB a second until it is ended.
func leak() {
	var held [][]byte
	for i := 0; ; i++ {
		held = append(held, bytes.Repeat([]byte{1}, 10<<20))
		held[i/2][0]++
		time.Sleep(50 * time.Millisecond)
	}
}

// files says how many files it may open, and what is left when it has them all.
func files() {
	bot(nil, func(context.Context, plugin.Settings) error {
		var opened []*os.File
		for {
			f, err := os.Open(os.DevNull)
			if err != nil {
				fmt.Fprintln(os.Stderr, "opened", len(opened), err)
				break
			}
			opened = append(opened, f)
		}
		for _, f := range opened {
			f.Close()
		}
		return nil
	}).Serve()
}

func serve()                                                         { serveAgents([]plugin.Agent{{ID: "one"}, {ID: "two", Name: "Second"}}) }
func serveAgents(agents []plugin.Agent)                              { bot(agents, configure).Serve() }
func serveConfigured(c func(context.Context, plugin.Settings) error) { bot(nil, c).Serve() }

func bot(agents []plugin.Agent, configure func(context.Context, plugin.Settings) error) plugin.Plugin {
	return plugin.Plugin{
		Name: "tester", Version: "1.2.3", Agents: agents, Configure: configure,
		Audio: plugin.AudioAll, Handler: plugin.CallFunc(obey),
	}
}

func configure(_ context.Context, settings plugin.Settings) error {
	var want struct {
		Voice string `json:"voice"`
		Speed int    `json:"speed"`
	}
	if err := settings.Decode(&want); err != nil {
		return err
	}
	if want.Voice == "none" {
		return errors.Join(&plugin.FieldError{Field: "voice", Message: "no such voice"},
			&plugin.FieldError{Field: "speed", Message: "too slow"})
	}
	return nil
}

// obey plays the caller's audio back, and does what the keys say.
func obey(ctx context.Context, call *plugin.Call) error {
	for {
		event, err := call.Next(ctx)
		if err != nil {
			return nil
		}
		switch e := event.(type) {
		case plugin.AudioInputEvent:
			if err := call.Play(ctx, e.Audio, plugin.PromptOptions{}); err != nil {
				return err
			}
		case plugin.DTMFInputEvent:
			switch e.Digits {
			case "1":
				return errors.New("as the caller wished")
			case "2":
				panic("as the caller wished")
			case "3":
				fmt.Println("printed by the author")
				call.Log().Warn("logged by the author", "count", 7)
			case "4":
				burst(call)
			case "5":
				fmt.Fprintln(os.Stderr, "dying now")
				syscall.Kill(os.Getpid(), syscall.SIGKILL)
			case "9":
				go func() { panic("outside of a call") }()
			case "6":
				call.Custom(0, "bad \xff", nil)
			}
			call.Custom(0, "did "+e.Digits, nil)
		}
	}
}

// duplex plays the caller's audio back in one prompt, as a bridge does.
func duplex(ctx context.Context, call *plugin.Call) error {
	prompt, err := call.Stream(ctx, plugin.Format{}, plugin.PromptOptions{})
	if err != nil {
		return err
	}
	for {
		event, err := call.Next(ctx)
		if err != nil {
			return nil
		}
		if e, ok := event.(plugin.AudioInputEvent); ok {
			if _, err := prompt.Write(e.Audio.Data); err != nil {
				return err
			}
		}
	}
}

// burst sends many commands at once and says when the last one is on its way.
func burst(call *plugin.Call) {
	for i := range 500 {
		if err := call.Custom(0, fmt.Sprint(i), nil); err != nil {
			return
		}
	}
}
