package admin

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"

	"github.com/byova-host/byova-host/internal/ownsocket"
)

// Address is where the admin API is: unix:///path or a loopback host:port.
type Address struct {
	network string // unix or tcp
	address string
}

// ParseAddress reads an address as the command line takes it.
func ParseAddress(s string) (Address, error) {
	if path, unix := strings.CutPrefix(s, "unix://"); unix {
		if !filepath.IsAbs(path) {
			return Address{}, fmt.Errorf("admin address %q: the path must be absolute: unix:///run/admin.sock", s)
		}
		if len(path) > ownsocket.LongestPath {
			return Address{}, fmt.Errorf("admin address %q: the path has %d bytes, and that of a socket %d at most: choose a shorter one", s, len(path), ownsocket.LongestPath)
		}
		return Address{"unix", path}, nil
	}
	host, _, err := net.SplitHostPort(s)
	if err != nil {
		return Address{}, fmt.Errorf("admin address %q: want unix:///path or a loopback host:port", s)
	}
	if !loopback(host) {
		return Address{}, fmt.Errorf("admin address %q: %s is not a loopback address: the API has no password", s, host)
	}
	return Address{"tcp", s}, nil
}

// loopback says that a name, or name and port, can only mean this machine.
func loopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip.IsLoopback()
}

// DefaultAddress is the socket in a runtime directory; the n-th host there, from
// 1, has the n-th.
func DefaultAddress(dir string, n int) Address {
	name := "admin.sock"
	if n > 1 {
		name = fmt.Sprintf("admin-%d.sock", n)
	}
	return Address{"unix", filepath.Join(dir, name)}
}

// String gives what ParseAddress takes.
func (a Address) String() string {
	if a.network == "unix" {
		return "unix://" + a.address
	}
	return a.address
}

// Listen opens the address. A socket is this user's alone, and replaces one that a killed
// host left.
func (a Address) Listen() (l net.Listener, err error) {
	if a.network == "unix" {
		l, err = ownsocket.Listen(a.address)
	} else {
		l, err = net.Listen(a.network, a.address)
	}
	if err != nil {
		return nil, fmt.Errorf("admin address %v: %w", a, err)
	}
	return l, nil
}

// maxHosts is how many hosts of one user find a default address.
const maxHosts = 64

// ListenDefault opens the first default address in dir that is free.
func ListenDefault(dir string) (net.Listener, Address, error) {
	for n := 1; n <= maxHosts; n++ {
		a := DefaultAddress(dir, n)
		l, err := a.Listen()
		if !errors.Is(err, ownsocket.ErrInUse) {
			return l, a, err
		}
	}
	return nil, Address{}, fmt.Errorf("%d hosts run already: give this one an --admin address", maxHosts)
}
