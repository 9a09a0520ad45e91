package rpc

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// credentials are those of the server's end of a connection.
func (o Options) credentials(log hclog.Logger) credentials.TransportCredentials {
	if o.TLS == nil {
		return insecure.NewCredentials()
	}
	return &loggedTLS{TransportCredentials: credentials.NewTLS(o.TLS), log: log}
}

// complainEvery is how often a failed handshake is worth a line in the log: who
// reaches the port could fill it otherwise.
const complainEvery = time.Second

// loggedTLS says why a peer was not let in; gRPC alone keeps it to itself.
type loggedTLS struct {
	credentials.TransportCredentials
	log hclog.Logger

	mu     sync.Mutex
	last   time.Time
	silent int // failures since then
}

// ServerHandshake implements credentials.TransportCredentials.
func (l *loggedTLS) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	secured, info, err := l.TransportCredentials.ServerHandshake(conn)
	if err != nil && !errors.Is(err, io.EOF) { // a peer that only looks whether the port is open
		l.complain(conn.RemoteAddr(), err)
	}
	return secured, info, err
}

func (l *loggedTLS) complain(peer net.Addr, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if now.Sub(l.last) < complainEvery {
		l.silent++
		return
	}
	l.log.Warn("TLS handshake failed", "peer", peer.String(), "error", err, "others", l.silent)
	l.last, l.silent = now, 0
}

// Clone implements credentials.TransportCredentials.
func (l *loggedTLS) Clone() credentials.TransportCredentials {
	return &loggedTLS{TransportCredentials: l.TransportCredentials.Clone(), log: l.log}
}
