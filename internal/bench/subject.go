//go:build unix

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// subject is a server that is measured, in a process of its own.
type subject struct {
	by      answers
	at      address
	process *exec.Cmd
	end     io.Closer
	host    *control
	plugin  *control // nil: none
}

// startSubject starts a server and waits until it can be called.
func startSubject(ctx context.Context, by answers, e extras) (*subject, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	args := []string{"serve", "-by", string(by)}
	for _, flag := range []struct {
		name string
		on   bool
	}{{"-tls", e.TLS}, {"-tokens", e.Tokens}, {"-detection", e.Detection}, {"-metrics", e.Metrics}} {
		if flag.on {
			args = append(args, flag.name)
		}
	}
	s := &subject{by: by, process: exec.CommandContext(ctx, self, args...)} //nolint:gosec // ourselves
	s.process.Stderr = os.Stderr
	if s.end, err = s.process.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := s.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.process.Start(); err != nil {
		return nil, err
	}
	if err := json.NewDecoder(out).Decode(&s.at); err != nil {
		return nil, errors.Join(fmt.Errorf("server %s did not start: %w", by, err), s.stop())
	}
	s.host = newControl(s.at.Host)
	if s.at.Plugin != "" {
		s.plugin = newControl(s.at.Plugin)
	}
	return s, nil
}

func (s *subject) stop() error {
	s.end.Close()
	return s.process.Wait()
}

// dial makes a connection for calls.
func (s *subject) dial() (*grpc.ClientConn, error) {
	creds := insecure.NewCredentials()
	if s.at.Certificate != "" {
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM([]byte(s.at.Certificate))
		creds = credentials.NewTLS(&tls.Config{RootCAs: pool, ServerName: "localhost", MinVersion: tls.VersionTLS12})
	}
	return grpc.NewClient(s.at.Addr, grpc.WithTransportCredentials(creds),
		grpc.WithInitialConnWindowSize(1<<20), grpc.WithInitialWindowSize(1<<20))
}

// used is what host and plugin have used so far, and what this program has.
type usages struct{ host, plugin, generator usage }

func (s *subject) used(ctx context.Context, collect bool) (u usages, err error) {
	u.generator = used()
	if u.host, err = s.host.usage(ctx, collect); err != nil || s.plugin == nil {
		return u, err
	}
	u.plugin, err = s.plugin.usage(ctx, collect)
	return u, err
}

// cpu is what host and plugin took between two looks, in cores.
func (u usages) since(before usages) (server, generator float64) {
	wall := u.generator.At.Sub(before.generator.At)
	took := u.host.CPU - before.host.CPU + u.plugin.CPU - before.plugin.CPU
	return took.Seconds() / wall.Seconds(), (u.generator.CPU - before.generator.CPU).Seconds() / wall.Seconds()
}
