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

// Plugin is what there is to know of a plugin.
type Plugin struct {
	Name     string `json:"name"`
	Version  string `json:"version"`
	SDK      string `json:"sdk"` // library and version it was built with
	Path     string `json:"path"`
	Pid      int    `json:"pid"`
	State    string `json:"state"` // running, or ended with an error
	Sessions int    `json:"sessions"`
	Error    string `json:"error,omitempty"`
}

// Host is what the API shows and changes.
type Host interface {
	Plugins() []Plugin
}

// Server serves the API.
type Server struct{ http http.Server }

// NewServer makes a server in front of a host.
func NewServer(host Host) *Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/plugins", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, host.Plugins())
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusNotFound, apiError{fmt.Sprintf("%s %s is not part of this API", r.Method, r.URL.Path)})
	})
	return &Server{http.Server{
		Handler:           http.NewCrossOriginProtection().Handler(mux),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, IdleTimeout: time.Minute,
	}}
}

type apiError struct {
	Error string `json:"error"`
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

// Stop lets requests end until ctx does, then cuts them.
func (s *Server) Stop(ctx context.Context) error {
	if err := s.http.Shutdown(ctx); err != nil {
		return errors.Join(err, s.http.Close())
	}
	return nil
}
