//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
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
	voices "github.com/byova-host/byova-host/sdk/speech"
)

// The test binary is the greeter itself when the host starts it.
func TestMain(m *testing.M) {
	if os.Getenv(wire.CookieKey) != "" {
		main()
		return
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

var hosts atomic.Int32 // so far

// serve starts a host with the greeter and these settings, and nothing but the clips to
// speak with.
func serve(t *testing.T, settings map[string]any, configure ...func(*config.Config)) (addr string) {
	t.Helper()
	c := config.Default()
	c.Listen, c.VerifyTokens, c.Shutdown = "127.0.0.1:0", false, 5*time.Second
	c.Admin = fmt.Sprintf("unix://%s/%d.sock", os.Getenv("XDG_RUNTIME_DIR"), hosts.Add(1))
	c.Speech.Engines = []string{"clips"}
	p := config.DefaultPlugin("tts-greeter", os.Args[0])
	p.Settings = settings
	c.Plugins = []config.Plugin{p}
	for _, f := range configure {
		f(&c)
	}
	ctx, stop := context.WithCancel(context.Background())
	done, log := make(chan struct{}), &lockedBuffer{}
	lines, out := io.Pipe()
	go func() {
		defer close(done)
		err := host.Run(ctx, context.Background(), host.Config{Config: c, Log: hclog.New(&hclog.LoggerOptions{Output: log, Level: hclog.Debug})}, out)
		out.CloseWithError(errors.Join(err, io.EOF))
	}()
	t.Cleanup(func() {
		stop()
		<-done
		if t.Failed() {
			t.Logf("the host's log:\n%s", log)
		}
	})
	line, err := bufio.NewReader(lines).ReadString('\n')
	if err != nil {
		t.Fatalf("the host did not start: %v\n%s", err, log)
	}
	return strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// call plays a script and returns what the caller heard, as mu-law.
func call(t *testing.T, addr, steps string) []byte {
	t.Helper()
	s, err := caller.ParseScript("call", []byte("steps:\n"+steps), nil)
	if err != nil {
		t.Fatal(err)
	}
	o, err := s.Apply(caller.Options{Addr: addr, Agent: "tts-greeter", Record: true}, func(string) ([]byte, error) { return speech.Hello, nil })
	if err != nil {
		t.Fatal(err)
	}
	var timeline bytes.Buffer
	o.Log = caller.NewTimeline(&timeline).Log
	r, err := caller.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if !r.OK() || r.Skipped != "" {
		t.Errorf("failure %v, skipped %q, unmet %v, verdict %+v\n%s", r.Failure, r.Skipped, r.Unmet, r.Verdict, timeline.String())
	}
	wav, err := audio.ParseWAV(r.Recording)
	if err != nil {
		t.Fatal(err)
	}
	both := audio.DecodeLinear16(nil, wav.Data)
	bot := make([]int16, len(both)/2)
	for i := range bot {
		bot[i] = both[2*i+1]
	}
	return audio.EncodeMuLaw(nil, bot)
}

// spoken is what a text sounds like, said with the clips.
func spoken(t *testing.T, text string) []byte {
	t.Helper()
	v := voices.New(voices.Config{Engines: []voices.Engine{voices.Clips()}})
	defer v.Close()
	var b bytes.Buffer
	if err := v.Synthesize(t.Context(), voices.Request{Text: text}, &b); err != nil {
		t.Fatal(err)
	}
	muLaw := audio.EncodeMuLaw(nil, audio.DecodeLinear16(nil, b.Bytes()))
	for i, c := range muLaw { // a recording has one zero
		if c == 0x7f {
			muLaw[i] = 0xff
		}
	}
	return muLaw
}

// wantHeard holds that a caller heard texts, in this order, each so many times in all.
func wantHeard(t *testing.T, heard []byte, texts ...string) {
	t.Helper()
	for _, text := range texts {
		said := spoken(t, text)
		i := bytes.Index(heard, said)
		if i < 0 {
			t.Errorf("%q was not heard, or not then, in %.1f s", text, float64(len(heard))/8000)
			return
		}
		heard = heard[i+len(said):]
	}
}

const silent = "  - send: {event: NO_INPUT, on: new}\n"

func TestGreeter(t *testing.T) {
	menu := map[string]any{
		"greetings": []any{
			map[string]any{"text": "Hello {{.Caller}}."}, // nobody says who calls
			map[string]any{"org": "other", "text": "Good morning."},
			map[string]any{"text": "Welcome."},
		},
		"then": "menu",
		"menu": map[string]any{"prompt": "For sales, press 1.", "keys": map[string]any{
			"1": map[string]any{"say": "One moment, please.", "transfer": "sales"},
			"2": map[string]any{"say": "We are closed."},
			"3": map[string]any{"event": "callback", "metadata": map[string]any{"queue": "night"}},
			"9": map[string]any{"say": "Goodbye.", "end": true},
		}},
	}
	for _, test := range []struct {
		name     string
		settings map[string]any
		steps    string
		heard    []string
	}{
		{"nothing configured: any input repeats it, and the third time ends", nil,
			"  - wait: greeting\n  - press: '5'\n  - wait: answer\n" + silent + "  - wait: answer\n  - press: '5'\n  - expect: {event: SESSION_END}\n",
			[]string{bundled, bundled, bundled, goodbye}},
		{"a choice that transfers", menu, "  - wait: greeting\n  - press: '1'\n  - expect: {event: TRANSFER_TO_AGENT}\n",
			[]string{"Welcome.", "For sales, press 1.", "One moment, please."}},
		{"a choice that says something, and one that ends", menu, "  - wait: greeting\n  - press: '2'\n  - wait: answer\n  - press: '9'\n  - expect: {event: SESSION_END}\n",
			[]string{"Welcome.", "For sales, press 1.", "We are closed.", "For sales, press 1.", "Goodbye."}},
		{"a wrong choice", menu, "  - wait: greeting\n  - press: '7'\n  - wait: answer\n  - hang_up: true\n",
			[]string{"Welcome.", "For sales, press 1.", invalid, "For sales, press 1."}},
		{"a choice that is an event", menu, "  - wait: greeting\n  - press: '3'\n  - expect: {event: CUSTOM_EVENT}\n  - hang_up: true\n", []string{"Welcome."}},
		{"a transfer at once", map[string]any{"then": "transfer"}, "  - expect: {event: TRANSFER_TO_AGENT}\n", []string{bundled}},
		{"an end at once", map[string]any{"then": "end"}, "  - expect: {event: SESSION_END}\n", []string{bundled}},
		{"words that the clips lack", map[string]any{"greetings": []any{map[string]any{"text": "Xylophone."}}, "unspoken": "transfer"},
			"  - wait: greeting\n  - press: '1'\n  - expect: {event: TRANSFER_TO_AGENT}\n", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			heard := call(t, serve(t, test.settings), test.steps)
			wantHeard(t, heard, test.heard...)
			if test.heard == nil && bytes.Count(heard, []byte{0xff}) > len(heard)*9/10 {
				t.Error("the caller was left in silence")
			}
		})
	}
}

// service is a speech service that counts what it is asked for.
type service struct {
	*httptest.Server
	mu    sync.Mutex
	asked map[string]int
}

func newService(t *testing.T) *service {
	s := &service{asked: map[string]int{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Input string }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		s.mu.Lock()
		s.asked[body.Input]++
		s.mu.Unlock()
		w.Header().Set("Content-Type", "audio/pcm")
		var pcm []byte
		for i := range 24000 {
			x := int16(8000 * math.Sin(2*math.Pi*300*float64(i)/24000))
			pcm = append(pcm, byte(x), byte(x>>8))
		}
		_, _ = w.Write(pcm)
	}))
	t.Cleanup(s.Close)
	return s
}

