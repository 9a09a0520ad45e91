package webex

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/byova-host/byova-host/internal/byods/webextest"
)

// TestBackoff: the waits grow, are spread over the whole of their range, and end
// growing, however often a request is tried.
func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const tries = 80
		var at []time.Time
		c := New(Config{Rate: 1e6, Tries: tries, HTTP: script(func(*http.Request) *http.Response {
			at = append(at, time.Now())
			return says(500, "{}")
		})})
		if _, err := c.DataSources(t.Context(), StaticToken("t")); !errors.Is(err, ErrUnavailable) {
			t.Error(err)
		}
		if len(at) != tries {
			t.Fatalf("%d requests, want %d", len(at), tries)
		}
		short, long := 0, 0
		for i, now := range at[1:] {
			wait := now.Sub(at[i])
			if wait > min(firstWait<<min(i, 20), maxWait/2) {
				t.Errorf("wait %d is %v", i, wait)
			}
			if i > 10 && wait < maxWait/8 {
				short++
			}
			if i > 10 && wait > maxWait*3/8 {
				long++
			}
		}
		if short < 3 || long < 3 {
			t.Errorf("%d short waits and %d long ones of %d", short, long, tries)
		}
	})
}

// TestLongPause: when Webex asks for more time than anybody waits, they are told, and
// those who come meanwhile as well, without another request.
func TestLongPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, webextest.Config{}, nil)
		d.Fail(webextest.Fault{Path: "/v1/dataSources", Status: 429, RetryAfter: "600", Times: 1})
		began := time.Now()
		for i, want := range []time.Duration{10 * time.Minute, 10 * time.Minute} {
			_, err := d.DataSources(t.Context(), d.customer)
			e, ok := errors.AsType[*Error](err)
			if !ok || !errors.Is(err, ErrRateLimited) || e.RetryAfter != want || e.Path != "/dataSources/" || time.Since(began) != 0 {
				t.Errorf("%d: %v, %v, after %v", i, err, e, time.Since(began))
			}
		}
		if n := len(d.Requests()); n != 1 {
			t.Errorf("%d requests, want 1", n)
		}
		time.Sleep(9*time.Minute + 30*time.Second)
		if _, err := d.DataSources(t.Context(), d.customer); err != nil || time.Since(began) != 10*time.Minute {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

// TestAbsurdPause: nothing that Webex asks for shuts the client for good.
func TestAbsurdPause(t *testing.T) {
	for _, header := range []string{"999999999", "99999999999999999999", "Fri, 26 Nov 2399 10:00:30 GMT"} {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(t, webextest.Config{}, nil)
			d.Fail(webextest.Fault{Path: "/v1/dataSources", Status: 429, RetryAfter: header, Times: 1})
			_, err := d.DataSources(t.Context(), d.customer)
			if e, ok := errors.AsType[*Error](err); !ok || e.Status != 429 || e.RetryAfter < 24*time.Hour {
				t.Errorf("%s: %v", header, err)
			}
			time.Sleep(time.Hour)
			if _, err := d.DataSources(t.Context(), d.customer); err != nil {
				t.Errorf("%s: an hour later: %v", header, err)
			}
		})
	}
}

// TestTooLate: what would not be sent before its deadline fails at once, and says why.
func TestTooLate(t *testing.T) {
	t.Run("Webex has asked to wait", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(t, webextest.Config{}, func(c *Config) { c.Tries = 1 })
			d.Fail(webextest.Fault{Path: "/v1/dataSources", Status: 429, RetryAfter: "30", Times: 1})
			_, _ = d.DataSources(t.Context(), d.customer)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			began := time.Now()
			_, err := d.DataSources(ctx, d.customer)
			if e, ok := errors.AsType[*Error](err); !ok || !errors.Is(err, ErrRateLimited) || e.RetryAfter != 30*time.Second || time.Since(began) != 0 {
				t.Errorf("%v after %v", err, time.Since(began))
			}
		})
	})
	t.Run("the rate", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := New(Config{Rate: 0.1, HTTP: script(func(*http.Request) *http.Response { return says(200, `{"items":[]}`) })})
			if _, err := c.DataSources(t.Context(), StaticToken("t")); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			began := time.Now()
			_, err := c.DataSources(ctx, StaticToken("t"))
			e, ok := errors.AsType[*Error](err)
			if !ok || e.Path != "/dataSources/" || !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrUnavailable) || time.Since(began) != 0 {
				t.Errorf("%v after %v", err, time.Since(began))
			}
		})
	})
}

// TestCancel: who gives up while a request waits to be tried again learns both why it
// waited and that it ended.
func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, webextest.Config{}, nil)
		d.Fail(webextest.Fault{Path: "/v1/dataSources", Status: 503, RetryAfter: "20"})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(5*time.Second, cancel)
		began := time.Now()
		_, err := d.DataSources(ctx, d.customer)
		if !errors.Is(err, context.Canceled) || !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "503") || time.Since(began) != 5*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, webextest.Config{}, func(c *Config) { c.Tries = 1 })
		d.Fail(webextest.Fault{Path: "/v1/dataSources", Status: 429, RetryAfter: "20", Times: 1})
		_, _ = d.DataSources(t.Context(), d.customer)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(5*time.Second, cancel)
		began := time.Now()
		if _, err := d.DataSources(ctx, d.customer); !errors.Is(err, context.Canceled) || time.Since(began) != 5*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		if n := len(d.Requests()); n != 1 {
			t.Errorf("%d requests, want 1", n)
		}
	})
}

// TestServerClock: a date in Retry-After is by the clock of who wrote it.
func TestServerClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		there := time.Now().Add(-3 * time.Hour).UTC()
		c := always(429, "{}", "Date", there.Format(http.TimeFormat), "Retry-After", there.Add(40*time.Second).Format(http.TimeFormat))
		_, err := c.DataSources(t.Context(), StaticToken("t"))
		if e, ok := errors.AsType[*Error](err); !ok || e.RetryAfter != 40*time.Second {
			t.Error(err)
		}
	})
}

func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"", "5", "-1", "+7", "1e9", "99999999999999999999", "Thu, 26 Nov 2026 10:00:30 GMT", "Thursday, 26-Nov-26 10:00:30 GMT"} {
		f.Add(seed)
	}
	now := time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		got := retryAfter(text, now)
		if got < 0 || got > 365*24*time.Hour {
			t.Errorf("%q is %v", text, got)
		}
		digits := strings.Trim(text, "0123456789") == "" && strings.Trim(text, "0") != ""
		if digits && got == 0 {
			t.Errorf("%q is nothing", text)
		}
	})
}
