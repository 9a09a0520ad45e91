package webex

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/byova-host/byova-host/internal/byods/webextest"
)

// script is a Webex of one function, for answers that no real one should give.
type script func(*http.Request) *http.Response

func (s script) RoundTrip(q *http.Request) (*http.Response, error) {
	if q.Body != nil {
		defer q.Body.Close()
	}
	return s(q), nil
}

// says is an answer in JSON, with more headers by name and value.
func says(status int, body string, header ...string) *http.Response {
	r := &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(body)),
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

// always gives a client whose Webex always says the same.
func always(status int, body string, header ...string) *Client {
	return New(Config{Tries: 1, HTTP: script(func(*http.Request) *http.Response { return says(status, body, header...) })})
}

// TestRefusals: what is said is found in whatever shape it comes, and bounded.
func TestRefusals(t *testing.T) {
	long := strings.Repeat(`{"description":"again"},`, 50)
	tests := []struct{ name, body, want string }{
		{"as documented", `{"message":"no","errors":[{"description":"because"}],"trackingId":"T1"}`, "no: because (trackingId T1)"},
		{"a message that is none", `{"message":{"a":1},"errors":[{"description":"because"}],"trackingId":"T1"}`, "because (trackingId T1)"},
		{"errors that are none", `{"message":"no","errors":"x","trackingId":"T1"}`, "no (trackingId T1)"},
		{"errors of several kinds", `{"message":"no","errors":["x",7,null,{"description":7},{"description":"because"}]}`, "no: because"},
		{"an error said twice", `{"message":"no","errors":[{"description":"no"}]}`, ": no"},
		{"OAuth's", `{"error":"invalid_grant","error_description":"it has expired"}`, "invalid_grant it has expired"},
		{"OAuth's error that is none", `{"error":{"key":"x"},"message":"no"}`, ": no"},
		{"many", `{"message":"no","errors":[` + long + `{"description":"last"}]}`, "no: again: again: again: again: again"},
		{"a number as tracking id", `{"message":"no","trackingId":7}`, ": no"},
		{"a text that turns around", `{"message":"a\u202eb\u0000c\u2028d"}`, "a b c d"},
		{"nothing", ``, "400 Bad Request"},
		{"an empty object", `{}`, "400 Bad Request"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := always(400, test.body).DataSource(t.Context(), StaticToken("token"), "id")
			if err == nil || !errors.Is(err, ErrValidation) || !strings.HasSuffix(err.Error(), test.want) {
				t.Errorf("%v, want ...%s", err, test.want)
			}
		})
	}
}

