//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/byova-host/byova-host/host/config"
	"github.com/byova-host/byova-host/internal/caller"
	"github.com/byova-host/byova-host/internal/hosttest"
	"github.com/byova-host/byova-host/internal/pluginwire/wire"
)

// The test binary is the greeter itself when the host starts it.
func TestMain(m *testing.M) {
	if os.Getenv(wire.CookieKey) != "" {
		main()
		return
	}
	hosttest.Main(m)
}

// serve starts a host with the greeter and these settings.
func serve(t *testing.T, settings map[string]any, configure ...func(*config.Config)) *hosttest.Host {
	t.Helper()
	return hosttest.Serve(t, "tts-greeter", settings, configure...)
}

// call plays a script and returns what the caller heard, as mu-law.
func call(t *testing.T, h *hosttest.Host, steps string) []byte {
	t.Helper()
	r := h.Call(t, "tts-greeter", "steps:\n"+steps)
	for _, f := range r.Verdict.With(caller.Warned) {
		if f.Rule == "R41" {
			t.Errorf("the last words can be interrupted: %+v", f)
		}
	}
	return hosttest.Heard(t, r)
}

const silent = "  - send: {event: NO_INPUT, on: new}\n"

// back is what the flow sends when its part is over.
const back = "  - send: {event: CUSTOM_EVENT, name: callback, on: new}\n"

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
	keys := map[string]any{
		"greetings": []any{map[string]any{"text": "Welcome."}}, "then": "menu",
		"menu": map[string]any{"prompt": "For sales, press 1.", "keys": map[string]any{"#": map[string]any{"transfer": "a"}, "12#": map[string]any{"end": true}}},
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
		{"back from an event, the menu comes again", menu, "  - wait: greeting\n  - press: '3'\n  - expect: {event: CUSTOM_EVENT}\n" + back + "  - wait: answer\n  - press: '1'\n  - expect: {event: TRANSFER_TO_AGENT}\n",
			[]string{"Welcome.", "For sales, press 1.", "For sales, press 1.", "One moment, please."}},
		{"back by another start of the session", menu, "  - wait: greeting\n  - press: '3'\n  - expect: {event: CUSTOM_EVENT}\n  - send: {event: SESSION_START, on: new}\n  - wait: answer\n  - press: '1'\n  - expect: {event: TRANSFER_TO_AGENT}\n",
			[]string{"Welcome.", "For sales, press 1.", "For sales, press 1.", "One moment, please."}},
		{"keys that would end an entry", keys, "  - wait: greeting\n  - press: '12#'\n  - expect: {event: SESSION_END}\n", []string{"Welcome."}},
		{"a transfer at once", map[string]any{"then": "transfer"}, "  - expect: {event: TRANSFER_TO_AGENT}\n", []string{bundled}},
		{"an end at once", map[string]any{"then": "end"}, "  - expect: {event: SESSION_END}\n", []string{bundled}},
		{"words that the clips lack", map[string]any{"greetings": []any{map[string]any{"text": "Xylophone."}}, "unspoken": "transfer"},
			"  - wait: greeting\n  - press: '1'\n  - expect: {event: TRANSFER_TO_AGENT}\n", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			heard := call(t, serve(t, test.settings), test.steps)
			hosttest.WantSaid(t, heard, test.heard...)
			if test.heard == nil && bytes.Count(heard, []byte{0xff}) > len(heard)*9/10 {
				t.Error("the caller was left in silence")
			}
		})
	}
}

// TestInterrupted: the engine stops when the caller interrupts what it says.
func TestInterrupted(t *testing.T) {
	const endless = "This has no end."
	ended := make(chan struct{})
	engine := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "audio/pcm")
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		switch {
		case strings.Contains(string(body), invalid): // said to who interrupted
			select {
			case <-ended:
			case <-time.After(5 * time.Second):
				t.Error("the engine still says what was interrupted")
			}
			fallthrough
		case !strings.Contains(string(body), endless):
			_, _ = w.Write(sound)
			return
		}
		defer close(ended)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			_, _ = w.Write(sound[:4800]) // as fast as it plays
			_ = http.NewResponseController(w).Flush()
			select {
			case <-r.Context().Done():
				return
			case <-tick.C:
			}
		}
	}))
	t.Cleanup(engine.Close)
	menu := map[string]any{"prompt": "Hello.", "keys": map[string]any{"1": map[string]any{"say": endless}}}
	h := serve(t, map[string]any{"greetings": []any{map[string]any{"text": "Hello."}}, "then": "menu", "menu": menu}, func(c *config.Config) {
		c.Speech.Engines, c.Speech.OpenAI.URL = []string{"openai", "clips"}, engine.URL
	})
	call(t, h, "  - wait: greeting\n  - press: '1'\n  - barge_in: {after: 1s, say: hello}\n  - expect: {playback: cut}\n  - wait: answer\n  - hang_up: true\n")
	select {
	case <-ended:
	default:
		t.Error("the engine was not asked, or still speaks")
	}
}

// sound is a second of it, at 24 kHz.
var sound = func() (pcm []byte) {
	for i := range 24000 {
		x := int16(8000 * math.Sin(2*math.Pi*300*float64(i)/24000))
		pcm = append(pcm, byte(x), byte(x>>8))
	}
	return pcm
}()

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
		_, _ = w.Write(sound)
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
	h := serve(t, map[string]any{"greetings": []any{map[string]any{"text": text}}}, func(c *config.Config) {
		c.Speech.Engines = []string{"openai", "clips"}
		c.Speech.OpenAI.URL = s.URL
	})
	for _, run := range []struct {
		name  string
		calls int
	}{{"cold, 100 calls at once", 100}, {"cached, 100 calls at once", 100}, {"cached, one call after another", 50}} {
		options := caller.LoadOptions{Calls: run.calls, Call: caller.Options{
			Addr: h.Addr, Org: "org", Agent: "tts-greeter", Steps: []caller.Step{caller.WaitAnswer(), caller.HangUp()},
		}}
		if strings.Contains(run.name, "another") {
			options.Calls, options.Duration = 4, time.Duration(run.calls)*100*time.Millisecond
		}
		sum, err := caller.Load(t.Context(), options)
		if err != nil || !sum.AllOK() {
			t.Fatalf("%s: %+v, %v", run.name, sum, err)
		}
		n := sum.Greetings.Count()
		if n < 10 {
			t.Fatalf("%s: %d answers", run.name, n)
		}
		t.Logf("%s: first audio after p50 %.1f ms, p99 %.1f ms (%d calls)", run.name, ms(sum.Greetings.Quantile(0.5)), ms(sum.Greetings.Quantile(0.99)), n)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asked[text] != 1 {
		t.Errorf("the service was asked %v, want the greeting once", s.asked)
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
