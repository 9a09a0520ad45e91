//go:build unix

package caller

import (
	"fmt"
	"syscall"
	"time"
)

// cpuTime is what this process has taken of its cores so far, the system's part too.
func cpuTime() (time.Duration, error) {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0, fmt.Errorf("ask for the CPU time: %w", err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano()), nil
}
