package webextest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/byova-host/byova-host/internal/byods/webextest"
)

// TestFaults: what each one does, to which requests, and how often.
func TestFaults(t *testing.T) {
	tests := []struct {
		name   string
		fault  webextest.Fault
		status []int  // of GET /dataSources, three times; 0: the connection breaks
		other  int    // of GET /dataSources/schemas/x, which is 404 of itself
		body   string // of the first
		after  string // Retry-After of the first
		took   time.Duration
	}{
		{name: "none", fault: webextest.Fault{Path: "/v1/webhooks", Status: 500}, status: []int{200, 200, 200}, other: 404, body: `{"items":[]}`},
		{name: "always", fault: webextest.Fault{Status: 503}, status: []int{503, 503, 503}, other: 503, body: "Service Unavailable"},
		{name: "twice", fault: webextest.Fault{Path: "/v1/dataSources", Times: 2, Status: 500}, status: []int{500, 500, 200}, other: 404},
		{name: "a longer path", fault: webextest.Fault{Path: "/v1/dataSources/", Status: 500}, status: []int{200, 200, 200}, other: 500},
		{name: "another method", fault: webextest.Fault{Method: "PUT", Status: 500}, status: []int{200, 200, 200}, other: 404},
		{name: "this method", fault: webextest.Fault{Method: "GET", Status: 500, Times: 1}, status: []int{500, 200, 200}, other: 404},
		{name: "with a date", fault: webextest.Fault{Status: 429, Times: 1, RetryAfter: "Wed, 21 Oct 2015 07:28:00 GMT"},
			status: []int{429, 200, 200}, other: 404, after: "Wed, 21 Oct 2015 07:28:00 GMT"},
		{name: "another body", fault: webextest.Fault{Body: "{", Times: 1}, status: []int{200, 200, 200}, other: 404, body: "{"},
		{name: "another body of an error", fault: webextest.Fault{Body: "<html>", Status: 502, Times: 1}, status: []int{502, 200, 200}, other: 404, body: "<html>"},
		{name: "late", fault: webextest.Fault{Delay: time.Minute, Times: 1}, status: []int{200, 200, 200}, other: 404, took: time.Minute},
		{name: "late error", fault: webextest.Fault{Delay: time.Minute, Status: 504, Times: 1}, status: []int{504, 200, 200}, other: 404, took: time.Minute},
		{name: "broken", fault: webextest.Fault{Break: true, Times: 1}, status: []int{0, 200, 200}, other: 404},
		{name: "no error", fault: webextest.Fault{Status: 201, Times: 1}, status: []int{201, 200, 200}, other: 404},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := start(t, webextest.Config{})
				token := w.customer(customer)
				header := http.Header{"Authorization": {"Bearer " + token}}
				w.Requests()
				w.Fail(test.fault)
				began := time.Now()
				for i, want := range test.status {
					status, text, after := w.raw("/dataSources", header)
					if status != want {
						t.Errorf("request %d got %d, want %d", i, status, want)
					}
					if i > 0 {
						continue
					}
					if !strings.Contains(text, test.body) || after != test.after || time.Since(began) != test.took {
						t.Errorf("got %q, Retry-After %q, after %v", text, after, time.Since(began))
					}
				}
				if status, _, _ := w.raw("/dataSources/schemas/x", header); status != test.other {
					t.Errorf("the other request got %d, want %d", status, test.other)
				}
				w.ClearFaults()
				if status, _, _ := w.raw("/dataSources", header); status != 200 {
					t.Errorf("without faults: %d", status)
				}
				all := w.Requests()
				for i, want := range append(test.status, test.other, 200) {
					if all[i].Status != want || !all[i].Authorized || all[i].At.Before(began) {
						t.Errorf("request %d is noted as %+v, want status %d", i, all[i], want)
					}
				}
				if len(all) != len(test.status)+2 || len(w.Requests()) != 0 {
					t.Errorf("%d requests are noted", len(all))
				}
			})
		})
	}
}

// raw asks and gives the answer as it is; 0: there was none.
func (w *webex) raw(path string, header http.Header) (status int, text, retryAfter string) {
	w.t.Helper()
	q, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.API()+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	q.Header = header
	r, err := w.carrier.RoundTrip(q)
	if err != nil {
		if !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
			w.t.Error(err)
		}
		return 0, "", ""
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.t.Error(err)
	}
	return r.StatusCode, string(body), r.Header.Get("Retry-After")
}

