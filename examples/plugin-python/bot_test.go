//go:build unix

// Package bot tests the bot in Python over the real wire: make test-python.
package bot

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/byova-host/byova-host/internal/audio"
	"github.com/byova-host/byova-host/internal/pluginwire"
	"github.com/byova-host/byova-host/internal/pluginwire/wire"
	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

const botFile = "bot.py"

// needPython skips unless make test-python, which finds a Python, runs the test.
func needPython(t *testing.T) {
	t.Helper()
	if os.Getenv("BYOVA_TEST_PYTHON") == "" {
		t.Skip("needs a Python with gRPC: make test-python runs it")
	}
}

func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "py")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func launch(t *testing.T) (p *pluginwire.Process, dir string) {
	t.Helper()
	needPython(t)
	dir = shortDir(t)
	p, err := pluginwire.Launch(t.Context(), pluginwire.Config{Name: "python", Path: botFile, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Stop(context.Background()) })
	return p, dir
}

// call is a call to the bot, of which the test is the host.
type call struct {
	t    *testing.T
	call *pluginwire.Call
	turn uint64

	mu      sync.Mutex
	said    []string // since the turn began, audio as nothing
	audio   []byte
	prompts []uint64
	saved   *pluginv1.State
	gave    *pluginv1.Suspended
	changed chan struct{}
}

func (c *call) Lost(err error) {
	c.Command(&pluginv1.Command{Body: &pluginv1.Command_Failed{Failed: &pluginv1.Failed{Message: err.Error()}}})
}

func (c *call) Command(m *pluginv1.Command) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.audio = append(c.audio, m.Audio...)
	say := func(format string, args ...any) { c.said = append(c.said, fmt.Sprintf(format, args...)) }
	switch b := m.Body.(type) {
	case *pluginv1.Command_Accepted:
		say("accepted")
	case *pluginv1.Command_Input:
		say("input %v %d %d %s", b.Input.Mode, b.Input.DtmfLength, b.Input.InterDigitMs, b.Input.DtmfTerminator)
	case *pluginv1.Command_State:
		c.saved = b.State
		say("state %s v%d in turn %d", b.State.Blob, b.State.Version, m.Turn)
	case *pluginv1.Command_PromptStart:
		c.prompts = append(c.prompts, m.Prompt)
		say("prompt barge_in %v", b.PromptStart.BargeIn)
	case *pluginv1.Command_Done:
		say("done")
	case *pluginv1.Command_Transfer:
		say("transfer %v", b.Transfer.Metadata.AsMap())
	case *pluginv1.Command_End:
		say("end")
	case *pluginv1.Command_Custom:
		say("custom %s", b.Custom.Name)
	case *pluginv1.Command_Suspended:
		c.gave = b.Suspended
		say("suspended")
	case *pluginv1.Command_Failed:
		say("failed %s, stack %v", b.Failed.Message, strings.Contains(b.Failed.Stack, botFile))
	}
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// played is the audio that came since the turn began.
func (c *call) played() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Clone(c.audio)
}

func newCall(t *testing.T, p *pluginwire.Process, start *pluginv1.Start) *call {
	t.Helper()
	c := &call{t: t, changed: make(chan struct{}, 1)}
	var err error
	if c.call, err = p.Open(c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.call.Close)
	start.SessionId = "s"
	if start.Credit == 0 {
		start.Credit = 1 << 20
	}
	c.send(&pluginv1.Event{Body: &pluginv1.Event_Start{Start: start}})
	c.until("start", func() bool { return len(c.said) > 1 || len(c.said) == 1 && c.said[0] != "accepted" })
	return c
}

func (c *call) send(e *pluginv1.Event) {
	c.t.Helper()
	if err := c.call.Send(e); err != nil {
		c.t.Fatal(err)
	}
}

// until waits for what the bot says or plays.
func (c *call) until(what string, reached func() bool) {
	c.t.Helper()
	limit := time.After(10 * time.Second)
	for {
		c.mu.Lock()
		ok := reached()
		c.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-c.changed:
		case <-limit:
			c.t.Fatalf("no %s; the bot said %q and played %d bytes", what, c.said, len(c.audio))
		}
	}
}

// answer plays a turn and returns what the bot said in it, and the audio.
func (c *call) answer(cause pluginv1.TurnStarted_Cause, input ...*pluginv1.Event) (string, []byte) {
	c.t.Helper()
	c.ask(cause, input...)
	c.until("answer", func() bool {
		if len(c.said) == 0 {
			return false
		}
		verb, _, _ := strings.Cut(c.said[len(c.said)-1], " ")
		return slices.Contains([]string{"done", "end", "transfer", "custom", "failed"}, verb)
	})
	return strings.Join(c.said, ", "), c.audio
}

