//go:build unix

package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"

	"github.com/byova-host/byova-host/host/metrics"
	"github.com/byova-host/byova-host/host/rpc"
	"github.com/byova-host/byova-host/host/session"
	"github.com/byova-host/byova-host/host/supervisor"
	"github.com/byova-host/byova-host/internal/byods/jws"
	"github.com/byova-host/byova-host/internal/byods/webextest"
	"github.com/byova-host/byova-host/internal/heapfloor"
	"github.com/byova-host/byova-host/internal/pluginwire/wire"
	"github.com/byova-host/byova-host/internal/rundir"
	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
)

// answers says who answers the calls of a server.
type answers string

const (
	bare     answers = "bare"
	inHost   answers = "in_host"
	byPlugin answers = "plugin"
)

// The kinds of server there are beside the three.
type extras struct {
	TLS       bool // on the way of the calls
	Tokens    bool // are verified
	Detection bool // of speech, by the host
	Metrics   bool
}

// address is how a server is reached, as its process prints it.
type address struct {
	Addr          string
	Host, Plugin  string // sockets of control; Plugin is empty without one
	Authorization string // metadata that it wants
	Certificate   string // PEM; empty: no TLS
}

// serve is a server in a process of its own. It ends with its standard input.
func serve(ctx context.Context) error {
	by := flag.String("by", "", "bare, in_host or plugin")
	var e extras
	flag.BoolVar(&e.TLS, "tls", false, "")
	flag.BoolVar(&e.Tokens, "tokens", false, "")
	flag.BoolVar(&e.Detection, "detection", false, "")
	flag.BoolVar(&e.Metrics, "metrics", false, "")
	flag.Parse()
	heapfloor.Set(heapfloor.OfHost) // as byova-host does
	dir, err := rundir.Make()
	if err != nil {
		return err
	}
	err = serveIn(ctx, dir.Path, answers(*by), e)
	return errors.Join(err, dir.Remove())
}

