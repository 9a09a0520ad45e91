package plugin

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/byova-host/byova-host/internal/logtest"
	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

// here is the line it stands in, as errors name it.
func here() string {
	_, _, line, _ := runtime.Caller(1)
	return fmt.Sprintf("plugin/where_test.go:%d", line)
}

// TestMisuseNamesTheLine: an author's mistake is an error with the line that made it.
func TestMisuseNamesTheLine(t *testing.T) {
	checked := 0
	check := func(at string, err error, says string) {
		t.Helper()
		checked++
		if err == nil || !strings.HasPrefix(err.Error(), at+": ") || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %s: ... %s", err, at, says)
		}
	}
	bot := HandlerFunc(func(ctx context.Context, turn Turn, reply *Reply) error {
		call := turn.Call
		check(here(), reply.Say(" "), "the text is empty")
		check(here(), call.Say(strings.Repeat("x", MaxText+1), PromptOptions{}), "10001 bytes")
		check(here(), reply.Play(WAV([]byte("beep"))), "no WAV header")
		check(here(), reply.Play(Audio{Format: Format{Encoding: 9}}), "unknown encoding 9")
		check(here(), reply.SaveState(make([]byte, MaxState+1)), "at most 65536")
		check(here(), reply.Transfer("x", TransferOptions{Metadata: map[string]any{"f": func() {}}}), "metadata")
		check(here(), reply.Custom("x", map[string]any{"f": func() {}}), "metadata")
		check(here(), reply.Custom("\xff", nil), "invalid UTF-8")
		check(here(), reply.SetInput(Input{Terminator: "Enter"}), `terminator "Enter" is not a key`)
		check(here(), reply.SetInput(Input{DTMFLength: -1}), "an entry of -1 keys")
		check(here(), reply.SetInput(Input{MaxSpeech: -time.Second}), "negative")
		check(here(), reply.SetInput(Input{Mode: 7}), "unknown mode 7")
		check(here(), reply.SetInput(Input{Sensitivity: 101}), "sensitivity of 101")
		_, err := call.Next(ctx)
		check(fmt.Sprintf("plugin/where_test.go:%d", line(here())-1), err, "being read already")
		p, err := reply.Stream(Format{Encoding: Linear16})
		if err != nil {
			return err
		}
		if _, err := p.Write([]byte{1}); err != nil {
			return err
		}
		check(here(), p.Close(), "no whole number")
		_, err = p.Write([]byte{1})
		check(fmt.Sprintf("plugin/where_test.go:%d", line(here())-1), err, "it is closed")
		if !errors.Is(err, errPromptClosed) {
			t.Errorf("%v is no longer what it is", err)
		}
		return nil
	})
	with(t, Plugin{Handler: bot}, func(t *testing.T, h *fakeHost) {
		h.send(start(1, 1000))
		h.send(greet(1)...)
		h.send(ended(1))
	})
	if checked != 16 {
		t.Errorf("%d mistakes were tried", checked)
	}
}

func line(at string) (n int) {
	_, _ = fmt.Sscanf(at, "plugin/where_test.go:%d", &n)
	return n
}

// TestPanicNamesTheLine: that of the author's, not of what he called.
func TestPanicNamesTheLine(t *testing.T) {
	var none map[string]int
	var at string
	tests := map[string]func(){
		"by hand":              func() { at = here(); panic("oh") },
		"of the runtime":       func() { at = here(); none["x"] = 1 },
		"in Go's own library":  func() { at = here(); _ = strings.Repeat("x", line("")-1) },
		"in a func of a func":  func() { func() { at = here(); panic(errors.New("oh")) }() },
		"raised again by hand": func() { defer func() { at = here(); panic(recover()) }(); panic("oh") },
	}
	for name, fall := range tests {
		t.Run(name, func(t *testing.T) {
			var log logtest.Log
			withLog(t, Plugin{Handler: HandlerFunc(func(context.Context, Turn, *Reply) error { fall(); return nil })}, &log,
				func(t *testing.T, h *fakeHost) {
					h.send(start(1, 0))
					sent := h.send(greet(1)...)
					if got := sent[0].GetFailed().GetMessage(); !strings.HasPrefix(got, "panic: ") || !strings.HasSuffix(got, " (at "+at+")") {
						t.Errorf("the host is told %q, want %s", got, at)
					}
					h.send(ended(1))
				})
			if !strings.Contains(log.String(), "at="+at) {
				t.Errorf("%s is not in the log:\n%s", at, &log)
			}
		})
	}
}

