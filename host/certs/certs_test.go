package certs_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/byova-host/byova-host/host/certs"
)

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// pair is a certificate with its key, in PEM.
type pair struct{ cert, key []byte }

func (p pair) tls(t *testing.T) tls.Certificate {
	t.Helper()
	c, err := tls.X509KeyPair(p.cert, p.key)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	// Valid around both clocks, the real one and that of a bubble.
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Unix(0, 0), NotAfter: time.Now().AddDate(50, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key}
}

func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// sign makes a certificate for a subject and DNS names.
func (a *authority) sign(t *testing.T, subject pkix.Name, dns ...string) pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: subject, DNSNames: dns, NotBefore: time.Unix(0, 0), NotAfter: time.Now().AddDate(50, 0, 0),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pair{
		cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		key:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}),
	}
}

// place puts a file there as a renewal does: as a new one under the old name.
func place(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// rig is a server's files.
type rig struct {
	certs.Files
	log *bytes.Buffer
}

func newRig(t *testing.T, server pair, ca []byte, names ...certs.Name) *rig {
	t.Helper()
	dir := t.TempDir()
	r := &rig{log: &bytes.Buffer{}, Files: certs.Files{
		Cert: filepath.Join(dir, "server.pem"), Key: filepath.Join(dir, "server.key"), ClientNames: names,
	}}
	place(t, r.Cert, server.cert)
	place(t, r.Key, server.key)
	if ca != nil {
		r.ClientCA = filepath.Join(dir, "ca.pem")
		place(t, r.ClientCA, ca)
	}
	return r
}

func (r *rig) serve(t *testing.T) *tls.Config {
	t.Helper()
	config, err := r.Server(hclog.New(&hclog.LoggerOptions{Output: r.log}))
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// meet connects a client to a server. It gives the name on the server's
// certificate and why the client was not let in, if it was not.
func meet(server *tls.Config, client *tls.Config) (name string, err error) {
	here, there := net.Pipe()
	ended := make(chan error)
	go func() {
		defer there.Close()
		conn := tls.Server(there, server)
		err := conn.Handshake()
		if err == nil {
			_, err = conn.Write([]byte("welcome"))
		}
		ended <- err
	}()
	conn := tls.Client(here, client)
	if err = conn.Handshake(); err == nil {
		name = conn.ConnectionState().PeerCertificates[0].Subject.CommonName
		_, err = io.ReadFull(conn, make([]byte, len("welcome"))) // in TLS 1.3 a refusal comes now
	}
	here.Close()
	if refused := <-ended; refused != nil {
		return name, refused
	}
	return name, err
}

func TestMutualTLS(t *testing.T) {
	ours, theirs := newAuthority(t, "ours"), newAuthority(t, "theirs")
	server := ours.sign(t, pkix.Name{CommonName: "server"}, "localhost")
	webex := theirs.sign(t, pkix.Name{CommonName: "media.us1.example.com", Organization: []string{"Example Inc."}}, "media.example.net")
	stranger := ours.sign(t, pkix.Name{CommonName: "media.us1.example.com"})
	nobody := pair{}
	tests := []struct {
		name   string
		client pair
		names  []certs.Name
		says   string // of the refusal; empty for none
	}{
		{"trusted", webex, nil, ""},
		{"trusted, by common name", webex, []certs.Name{"other.example.com", "*.EXAMPLE.com"}, ""},
		{"trusted, by DNS name", webex, []certs.Name{"media.example.net"}, ""},
		{"trusted, by organisation", webex, []certs.Name{"O=example inc."}, ""},
		{"trusted, of another name", webex, []certs.Name{"example.com", "*.us2.example.com", "xample.net", "O=Example"}, "has none of the names"},
		{"signed by another", stranger, nil, "unknown authority"},
		{"without a certificate", nobody, nil, "didn't provide a certificate"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			config := newRig(t, server, theirs.pem(), test.names...).serve(t)
			client := &tls.Config{RootCAs: ours.pool(), ServerName: "localhost"}
			if test.client.cert != nil {
				own := test.client.tls(t)
				// Presented whatever the server asks for.
				client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &own, nil }
			}
			if name, err := meet(config, client); (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("met %q, %v, want %q", name, err, test.says)
			}
		})
	}
}

func TestOldVersionsAreRefused(t *testing.T) {
	ours := newAuthority(t, "ours")
	config := newRig(t, ours.sign(t, pkix.Name{CommonName: "server"}, "localhost"), nil).serve(t)
	for version, want := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		client := &tls.Config{RootCAs: ours.pool(), ServerName: "localhost", MinVersion: tls.VersionTLS10, MaxVersion: version}
		if _, err := meet(config, client); (err == nil) != want {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
	}
}

