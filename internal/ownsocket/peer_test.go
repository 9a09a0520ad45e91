//go:build linux || darwin

package ownsocket

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDial knows whose program answers.
func TestDial(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	l, err := Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := Dial(t.Context(), socket)
	if err != nil {
		t.Fatalf("own socket: %v", err)
	}
	defer conn.Close()
	if peer, known, err := peerOf(conn.(*net.UnixConn)); err != nil || !known || peer != os.Getuid() {
		t.Errorf("peer is %d, %v, %v, want user %d", peer, known, err, os.Getuid())
	}
}

// TestPermit: who answers has to be this user, or root.
func TestPermit(t *testing.T) {
	for _, test := range []struct {
		peer, user int
		ok         bool
	}{{1000, 1000, true}, {0, 1000, true}, {0, 0, true}, {1001, 1000, false}, {1000, 0, false}} {
		err := permit(test.peer, test.user)
		if (err == nil) != test.ok || err != nil && !strings.Contains(err.Error(), "run both as one") {
			t.Errorf("peer %d of user %d: %v", test.peer, test.user, err)
		}
	}
}
