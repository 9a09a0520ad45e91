package admin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestVerbs: what a client asks is what the host is asked.
func TestVerbs(t *testing.T) {
	want := Swapped{Name: "echo", Generation: 2, Version: "2.0.0", SHA256: "1a2b", Pid: 8}
	var got string
	c, _ := open(t, func(_ context.Context, verb, name string, asked any, _ func(string)) (Swapped, error) {
		got = fmt.Sprintf("%s %s %+v", verb, name, asked)
		return want, nil
	})
	ctx := t.Context()
	tests := []struct {
		do   func() (Swapped, error)
		asks string
	}{
		{func() (Swapped, error) { return c.Swap(ctx, "echo", Swap{Path: "/v2"}, nil) }, "swap echo {Path:/v2 Canary:0 Terms:{Policy: Force:false}}"},
		{func() (Swapped, error) {
			return c.Swap(ctx, "echo", Swap{"/v2", 10, Terms{"move", true}}, nil)
		}, "swap echo {Path:/v2 Canary:10 Terms:{Policy:move Force:true}}"},
		{func() (Swapped, error) { return c.Promote(ctx, "echo") }, "promote echo <nil>"},
		{func() (Swapped, error) { return c.Rollback(ctx, "echo", Terms{Policy: "drain"}, nil) }, "rollback echo {Policy:drain Force:false}"},
		{func() (Swapped, error) { return c.Restart(ctx, "echo", Terms{Force: true}, nil) }, "restart echo {Policy: Force:true}"},
		{func() (Swapped, error) { return want, c.Reset(ctx, "echo") }, "reset echo <nil>"},
	}
	for _, test := range tests {
		if done, err := test.do(); err != nil || done != want || got != test.asks {
			t.Errorf("%q: %+v, %v; the host was asked %q", test.asks, done, err, got)
		}
	}
}

// TestProgress: each word of the host arrives before its next one is there.
func TestProgress(t *testing.T) {
	heard := make(chan string)
	c, _ := open(t, func(_ context.Context, _, _ string, _ any, progress func(string)) (Swapped, error) {
		for i := range 3 {
			progress(fmt.Sprint("wait ", i))
			if got := <-heard; got != fmt.Sprint("wait ", i) {
				t.Errorf("after %d: %q", i, got)
			}
		}
		return Swapped{}, errors.New("plugin \"echo\": it hangs in its description")
	})
	_, err := c.Swap(t.Context(), "echo", Swap{Path: "/v2"}, func(what string) { heard <- what })
	if err == nil || err.Error() != "plugin \"echo\": it hangs in its description" {
		t.Errorf("error %v", err)
	}
}

