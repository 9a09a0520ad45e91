package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/byova-host/byova-host/plugins/wsproxy/internal/adapter"
	"github.com/byova-host/byova-host/plugins/wsproxy/internal/socket"
	"github.com/byova-host/byova-host/sdk/plugin"
)

// proxy is the process: its settings, and what all its calls share. It may be used
// concurrently.
type proxy struct {
	settings *settings
	client   *http.Client
	ctx      context.Context // of spare connections
	cancel   context.CancelFunc
	wg       sync.WaitGroup // those who make and watch spares

	mu     sync.Mutex
	calls  int
	spares []*socket.Conn
	making int
}

// spareAge is how old an unused connection gets: many servers end one that says
// nothing.
const spareAge = 30 * time.Second

func (p *proxy) start(s *settings) error {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = s.tls.Clone()
	p.settings = s
	p.client = &http.Client{Transport: transport}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.replenish()
	return nil
}

// close ends the spare connections.
func (p *proxy) close() {
	if p.cancel == nil {
		return
	}
	p.cancel()
	p.wg.Wait()
}

// admit counts a call.
func (p *proxy) admit() (release func(), err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if most := p.settings.MaxConnections; most > 0 && p.calls >= most {
		return nil, fmt.Errorf("%d calls are up, which is the setting max_connections", most)
	}
	p.calls++
	return func() {
		p.mu.Lock()
		p.calls--
		p.mu.Unlock()
	}, nil
}

// dial makes a connection.
func (p *proxy) dial(ctx context.Context) (*socket.Conn, error) {
	s := p.settings
	address := *s.url
	target := &adapter.Target{URL: &address, Header: http.Header{"User-Agent": {"byova-host-wsproxy/" + version}}, Client: p.client}
	for name, value := range s.Headers {
		target.Header.Set(name, value)
	}
	if err := s.backend.Dial(ctx, target); err != nil {
		return nil, quiet(err)
	}
	return socket.Dial(ctx, target.URL, target.Header, target.Subprotocols, socket.Config{
		TLS: s.tls, MaxMessage: s.MaxMessage, Ping: time.Duration(s.Ping), Idle: time.Duration(s.IdleTimeout),
	})
}

// quiet takes the query, which may be secret, out of an HTTP client's error.
func quiet(err error) error {
	if failed, ok := errors.AsType[*url.Error](err); ok {
		failed.URL = "the backend's API"
	}
	return err
}

// final says that dialling again would fail in the same way.
func final(err error) bool {
	var answer interface{ Final() bool }
	return errors.As(err, &answer) && answer.Final()
}

// spare is a connection that was made before its call, or nil.
func (p *proxy) spare() *socket.Conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.spares) > 0 {
		conn := p.spares[0]
		p.spares = p.spares[1:]
		select {
		case <-conn.Done(): // broken just now
		default:
			return conn
		}
	}
	return nil
}

// replenish makes as many spare connections as are missing. A backend that cannot be
// reached is tried again with the next call.
func (p *proxy) replenish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx.Err() != nil {
		return
	}
	for len(p.spares)+p.making < p.settings.SpareConnections {
		p.making++
		p.wg.Go(p.makeSpare)
	}
}

func (p *proxy) makeSpare() {
	ctx, cancel := context.WithTimeout(p.ctx, time.Duration(p.settings.ConnectTimeout))
	conn, err := p.dial(ctx)
	cancel()
	p.mu.Lock()
	p.making--
	if err == nil {
		p.spares = append(p.spares, conn)
	}
	p.mu.Unlock()
	if err != nil {
		if p.ctx.Err() == nil {
			plugin.Log().Warn("no spare connection", "error", err)
		}
		return
	}
	if p.watchSpare(conn) {
		p.replenish()
	}
}

// watchSpare waits until a spare is taken or of no more use, and says whether it is to
// be replaced.
func (p *proxy) watchSpare(conn *socket.Conn) bool {
	began := time.Now()
	old := time.NewTimer(spareAge)
	defer old.Stop()
	select {
	case <-old.C:
	case <-conn.Done():
	case <-p.ctx.Done():
	}
	p.mu.Lock()
	i := slices.Index(p.spares, conn)
	if i >= 0 {
		p.spares = slices.Delete(p.spares, i, i+1)
	}
	p.mu.Unlock()
	if i < 0 {
		return false // a call has it
	}
	conn.Close(1000, "")
	return p.ctx.Err() == nil && time.Since(began) > time.Second // or the backend does not want it
}