func (c *call) ask(cause pluginv1.TurnStarted_Cause, input ...*pluginv1.Event) {
	c.t.Helper()
	c.turn++
	c.mu.Lock()
	c.said, c.audio = nil, nil
	c.mu.Unlock()
	c.send(&pluginv1.Event{Body: &pluginv1.Event_TurnStarted{TurnStarted: &pluginv1.TurnStarted{Turn: c.turn, Cause: cause}}})
	for _, e := range input {
		c.send(e)
	}
	c.send(&pluginv1.Event{Body: &pluginv1.Event_InputEnded{InputEnded: &pluginv1.InputEnded{Turn: c.turn, SpeechEndMs: 2000}}})
}

func (c *call) press(digits string) (string, []byte) {
	c.t.Helper()
	return c.answer(pluginv1.TurnStarted_CAUSE_DTMF, &pluginv1.Event{Body: &pluginv1.Event_Dtmf{Dtmf: &pluginv1.DTMF{Digits: digits}}})
}

func (c *call) silence(count uint32) (string, []byte) {
	c.t.Helper()
	return c.answer(pluginv1.TurnStarted_CAUSE_NO_INPUT, &pluginv1.Event{Body: &pluginv1.Event_NoInput{NoInput: &pluginv1.NoInput{Count: count}}})
}

// level is the amplitude of one frequency in mu-law audio.
func level(t *testing.T, mulaw []byte, hertz float64) float64 {
	t.Helper()
	decoder, err := audio.NewDecoder(audio.Telephone)
	if err != nil {
		t.Fatal(err)
	}
	pcm := decoder.Decode(nil, mulaw)
	var re, im float64
	for i, s := range pcm {
		sin, cos := math.Sincos(2 * math.Pi * hertz * float64(i) / 8000)
		re, im = re+float64(s)*cos, im+float64(s)*sin
	}
	return 2 * math.Hypot(re, im) / float64(max(1, len(pcm)))
}

// isTone reports whether the audio is one of these tones and of this length.
func isTone(t *testing.T, mulaw []byte, ms int, hertz ...float64) bool {
	t.Helper()
	ok := len(mulaw) == ms*8
	for _, h := range []float64{220, 440, 697, 770, 852, 941, 1209, 1336, 1477, 1633} {
		want := 0.0
		for _, w := range hertz {
			if w == h {
				want = 8230 / float64(len(hertz))
			}
		}
		if got := level(t, mulaw, h); math.Abs(got-want) > 8230/8 {
			t.Logf("%.0f Hz has amplitude %.0f, want %.0f", h, got, want)
			ok = false
		}
	}
	return ok
}

// TestPythonCall plays a call from the greeting on.
func TestPythonCall(t *testing.T) {
	p, _ := launch(t)
	if a := p.Agents(); len(a) != 1 || a[0].Id != "python" {
		t.Errorf("agents = %v", a)
	}
	d := p.Description()
	if d.MaxCallsPerStream != 1 || d.Resume != pluginv1.DescribeResponse_RESUME_SAVED || !d.Movable || d.StateVersion != 1 {
		t.Errorf("description = %v", d)
	}
	c := newCall(t, p, &pluginv1.Start{})
	beside := newCall(t, p, &pluginv1.Start{}) // on a stream of its own, up all the while
	check := func(what, said, want string, ok bool) {
		t.Helper()
		if said != want || !ok {
			t.Errorf("%s: %q, want %q; the right audio: %v", what, said, want, ok)
		}
	}
	check("start", strings.Join(c.said, ", "), "accepted, input VOICE_AND_DTMF 20 3000 #", true)
	said, sound := c.answer(pluginv1.TurnStarted_CAUSE_START)
	check("greeting", said, "prompt barge_in true, done", isTone(t, sound, 300, 440))
	said, sound = c.press("12")
	check("keys", said, `state {"answers": 1} v1 in turn 2, prompt barge_in true, done`, len(sound) == 3200 && isTone(t, sound[:960], 120, 697, 1209))

	// Unknown events and fields are nothing to it.
	unknown := &pluginv1.Event{}
	unknown.ProtoReflect().SetUnknown(protowire.AppendBytes(protowire.AppendTag(nil, 899, protowire.BytesType), []byte("?")))
	c.send(unknown)

	speech := make([]byte, 16000)
	for i := range speech {
		speech[i] = byte(i / 80)
	}
	said, sound = c.answer(pluginv1.TurnStarted_CAUSE_SPEECH, &pluginv1.Event{AtMs: 500, Audio: bytes.Clone(speech[:8000])},
		&pluginv1.Event{AtMs: 1500, Audio: bytes.Clone(speech[8000:])})
	check("speech", said, `state {"answers": 2} v1 in turn 3, prompt barge_in true, done`, bytes.Equal(sound, speech[:1600*8]))
	said, sound = c.press("8")
	check("count", said, `state {"answers": 3} v1 in turn 4, prompt barge_in true, done`, len(sound) == 1600 && isTone(t, sound[:960], 120, 697, 1336))
	said, sound = c.silence(1)
	check("silence", said, "prompt barge_in true, done", isTone(t, sound, 300, 220))
	said, _ = c.silence(3)
	check("third silence", said, "prompt barge_in true, end", true)

	said, sound = beside.press("8")
	check("count of the other call", said, `state {"answers": 1} v1 in turn 1, prompt barge_in true, done`, isTone(t, sound[:960], 120, 941, 1336))
	for keys, want := range map[string]string{"0": "transfer map[reason:caller pressed 0]", "9": "end", "7": "custom echo"} {
		said, sound = beside.press(keys)
		check("key "+keys, said[strings.LastIndex(said, ", ")+2:], want, len(sound) == 0)
	}
}

