//go:build unix

package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// scrape reads the numbers of a host.
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
	return string(text)
}

// TestMetrics reads the numbers of a host that has had a call.
func TestMetrics(t *testing.T) {
	p := serveEcho(t)
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
		`byova_plugin_sessions{generation="1",plugin="echo"} 0`, `byova_plugin_breaker_open{plugin="echo"} 0`, `process_start_time_seconds `, `go_goroutines `,
	} {
		if !strings.Contains(text, "\n"+line) {
			t.Errorf("no %s in\n%s", line, text)
		}
	}
	p.stop(t)
}
