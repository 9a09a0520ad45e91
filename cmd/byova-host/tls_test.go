//go:build unix

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
)

// identity makes a certificate that is its own authority, and writes it.
func identity(t *testing.T, dir, name string) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name, "localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return cert, key, pool
}

// TestServeTLS: the program's own caller gets through with the right certificate
// alone, and a new certificate of the server counts without a restart while an old
// connection stays.
func TestServeTLS(t *testing.T) {
	dir := t.TempDir()
	cert, key, pool := identity(t, dir, "server")
	webexCert, webexKey, _ := identity(t, dir, "media.example.com")
	otherCert, otherKey, _ := identity(t, dir, "other.example.net")
	both := filepath.Join(dir, "both.pem")
	if err := os.WriteFile(both, slices.Concat(readFile(t, webexCert), readFile(t, otherCert)), 0o600); err != nil {
		t.Fatal(err)
	}
	p := serveFile(t, fmt.Sprintf("tls: {cert: %s, key: %s, client_ca: %s, client_names: ['*.example.com']}\nping: {listen: 'localhost:0', tls: true}\n", cert, key, both))
	addr := strings.Replace(p.addr, "127.0.0.1", "localhost", 1)
	place := func(args ...string) int {
		t.Helper()
		code, _, _ := cli(t, append([]string{"call", "--addr", addr, "--dtmf", "1#"}, args...)...)
		return code
	}
	trusted := []string{"--ca", cert, "--cert", webexCert, "--key", webexKey}
	if code := place(trusted...); code != 0 {
		t.Errorf("a call with the right certificate: exit %d", code)
	}
	https := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}}}
	defer https.CloseIdleConnections()
	_, port, _ := net.SplitHostPort(pingAddress(p))
	if code, state := pingOf(t, https, "https://localhost:"+port); code != 200 || state != "online" {
		t.Errorf("a ping without a certificate got %d, %s", code, state)
	}
	for name, args := range map[string][]string{
		"without TLS": {}, "without a certificate": {"--ca", cert}, "with another name": {"--ca", cert, "--cert", otherCert, "--key", otherKey},
		"by an unknown authority": {"--ca", cert, "--cert", cert, "--key", key},
	} {
		if code := place(args...); code != 1 {
			t.Errorf("a call %s: exit %d", name, code)
		}
	}
	eventually(t, 5*time.Second, "the log says who was refused", func() bool {
		return strings.Contains(p.log.String(), "TLS handshake failed: peer=127.0.0.1:")
	})
	conn := dialTLS(t, addr, pool, webexCert, webexKey)
	if err := healthOf(t, conn); err != nil {
		t.Fatal(err)
	}
	newCert, newKey, newPool := identity(t, t.TempDir(), "server")
	for from, to := range map[string]string{newKey: key, newCert: cert} {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, 10*time.Second, "the new certificate counts", func() bool {
		return healthOf(t, dialTLS(t, addr, newPool, webexCert, webexKey)) == nil
	})
	if err := healthOf(t, conn); err != nil {
		t.Errorf("the connection from before: %v", err)
	}
	if code := place("--ca", cert, "--cert", webexCert, "--key", webexKey); code != 0 {
		t.Errorf("a call with the new certificate: exit %d", code)
	}
	p.stop(t)
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// dialTLS connects with a client certificate; healthOf tells whether it worked.
func dialTLS(t *testing.T, addr string, pool *x509.CertPool, cert, key string) *grpc.ClientConn {
	t.Helper()
	own, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{
		MinVersion: tls.VersionTLS12, RootCAs: pool, Certificates: []tls.Certificate{own},
	})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func healthOf(t *testing.T, conn *grpc.ClientConn) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	answer, err := healthv1.NewHealthClient(conn).Check(ctx, &healthv1.HealthCheckRequest{})
	if err == nil && answer.GetStatus() != healthv1.HealthCheckResponse_SERVING {
		err = fmt.Errorf("%v", answer.GetStatus())
	}
	return err
}
