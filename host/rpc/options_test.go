package rpc_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	"github.com/byova-host/byova-host/host/rpc"
	"github.com/byova-host/byova-host/host/session"
	"github.com/byova-host/byova-host/internal/logtest"
)

// serveWith starts a server with options and returns its address.
func serveWith(t *testing.T, options rpc.Options, log hclog.Logger) string {
	t.Helper()
	sessions := session.New(&bot{}, session.Config{Log: log})
	server := options.NewServer(sessions, log)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	served.Go(func() {
		if err := server.Serve(l); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		sessions.Stop()
		server.Stop(t.Context())
		served.Wait()
	})
	return l.Addr().String()
}

func client(t *testing.T, addr string, with credentials.TransportCredentials) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(with))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func healthy(t *testing.T, conn *grpc.ClientConn) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, err := healthv1.NewHealthClient(conn).Check(ctx, &healthv1.HealthCheckRequest{})
	return err
}

// selfSigned makes a certificate for localhost.
func selfSigned(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// TestTLS: a call over TLS is answered, other clients are refused, and the log says
// why. A connection stays up while the certificate changes.
func TestTLS(t *testing.T) {
	first, firstPool := selfSigned(t)
	second, secondPool := selfSigned(t)
	var mu sync.Mutex
	serving := &first
	config := &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		mu.Lock()
		defer mu.Unlock()
		return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{*serving}}, nil
	}}
	log := &logtest.Log{}
	addr := serveWith(t, rpc.Options{TLS: config}, hclog.New(&hclog.LoggerOptions{Output: log}))
	trusting := func(pool *x509.CertPool) *grpc.ClientConn {
		return client(t, addr, credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool, ServerName: "localhost"}))
	}
	up := trusting(firstPool)
	if err := healthy(t, up); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	serving = &second
	mu.Unlock()
	if err := healthy(t, up); err != nil {
		t.Errorf("the connection from before the change: %v", err)
	}
	if err := healthy(t, trusting(secondPool)); err != nil {
		t.Errorf("a connection after the change: %v", err)
	}
	if err := healthy(t, client(t, addr, insecure.NewCredentials())); status.Code(err) != codes.Unavailable {
		t.Errorf("a client without TLS got %v", err)
	}
	tick := time.NewTicker(time.Millisecond) // the server may learn of it after the client
	defer tick.Stop()
	for end := time.Now().Add(10 * time.Second); ; <-tick.C {
		if strings.Contains(log.String(), "TLS handshake failed: peer=127.0.0.1:") && strings.Contains(log.String(), "does not look like a TLS handshake") {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the log does not say why a client was refused:\n%s", log)
		}
	}
	if err := healthy(t, trusting(firstPool)); status.Code(err) != codes.Unavailable {
		t.Errorf("a client that trusts only the old certificate got %v", err)
	}
}

// TestReflection: the services are listed only where that is switched on, in both
// versions.
func TestReflection(t *testing.T) {
	want := []string{
		"com.cisco.wcc.ccai.media.v1.VoiceVirtualAgent", "com.cisco.wcc.ccai.v1.Health", "grpc.health.v1.Health",
		"grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
	}
	for _, on := range []bool{true, false} {
		conn := client(t, serveWith(t, rpc.Options{Reflection: on}, hclog.NewNullLogger()), insecure.NewCredentials())
		for _, version := range []string{"v1", "v1alpha"} {
			got, err := listServices(t, conn, version)
			if on && (err != nil || !slices.Equal(got, want)) {
				t.Errorf("%s: %v, %v, want %v", version, got, err, want)
			}
			if !on && status.Code(err) != codes.Unimplemented {
				t.Errorf("%s without reflection: %v, %v", version, got, err)
			}
		}
	}
}

// listServices asks for them. The messages of both versions are the same.
func listServices(t *testing.T, conn *grpc.ClientConn, version string) (names []string, err error) {
	t.Helper()
	st, err := conn.NewStream(t.Context(), &grpc.StreamDesc{ClientStreams: true, ServerStreams: true},
		"/grpc.reflection."+version+".ServerReflection/ServerReflectionInfo")
	if err != nil {
		return nil, err
	}
	_ = st.SendMsg(&reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}}) // RecvMsg has the error
	var answer reflectionv1.ServerReflectionResponse
	err = st.RecvMsg(&answer)
	for _, s := range answer.GetListServicesResponse().GetService() {
		names = append(names, s.GetName())
	}
	return names, err
}
