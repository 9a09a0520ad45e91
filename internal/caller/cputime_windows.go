package caller

import (
	"fmt"
	"syscall"
	"time"
)

// cpuTime is what this process has taken of its cores so far, the system's part too.
func cpuTime() (time.Duration, error) {
	self, err := syscall.GetCurrentProcess()
	if err != nil {
		return 0, fmt.Errorf("ask for the own process: %w", err)
	}
	var began, ended, kernel, user syscall.Filetime
	if err := syscall.GetProcessTimes(self, &began, &ended, &kernel, &user); err != nil {
		return 0, fmt.Errorf("ask for the CPU time: %w", err)
	}
	return spent(kernel) + spent(user), nil
}

// spent is a length of time, which Windows counts in steps of 100 ns. Nanoseconds of
// a Filetime would count from 1970.
func spent(t syscall.Filetime) time.Duration {
	return time.Duration(int64(t.HighDateTime)<<32|int64(t.LowDateTime)) * 100
}
