package config

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/byova-host/byova-host/host/certs"
	"github.com/byova-host/byova-host/host/session"
)

// Config is all that can be configured.
type Config struct {
	Listen       string
	Admin        string // empty takes a private socket
	Shutdown     time.Duration
	VerifyTokens bool
	Log          Log
	TLS          certs.Files // no Cert: none
	Reflection   bool
	Ping         Ping
	Limits       Limits
	Unknown      UnknownCalls
	Calls        Calls
	Agents       map[string]Calls // that are treated otherwise, by id
	Plugins      []Plugin         // in the order of the file
	PluginLock   string           // the file of the sums of what runs; empty: none
	PluginDir    string           // of the copies that run; empty: below the runtime directory
	BYODS        BYODS
	Speech       Speech
}

// Log says what is logged and how.
type Log struct {
	Level hclog.Level
	JSON  bool
}

// Ping is where the ping over HTTP answers, and for which service.
type Ping struct {
	Listen  string // empty: nowhere
	Service string
	TLS     bool // with the certificate of the host; clients show none
}

// Limits bound the calls.
type Limits struct {
	Sessions     int // 0: no limit
	Idle         time.Duration
	CancelGrace  time.Duration
	CustomReturn time.Duration
}

// UnknownCalls says what becomes of a call that the host has not seen begin.
type UnknownCalls uint8

// What may become of them.
const (
	Resume UnknownCalls = iota
	Reject
)

// Calls says how calls are treated. The prompts stand beside the settings with
// the files that they came from.
type Calls struct {
	session.Settings
	FillerPrompt   Prompt
	FallbackPrompt Prompt
	UnspokenPrompt Prompt
}

// Prompt is audio that the host plays.
type Prompt struct {
	Path  string // empty: the bundled one, "none": none
	Audio []byte // mu-law, 8 kHz
}

// Plugin is a program to run. DefaultPlugin gives one of which nothing else is said.
type Plugin struct {
	Name         string
	Path         string
	SHA256       string   // that it must have, in hex; empty: any
	Orgs         []string // that it serves; none: all
	Sessions     int      // 0: no limit
	Swap         SwapPolicy
	DrainTimeout time.Duration
	CutAfter     time.Duration // 0: never
	CrashWait    time.Duration
	Standby      bool
	Breaker      Breaker
	CanaryLimit  int // percent
	Memory       int64
	OpenFiles    int
	Log          hclog.Level
	Settings     map[string]any // strings, float64, bool, nil, and slices and maps of them
}

// SwapPolicy says what becomes of a plugin's calls when it is swapped.
type SwapPolicy uint8

// What may become of them.
const (
	Drain SwapPolicy = iota
	Move
)

// Breaker says how many deaths are too many.
type Breaker struct {
	Starts int // in a row, before the start checks passed
	Deaths int // in a minute
}

// DefaultPlugin is a plugin of which nothing but the program is said.
func DefaultPlugin(name, path string) Plugin {
	return Plugin{
		Name: name, Path: path,
		DrainTimeout: 10 * time.Minute, CrashWait: 3 * time.Second,
		Breaker: Breaker{Starts: 5, Deaths: 30}, CanaryLimit: 5, Log: hclog.Info,
	}
}

// Default is the configuration of a host that nothing is said to.
func Default() Config {
	settings := session.DefaultSettings()
	return Config{
		Listen:       "127.0.0.1:50051",
		Shutdown:     5 * time.Minute,
		VerifyTokens: true,
		Log:          Log{Level: hclog.Info},
		Ping:         Ping{Service: "voiceva"},
		Limits:       Limits{Idle: 10 * time.Minute, CancelGrace: 10 * time.Second, CustomReturn: time.Minute},
		Calls: Calls{
			Settings:       settings,
			FillerPrompt:   Prompt{Audio: settings.Filler},
			FallbackPrompt: Prompt{Audio: settings.Fallback.Prompt},
			UnspokenPrompt: Prompt{Audio: settings.Unspoken},
		},
		BYODS:  defaultBYODS(),
		Speech: defaultSpeech(),
	}
}

// Sessions gives the configuration of the sessions, all but their log.
func (c Config) Sessions() session.Config {
	calls := c.Calls.session()
	agents := make(map[string]session.Settings, len(c.Agents))
	for id, own := range c.Agents {
		agents[id] = own.session()
	}
	return session.Config{
		MaxSessions: c.Limits.Sessions, Idle: c.Limits.Idle,
		CancelGrace: c.Limits.CancelGrace, CustomReturn: c.Limits.CustomReturn,
		RejectUnknown: c.Unknown == Reject,
		Calls:         &calls, Agents: agents,
	}
}

// session gives the settings with the prompts among them.
func (c Calls) session() session.Settings {
	s := c.Settings
	s.Filler, s.Fallback.Prompt, s.Unspoken = c.FillerPrompt.Audio, c.FallbackPrompt.Audio, c.UnspokenPrompt.Audio
	return s
}

// maxFile bounds a configuration file, in bytes.
const maxFile = 1 << 20

// Load reads a file, and the environment as os.Environ gives it. An empty path
// reads the environment alone. Problems that are not warnings mean that the
// configuration cannot be used.
func Load(path string, environ []string) (Config, []Problem) {
	if path == "" {
		return Read("", nil, environ)
	}
	data, err := readFile(path, maxFile)
	if err != nil {
		return Default(), []Problem{{File: path, Line: 1, What: err.Error()}}
	}
	return Read(path, data, environ)
}

// readFile reads a file that is no pipe, device or directory.
func readFile(path string, limit int64) ([]byte, error) {
	if err := checkFile(path); err != nil {
		return nil, err
	}
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("%w: name a file that can be read", pathError(path, err))
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, pathError(path, err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s is larger than %d bytes, which is the most that is taken", path, limit)
	}
	return data, nil
}

// variables gives the environment as a map.
func variables(environ []string) map[string]string {
	all := make(map[string]string, len(environ))
	for _, entry := range environ {
		if name, value, ok := strings.Cut(entry, "="); ok {
			all[name] = value
		}
	}
	return all
}

// sorted gives a map's keys in order.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
