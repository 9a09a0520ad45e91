//go:build unix

package ownsocket

import (
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

// TestOwnFromTheFirst: at no moment can others connect, whatever the umask. And what
// that was, it is again.
func TestOwnFromTheFirst(t *testing.T) {
	const mask = 0
	defer syscall.Umask(syscall.Umask(mask))
	socket := filepath.Join(t.TempDir(), "s")
	var looking sync.WaitGroup
	over := make(chan struct{})
	looking.Go(func() {
		for open := false; !open; {
			select {
			case <-over:
				return
			default:
			}
			info, err := os.Lstat(socket)
			if open = err == nil && info.Mode().Perm()&0o077 != 0; open {
				t.Errorf("the socket is %v", info.Mode())
			}
		}
	})
	for range 1000 {
		l, err := Listen(socket)
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
	}
	close(over)
	looking.Wait()
	if now := syscall.Umask(mask); now != mask {
		t.Errorf("the umask is %o now", now)
	}
}
