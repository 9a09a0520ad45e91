//go:build unix

package plugintest

import (
	"syscall"
	"time"

	"github.com/byova-host/byova-host/internal/pluginwire"
)

// staysWithHost: a terminal's Ctrl-C and a service manager's SIGTERM reach plugins too,
// and the calls go on.
func (v *verifier) staysWithHost(t *trial) {
	v.onProcess(t, func(p *pluginwire.Process) {
		for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
			if err := syscall.Kill(p.Pid(), signal); err != nil {
				t.Fatalf("send %v: %v", signal, err)
			}
		}
		c := v.open(t, p, plenty)
		c.greet()
		c.until(t, "a call is answered after SIGINT and SIGTERM, which the host's own end begins with", (*wireCall).answered)
		c.pause(time.Second) // a process takes a while to end
		if err := p.Err(); err != nil {
			t.Fatalf("SIGINT and SIGTERM end it: leave its end to the host, whose calls go on: %v", err)
		}
		c.Close()
	})
}

// kill ends the plugin's process.
func (h *Host) kill() {
	pid := h.pid()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		h.t.Fatalf("kill process %d: %v", pid, err)
	}
}
