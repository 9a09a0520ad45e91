//go:build unix

package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/byova-host/byova-host/internal/audio"
	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
)

// What the callers of these tests say, and the prompts that the hosts are told to
// play.
const (
	fillerFile   = "../../internal/audio/testdata/speech/slt-yes.wav"
	helloFile    = "../../examples/speech/hello.wav"
	fallbackFile = "../../internal/audio/testdata/speech/slt-seven.wav"
)

// endingPace is how much faster than life the test bot is here.
const endingPace = 0.2

// greetingBytes is the test bot's greeting at that pace.
const greetingBytes = endingPace * 300 * 8

// serveHasty starts a host that loses patience soon, with the bundled echo and a
// test bot. It logs all there is.
func serveHasty(t *testing.T, calls string) *process {
	t.Helper()
	absolute := func(path string) string {
		full, err := filepath.Abs(path)
		if err != nil {
			t.Fatal(err)
		}
		return full
	}
	text := fmt.Sprintf(`
verify_tokens: false
log: {level: trace}
limits: {cancel_grace: 500ms, custom_return: 1s}
plugins:
  echo: {path: %s, log: trace}
  testbot: {path: %s, log: trace, settings: {pace: %g}}
calls:
  filler: {after: 300ms, prompt: %s}
  answer: {within: 1s, limit: 3s}
%s`, echoBinary, testbotBinary, endingPace, absolute(fillerFile), calls)
	if !strings.Contains(calls, "fallback:") {
		text += fmt.Sprintf("  fallback: {prompt: %s}\n", absolute(fallbackFile))
	}
	p := start(t, runtimeDir(t), "--config", hostFile(t, text))
	if p.addr == "" {
		<-p.exited
		t.Fatalf("the host did not start: %v", p.err)
	}
	return p
}

// clip is a file as it plays.
func clip(t *testing.T, path string) []byte {
	t.Helper()
	muLaw, err := readWAV(t, path).MuLaw8k()
	if err != nil {
		t.Fatal(err)
	}
	return muLaw
}

// ending is a bot that ends, or should have, and what becomes of the call.
type ending struct {
	name, agent string
	calls       string // more configuration
	play        func(p *phone) heard
	want        mediav1.OutputEvent_EventType
	reason      string            // in the metadata
	code        codes.Code        // of the last RPC
	fallback    bool              // the caller hears the fallback's prompt
	logged      map[string]int    // how many lines of this call say so
	also        func(e *endedRun) // what else must hold
	dead        bool              // the bot's process is gone
}

// endedRun is what the further checks of an ending see.
type endedRun struct {
	t     *testing.T
	phone *phone
	last  heard
	log   string
}

const (
	none     = mediav1.OutputEvent_UNSPECIFIED_EVENT
	transfer = mediav1.OutputEvent_TRANSFER_TO_AGENT
	tookOver = "the fallback takes the call"
	tooLate  = "a command of the bot came too late"
)

func pressOne(p *phone) heard { return p.press("1#") }