// TestReload: a new pair and a new authority count for the next connection; broken
// ones leave the old in place, with one line in the log.
func TestReload(t *testing.T) {
	ours, first, second := newAuthority(t, "ours"), newAuthority(t, "first"), newAuthority(t, "second")
	one, two := ours.sign(t, pkix.Name{CommonName: "one"}, "localhost"), ours.sign(t, pkix.Name{CommonName: "two"}, "localhost")
	r := newRig(t, one, first.pem())
	synctest.Test(t, func(t *testing.T) {
		config := r.serve(t)
		by := func(a *authority) *tls.Config {
			own := a.sign(t, pkix.Name{CommonName: "client"}).tls(t)
			return &tls.Config{RootCAs: ours.pool(), ServerName: "localhost", ClientSessionCache: tls.NewLRUClientSessionCache(4),
				GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &own, nil }}
		}
		ofFirst, ofSecond := by(first), by(second)
		hold := func(what string, client *tls.Config, want string) {
			t.Helper()
			if name, err := meet(config, client); name != want && want != "" || (err == nil) != (want != "") {
				t.Errorf("%s: met %q, %v, want %q", what, name, err, want)
			}
		}
		hold("at first", ofFirst, "one")
		hold("at first, of another", ofSecond, "")

		place(t, r.Cert, two.cert)
		hold("at once", ofFirst, "one")
		for range 3 {
			time.Sleep(time.Second)
			hold("while the key is of the old certificate", ofFirst, "one")
		}
		if n := strings.Count(r.log.String(), "[ERROR]"); n != 1 || !strings.Contains(r.log.String(), "private key does not match") {
			t.Errorf("the log has %d errors:\n%s", n, r.log)
		}
		place(t, r.Key, two.key)
		time.Sleep(time.Second)
		hold("with the new pair", ofFirst, "two")

		// What makes a pair whole need not show in a file's size or time, as when it
		// was not to be read before.
		info, err := os.Stat(r.Key)
		if err != nil {
			t.Fatal(err)
		}
		rewrite := func(key []byte) {
			t.Helper()
			if err := errors.Join(os.WriteFile(r.Key, key, 0o600), os.Chtimes(r.Key, time.Time{}, info.ModTime())); err != nil {
				t.Fatal(err)
			}
		}
		place(t, r.Cert, one.cert)
		time.Sleep(time.Second)
		hold("with the first certificate and another's key", ofFirst, "two")
		rewrite(one.key)
		time.Sleep(time.Second)
		hold("with its own key, as old as the other", ofFirst, "one")
		rewrite(two.key)
		place(t, r.Cert, two.cert)
		time.Sleep(time.Second)
		hold("with the new pair again", ofFirst, "two")

		place(t, r.ClientCA, second.pem())
		time.Sleep(time.Second)
		hold("with a new authority", ofSecond, "two")
		hold("with a new authority, of the old", ofFirst, "")
		if err := os.Remove(r.ClientCA); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		hold("without the authority's file", ofSecond, "two")
	})
}

func TestLoadErrors(t *testing.T) {
	ours := newAuthority(t, "ours")
	good, other := ours.sign(t, pkix.Name{CommonName: "a"}), ours.sign(t, pkix.Name{CommonName: "b"})
	dir := t.TempDir()
	file := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		place(t, path, data)
		return path
	}
	cert, key := file("cert", good.cert), file("key", good.key)
	large := file("large", append(bytes.Repeat([]byte("\n"), 5<<20), good.cert...))
	for _, test := range []struct{ name, cert, key, says string }{
		{"both", cert, key, ""},
		{"missing", dir + "/none", key, "none: no such file"},
		{"directory", cert, dir, "is not a file"},
		{"device", "/dev/zero", key, "is not a file"},
		{"large", large, key, "at most 4194304 are taken"},
		{"text", file("text", []byte("text")), key, "is no PEM file"},
		{"another's key", cert, file("other", other.key), "does not match"},
		{"encrypted key", cert, file("encrypted", pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")})), "encrypted has a passphrase"},
		{"encrypted key of old", cert, file("old", pem.EncodeToMemory(&pem.Block{
			Type: "EC PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED"}, Bytes: []byte("x"),
		})), "old has a passphrase"},
		{"swapped", key, cert, "PEM inputs may have been switched"},
	} {
		if _, err := certs.LoadPair(test.cert, test.key); (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v, want %q", test.name, err, test.says)
		}
	}
	for name, test := range map[string]struct {
		data []byte
		says string
	}{
		"one": {ours.pem(), ""}, "two": {append(ours.pem(), good.cert...), ""}, "with a key": {append(good.key, ours.pem()...), ""},
		"key alone": {good.key, "has no certificate"},
		"broken":    {append(ours.pem(), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("no")})...), "certificate 2 of"},
	} {
		if _, err := certs.LoadPool(file("pool", test.data)); (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v, want %q", name, err, test.says)
		}
	}
}

func TestNames(t *testing.T) {
	for name, valid := range map[certs.Name]bool{
		"a.example.com": true, "*.example.com": true, "O=Example Inc.": true, "localhost": true,
		"": false, "*": false, "*.": false, "a.*.com": false, "*.*.com": false, "O=": false, "O= ": false, "CN=a": false, "a b": false,
	} {
		if err := name.Validate(); (err == nil) != valid {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func FuzzName(f *testing.F) {
	for _, seed := range [][2]string{{"*.a.b", "x.a.b"}, {"O=A", "A"}, {"a", "a"}, {"*.a", ".a"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, name, common string) {
		n := certs.Name(name)
		if n.Validate() != nil {
			return
		}
		cert := &x509.Certificate{Subject: pkix.Name{CommonName: common, Organization: []string{common}}}
		if n.Match(cert) && !strings.HasSuffix(strings.ToLower("O="+common), strings.ToLower(strings.TrimPrefix(name, "*"))) {
			t.Errorf("%q matches %q", name, common)
		}
	})
}
