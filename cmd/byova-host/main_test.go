//go:build unix

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/byova-host/byova-host/internal/logtest"
)

// The programs under test, built once.
var hostBinary, echoBinary, testbotBinary string

func TestMain(m *testing.M) {
	if runBot() {
		return
	}
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "bh")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	for _, what := range [][]string{
		{"-o", dir, ".", "../../plugins/echo"},
		append(raced(), "-o", dir, "../../internal/testbot"), // it is put under stress
	} {
		if err := build(what); err != nil {
			fmt.Fprintln(os.Stderr, "build the programs under test:", err)
			return 1
		}
	}
	hostBinary, echoBinary = filepath.Join(dir, "byova-host"), filepath.Join(dir, "echo")
	testbotBinary = filepath.Join(dir, "testbot")
	return m.Run()
}

func build(what []string) error {
	command := exec.Command("go", append([]string{"build"}, what...)...)
	command.Stderr = os.Stderr
	return command.Run()
}

// raced is the flag of the race detector, if this test has it.
func raced() []string {
	if info, ok := debug.ReadBuildInfo(); ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		return []string{"-race"}
	}
	return nil
}

// process is a byova-host of its own, with a runtime directory of its own.
type process struct {
	cmd     *exec.Cmd
	addr    string
	runtime string
	log     *logtest.Log
	exited  chan struct{}
	err     error // how it exited
}

// runtimeDir is a private directory with a path short enough for sockets.
func runtimeDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rt")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// start runs `byova-host serve` on a free port and waits for its one line, or
// for its end.
func start(t *testing.T, runtime string, args ...string) *process {
	t.Helper()
	args = append([]string{"serve", "--listen", "127.0.0.1:0", "--verify-tokens=false"}, args...)
	p := &process{cmd: exec.Command(hostBinary, args...), runtime: runtime, log: &logtest.Log{}, exited: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+runtime, "A_SECRET=must-not-leak")
	p.cmd.Stderr = p.log
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, readErr := bufio.NewReader(stdout).ReadString('\n')
	go func() {
		defer close(p.exited)
		_, _ = io.Copy(io.Discard, stdout)
		p.err = p.cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.exited
		if t.Failed() {
			t.Logf("the host's log:\n%s", p.log)
		}
	})
	if readErr == nil {
		p.addr = strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
	}
	return p
}

// serveEcho starts a host with the echo plugin.
func serveEcho(t *testing.T) *process {
	t.Helper()
	p := start(t, runtimeDir(t), "--plugin", echoBinary)
	if p.addr == "" {
		<-p.exited
		t.Fatalf("the host did not start: %v", p.err)
	}
	return p
}

// wait returns the exit code.
func (p *process) wait(t *testing.T, limit time.Duration) int {
	t.Helper()
	select {
	case <-p.exited:
	case <-time.After(limit):
		t.Fatalf("the host has not ended after %v", limit)
	}
	if exit, ok := errors.AsType[*exec.ExitError](p.err); ok {
		return exit.ExitCode()
	}
	if p.err != nil {
		t.Fatal(p.err)
	}
	return 0
}

// stop ends the host as an operator does.
func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := p.wait(t, 20*time.Second); code != 0 {
		t.Errorf("the host exited with %d", code)
	}
}

// cli runs one command line in this process and returns what it printed.
func cli(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out, errs logtest.Log
	code = run(ctx, args, &out, &errs)
	return code, out.String(), errs.String()
}

// eventually waits for something that another process does: there is no event
// to wait for.
func eventually(t *testing.T, limit time.Duration, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(limit)
	for !is() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not after %v", what, limit)
		}
	}
}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }
