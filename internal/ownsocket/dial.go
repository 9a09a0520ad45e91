package ownsocket

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
)

// Dial connects to a socket, and refuses a program there that is neither this user's nor
// root's, where the system tells.
func Dial(ctx context.Context, path string) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	peer, known, err := peerOf(conn.(*net.UnixConn)) //nolint:forcetypeassert // of that network
	if err == nil && known {
		err = permit(peer, os.Getuid())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), conn.Close())
	}
	return conn, nil
}

// peerOf is whose program is at the other end.
func peerOf(conn *net.UnixConn) (user int, known bool, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, false, err
	}
	var asked error
	if err := raw.Control(func(fd uintptr) { user, known, asked = userOf(int(fd)) }); err != nil {
		return 0, false, err
	}
	if asked != nil {
		return 0, false, fmt.Errorf("ask who answers: %w", asked)
	}
	return user, known, nil
}

// permit refuses who is neither the same user nor root, who may do anything anyhow.
func permit(peer, user int) error {
	if peer != user && peer != 0 {
		return fmt.Errorf("the program that answers there is of user %d, and this one of user %d: run both as one", peer, user)
	}
	return nil
}
