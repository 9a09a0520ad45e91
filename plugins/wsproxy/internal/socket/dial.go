package socket

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// Config is how connections are made and kept. Zero fields take the default.
type Config struct {
	TLS *tls.Config // for wss; nil trusts what the system does

	MaxMessage int64         // longest message taken; default 16 MiB
	MaxQueued  int           // bytes that wait to be written; more ends the connection; default 4 MiB
	Ping       time.Duration // between pings; default 15 s
	Idle       time.Duration // with nothing heard, not even a pong; default 40 s
	Write      time.Duration // longest write; default 5 s
}

func (c Config) withDefaults() Config {
	for _, d := range []struct {
		value *time.Duration
		or    time.Duration
	}{{&c.Ping, 15 * time.Second}, {&c.Idle, 40 * time.Second}, {&c.Write, 5 * time.Second}} {
		if *d.value == 0 {
			*d.value = d.or
		}
	}
	if c.MaxMessage == 0 {
		c.MaxMessage = 16 << 20
	}
	if c.MaxQueued == 0 {
		c.MaxQueued = 4 << 20
	}
	return c
}

// HandshakeError is an answer to the upgrade that is none. Its text has the status, and
// nothing of the body, which may repeat a secret.
type HandshakeError struct{ Status int }

// Error names the status.
func (e *HandshakeError) Error() string {
	return fmt.Sprintf("the server answered %d %s instead of a WebSocket", e.Status, http.StatusText(e.Status))
}

// Final says that another try would be answered in the same way.
func (e *HandshakeError) Final() bool {
	return e.Status/100 == 4 && e.Status != http.StatusRequestTimeout && e.Status != http.StatusTooEarly && e.Status != http.StatusTooManyRequests
}

// Dial connects within ctx. Proxies are those of the environment. Errors do not have
// the URL's query or password, which may be secret.
func Dial(ctx context.Context, target *url.URL, header http.Header, subprotocols []string, config Config) (*Conn, error) {
	config = config.withDefaults()
	dialer := websocket.Dialer{
		Proxy:           http.ProxyFromEnvironment,
		TLSClientConfig: config.TLS,
		Subprotocols:    subprotocols,
		NetDialContext:  dialTCP,
		WriteBufferSize: 4 << 10,
	}
	ws, answer, err := dialer.DialContext(ctx, target.String(), header)
	if answer != nil && answer.Body != nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 64<<10))
		_ = answer.Body.Close()
	}
	switch {
	case err == nil:
		return newConn(ws, config), nil
	case errors.Is(err, websocket.ErrBadHandshake) && answer != nil:
		return nil, fmt.Errorf("connect to %s: %w", Name(target), &HandshakeError{answer.StatusCode})
	case ctx.Err() != nil || isTimeout(err):
		return nil, fmt.Errorf("connect to %s: no answer in time", Name(target))
	default:
		return nil, fmt.Errorf("connect to %s: %w", Name(target), without(err, target))
	}
}

// sendBuffer is what the system keeps of what was written: little, so that what a
// backend does not read is kept where it can still be dropped.
const sendBuffer = 32 << 10

// dialTCP connects with TCP_NODELAY, which is Go's default.
func dialTCP(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(sendBuffer)
	}
	return conn, err
}

// Name is a URL as it may be logged.
func Name(u *url.URL) string { return u.Scheme + "://" + u.Host + u.Path }

// without takes a URL's query out of an error's text.
func without(err error, u *url.URL) error {
	if u.RawQuery == "" || !strings.Contains(err.Error(), u.RawQuery) {
		return err
	}
	return errors.New(strings.ReplaceAll(err.Error(), u.RawQuery, "..."))
}
