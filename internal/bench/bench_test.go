//go:build unix

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/byova-host/byova-host/internal/pluginwire/wire"
)

// TestMain makes the test binary the servers and the plugin as well.
func TestMain(m *testing.M) {
	switch {
	case os.Getenv(wire.CookieKey) == wire.CookieValue:
		servePlugin()
	case len(os.Args) > 1 && os.Args[1] == "serve":
		main()
	default:
		goleak.VerifyTestMain(m)
	}
}

// tiny is what shows that everything is measured, and no figure.
var tiny = effort{bursts: 2, burst: 20 * time.Millisecond, paced: 200 * time.Millisecond, turns: 2, newCalls: 200 * time.Millisecond, growth: []int{5}, crowd: 20, settling: 200 * time.Millisecond}

// TestScenarios runs all that is measured, with real servers and plugins, in the least
// time.
func TestScenarios(t *testing.T) {
	var out bytes.Buffer
	b := &bench{ctx: t.Context(), results: &results{out: &out}, effort: tiny}
	if err := b.run(""); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, name := range []string{"relay_ratio", "hop_cpu", "detection_cpu", "tls_frames_ratio", "tokens_calls_ratio", "calls20_20ms_plugin_p99", "calls20_80ms_p99_ratio",
		"new_calls_plugin_p99", "memory_host", "swap10_pause", "kill10_recovery", "growth5_memory"} {
		i := slices.IndexFunc(b.results.all, func(r result) bool { return r.name == name })
		if i < 0 {
			t.Errorf("%s was not measured", name)
		} else if r := b.results.all[i]; name != "hop_cpu" && name != "detection_cpu" && name != "memory_host" && r.value <= 0 {
			t.Errorf("%s is %v", name, r.value)
		}
	}
	dir := t.TempDir()
	if err := b.write(dir); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{"figures.md": "| relay_ratio |", "growth.svg": "<polyline"} {
		text, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %v, %.200s", file, err, text)
		}
	}
}

// TestCompare: a ratio that is worse than the margin allows is named, and one that was
// not measured.
func TestCompare(t *testing.T) {
	path := filepath.Join(t.TempDir(), "baseline.json")
	before := &results{out: &bytes.Buffer{}}
	before.ratio("relay", 0.8, moreIsBetter, 0.1)
	before.ratio("p99", 1.5, lessIsBetter, 0.2)
	if err := before.record(path); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		relay, p99 float64
		says       string
	}{
		{0.8, 1.5, ""},
		{2, 0.1, ""},
		{0.73, 1.79, ""},
		{0.7, 1.5, "relay is 0.7, was 0.8"},
		{0.8, 1.9, "p99 is 1.9, was 1.5"},
		{0.8, 0, "p99 was not measured"},
	} {
		after := &results{out: &bytes.Buffer{}}
		after.ratio("relay", test.relay, moreIsBetter, 0.1)
		if test.p99 > 0 {
			after.ratio("p99", test.p99, lessIsBetter, 0.2)
		}
		switch err := after.compare(path, false); {
		case err == nil && test.says != "", err != nil && (test.says == "" || !strings.Contains(err.Error(), test.says)):
			t.Errorf("relay %v, p99 %v: %v, want %q", test.relay, test.p99, err, test.says)
		}
		if err := after.compare(path, true); test.p99 == 0 && err != nil {
			t.Errorf("some of it: %v", err)
		}
	}
}
