//go:build unix

package pluginwire_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/byova-host/byova-host/internal/pluginwire"
)

func TestSettings(t *testing.T) {
	l := newLauncher(t)
	for _, test := range []struct {
		name     string
		settings map[string]any
		want     string // empty: it starts
	}{
		{"none", nil, ""},
		{"right", map[string]any{"voice": "anna", "speed": 3}, ""},
		{"unknown", map[string]any{"pitch": 3}, "its settings: pitch: is not a setting of this plugin"},
		{"wrong kind", map[string]any{"speed": "fast"}, "its settings: speed: is a string, must be a int"},
		{"two wrong", map[string]any{"voice": "none"}, "its settings: voice: no such voice; speed: too slow"},
		{"no value for the wire", map[string]any{"voice": struct{}{}}, "its settings: proto: invalid type: struct {}"},
	} {
		t.Run(test.name, func(t *testing.T) {
			config := l.config("settings")
			config.Settings = test.settings
			p, err := pluginwire.Launch(t.Context(), config)
			if err == nil {
				stop(t, p)
			}
			if got := text(err); test.want == "" && err != nil || !strings.HasSuffix(strings.ReplaceAll(got, "\u00a0", " "), test.want) {
				t.Errorf("Launch = %q, want %q", got, test.want)
			}
		})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestBadPlugins(t *testing.T) {
	l := newLauncher(t)
	for _, test := range []struct {
		name  string
		limit time.Duration
		want  string // of the error, after the name and the path
	}{
		{"exits", 0, `it ended without a handshake, is it a byova plugin? exit status 3; it last wrote "no licence file"`},
		{"panics", 0, `it ended without a handshake, is it a byova plugin? exit status 2; it last wrote "panic: no licence file`},
		{"garbage", 0, `it ended without a handshake, is it a byova plugin? exit status 0; it last wrote "hello, this is no handshake xxx`},
		{"prattles", time.Second, `no handshake within the start limit of 1s, is it a byova plugin? its output begins "ready to serve"`},
		{"silent", time.Second, `no handshake within the start limit of 1s, is it a byova plugin? it printed nothing`},
		{"closes", 0, `it closed its output without a handshake, is it a byova plugin?`},
		{"version", 0, `it speaks version 2 of the plugin wire, this host speaks 1`},
		{"netrpc", 0, `it speaks "netrpc", a bot plugin speaks grpc`},
		{"plain", 0, `its handshake has no certificate: it must answer PLUGIN_CLIENT_CERT with its own`},
		{"unanswered", time.Second, `Describe was not answered within the start limit of 1s`},
		{"liar", 0, `exit status 4`},
		{"noservice", 0, `it does not serve Describe of byova.plugin.v1.Plugin`},
		{"drowns", 0, `it writes too much: 64 MiB of its output were dropped within 10s`},
		{"deaf", 2 * time.Second, `Configure was not answered within the start limit of 2s`},
	} {
		t.Run(test.name, func(t *testing.T) {
			config := l.config(test.name)
			config.StartTimeout = test.limit
			began := time.Now()
			p, err := pluginwire.Launch(t.Context(), config)
			if err == nil {
				stop(t, p)
				t.Fatal("it started")
			}
			if prefix := fmt.Sprintf("start plugin %q (%s): ", test.name, config.Path); !strings.HasPrefix(err.Error(), prefix) {
				t.Errorf("error does not begin with %q: %v", prefix, err)
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error = %v\nwant      %s", err, test.want)
			}
			if strings.Count(err.Error(), "\n") > 1 || len(err.Error()) > 600 {
				t.Errorf("error is too long: %v", err)
			}
			if took := time.Since(began); took > test.limit+5*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

// TestStartLimitBegan: what was done before counts, and the error names the whole limit.
func TestStartLimitBegan(t *testing.T) {
	config := newLauncher(t).config("silent")
	now := time.Now()
	config.StartTimeout, config.Began = time.Hour, now.Add(time.Second-time.Hour)
	_, err := pluginwire.Launch(t.Context(), config)
	if err == nil || !strings.Contains(err.Error(), "within the start limit of 1h0m0s") {
		t.Errorf("error = %v", err)
	}
	if took := time.Since(now); took > time.Minute {
		t.Errorf("took %v", took)
	}
}

func TestFilesThatAreNoPlugins(t *testing.T) {
	l := newLauncher(t)
	dir := t.TempDir()
	file := func(name, text string, mode fs.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, test := range []struct{ name, path, want string }{
		{"missing", filepath.Join(dir, "none"), "no such file or directory"},
		{"directory", dir, "it is a directory, not a plugin's executable"},
		{"not executable", file("text", "hi", 0o600), "it is not executable: make it so with chmod +x"},
		{"no program", file("data", "hi", 0o700), "execute it: exec format error: build it for " + runtime.GOOS + "/" + runtime.GOARCH + ", or give a script its #! line"},
		{"no interpreter", file("orphan", "#!/no/such/python3\n", 0o700), "the interpreter of its #! line"},
		{"script", file("script", "#!/bin/sh\necho hi there\n", 0o700), `it ended without a handshake, is it a byova plugin? exit status 0; it last wrote "hi there"`},
		{"hanging script", file("hang", "#!/bin/sh\nsleep 1000\n", 0o700), `it printed nothing`},
	} {
		t.Run(test.name, func(t *testing.T) {
			config := l.config("x")
			config.Path, config.StartTimeout = test.path, time.Second
			_, err := pluginwire.Launch(t.Context(), config)
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Count(err.Error(), test.path) != 1 {
				t.Errorf("error = %v, want the path once and %q", err, test.want)
			}
		})
	}
	config := l.config("good")
	config.Dir = "/" + strings.Repeat("long", 20)
	if _, err := pluginwire.Launch(t.Context(), config); err == nil || !strings.Contains(err.Error(), "socket directory") {
		t.Errorf("a long directory: %v", err)
	}
}

func TestCallerGivesUp(t *testing.T) {
	l := newLauncher(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("the host stops")
	timer := time.AfterFunc(300*time.Millisecond, func() { cancel(why) })
	defer timer.Stop()
	if _, err := pluginwire.Launch(ctx, l.config("silent")); !errors.Is(err, why) {
		t.Errorf("Launch = %v, want %v", err, why)
	}
}

// It may also be before the process is started: that one does not go on then.
func TestCallerGivesUpBeforeTheStart(t *testing.T) {
	l := newLauncher(t)
	why := errors.New("the host stops")
	for range 5 {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(why)
		began := time.Now()
		if _, err := pluginwire.Launch(ctx, l.config("silent")); !errors.Is(err, why) {
			t.Errorf("Launch = %v, want %v", err, why)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Fatalf("it took %v", took)
		}
	}
}

func TestPluginGetsFewVariables(t *testing.T) {
	l := newLauncher(t)
	t.Setenv("WEBEX_CLIENT_SECRET", "hush")
	t.Setenv("LC_ALL", "C.UTF-8")
	t.Setenv("https_proxy", "http://proxy")
	t.Setenv("GOMEMLIMIT", "")
	os.Unsetenv("GOMEMLIMIT")
	config := l.config("env")
	config.Origin, config.Generation, config.Limits.Memory = "bots/env", 7, 1000<<20
	_, err := pluginwire.Launch(t.Context(), config)
	if err == nil {
		t.Fatal("it started")
	}
	if !strings.Contains(err.Error(), `start plugin "env" (bots/env): `) {
		t.Errorf("the error does not name the file that the operator named: %v", err)
	}
	log := l.log.String()
	origin, err := filepath.Abs("bots/env")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"PATH=", "LC_ALL=C.UTF-8", "https_proxy=http://proxy", "BYOVA_PLUGIN=", "GOMEMLIMIT=943718400",
		"BYOVA_PLUGIN_PATH=" + origin, " " + origin + " ", "generation=7 plugin=env",
	} {
		if !strings.Contains(log, want) {
			t.Errorf("the plugin lacks %s", want)
		}
	}
	if strings.Contains(log, "hush") {
		t.Error("the plugin has a secret of the host")
	}
	t.Setenv("GOMEMLIMIT", "12345678")
	if _, err := pluginwire.Launch(t.Context(), config); err == nil {
		t.Fatal("it started")
	}
	if log := l.log.String(); !strings.Contains(log, "GOMEMLIMIT=12345678") || strings.Count(log, "GOMEMLIMIT=943718400") != 1 {
		t.Error("the operator's GOMEMLIMIT does not count")
	}
}
