package pluginwire

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	hclog "github.com/hashicorp/go-hclog"

	"github.com/byova-host/byova-host/internal/audio"
	"github.com/byova-host/byova-host/internal/lane"
	"github.com/byova-host/byova-host/internal/pluginwire/wire"
	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

// TestHeart: a plugin that does not answer is late, then lost; a host that was held
// up itself does not blame it.
func TestHeart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &heart{alive: make(chan struct{})}
		to := lane.NewSender[*pluginv1.Event]().Open(wire.Events(audio.Telephone))
		beat := func(lost bool, late time.Duration) {
			t.Helper()
			if got := h.beat(to); got != lost || h.late() != late {
				t.Errorf("lost %t and late by %v, want %t and %v", got, h.late(), lost, late)
			}
		}
		beat(false, 0)
		h.answered(7) // of another age
		time.Sleep(pingEvery)
		h.answered(1)
		<-h.alive
		beat(false, 0)
		for n := range 4 {
			time.Sleep(pingEvery)
			beat(false, time.Duration(n)*time.Second)
		}
		time.Sleep(time.Minute) // the host is stopped, not the plugin
		beat(false, 4*time.Second)
		time.Sleep(pingEvery)
		beat(true, 5*time.Second)
		h.answered(2)
		beat(false, 0)
		if h.id != 3 {
			t.Errorf("%d pings, want 3: one at a time", h.id)
		}
	})
}

func TestOutput(t *testing.T) {
	for _, test := range []struct {
		name, line string
		structured bool
		want       string // in the log; empty for nothing
	}{
		{"text", "hello", true, "[INFO]  hello: source="},
		{"our own log", `{"@level":"warn","@message":"slow","@module":"x","@timestamp":"t","ms":12,"call":"c"}`, true, "[WARN]  slow: call=c ms=12"},
		{"below the level", `{"@level":"debug","@message":"slow"}`, true, ""},
		{"JSON of something else", `{"level":"warn"}`, true, `[INFO]  {"level":"warn"}: source=`},
		{"JSON on stdout", `{"@level":"warn","@message":"slow"}`, false, `[INFO]  {"@level":"warn","@message":"slow"}: source=`},
		{"a panic", "panic: oh", true, "[ERROR] panic: oh"},
		{"nothing", "  ", true, ""},
		{"bytes", "a\xffb", true, "[INFO]  a?b"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var log bytes.Buffer
			o := newOutput(hclog.New(&hclog.LoggerOptions{Output: &log, Level: hclog.Trace}), hclog.Info)
			if test.structured {
				o.stderr([]byte(test.line))
			} else {
				o.stdout([]byte(test.line))
			}
			if !strings.Contains(log.String(), test.want) || (test.want == "") != (log.Len() == 0) {
				t.Errorf("log = %q, want %q", log.String(), test.want)
			}
		})
	}
}

func TestOutputRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		o := newOutput(hclog.New(&hclog.LoggerOptions{Output: &log}), hclog.Info)
		line := bytes.Repeat([]byte("x"), 1023)
		for range 1000 {
			o.stderr(line)
		}
		if want := int64(1000<<10 - outputBurst); o.droppedBytes() != want {
			t.Errorf("%d bytes dropped at once, want %d", o.droppedBytes(), want)
		}
		time.Sleep(time.Second)
		o.stderr(line)
		if !strings.Contains(log.String(), "output dropped: bytes=") {
			t.Error("the log does not say that output was dropped")
		}
		for range 1000 {
			o.stderr(line)
		}
		if want := int64(2001<<10 - outputBurst - outputRate); o.droppedBytes() != want {
			t.Errorf("%d bytes dropped, want %d: a second refills %d", o.droppedBytes(), want, outputRate)
		}
	})
}

func FuzzHandshake(f *testing.F) {
	for _, line := range []string{"1|1|unix|/s|grpc|" + strings.Repeat("A", 60), "1|2|tcp|x", "1|1|unix|", "x1|1|unix||||||", "1|99999999999999999999|tcp|"} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		if found := handshakeLine.Find(line); found != nil {
			_ = checkHandshake(string(found)) // must not panic
		}
	})
}

func TestLines(t *testing.T) {
	var got []string
	w := &lines{line: func(b []byte) { got = append(got, string(b)) }}
	for _, part := range []string{"a", "b\ncd\r\n\ne", "", "f\n", strings.Repeat("x", longestLine), "y", "z\n"} {
		if n, err := w.Write([]byte(part)); n != len(part) || err != nil {
			t.Errorf("Write = %d, %v", n, err)
		}
	}
	want := []string{"ab", "cd", "", "ef", strings.Repeat("x", longestLine) + "y", "z"}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("lines = %q", got)
	}
}
