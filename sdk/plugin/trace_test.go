package plugin

import (
	"bytes"
	"context"
	"strings"
	"testing"

	hclog "github.com/hashicorp/go-hclog"

	"github.com/byova-host/byova-host/internal/logtest"
	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

// TestTraceLog: at level trace the log has a line for each event and each command, none
// for each frame, and nothing that was said or pressed.
func TestTraceLog(t *testing.T) {
	var log logtest.Log
	bot := HandlerFunc(func(ctx context.Context, turn Turn, reply *Reply) error {
		if turn.DTMF == "" {
			return nil
		}
		if err := reply.SaveState([]byte("secret state")); err != nil {
			return err
		}
		if err := reply.Say("you said so"); err != nil {
			return err
		}
		if err := reply.Play(silence(5000)); err != nil {
			return err
		}
		return reply.Transfer("secret reason")
	})
	withLog(t, Plugin{Handler: bot}, &log, func(t *testing.T, h *fakeHost) {
		h.send(start(1, 1<<20))
		h.send(greet(1)...)
		if text := log.String(); strings.Contains(text, "[TRACE]") {
			t.Errorf("at level info the log has\n%s", text)
		}
		h.send(&pluginv1.Event{Body: &pluginv1.Event_LogLevel{LogLevel: &pluginv1.LogLevel{Level: "trace"}}})
		h.send(sound(1, 0, 1000)...)
		h.send(press(1, 2, "4711")...)
		h.send(ended(1))
	})
	text := log.String()
	for _, want := range []string{
		"event AudioInput: conversation=\"\" session=s1 length=1s\n",
		"event TurnStarted: conversation=\"\" session=s1 turn=2 kind=dtmf attempt=1\n",
		"event DTMFInput: conversation=\"\" session=s1 turn=2 keys=4\n",
		"command State: conversation=\"\" session=s1 turn=2 bytes=12\n",
		"command PromptStart: conversation=\"\" session=s1 turn=2 prompt=1 characters=11\n",
		"command PromptStart: conversation=\"\" session=s1 turn=2 prompt=2 format=\"mu-law 8000 Hz\"\n",
		"command Audio: conversation=\"\" session=s1 turn=2 prompt=2 bytes=40000\n",
		"command Transfer: conversation=\"\" session=s1 turn=2\n",
		"event SessionEnd: conversation=\"\" session=s1 reason=caller\n",
	} {
		if strings.Count(text, want) != 1 {
			t.Errorf("%q is not there once", want)
		}
	}
	if strings.Contains(text, "4711") || strings.Contains(text, "secret") || strings.Contains(text, "said so") || strings.Count(text, "[TRACE]") != 10 || t.Failed() {
		t.Errorf("the log has %d lines of trace:\n%s", strings.Count(text, "[TRACE]"), text)
	}
}

// TestSilentTurn: a function that returned without an answer is named, at level debug.
func TestSilentTurn(t *testing.T) {
	var log bytes.Buffer
	call := &Call{log: hclog.New(&hclog.LoggerOptions{Output: &log, Level: hclog.Debug})}
	if err := runTurn(t.Context(), silent, Turn{}, &Reply{call: call, ctx: t.Context(), turn: 3}); err != nil {
		t.Fatal(err)
	}
	if text := log.String(); !strings.Contains(text, "the turn function has returned without an answer: turn=3 function=plugin/trace_test.go:") {
		t.Errorf("the log has\n%s", text)
	}
}

func silent(context.Context, Turn, *Reply) error { return nil }
