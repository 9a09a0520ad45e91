package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.uber.org/goleak"

	"github.com/byova-host/byova-host/examples/speech"
	"github.com/byova-host/byova-host/host"
	"github.com/byova-host/byova-host/host/config"
	"github.com/byova-host/byova-host/internal/audio"
	"github.com/byova-host/byova-host/internal/caller"
	"github.com/byova-host/byova-host/internal/pluginwire/wire"
	"github.com/byova-host/byova-host/sdk/plugin"
)

// The test binary is wsproxy itself when the host starts it.
func TestMain(m *testing.M) {
	if os.Getenv(wire.CookieKey) != "" {
		servePlugin()
		return
	}
	flag.Parse()
	if err := flag.Set("test.parallel", "16"); err != nil { // calls take their time, and little else
		panic(err)
	}
	dir, err := os.MkdirTemp("", "rt") // of all hosts
	if err == nil {
		err = os.Setenv("XDG_RUNTIME_DIR", dir)
	}
	if err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// leftBehind is what servePlugin logs of a leak.
const leftBehind = "goroutines of a call were left behind"

// servePlugin is main, and watches that a call that has ended leaves nothing behind.
func servePlugin() {
	p := &proxy{}
	bot := p.plugin()
	var mu sync.Mutex
	calls := 0
	bot.Handler = plugin.CallFunc(func(ctx context.Context, call *plugin.Call) error {
		mu.Lock()
		calls++
		mu.Unlock()
		err := p.serve(ctx, call)
		mu.Lock()
		defer mu.Unlock()
		if calls--; calls == 0 && p.settings.SpareConnections == 0 {
			stacks := make([]byte, 1<<20)
			stacks = stacks[:runtime.Stack(stacks, true)]
			for stack := range strings.SplitSeq(string(stacks), "\n\n") {
				if strings.Contains(stack, "wsproxy") && !strings.Contains(stack, "servePlugin") {
					plugin.Log().Error(leftBehind, "stack", stack)
				}
			}
		}
		return err
	})
	bot.Serve()
}

// testHost is a host in this process with wsproxy in its own.
type testHost struct {
	addr  string
	admin string
	log   *lockedBuffer
	stop  context.CancelFunc
	done  chan struct{}
}

var hosts atomic.Int32 // so far

// serve starts a host with wsproxy and these settings.
func serve(t *testing.T, settings map[string]any, configure ...func(*config.Config)) *testHost {
	t.Helper()
	c := config.Default()
	c.Listen, c.VerifyTokens, c.Shutdown = "127.0.0.1:0", false, 5*time.Second
	c.Admin = fmt.Sprintf("unix://%s/%d.sock", os.Getenv("XDG_RUNTIME_DIR"), hosts.Add(1))
	c.Calls.FillerAfter = 0
	p := config.DefaultPlugin("wsproxy", os.Args[0])
	p.Settings = settings
	c.Plugins = []config.Plugin{p}
	for _, f := range configure {
		f(&c)
	}
	ctx, cancel := context.WithCancel(context.Background())
	h := &testHost{admin: c.Admin, log: &lockedBuffer{}, stop: cancel, done: make(chan struct{})}
	lines, out := io.Pipe()
	go func() {
		defer close(h.done)
		err := host.Run(ctx, context.Background(), host.Config{Config: c, Log: hclog.New(&hclog.LoggerOptions{Output: h.log, Level: hclog.Debug})}, out)
		out.CloseWithError(errors.Join(err, io.EOF))
	}()
	t.Cleanup(func() {
		h.stop()
		<-h.done
		if strings.Contains(h.log.String(), leftBehind) {
			t.Error(leftBehind)
		}
		if t.Failed() {
			t.Logf("the host's log:\n%s", h.log)
		}
	})
	line, err := bufio.NewReader(lines).ReadString('\n')
	if err != nil {
		t.Fatalf("the host did not start: %v\n%s", err, h.log)
	}
	h.addr = strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
	return h
}

// call plays a script and returns what the caller heard, as tones.
func (h *testHost) call(t *testing.T, script string) (*caller.Result, []heardTone) {
	t.Helper()
	s, err := caller.ParseScript(filepath.Base(t.Name()), []byte(script), nil)
	if err != nil {
		t.Fatal(err)
	}
	o, err := s.Apply(caller.Options{Addr: h.addr, Agent: "wsproxy", Record: true}, func(string) ([]byte, error) { return speech.Hello, nil })
	if err != nil {
		t.Fatal(err)
	}
	var timeline bytes.Buffer
	o.Log = caller.NewTimeline(&timeline).Log
	r, err := caller.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the call:\n%s", timeline.String())
		}
	})
	for _, u := range r.Unmet {
		t.Errorf("%+v", u)
	}
	if r.Failure != nil || r.Skipped != "" || !r.Verdict.OK() {
		t.Errorf("call: failure %v, skipped %q, verdict %+v", r.Failure, r.Skipped, r.Verdict)
	}
	return r, tones(t, r.Recording)
}

// heardTone is a stretch of one frequency.
type heardTone struct {
	Hertz float64
	For   time.Duration
}

// underrun is how long a tone may pause: a busy machine is late at times. Two answers
// have the caller's words between them, which take longer.
const underrun = time.Second

// tones finds the bot's tones in a recording's right channel.
func tones(t *testing.T, file []byte) (all []heardTone) {
	t.Helper()
	wav, err := audio.ParseWAV(file)
	if err != nil {
		t.Fatal(err)
	}
	both := audio.DecodeLinear16(nil, wav.Data)
	const frame = 80 // 10 ms
	pcm := make([]int16, frame)
	var last float64
	var gap time.Duration // since then
	for i := 0; i+2*frame <= len(both); i += 2 * frame {
		for j := range pcm {
			pcm[j] = both[i+2*j+1]
		}
		hertz := loudest(pcm)
		if hertz == 0 {
			gap += 10 * time.Millisecond
			continue
		}
		if hertz == last && gap <= underrun {
			all[len(all)-1].For += 10 * time.Millisecond
		} else {
			all = append(all, heardTone{hertz, 10 * time.Millisecond})
		}
		last, gap = hertz, 0
	}
	return all
}

// loudest is which of the bot's tones sounds, or 0.
func loudest(pcm []int16) float64 {
	best, at := 1500.0, 0.0
	for _, hertz := range []float64{350, 440, 520, 660, 880, 3000} {
		var re, im float64
		for i, s := range pcm {
			sin, cos := math.Sincos(2 * math.Pi * hertz * float64(i) / 8000)
			re, im = re+float64(s)*cos, im+float64(s)*sin
		}
		if a := 2 * math.Hypot(re, im) / float64(len(pcm)); a > best {
			best, at = a, hertz
		}
	}
	return at
}

// hears holds that the caller heard these tones, in this order, for so long.
func hears(t *testing.T, got []heardTone, want ...heardTone) {
	t.Helper()
	ok := len(got) == len(want)
	for i := 0; ok && i < len(want); i++ {
		slack := 60 * time.Millisecond
		if want[i].For == 0 { // however long
			continue
		}
		ok = got[i].Hertz == want[i].Hertz && (got[i].For-want[i].For).Abs() <= slack
	}
	if !ok {
		t.Errorf("heard %v, want %v", got, want)
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
