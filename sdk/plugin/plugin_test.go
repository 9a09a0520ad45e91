package plugin

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/byova-host/byova-host/internal/pluginwire/wire"
	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

func TestDescribe(t *testing.T) {
	turn := HandlerFunc(func(context.Context, Turn, *Reply) error { return nil })
	hear := func(context.Context, *Call, AudioInputEvent) error { return nil }
	const (
		utterances = pluginv1.DescribeResponse_AUDIO_UTTERANCES
		all        = pluginv1.DescribeResponse_AUDIO_ALL
		none       = pluginv1.DescribeResponse_AUDIO_NONE
		stateless  = pluginv1.DescribeResponse_RESUME_STATELESS
		fallback   = pluginv1.DescribeResponse_RESUME_NONE
	)
	for _, test := range []struct {
		name   string
		plugin Plugin
		audio  pluginv1.DescribeResponse_AudioWanted
		resume pluginv1.DescribeResponse_Resume
	}{
		{"turn function", Plugin{Handler: turn}, utterances, stateless},
		{"turn functions with state", Plugin{Handler: Turns(func(*Call) HandlerFunc { return turn })}, utterances, fallback},
		{"events", Plugin{Handler: Events{}}, utterances, fallback},
		{"events that hear", Plugin{Handler: Events{AudioInput: hear}}, all, fallback},
		{"a pointer to events", Plugin{Handler: &Events{AudioInput: hear}}, all, fallback},
		{"primitive", Plugin{Handler: CallFunc(nil)}, all, fallback},
		{"as the author says", Plugin{Handler: CallFunc(nil), Audio: AudioNone}, none, fallback},
		{"as the author says, too", Plugin{Handler: turn, Audio: AudioAll}, all, stateless},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := test.plugin.withDefaults()
			d := p.describe()
			if d.Audio != test.audio || d.Resume != test.resume || d.Endpointing != pluginv1.DescribeResponse_ENDPOINTING_HOST {
				t.Errorf("description = %v", d)
			}
			if len(p.Agents) != 1 || p.Agents[0].ID != d.Name || d.Name == "" {
				t.Errorf("name %q, agents %v", d.Name, p.Agents)
			}
		})
	}
}

func TestListAgents(t *testing.T) {
	p := Plugin{Handler: CallFunc(nil), ListAgents: func(_ context.Context, org string) ([]Agent, error) {
		if org == "" {
			return nil, errors.New("catalogue is down")
		}
		return []Agent{{ID: org + "-1"}}, nil
	}}
	with(t, p, func(t *testing.T, h *fakeHost) {
		got, err := h.client.ListAgents(t.Context(), &pluginv1.ListAgentsRequest{Org: "acme"})
		if err != nil || len(got.Agents) != 1 || got.Agents[0].Id != "acme-1" || got.Agents[0].Name != "acme-1" {
			t.Errorf("ListAgents = %v, %v", got, err)
		}
		_, err = h.client.ListAgents(t.Context(), &pluginv1.ListAgentsRequest{})
		if err == nil || !strings.Contains(err.Error(), "list agents: catalogue is down") {
			t.Errorf("ListAgents = %v", err)
		}
	})
}

func TestConfigure(t *testing.T) {
	type settings struct {
		Voice struct {
			Language string `json:"language"`
			Rate     int    `json:"rate"`
		} `json:"voice"`
	}
	decode := func(_ context.Context, s Settings) error { return s.Decode(new(settings)) }
	for _, test := range []struct {
		name      string
		configure func(context.Context, Settings) error
		settings  map[string]any
		want      string
	}{
		{"none wanted, none given", nil, nil, ""},
		{"none wanted", nil, map[string]any{"b": 1, "a": 2}, "a: this plugin takes no settings; b: this plugin takes no settings"},
		{"right", decode, map[string]any{"voice": map[string]any{"language": "de", "rate": 3}}, ""},
		{"unknown", decode, map[string]any{"voices": 1}, "voices: is not a setting of this plugin"},
		{"of the wrong kind", decode, map[string]any{"voice": map[string]any{"rate": "x"}}, "voice.rate: is a string, must be a int"},
		{"any other error", func(context.Context, Settings) error { return errors.New("no network") }, nil, ": no network"},
		{"joined", func(context.Context, Settings) error {
			return errors.Join(&FieldError{"a", "bad"}, errors.New("worse"), &FieldError{"b", "worst"})
		}, nil, "a: bad; : worse; b: worst"},
		{"panic", func(context.Context, Settings) error { panic("oh") }, nil, "rpc error: code = Internal desc = panic: oh"},
	} {
		t.Run(test.name, func(t *testing.T) {
			with(t, Plugin{Handler: CallFunc(nil), Configure: test.configure}, func(t *testing.T, h *fakeHost) {
				fields, err := structpb.NewStruct(test.settings)
				if err != nil {
					t.Fatal(err)
				}
				resp, err := h.client.Configure(t.Context(), &pluginv1.ConfigureRequest{Settings: fields})
				var said []string
				for _, e := range resp.GetErrors() {
					said = append(said, e.Field+": "+e.Message)
				}
				if err != nil {
					said = append(said, err.Error())
				}
				if got := placeless(strings.Join(said, "; ")); got != test.want {
					t.Errorf("errors = %s, want %s", got, test.want)
				}
				if _, err := h.client.Configure(t.Context(), &pluginv1.ConfigureRequest{}); err == nil {
					t.Error("a second Configure was taken")
				}
			})
		})
	}
}

