package ownsocket

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
)

// LongestPath is how long the path of a socket may be on macOS, in bytes; elsewhere it may
// have a few more.
const LongestPath = 103

// ErrInUse says that a program answers at the path.
var ErrInUse = errors.New("another program answers there: end it, or choose another path")

// Listen opens a socket that only this user may connect to, from the moment it is there. One
// that a program left behind is replaced; ErrInUse says that one answers, and a file that is
// no socket stays.
func Listen(path string) (l net.Listener, err error) {
	if err := clear(path); err != nil {
		return nil, err
	}
	// Not closed to others later, who may have come by then.
	private(func() { l, err = net.Listen("unix", path) })
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil { // private already, and no program
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// clear removes a socket at which nobody answers.
func clear(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSocket == 0 {
		return errors.New("there is a file that is no socket: remove it or choose another path")
	}
	if conn, err := net.Dial("unix", path); err == nil {
		conn.Close()
		return ErrInUse
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("replace the old socket: %w", err)
	}
	return nil
}
