package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
)

var pluginName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// pluginFields are the keys of a plugin.
var pluginFields = []field[Plugin]{
	{"path", bind(path("program", checkProgram), func(p *Plugin) *string { return &p.Path }),
		"The program. It must be executable. A copy of it runs, so that the file may be replaced at any time."},
	{"sha256", bind(sum, func(p *Plugin) *string { return &p.SHA256 }),
		"The SHA-256 that the program must have: any other is refused, at the start and in a swap. Unset: any program."},
	{"orgs", bind(list("list of organisations", `["ORG-ID"]`, "names nobody: name the organisations, or leave the key out for all", checkOrg),
		func(p *Plugin) *[]string { return &p.Orgs }),
		"The customer organisations that it serves; others do not see it. Unset: all."},
	{"sessions", bind(number(0, 1_000_000), func(p *Plugin) *int { return &p.Sessions }),
		"Most calls of this plugin at a time, beside limits.sessions for those of the host. More get RESOURCE_EXHAUSTED. 0: no limit."},
	{"swap", bind(word(named[SwapPolicy]{"drain", Drain}, named[SwapPolicy]{"move", Move}), func(p *Plugin) *SwapPolicy { return &p.Swap }),
		"What becomes of its calls in a swap: they stay with the old process until they end, or move to the new one at the next turn boundary."},
	{"drain_timeout", bind(duration(0, 24*time.Hour, orZero), func(p *Plugin) *time.Duration { return &p.DrainTimeout }),
		"How long calls may stay with the old process. Then those that can be resumed are moved. 0s: at once."},
	{"cut_after", bind(duration(time.Second, 24*time.Hour, orZero), func(p *Plugin) *time.Duration { return &p.CutAfter }),
		"How long after drain_timeout a call that cannot be moved may go on; then comes the fallback. 0s: to its end."},
	{"crash_wait", bind(duration(0, time.Minute, orZero), func(p *Plugin) *time.Duration { return &p.CrashWait }),
		"How long calls wait for a new process when theirs has died; then comes the fallback. 0s: not at all."},
	{"standby", bind(boolean(), func(p *Plugin) *bool { return &p.Standby }),
		"Keep one more process that takes over at once when one dies."},
	{"breaker.starts", bind(number(1, 1000), func(p *Plugin) *int { return &p.Breaker.Starts }),
		"After so many deaths in a row before the start checks had passed, it is not started again until `byova-host plugins reset`."},
	{"breaker.deaths", bind(number(1, 100_000), func(p *Plugin) *int { return &p.Breaker.Deaths }),
		"The same after so many deaths within a minute."},
	{"canary_limit", bind(number(0, 100), func(p *Plugin) *int { return &p.CanaryLimit }),
		"How many percent of a canary's calls may crash or get the fallback; above that it is rolled back."},
	{"limits.memory", bind(size(16<<20, 1<<40), func(p *Plugin) *int64 { return &p.Memory }),
		"Most memory of a process, where the system can hold it to that. 0: no limit."},
	{"limits.open_files", bind(number(0, 1_000_000), func(p *Plugin) *int { return &p.OpenFiles }),
		"Most open files of a process, where the system can hold it to that. 0: no limit."},
	{"log", bind(levels, func(p *Plugin) *hclog.Level { return &p.Log }),
		"The least level of the plugin's own log."},
	{"settings", bind(free("anything", true), func(p *Plugin) *map[string]any { return &p.Settings }),
		"What the plugin gets to configure itself; it says what it takes. NAME_file: PATH gives it NAME with what the file holds."},
}

// sum is a SHA-256, in lower case.
var sum = scalar("64 hex digits", func(text string) (string, error) {
	if b, err := hex.DecodeString(text); err != nil || len(b) != sha256.Size {
		return "", fmt.Errorf("%q is no SHA-256: write the 64 hex digits that sha256sum prints", text)
	}
	return strings.ToLower(text), nil
}, func(s string) any { return s })

// checkOrg holds that a text can be the id of an organisation.
func checkOrg(s string) error {
	if s == "" {
		return errors.New("is empty: write the id of an organisation")
	}
	return plainText(256)(s)
}

// checkSum holds that the program is the one that may run.
func (r *reader) checkSum(p Plugin) {
	if p.SHA256 == "" || p.Path == "" {
		return
	}
	key := join(join("plugins", p.Name), "sha256")
	switch got, err := Sum(p.Path); {
	case err != nil:
		r.at(key, false, "%v: name a program that can be read", pathError(p.Path, err))
	case got != p.SHA256:
		r.at(key, false, "%s has the sum %s: write that if it is the program that you mean, or put the right one there", p.Path, got)
	}
}

// Sum is the SHA-256 of a file, in hex.
func Sum(path string) (string, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