// TestReplyAfterItsFunction: what a goroutine does with a reply too late is an error, and
// in the log once. So is a prompt that was not closed.
func TestReplyAfterItsFunction(t *testing.T) {
	var log logtest.Log
	var late, begun string
	var again func() []error // what the bot does behind its function's back
	bot := HandlerFunc(func(_ context.Context, _ Turn, reply *Reply) error {
		begun = here()
		_, err := reply.Stream(Format{})
		again = func() []error {
			late = here()
			return []error{reply.Say("too late"), reply.Play(silence(20))}
		}
		return err
	})
	withLog(t, Plugin{Handler: bot}, &log, func(t *testing.T, h *fakeHost) {
		h.send(start(1, 1000))
		expect(t, "greeting", h.send(greet(1)...), "1/1 prompt 1", "1/1 done")
		for _, err := range again() {
			if !errors.Is(err, ErrTurnEnded) || !strings.Contains(err.Error(), "its turn function has returned") ||
				!strings.HasPrefix(err.Error(), "plugin/where_test.go:") {
				t.Errorf("error %v", err)
			}
		}
		expect(t, "too late", h.send(ended(1)))
	})
	said := log.String()
	for _, want := range []string{
		fmt.Sprintf("a reply is used when its turn function has returned: conversation=\"\" session=s1 turn=1 error=\"plugin/where_test.go:%d: reply: ", line(late)+1),
		fmt.Sprintf("a prompt was not closed: conversation=\"\" session=s1 turn=1 prompt=1 begun=plugin/where_test.go:%d\n", line(begun)+1),
	} {
		if strings.Count(said, want) != 1 {
			t.Errorf("%q is not in the log once:\n%s", want, said)
		}
	}
}

// TestRefusalNamesTheLine that sent what the host refuses.
func TestRefusalNamesTheLine(t *testing.T) {
	var log logtest.Log
	var at string
	bot := CallFunc(func(ctx context.Context, call *Call) error {
		at = here()
		err := call.Say("hm", PromptOptions{Language: "xx"})
		for err == nil {
			_, err = call.Next(ctx)
		}
		return nil
	})
	withLog(t, Plugin{Handler: bot}, &log, func(t *testing.T, h *fakeHost) {
		sent := h.send(start(1, 1000))
		refused := func(ref uint64) *pluginv1.Event {
			return &pluginv1.Event{Call: 1, Body: &pluginv1.Event_Refused{Refused: &pluginv1.Refused{Ref: ref, Command: "prompt", Message: "no"}}}
		}
		h.send(refused(sent[1].Ref), refused(0), refused(1000))
		h.send(ended(1))
	})
	want := fmt.Sprintf("the host refused a command: conversation=\"\" session=s1 command=prompt reason=no at=plugin/where_test.go:%d\n", line(at)+1)
	if said := log.String(); strings.Count(said, want) != 1 || strings.Count(said, "the host refused a command") != 3 {
		t.Errorf("%s is not in the log once:\n%s", want, said)
	}
}

// TestRefusedAudioNamesTheLine that began its prompt.
func TestRefusedAudioNamesTheLine(t *testing.T) {
	var log logtest.Log
	var at string
	bot := CallFunc(func(ctx context.Context, call *Call) error {
		at = here()
		err := call.Play(ctx, silence(20))
		prompt, _ := call.Stream(ctx, Format{})
		_, _ = prompt.Write(silence(20).Data)
		_ = prompt.Close()
		for err == nil {
			_, err = call.Next(ctx)
		}
		return nil
	})
	withLog(t, Plugin{Handler: bot}, &log, func(t *testing.T, h *fakeHost) {
		for _, c := range h.send(start(1, 1000)) {
			if len(c.Audio) > 0 || c.PromptEnd {
				h.send(&pluginv1.Event{Call: 1, Body: &pluginv1.Event_Refused{Refused: &pluginv1.Refused{Ref: c.Ref, Command: "audio", Message: "no"}}})
			}
		}
		h.send(ended(1))
	})
	for after := 1; after <= 2; after++ {
		want := fmt.Sprintf("command=audio reason=no at=plugin/where_test.go:%d\n", line(at)+after)
		if said := log.String(); !strings.Contains(said, want) {
			t.Errorf("%s is not in the log:\n%s", want, said)
		}
	}
	if said := log.String(); strings.Contains(said, "reason=no\n") {
		t.Errorf("one has no line:\n%s", said)
	}
}

