package pluginwire

import (
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/byova-host/byova-host/internal/pluginwire/wire"
)

// handshakeLine finds go-plugin's line: core version, wire version, network,
// address, protocol, certificate. It need not begin the line, because an author
// may have printed something without a line end before.
var handshakeLine = regexp.MustCompile(`1\|\d+\|(?:unix|tcp)\|.*$`)

// handshakeFilter reads a plugin's standard output. It passes the handshake on
// to go-plugin, which would take any other first line for a broken one and would
// end its reading at a line that is too long, and logs all the rest.
type handshakeFilter struct {
	pass   *io.PipeWriter
	output *output
	broken func() // ends the plugin: its handshake is no use

	mu      sync.Mutex
	passed  bool
	first   string // the first line that was no handshake
	problem error
}

func (f *handshakeFilter) line(b []byte) {
	f.mu.Lock()
	if f.passed || f.problem != nil {
		f.mu.Unlock()
		f.output.stdout(b)
		return
	}
	found := handshakeLine.FindIndex(b)
	if found == nil {
		if f.first == "" {
			f.first = shorten(strings.TrimSpace(string(b)), shownQuote)
		}
		f.mu.Unlock()
		f.output.stdout(b)
		return
	}
	line := string(b[found[0]:])
	f.problem = checkHandshake(line)
	f.passed = f.problem == nil
	f.mu.Unlock()
	if f.problem != nil {
		f.broken()
		return
	}
	if found[0] > 0 {
		f.output.stdout(b[:found[0]])
	}
	// An error means that go-plugin has stopped reading: it gave up meanwhile.
	_, _ = io.WriteString(f.pass, line+"\n")
}

func (f *handshakeFilter) close() { f.pass.Close() }

// found reports what is wrong with the handshake that came, and without one the
// first line that came instead.
func (f *handshakeFilter) found() (passed bool, first string, problem error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.passed, f.first, f.problem
}

// checkHandshake says in our words what go-plugin would say in its own.
func checkHandshake(line string) error {
	fields := strings.Split(strings.TrimSpace(line), "|")
	if version, err := strconv.Atoi(fields[1]); err != nil || version != wire.Version {
		return fmt.Errorf("it speaks version %s of the plugin wire, this host speaks %d", fields[1], wire.Version)
	}
	if len(fields) < 5 || fields[4] != "grpc" {
		protocol := "netrpc"
		if len(fields) >= 5 {
			protocol = fields[4]
		}
		return fmt.Errorf("it speaks %q, a bot plugin speaks grpc", protocol)
	}
	if len(fields) < 6 || len(fields[5]) <= 50 { // go-plugin's own measure of "no certificate"
		return fmt.Errorf("its handshake has no certificate: it must answer %s with its own", wire.ClientCertEnv)
	}
	return nil
}
