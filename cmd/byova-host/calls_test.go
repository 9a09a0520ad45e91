//go:build unix

package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/byova-host/byova-host/host/admin"
	"github.com/byova-host/byova-host/internal/logtest"
)

// TestCallsCommands follows a call that is up, and looks at it when it has ended. Keys are
// told only to who asked for them, from then on.
func TestCallsCommands(t *testing.T) {
	p := serveEcho(t)
	t.Setenv("XDG_RUNTIME_DIR", p.runtime)
	t.Chdir(t.TempDir())
	if code, out, errs := cli(t, "calls", "list"); code != 0 || strings.Count(out, "\n") != 1 {
		t.Errorf("with no call: exit %d\n%s%s", code, out, errs)
	}
	if code, _, errs := cli(t, "calls", "trace", "c1"); code != 1 || !strings.Contains(errs, "there is no call, and none has ended lately") {
		t.Errorf("with no call: exit %d, %s", code, errs)
	}
	const early, late = "1246853", "3571246"
	s := dial(t, p.addr)
	s.greet("c1")
	press := func(digits string) {
		t.Helper()
		keys := make([]uint64, len(digits))
		for i, d := range digits {
			keys[i] = uint64(d - '0')
		}
		if got, err := s.exchange(s.digits("c1", keys...)); err != nil || len(audioOf(got)) == 0 {
			t.Fatalf("keys were answered by %d bytes, %v", len(audioOf(got)), err)
		}
	}
	press(early)
	var live []admin.Call
	code, out, _ := cli(t, "calls", "list", "--json")
	if err := json.Unmarshal([]byte(out), &live); err != nil || code != 0 || len(live) != 1 {
		t.Fatalf("exit %d, %v\n%s", code, err, out)
	}
	want := admin.Call{Conversation: "c1", Session: live[0].Session, Org: "org", Agent: "echo", Plugin: "echo", Generation: 1, Since: live[0].Since, State: "listening", Turn: 2}
	if live[0] != want || time.Since(want.Since) > time.Minute || want.Session == "" {
		t.Errorf("the call is %+v", live[0])
	}
	if code, out, _ := cli(t, "calls", "list"); code != 0 || !strings.Contains(out, "echo/1") || !strings.Contains(out, "listening") {
		t.Errorf("exit %d\n%s", code, out)
	}
	_, past, _ := cli(t, "calls", "trace", want.Session[:8], "--no-follow")
	for _, line := range []string{"host  session_start     -  agent echo, plugin echo/1\n", "host  dtmf_input        2  7 keys\n", "bot   done              2\n"} {
		if !strings.Contains(past, line) {
			t.Errorf("%q is not in\n%s", line, past)
		}
	}

	var shown, followed logtest.Log
	ended := make(chan int, 2)
	follow := func(out *logtest.Log, args ...string) {
		go func() { ended <- run(t.Context(), append([]string{"calls", "trace", "c1"}, args...), out, out) }()
	}
	follow(&shown, "--audio")
	follow(&followed, "--json")
	eventually(t, 10*time.Second, "the content is traced", func() bool {
		return strings.Contains(p.log.String(), "[WARN]  byova-host.session: the content of a call is being traced: conversation=c1") &&
			strings.Contains(followed.String(), `"what":"prompt_done","prompt":2`)
	})
	press(late)
	eventually(t, 10*time.Second, "the answer was heard", func() bool {
		return strings.Contains(followed.String(), `"what":"prompt_done","prompt":3`)
	})
	if _, err := s.exchange(s.event("c1", sessionEnd)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		select {
		case code := <-ended:
			if code != 0 {
				t.Errorf("a trace exits with %d", code)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("the trace does not end with the call\n%s\n%s", &shown, &followed)
		}
	}
	if got := shown.String(); !strings.Contains(got, "7 keys: "+late+"\n") || !strings.HasSuffix(got, "session_end       -  caller\nrecorded c1.wav\n") {
		t.Errorf("who asked was told\n%s", got)
	}
	_, after, _ := cli(t, "calls", "trace", "c1", "--audio")
	if !strings.Contains(after, "The call has ended: nothing of its content was kept.") || strings.Count(after, "7 keys\n") != 2 {
		t.Errorf("afterwards\n%s", after)
	}
	for who, text := range map[string]string{"the log": p.log.String(), "one who followed": followed.String(), "one before": past, "one afterwards": after} {
		if strings.Contains(text, early) || strings.Contains(text, late) {
			t.Errorf("%s is told the keys:\n%s", who, text)
		}
	}
	if strings.Contains(shown.String(), early) {
		t.Errorf("keys from before are told:\n%s", &shown)
	}
	checkRecording(t)
	p.stop(t)
	checkGone(t, p)
}

// TestTraceIsLeft: who has seen enough of a call ends its trace, and keeps what was
// recorded.
func TestTraceIsLeft(t *testing.T) {
	p := serveEcho(t)
	t.Setenv("XDG_RUNTIME_DIR", p.runtime)
	t.Chdir(t.TempDir())
	s := dial(t, p.addr)
	s.greet("c1")
	ctx, enough := context.WithCancel(t.Context())
	var shown logtest.Log
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, []string{"calls", "trace", "c1", "--audio"}, &shown, &shown) }()
	eventually(t, 10*time.Second, "the greeting was played", func() bool { return strings.Contains(shown.String(), "prompt_done") })
	enough()
	if code := <-ended; code != 0 || !strings.HasSuffix(shown.String(), "recorded c1.wav\n") {
		t.Errorf("exit %d\n%s", code, &shown)
	}
	eventually(t, 10*time.Second, "the host knows", func() bool {
		return strings.Contains(p.log.String(), "the content of a call is no longer traced: conversation=c1")
	})
	if _, err := s.exchange(s.event("c1", sessionEnd)); err != nil {
		t.Error(err)
	}
	p.stop(t)
}