// TestHundredGreeted: a hundred calls at once, with nothing in the cache, are one
// synthesis. It prints how long after the half-close the first audio came, there and once
// it is cached.
func TestHundredGreeted(t *testing.T) {
	const text = "Welcome to Acme."
	s := newService(t)
	addr := serve(t, map[string]any{"greetings": []any{map[string]any{"text": text}}}, func(c *config.Config) {
		c.Speech.Engines = []string{"openai", "clips"}
		c.Speech.OpenAI.URL = s.URL
	})
	for _, run := range []struct {
		name  string
		calls int
	}{{"cold, 100 calls at once", 100}, {"cached, 100 calls at once", 100}, {"cached, one call after another", 50}} {
		options := caller.LoadOptions{Calls: run.calls, Call: caller.Options{
			Addr: addr, Org: "org", Agent: "tts-greeter", Steps: []caller.Step{caller.WaitAnswer(), caller.HangUp()},
		}}
		if strings.Contains(run.name, "another") {
			options.Calls, options.Rate, options.Duration = 4, 10, time.Duration(run.calls)*100*time.Millisecond
		}
		sum, err := caller.Load(t.Context(), options)
		if err != nil || !sum.AllOK() {
			t.Fatalf("%s: %+v, %v", run.name, sum, err)
		}
		slices.Sort(sum.FirstAudio)
		n := len(sum.FirstAudio)
		if n < 10 {
			t.Fatalf("%s: %d answers", run.name, n)
		}
		t.Logf("%s: first audio after p50 %.1f ms, p99 %.1f ms (%d calls)", run.name, ms(sum.FirstAudio[n/2]), ms(sum.FirstAudio[n*99/100]), n)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asked[text] != 1 {
		t.Errorf("the service was asked %v, want the greeting once", s.asked)
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
