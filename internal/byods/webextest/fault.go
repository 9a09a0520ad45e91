package webextest

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// Fault is how the server misbehaves.
type Fault struct {
	Method string // empty: any
	Path   string // a prefix below the URL, as /v1/dataSources; empty: any
	Times  int    // 0: until ClearFaults
	// What happens, each 0 for nothing of the kind.
	Status     int
	RetryAfter string        // the header, as it is
	Delay      time.Duration // before the answer
	Body       string        // instead of the usual one, with Status or 200
	Break      bool          // the connection breaks instead of an answer
	Late       bool          // the request is carried out, and only its answer is lost or replaced
}

// Fail adds a fault. The first that matches counts.
func (s *Server) Fail(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
}

// ClearFaults ends all.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// fault gives the one that a request meets, if any, and counts it.
func (s *Server) fault(q *http.Request) (Fault, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.faults, func(f *Fault) bool {
		return (f.Method == "" || f.Method == q.Method) && strings.HasPrefix(q.URL.Path, f.Path)
	})
	if i < 0 {
		return Fault{}, false
	}
	f := s.faults[i]
	met := *f
	if f.Times > 0 {
		if f.Times--; f.Times == 0 {
			s.faults = slices.Delete(s.faults, i, i+1)
		}
	}
	return met, true
}

// respond answers a request as faults let it; nil: the connection breaks.
func (s *Server) respond(q *http.Request) *recorder {
	f, faulty := s.fault(q)
	if !faulty {
		return s.handle(q)
	}
	var late *recorder
	if f.Late {
		late = s.handle(q)
	}
	if !s.pause(q, f.Delay) || f.Break {
		return nil
	}
	switch replaced := f.answer(); {
	case replaced != nil:
		return replaced
	case late != nil:
		return late
	}
	return s.handle(q)
}

// pause waits, and tells whether somebody still wants the answer.
func (s *Server) pause(q *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-q.Context().Done():
	case <-s.done:
	}
	return false
}

// answer is what the fault says instead of the server; nil: nothing.
func (f Fault) answer() *recorder {
	if f.Status == 0 && f.Body == "" {
		return nil
	}
	status := f.Status
	if status == 0 {
		status = http.StatusOK
	}
	a := answer{status: status}
	if status >= http.StatusBadRequest {
		a = refuse(status, "a fault of the test")
	}
	if f.RetryAfter != "" {
		a = a.with("Retry-After", f.RetryAfter)
	}
	r := a.render()
	if f.Body != "" {
		r.body.Reset()
		r.body.WriteString(f.Body)
		r.header.Set("Content-Type", "application/json;charset=UTF-8")
	}
	return r
}
