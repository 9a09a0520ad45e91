//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"syscall"
	"time"
)

// usage is what a process has used so far.
type usage struct {
	At         time.Time
	CPU        time.Duration // user and system
	Mallocs    uint64        // heap objects
	Bytes      uint64        // of those
	Collected  uint64        // how often garbage was
	Live       uint64        // bytes: found alive by the last collection
	Stacks     uint64        // bytes
	Heap       uint64        // bytes: the heap at which the next collection ends
	Goroutines int
}

// kept is the memory that is in use: the rest of the heap is room for garbage.
func (u usage) kept() uint64 { return u.Live + u.Stacks }

// used is what this process has.
func used() usage {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r) // fails for no process of our own
	samples := []metrics.Sample{
		{Name: "/gc/heap/allocs:objects"}, {Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/cycles/total:gc-cycles"},
		{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}, {Name: "/gc/heap/goal:bytes"},
	}
	metrics.Read(samples)
	return usage{
		At: time.Now(), CPU: time.Duration(r.Utime.Nano() + r.Stime.Nano()),
		Mallocs: samples[0].Value.Uint64(), Bytes: samples[1].Value.Uint64(), Collected: samples[2].Value.Uint64(),
		Live: samples[3].Value.Uint64(), Stacks: samples[4].Value.Uint64(), Heap: samples[5].Value.Uint64(),
		Goroutines: runtime.NumGoroutine(),
	}
}

// startControl serves usage, profiles and what else acts has, on a Unix socket,
// for as long as the process lives.
func startControl(path string, acts map[string]func(context.Context) error) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) { // of the process before
		return err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/usage", func(w http.ResponseWriter, q *http.Request) {
		if q.FormValue("collect") != "" {
			debug.FreeOSMemory() // collects, and ends what the last collection began
			runtime.GC()
		}
		_ = json.NewEncoder(w).Encode(used()) // who asks has gone
	})
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	for name, act := range acts {
		mux.HandleFunc("/"+name, func(w http.ResponseWriter, q *http.Request) {
			if err := act(q.Context()); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
			}
		})
	}
	go func() { _ = http.Serve(l, mux) }() //nolint:gosec // a private socket; it ends with the process
	return nil
}

// control asks a process.
type control struct{ http http.Client }

func newControl(path string) *control {
	return &control{http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
	}}}
}

func (c *control) get(ctx context.Context, what string) ([]byte, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://bench/"+what, nil)
	if err != nil {
		return nil, err
	}
	r, err := c.http.Do(q)
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err == nil && r.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", what, r.Status, body)
	}
	return body, err
}

func (c *control) usage(ctx context.Context, collect bool) (u usage, err error) {
	what := "usage"
	if collect {
		what += "?collect=1"
	}
	body, err := c.get(ctx, what)
	if err != nil {
		return u, err
	}
	return u, json.Unmarshal(body, &u)
}

// save writes what a process tells into a file.
func (c *control) save(ctx context.Context, what, file string) error {
	body, err := c.get(ctx, what)
	if err != nil {
		return err
	}
	return os.WriteFile(file, body, 0o600)
}
