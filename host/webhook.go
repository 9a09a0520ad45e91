package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"time"
)

// hooks receives what Webex delivers.
type hooks struct{ http http.Server }

// newHooks makes the server of one path. What comes has to come fast, and be short.
func newHooks(target string, receiver http.Handler) (*hooks, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, fmt.Errorf("byods.webhook.url: %w", err)
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, q *http.Request) {
		if q.URL.EscapedPath() != path {
			http.NotFound(w, q)
			return
		}
		receiver.ServeHTTP(w, q)
	})
	return &hooks{http.Server{
		Handler: mux, MaxHeaderBytes: 16 << 10, ErrorLog: log.New(io.Discard, "", 0), // of clients that break off
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute,
	}}, nil
}

// Serve answers on a listener until Stop; the error is nil after that.
func (s *hooks) Serve(l net.Listener) error {
	if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve webhooks: %w", err)
	}
	return nil
}

// Stop lets deliveries be answered until ctx ends, then cuts them.
func (s *hooks) Stop(ctx context.Context) error {
	if err := s.http.Shutdown(ctx); err != nil {
		return errors.Join(err, s.http.Close())
	}
	return nil
}
