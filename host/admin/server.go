package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Host is what the API shows and changes. A progress func is called by the goroutine
// of the call that got it.
type Host interface {
	Plugins() []Plugin
	Swap(ctx context.Context, name string, s Swap, progress func(string)) (Swapped, error)
	Promote(ctx context.Context, name string) (Swapped, error)
	Rollback(ctx context.Context, name string, t Terms, progress func(string)) (Swapped, error)
	Restart(ctx context.Context, name string, t Terms, progress func(string)) (Swapped, error)
	Reset(name string) error
	Calls() []Call
	// Trace begins a trace of the call that is meant by an id. The error says that there
	// is none.
	Trace(id string, o TraceOptions) (Tracing, error)
}

// Plugin is what there is to know of a generation of a plugin.
type Plugin struct {
	Name       string `json:"name"`
	Version    string `json:"version"`
	SDK        string `json:"sdk"` // library and version it was built with
	Path       string `json:"path"`
	SHA256     string `json:"sha256"`
	Generation int    `json:"generation"`
	Pid        int    `json:"pid"`
	Sessions   int    `json:"sessions"`
	State      string `json:"state"`    // starting, running, restarting, broken, canary or draining
	Restarts   int    `json:"restarts"` // after it ended by itself
	Percent    int    `json:"percent"`  // of new calls
	Error      string `json:"error,omitempty"`
}

// Server serves the API.
type Server struct {
	http http.Server
	stop context.CancelCauseFunc // ends the requests
}

// errStopping is why requests end with the host.
var errStopping = errors.New("the host is stopping")

// NewServer makes a server in front of a host and its metrics.
func NewServer(host Host, metrics http.Handler) *Server {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics)
	mux.HandleFunc("GET /v1/plugins", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, host.Plugins())
	})
	handleActs(mux, host)
	handleCalls(mux, host)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusNotFound, "%s %s is not part of this API", r.Method, r.URL.Path)
	})
	ctx, stop := context.WithCancelCause(context.Background())
	return &Server{stop: stop, http: http.Server{
		Handler: onlyFromHere(mux), BaseContext: func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, IdleTimeout: time.Minute,
	}}
}

// onlyFromHere keeps web pages out that a browser on this machine shows: those of
// other origins, and those whose name somebody has made to mean this machine.
func onlyFromHere(next http.Handler) http.Handler {
	origins := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := origins.Check(r); err != nil {
			refuse(w, http.StatusForbidden, "%v", err)
			return
		}
		if at, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && at.Network() != "unix" && !loopback(r.Host) {
			refuse(w, http.StatusForbidden, "the request is for %q: name the host localhost or by its loopback address", r.Host)
			return
		}
		next.ServeHTTP(w, r)
	})
}

type apiError struct {
	Error string `json:"error"`
}

func refuse(w http.ResponseWriter, code int, format string, args ...any) {
	answer(w, code, apiError{fmt.Sprintf(format, args...)})
}

func answer(w http.ResponseWriter, code int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(value) // a client that has gone is not our error
}

// Serve answers on a listener until Stop; the error is nil after that.
func (s *Server) Serve(l net.Listener) error {
	if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the admin API: %w", err)
	}
	return nil
}

// Stop tells requests to end, lets them until ctx does, then cuts them.
func (s *Server) Stop(ctx context.Context) error {
	s.stop(errStopping)
	if err := s.http.Shutdown(ctx); err != nil {
		return errors.Join(err, s.http.Close())
	}
	return nil
}
