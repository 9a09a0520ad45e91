package plugin

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	hclog "github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/byova-host/byova-host/internal/heapfloor"
	"github.com/byova-host/byova-host/internal/pluginwire/wire"
)

// processLog writes to the standard error that the process began with: once it
// serves, go-plugin puts a pipe in its place. JSON is for a host, which reads it.
var processLog = sync.OnceValue(func() hclog.Logger {
	return logger{hclog.New(&hclog.LoggerOptions{Output: os.Stderr, JSONFormat: startedByHost(), Level: hclog.Info})}
})

// startedByHost tells whether a host runs the process, and not a person or a test.
func startedByHost() bool { return os.Getenv(wire.CookieKey) == wire.CookieValue }

// Log is the process's log. The host shows its lines with their level and fields,
// and sets the level, which is info until then. It may be used concurrently, and before
// Serve. In a test, and run by hand, it writes lines for people to standard error; what
// Call.Log gets goes to the test's own output, if it is one of plugintest.
func Log() hclog.Logger { return processLog() }

// Serve serves the plugin until the host ends the process. It is the last
// statement of main, and is called once. Run by hand, it says what to do instead and exits
// with code 1; with BYOVA_PLUGIN_LISTEN=unix:///path it waits there for a host. It takes standard input, SIGTERM and SIGINT for itself, because the end of
// the process is the host's to say: what must be done then belongs to the end of a call.
func (p Plugin) Serve() {
	if !startedByHost() {
		p.runByHand()
	}
	heapfloor.Set(heapfloor.OfPlugin)
	log := Log()
	s := newServer(p, log)
	s.served = keepOutputs()
	certificate, err := wire.NewCertificate()
	if err == nil {
		err = announce(certificate)
	}
	if err != nil {
		log.Error("plugin does not start", "error", err)
		os.Exit(1)
	}
	ignoreSignals()
	go exitWithHost() // ends with the process
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig:  wire.Handshake(),
		VersionedPlugins: wire.Plugins(s),
		TLSProvider:      func() (*tls.Config, error) { return serverTLS(certificate) },
		GRPCServer: func(options []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(options, serverOptions()...)...)
		},
		Logger: log.Named("go-plugin"),
	})
}

// runByHand serves where the environment says so, or says what to do instead.
func (p Plugin) runByHand() {
	address := os.Getenv(wire.ListenEnv)
	if address == "" {
		fmt.Fprintf(os.Stderr, "This is a bot plugin; byova-host runs it. Try:\n\n    byova-host serve --verify-tokens=false --plugin %s\n\n"+
			"To run it by hand, in a debugger for instance, set %s=unix:///tmp/bot.sock\n", os.Args[0], wire.ListenEnv)
		os.Exit(1)
	}
	if err := p.serveByHand(address); err != nil {
		fmt.Fprintln(os.Stderr, "plugin:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func serverOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.InitialWindowSize(wire.Window),
		grpc.InitialConnWindowSize(wire.Window),
		grpc.MaxRecvMsgSize(wire.MaxMessage),
		grpc.ForceServerCodecV2(wire.Codec()),
	}
}

// serverTLS takes calls from this host alone.
func serverTLS(certificate tls.Certificate) (*tls.Config, error) {
	host := x509.NewCertPool()
	if !host.AppendCertsFromPEM([]byte(os.Getenv(wire.ClientCertEnv))) {
		return nil, errors.New("the host gave no certificate in " + wire.ClientCertEnv)
	}
	return &tls.Config{
		Certificates: []tls.Certificate{certificate},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    host,
		MinVersion:   tls.VersionTLS12,
	}, nil
}

// announce adds the certificate to the handshake line that go-plugin prints: with
// a key pair of ours it leaves that field empty. What the author printed before
// passes as it is.
func announce(certificate tls.Certificate) error {
	read, write, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make a pipe for the handshake: %w", err)
	}
	stdout := os.Stdout
	os.Stdout = write // go-plugin replaces it once more when it has printed
	field := base64.RawStdEncoding.EncodeToString(certificate.Certificate[0])
	go func() { // ends after the handshake line, or with the process
		lines := bufio.NewReader(read)
		for {
			line, err := lines.ReadString('\n')
			handshake := strings.Contains(line, "|grpc|")
			if handshake {
				line = strings.TrimRight(line, "\n") + field + "\n"
			}
			if _, writeErr := io.WriteString(stdout, line); err != nil || writeErr != nil || handshake {
				break
			}
		}
		// What still comes here was printed beside the handshake.
		_, _ = io.Copy(stdout, lines)
	}()
	return nil
}

// keepOutputs returns a function that gives what the author prints its own way to the
// host again. Once it serves, go-plugin puts pipes in the place of both outputs and sends
// on what comes there, and whatever is printed just before the end is lost on that way.
func keepOutputs() func() {
	stdout, stderr := os.Stdout, os.Stderr
	return sync.OnceFunc(func() { os.Stdout, os.Stderr = stdout, stderr })
}

// ignoreSignals leaves the end of the process to the host. A terminal's Ctrl-C and
// a service manager's SIGTERM reach the whole group, and the host needs its
// plugins to let calls end.
func ignoreSignals() {
	// Not signal.Ignore, which what the author starts would inherit.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() { // ends with the process
		for range signals {
		}
	}()
}

// exitWithHost ends the process when its standard input does: the host holds the
// other end for as long as it lives.
func exitWithHost() {
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}