// TestClientGone: the work ends with whoever asked for it.
func TestClientGone(t *testing.T) {
	begun, ended := make(chan struct{}), make(chan struct{})
	c, _ := open(t, func(ctx context.Context, _, _ string, _ any, _ func(string)) (Swapped, error) {
		close(begun)
		<-ctx.Done()
		close(ended)
		return Swapped{}, ctx.Err()
	})
	ctx, hangUp := context.WithCancel(t.Context())
	go func() {
		<-begun
		hangUp()
	}()
	if _, err := c.Restart(ctx, "echo", Terms{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	<-ended
}

// TestHostStops: work in progress ends with the host, which says so.
func TestHostStops(t *testing.T) {
	begun := make(chan struct{})
	c, stop := open(t, func(ctx context.Context, _, _ string, _ any, _ func(string)) (Swapped, error) {
		close(begun)
		<-ctx.Done()
		return Swapped{}, ctx.Err()
	})
	go func() {
		<-begun
		stop()
	}()
	if _, err := c.Restart(t.Context(), "echo", Terms{}, nil); err == nil || !strings.Contains(err.Error(), "the host is stopping") {
		t.Errorf("error %v", err)
	}
	stop()
}

// TestHostDies: a client does not take half an answer for one.
func TestHostDies(t *testing.T) {
	l, a, err := ListenDefault(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dying := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"progress":"waits"}`+"\n")
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	dying.Listener = l
	dying.Start()
	defer dying.Close()
	if _, err := NewClient(a).Promote(t.Context(), "echo"); err == nil || !strings.Contains(err.Error(), "broke off before it said what became of the promote") {
		t.Errorf("error %v", err)
	}
}

// TestBadRequests: none of them reaches the host.
func TestBadRequests(t *testing.T) {
	c, _ := open(t, func(_ context.Context, verb, name string, asked any, _ func(string)) (Swapped, error) {
		t.Errorf("the host was asked to %s %s: %+v", verb, name, asked)
		return Swapped{}, nil
	})
	tests := []struct {
		method, path, body string
		code               int
		says               string
	}{
		{"POST", "/v1/plugins/echo/swap", `{`, 400, "request:"},
		{"POST", "/v1/plugins/echo/swap", `{"path":"/v2","Paht":""}`, 400, `unknown field "Paht"`},
		{"POST", "/v1/plugins/echo/swap", `{"path":"/v2"} {}`, 400, "follows"},
		{"POST", "/v1/plugins/echo/swap", `{"path":"` + strings.Repeat("x", maxBody) + `"}`, 400, "too large"},
		{"POST", "/v1/plugins/echo/swap", ``, 400, "no path"},
		{"POST", "/v1/plugins/echo/swap", `{"path":"v2"}`, 400, "absolute"},
		{"POST", "/v1/plugins/echo/swap", `{"path":"/v2","policy":"wait"}`, 400, "drain or move"},
		{"POST", "/v1/plugins/echo/swap", `{"path":"/v2","canary":100}`, 400, "1 to 99"},
		{"POST", "/v1/plugins/echo/swap", `{"path":"/v2","canary":-1}`, 400, "1 to 99"},
		{"POST", "/v1/plugins/echo/rollback", `{"path":"/v1"}`, 400, `unknown field "path"`},
		{"POST", "/v1/plugins/echo/restart", `{"policy":"wait"}`, 400, "drain or move"},
		{"POST", "/v1/plugins/echo/promote", `{"force":true}`, 400, `unknown field "force"`},
		{"POST", "/v1/plugins/other/swap", `{"path":"/v2"}`, 404, `no plugin "other"`},
		{"POST", "/v1/plugins/other/reset", ``, 404, `no plugin "other"`},
		{"POST", "/v1/plugins/a%2Fb/reset", ``, 404, `no plugin "a/b"`},
		{"POST", "/v1/plugins/echo/explode", ``, 404, "not part of this API"},
		{"GET", "/v1/plugins/echo/swap", ``, 404, "not part of this API"},
		{"DELETE", "/v1/plugins", ``, 404, "not part of this API"},
	}
	for _, test := range tests {
		request, err := http.NewRequest(test.method, "http://localhost"+test.path, strings.NewReader(test.body))
		if err != nil {
			t.Fatal(err)
		}
		response, err := c.http.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if response.StatusCode != test.code || !bytes.Contains(text, []byte(`{"error":"`)) ||
			!strings.Contains(strings.ReplaceAll(string(text), `\"`, `"`), test.says) {
			t.Errorf("%s %s %.60s: %d %s, want %d with %q", test.method, test.path, test.body, response.StatusCode, text, test.code, test.says)
		}
	}
}

// TestPages: what a browser may send for a page is refused on a port, where it could
// come from.
func TestPages(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	resets := 0
	serve(t, l, func(context.Context, string, string, any, func(string)) (Swapped, error) {
		resets++
		return Swapped{}, nil
	})
	_, port, _ := net.SplitHostPort(l.Addr().String())
	tests := []struct {
		name, host string
		header     http.Header
		code       int
	}{
		{"curl", "127.0.0.1:" + port, nil, 200},
		{"by name", "localhost:" + port, nil, 200},
		{"its own page", "127.0.0.1:" + port, http.Header{"Origin": {"http://127.0.0.1:" + port}, "Sec-Fetch-Site": {"same-origin"}}, 200},
		{"another site", "127.0.0.1:" + port, http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403},
		{"another port of this machine", "127.0.0.1:" + port, http.Header{"Sec-Fetch-Site": {"same-site"}}, 403},
		{"an old browser", "127.0.0.1:" + port, http.Header{"Origin": {"https://example.org"}}, 403},
		{"a file", "127.0.0.1:" + port, http.Header{"Origin": {"null"}}, 403},
		{"a name that was made to mean this machine", "example.org:" + port,
			http.Header{"Origin": {"http://example.org:" + port}, "Sec-Fetch-Site": {"same-origin"}}, 403},
		{"that in an old browser", "example.org:" + port, nil, 403},
	}
	want := 0
	for _, test := range tests {
		request, err := http.NewRequest(http.MethodPost, "http://"+l.Addr().String()+"/v1/plugins/echo/reset", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = test.host
		maps.Copy(request.Header, test.header)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if test.code == 200 {
			want++
		}
		if response.StatusCode != test.code || resets != want {
			t.Errorf("%s: %d %s after %d resets, want %d and %d", test.name, response.StatusCode, text, resets, test.code, want)
		}
	}
	// Nor may such a page read.
	request, _ := http.NewRequest(http.MethodGet, "http://"+l.Addr().String()+"/metrics", nil)
	request.Host = "example.org"
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusForbidden {
		t.Errorf("GET for example.org: %s", response.Status)
	}
}

func TestMetrics(t *testing.T) {
	c, _ := open(t, nil)
	response, err := c.http.Get("http://localhost/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if text, _ := io.ReadAll(response.Body); string(text) != "numbers 1\n" {
		t.Errorf("%s %q", response.Status, text)
	}
}