// TestFaultsInTurn: the first that matches counts, until it is used up.
func TestFaultsInTurn(t *testing.T) {
	w := start(t, webextest.Config{})
	w.Fail(webextest.Fault{Status: 500, Times: 1})
	w.Fail(webextest.Fault{Status: 503, Times: 1})
	for _, want := range []int{500, 503, 401} {
		w.ask(want, "GET", "/dataSources", "", nil)
	}
}

// TestLate: the request counts although its answer is lost or replaced.
func TestLate(t *testing.T) {
	for name, fault := range map[string]webextest.Fault{
		"lost":     {Method: "POST", Path: "/v1/dataSources", Late: true, Break: true, Times: 1},
		"replaced": {Method: "POST", Path: "/v1/dataSources", Late: true, Status: 504, Times: 1},
		"delayed":  {Method: "POST", Path: "/v1/dataSources", Late: true, Delay: time.Minute, Times: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := start(t, webextest.Config{})
				token := w.customer(customer)
				header := http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}}
				body := `{"schemaId":"` + voice + `","url":"https://b.example.com","audience":"a","subject":"s","nonce":"n","tokenLifetimeMinutes":60}`
				w.Fail(fault)
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				r, err := w.send(ctx, "POST", "/dataSources", header, strings.NewReader(body))
				if err == nil && r.status != 504 {
					t.Errorf("answered %d", r.status)
				}
				if name == "delayed" && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("delayed beyond the client's patience: %v", err)
				}
				w.ask(409, "POST", "/dataSources", token, body)
			})
		})
	}
}

// TestDelayedClose: nobody waits for an answer of a server that is closed.
func TestDelayedClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, webextest.Config{})
		w.Fail(webextest.Fault{Delay: time.Hour})
		answered := make(chan error, 1)
		go func() {
			_, err := w.send(t.Context(), "GET", "/dataSources", http.Header{}, nil)
			answered <- err
		}()
		synctest.Wait()
		began := time.Now()
		if err := w.Close(); err != nil || time.Since(began) != 0 {
			t.Errorf("Close took %v, %v", time.Since(began), err)
		}
		if err := <-answered; err == nil {
			t.Error("a closed server answers")
		}
	})
}

// TestBreak: over a socket, the connection is closed without an answer.
func TestBreak(t *testing.T) {
	w := start(t, webextest.Config{})
	if err := w.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if err := w.Start("127.0.0.1:0"); err == nil {
		t.Error("it starts twice")
	}
	carrier := &http.Transport{}
	defer carrier.CloseIdleConnections()
	w.carrier = carrier
	w.Fail(webextest.Fault{Break: true, Times: 1})
	if status, _, _ := w.raw("/dataSources", http.Header{}); status != 0 {
		t.Errorf("answered %d", status)
	}
	w.ask(401, "GET", "/dataSources", "", nil)
}

// TestRate: requests above the limit get 429 and how long to wait, which is enough.
func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, webextest.Config{Rate: 5})
		burst := func() (answered int) {
			for range 8 {
				status, _, after := w.raw("/dataSources/schemas", http.Header{})
				switch status {
				case 401:
					answered++
				case 429:
					if wait, err := strconv.Atoi(after); err != nil || wait != 1 {
						t.Errorf("Retry-After %q", after)
					}
				default:
					t.Errorf("answered %d", status)
				}
			}
			return answered
		}
		for wait, want := range []int{5, 5, 5} {
			if n := burst(); n != want {
				t.Errorf("%d of 8 requests at once are answered, want %d", n, want)
			}
			time.Sleep(time.Duration(wait+1) * time.Second) // more than full it does not get
		}
		burst()
		time.Sleep(400 * time.Millisecond)
		if n := burst(); n != 2 {
			t.Errorf("%d requests are answered after 0.4 s, want 2", n)
		}
		w.ask(429, "GET", "/dataSources", "", nil)
		w.keySet(w.Issuer()) // not of the API, not limited
	})
}

// TestLateAnswer: a request that is carried out and answered late is carried out once.
func TestLateAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, webextest.Config{})
		token := w.customer(customer)
		w.Fail(webextest.Fault{Late: true, Delay: time.Minute, Times: 1})
		began := time.Now()
		made := w.ask(200, "POST", "/dataSources", token, spec(nil))
		if time.Since(began) != time.Minute || made.str("createdAt") != began.UTC().Format("2006-01-02T15:04:05.000Z") {
			t.Errorf("answered after %v: %s", time.Since(began), made.text)
		}
	})
}
