package main

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/byova-host/byova-host/internal/audio"
	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
)

// keysOnly is a virtual agent that greets with nothing, asks for keys and ends
// the call when it has some. Against it a call takes a second.
type keysOnly struct {
	mediav1.UnimplementedVoiceVirtualAgentServer
	token string // required when not empty
	mute  bool   // leaves the input configuration out
	meet  func() // called for each call; may be nil
}

func (k *keysOnly) ProcessCallerInput(s grpc.BidiStreamingServer[mediav1.VoiceVARequest, mediav1.VoiceVAResponse]) error {
	md, _ := metadata.FromIncomingContext(s.Context())
	if got := strings.Join(md.Get("authorization"), ","); k.token != "" && got != "Bearer "+k.token {
		return status.Errorf(codes.Unauthenticated, "token of %d bytes is not mine", len(got))
	}
	first, err := s.Recv()
	if err != nil {
		return err
	}
	if k.meet != nil && first.GetEventInput().GetEventType() == mediav1.EventInput_SESSION_START {
		k.meet()
	}
	for err == nil {
		_, err = s.Recv()
	}
	if !errors.Is(err, io.EOF) {
		return err
	}
	switch {
	case first.GetDtmfInput() != nil:
		return s.Send(&mediav1.VoiceVAResponse{OutputEvents: []*mediav1.OutputEvent{{EventType: mediav1.OutputEvent_SESSION_END}}})
	case first.GetEventInput().GetEventType() != mediav1.EventInput_SESSION_START:
		return nil
	}
	answer := &mediav1.VoiceVAResponse{InputMode: mediav1.VoiceVAInputMode_INPUT_EVENT_DTMF}
	if !k.mute {
		answer.InputHandlingConfig = &mediav1.InputHandlingConfig{DtmfConfig: &mediav1.DTMFInputConfig{
			DtmfInputLength: 1, InterDigitTimeoutMsec: 3000, Termchar: mediav1.DTMFDigits_DTMF_DIGIT_POUND}}
	}
	return s.Send(answer)
}

// serveAgent serves a on loopback until the test ends and gives its address.
func serveAgent(t *testing.T, a *keysOnly, options ...grpc.ServerOption) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(options...)
	mediav1.RegisterVoiceVirtualAgentServer(server, a)
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := server.Serve(listener); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	t.Cleanup(func() { server.Stop(); serving.Wait() })
	return listener.Addr().String()
}

// byova runs one command line.
func byova(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(context.Background(), args, &out, &errs)
	return code, out.String(), errs.String()
}

