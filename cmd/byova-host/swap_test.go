//go:build unix

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/byova-host/byova-host/host/admin"
	"github.com/byova-host/byova-host/internal/logtest"
)

// TestSwap changes a plugin's program while a call is up, and back.
func TestSwap(t *testing.T) {
	p := serveEcho(t)
	first := echoOf(t, p)
	caller := dial(t, p.addr)
	caller.greet("c1")
	next := filepath.Join(t.TempDir(), "echo-2") // the same program, but not the same bytes
	if program, err := os.ReadFile(echoBinary); err != nil {
		t.Fatal(err)
	} else if err := os.WriteFile(next, append(program, 0), 0o755); err != nil {
		t.Fatal(err)
	}
	const done = `^echo: generation \d+, version 1\.0\.0 \(sha256 [0-9a-f]{12}\), takes new calls`

	if code, out, errs := cli(t, "plugins", "swap", "echo", "/bin/true"); code != 1 || !strings.Contains(errs, "/bin/true") {
		t.Errorf("swap to no plugin: exit %d\n%s%s", code, out, errs)
	}
	if now := echoOf(t, p); now.Pid != first.Pid || now.State != "running" || now.Sessions != 1 {
		t.Errorf("after a swap that failed: %+v", now)
	}
	code, out, errs := cli(t, "plugins", "swap", "echo", next, "--policy", "drain")
	if code != 0 || !regexp.MustCompile(done+"; generation 1 drains 1 call\n$").MatchString(out) {
		t.Fatalf("swap: exit %d\n%s%s", code, out, errs)
	}
	live := pluginsOf(t)
	if len(live) != 2 || live[0].Path != next || live[0].State != "running" || live[0].SHA256 == first.SHA256 ||
		live[1].Pid != first.Pid || live[1].State != "draining" || live[1].Sessions != 1 {
		t.Errorf("while a call drains: %+v", live)
	}
	if _, err := caller.exchange(caller.event("c1", sessionEnd)); err != nil {
		t.Error(err)
	}
	eventually(t, 10*time.Second, "the old process ends with its last call", func() bool { return len(pluginsOf(t)) == 1 && !alive(first.Pid) })

	if code, out, errs := cli(t, "plugins", "rollback", "echo"); code != 0 || !regexp.MustCompile(done).MatchString(out) {
		t.Errorf("rollback: exit %d\n%s%s", code, out, errs)
	}
	back := pluginsOf(t)[0]
	if back.SHA256 != first.SHA256 || back.Path != first.Path {
		t.Errorf("after the rollback: %+v", back)
	}
	if code, out, errs := cli(t, "plugins", "restart", "echo", "--force"); code != 0 || !regexp.MustCompile(done).MatchString(out) {
		t.Errorf("restart: exit %d\n%s%s", code, out, errs)
	}
	if now := pluginsOf(t)[0]; now.SHA256 != first.SHA256 || now.Pid == back.Pid {
		t.Errorf("after the restart: %+v", now)
	}
	caller.greet("c2")
	for _, line := range []string{`{outcome="done",plugin="echo"} 3`, `{outcome="failed",plugin="echo"} 1`} {
		if text := scrape(t, p); !strings.Contains(text, "byova_plugin_swaps_total"+line) {
			t.Errorf("no %s in\n%s", line, text)
		}
	}
	if _, err := caller.exchange(caller.event("c2", sessionEnd)); err != nil {
		t.Error(err)
	}
	p.stop(t)
	checkGone(t, p)
}

