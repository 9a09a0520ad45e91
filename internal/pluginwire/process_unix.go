//go:build unix && !linux

package pluginwire

import (
	"os"
	"os/exec"
	"syscall"
)

// processAttributes puts the plugin into a process group of its own. There is no
// parent-death signal here; the end of its standard input has to do.
func processAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// reap waits for the process and calls ended. A group that still has members
// keeps its number, so killing it just after the wait hits nobody else.
func reap(cmd *exec.Cmd, ended func()) error {
	err := cmd.Wait()
	ended()
	return err
}

func killGroup(p *os.Process) {
	_ = syscall.Kill(-p.Pid, syscall.SIGKILL)
}
