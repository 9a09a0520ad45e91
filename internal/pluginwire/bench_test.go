//go:build unix

package pluginwire_test

import (
	"context"
	"os"
	"sync/atomic"
	"testing"

	"github.com/byova-host/byova-host/internal/pluginwire"
	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

// echoSink keeps a window of frames on their way and gives back the credit.
type echoSink struct {
	call  *pluginwire.Call
	ready chan struct{}
	at    atomic.Int64
	owed  uint32
	left  *atomic.Int64 // frames to be echoed
	done  chan struct{}
}

const benchFrame = 160

func (s *echoSink) Lost(error) {}

func (s *echoSink) Command(c *pluginv1.Command) {
	n := len(c.Audio)
	if n == 0 {
		return
	}
	<-s.ready // the call is known
	s.owed += uint32(n)
	if s.owed >= 4000 {
		_ = s.call.Send(&pluginv1.Event{Body: &pluginv1.Event_Credit{Credit: &pluginv1.Credit{Bytes: s.owed}}})
		s.owed = 0
	}
	frames := int64(n / benchFrame)
	if left := s.left.Add(-frames); left <= 0 && left+frames > 0 {
		close(s.done)
	}
	for range frames {
		s.frame()
	}
}

func (s *echoSink) frame() {
	_ = s.call.Send(&pluginv1.Event{AtMs: s.at.Add(20), Audio: make([]byte, benchFrame)})
}

// BenchmarkHop is 64 calls with 8 frames on their way each, echoed by a plugin
// process. One op is one frame of 160 bytes there and back.
func BenchmarkHop(b *testing.B) {
	path, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "pw")
	if err != nil {
		b.Fatal(err)
	}
	defer os.RemoveAll(dir)
	p, err := pluginwire.Launch(b.Context(), pluginwire.Config{Name: "hop", Path: path, Args: []string{"plugin-duplex"}, Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	defer p.Stop(context.Background())
	var left atomic.Int64
	left.Store(int64(b.N))
	done := make(chan struct{})
	b.ReportAllocs()
	b.ResetTimer()
	for range 64 {
		s := &echoSink{ready: make(chan struct{}), left: &left, done: done}
		if s.call, err = p.Open(s); err != nil {
			b.Fatal(err)
		}
		close(s.ready)
		_ = s.call.Send(&pluginv1.Event{Body: &pluginv1.Event_Start{Start: &pluginv1.Start{SessionId: "s", Credit: 16000}}})
		for range 8 {
			s.frame()
		}
	}
	<-done
	b.StopTimer()
}

// BenchmarkLaunch is a start with all its checks, and a stop.
func BenchmarkLaunch(b *testing.B) {
	path, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "pw")
	if err != nil {
		b.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for b.Loop() {
		p, err := pluginwire.Launch(b.Context(), pluginwire.Config{Name: "good", Path: path, Args: []string{"plugin-good"}, Dir: dir})
		if err != nil {
			b.Fatal(err)
		}
		p.Stop(context.Background())
	}
}
