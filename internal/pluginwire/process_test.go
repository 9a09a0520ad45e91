//go:build unix

package pluginwire_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	hclog "github.com/hashicorp/go-hclog"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/byova-host/byova-host/internal/logtest"
	"github.com/byova-host/byova-host/internal/pluginwire"
	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

// sink hands on what it is told, without a bound: the tests send little.
type sink struct {
	mu       sync.Mutex
	commands []*pluginv1.Command
	late     int // commands after Lost
	lost     []error
	changed  chan struct{}
}

func newSink() *sink { return &sink{changed: make(chan struct{}, 1)} }

func (s *sink) Command(c *pluginv1.Command) {
	s.mu.Lock()
	s.commands = append(s.commands, c)
	s.late += len(s.lost)
	s.mu.Unlock()
	s.wake()
}

func (s *sink) Lost(err error) {
	s.mu.Lock()
	s.lost = append(s.lost, err)
	s.mu.Unlock()
	s.wake()
}

func (s *sink) wake() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// until waits for the sink to be as wanted.
func (s *sink) until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	limit := time.After(15 * time.Second)
	for {
		s.mu.Lock()
		done := ok()
		s.mu.Unlock()
		if done {
			return
		}
		select {
		case <-s.changed:
		case <-limit:
			t.Fatalf("waited 15 s for %s", what)
		}
	}
}

// did waits for the plugin to say that it has done what the keys say.
func (s *sink) did(t *testing.T, digits string) {
	t.Helper()
	s.until(t, "key "+digits, func() bool { return s.answers(digits) > 0 })
}

// answers counts those to digits; for until.
func (s *sink) answers(digits string) (n int) {
	for _, c := range s.commands {
		if c.GetCustom().GetName() == "did "+digits {
			n++
		}
	}
	return n
}

// logBuffer is a log that a test reads.
type logBuffer struct{ logtest.Log }

// until waits for a text in the log: what a plugin prints comes by another way
// than what it sends.
func (l *logBuffer) until(t *testing.T, text string) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(15 * time.Second); !strings.Contains(l.String(), text); {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("waited 15 s for the log to say %q", text)
		}
	}
}

// launcher starts plugins in one directory and checks that nothing is left of them.
type launcher struct {
	dir string
	log *logBuffer
}

func newLauncher(t *testing.T) *launcher {
	t.Helper()
	dir, err := os.MkdirTemp("", "pw")
	if err != nil {
		t.Fatal(err)
	}
	l := &launcher{dir: dir, log: &logBuffer{}}
	t.Cleanup(func() {
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("left in the socket directory: %v", left)
		}
		os.RemoveAll(dir)
		if t.Failed() {
			t.Logf("log:\n%s", l.log)
		}
	})
	return l
}

func (l *launcher) config(name string) pluginwire.Config {
	path, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return pluginwire.Config{
		Name: name, Path: path, Args: []string{"plugin-" + name}, Dir: l.dir,
		Log: hclog.New(&hclog.LoggerOptions{Output: l.log, Level: hclog.Debug}),
	}
}

func (l *launcher) start(t *testing.T, name string) *pluginwire.Process {
	t.Helper()
	p, err := pluginwire.Launch(t.Context(), l.config(name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, p) })
	return p
}

func stop(t *testing.T, p *pluginwire.Process) {
	p.Stop(context.Background())
	if err := syscall.Kill(p.Pid(), 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("process %d after Stop: %v, want it gone", p.Pid(), err)
	}
}

func open(t *testing.T, p *pluginwire.Process, s pluginwire.Sink) *pluginwire.Call {
	t.Helper()
	c, err := p.Open(s)
	if err != nil {
		t.Fatal(err)
	}
	send(t, c, &pluginv1.Event{Body: &pluginv1.Event_Start{Start: &pluginv1.Start{
		SessionId: "s", Credit: 1 << 20, Parameters: &structpb.Struct{},
	}}})
	return c
}

func send(t *testing.T, c *pluginwire.Call, e *pluginv1.Event) {
	t.Helper()
	if err := c.Send(e); err != nil {
		t.Fatal(err)
	}
}

func keys(digits string) *pluginv1.Event {
	return &pluginv1.Event{Body: &pluginv1.Event_Dtmf{Dtmf: &pluginv1.DTMF{Digits: digits}}}
}