// TestPythonCredit: no more is sent than the host allows, and nothing of an answer
// that is over.
func TestPythonCredit(t *testing.T) {
	p, _ := launch(t)
	const credit = 10_000
	c := newCall(t, p, &pluginv1.Start{Credit: credit})
	speech := bytes.Repeat([]byte{1}, 40_000)
	c.ask(pluginv1.TurnStarted_CAUSE_SPEECH, &pluginv1.Event{AtMs: -4000, Audio: speech})
	allowed := credit
	for allowed < len(speech) {
		before := len(c.played())
		c.until("audio", func() bool { return len(c.audio) > before || len(c.audio) > allowed-4096 })
		if got := len(c.played()); got > allowed {
			t.Fatalf("%d bytes of audio came, %d were allowed", got, allowed)
		}
		allowed += credit
		c.send(&pluginv1.Event{Body: &pluginv1.Event_Credit{Credit: &pluginv1.Credit{Bytes: credit}}})
	}
	c.until("done", func() bool { return c.said[len(c.said)-1] == "done" })
	if got := c.played(); !bytes.Equal(got, speech) {
		t.Errorf("%d bytes of audio, want the %d that were spoken", len(got), len(speech))
	}

	// What is left of the credit reaches for some of it.
	c.ask(pluginv1.TurnStarted_CAUSE_SPEECH, &pluginv1.Event{AtMs: -4000, Audio: bytes.Clone(speech)})
	c.until("prompt", func() bool { return len(c.prompts) == 2 })
	c.send(&pluginv1.Event{Body: &pluginv1.Event_TurnEnded{TurnEnded: &pluginv1.TurnEnded{Turn: c.turn, Reason: pluginv1.TurnEnded_INTERRUPTED}}})
	c.send(&pluginv1.Event{Body: &pluginv1.Event_Credit{Credit: &pluginv1.Credit{Bytes: 1 << 20}}})
	if said, sound := c.press("1"); !strings.HasSuffix(said, "done") || len(sound) != 1600 {
		t.Errorf("after an interruption: %q and %d bytes, want one key", said, len(sound))
	}
}