func writeFile(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestCall holds what comes out of whole calls and with which exit code.
func TestCall(t *testing.T) {
	recording := filepath.Join(t.TempDir(), "call.wav")
	token := writeFile(t, "token", []byte("abc\n"))
	script := writeFile(t, "script.yaml", []byte("vars: {key: '5', way: session_end}\nsteps:\n- wait: greeting\n"+
		"- press: ${key}\n- need: {ends: session_end}\n- expect: {ends: '${way}'}\n"))
	tests := []struct {
		name   string
		agent  *keysOnly
		args   []string
		code   int
		stdout string
		stderr string
	}{
		{"good", &keysOnly{token: "abc"}, []string{"--dtmf", "5", "--record", recording, "--token-file", token}, 0,
			`-> keys "5"`, ""},
		{"good in json", &keysOnly{}, []string{"--dtmf", "5", "--json"}, 0, `{"kind":"verdict","ok":true,`, ""},
		{"broken", &keysOnly{mute: true}, []string{"--dtmf", "5#"}, 1, "BROKEN   R27 input_handling_config in every answer: rpc1", "the server broke R27"},
		{"refused", &keysOnly{token: "def"}, []string{"--dtmf", "5", "--token-file", token}, 1,
			"FAILED   rpc 1 ended with Unauthenticated", "the server broke R2"},
		{"limit", &keysOnly{}, []string{"--limit", "300ms"}, 1, "call is over its limit of 300ms; it was to", "limit of 300ms"},
		{"script", &keysOnly{}, []string{"--script", script}, 0, "verdict  ok", ""},
		{"script in json", &keysOnly{}, []string{"--script", script, "--json", "--set", "way=transfer"}, 1, `"unmet":[{"where":"`, ""},
		{"script with an unmet expectation", &keysOnly{}, []string{"--script", script, "--set", "way=transfer"}, 1,
			"script.yaml:6 at ", "1 expectations were not met, the first: "},
		{"script of the program, skipped", &keysOnly{}, []string{"--script", "01-greeting-chunks"}, 1,
			"SKIPPED  01-greeting-chunks:6 needs an answer in chunks: the answer has no audio", "call: skipped: 01-greeting-chunks:6"},
		{"script many times", &keysOnly{}, []string{"--script", script, "--calls", "3"}, 0, "calls 3, ok 3, failed 0", ""},
		{"load", &keysOnly{}, []string{"--dtmf", "5", "--calls", "5", "--rate", "50"}, 0, "calls 5, ok 5, failed 0", ""},
		{"load broken", &keysOnly{mute: true}, []string{"--dtmf", "5#", "--calls", "2", "--json"}, 1, `"broken":{"R27":2}`, "2 of 2 calls were not ok"},
		{"load for a time", &keysOnly{}, []string{"--dtmf", "5", "--duration", "100ms", "--frame", "40ms"}, 0, "calls 1, ok 1, failed 0, due 1,", ""},
		{"load without enough lines", &keysOnly{}, []string{"--dtmf", "5", "--duration", "100ms", "--rate", "100"}, 1,
			"calls 1, ok 1, failed 0, due 10, not begun 9,", "call: 9 of 10 calls that were due were not begun, because no line was free"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := byova(append([]string{"call", "--addr", serveAgent(t, test.agent)}, test.args...)...)
			if code != test.code || !strings.Contains(stdout, test.stdout) || !strings.Contains(stderr, test.stderr) || (stderr == "") != (code == 0) {
				t.Errorf("exit code %d, want %d with %q and %q; output:\n%s\nerrors:\n%s", code, test.code, test.stdout, test.stderr, stdout, stderr)
			}
		})
	}
	t.Cleanup(func() { // after the parallel tests
		b, err := os.ReadFile(recording)
		if err != nil {
			t.Fatal(err)
		}
		if wav, err := audio.ParseWAV(b); err != nil || wav.Channels != 2 || len(wav.Data) < 8000 {
			t.Errorf("recording: %v, %d channels, %d bytes", err, wav.Channels, len(wav.Data))
		}
	})
}

// TestLoadInterrupted: an interrupted load prints what there is so far.
func TestLoadInterrupted(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	var met atomic.Int32
	addr := serveAgent(t, &keysOnly{meet: func() {
		if met.Add(1) == 3 {
			interrupt()
		}
	}})
	var out, errs bytes.Buffer
	code := run(ctx, []string{"call", "--addr", addr, "--calls", "3", "--duration", "1h"}, &out, &errs)
	const want = "calls 3, ok 0, failed 0, due 3, not begun 0, cut off 3, at once at most 3\n"
	if code != exitFailed || !strings.HasPrefix(out.String(), want) || !strings.Contains(errs.String(), "stopped with 3 calls under way") {
		t.Errorf("exit code %d, output:\n%s%s", code, out.String(), errs.String())
	}
}