// TestEchoes: Webex's words are shown, but not the secrets that it was just told.
func TestEchoes(t *testing.T) {
	c := New(Config{HTTP: script(func(q *http.Request) *http.Response {
		body, _ := io.ReadAll(q.Body)
		_, token, _ := strings.Cut(q.Header.Get("Authorization"), " ")
		said := strings.NewReplacer(`"`, "'", "&", " ").Replace(string(body))
		return says(400, `{"message":"cannot take `+said+`","errors":[{"description":"of `+token+`"}]}`)
	})})
	auth := StaticToken("hunter2-token")
	app := App{"Cclient", "hunter2-client"}
	ctx := context.Background()
	for name, do := range map[string]func() error{
		"a nonce": func() error {
			_, err := c.CreateDataSource(ctx, auth, DataSourceSpec{"schema", "https://x", "audience", "subject", "hunter2-nonce", maxLifetime, "", ""})
			return err
		},
		"a webhook's secret": func() error {
			_, err := c.CreateWebhook(ctx, auth, NewWebhook{Name: "n", Secret: "hunter2-hook"})
			return err
		},
		"another": func() error {
			_, err := c.UpdateWebhook(ctx, auth, "id", WebhookUpdate{Name: "n", Secret: "hunter2-hook"})
			return err
		},
		"a client's secret": func() error { _, err := c.ServiceAppToken(ctx, auth, app, "id", "org"); return err },
		"a refresh token":   func() error { _, err := c.RefreshToken(ctx, app, "hunter2-refresh"); return err },
		"a code":            func() error { _, err := c.Exchange(ctx, app, "http://127.0.0.1", "hunter2-code"); return err },
	} {
		if err := do(); !errors.Is(err, ErrValidation) || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "cannot take") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestUnreadable: an answer that came, but says nothing of use. What came of the
// request is then not known.
func TestUnreadable(t *testing.T) {
	get := func(c *Client) error {
		_, err := c.DataSource(context.Background(), StaticToken("t"), "id")
		return err
	}
	list := func(c *Client) error { _, err := c.DataSources(context.Background(), StaticToken("t")); return err }
	schemas := func(c *Client) error { _, err := c.Schemas(context.Background(), StaticToken("t")); return err }
	hooks := func(c *Client) error { _, err := c.Webhooks(context.Background(), StaticToken("t")); return err }
	create := func(c *Client) error {
		_, err := c.CreateDataSource(context.Background(), StaticToken("t"), DataSourceSpec{"schema", "https://x", "audience", "subject", "nonce", maxLifetime, "", ""})
		return err
	}
	fetch := func(c *Client) error {
		_, err := c.ServiceAppToken(context.Background(), StaticToken("t"), App{"C", "hunter2"}, "id", "org")
		return err
	}
	tests := []struct {
		name string
		do   func(*Client) error
		kind string // of content
		body string
		want string
	}{
		{"HTML", get, "text/html; charset=utf-8", "<html>hunter2", "text/html"},
		{"JSON that says it is HTML", get, "text/html", `{"id":"hunter2"}`, "text/html"},
		{"half a JSON", get, "application/json", `{"id":"hunter2`, "JSON"},
		{"a list", get, "application/json", `["hunter2"]`, "JSON"},
		{"nothing", get, "application/json", ``, "JSON"},
		{"null", get, "application/json", `null`, "no id"},
		{"a data source without an id", create, "application/json", `{"url":"hunter2"}`, "no id"},
		{"a data source whose id is a number", get, "application/json", `{"id":7}`, "no id"},
		{"a list of one without an id", list, "application/json", `{"items":[{"id":"a"},{"url":"hunter2"}]}`, "no id"},
		{"a list without items", list, "application/json", `{"message":"hunter2"}`, "no items"},
		{"webhooks without items", hooks, "application/json", `{}`, "no items"},
		{"a webhook without an id", hooks, "application/json", `{"items":[{"name":"hunter2"}]}`, "no id"},
		{"schemas without items", schemas, "application/json", `{}`, "no items"},
		{"a token without an end", fetch, "application/json", `{"access_token":"hunter2"}`, "expires_in"},
		{"a token that has ended", fetch, "application/json", `{"access_token":"hunter2","expires_in":0}`, "expires_in"},
		{"no token", fetch, "application/json", `{"expires_in":60}`, "access_token"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := test.do(always(200, test.body, "Content-Type", test.kind, "trackingid", "T1"))
			e, ok := errors.AsType[*Error](err)
			if !ok || e.Status != 200 || !errors.Is(err, ErrUnavailable) || e.TrackingID != "T1" {
				t.Fatalf("%v", err)
			}
			if text := err.Error(); !strings.Contains(text, test.want) || strings.Contains(text, "hunter2") || strings.Contains(text, "no answer") {
				t.Errorf("%v, want %s", err, test.want)
			}
		})
	}
	if all, err := always(200, `{"items":null}`).DataSources(t.Context(), StaticToken("t")); err != nil || all == nil || len(all) != 0 {
		t.Errorf("an empty list: %v, %v", all, err)
	}
	if err := always(204, ``).DeleteDataSource(t.Context(), StaticToken("t"), "id"); err != nil {
		t.Error(err)
	}
	if all, err := always(200, `{"items":[]}`, "Content-Type", "application/vnd.webex+json").DataSources(t.Context(), StaticToken("t")); err != nil {
		t.Errorf("%v, %v", all, err)
	}
}

// TestOddTimes: a time that cannot be read is none, and takes nothing else with it.
func TestOddTimes(t *testing.T) {
	hooks, err := always(200, `{"items":[{"id":"a","name":"n","created":"soon"},{"id":"b","created":null},{"id":"c","created":"2026-11-26T10:00:00.000Z"}]}`).
		Webhooks(t.Context(), StaticToken("t"))
	if err != nil || len(hooks) != 3 || hooks[0].Name != "n" || !hooks[0].Created.IsZero() || hooks[2].Created.IsZero() {
		t.Errorf("%v, %v", hooks, err)
	}
	schemas, err := always(200, `{"items":[{"id":"a","protocol":"gRPC","createdAt":7},{"id":"b","createdAt":"2026-11-26T10:00:00.000+0000"}]}`).
		Schemas(t.Context(), StaticToken("t"))
	if err != nil || len(schemas) != 2 || schemas[0].Protocol != "gRPC" || schemas[1].CreatedAt.IsZero() {
		t.Errorf("%v, %v", schemas, err)
	}
}