func TestGoodPlugin(t *testing.T) {
	l := newLauncher(t)
	p := l.start(t, "good")
	if d := p.Description(); d.Name != "tester" || d.Version != "1.2.3" || d.Audio != pluginv1.DescribeResponse_AUDIO_ALL {
		t.Errorf("description = %v", d)
	}
	if a := p.Agents(); len(a) != 2 || a[0].Id != "one" || a[1].Name != "Second" {
		t.Errorf("agents = %v", a)
	}
	if a, err := p.ListAgents(t.Context(), "org"); err != nil || len(a) != 2 {
		t.Errorf("ListAgents = %v, %v", a, err)
	}
	s := newSink()
	c := open(t, p, s)
	for i := range 50 {
		send(t, c, &pluginv1.Event{Seq: uint64(i + 2), AtMs: int64(20 * i), Audio: bytes.Repeat([]byte{byte(i)}, 160)})
	}
	heard := func() (got []byte) {
		for _, c := range s.commands {
			got = append(got, c.Audio...)
		}
		return got
	}
	s.until(t, "50 frames", func() bool { return len(heard()) == 8000 })
	for i, b := range heard() {
		if int(b) != i/160 {
			t.Fatalf("byte %d of the echo is %d, want %d", i, b, i/160)
		}
	}
	send(t, c, keys("3"))
	s.did(t, "3")
	for _, text := range []string{"printed by the author", "[WARN]  logged by the author", "count=7"} {
		l.log.until(t, text)
	}
	c.Close()
	if err := c.Send(keys("1")); err == nil {
		t.Error("Send after Close = nil")
	}
	p.Stop(context.Background())
	if err := p.Err(); !errors.Is(err, pluginwire.ErrStopped) {
		t.Errorf("Err after Stop = %v", err)
	}
	if _, err := p.Open(s); !errors.Is(err, pluginwire.ErrStopped) {
		t.Errorf("Open after Stop = %v", err)
	}
	if len(s.lost) != 0 {
		t.Errorf("a closed call was told of its loss: %v", s.lost)
	}
}

func TestLaunchBesidePrinting(t *testing.T) {
	l := newLauncher(t)
	p := l.start(t, "chatty")
	stop(t, p)
	if !strings.Contains(l.log.String(), "starting... 3") {
		t.Error("what was printed before the handshake is not in the log")
	}
}