// TestCallWrongUsage holds that mistakes in the command line place no call.
func TestCallWrongUsage(t *testing.T) {
	text := writeFile(t, "hello.wav", []byte("hello"))
	tests := []struct {
		args []string
		want string
	}{
		{[]string{"--dtmf", "1x"}, `'X' is not a key`},
		{[]string{"--dtmf", "1", "--audio", text}, "can't be used together"},
		{[]string{"--audio", "nowhere.wav"}, "no such file"},
		{[]string{"--audio", text}, "no WAV header"},
		{[]string{"--cert", text}, "must be used together"},
		{[]string{"--cert", text, "--key", text}, "load --cert"},
		{[]string{"--ca", text}, "no PEM certificate in it"},
		{[]string{"--calls", "0"}, "0 calls at once, want 1 to 10000"},
		{[]string{"--calls", "10001"}, "10001 calls at once, want 1 to 10000"},
		{[]string{"--calls", "2", "--rate=-1"}, "-1 calls a second, want up to 10000"},
		{[]string{"--calls", "2", "--rate", "NaN"}, "NaN calls a second"},
		{[]string{"--calls", "2", "--duration=-1s"}, "want a time above zero"},
		{[]string{"--rate", "2"}, "--rate goes with --calls N, how many at once, or --duration D, for how long"},
		{[]string{"--frame", "10ms"}, "--frame 10ms: want whole milliseconds, 20ms to 200ms"},
		{[]string{"--frame", "20500us"}, "--frame 20.5ms: want whole milliseconds"},
		{[]string{"--frame", "1s", "--calls", "2"}, "--frame 1s: want"},
		{[]string{"--all", "--frame", "40ms"}, "do not go with --all"},
		{[]string{"--calls", "2", "--record", "a.wav"}, "--record is for a single call"},
		{[]string{"--limit", "0s"}, "want more than nothing"},
		{[]string{"--frobnicate"}, "unknown flag"},
		{[]string{"--script", "nowhere.yaml"}, "read the script: open nowhere.yaml: no such file or directory; the bundled ones are 01-greeting-chunks, "},
		{[]string{"--script", text}, "hello.wav:1: want keys such as name and steps"},
		{[]string{"--script", writeFile(t, "s.yaml", []byte("steps:\n- say: gone.wav\n"))}, "s.yaml:2: say gone.wav: open "},
		{[]string{"--script", writeFile(t, "s.yaml", []byte("steps:\n- say: bye\n"))}, "s.yaml:2: say bye: no such clip"},
		{[]string{"--script", "09-transfer", "--set", "n=1"}, "--set n: no such variable, there are: metadata, press, say"},
		{[]string{"--script", "09-transfer", "--all"}, "can't be used together"},
		{[]string{"--all", "--set", "nothing=1"}, "--set nothing: no such variable"},
		{[]string{"--all", "--calls", "2"}, "do not go with --all"},
		{[]string{"--set", "n=1"}, "--set goes with --script or --all"},
		{[]string{"--junit", "r.xml"}, "--junit goes with --all"},
	}
	for _, test := range tests {
		code, _, stderr := byova(append([]string{"call", "--addr", "127.0.0.1:1"}, test.args...)...)
		if code != exitUsage || !strings.Contains(stderr, test.want) {
			t.Errorf("call %q: exit code %d, want %d; errors %q, want %q in it", test.args, code, exitUsage, stderr, test.want)
		}
	}
}

// TestCallRefusedFirst: what makes no sense is refused before a host is started for it.
func TestCallRefusedFirst(t *testing.T) {
	code, _, stderr := byova("call", "--plugin", "nowhere", "--junit", "r.xml")
	if code != exitUsage || !strings.Contains(stderr, "--junit goes with --all") {
		t.Errorf("exit code %d, errors %q", code, stderr)
	}
}

// TestCallUnreached holds what is said of a server that is not there.
func TestCallUnreached(t *testing.T) {
	for _, more := range [][]string{nil, {"--calls", "2", "--duration", "1h"}} {
		code, stdout, _ := byova(append([]string{"call", "--addr", "127.0.0.1:1"}, more...)...)
		if code != exitFailed || !strings.Contains(stdout, "server not reached: dial tcp 127.0.0.1:1: connect") {
			t.Errorf("exit code %d, want %d; output:\n%s", code, exitFailed, stdout)
		}
	}
}

// TestCallAllUnreached holds that a server which is not there passes nothing,
// and that the report says so.
func TestCallAllUnreached(t *testing.T) {
	junit := filepath.Join(t.TempDir(), "report.xml")
	code, stdout, stderr := byova("call", "--addr", "127.0.0.1:1", "--all", "--junit", junit)
	if code != exitFailed || strings.Count(stdout, "server not reached") != 13 || !strings.Contains(stderr, "failed: 01-greeting-chunks") {
		t.Errorf("exit code %d, want %d; output:\n%s%s", code, exitFailed, stdout, stderr)
	}
	if xml, err := os.ReadFile(junit); err != nil || strings.Count(string(xml), "<failure") != 13 {
		t.Errorf("report %v:\n%s", err, xml)
	}
}

// TestCallTLS calls a server with a certificate that only --ca makes good.
func TestCallTLS(t *testing.T) {
	borrowed := httptest.NewTLSServer(nil) // for its certificate
	defer borrowed.Close()
	addr := serveAgent(t, &keysOnly{}, grpc.Creds(credentials.NewServerTLSFromCert(&borrowed.TLS.Certificates[0])))
	ca := writeFile(t, "ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: borrowed.Certificate().Raw}))
	for want, more := range map[int][]string{0: {"--ca", ca}, exitFailed: {"--tls"}} {
		if code, stdout, stderr := byova(append([]string{"call", "--addr", addr, "--dtmf", "5"}, more...)...); code != want {
			t.Errorf("call %q: exit code %d, want %d; output:\n%s%s", more, code, want, stdout, stderr)
		}
	}
}
