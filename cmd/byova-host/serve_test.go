//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/byova-host/byova-host/host/admin"
	"github.com/byova-host/byova-host/internal/audio"
)

func readWAV(t *testing.T, path string) audio.WAV {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	wav, err := audio.ParseWAV(data)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return wav
}

// TestSpokenCall places the call of `make demo` and compares what the caller
// said with what came back.
func TestSpokenCall(t *testing.T) {
	t.Parallel()
	p := serveEcho(t)
	recording := filepath.Join(t.TempDir(), "call.wav")
	code, out, errs := cli(t, "call", "--addr", p.addr, "--agent", "echo",
		"--audio", "../../examples/speech/hello.wav", "--record", recording)
	if code != 0 || !strings.Contains(out, "verdict  ok") {
		t.Fatalf("exit %d\n%s%s", code, out, errs)
	}
	spoken, err := readWAV(t, "../../examples/speech/hello.wav").Mono8k()
	if err != nil {
		t.Fatal(err)
	}
	both := readWAV(t, recording)
	if both.Channels != 2 {
		t.Fatalf("the recording has %d channels, want 2", both.Channels)
	}
	caller, bot := split(both)
	said, saidAt := match(caller, spoken)
	heard, heardAt := match(bot, spoken)
	t.Logf("the words are in the caller's channel at %d with correlation %.3f, in the bot's at %d with %.3f", saidAt, said, heardAt, heard)
	if said < 0.99 || heard < 0.99 {
		t.Errorf("correlation with the words spoken: caller %.3f, bot %.3f, want 0.99", said, heard)
	}
	if heardAt < saidAt+len(spoken) {
		t.Errorf("echoed at sample %d, before the words ended at %d", heardAt, saidAt+len(spoken))
	}
	p.stop(t)
	checkGone(t, p)
}

// split decodes both channels of a recording.
func split(w audio.WAV) (left, right []int16) {
	var l, r []byte
	size := w.Format.BytesPerSample()
	for i := 0; i+2*size <= len(w.Data); i += 2 * size {
		l = append(l, w.Data[i:i+size]...)
		r = append(r, w.Data[i+size:i+2*size]...)
	}
	mono := func(data []byte) []int16 {
		pcm, err := audio.WAV{Format: w.Format, Channels: 1, Data: data}.Mono8k()
		if err != nil {
			panic(err) // the same format was read just now
		}
		return pcm
	}
	return mono(l), mono(r)
}

// match finds where the pattern fits best and how well, as a correlation of 1
// at most.
func match(in, pattern []int16) (best float64, at int) {
	energy := func(pcm []int16) (sum float64) {
		for _, s := range pcm {
			sum += float64(s) * float64(s)
		}
		return sum
	}
	own := energy(pattern)
	for offset := 0; offset+len(pattern) <= len(in); offset++ {
		window := in[offset : offset+len(pattern)]
		var product float64
		for i := 0; i < len(pattern); i += 7 { // enough to find the place
			product += float64(window[i]) * float64(pattern[i])
		}
		if product*7 <= best*own {
			continue
		}
		product = 0
		for i := range pattern {
			product += float64(window[i]) * float64(pattern[i])
		}
		if c := product / max(1, own, energy(window)); c > best {
			best, at = c, offset
		}
	}
	return best, at
}

// checkGone holds that nothing is left of an ended host but its empty base
// directory and the lock in it.
func checkGone(t *testing.T, p *process) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(p.runtime, "byova-host"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != "lock" {
			t.Errorf("the host left %s behind", e.Name())
		}
	}
}

// echoOf is what a host that serves echo alone says of it.
func echoOf(t *testing.T, p *process) admin.Plugin {
	t.Helper()
	t.Setenv("XDG_RUNTIME_DIR", p.runtime)
	code, out, errs := cli(t, "plugins", "list", "--json")
	var plugins []admin.Plugin
	if err := json.Unmarshal([]byte(out), &plugins); err != nil || code != 0 || len(plugins) != 1 || plugins[0].Name != "echo" {
		t.Fatalf("exit %d, %v\n%s%s", code, err, out, errs)
	}
	return plugins[0]
}

func TestPluginsList(t *testing.T) {
	p := serveEcho(t)
	echo := echoOf(t, p)
	if echo.State != "running" || echo.Path != echoBinary || !alive(echo.Pid) {
		t.Errorf("plugin %+v", echo)
	}
	if environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", echo.Pid)); err == nil && strings.Contains(string(environ), "must-not-leak") {
		t.Error("the plugin has the host's secrets in its environment")
	}
	if code, out, _ := cli(t, "plugins", "list"); code != 0 || !strings.Contains(out, "echo") {
		t.Errorf("exit %d\n%s", code, out)
	}
	// A second host of the same user says which socket it took instead.
	second := start(t, p.runtime, "--plugin", echoBinary)
	if second.addr == "" || !strings.Contains(second.log.String(), "admin-2.sock") {
		t.Errorf("the second host's log does not name its socket:\n%s", second.log)
	}
	second.stop(t)
	p.stop(t)
	checkGone(t, p)
	if alive(echo.Pid) {
		t.Error("the plugin lives on")
	}
	if code, _, errs := cli(t, "plugins", "list"); code != 1 || !strings.Contains(errs, "no host answers") {
		t.Errorf("without a host: exit %d, %s", code, errs)
	}
}

