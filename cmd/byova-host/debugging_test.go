//go:build unix

package main

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/byova-host/byova-host/sdk/plugin"
)

// buggy makes the mistake that the key says.
func (b bot) buggy() plugin.Plugin {
	return plugin.Plugin{Name: "buggy", Agents: []plugin.Agent{{ID: b.Agent}}, Handler: plugin.HandlerFunc(
		func(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
			turn.Call.Log().Debug("a line of the author's", "keys", len(turn.DTMF))
			plugin.Log().Trace("a line that nobody asked for")
			switch turn.DTMF {
			case "1":
				turn.Custom.Parameters["x"] = buggyLine() // there are none: line of the panic
			case "2":
				return reply.Say("") // line of the misuse
			case "3":
				buggyLine()
				_ = reply.SetInput(plugin.Input{InterDigit: 1000000}) // line of the refusal
			}
			return nil
		})}
}

// buggyLine says in the log where it is called.
func buggyLine() int {
	_, _, line, _ := runtime.Caller(1)
	plugin.Log().Info("marked", "line", line)
	return line
}

// TestMistakesAreLocated in the host's log, which also has the author's own lines of the
// level that was asked for, although the host's is higher.
func TestMistakesAreLocated(t *testing.T) {
	p := start(t, runtimeDir(t), "--plugin", bot{Kind: "buggy", Agent: "buggy"}.file(t), "--plugin-log", "debug")
	if p.addr == "" {
		t.Fatalf("the host did not start:\n%s", p.log)
	}
	s := dial(t, p.addr)
	for key := range uint64(3) {
		conversation := fmt.Sprint("c", key+1)
		for _, request := range [][]byte{s.event(conversation, sessionStart), s.digits(conversation, key+1), s.event(conversation, sessionEnd)} {
			if _, err := s.exchange(request); err != nil {
				t.Fatal(err)
			}
		}
	}
	p.stop(t)
	var marks []int
	log := p.log.String()
	for line := range strings.Lines(log) {
		var mark int
		if _, rest, ok := strings.Cut(line, " line="); ok && strings.Contains(line, "marked:") {
			if _, err := fmt.Sscan(rest, &mark); err == nil {
				marks = append(marks, mark)
			}
		}
	}
	if len(marks) != 2 {
		t.Fatalf("marks %v", marks)
	}
	for _, want := range []string{
		"[DEBUG] byova-host.plugin.buggy: a line of the author's: generation=1 plugin=buggy conversation=c1 keys=1",
		fmt.Sprintf("handler panicked: generation=1 plugin=buggy at=byova-host/debugging_test.go:%d conversation=c1", marks[0]),
		fmt.Sprintf(`detail="the bot failed: panic: assignment to entry in nil map (at byova-host/debugging_test.go:%d)"`, marks[0]),
		fmt.Sprintf(`detail="the bot failed: answer turn 2: byova-host/debugging_test.go:%d: say: the text is empty"`, marks[0]+2),
		fmt.Sprintf(`the host refused a command: generation=1 plugin=buggy at=byova-host/debugging_test.go:%d command=input conversation=c3`, marks[1]+1),
		"the turn function has returned without an answer: generation=1 plugin=buggy conversation=c3 function=byova-host/debugging_test.go:",
	} {
		if !strings.Contains(log, want) {
			t.Errorf("%q is not in the log", want)
		}
	}
	if strings.Contains(log, "nobody asked") {
		t.Error("a line of a lower level is in the log")
	}
}