// endings are all of them.
var endings = []ending{
	{name: "a bot that never answers", agent: "mute", play: pressOne, want: transfer, reason: "bot failed", fallback: true,
		logged: map[string]int{tookOver: 1, "did not answer in time": 2}, also: fillerFirst},
	{name: "a bot that is never done", agent: "dribble", play: pressOne, want: transfer, reason: "bot failed", fallback: true,
		logged: map[string]int{tookOver: 1}},
	{name: "a bot that panics", agent: "crash", play: speak, want: transfer, reason: "bot failed", fallback: true,
		logged: map[string]int{tookOver: 1, "panic: testbot: the crash agent heard something": 2}},
	{name: "a bot whose process ends", agent: "exit", play: endProcess, want: transfer,
		reason: "bot failed", fallback: true, logged: map[string]int{tookOver: 2, "plugin ended": 1}, dead: true},
	{name: "a fallback that ends the session", agent: "mute", calls: "  fallback: {action: end, prompt: none}\n", play: pressOne,
		want: mediav1.OutputEvent_SESSION_END, reason: "bot failed", logged: map[string]int{tookOver: 1}},
	{name: "a fallback by an event of the flow", agent: "crash", calls: "  fallback: {action: event, name: broken, prompt: none}\n", play: speak,
		want: mediav1.OutputEvent_CUSTOM_EVENT, reason: "bot failed", logged: map[string]int{tookOver: 1}},
	{name: "a fallback by an error", agent: "mute", calls: "  fallback: {action: error}\n", play: pressOne,
		want: none, code: codes.Internal, logged: map[string]int{tookOver: 1}},
	{name: "a call that takes too long", agent: "menu", calls: "  max_duration: 1s\n", play: holdTheLine, want: transfer,
		reason: "call too long", fallback: true, logged: map[string]int{tookOver: 1}},
	{name: "a bot that answers twice", agent: "twice", play: func(p *phone) heard { pressOne(p); return pressOne(p) }, want: none,
		logged: map[string]int{tooLate: 1}, also: oneGreetingLong},
	{name: "a bot that goes on when interrupted", agent: "late", play: interrupted, want: none,
		logged: map[string]int{"spoke too late": 2, tookOver: 0}, also: oneTalkLong},
	{name: "a bot that goes on after a transfer", agent: "after-end", play: pressOne, want: transfer, reason: "first",
		logged: map[string]int{"session ended": 1, tookOver: 0}},
	{name: "a bot that floods and is hung up on", agent: "flood", play: hangUpOnFlood, want: none,
		logged: map[string]int{"reason=caller detail=": 1, tookOver: 0}},
	{name: "a bot that lets the flow know of silence", agent: "no-input-event", play: staySilent, want: mediav1.OutputEvent_NO_INPUT,
		logged: map[string]int{tookOver: 0}},
	{name: "a bot that speaks up unasked", agent: "spontaneous", play: holdTheLine, want: none,
		logged: map[string]int{tooLate: 0}, also: answerLong},
	{name: "a caller who vanishes", agent: "slow-answer", play: vanish, want: none, code: codes.Canceled,
		logged: map[string]int{"session ended": 1, "reason=gone detail=": 1, "no RPC followed": 1}},
	{name: "a secret", agent: "sensitive", play: func(p *phone) heard { return p.press(secret) }, want: none,
		logged: map[string]int{"keys=4": 1}, also: noSecrets},
}

// secret is what the caller enters where it must not be logged.
const secret = "8642"

// TestEndings plays each ending over the real host, in a process of its own.
func TestEndings(t *testing.T) {
	for _, e := range endings {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			p := serveHasty(t, e.calls)
			call := newPhone(t, p.addr, e.agent)
			if got := call.start(); got.err != nil || got.finals != 1 {
				t.Fatalf("greeted with %d bytes, %d FINAL, %v", len(got.audio), got.finals, got.err)
			}
			last := e.play(call)
			e.check(t, last)
			if e.code != codes.Canceled { // who vanishes does not hang up
				if end := call.hangUp(); end.err != nil {
					t.Errorf("the hang-up got %v", end.err)
				}
			}
			e.nextCall(t, p)
			p.stop(t) // waits for the calls, so that the log is complete
			e.checkLog(t, call, last, p.log.String())
		})
	}
}

func (e *ending) check(t *testing.T, last heard) {
	t.Helper()
	if code := status.Code(last.err); code != e.code {
		t.Errorf("the RPC ended with %v, want %v", last.err, e.code)
	}
	if got := last.event.GetEventType(); got != e.want {
		t.Errorf("the answer has event %v, want %v", got, e.want)
	}
	if reason := last.event.GetMetadata().GetFields()["reason"].GetStringValue(); reason != e.reason {
		t.Errorf("the reason is %q, want %q", reason, e.reason)
	}
	if played := bytes.HasSuffix(last.audio, clip(t, fallbackFile)); played != e.fallback {
		t.Errorf("the caller heard the fallback last: %v, want %v", played, e.fallback)
	}
	if e.code == codes.OK && last.finals > 1 {
		t.Errorf("%d FINALs close the answer", last.finals)
	}
}

