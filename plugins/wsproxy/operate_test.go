//go:build unix

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/byova-host/byova-host/host/admin"
	"github.com/byova-host/byova-host/plugins/wsproxy/internal/backendtest"
)

// TestSwapped swaps wsproxy in mid-call: the call stays in its process, and its
// connection where it is.
func TestSwapped(t *testing.T) {
	t.Parallel()
	h, backend := bridgeTo(t, "openai-realtime", backendtest.Faults{}, nil)
	done := make(chan []heardTone, 1)
	go func() {
		_, heard := h.call(t, "name: swapped\nsteps:\n  - wait: greeting\n  - say: hello\n  - wait: answer\n  - silence: 1s\n  - say: hello\n  - barge_in: {after: 1s, say: hello}\n  - wait: answer\n  - hang_up: true\n")
		done <- heard
	}()
	waitFor(t, "the first answer", func() bool { return backend.Answers() == 1 })
	address, err := admin.ParseAddress(h.Admin)
	if err != nil {
		t.Fatal(err)
	}
	client := admin.NewClient(address)
	swapped, err := client.Swap(t.Context(), "wsproxy", admin.Swap{Path: os.Args[0], Terms: admin.Terms{Policy: "move"}}, func(string) {})
	if err != nil || swapped.Generation != 2 {
		t.Fatalf("swap: %+v, %v", swapped, err)
	}
	if heard := <-done; len(heard) != 4 {
		t.Errorf("heard %v", heard)
	}
	if s := ended(t, backend, 1); len(s) != 1 || s[0].Resumed {
		t.Errorf("sessions %+v, want the one from before the swap", s)
	}
}

// TestNumbers reads what wsproxy counts in the host's metrics.
func TestNumbers(t *testing.T) {
	t.Parallel()
	h, _ := bridgeTo(t, "byova-json", backendtest.Faults{DieIn: 1, Mutter: []backendtest.Frame{{Data: []byte("{")}}}, nil)
	h.call(t, death)
	text := h.metrics(t)
	for _, want := range []string{
		`byova_bot_total{agent="wsproxy",name="wsproxy_connections"} 2`, `byova_bot_total{agent="wsproxy",name="wsproxy_reconnects"} 1`,
		`byova_bot_total{agent="wsproxy",name="wsproxy_bad_messages"} 2`, `byova_bot_seconds_count{agent="wsproxy",name="wsproxy_first_audio"} 2`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("the metrics do not have %s", want)
		}
	}
}

// TestExamples has the bots of examples/backends take calls.
func TestExamples(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", dir, "../../examples/backends/echo-byova", "../../examples/backends/echo-twilio")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for name, adapter := range map[string]string{"echo-byova": "byova-json", "echo-twilio": "twilio"} {
		t.Run(name, func(t *testing.T) {
			bot := exec.Command(filepath.Join(dir, name), "--listen", "127.0.0.1:0")
			out, err := bot.StdoutPipe()
			if err == nil {
				err = bot.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = bot.Process.Kill(); _ = bot.Wait() }()
			line, err := bufio.NewReader(out).ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			h := serve(t, map[string]any{"adapter": adapter, "url": "ws://" + strings.TrimSpace(strings.TrimPrefix(line, "listening on ")) + "/"})
			last := "  - hang_up: true\n"
			if name == "echo-byova" {
				last = "  - press: \"0#\"\n  - expect: {ends: transfer, metadata: {reason: caller pressed 0}}\n"
			}
			h.call(t, fmt.Sprintf("name: %s\nsteps:\n  - wait: greeting\n  - expect: {prompt: {at_least: 300ms, at_most: 800ms}}\n  - say: hello\n  - expect: {prompt: {at_least: 2s, at_most: 4s}}\n  - wait: answer\n%s", name, last))
		})
	}
}

// metrics reads the host's numbers.
func (h *testHost) metrics(t *testing.T) string {
	t.Helper()
	socket := strings.TrimPrefix(h.Admin, "unix://")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
	answer, err := client.Get("http://localhost/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestNeverQuiet has a backend that plays something soft behind its voice: with
// quiet_level its answers are complete all the same.
func TestNeverQuiet(t *testing.T) {
	t.Parallel()
	h, _ := bridgeTo(t, "twilio", backendtest.Faults{Hum: true}, map[string]any{"quiet_level": -40})
	_, heard := h.call(t, "name: hum\nsteps:\n  - silence: 2500ms\n  - say: hello\n  - silence: 3s\n  - say: hello\n  - silence: 9s\n  - hang_up: true\n")
	hears(t, heard, greeted[0], greeted[1], heardTone{backendtest.Second, backendtest.SecondFor})
	if text := h.metrics(t); !strings.Contains(text, `byova_turns_total{agent="wsproxy",end="answered"} 3`) {
		t.Errorf("not all answers were complete: %v", regexp.MustCompile("byova_turns_total.*").FindAllString(text, -1))
	}
}

// TestHangUpWhileConnecting has the caller leave before the backend is there.
func TestHangUpWhileConnecting(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	h := serve(t, map[string]any{"adapter": "twilio", "url": "ws://" + silent.Addr().String(), "connect_timeout": "20s"})
	h.call(t, "name: impatient\nsteps:\n  - silence: 300ms\n  - hang_up: true\n")
	waitFor(t, "the end", func() bool { return strings.Contains(h.Log.String(), "session ended") })
}
