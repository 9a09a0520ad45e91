package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// maxFile bounds a PEM file, in bytes.
const maxFile = 4 << 20

// LoadPair reads a certificate with its chain, and its private key.
func LoadPair(cert, key string) (*tls.Certificate, error) {
	chain, err := readPEM(cert)
	if err != nil {
		return nil, err
	}
	private, err := readPEM(key)
	if err != nil {
		return nil, err
	}
	if bytes.Contains(private, []byte("ENCRYPTED")) {
		return nil, fmt.Errorf("%s has a passphrase: write it without one, with openssl pkey", key)
	}
	pair, err := tls.X509KeyPair(chain, private)
	if err != nil {
		return nil, fmt.Errorf("certificate %s with key %s: %w", cert, key, err)
	}
	return &pair, nil
}

// LoadPool reads certificates that are trusted to sign others. Each must be one
// that can be read: a pool that lacks one shows it only when a client is refused.
func LoadPool(path string) (*x509.CertPool, error) {
	data, err := readPEM(path)
	if err != nil {
		return nil, err
	}
	pool, n := x509.NewCertPool(), 0
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		n++
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d of %s: %w", n, path, err)
		}
		pool.AddCert(cert)
	}
	if n == 0 {
		return nil, fmt.Errorf("%s has no certificate: it must have PEM blocks named CERTIFICATE", path)
	}
	return pool, nil
}

// Check says what keeps a file from being a PEM file that can be read.
func Check(path string) error {
	_, err := readPEM(path)
	return err
}

// readPEM reads a file that is no pipe, device or directory.
func readPEM(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, readError(path, err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", path)
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%s has %d bytes: at most %d are taken", path, info.Size(), maxFile)
	}
	data, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, readError(path, err)
	}
	if !bytes.Contains(data, []byte("-----BEGIN ")) {
		return nil, fmt.Errorf("%s is no PEM file: it has no line that begins with -----BEGIN", path)
	}
	return data, nil
}

// readError names the file once.
func readError(path string, err error) error {
	if wrong, ok := errors.AsType[*fs.PathError](err); ok {
		err = wrong.Err
	}
	return fmt.Errorf("%s: %w", path, err)
}