func TestRunByHand(t *testing.T) {
	out, err := exec.Command(os.Args[0], "serve").CombinedOutput()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.ExitCode() != 1 || !strings.Contains(string(out), "byova-host serve --verify-tokens=false --plugin") {
		t.Errorf("run by hand: %v, %s", err, out)
	}
}

// process is a plugin that runs, as its host sees it.
type process struct {
	*exec.Cmd
	network, address string
	stdin            io.Closer
	stdout           io.Reader
	stderr           bytes.Buffer
	tls              *tls.Config
}

func startProcess(t *testing.T) *process {
	t.Helper()
	certificate, err := wire.NewCertificate()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{Cmd: exec.Command(os.Args[0], "serve")}
	p.tls = &tls.Config{Certificates: []tls.Certificate{certificate}, InsecureSkipVerify: true}
	p.Env = append(os.Environ(), wire.CookieKey+"="+wire.CookieValue, "PLUGIN_PROTOCOL_VERSIONS=1",
		"PLUGIN_UNIX_SOCKET_DIR="+t.TempDir(), wire.ClientCertEnv+"="+wire.CertificatePEM(certificate))
	if p.stdin, err = p.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if p.stdout, err = p.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	p.Stderr = &p.stderr
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 4096)
	n, err := p.stdout.Read(line)
	fields := strings.Split(string(line[:n]), "|")
	if err != nil || len(fields) != 6 || len(fields[5]) < 300 {
		t.Fatalf("handshake = %s, %v, want one with a certificate", line[:n], err)
	}
	p.network, p.address = fields[2], fields[3]
	return p
}

// A host that dies closes the plugin's standard input and does nothing else. A
// signal ends the plugin neither before nor after.
func TestProcessEndsWithItsHost(t *testing.T) {
	p := startProcess(t)
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		if err := p.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		conn, err := tls.Dial(p.network, p.address, p.tls)
		if err != nil {
			t.Fatalf("after %v: %v", signal, err)
		}
		conn.Close()
	}
	p.stdin.Close()
	if err := p.Wait(); err != nil {
		t.Errorf("the process ended with %v", err)
	}
}

// TestLastWords: what a bot prints just before its end is not lost.
func TestLastWords(t *testing.T) {
	p := startProcess(t)
	conn, err := grpc.NewClient("passthrough:///plugin", grpc.WithTransportCredentials(credentials.NewTLS(p.tls)),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, p.network, p.address)
		}))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client := pluginv1.NewPluginClient(conn)
	if _, err := client.Describe(t.Context(), &pluginv1.DescribeRequest{}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Configure(t.Context(), &pluginv1.ConfigureRequest{}); err == nil {
		t.Error("the process did not end")
	}
	words, err := io.ReadAll(p.stdout)
	if err != nil {
		t.Error(err)
	}
	exit, ok := errors.AsType[*exec.ExitError](p.Wait())
	if !ok || exit.ExitCode() != 3 {
		t.Errorf("the process ended with %v", exit)
	}
	if got := string(words) + p.stderr.String(); !strings.Contains(got, "last words\n") || !strings.Contains(got, "last complaint\n") {
		t.Errorf("the host heard %q", got)
	}
}