// checkRecording holds that the bot's tones, and nothing of the silent caller, are in the
// one file that a trace has left.
func checkRecording(t *testing.T) {
	t.Helper()
	files, err := filepath.Glob("*")
	if err != nil || !slices.Equal(files, []string{"c1.wav"}) {
		t.Fatalf("files %v, %v", files, err)
	}
	info, err := os.Stat("c1.wav")
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the recording has mode %v, %v", info.Mode(), err)
	}
	both := readWAV(t, "c1.wav")
	left, right := split(both)
	if loudest := slices.Max(right); both.Channels != 2 || loudest < 1000 || len(right) < 8000 || slices.Max(left) > 100 {
		t.Errorf("%d channels, %d samples of the bot up to %d, the caller up to %d", both.Channels, len(right), loudest, slices.Max(left))
	}
}

// TestRecording: pieces stand where they are heard.
func TestRecording(t *testing.T) {
	t.Chdir(t.TempDir())
	sound := func(level byte, n int) []byte { return slices.Repeat([]byte{level}, n) }
	for _, name := range []string{"a_b.wav", "a_b-2.wav"} {
		r, err := newRecording("a/b")
		if err != nil {
			t.Fatal(err)
		}
		r.add(admin.TraceAudio{At: 1000, Data: sound(1, 160)})
		r.add(admin.TraceAudio{At: 1030, Data: sound(2, 160)})            // a little late
		r.add(admin.TraceAudio{At: 1100, Bot: true, Data: sound(3, 800)}) // at once what lasts 100 ms
		r.add(admin.TraceAudio{At: 1110, Bot: true, Data: sound(4, 800)})
		r.add(admin.TraceAudio{At: 1250, Bot: true, Cut: true})
		r.add(admin.TraceAudio{At: 2000, Data: sound(5, 160)})
		left := slices.Concat(sound(1, 160), sound(2, 160), sound(silence, 8000-320), sound(5, 160))
		right := slices.Concat(sound(silence, 800), sound(3, 800), sound(4, 400))
		if !slices.Equal(r.left, left) || !slices.Equal(r.right, right) {
			t.Errorf("%d bytes of the caller, want %d; %d of the bot, want %d", len(r.left), len(left), len(r.right), len(right))
		}
		if err := r.save(); err != nil || r.name() != name {
			t.Errorf("%s: %v", r.name(), err)
		}
	}
}
