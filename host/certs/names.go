package certs

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Name says which client certificates are let in: a host name; a name like
// *.example.com, for all names that end so; or O=Example Inc., for those of an
// organisation.
type Name string

// Validate says what is wrong with a name.
func (n Name) Validate() error {
	if org, is := strings.CutPrefix(string(n), "O="); is {
		if strings.TrimSpace(org) == "" {
			return errors.New(`"O=" names no organisation: write O=Example`)
		}
		return nil
	}
	host := strings.TrimPrefix(string(n), "*.")
	if host == "" || strings.ContainsAny(host, "*=/ ") || strings.HasPrefix(host, ".") {
		return fmt.Errorf("%q is no name: write O=Example, *.example.com or host.example.com", string(n))
	}
	return nil
}

// Match reports whether a certificate has the name. A host name is looked for
// among the DNS names and in the subject's common name.
func (n Name) Match(cert *x509.Certificate) bool {
	if org, is := strings.CutPrefix(string(n), "O="); is {
		for _, o := range cert.Subject.Organization {
			if strings.EqualFold(o, org) {
				return true
			}
		}
		return false
	}
	if n.matchHost(cert.Subject.CommonName) {
		return true
	}
	return slices.ContainsFunc(cert.DNSNames, n.matchHost)
}

func (n Name) matchHost(host string) bool {
	host, want := strings.ToLower(host), strings.ToLower(string(n))
	if suffix, all := strings.CutPrefix(want, "*"); all {
		return len(host) > len(suffix) && strings.HasSuffix(host, suffix)
	}
	return host == want
}
