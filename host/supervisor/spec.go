package supervisor

import (
	"context"
	"math"
	"net"
	"slices"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/byova-host/byova-host/internal/pluginwire"
)

// Policy says what becomes of a plugin's calls when it is swapped.
type Policy uint8

// What may become of them.
const (
	Drain Policy = iota // they stay with the old process until they end
	Move                // they go to the new one at the next turn boundary
)

// String gives the word used in logs.
func (p Policy) String() string {
	if p == Move {
		return "move"
	}
	return "drain"
}

// Plugin says which program to run, as what, and how it is looked after. Where a
// zero stands for a default, a negative value stands for zero.
type Plugin struct {
	Name string // in logs and commands; unique
	Path string
	// Dial, if set, connects to a process that somebody else started and looks after,
	// in a debugger for instance. Path only names it then. Everything else holds, but
	// the host starts no process and ends none, and does not give up connecting.
	Dial         func(context.Context) (net.Conn, error)
	SHA256       string            // in hex; any other program is refused. Empty: whatever is there
	Settings     map[string]any    // its section of the configuration
	LogLevel     hclog.Level       // of its own log; zero means info
	Limits       pluginwire.Limits // zero: none
	Standby      bool              // keep one more process, which takes over when one dies
	Orgs         []string          // that it serves; none: all
	Sessions     int               // most at a time; 0: no limit
	Swap         Policy            // unless the swap says otherwise
	DrainTimeout time.Duration     // 0: 10 minutes; then what can be moved is moved
	CutAfter     time.Duration     // after DrainTimeout, then the rest gets the fallback; 0: never
	CrashWait    time.Duration     // 0: 3 s; how long calls wait for a process
	Breaker      Breaker
	CanaryLimit  int // percent of a canary's calls that may crash or get the fallback; 0: 5
}

// withDefaults fills in what was left out.
func (p Plugin) withDefaults() Plugin {
	p.DrainTimeout = either(p.DrainTimeout, 10*time.Minute)
	p.CrashWait = either(p.CrashWait, 3*time.Second)
	p.CanaryLimit = either(p.CanaryLimit, 5)
	p.Breaker.Starts = either(p.Breaker.Starts, 5)
	p.Breaker.Deaths = either(p.Breaker.Deaths, 30)
	if p.Dial != nil {
		p.Breaker = Breaker{math.MaxInt, math.MaxInt}
		p.SHA256, p.Standby = "", false
	}
	return p
}

func either[T int | time.Duration](value, otherwise T) T {
	if value == 0 {
		return otherwise
	}
	return max(0, value)
}

// serves tells whether an organisation may use the plugin. Without an organisation
// the question is whether all may.
func (p Plugin) serves(org string) bool {
	return len(p.Orgs) == 0 || slices.Contains(p.Orgs, org)
}

// meets tells whether some organisation may use both plugins.
func (p Plugin) meets(other Plugin) bool {
	return len(p.Orgs) == 0 || len(other.Orgs) == 0 ||
		slices.ContainsFunc(p.Orgs, func(org string) bool { return slices.Contains(other.Orgs, org) })
}
