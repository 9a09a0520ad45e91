package webextest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/byova-host/byova-host/internal/byods/webextest"
)

// closeNoting notes that it was closed.
type closeNoting struct {
	io.Reader
	closed bool
}

func (c *closeNoting) Close() error { c.closed = true; return nil }

// TestInMemory: a handler sees a request as from a socket, and a client the answer.
func TestInMemory(t *testing.T) {
	body := &closeNoting{Reader: strings.NewReader("hello")}
	q, err := http.NewRequestWithContext(t.Context(), "", "https://a.example.com/b%2Fc?d=e", body)
	if err != nil {
		t.Fatal(err)
	}
	q.ContentLength = 5
	q.Header.Set("X", "1")
	r, err := webextest.InMemory(http.HandlerFunc(func(w http.ResponseWriter, in *http.Request) {
		text, err := io.ReadAll(in.Body)
		if string(text) != "hello" || err != nil || in.Method != http.MethodGet || in.Host != "a.example.com" || in.RequestURI != "/b%2Fc?d=e" ||
			in.Header.Get("X") != "1" || in.Header.Get("Content-Length") != "5" || in.RemoteAddr == "" {
			t.Errorf("request %+v with %q, %v", in, text, err)
		}
		in.Header.Set("X", "2")
		w.Header().Set("Y", "3")
		w.WriteHeader(http.StatusCreated)
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, "answer")
	})).RoundTrip(q)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if string(text) != "answer" || err != nil || r.StatusCode != http.StatusCreated || r.Status != "201 Created" || r.Header.Get("Y") != "3" ||
		r.ContentLength != 6 || r.Request != q {
		t.Errorf("response %+v with %q, %v", r, text, err)
	}
	if !body.closed || q.Header.Get("X") != "1" {
		t.Error("the client's request was changed, or its body left open")
	}
}

// TestInMemoryDefaults: a handler that says nothing answers 200, and one without a
// body gets an empty one.
func TestInMemoryDefaults(t *testing.T) {
	client := &http.Client{Transport: webextest.InMemory(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		if n, err := q.Body.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("body gives %d, %v", n, err)
		}
	}))}
	r, err := client.Get("https://a.example.com/")
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatal(r, err)
	}
	r.Body.Close()
}

// TestInMemoryEnds: contexts and broken connections are what they are with sockets,
// and other panics stay panics.
func TestInMemoryEnds(t *testing.T) {
	reason := errors.New("the reason")
	gone, cancel := context.WithCancelCause(t.Context())
	ask := func(ctx context.Context, h http.HandlerFunc) error {
		q, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://a.example.com/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r, err := webextest.InMemory(h).RoundTrip(q)
		if err == nil {
			r.Body.Close()
		}
		return err
	}
	if err := ask(t.Context(), func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a handler that aborts: %v", err)
	}
	if err := ask(gone, func(http.ResponseWriter, *http.Request) { cancel(reason) }); !errors.Is(err, reason) {
		t.Errorf("a context that ends meanwhile: %v", err)
	}
	if err := ask(gone, func(http.ResponseWriter, *http.Request) { t.Error("a request without context arrives") }); !errors.Is(err, reason) {
		t.Errorf("a context that has ended: %v", err)
	}
	defer func() {
		if p := recover(); p != "a bug" {
			t.Errorf("the panic of a handler became %v", p)
		}
	}()
	_ = ask(t.Context(), func(http.ResponseWriter, *http.Request) { panic("a bug") })
}
