package certs

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

// every is how often the files are looked at, at most.
const every = time.Second

// Files are the PEM files of a server and what it asks of clients.
type Files struct {
	Cert, Key   string
	ClientCA    string // whose clients are let in; empty asks for no certificate
	ClientNames []Name // which of them; empty lets all of them in
}

// Server gives the configuration of a TLS server that follows the files: what
// they hold counts for the next connection. While they are broken the last that
// were whole stay, and the log says so once.
func (f Files) Server(log hclog.Logger) (*tls.Config, error) {
	k := &keeper{files: f, log: log}
	k.stamps = f.stamps()
	config, err := f.load()
	if err != nil {
		return nil, err
	}
	k.config, k.looked = config, time.Now()
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return k.current(), nil },
	}, nil
}

// load reads all files into a configuration that nobody changes any more.
func (f Files) load() (*tls.Config, error) {
	pair, err := LoadPair(f.Cert, f.Key)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{*pair}}
	if f.ClientCA == "" {
		return config, nil
	}
	if config.ClientCAs, err = LoadPool(f.ClientCA); err != nil {
		return nil, err
	}
	config.ClientAuth = tls.RequireAndVerifyClientCert
	config.SessionTicketsDisabled = true // each connection is held against the files as they are now
	config.VerifyConnection = f.admit
	return config, nil
}

// admit holds a client whose certificate is trusted against the names.
func (f Files) admit(state tls.ConnectionState) error {
	if len(state.PeerCertificates) == 0 {
		return errors.New("the client has no certificate")
	}
	cert := state.PeerCertificates[0]
	if len(f.ClientNames) == 0 || slices.ContainsFunc(f.ClientNames, func(n Name) bool { return n.Match(cert) }) {
		return nil
	}
	return fmt.Errorf("the client certificate of %q (%s) has none of the names that are let in",
		cert.Subject, strings.Join(cert.DNSNames, ", "))
}

// stamps tell whether files have changed.
func (f Files) stamps() (all [3]os.FileInfo) {
	for i, path := range []string{f.Cert, f.Key, f.ClientCA} {
		if path != "" {
			all[i], _ = os.Stat(path) // nil when it is not there
		}
	}
	return all
}

func same(a, b [3]os.FileInfo) bool {
	for i := range a {
		if (a[i] == nil) != (b[i] == nil) {
			return false
		}
		if a[i] == nil {
			continue
		}
		if !os.SameFile(a[i], b[i]) || a[i].Size() != b[i].Size() || !a[i].ModTime().Equal(b[i].ModTime()) {
			return false
		}
	}
	return true
}

// keeper has the configuration of the last files that were whole.
type keeper struct {
	files Files
	log   hclog.Logger

	mu     sync.Mutex
	config *tls.Config
	stamps [3]os.FileInfo // of the files that were tried last
	broken string         // why they could not be used; empty when they could
	looked time.Time
}

// current looks at the files, unless it has done so just now.
func (k *keeper) current() *tls.Config {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now := time.Now(); now.Sub(k.looked) >= every {
		k.looked = now
		k.refresh()
	}
	return k.config
}

// refresh reads files that have changed. Their stamps are taken before, so that a
// change in between is seen the next time. Files that could not be used are tried
// each time: what makes them whole, like a right to read them, is not in the stamps.
func (k *keeper) refresh() {
	stamps := k.files.stamps()
	if k.broken == "" && same(k.stamps, stamps) {
		return
	}
	k.stamps = stamps
	config, err := k.files.load()
	if err != nil {
		if err.Error() != k.broken {
			k.log.Error("certificates have changed and cannot be used: the ones before stay", "error", err)
		}
		k.broken = err.Error()
		return
	}
	k.config, k.broken = config, ""
	k.log.Info("certificates have changed", "cert", k.files.Cert)
}
