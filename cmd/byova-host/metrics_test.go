//go:build unix

package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// scrape reads the numbers of a host that are ours.
func scrape(t *testing.T, p *process) string {
	t.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(p.runtime, "byova-host", "admin.sock"))
	}}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Get("http://localhost/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	lines := slices.DeleteFunc(strings.SplitAfter(string(text), "\n"), func(l string) bool { return !strings.HasPrefix(l, "byova_") })
	return strings.Join(lines, "")
}

// TestMetrics reads the numbers of a host that has had a call that went well and one
// that did not.
func TestMetrics(t *testing.T) {
	t.Parallel()
	p := start(t, runtimeDir(t), "--plugin", echoBinary, "--plugin", testbotBinary)
	cli(t, "call", "--addr", p.addr, "--agent", "crash", "--audio", "../../examples/speech/hello.wav") // the bot panics
	if code, out, errs := cli(t, "call", "--addr", p.addr, "--dtmf", "12", "--json"); code != 0 {
		t.Fatalf("exit %d\n%s%s", code, out, errs)
	}
	var text string
	eventually(t, 5*time.Second, "the host has seen the end of the call", func() bool {
		text = scrape(t, p)
		return strings.Contains(text, `byova_calls_ended_total{agent="echo",reason="caller"} 1`)
	})
	for _, line := range []string{
		`byova_calls_begun_total{agent="echo"} 1`, `byova_calls_active{agent="echo"} 0`,
		`byova_turns_total{agent="echo",end="answered"} 2`, `byova_first_audio_seconds_count{agent="echo"} 2`,
		`byova_fallbacks_total{agent="crash",reason="bot failed"} 1`, `byova_calls_ended_total{agent="crash",reason="failed"} 1`,
		`byova_plugin_sessions{generation="1",plugin="echo"} 0`, `byova_plugin_breaker_open{plugin="echo"} 0`,
	} {
		if !strings.Contains(text, line) {
			t.Errorf("no %s in\n%s", line, text)
		}
	}
	p.stop(t)
}