// nextCall holds that the host is none the worse for it.
func (e *ending) nextCall(t *testing.T, p *process) {
	t.Helper()
	agents := []string{"echo", e.agent}
	if e.dead {
		agents = agents[:1] // a process that has ended is not started again yet
	}
	for _, agent := range agents {
		next := newPhone(t, p.addr, agent)
		next.id = "next-to-" + agent
		if got := next.start(); got.err != nil || len(got.audio) < greetingBytes {
			t.Errorf("the next call, to %s, got %d bytes, %v", agent, len(got.audio), got.err)
		}
		if got := next.hangUp(); got.err != nil {
			t.Errorf("the hang-up of the next call, to %s, got %v", agent, got.err)
		}
	}
}

// checkLog counts what the log says of the call.
func (e *ending) checkLog(t *testing.T, call *phone, last heard, log string) {
	t.Helper()
	for says, want := range e.logged {
		got := 0
		for line := range strings.Lines(log) {
			if strings.Contains(line, says) && !strings.Contains(line, "next-to-") {
				got++
			}
		}
		if got != want {
			t.Errorf("%d lines of the log say %q, want %d", got, says, want)
		}
	}
	if e.also != nil {
		e.also(&endedRun{t, call, last, log})
	}
}

// TestWaitingIsHeard records a call to a bot that never answers: one hears the
// filler, then the fallback, and the call goes to a person.
func TestWaitingIsHeard(t *testing.T) {
	t.Parallel()
	p := serveHasty(t, "")
	recording := filepath.Join(t.TempDir(), "call.wav")
	code, out, errs := cli(t, "call", "--addr", p.addr, "--agent", "mute", "--dtmf", "1#", "--record", recording)
	if code != 0 || !strings.Contains(out, "TRANSFER_TO_AGENT") {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
	_, bot := split(readWAV(t, recording))
	var ends int
	for _, file := range []string{fillerFile, fallbackFile} {
		pattern, err := readWAV(t, file).Mono8k()
		if err != nil {
			t.Fatal(err)
		}
		fit, at := match(bot, pattern)
		t.Logf("%s is heard at sample %d with correlation %.3f", file, at, fit)
		if fit < 0.99 || at < ends {
			t.Errorf("%s is heard at sample %d with correlation %.3f, want 0.99 behind %d", file, at, fit, ends)
		}
		ends = at + len(pattern)
	}
	p.stop(t)
}

// fillerFirst holds that the caller heard the filler once, and then the fallback.
func fillerFirst(e *endedRun) {
	want := append(clip(e.t, fillerFile), clip(e.t, fallbackFile)...)
	if !bytes.Equal(e.last.audio, want) {
		e.t.Errorf("the caller heard %d bytes, want the filler and the fallback, %d", len(e.last.audio), len(want))
	}
}

// oneGreetingLong holds that an answer of 300 ms was heard once.
func oneGreetingLong(e *endedRun) { lasts(e, 300*time.Millisecond) }

// oneTalkLong holds that only the second answer of 2 s was heard, whole.
func oneTalkLong(e *endedRun) { lasts(e, 2*time.Second) }

// answerLong holds that a prompt of 700 ms was heard.
func answerLong(e *endedRun) { lasts(e, 700*time.Millisecond) }

func lasts(e *endedRun, want time.Duration) {
	e.t.Helper()
	paced := time.Duration(float64(want) * endingPace).Round(time.Millisecond)
	if got := audio.Telephone.Duration(len(e.last.audio)); got != paced {
		e.t.Errorf("the answer lasts %v, want %v", got, paced)
	}
}

// noSecrets holds that what was entered stands in no line, at any level.
func noSecrets(e *endedRun) {
	if !strings.Contains(e.log, "[DEBUG]") {
		e.t.Error("the log has no lines of the lower levels, so that it proves nothing")
	}
	if strings.Contains(e.log, secret) {
		e.t.Error("the secret is in the log")
	}
}
