package main

import (
	"context"
	"flag"
	"math"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/byova-host/byova-host/host/config"
	"github.com/byova-host/byova-host/internal/audio"
	"github.com/byova-host/byova-host/internal/caller"
	"github.com/byova-host/byova-host/internal/hosttest"
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
	hosttest.Main(m)
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
type testHost struct{ *hosttest.Host }

// serve starts a host with wsproxy and these settings.
func serve(t *testing.T, settings map[string]any, configure ...func(*config.Config)) *testHost {
	t.Helper()
	h := &testHost{}
	t.Cleanup(func() { // when it has ended
		if h.Host != nil && strings.Contains(h.Log.String(), leftBehind) {
			t.Errorf("%s:\n%s", leftBehind, h.Log.String())
		}
	})
	noFiller := func(c *config.Config) { c.Calls.FillerAfter = 0 }
	h.Host = hosttest.Serve(t, "wsproxy", settings, append([]func(*config.Config){noFiller}, configure...)...)
	return h
}

// call plays a script and returns what the caller heard, as tones.
func (h *testHost) call(t *testing.T, script string) (*caller.Result, []heardTone) {
	t.Helper()
	r := h.Call(t, "wsproxy", script)
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
