//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// effort is how much time is taken.
type effort struct {
	bursts   int           // of each of the servers that are saturated in turn
	burst    time.Duration // how long one is
	paced    time.Duration // of calls in real time, each turn
	turns    int           // of each of the servers that have such calls
	newCalls time.Duration
	growth   []int         // calls at once
	crowd    int           // calls at once that are many; half of them are fewer
	settling time.Duration // of calls in real time, before the first frame that counts
}

var (
	// Each is a few seconds, so that all of it takes less than five minutes.
	short = effort{bursts: 40, burst: 200 * time.Millisecond, paced: 4 * time.Second, turns: 2, newCalls: 6 * time.Second, crowd: 1000, settling: 2 * time.Second}
	long  = effort{bursts: 60, burst: 200 * time.Millisecond, paced: 20 * time.Second, turns: 3, newCalls: time.Minute, growth: []int{10, 50, 100, 250, 500, 1000, 1500}, crowd: 1000, settling: 2 * time.Second}
)

// bench is a run.
type bench struct {
	ctx      context.Context
	results  *results
	effort   effort
	profiles string // directory; empty: none are written
	rows     []row  // of growth
}

// scenarios are what can be measured, in order.
var scenarios = []struct {
	name    string
	measure func(*bench) error
}{
	{"relay", (*bench).relay},
	{"extras", (*bench).extras},
	{"calls", (*bench).calls},
	{"new", (*bench).newCalls},
	{"memory", (*bench).memory},
	{"failures", (*bench).failures},
	{"growth", (*bench).growth},
}

func scenarioNames() string {
	var names []string
	for _, s := range scenarios {
		names = append(names, s.name)
	}
	return strings.Join(names, ", ")
}

func (b *bench) run(only string) error {
	found := only == ""
	for _, s := range scenarios {
		if only != "" && s.name != only {
			continue
		}
		found = true
		if err := s.measure(b); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	if !found {
		return fmt.Errorf("-only %s: want one of %s", only, scenarioNames())
	}
	return nil
}

// with starts servers and has them measured.
func (b *bench) with(do func([]*subject) error, kinds ...kind) (err error) {
	var subjects []*subject
	defer func() {
		for _, s := range slices.Backward(subjects) {
			err = errors.Join(err, s.stop())
		}
	}()
	for _, k := range kinds {
		s, err := startSubject(b.ctx, k.by, k.extras)
		if err != nil {
			return err
		}
		subjects = append(subjects, s)
	}
	return do(subjects)
}

// kind is a kind of server.
type kind struct {
	by answers
	extras
}

// inTurns measures the servers in turn, in many short bursts: what else the machine
// does then touches all alike.
func (b *bench) inTurns(subjects []*subject, begin func(*subject, context.Context) (func(time.Duration) (throughput, error), func() error, error)) (all [][]throughput, err error) {
	ctx, cancel := context.WithTimeout(b.ctx, time.Duration(len(subjects)*b.effort.bursts)*b.effort.burst+time.Minute) // a hang is an error, not a wait
	defer cancel()
	bursts := make([]func(time.Duration) (throughput, error), len(subjects))
	for i, s := range subjects {
		burst, end, err := begin(s, ctx)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.by, err)
		}
		defer func() { err = errors.Join(err, end()) }()
		bursts[i] = burst
	}
	all = make([][]throughput, len(subjects))
	for range b.effort.bursts {
		for i, burst := range bursts {
			t, err := burst(b.effort.burst)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", subjects[i].by, err)
			}
			all[i] = append(all[i], t)
		}
	}
	return all, nil
}

// profile writes profiles of the processes of a server while it does something, if
// they are asked for: of whole seconds of it, after the first moments. What is measured
// then is less than without.
func (b *bench) profile(s *subject, name string, first, d time.Duration, do func() error) error {
	if b.profiles == "" || s.by == bare {
		return do()
	}
	var profiling sync.WaitGroup
	var failed [2]error
	for i, c := range []*control{s.host, s.plugin} {
		if c == nil {
			continue
		}
		file := filepath.Join(b.profiles, fmt.Sprintf("%s.%s.%s", name, s.by, []string{"host", "plugin"}[i]))
		profiling.Go(func() {
			pause(b.ctx, first)
			failed[i] = errors.Join(
				c.save(b.ctx, fmt.Sprintf("debug/pprof/profile?seconds=%d", max(1, int(d.Seconds()))), file+".cpu"),
				c.save(b.ctx, "debug/pprof/allocs", file+".allocs"))
		})
	}
	err := do()
	profiling.Wait()
	return errors.Join(err, failed[0], failed[1])
}

func rate(t throughput) float64 { return t.rate }
func cpu(t throughput) float64  { return micros(t.cpu) }
func p99(r *realTime) float64   { return millis(r.quantile(0.99)) }

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// median is that of one of their figures.
func median[T any](all []T, figure func(T) float64) float64 {
	figures := make([]float64, len(all))
	for i, t := range all {
		figures[i] = figure(t)
	}
	slices.Sort(figures)
	n := len(figures)
	return (figures[(n-1)/2] + figures[n/2]) / 2
}

// ratio is the median of the ratios of measurements that were neighbours in time.
func ratio[T any](a, b []T, figure func(T) float64) float64 {
	ratios := make([]float64, len(a))
	for i := range a {
		ratios[i] = figure(a[i]) / figure(b[i])
	}
	return median(ratios, func(r float64) float64 { return r })
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
