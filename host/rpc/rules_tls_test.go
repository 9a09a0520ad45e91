package rpc_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/byova-host/byova-host/host/certs"
	"github.com/byova-host/byova-host/host/rpc"
)

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

// issue makes a certificate that parent signs, or itself for nil.
func issue(t *testing.T, parent *authority, name pkix.Name, dns ...string) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: name, DNSNames: dns, NotAfter: time.Now().Add(time.Hour),
		IsCA: parent == nil, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	signer, signed := key, template
	if parent != nil {
		signer, signed = parent.key, parent.cert
	}
	der, err := x509.CreateCertificate(rand.Reader, template, signed, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

// files writes the certificate and its key, and returns their paths.
func (a *authority) files(t *testing.T) (cert, key string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	for path, data := range map[string][]byte{cert: a.pem, key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

func (a *authority) pair() *tls.Certificate {
	return &tls.Certificate{Certificate: [][]byte{a.cert.Raw}, PrivateKey: a.key}
}

// TestR60_TLS holds which clients get through, without and with client
// certificates.
func TestR60_TLS(t *testing.T) {
	cisco := pkix.Name{CommonName: "insight-orchestrator.example.com", Organization: []string{"Cisco Systems Inc."}}
	trusted, stranger := issue(t, nil, pkix.Name{CommonName: "CA"}), issue(t, nil, pkix.Name{CommonName: "another CA"})
	cert, key := issue(t, trusted, pkix.Name{CommonName: "host"}, "localhost").files(t)
	ca, _ := trusted.files(t)
	webex, other := issue(t, trusted, cisco).pair(), issue(t, trusted, pkix.Name{CommonName: "other.example.com", Organization: []string{"Other"}}).pair()
	forged := issue(t, stranger, cisco).pair()
	plain := certs.Files{Cert: cert, Key: key}
	mutual := certs.Files{Cert: cert, Key: key, ClientCA: ca}
	named := certs.Files{Cert: cert, Key: key, ClientCA: ca, ClientNames: []certs.Name{"O=Cisco Systems Inc."}}
	tests := []struct {
		name    string
		files   certs.Files
		client  *tls.Certificate
		roots   *authority
		allowed bool
	}{
		{"a client that trusts the host", plain, nil, trusted, true},
		{"a client that does not trust the host", plain, nil, stranger, false},
		{"mutual, without a certificate", mutual, nil, trusted, false},
		{"mutual, with a certificate that is trusted", mutual, other, trusted, true},
		{"mutual, with one of another authority", mutual, forged, trusted, false},
		{"named, with the organisation", named, webex, trusted, true},
		{"named, with another one", named, other, trusted, false},
		{"named, with the organisation, but of another authority", named, forged, trusted, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			config, err := test.files.Server(hclog.NewNullLogger())
			if err != nil {
				t.Fatal(err)
			}
			settings := &tls.Config{RootCAs: test.roots.pool(), ServerName: "localhost", MinVersion: tls.VersionTLS12}
			if test.client != nil { // whatever the host asks for
				settings.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return test.client, nil }
			}
			addr := serveWith(t, rpc.Options{TLS: config}, hclog.NewNullLogger())
			err = healthy(t, client(t, addr, credentials.NewTLS(settings)))
			if test.allowed && err != nil || !test.allowed && status.Code(err) != codes.Unavailable {
				t.Errorf("allowed %t: got %v", test.allowed, err)
			}
		})
	}
	config, err := plain.Server(hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	addr := serveWith(t, rpc.Options{TLS: config}, hclog.NewNullLogger())
	t.Run("no TLS", func(t *testing.T) {
		if err := healthy(t, client(t, addr, insecure.NewCredentials())); status.Code(err) != codes.Unavailable {
			t.Errorf("got %v", err)
		}
	})
	for version, allowed := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		t.Run(tls.VersionName(version), func(t *testing.T) { // gRPC's own client would not try the old ones
			conn, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: trusted.pool(), ServerName: "localhost", NextProtos: []string{"h2"},
				MinVersion: version, MaxVersion: version})
			if err == nil {
				conn.Close()
			}
			if allowed != (err == nil) {
				t.Errorf("allowed %t: got %v", allowed, err)
			}
		})
	}
}
