package main

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/byova-host/byova-host/plugins/wsproxy/internal/adapter"
	"github.com/byova-host/byova-host/plugins/wsproxy/internal/backendtest"
)

// options are what each adapter needs to reach its fake.
var options = map[string]map[string]any{
	"byova-json":       {},
	"twilio":           {},
	"openai-realtime":  {"api_key": "secret-key", "greeting": "Hello"},
	"deepgram-agent":   {"api_key": "secret-key", "greeting": "Hello"},
	"elevenlabs-agent": {"agent_id": "agent_1", "api_key": "secret-key"},
	"gemini-live":      {"api_key": "secret-key"},
}

// bridgeTo starts a host that is bridged to a backend of its own.
func bridgeTo(t *testing.T, name string, faults backendtest.Faults, more map[string]any) (*testHost, *backendtest.Server) {
	t.Helper()
	backend := backendtest.New(name, faults)
	t.Cleanup(backend.Close)
	o := map[string]any{}
	maps.Copy(o, options[name])
	if name == "elevenlabs-agent" {
		o["api"] = backend.HTTP()
	}
	settings := map[string]any{"adapter": name, "url": backend.URL, "options": o}
	maps.Copy(settings, more)
	h := serve(t, settings)
	t.Cleanup(func() {
		for _, v := range backend.Violations() {
			t.Errorf("against the protocol: %s", v)
		}
	})
	return h, backend
}

const conversation = `
name: a conversation
steps:
  - wait: greeting
  - say: hello
  - expect: {event: START_OF_INPUT, within: 1s}
  - expect: {event: END_OF_INPUT}
  - wait: answer
  - say: hello
  - barge_in: {after: 2s, say: hello}
  - expect: {playback: cut}
  - wait: answer
  - press: "5#"
  - wait: answer
  - press: "0#"
  - expect: {ends: transfer, metadata: {reason: caller pressed 0}}
`

const hangUp = `
name: the caller hangs up
steps:
  - wait: greeting
  - say: hello
  - wait: answer
  - hang_up: true
`

const death = `
name: the backend dies in the middle of an answer
steps:
  - wait: greeting
  - say: hello
  - wait: answer
  - say: hello
  - wait: answer
`

// TestAdapters plays the same calls through every adapter against a backend that is
// strict about its protocol. It prints a line for each.
func TestAdapters(t *testing.T) {
	tone := func(hertz float64, d time.Duration) heardTone { return heardTone{hertz, d} }
	for _, name := range adapter.Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			t.Cleanup(func() { // once its parts have ended
				if !t.Failed() {
					fmt.Printf("adapter %s ok\n", name)
				}
			})
			t.Run("conversation", func(t *testing.T) {
				t.Parallel()
				h, backend := bridgeTo(t, name, backendtest.Faults{}, nil)
				_, heard := h.call(t, conversation)
				if len(heard) == 6 && heard[2].For < 1900*time.Millisecond || len(heard) == 6 && heard[2].For > 3500*time.Millisecond {
					t.Errorf("the interrupted answer was heard for %v", heard[2].For)
				}
				hears(t, heard, tone(backendtest.Greeting, backendtest.GreetingFor), tone(backendtest.First, backendtest.FirstFor),
					tone(backendtest.Second, 0), tone(backendtest.First, backendtest.FirstFor),
					tone(backendtest.Keys, backendtest.KeysFor), tone(backendtest.Farewell, backendtest.FarewellFor))
				if s := ended(t, backend, 1)[0]; s.Keys != "50" {
					t.Errorf("the backend got keys %q", s.Keys)
				}
			})
			t.Run("hang-up", func(t *testing.T) {
				t.Parallel()
				h, backend := bridgeTo(t, name, backendtest.Faults{}, nil)
				_, heard := h.call(t, hangUp)
				hears(t, heard, tone(backendtest.Greeting, backendtest.GreetingFor), tone(backendtest.First, backendtest.FirstFor))
				s := ended(t, backend, 1)[0]
				if s.Code != 1000 {
					t.Errorf("closed with %d, want 1000", s.Code)
				}
				if name == "byova-json" && !strings.Contains(string(last(backend.Messages())), `"reason":"caller"`) {
					t.Errorf("the last message is %s, want the end by the caller", last(backend.Messages()))
				}
				if polite := name == "twilio" || name == "byova-json"; polite && !s.Goodbye {
					t.Error("the backend was not told that the caller has hung up")
				}
			})
			t.Run("death", func(t *testing.T) {
				t.Parallel()
				h, backend := bridgeTo(t, name, backendtest.Faults{DieIn: 1}, nil)
				if name == "twilio" { // has no way back: the caller gets the fallback
					_, heard := h.call(t, death[:len(death)-len("  - say: hello\n  - wait: answer\n")]+"  - expect: {ends: transfer}\n")
					hears(t, heard[:2], tone(backendtest.Greeting, backendtest.GreetingFor), tone(backendtest.First, backendtest.FirstFor/2))
					return
				}
				_, heard := h.call(t, death)
				want := []heardTone{tone(backendtest.Greeting, backendtest.GreetingFor), tone(backendtest.First, backendtest.FirstFor/2)}
				if name == "elevenlabs-agent" { // begins a new conversation, and greets
					want = append(want, tone(backendtest.Greeting, backendtest.GreetingFor))
				}
				hears(t, heard, append(want, tone(backendtest.First, backendtest.FirstFor))...)
				if s := ended(t, backend, 2)[1]; !s.Resumed {
					t.Error("the backend was not told that the call is resumed")
				}
			})
		})
	}
}

func last(messages [][]byte) []byte { return messages[len(messages)-1] }

// ended waits for the end of so many connections.
func ended(t *testing.T, s *backendtest.Server, n int) []backendtest.Session {
	t.Helper()
	limit := time.After(10 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if all := s.Sessions(); len(all) >= n {
			return all
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%d connections have ended, want %d", len(s.Sessions()), n)
		}
	}
}
