package ping_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/test/bufconn"

	"github.com/byova-host/byova-host/host/ping"
)

// TestPing: online, then draining, then gone, on the fake clock.
func TestPing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now().UTC()
		server := ping.NewServer("bots")
		l := bufconn.Listen(1 << 16)
		var served sync.WaitGroup
		served.Go(func() {
			if err := server.Serve(l); err != nil {
				t.Error(err)
			}
		})
		client := &http.Client{Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return l.DialContext(ctx) }, DisableKeepAlives: true,
		}}
		ask := func(method, path string) (int, []byte) {
			t.Helper()
			q, err := http.NewRequestWithContext(t.Context(), method, "http://host"+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			r, err := client.Do(q)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Body.Close()
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Fatal(err)
			}
			return r.StatusCode, body
		}
		hold := func(code int, state string, since time.Time) {
			t.Helper()
			got, body := ask(http.MethodGet, "/bots/v1/ping")
			var answer map[string]string
			if err := json.Unmarshal(body, &answer); err != nil {
				t.Fatalf("%s: %v", body, err)
			}
			if got != code || len(answer) != 5 || answer["serviceName"] != "bots" || answer["serviceType"] != "REQUIRED" ||
				answer["serviceState"] != state || answer["message"] == "" || answer["lastUpdated"] != since.Format(time.RFC3339Nano) {
				t.Errorf("%d %s, want %d, %s since %v", got, body, code, state, since)
			}
		}
		time.Sleep(time.Minute)
		hold(http.StatusOK, "online", began)
		if code, body := ask(http.MethodHead, "/bots/v1/ping"); code != http.StatusOK || len(body) > 0 {
			t.Errorf("HEAD: %d, %q", code, body)
		}
		if code, _ := ask(http.MethodPost, "/bots/v1/ping"); code != http.StatusMethodNotAllowed {
			t.Errorf("POST: %d", code)
		}
		if code, _ := ask(http.MethodGet, "/other/v1/ping"); code != http.StatusNotFound {
			t.Errorf("another service: %d", code)
		}
		server.Drain()
		drained := time.Now().UTC()
		time.Sleep(time.Minute)
		hold(http.StatusServiceUnavailable, "offline", drained)
		if err := server.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		served.Wait()
	})
}