func TestKilledPlugin(t *testing.T) {
	l := newLauncher(t)
	p := l.start(t, "good")
	var sinks []*sink
	for range 20 {
		s := newSink()
		sinks = append(sinks, s)
		send(t, open(t, p, s), keys("4"))
	}
	closed := newSink()
	open(t, p, closed).Close()
	sinks[0].did(t, "4")
	killed := time.Now()
	if err := syscall.Kill(p.Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for _, s := range sinks {
		s.until(t, "the loss", func() bool { return len(s.lost) > 0 })
	}
	took := time.Since(killed)
	t.Logf("the loss of 20 calls was told %v after the kill", took)
	if took > time.Second {
		t.Errorf("the loss was told after %v", took)
	}
	<-p.Done()
	for i, s := range sinks {
		if len(s.lost) != 1 || s.late != 0 || !strings.Contains(s.lost[0].Error(), "signal: killed") {
			t.Errorf("sink %d: lost %v, %d commands after it", i, s.lost, s.late)
		}
		next := 0
		for _, c := range s.commands {
			if name := c.GetCustom().GetName(); name != "" && !strings.HasPrefix(name, "did") {
				if name != strconv.Itoa(next) {
					t.Fatalf("sink %d: command %s where %d was due", i, name, next)
				}
				next++
			}
		}
	}
	if len(closed.lost) != 0 {
		t.Error("a closed call was told of the loss")
	}
	if _, err := p.Open(newSink()); err == nil || !strings.Contains(err.Error(), "signal: killed") {
		t.Errorf("Open after the loss = %v", err)
	}
}

func TestDyingPluginSaysWhy(t *testing.T) {
	l := newLauncher(t)
	p := l.start(t, "good")
	s := newSink()
	send(t, open(t, p, s), keys("5"))
	<-p.Done()
	if err := p.Err(); err == nil || !strings.Contains(err.Error(), `plugin "good" ended: signal: killed`) {
		t.Errorf("Err = %v", err)
	}
}

func TestStoppedProcessIsKilled(t *testing.T) {
	l := newLauncher(t)
	p := l.start(t, "good")
	s := newSink()
	open(t, p, s)
	if err := syscall.Kill(p.Pid(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	stop(t, p)
	if took := time.Since(began); took > 6*time.Second {
		t.Errorf("Stop took %v", took)
	}
	if len(s.lost) != 1 || !errors.Is(s.lost[0], pluginwire.ErrStopped) {
		t.Errorf("lost = %v, want ErrStopped once", s.lost)
	}
}

func TestStopWithoutPatience(t *testing.T) {
	l := newLauncher(t)
	p := l.start(t, "good")
	syscall.Kill(p.Pid(), syscall.SIGSTOP)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	began := time.Now()
	p.Stop(ctx)
	if took := time.Since(began); took > time.Second {
		t.Errorf("Stop with a context that has ended took %v", took)
	}
}

// TestHungPlugin: a process that lives and does not answer is lost like a dead one.
func TestHungPlugin(t *testing.T) {
	l := newLauncher(t)
	p := l.start(t, "good")
	s := newSink()
	open(t, p, s)
	if err := syscall.Kill(p.Pid(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	gone(t, p)
	if err := p.Err(); err == nil || !strings.Contains(err.Error(), "not answered") {
		t.Errorf("lost of %v", err)
	}
	if len(s.lost) != 1 {
		t.Errorf("the call was told of its loss %d times", len(s.lost))
	}
}

// gone waits for a process to be given up and gone, within 6 s and what a busy
// machine adds.
func gone(t *testing.T, p *pluginwire.Process) {
	t.Helper()
	began := time.Now()
	select {
	case <-p.Done():
		t.Logf("it was gone after %v", time.Since(began))
	case <-time.After(8 * time.Second):
		t.Fatal("the plugin is not gone after 8 s")
	}
}

func TestGrandchildHoldsStderr(t *testing.T) {
	for _, test := range []struct {
		name  string
		stays bool // the grandchild has left the plugin's group
	}{
		{"family", true},
		{"kin", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := newLauncher(t)
			p := l.start(t, test.name)
			grandchild, err := strconv.Atoi(p.Agents()[0].Id)
			if err != nil {
				t.Fatal(err)
			}
			defer syscall.Kill(grandchild, syscall.SIGKILL) // this test made it
			s := newSink()
			open(t, p, s)
			syscall.Kill(p.Pid(), syscall.SIGKILL)
			began := time.Now()
			s.until(t, "the loss", func() bool { return len(s.lost) > 0 })
			t.Logf("the loss was told %v after the kill", time.Since(began))
			<-p.Done()
			if took := time.Since(began); took > time.Second {
				t.Errorf("the end took %v", took)
			}
			if test.stays {
				if !alive(grandchild) {
					t.Fatal("the grandchild is gone, the test shows nothing")
				}
				return
			}
			for limit := time.Now().Add(5 * time.Second); alive(grandchild) && time.Now().Before(limit); {
				time.Sleep(10 * time.Millisecond) // nobody tells about the end of a stranger's child
			}
			if alive(grandchild) {
				t.Error("the grandchild outlived the plugin")
			}
		})
	}
}

// TestMuchOutput: what comes too fast is dropped, and the calls go on beside it.
func TestMuchOutput(t *testing.T) {
	for _, name := range []string{"stdout", "stderr"} {
		t.Run(name, func(t *testing.T) {
			l := newLauncher(t)
			p := l.start(t, name)
			s := newSink()
			c := open(t, p, s)
			for range 10 {
				send(t, c, keys("3"))
			}
			s.did(t, "3")
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			for limit := time.After(15 * time.Second); p.Stats().OutputBytes < 1<<20; {
				select {
				case <-tick.C:
				case <-limit:
					t.Fatalf("waited 15 s for 1 MiB of output to be dropped, %d bytes were", p.Stats().OutputBytes)
				}
			}
			send(t, c, keys("7"))
			s.did(t, "7")
			stop(t, p)
			if n := len(l.log.String()); n > 2<<20 {
				t.Errorf("the log has %d bytes", n)
			}
		})
	}
}

func TestFloods(t *testing.T) {
	for _, name := range []string{"stdouts", "stderrs"} {
		t.Run(name, func(t *testing.T) {
			l := newLauncher(t)
			p := l.start(t, name)
			s := newSink()
			if _, err := p.Open(s); err != nil { // it may be lost already
				t.Log(err)
			}
			gone(t, p)
			if err := p.Err(); err == nil || !strings.Contains(err.Error(), "was killed: it writes too much: 64 MiB") {
				t.Errorf("lost of %v", err)
			}
		})
	}
}

// A panic outside of a call is the plugin's end, and the log says where it was.
func TestPanicOutsideOfACall(t *testing.T) {
	l := newLauncher(t)
	config := l.config("good")
	config.Generation = 3
	p, err := pluginwire.Launch(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer stop(t, p)
	s := newSink()
	send(t, open(t, p, s), keys("9"))
	<-p.Done()
	if err := p.Err(); err == nil || !strings.HasSuffix(err.Error(), `ended: exit status 2; it last wrote "panic: outside of a call"`) {
		t.Errorf("lost of %v", err)
	}
	log := l.log.String()
	for _, text := range []string{
		`[ERROR] plugin panicked: generation=3 plugin=good panic="panic: outside of a call"`, "_test.obey.func1()",
		"[ERROR] plugin lost: generation=3 plugin=good reason=",
	} {
		if strings.Count(log, text) != 1 {
			t.Errorf("the log has %d times %q", strings.Count(log, text), text)
		}
	}
}

// Poison of one call is that call's own.
func TestOneCallFails(t *testing.T) {
	l := newLauncher(t)
	p := l.start(t, "good")
	for _, test := range []struct{ key, message string }{
		{"1", "as the caller wished"},
		{"2", "panic: as the caller wished"},
	} {
		bad, good := newSink(), newSink()
		send(t, open(t, p, bad), keys(test.key))
		c := open(t, p, good)
		failed := func() *pluginv1.Failed {
			for _, c := range bad.commands {
				if f := c.GetFailed(); f != nil {
					return f
				}
			}
			return nil
		}
		bad.until(t, "failed", func() bool { return failed() != nil })
		if f := failed(); !strings.HasPrefix(f.Message, test.message) || (test.key == "2") != strings.Contains(f.Stack, "obey") {
			t.Errorf("failed = %v", f)
		}
		send(t, c, keys("6")) // text that is no UTF-8 is refused before it is sent
		good.did(t, "6")
		c.Close()
	}
	c := open(t, p, newSink())
	if err := c.Send(&pluginv1.Event{Body: &pluginv1.Event_Dtmf{Dtmf: &pluginv1.DTMF{Digits: "\xff"}}}); err == nil {
		t.Error("an event that cannot be written was taken")
	}
}

func TestLateCommandsAreCounted(t *testing.T) {
	l := newLauncher(t)
	p := l.start(t, "good")
	c := open(t, p, newSink())
	send(t, c, keys("4"))
	c.Close()
	other := newSink()
	d := open(t, p, other)
	send(t, d, keys("7"))
	other.did(t, "7")
	if c.Number() == d.Number() {
		t.Error("a call number was given twice")
	}
	for n := 1; p.Stats().LateCommands < 500; n++ {
		send(t, d, keys("8"))
		other.until(t, "answer", func() bool { return other.answers("8") == n })
	}
}

// A service manager's signals reach the plugins too, but the host needs them until
// their calls have ended.
func TestPluginOutlivesSignals(t *testing.T) {
	l := newLauncher(t)
	p := l.start(t, "good")
	syscall.Kill(p.Pid(), syscall.SIGTERM)
	syscall.Kill(p.Pid(), syscall.SIGINT)
	s := newSink()
	send(t, open(t, p, s), keys("7"))
	s.did(t, "7") // it lives on
	began := time.Now()
	stop(t, p)
	if took := time.Since(began); took > 1900*time.Millisecond { // the race detector's exit takes a second
		t.Errorf("a polite stop took %v", took)
	}
}
