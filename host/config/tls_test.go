package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"
)

// selfSigned makes a certificate that is valid now.
func selfSigned(t *testing.T) (cert, key string) {
	t.Helper()
	return validFor(t, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
}

func validFor(t *testing.T, from, to time.Time) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: from, NotAfter: to, DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return block("CERTIFICATE", der), block("PRIVATE KEY", pkcs8)
}

func TestPairs(t *testing.T) {
	good, goodKey := selfSigned(t)
	_, otherKey := selfSigned(t)
	old, oldKey := validFor(t, time.Unix(0, 0), time.Unix(86400, 0))
	early, earlyKey := validFor(t, time.Now().Add(time.Hour), time.Now().Add(2*time.Hour))
	dir := files(t, map[string]string{
		"good.pem": good, "good.key": goodKey, "other.key": otherKey, "old.pem": old, "old.key": oldKey, "early.pem": early, "early.key": earlyKey,
		"open.key": goodKey, "broken.pem": strings.Replace(good, "MI", "XX", 1),
	})
	if err := os.Chmod(dir+"/open.key", 0o644); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"cert: good.pem, key: open.key":                           "tls.key: warning: all users of this machine can read " + dir + "/open.key: chmod 600 it",
		"cert: good.pem, key: good.key":                           "",
		"cert: good.pem, key: good.key, client_ca: good.pem":      "",
		"cert: good.pem, key: other.key":                          "private key does not match public key",
		"cert: good.key, key: good.key":                           "good.key",
		"cert: broken.pem, key: good.key":                         "broken.pem",
		"cert: good.pem, key: good.key, client_ca: good.key":      "has no certificate: it must have PEM blocks named CERTIFICATE",
		"cert: good.pem, key: good.key, client_ca: broken.pem":    "certificate 1 of",
		"cert: old.pem, key: old.key":                             "tls.cert: warning: the certificate expired on 1970-01-02: renew it",
		"cert: early.pem, key: early.key":                         "tls.cert: warning: the certificate is not valid before",
		"cert: good.pem, key: good.key, client_names: [O=A Inc.]": "stands without tls.client_ca",
	} {
		_, problems := Read(dir+"/host.yaml", []byte("tls: {"+text+"}\nverify_tokens: false\n"), nil)
		if got := show(problems); (got == "") != (want == "") || !strings.Contains(got, want) || Broken(problems) != (want != "" && !strings.Contains(want, "warning")) {
			t.Errorf("%s: %s\nwant %s", text, got, want)
		}
	}
}