// TestSwapWaits for a call that cannot be moved, until somebody gives up: the one who
// asked, or the call.
func TestSwapWaits(t *testing.T) {
	p := start(t, runtimeDir(t), "--plugin", testbotBinary)
	t.Setenv("XDG_RUNTIME_DIR", p.runtime)
	caller := dial(t, p.addr)
	if _, err := caller.exchange(caller.event("c1", sessionStart)); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := cli(t, "plugins", "swap", "testbot", testbotBinary); code != 0 {
		t.Fatalf("exit %d\n%s%s", code, out, errs)
	}
	before := pluginsOf(t)

	interrupted, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	out, in := io.Pipe()
	ended := make(chan int, 1)
	var errs logtest.Log
	go func() { ended <- run(interrupted, []string{"plugins", "swap", "testbot", testbotBinary}, in, &errs) }()
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || !strings.Contains(line, "generation 1 that cannot be moved") {
		t.Errorf("it says %q, %v", line, err)
	}
	interrupt()
	if code := <-ended; code != 1 || !strings.Contains(errs.String(), `the swap of "testbot" is given up`) {
		t.Errorf("interrupted: exit %d, %s", code, errs.String())
	}
	eventually(t, 10*time.Second, "all is as before", func() bool { return slices.Equal(pluginsOf(t), before) })

	code, said, serr := cli(t, "plugins", "swap", "testbot", testbotBinary, "--force")
	if code != 0 || !strings.HasSuffix(said, "takes new calls\n") {
		t.Errorf("by force: exit %d\n%s%s", code, said, serr)
	}
	if got, err := caller.exchange(caller.digits("c1", 1)); err != nil || len(got) == 0 || got[len(got)-1].event != outTransfer {
		t.Errorf("the call that was in the way got %+v, %v", got, err)
	}
	if text := scrape(t, p); !strings.Contains(text, `byova_fallbacks_total{agent="slow-answer",reason="bot failed"} 1`) {
		t.Errorf("the fallback is not counted in\n%s", text)
	}
	p.stop(t)
}

// TestCanary gives another process a part of the new calls, and all or none later.
func TestCanary(t *testing.T) {
	p := serveEcho(t)
	t.Setenv("XDG_RUNTIME_DIR", p.runtime)
	tests := []struct{ command, stdout string }{
		{"swap echo " + echoBinary + " --canary 10", `generation 2, version 1\.0\.0 \(.*\), takes 10 % of new calls; generation 1 takes the rest`},
		{"rollback echo", `generation 1, version 1\.0\.0 \(.*\), takes new calls`},
		{"swap echo " + echoBinary + " --canary 99", `generation 3, version 1\.0\.0 \(.*\), takes 99 % of new calls; generation 1 takes the rest`},
		{"promote echo", `generation 3, version 1\.0\.0 \(.*\), takes new calls`},
		{"reset echo", `breaker closed`},
	}
	for _, test := range tests {
		code, out, errs := cli(t, append([]string{"plugins"}, strings.Fields(test.command)...)...)
		if code != 0 || !regexp.MustCompile("^(echo: waiting .*\n)*echo: "+test.stdout+"\n$").MatchString(out) {
			t.Errorf("plugins %s: exit %d\n%s%s\nwant %s", test.command, code, out, errs, test.stdout)
		}
	}
	if code, _, errs := cli(t, "plugins", "promote", "echo"); code != 1 || !strings.Contains(errs, "no canary") {
		t.Errorf("promote without a canary: exit %d, %s", code, errs)
	}
	p.stop(t)
}

// TestDeadPlugin shows that a process which was killed is replaced and counted.
func TestDeadPlugin(t *testing.T) {
	p := serveEcho(t)
	dead := echoOf(t, p).Pid
	caller := dial(t, p.addr)
	caller.greet("c1")
	if err := syscall.Kill(dead, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, 10*time.Second, "another process runs", func() bool {
		now := pluginsOf(t)[0]
		return now.State == "running" && now.Pid != dead && now.Restarts == 1 && now.Error != ""
	})
	if got, err := caller.exchange(caller.digits("c1", 1)); err != nil || len(audioOf(got)) == 0 {
		t.Errorf("the call goes on with %d bytes, %v", len(audioOf(got)), err)
	}
	if code, out, errs := cli(t, "plugins", "restart", "echo", "--policy", "move"); code != 0 {
		t.Errorf("restart: exit %d\n%s%s", code, out, errs)
	}
	eventually(t, 10*time.Second, "the call has moved", func() bool { return len(pluginsOf(t)) == 1 })
	text := scrape(t, p)
	for _, line := range []string{`byova_plugin_crashes_total{plugin="echo"} 1`, `byova_resume_pause_seconds_count{cause="crash"} 1`, `byova_resume_pause_seconds_count{cause="move"} 1`} {
		if !strings.Contains(text, line) {
			t.Errorf("no %s in\n%s", line, text)
		}
	}
	if _, err := caller.exchange(caller.event("c1", sessionEnd)); err != nil {
		t.Error(err)
	}
	p.stop(t)
}

// pluginsOf is what the host says whose socket is the user's first.
func pluginsOf(t *testing.T) (live []admin.Plugin) {
	t.Helper()
	code, out, errs := cli(t, "plugins", "list", "--json")
	if err := json.Unmarshal([]byte(out), &live); err != nil || code != 0 {
		t.Fatalf("exit %d, %v\n%s%s", code, err, out, errs)
	}
	return live
}
