package ping

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// status is the answer, in the form that the platform's services have.
type status struct {
	ServiceName  string    `json:"serviceName"`
	ServiceType  string    `json:"serviceType"`
	ServiceState string    `json:"serviceState"`
	Message      string    `json:"message"`
	LastUpdated  time.Time `json:"lastUpdated"` // when the state changed
}

// Server answers GET /SERVICE/v1/ping.
type Server struct {
	http http.Server

	mu     sync.Mutex
	status status
	code   int
}

// NewServer makes a server for a service that is online.
func NewServer(service string) *Server {
	s := &Server{code: http.StatusOK, status: status{
		ServiceName: service, ServiceType: "REQUIRED", ServiceState: "online",
		Message: "taking calls", LastUpdated: time.Now().UTC(),
	}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /"+service+"/v1/ping", s.answer)
	s.http = http.Server{
		Handler: mux, MaxHeaderBytes: 16 << 10, ErrorLog: log.New(io.Discard, "", 0), // of clients that break off
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: time.Minute,
	}
	return s
}

func (s *Server) answer(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	status, code := s.status, s.code
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(status) // a client that has gone is not our error
}

// Drain makes the answer say that no new calls are taken.
func (s *Server) Drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.code, s.status.ServiceState = http.StatusServiceUnavailable, "offline"
	s.status.Message, s.status.LastUpdated = "draining: live calls go on, new ones are refused", time.Now().UTC()
}

// Serve answers on a listener until Stop; the error is nil after that.
func (s *Server) Serve(l net.Listener) error {
	if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the ping: %w", err)
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
