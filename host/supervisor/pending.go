package supervisor

import (
	"context"
	"errors"
)

// Policy says how calls leave a generation.
type Policy uint8

// The policies.
const (
	Drain Policy = iota
	Move
)

// SwapOptions say how a plugin is swapped.
type SwapOptions struct {
	Path     string
	Policy   *Policy // nil: the plugin's own
	Canary   int     // percent of new sessions; 0: all
	Force    bool
	Progress func(string)
}

// Swapped is the generation that takes new calls.
type Swapped struct {
	Name       string
	Generation int
	Version    string
	SHA256     string
	Pid        int
}

var errPending = errors.New("this host cannot swap plugins yet")

// Swap is not possible yet.
func (*Supervisor) Swap(context.Context, string, SwapOptions) (Swapped, error) {
	return Swapped{}, errPending
}

// Promote is not possible yet.
func (*Supervisor) Promote(context.Context, string) (Swapped, error) { return Swapped{}, errPending }

// Rollback is not possible yet.
func (*Supervisor) Rollback(context.Context, string, SwapOptions) (Swapped, error) {
	return Swapped{}, errPending
}

// Restart is not possible yet.
func (*Supervisor) Restart(context.Context, string, SwapOptions) (Swapped, error) {
	return Swapped{}, errPending
}

// Reset is not possible yet.
func (*Supervisor) Reset(string) error { return errPending }
