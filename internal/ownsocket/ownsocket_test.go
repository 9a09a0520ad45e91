package ownsocket

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestListen: a socket that was left behind goes, and nothing else does.
func TestListen(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket})
	if err != nil {
		t.Fatal(err)
	}
	if l, err := Listen(socket); !errors.Is(err, ErrInUse) {
		t.Errorf("over one that answers: %v, %v", l, err)
	}
	left.SetUnlinkOnClose(false) // as after a kill
	left.Close()
	l, err := Listen(socket)
	if err != nil {
		t.Fatalf("over one that was left behind: %v", err)
	}
	if info, err := os.Stat(socket); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
	l.Close()
	if err := os.WriteFile(socket, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if l, err := Listen(socket); err == nil || !strings.Contains(err.Error(), "is no socket") {
		t.Errorf("over a file: %v, %v", l, err)
	}
	if text, _ := os.ReadFile(socket); string(text) != "mine" {
		t.Error("the file is gone")
	}
}
