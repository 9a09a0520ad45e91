package plugintest

import "os"

func (v *verifier) staysWithHost(t *trial) { t.skip("there are no such signals on Windows") }

// kill ends the plugin's process.
func (h *Host) kill() {
	process, err := os.FindProcess(h.pid())
	if err == nil {
		err = process.Kill()
	}
	if err != nil {
		h.t.Fatalf("kill the plugin: %v", err)
	}
}