func serveIn(ctx context.Context, dir string, by answers, e extras) (err error) {
	s := &server{dir: dir, at: address{Host: filepath.Join(dir, "host")}}
	defer func() { s.stop(ctx) }()
	if by == bare {
		s.echo()
	} else if err := s.sessions(ctx, by, e); err != nil {
		return err
	}
	if err := startControl(s.at.Host, map[string]func(context.Context) error{"swap": s.swap, "kill": s.kill}); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	var serving sync.WaitGroup
	defer serving.Wait()
	defer s.end()
	serving.Go(func() {
		if err := s.run(l); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
	})
	s.at.Addr = l.Addr().String()
	if err := json.NewEncoder(os.Stdout).Encode(s.at); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// server is what a process serves.
type server struct {
	dir     string
	at      address
	plugins *supervisor.Supervisor // nil: none
	calls   *session.Sessions      // nil: bare
	run     func(net.Listener) error
	end     func()
}

// echo makes it the bare handler.
func (s *server) echo() {
	server := grpc.NewServer(grpc.InitialConnWindowSize(1<<20), grpc.InitialWindowSize(1<<20))
	mediav1.RegisterVoiceVirtualAgentServer(server, bareHandler{})
	s.run, s.end = server.Serve, server.Stop
}

// sessions makes it a host.
func (s *server) sessions(ctx context.Context, by answers, e extras) (err error) {
	calls := session.DefaultSettings()
	calls.Input.NoInput, calls.GreetingBargeIn = 0, true
	config := session.Config{Log: quiet(), Calls: &calls}
	if e.Metrics {
		config.Observer = metrics.New(func() []metrics.Plugin { return nil }, nil)
	}
	options := rpc.Options{}
	if e.TLS {
		if err := s.secure(&options); err != nil {
			return err
		}
	}
	if e.Tokens {
		s.verify(&options)
	}
	var running sync.WaitGroup // handlers
	var agents session.Agents = inMemory{e.Detection, &running}
	if by == byPlugin {
		if s.plugins, err = s.startPlugin(ctx, e); err != nil {
			return err
		}
		agents = s.plugins
	}
	s.calls = session.New(agents, config)
	server := options.NewServer(s.calls, quiet())
	s.run, s.end = server.Serve, func() {
		s.calls.Stop()
		limited, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		server.Stop(limited)
		running.Wait()
	}
	return nil
}

func (s *server) startPlugin(ctx context.Context, e extras) (*supervisor.Supervisor, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s.at.Plugin = filepath.Join(s.dir, "plugin")
	return supervisor.Start(ctx, supervisor.Config{
		Plugins: []supervisor.Plugin{{
			Name: "bench", Path: self, Swap: supervisor.Move,
			Settings: map[string]any{"control": s.at.Plugin, "detection": e.Detection},
		}},
		Dir: s.dir, Log: quiet(), HostVersion: "bench",
	})
}

// secure has the server speak TLS.
func (s *server) secure(o *rpc.Options) error {
	own, err := wire.NewCertificate()
	if err != nil {
		return err
	}
	o.TLS = &tls.Config{Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS12}
	s.at.Certificate = wire.CertificatePEM(own)
	return nil
}

// org calls; its tokens are those that count.
const org = "7ecad38e-ba3f-4107-8de2-a7e6a73e6ea9"

// registered is the one data source.
type registered struct{ jws.DataSource }

func (r registered) DataSources(string) []jws.DataSource { return []jws.DataSource{r.DataSource} }

// verify has the server verify the token of each RPC.
func (s *server) verify(o *rpc.Options) {
	webex := webextest.New(webextest.Config{})
	source := jws.DataSource{ID: "source", Schema: "schema", URL: "https://bots.example.com:443", Audience: "audience", Subject: "subject",
		Nonces: []jws.Nonce{{Value: "nonce"}}}
	now := time.Now()
	s.at.Authorization = "Bearer " + webex.Sign(map[string]any{
		"iss": webex.Issuer(), "aud": source.Audience, "sub": source.Subject, "jti": "nonce",
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		"com.cisco.datasource.url": source.URL, "com.cisco.datasource.schema.uuid": source.Schema, "com.cisco.org.uuid": org,
	}, nil)
	o.Verifier = verifier{jws.New(jws.Config{Issuers: []string{webex.Issuer()}, Registry: registered{source}, HTTP: webex.Transport()})}
}

// verifier allows the organisation of the token.
type verifier struct{ tokens *jws.Verifier }

func (v verifier) Verify(ctx context.Context, token string) (rpc.Permit, error) {
	identity, err := v.tokens.Verify(ctx, token)
	return func(id string) error {
		if id != identity.Org {
			return errors.New("another organisation")
		}
		return nil
	}, err
}

// swap puts a new process of the plugin in the place of the one that runs, and
// moves the calls.
func (s *server) swap(ctx context.Context) error {
	_, err := s.plugins.Restart(ctx, "bench", supervisor.SwapOptions{})
	return err
}

// kill ends the plugin's process without a word.
func (s *server) kill(context.Context) error {
	return syscall.Kill(s.plugins.Status()[0].Pid, syscall.SIGKILL)
}

func (s *server) stop(ctx context.Context) {
	if s.plugins != nil {
		s.plugins.Stop(ctx)
	}
}

func quiet() hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{Level: hclog.Error, Output: os.Stderr})
}

// bareHandler echoes in the gRPC handler itself.
type bareHandler struct {
	mediav1.UnimplementedVoiceVirtualAgentServer
}

// ProcessCallerInput implements mediav1.VoiceVirtualAgentServer.
func (bareHandler) ProcessCallerInput(st grpc.BidiStreamingServer[mediav1.VoiceVARequest, mediav1.VoiceVAResponse]) error {
	for {
		q, err := st.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		frame := q.GetAudioInput().GetCallerAudio()
		if q.GetEventInput().GetEventType() == mediav1.EventInput_SESSION_START && q.GetEventInput() != nil {
			frame = greeting
		}
		if len(frame) == 0 {
			continue
		}
		err = st.Send(&mediav1.VoiceVAResponse{
			ResponseType: mediav1.VoiceVAResponse_CHUNK, Prompts: []*mediav1.Prompt{{AudioContent: frame}},
		})
		if err != nil {
			return err
		}
	}
}
