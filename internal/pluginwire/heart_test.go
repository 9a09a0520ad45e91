package pluginwire

import (
	"bytes"
	"fmt"
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
		for n := range 8 {
			time.Sleep(pingEvery)
			beat(false, max(0, time.Duration(n+1)*pingEvery-pongLate))
		}
		time.Sleep(time.Minute) // the host is stopped, not the plugin
		beat(false, 3500*time.Millisecond)
		time.Sleep(pingEvery)
		beat(true, 4*time.Second)
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
		{"of a plugin's plugin", `{"@level":"info","@message":"x","generation":9,"plugin":"y","session":"s","conversation":"c"}`, true,
			"[INFO]  x: conversation=c bot_generation=9 bot_plugin=y session=s"},
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
		said := func() int { return strings.Count(log.String(), "output dropped: bytes=") }
		line := bytes.Repeat([]byte("x"), 1023)
		for range 1000 {
			o.stderr(line)
		}
		if want := int64(1000<<10 - outputBurst); o.droppedBytes() != want {
			t.Errorf("%d bytes dropped at once, want %d", o.droppedBytes(), want)
		}
		time.Sleep(time.Second)
		for range 1000 {
			o.stderr(line)
		}
		if want := int64(2000<<10 - outputBurst - outputRate); o.droppedBytes() != want {
			t.Errorf("%d bytes dropped, want %d: a second refills %d", o.droppedBytes(), want, outputRate)
		}
		if said() != 2 {
			t.Errorf("the log tells %d times in two seconds of what is dropped", said())
		}
		o.end()
		total := 0
		for _, part := range strings.Split(log.String(), "output dropped: bytes=")[1:] {
			n := 0
			fmt.Sscan(part, &n)
			total += n
		}
		if said() != 3 || int64(total) != o.droppedBytes() {
			t.Errorf("the log tells %d times of %d bytes, want 3 of %d", said(), total, o.droppedBytes())
		}
	})
}

// TestFloodHasAnEnd: what is dropped for long loses the plugin, what comes in
// bursts does not.
func TestFloodHasAnEnd(t *testing.T) {
	for _, test := range []struct {
		name string
		mib  int // in each of 20 seconds
		lost int
	}{
		{"bursts", 5, 0},
		{"a flood", 8, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			o, lost := newOutput(hclog.NewNullLogger(), hclog.Info), 0
			o.flooded = func(error) { lost++ }
			line := bytes.Repeat([]byte("x"), 16<<10-1)
			for range 20 {
				for range test.mib * 64 {
					o.stdout(line)
				}
				time.Sleep(time.Second)
			}
			if lost != test.lost {
				t.Errorf("%s: lost %d times, want %d", test.name, lost, test.lost)
			}
		})
	}
}

func TestPanicReport(t *testing.T) {
	const stack = "goroutine 7 [running]:\nmain.answer()\n\t/src/bot.go:12 +0x1d\n"
	long := strings.Repeat("main.f()\n", 2*longestPanic/9)
	for _, test := range []struct {
		name, text string
		after      time.Duration // until the process is gone
		says       []string
		entries    int
		last       string
	}{
		{"panic", "panic: oh\n\n" + stack, 0,
			[]string{`[ERROR] plugin panicked: panic="panic: oh"`, "main.answer()", "|     /src/bot.go:12"}, 1, `"panic: oh"`},
		{"fatal error", "starting\nfatal error: all goroutines are asleep - deadlock!\n" + stack, 0,
			[]string{"[INFO]  starting", "panic=\"fatal error: all goroutines"}, 2, `"fatal error: all goroutines are asleep - deadlock!"`},
		{"beside our log", "panic: oh\n" + `{"@level":"warn","@message":"slow"}` + "\n" + stack, 0,
			[]string{"[WARN]  slow", "plugin panicked", "main.answer()"}, 2, `"panic: oh"`},
		{"endless", "panic: oh\n" + long, 0, []string{"plugin panicked", "output dropped: bytes="}, 3, `"panic: oh"`},
		{"only the word", "panic: none\n", 2 * panicTime, []string{"plugin panicked"}, 1, `"panic: none"`},
		{"lives on", "panic: oh\n" + stack + "WAIT\ngoing on\n", 0, []string{"plugin panicked", "[INFO]  going on"}, 2, `"panic: oh / going on"`},
		{"none", "hello\n", 0, []string{"[INFO]  hello"}, 1, `"hello"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				o := newOutput(hclog.New(&hclog.LoggerOptions{Output: &log}), hclog.Info)
				for line := range strings.Lines(test.text) {
					if line == "WAIT\n" {
						time.Sleep(2 * panicTime)
						continue
					}
					o.stderr([]byte(strings.TrimSuffix(line, "\n")))
				}
				time.Sleep(test.after)
				synctest.Wait()
				o.end()
				for _, text := range test.says {
					if !strings.Contains(log.String(), text) {
						t.Errorf("the log lacks %q", text)
					}
				}
				entries := strings.Count(log.String(), "[INFO]") + strings.Count(log.String(), "[WARN]") + strings.Count(log.String(), "[ERROR]")
				if entries != test.entries || log.Len() > 4*longestPanic { // hclog indents
					t.Errorf("%d entries of %d bytes, want %d", entries, log.Len(), test.entries)
				}
				if o.last() != test.last {
					t.Errorf("last = %s, want %s", o.last(), test.last)
				}
				if t.Failed() {
					t.Logf("%.1000s", log.String())
				}
			})
		})
	}
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
