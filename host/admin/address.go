package admin

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// Address is where the admin API is: unix:///path or a loopback host:port.
type Address struct {
	network string // unix or tcp
	address string
}

// longestPath is that of a socket's path on macOS; elsewhere it may have a few
// bytes more.
const longestPath = 103

// ParseAddress reads an address as the command line takes it.
func ParseAddress(s string) (Address, error) {
	if path, unix := strings.CutPrefix(s, "unix://"); unix {
		if !filepath.IsAbs(path) {
			return Address{}, fmt.Errorf("admin address %q: the path must be absolute: unix:///run/admin.sock", s)
		}
		if len(path) > longestPath {
			return Address{}, fmt.Errorf("admin address %q: the path has %d bytes, and that of a socket %d at most: choose a shorter one", s, len(path), longestPath)
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

// errInUse says that another host answers at the address.
var errInUse = errors.New("another host answers there: give this one another")

// Listen opens the address. A socket that a killed host left is replaced.
func (a Address) Listen() (net.Listener, error) {
	if a.network == "unix" {
		if err := a.clear(); err != nil {
			return nil, fmt.Errorf("admin address %v: %w", a, err)
		}
	}
	l, err := net.Listen(a.network, a.address)
	if err != nil {
		return nil, fmt.Errorf("admin address %v: %w", a, err)
	}
	if a.network == "unix" {
		// The directory is private already; this holds for one that was chosen.
		if err := os.Chmod(a.address, 0o600); err != nil {
			return nil, errors.Join(fmt.Errorf("admin address %v: %w", a, err), l.Close())
		}
	}
	return l, nil
}

// clear removes a socket at which nobody answers.
func (a Address) clear() error {
	info, err := os.Lstat(a.address)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSocket == 0 {
		return errors.New("there is a file that is no socket: remove it or choose another")
	}
	if conn, err := net.Dial("unix", a.address); err == nil {
		conn.Close()
		return errInUse
	}
	return os.Remove(a.address)
}

// maxHosts is how many hosts of one user find a default address.
const maxHosts = 64

// ListenDefault opens the first default address in dir that is free.
func ListenDefault(dir string) (net.Listener, Address, error) {
	for n := 1; n <= maxHosts; n++ {
		a := DefaultAddress(dir, n)
		l, err := a.Listen()
		if !errors.Is(err, errInUse) {
			return l, a, err
		}
	}
	return nil, Address{}, fmt.Errorf("%d hosts run already: give this one an --admin address", maxHosts)
}
