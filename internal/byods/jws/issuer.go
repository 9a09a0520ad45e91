package jws

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// Issuers are those of production.
func Issuers() []string {
	return []string{
		"https://idbroker.webex.com/idb",
		"https://idbroker-eu.webex.com/idb",
		"https://idbroker-b-us.webex.com/idb",
		"https://idbroker-ca.webex.com/idb",
	}
}

// CheckIssuer holds that a text can be an issuer: https, or http of this machine, and
// nothing behind the path.
func CheckIssuer(issuer string) error {
	u, err := url.Parse(issuer)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Opaque != "":
		return fmt.Errorf("%q is no issuer: write one like https://idbroker.webex.com/idb", issuer)
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		return fmt.Errorf("%q must begin with https://", issuer)
	case strings.HasSuffix(issuer, "/"):
		return fmt.Errorf("%q ends with a slash, which no token's issuer does: remove it", issuer)
	}
	return nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
