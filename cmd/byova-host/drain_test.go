//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// TestDraining: the first signal lets a live call end, unless it takes too long; the
// second does not wait. Meanwhile the host says that it takes no new calls.
func TestDraining(t *testing.T) {
	tests := []struct {
		name    string
		limit   string // of the shutdown
		signals int
		hangUp  bool
		cut     int
		within  time.Duration
	}{
		{"the call ends in time", "1m", 1, true, 0, 10 * time.Second},
		{"the call takes too long", "1500ms", 1, false, 1, 10 * time.Second},
		{"no time at all", "0s", 1, false, 1, 10 * time.Second},
		{"a second signal", "1m", 2, false, 1, 10 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := serveFile(t, "ping: {listen: '127.0.0.1:0'}\nshutdown_timeout: "+test.limit+"\n")
			ping := "http://" + pingAddress(p)
			echo := echoOf(t, p).Pid
			s := dial(t, p.addr)
			s.greet("c1")
			if code, state := pingOf(t, http.DefaultClient, ping); code != 200 || state != "online" {
				t.Errorf("before the signal the ping says %d, %s", code, state)
			}
			p.signal(t)
			if test.hangUp {
				refusesNewCalls(t, p, s, ping)
				if got, err := s.exchange(s.digits("c1", 1, 2)); err != nil || len(audioOf(got)) == 0 {
					t.Errorf("the live call got %v, %v", got, err)
				}
				if !alive(echo) {
					t.Error("the plugin ended before its last call")
				}
				if _, err := s.exchange(s.event("c1", sessionEnd)); err != nil {
					t.Error(err)
				}
			}
			if test.signals == 2 {
				p.signal(t)
			}
			if code := p.wait(t, test.within); code != 0 {
				t.Errorf("exit %d", code)
			}
			if want := fmt.Sprintf("stopped: calls_cut=%d", test.cut); !strings.Contains(p.log.String(), want) {
				t.Errorf("the log lacks %s", want)
			}
			if alive(echo) {
				t.Error("the plugin lives on")
			}
			checkGone(t, p)
		})
	}
}

// signal sends SIGTERM and waits until the host drains.
func (p *process) signal(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, 5*time.Second, "the host drains", func() bool { return strings.Contains(p.log.String(), "shutting down") })
}

// refusesNewCalls holds what a draining host says.
func refusesNewCalls(t *testing.T, p *process, s *stranger, ping string) {
	t.Helper()
	conn, err := grpc.NewClient(p.addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	eventually(t, 5*time.Second, "health says NOT_SERVING", func() bool {
		err := healthOf(t, conn)
		return err != nil && err.Error() == "NOT_SERVING"
	})
	eventually(t, 5*time.Second, "the ping says 503", func() bool {
		code, state := pingOf(t, http.DefaultClient, ping)
		return code == 503 && state == "offline"
	})
	eventually(t, 5*time.Second, "a new call gets UNAVAILABLE", func() bool {
		if _, err := s.exchange(s.event("c2", sessionStart)); err != nil {
			return strings.Contains(err.Error(), "Unavailable")
		}
		_, _ = s.exchange(s.event("c2", sessionEnd)) // it came just before
		return false
	})
}

// pingAddress is where a host says that its ping answers.
func pingAddress(p *process) string {
	_, addr, _ := strings.Cut(p.log.String(), "ping: address=")
	addr, _, _ = strings.Cut(addr, " ")
	return addr
}

// pingOf asks the ping of a host at a URL.
func pingOf(t *testing.T, client *http.Client, url string) (code int, state string) {
	t.Helper()
	r, err := client.Get(url + "/voiceva/v1/ping")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		ServiceState string `json:"serviceState"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return r.StatusCode, answer.ServiceState
}