// TestNextOnce: two goroutines cannot read one call, and a handler that returns too early
// is named.
func TestNextOnce(t *testing.T) {
	var second error
	bot := CallFunc(func(ctx context.Context, call *Call) error {
		for range 3 { // the start, the turn and its input
			if _, err := call.Next(ctx); err != nil {
				return err
			}
		}
		waiting := make(chan struct{})
		go func() {
			defer close(waiting)
			_, _ = call.Next(ctx)
		}()
		for !call.reading.Load() {
			runtime.Gosched()
		}
		_, second = call.Next(ctx)
		<-waiting
		return nil
	})
	with(t, Plugin{Handler: bot}, func(t *testing.T, h *fakeHost) {
		h.send(start(1, 1000))
		h.send(greet(1)...)
		if second == nil || !errors.Is(second, errReading) || !strings.HasPrefix(second.Error(), "plugin/where_test.go:") {
			t.Errorf("the second Next returned %v", second)
		}
		sent := h.send(press(1, 2, "1")[0])
		if got := sent[0].GetFailed().GetMessage(); !strings.HasPrefix(got, "plugin/where_test.go:") || !strings.HasSuffix(got, ": the handler returned while the call was up") {
			t.Errorf("the host is told %q", got)
		}
		h.send(ended(1))
	})
}

// TestPromptLeftOpen: Done finds it for those who send it themselves, and not again.
func TestPromptLeftOpen(t *testing.T) {
	var log logtest.Log
	bot := Events{InputEnded: func(ctx context.Context, call *Call, e InputEndedEvent) error {
		if err := call.Play(ctx, silence(20), PromptOptions{Turn: e.Turn}); err != nil {
			return err
		}
		if _, err := call.Stream(ctx, Format{}, PromptOptions{}); err != nil { // of no turn: it may go on
			return err
		}
		if e.Turn == 1 {
			if _, err := call.Stream(ctx, Format{}, PromptOptions{Turn: e.Turn}); err != nil {
				return err
			}
		}
		return call.Done(e.Turn)
	}}
	withLog(t, Plugin{Handler: bot}, &log, func(t *testing.T, h *fakeHost) {
		h.send(start(1, 1000))
		h.send(greet(1)...)
		h.send(turnEnded(1, 1, pluginv1.TurnEnded_ANSWERED))
		h.send(press(1, 2, "1")...)
		h.send(ended(1))
	})
	if said := log.String(); strings.Count(said, "a prompt was not closed: conversation=\"\" session=s1 turn=1 prompt=3 begun=plugin/where_test.go:") != 1 ||
		strings.Count(said, "not closed") != 1 {
		t.Errorf("the log has\n%s", said)
	}
}

// TestNextBesideEvents: the funcs get the events, and cannot take them as well.
func TestNextBesideEvents(t *testing.T) {
	var err error
	bot := Events{InputEnded: func(ctx context.Context, call *Call, e InputEndedEvent) error {
		_, err = call.Next(ctx)
		return call.Done(e.Turn)
	}}
	with(t, Plugin{Handler: bot}, func(t *testing.T, h *fakeHost) {
		h.send(start(1, 1000))
		expect(t, "greeting", h.send(greet(1)...), "1/1 done")
		h.send(ended(1))
	})
	if !errors.Is(err, errReading) {
		t.Errorf("Next returned %v", err)
	}
}

// BenchmarkOrigin is what remembering a command's line costs.
func BenchmarkOrigin(b *testing.B) {
	var o origins
	b.ReportAllocs()
	for ref := uint64(0); b.Loop(); ref++ {
		o.note(ref)
	}
}
