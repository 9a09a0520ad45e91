package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/byova-host/byova-host/internal/pluginwire"
)

// The test binary is the plugin itself when it gets an argument, and those after it
// stand for what a build sets.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		vars := map[string]*string{
			"version": &version, "resume": &resume, "stateVersion": &stateVersion, "readsVersions": &readsVersions, "first": &first,
		}
		for _, arg := range os.Args[2:] {
			name, value, _ := strings.Cut(arg, "=")
			*vars[name] = value
		}
		leakBytes, floodBytes = 4<<20, 4<<20
		main()
		return
	}
	os.Exit(m.Run())
}

func launch(t *testing.T, settings map[string]any, build ...string) (*pluginwire.Process, error) {
	t.Helper()
	dir, err := os.MkdirTemp("", "tb") // short, for the sockets in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	p, err := pluginwire.Launch(t.Context(), pluginwire.Config{
		Name: "testbot", Path: os.Args[0], Args: append([]string{"serve"}, build...), Dir: dir, Settings: settings,
	})
	if err == nil {
		t.Cleanup(func() { p.Stop(t.Context()) }) // at once: the context has ended
	}
	return p, err
}

// TestAgents holds that the plugin offers what its documentation lists, in that
// order.
func TestAgents(t *testing.T) {
	p, err := launch(t, map[string]any{"tone": 300, "pace": 0.1})
	if err != nil {
		t.Fatal(err)
	}
	var offered, documented []string
	for _, a := range p.Agents() {
		offered = append(offered, a.GetId())
	}
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range regexp.MustCompile(`(?m)^//\t([a-z-]+) `).FindAllSubmatch(text, -1) {
		documented = append(documented, string(row[1]))
	}
	if !slices.Equal(offered, documented) {
		t.Errorf("offered are    %v\ndocumented are %v", offered, documented)
	}
}

// TestSettings holds that a wrong setting keeps the plugin from starting, and is
// named.
func TestSettings(t *testing.T) {
	tests := []struct {
		settings map[string]any
		says     string
	}{
		{map[string]any{"tone": 5}, "tone: 5 Hz"},
		{map[string]any{"pace": 0}, "pace: is 0"},
		{map[string]any{"pace": "slow"}, "pace: is a string"},
		{map[string]any{"peace": 1}, "peace: is not a setting"},
	}
	for _, test := range tests {
		if _, err := launch(t, test.settings); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%v: %v, want an error that says %q", test.settings, err, test.says)
		}
	}
}