// TestPythonResume: a call goes on in another process, moved or after a kill.
func TestPythonResume(t *testing.T) {
	first, _ := launch(t)
	second, _ := launch(t)
	c := newCall(t, first, &pluginv1.Start{})
	c.press("1")
	c.press("2")
	c.send(&pluginv1.Event{Body: &pluginv1.Event_Suspend{Suspend: &pluginv1.Suspend{DeadlineMs: 1}}})
	c.until("answer to suspend", func() bool { return c.gave != nil })
	if err := syscall.Kill(first.Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	c.until("loss", func() bool { return strings.HasPrefix(c.said[len(c.said)-1], "failed") })
	for name, resume := range map[string]*pluginv1.Resume{
		"moved": {Cause: pluginv1.Resume_CAUSE_SWAP, State: c.gave.State, StateVersion: c.gave.StateVersion, Prompts: 7},
		"killed": {Cause: pluginv1.Resume_CAUSE_CRASH, State: c.saved.Blob, StateVersion: c.saved.Version, Prompts: 7,
			InterruptedTurn: 1},
	} {
		next := newCall(t, second, &pluginv1.Start{Resume: resume})
		next.turn = 1
		if resume.InterruptedTurn != 0 {
			next.until("end of the interrupted turn", func() bool { return strings.Contains(strings.Join(next.said, ", "), "done") })
		}
		if said, sound := next.press("8"); !strings.Contains(said, `{"answers": 3} v1`) || !isTone(t, sound[:960], 120, 697, 1336) {
			t.Errorf("%s: %q, want the tone of 2", name, said)
		}
		if next.prompts[0] != 8 {
			t.Errorf("%s: its first prompt is %d, want 8", name, next.prompts[0])
		}
	}

	// A call that fails takes no other along.
	bad := newCall(t, second, &pluginv1.Start{Resume: &pluginv1.Resume{State: []byte("no JSON")}})
	if got := bad.said[len(bad.said)-1]; !strings.Contains(got, "JSONDecodeError") || !strings.HasSuffix(got, "stack true") {
		t.Errorf("with a broken state: %q", got)
	}
	if said, _ := newCall(t, second, &pluginv1.Start{}).press("1"); !strings.HasSuffix(said, "done") {
		t.Errorf("the call after it: %q", said)
	}
}

// TestPythonSettings: a setting that it does not know keeps it from starting.
func TestPythonSettings(t *testing.T) {
	needPython(t)
	p, err := pluginwire.Launch(t.Context(), pluginwire.Config{
		Name: "python", Path: botFile, Dir: shortDir(t), Settings: map[string]any{"voice": "soft"},
	})
	if err == nil {
		p.Stop(context.Background())
	}
	if bad, ok := errors.AsType[*pluginwire.SettingsError](err); !ok || !strings.Contains(bad.Error(), "voice: no such setting") {
		t.Errorf("started with %v", err)
	}
}

// TestPythonStranger: nobody but the host that started it is served.
func TestPythonStranger(t *testing.T) {
	_, dir := launch(t)
	sockets, err := filepath.Glob(filepath.Join(dir, "*", "bot.sock"))
	if err != nil || len(sockets) != 1 {
		t.Fatalf("sockets %v, %v", sockets, err)
	}
	other, err := wire.NewCertificate()
	if err != nil {
		t.Fatal(err)
	}
	for name, certificates := range map[string][]tls.Certificate{"no certificate": nil, "another's": {other}} {
		conn, err := grpc.NewClient("unix:"+sockets[0], grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{
			InsecureSkipVerify: true, Certificates: certificates,
		})))
		if err != nil {
			t.Fatal(err)
		}
		_, err = pluginv1.NewPluginClient(conn).Describe(t.Context(), &pluginv1.DescribeRequest{})
		conn.Close()
		if status.Code(err) != codes.Unavailable {
			t.Errorf("%s: Describe = %v, want no connection", name, err)
		}
	}
}

// TestPythonProcess: the handshake line, and how the process ends.
func TestPythonProcess(t *testing.T) {
	needPython(t)
	byHand := exec.Command("./" + botFile)
	if out, err := byHand.CombinedOutput(); err == nil || !strings.Contains(string(out), "byova-host serve --plugin") {
		t.Errorf("run by hand: %v, %s", err, out)
	}

	certificate, err := wire.NewCertificate()
	if err != nil {
		t.Fatal(err)
	}
	// The host runs a copy, which has nothing beside it.
	dir := shortDir(t)
	script, err := os.ReadFile(botFile)
	if err != nil {
		t.Fatal(err)
	}
	private := filepath.Join(dir, "copy")
	if err := os.WriteFile(private, script, 0o700); err != nil {
		t.Fatal(err)
	}
	origin, err := filepath.Abs(botFile)
	if err != nil {
		t.Fatal(err)
	}
	limited, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(limited, private)
	cmd.Env = append(os.Environ(), wire.CookieKey+"="+wire.CookieValue, "PLUGIN_UNIX_SOCKET_DIR="+dir,
		wire.ClientCertEnv+"="+wire.CertificatePEM(certificate), "BYOVA_PLUGIN_PATH="+origin)
	cmd.Stderr = os.Stderr
	stdin, _ := cmd.StdinPipe()
	stdout, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	fields := strings.Split(strings.TrimSuffix(line, "\n"), "|")
	if err != nil || len(fields) != 6 || strings.Join(fields[:5], "|") != "1|1|unix|"+dir+"/bot.sock|grpc" {
		t.Fatalf("handshake %q, %v", line, err)
	}
	der, err := base64.RawStdEncoding.DecodeString(fields[5])
	if err != nil {
		t.Fatal(err)
	}
	if c, err := x509.ParseCertificate(der); err != nil || c.VerifyHostname("localhost") != nil {
		t.Errorf("certificate %v, %v", c, err)
	}
	// SIGTERM is the host's matter; the end of standard input is the process's end.
	_ = cmd.Process.Signal(syscall.SIGTERM)
	_ = cmd.Process.Signal(os.Interrupt)
	stdin.Close()
	if err := cmd.Wait(); err != nil {
		t.Errorf("after the end of its standard input: %v", err)
	}
}
