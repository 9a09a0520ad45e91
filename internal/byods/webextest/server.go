package webextest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Server is Webex: an http.Handler. All methods may be called concurrently. Its time
// is time.Now's.
type Server struct {
	config Config
	routes *http.ServeMux
	done   chan struct{} // closed by Close

	running sync.WaitGroup // requests, deliveries, and what listens

	mu       sync.Mutex // guards all below; never held while something is waited for
	closed   bool
	listener *http.Server
	base     string // URL
	issuers  []*issuer
	limit    bucket
	faults   []*Fault
	requests []Request
	secrets  []string
	known    map[string]bool // which secrets are in the list

	codes   map[string]*code
	access  map[string]*access
	refresh map[string]*grant // by refresh token
	renewed int               // refreshes that were answered
	orgs    map[string]*org   // by UUID
	hooks   []*hook           // oldest first
	sources []*source         // oldest first
}

// New makes one that does not listen.
func New(c Config) *Server {
	s := &Server{
		config: c.withDefaults(), base: "https://webex.test", done: make(chan struct{}),
		known: map[string]bool{}, codes: map[string]*code{}, access: map[string]*access{},
		refresh: map[string]*grant{}, orgs: map[string]*org{},
	}
	s.limit = newBucket(c.Rate)
	for _, iss := range c.Issuers {
		s.issuers = append(s.issuers, newIssuer(iss))
	}
	if len(c.Issuers) == 0 {
		s.issuers = []*issuer{newIssuer("")}
	}
	s.keep(s.config.IntegrationSecret, s.config.ServiceAppSecret)
	s.routes = s.mux()
	return s
}

// Start listens on a loopback address and serves until Close.
func (s *Server) Start(addr string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.listener != nil {
		return errors.New("start webextest: it was started or closed before")
	}
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", addr)
	if err != nil {
		return fmt.Errorf("start webextest: %w", err)
	}
	s.base = "http://" + l.Addr().String()
	s.listener = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	s.running.Go(func() { _ = s.listener.Serve(l) }) // ends with Close, and says so
	return nil
}

// Close stops listening and waits for requests and deliveries under way. Later ones
// find nobody.
func (s *Server) Close() error {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.done)
	}
	listener := s.listener
	s.mu.Unlock()
	var err error
	if listener != nil {
		err = listener.Close()
	}
	s.running.Wait()
	return err
}

// begin notes that something is under way, unless the server is closed.
func (s *Server) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.running.Add(1)
	return true
}

// Config is the configuration with what was made up.
func (s *Server) Config() Config { return s.config }

// URL is the base of all: https://webex.test before Start. The API is below /v1, and
// the issuer of tokens is Issuer.
func (s *Server) URL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.base
}

// API is URL with /v1.
func (s *Server) API() string { return s.URL() + "/v1" }

// Transport carries requests to ServeHTTP in memory, whatever their host is, without
// goroutines that outlive them, so that a testing/synctest bubble can hold it all.
func (s *Server) Transport() http.RoundTripper { return InMemory(s) }

// ServeHTTP answers as Webex does.
func (s *Server) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	if !s.begin() {
		panic(http.ErrAbortHandler) // nobody is there
	}
	defer s.running.Done()
	seen := Request{At: time.Now(), Method: q.Method, Path: q.URL.Path, Authorized: q.Header.Get("Authorization") != ""}
	r := s.respond(q)
	if r != nil {
		seen.Status = r.status
	}
	s.mu.Lock() // before the answer, so that who has it finds the request noted
	s.requests = append(s.requests, seen)
	s.mu.Unlock()
	if r == nil {
		panic(http.ErrAbortHandler) // the server breaks the connection
	}
	r.send(w)
}

// handle answers a request that no fault is in the way of.
func (s *Server) handle(q *http.Request) *recorder {
	if r := s.keySet(q); r != nil {
		return r
	}
	if wait, limited := s.take(); limited {
		return refuse(http.StatusTooManyRequests, "the limit is %d requests a second", s.config.Rate).
			with("Retry-After", wait).render()
	}
	h, pattern := s.routes.Handler(q)
	r := &recorder{header: http.Header{}}
	if pattern != "" {
		s.routes.ServeHTTP(r, q)
		return r
	}
	h.ServeHTTP(r, q) // only for its status, which is 404 or 405
	a := refuse(r.status, "there is no %s %s", q.Method, q.URL.Path)
	if allow := r.header.Get("Allow"); allow != "" {
		a = a.with("Allow", allow)
	}
	return a.render()
}

// Request is one that was received, without its body.
type Request struct {
	At         time.Time
	Method     string
	Path       string // below the URL, without the query
	Status     int    // that it was answered with; 0: the connection broke
	Authorized bool   // it had an Authorization header
}

// Requests are all since the last call of it.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.requests
	s.requests = nil
	return all
}

// Secrets are all the secret values that it has given or was given so far: client
// secrets, codes, tokens, webhook secrets, nonces. Nothing of them may be logged.
func (s *Server) Secrets() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.secrets)
}

// keep notes secrets. It is called with the lock held, or before anybody else is there.
func (s *Server) keep(secrets ...string) {
	for _, secret := range secrets {
		if secret != "" && !s.known[secret] {
			s.known[secret] = true
			s.secrets = append(s.secrets, secret)
		}
	}
}