// TestBadPlugins: whatever is named as a plugin, the host ends with 1 within
// the start limit, says which file and why, and leaves nothing behind.
func TestBadPlugins(t *testing.T) {
	dir := t.TempDir()
	script := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	plain := filepath.Join(dir, "plain.txt")
	if err := os.WriteFile(plain, []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, path, says string }{
		{"nothing there", filepath.Join(dir, "missing"), "no such file"},
		{"a directory", dir, "directory"},
		{"a file that cannot be executed", plain, "not executable"},
		{"a script that ends", script("ends", "echo no plugin; exit 3"), "exit status 3"},
		{"a binary without a handshake", "/bin/true", "handshake"},
		{"one that prints and hangs", script("hangs", "echo I am no plugin; exec sleep 60"), "I am no plugin"},
		{"one that is silent", script("silent", "exec sleep 60"), "printed nothing"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			// The good plugin before it must be stopped as well.
			p := start(t, runtimeDir(t), "--plugin", echoBinary, "--plugin", test.path)
			if code := p.wait(t, 15*time.Second); code != 1 || p.addr != "" {
				t.Errorf("exit %d, listening on %q", code, p.addr)
			}
			lines := strings.Split(strings.TrimSpace(p.log.String()), "\n")
			last := strings.Join(lines[max(0, len(lines)-3):], "\n")
			if !strings.Contains(last, test.path) || !strings.Contains(last, test.says) {
				t.Errorf("the host says %q, want it to name %s and say %q", last, test.path, test.says)
			}
			checkGone(t, p)
		})
	}
}

func TestUsage(t *testing.T) {
	tests := []struct {
		args []string
		code int
		says string
	}{
		{[]string{"serve", "--plugin", "x", "--listen", "nowhere"}, 1, "nowhere"}, // tokens or not
		{[]string{"serve", "--verify-tokens=false", "--listen", "127.0.0.1:0"}, 2, "--plugin"},
		{[]string{"serve", "--verify-tokens=false", "--plugin", "x", "--listen", "nowhere"}, 1, "nowhere"},
		{[]string{"serve", "--verify-tokens=false", "--plugin", "x", "--listen", "127.0.0.1:0", "--admin", "0.0.0.0:1"}, 1, "loopback"},
		{[]string{"serve", "--nonsense"}, 2, "--nonsense"},
		{[]string{"nonsense"}, 2, "nonsense"},
		{nil, 2, "byova-host"},
		{[]string{"plugins", "list", "--admin", "nowhere"}, 2, "nowhere"},
	}
	t.Setenv("XDG_RUNTIME_DIR", runtimeDir(t))
	for _, test := range tests {
		if code, out, errs := cli(t, test.args...); code != test.code || !strings.Contains(out+errs, test.says) {
			t.Errorf("%v: exit %d, want %d that says %q:\n%s%s", test.args, code, test.code, test.says, out, errs)
		}
	}
	if code, out, _ := cli(t, "version"); code != 0 || !strings.HasPrefix(out, "byova-host ") {
		t.Errorf("version: exit %d, %s", code, out)
	}
	if code, out, _ := cli(t, "--help"); code != 0 || !strings.Contains(out, "serve") {
		t.Errorf("help: exit %d, %s", code, out)
	}
}

// TestKilledHost: its plugins end by themselves, and the next host removes the
// files that it left.
func TestKilledHost(t *testing.T) {
	p := serveEcho(t)
	pid := echoOf(t, p).Pid
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-p.exited
	eventually(t, 5*time.Second, "the plugin ends", func() bool { return !alive(pid) })
	next := start(t, p.runtime, "--plugin", echoBinary)
	if next.addr == "" {
		t.Fatal("the next host did not start")
	}
	next.stop(t)
	checkGone(t, next)
}

// TestFiftyCalls: all complete, and the host is as it was before them.
func TestFiftyCalls(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("counts a process's file descriptors in /proc")
	}
	p := serveEcho(t)
	pid := echoOf(t, p).Pid
	files := func() (host, plugin int) { return openFiles(t, p.cmd.Process.Pid), openFiles(t, pid) }
	place := func(calls string) {
		t.Helper()
		if code, out, errs := cli(t, "call", "--addr", p.addr, "--calls", calls, "--dtmf", "12", "--json"); code != 0 {
			t.Fatalf("exit %d\n%s%s", code, out, errs)
		}
	}
	place("1") // what is opened once for all calls
	host, plugin := files()
	place("50")
	if n := strings.Count(p.log.String(), "session ended: "); n != 51 {
		t.Errorf("%d sessions ended, want 51", n)
	}
	eventually(t, 5*time.Second, fmt.Sprintf("open files are %d and %d again", host, plugin), func() bool {
		h, p := files()
		return h <= host && p <= plugin // fewer, when what the start needed is collected
	})
	if n := echoOf(t, p).Sessions; n != 0 {
		t.Errorf("the plugin has %d calls after them", n)
	}
	p.stop(t)
}

func openFiles(t *testing.T, pid int) int {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// TestBadTraffic: the host serves on.
func TestBadTraffic(t *testing.T) {
	p := serveEcho(t)
	for _, garbage := range []string{"", "GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00", strings.Repeat("\xff", 100000)} {
		conn, err := net.Dial("tcp", p.addr)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, garbage)
		_ = conn.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, conn)
		conn.Close()
	}
	s := dial(t, p.addr)
	if _, err := s.exchange(s.audio("c0", make([]byte, 8<<20))); err == nil || !strings.Contains(err.Error(), "larger than max") {
		t.Errorf("an 8 MiB frame got %v", err)
	}
	s.greet("c1")
	if _, err := s.exchange(s.event("c1", sessionEnd)); err != nil {
		t.Error(err)
	}
	p.stop(t)
}
