package pluginwire

import (
	"os"
	"os/exec"
	"syscall"
)

// processAttributes keeps a Ctrl-C meant for the host away from the plugin.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

func reap(cmd *exec.Cmd, ended func()) error {
	err := cmd.Wait()
	ended()
	return err
}

// killGroup ends the process alone: Windows has no groups to kill, and children
// that it started see the end of their pipes.
func killGroup(p *os.Process) { _ = p.Kill() }
