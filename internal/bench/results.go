//go:build unix

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
)

// better says in which direction a ratio gets better.
type better string

const (
	moreIsBetter better = "more"
	lessIsBetter better = "less"
)

// result is one figure.
type result struct {
	name  string
	value float64
	unit  string
}

// expected is a ratio as it is committed. Margin is how much worse it may be, as a
// part of it.
type expected struct {
	Value  float64 `json:"value"`
	Better better  `json:"better"`
	Margin float64 `json:"margin"`
}

// results are the figures so far.
type results struct {
	out    io.Writer
	all    []result
	ratios map[string]expected
}

// add notes a figure and prints it.
func (r *results) add(name string, value float64, unit string) {
	r.all = append(r.all, result{name, value, unit})
	fmt.Fprintf(r.out, "RESULT %s %s %s\n", name, figure(value), unit)
}

// figure is a number with three digits that count.
func figure(v float64) string {
	if v >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

// ratio notes a figure that means something on other machines, too, and by how much
// it may get worse.
func (r *results) ratio(name string, value float64, b better, margin float64) {
	if r.ratios == nil {
		r.ratios = map[string]expected{}
	}
	r.ratios[name] = expected{value, b, margin}
	r.add(name, value, "x")
}

// record writes the ratios into a file, to be compared with.
func (r *results) record(path string) error {
	for name, e := range r.ratios {
		e.Value = float64(int(e.Value*1000+0.5)) / 1000
		r.ratios[name] = e
	}
	text, err := json.MarshalIndent(r.ratios, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644) //nolint:gosec // to be read by all
}

// compare says which ratios are worse than a file allows. Some says that not all were
// measured.
func (r *results) compare(path string, some bool) error {
	text, err := os.ReadFile(path) //nolint:gosec // who runs the program names it
	if err != nil {
		return fmt.Errorf("baseline: %w", err)
	}
	baseline := map[string]expected{}
	if err := json.Unmarshal(text, &baseline); err != nil {
		return fmt.Errorf("baseline %s: %w", path, err)
	}
	var worse []error
	for _, name := range slices.Sorted(maps.Keys(baseline)) {
		want := baseline[name]
		got, measured := r.ratios[name]
		switch {
		case !measured && !some:
			worse = append(worse, fmt.Errorf("%s was not measured", name))
		case measured && !want.allows(got.Value):
			worse = append(worse, fmt.Errorf("%s is %s, was %s, and may be %.0f %% worse", name, figure(got.Value), figure(want.Value), 100*want.Margin))
		}
	}
	return errors.Join(worse...)
}

// allows says whether a ratio is not worse by more than the margin.
func (e expected) allows(value float64) bool {
	if e.Better == moreIsBetter {
		return value >= e.Value*(1-e.Margin)
	}
	return value <= e.Value*(1+e.Margin)
}
