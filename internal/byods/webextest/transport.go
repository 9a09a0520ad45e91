package webextest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
)

// recorder is a response that is still in memory.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (r *recorder) Header() http.Header { return r.header }

// WriteHeader implements http.ResponseWriter: the first status counts.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

// Write implements http.ResponseWriter.
func (r *recorder) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(p)
}

// send writes it to where it was asked for.
func (r *recorder) send(w http.ResponseWriter) {
	maps.Copy(w.Header(), r.header)
	w.WriteHeader(r.status)
	_, _ = w.Write(r.body.Bytes()) // a client that has gone is no matter
}

// response is what a client gets.
func (r *recorder) response(q *http.Request) *http.Response {
	r.WriteHeader(http.StatusOK)
	return &http.Response{
		Status: fmt.Sprintf("%d %s", r.status, http.StatusText(r.status)), StatusCode: r.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: r.header, Body: io.NopCloser(&r.body), ContentLength: int64(r.body.Len()), Request: q,
	}
}

// InMemory carries requests to a handler, whatever their host is, in the goroutine of
// the one who asks. The handler must return when its request's context ends.
// http.ErrAbortHandler breaks the connection, as it does in a server.
func InMemory(h http.Handler) http.RoundTripper { return inMemory{h} }

type inMemory struct{ handler http.Handler }

// RoundTrip implements http.RoundTripper.
func (t inMemory) RoundTrip(q *http.Request) (*http.Response, error) {
	if q.Body != nil {
		defer q.Body.Close()
	}
	if q.Context().Err() != nil {
		return nil, context.Cause(q.Context())
	}
	r := &recorder{header: http.Header{}}
	broken := serve(t.handler, r, arrived(q))
	if q.Context().Err() != nil {
		return nil, context.Cause(q.Context())
	}
	if broken {
		return nil, fmt.Errorf("%s: the connection broke: %w", q.URL.Host, io.ErrUnexpectedEOF)
	}
	return r.response(q), nil
}

// arrived is a client's request as a server sees it.
func arrived(q *http.Request) *http.Request {
	in := q.Clone(q.Context())
	if in.Method == "" {
		in.Method = http.MethodGet
	}
	if in.Host == "" {
		in.Host = q.URL.Host
	}
	if in.Body == nil {
		in.Body = http.NoBody
	}
	if in.ContentLength > 0 {
		in.Header.Set("Content-Length", strconv.FormatInt(in.ContentLength, 10))
	}
	in.RequestURI, in.RemoteAddr = q.URL.RequestURI(), "192.0.2.1:1234"
	return in
}

// serve has a request answered, and tells if the handler broke the connection.
func serve(h http.Handler, w http.ResponseWriter, q *http.Request) (broken bool) {
	defer func() {
		if p := recover(); p != nil {
			err, isError := p.(error)
			if !isError || !errors.Is(err, http.ErrAbortHandler) {
				panic(p)
			}
			broken = true
		}
	}()
	h.ServeHTTP(w, q)
	return false
}