// TestRedirects: a token goes where it was sent, and nowhere else.
func TestRedirects(t *testing.T) {
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	server := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	c := New(Config{API: server.URL, HTTP: transport})
	_, err := c.DataSources(t.Context(), StaticToken("token"))
	if e, ok := errors.AsType[*Error](err); !ok || e.Status != http.StatusTemporaryRedirect || !strings.Contains(err.Error(), "redirect") {
		t.Error(err)
	}
	_, err = c.RefreshToken(t.Context(), App{"C", "secret"}, "refresh")
	if e, ok := errors.AsType[*Error](err); !ok || e.Status != http.StatusTemporaryRedirect || !strings.Contains(err.Error(), "redirect") {
		t.Error(err)
	}
	if n := elsewhere.Load(); n != 0 {
		t.Errorf("%d requests elsewhere", n)
	}
}

// TestBrokenConnections, on real sockets: within the header, within the body, at once.
func TestBrokenConnections(t *testing.T) {
	for name, written := range map[string]string{
		"at once":           "",
		"within the header": "HTTP/1.1 200 OK\r\nContent-",
		"within the body":   "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"id\":\"hunter2\"}",
		"within a chunk":    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n{\"id\":\"hunter2\"}",
		"with no HTTP":      "hunter2\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				asked.Add(1)
				conn, buffer, err := w.(http.Hijacker).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				defer conn.Close()
				fmt.Fprint(buffer, written)
				buffer.Flush()
			}))
			defer server.Close()
			transport := &http.Transport{DisableKeepAlives: true}
			c := New(Config{API: server.URL, HTTP: transport, Tries: 2})
			ask := map[string]func() error{
				"POST": func() error { return c.Do(t.Context(), StaticToken("t"), http.MethodPost, "/x", 1, new(any)) },
				"PUT":  func() error { return c.Do(t.Context(), StaticToken("t"), http.MethodPut, "/x", 1, new(any)) },
			}
			for method, want := range map[string]int32{"POST": 1, "PUT": 2} {
				asked.Store(0)
				err := ask[method]()
				if _, ok := errors.AsType[*Error](err); !ok || !errors.Is(err, ErrUnavailable) || strings.Contains(err.Error(), "hunter2") {
					t.Errorf("%s: %v", method, err)
				}
				if n := asked.Load(); n != want {
					t.Errorf("%s was sent %d times, want %d", method, n, want)
				}
			}
		})
	}
}

// TestEndless: an answer without an end is read to a limit, and no further.
func TestEndless(t *testing.T) {
	var read atomic.Int64
	body := struct {
		io.Reader
		io.Closer
	}{countingReader{&read}, io.NopCloser(nil)}
	c := New(Config{Tries: 1, HTTP: script(func(*http.Request) *http.Response {
		r := says(200, "")
		r.Body = body
		return r
	})})
	_, err := c.DataSources(t.Context(), StaticToken("t"))
	if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "bytes") || read.Load() > maxAnswer+bufio.MaxScanTokenSize {
		t.Errorf("%v after %d bytes", err, read.Load())
	}
}

type countingReader struct{ n *atomic.Int64 }

func (r countingReader) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	r.n.Add(int64(len(p)))
	return len(p), nil
}

// TestRefusedRenewals: why a token could not be renewed decides what is to be done,
// not that it was refused.
func TestRefusedRenewals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, webextest.Config{}, nil)
		d.Fail(webextest.Fault{Path: "/v1/dataSources", Status: 401, Times: 1})
		d.Fail(webextest.Fault{Path: "/v1/access_token", Status: 500})
		_, err := d.DataSources(t.Context(), d.customer)
		if !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrAuthentication) || !strings.Contains(err.Error(), "trackingId") {
			t.Error(err)
		}
		d.ClearFaults()
		d.Fail(webextest.Fault{Path: "/v1/dataSources", Status: 403})
		before := d.customer.renewals
		if _, err = d.DataSources(t.Context(), d.customer); !errors.Is(err, ErrAuthentication) || d.customer.renewals != before {
			t.Errorf("403: %v, %d renewals", err, d.customer.renewals-before)
		}
	})
}
