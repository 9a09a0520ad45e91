package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"time"
)

// Terms say what becomes of the calls of a process that is replaced.
type Terms struct {
	Policy string `json:"policy,omitempty"` // drain or move; empty: the plugin's own
	Force  bool   `json:"force,omitempty"`  // calls in the way of it get the fallback
}

// Swap says what takes a plugin's place.
type Swap struct {
	Path   string `json:"path"`             // absolute
	Canary int    `json:"canary,omitempty"` // percent of new calls that it takes; 0: all
	Terms
}

// Swapped is the generation of a plugin that takes new calls. After a reset it is
// only the plugin's name: the start goes on.
type Swapped struct {
	Name       string `json:"name"`
	Generation int    `json:"generation,omitempty"`
	Version    string `json:"version,omitempty"`
	SHA256     string `json:"sha256,omitempty"`
	Pid        int    `json:"pid,omitempty"`
	Moves      bool   `json:"moves,omitempty"` // the calls of the one before come to it between two turns
}

// nothing is asked with a verb that says it all.
type nothing struct{}

func (nothing) check() error { return nil }

func (t Terms) check() error {
	if t.Policy != "" && t.Policy != "drain" && t.Policy != "move" {
		return fmt.Errorf("policy %q: want drain or move", t.Policy)
	}
	return nil
}

func (s Swap) check() error {
	switch {
	case s.Path == "":
		return errors.New("no path: which program is to take the plugin's place?")
	case !filepath.IsAbs(s.Path):
		return fmt.Errorf("path %q: must be absolute, since the host has a directory of its own", s.Path)
	case s.Canary < 0 || s.Canary > 99:
		return fmt.Errorf("canary %d: want a percentage of new calls, 1 to 99", s.Canary)
	}
	return s.Terms.check()
}

func handleActs(mux *http.ServeMux, host Host) {
	mux.HandleFunc("POST /v1/plugins/{name}/swap", act(host, host.Swap))
	mux.HandleFunc("POST /v1/plugins/{name}/rollback", act(host, host.Rollback))
	mux.HandleFunc("POST /v1/plugins/{name}/restart", act(host, host.Restart))
	mux.HandleFunc("POST /v1/plugins/{name}/promote", act(host,
		func(ctx context.Context, name string, _ nothing, _ func(string)) (Swapped, error) {
			return host.Promote(ctx, name)
		}))
	mux.HandleFunc("POST /v1/plugins/{name}/reset", act(host,
		func(_ context.Context, name string, _ nothing, _ func(string)) (Swapped, error) {
			return Swapped{Name: name}, host.Reset(name)
		}))
}

// act carries out what is asked of a plugin, and streams what becomes of it.
func act[T interface{ check() error }](host Host, do func(context.Context, string, T, func(string)) (Swapped, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("name")
		var asked T
		if err := decode(http.MaxBytesReader(w, r.Body, maxBody), &asked); err != nil {
			refuse(w, http.StatusBadRequest, "%v", err)
			return
		}
		if err := asked.check(); err != nil {
			refuse(w, http.StatusBadRequest, "%v", err)
			return
		}
		if !slices.ContainsFunc(host.Plugins(), func(p Plugin) bool { return p.Name == name }) {
			refuse(w, http.StatusNotFound, "this host has no plugin %q: plugins list shows those that it has", name)
			return
		}
		out := stream(w)
		done, err := do(r.Context(), name, asked, func(what string) { out(line{Progress: what}) })
		switch {
		case err == nil:
			out(line{Done: &done})
		case errors.Is(context.Cause(r.Context()), errStopping):
			out(line{Error: fmt.Sprintf("%v: %v", errStopping, err)})
		default:
			out(line{Error: err.Error()})
		}
	}
}

// maxBody is far more than anybody has to say.
const maxBody = 64 << 10

// decode reads a request to its end, which is what lets the server see that the
// client goes away. No body asks for nothing in particular.
func decode(body io.Reader, value any) error {
	d := json.NewDecoder(body)
	d.DisallowUnknownFields()
	if err := d.Decode(value); errors.Is(err, io.EOF) {
		return nil
	} else if err != nil {
		return fmt.Errorf("request: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("request: something follows the JSON object")
	}
	return nil
}

// line is a line of an answer: one of its fields.
type line struct {
	Progress string   `json:"progress,omitempty"`
	Done     *Swapped `json:"done,omitempty"`
	Error    string   `json:"error,omitempty"`
}

// lineWait is how long a client may take to read a line. One that does not must not
// hold up what it asked for.
const lineWait = 5 * time.Second

// stream begins an answer of lines.
func stream(w http.ResponseWriter) func(any) {
	control := http.NewResponseController(w)
	w.Header().Set("Content-Type", "application/jsonl")
	w.WriteHeader(http.StatusOK)
	_ = control.Flush()
	return func(l any) {
		_ = control.SetWriteDeadline(time.Now().Add(lineWait))
		_ = json.NewEncoder(w).Encode(l)
		_ = control.Flush()
		_ = control.SetWriteDeadline(time.Time{}) // the next request has its own
	}
}
