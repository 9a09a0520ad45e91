package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/byova-host/byova-host/internal/pluginwire"
	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

// call is a call to an agent of a process.
type call struct {
	t       *testing.T
	process *pluginwire.Process
	call    *pluginwire.Call
	turn    uint64

	mu      sync.Mutex
	said    []string // since it was last asked for
	changed chan struct{}
}

// begin launches a plugin and begins a call, or resumes one.
func begin(t *testing.T, agent string, settings map[string]any, edit func(*pluginv1.Start), build ...string) *call {
	t.Helper()
	p, err := launch(t, settings, build...)
	if err != nil {
		t.Fatal(err)
	}
	c := &call{t: t, process: p, changed: make(chan struct{}, 1)}
	if c.call, err = p.Open(c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.call.Close)
	start := &pluginv1.Start{SessionId: "s", Agent: agent, Credit: 1 << 20}
	if edit != nil {
		edit(start)
	}
	c.send(&pluginv1.Event{Body: &pluginv1.Event_Start{Start: start}})
	return c
}

func (c *call) Lost(err error) { c.say("lost: " + err.Error()) }

func (c *call) Command(m *pluginv1.Command) {
	switch b := m.Body.(type) {
	case *pluginv1.Command_PromptStart:
		c.say("prompt")
	case *pluginv1.Command_State:
		c.say(fmt.Sprintf("state %d %s", b.State.Version, b.State.Blob))
	case *pluginv1.Command_Done:
		c.say(fmt.Sprint("done ", m.Turn))
	case *pluginv1.Command_Transfer:
		c.say(fmt.Sprint("transfer ", b.Transfer.Metadata.AsMap()))
	case *pluginv1.Command_Failed:
		c.say("failed: " + b.Failed.Message)
	case *pluginv1.Command_Suspended:
		c.say("suspended")
	case *pluginv1.Command_Declined:
		c.say("declined: " + b.Declined.Reason)
	}
}

func (c *call) say(s string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.said = append(c.said, s)
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

func (c *call) send(e *pluginv1.Event) {
	c.t.Helper()
	if err := c.call.Send(e); err != nil {
		c.t.Fatal(err)
	}
}

func (c *call) press(digits string) {
	c.t.Helper()
	c.turn++
	c.send(&pluginv1.Event{Body: &pluginv1.Event_TurnStarted{TurnStarted: &pluginv1.TurnStarted{Turn: c.turn, Cause: pluginv1.TurnStarted_CAUSE_DTMF}}})
	c.send(&pluginv1.Event{Body: &pluginv1.Event_Dtmf{Dtmf: &pluginv1.DTMF{Digits: digits, Turn: c.turn}}})
	c.send(&pluginv1.Event{Body: &pluginv1.Event_InputEnded{InputEnded: &pluginv1.InputEnded{Turn: c.turn}}})
}

// expect waits until the agent has said what is wanted.
func (c *call) expect(want string) {
	c.t.Helper()
	limit := time.After(20 * time.Second)
	for {
		c.mu.Lock()
		said := strings.Join(c.said, ", ")
		if strings.HasPrefix(said, want) {
			c.said = nil
			c.mu.Unlock()
			return
		}
		c.mu.Unlock()
		select {
		case <-c.changed:
		case <-limit:
			c.t.Fatalf("the agent said %q, want %q", said, want)
		}
	}
}

func TestCounters(t *testing.T) {
	answers := map[string][]string{
		"poison":    {"state 3 8, prompt, done 1", "state 3 9, prompt, done 2"},
		"stubborn":  {"state 3 8, prompt, done 1", "state 3 9, prompt, done 2"},
		"save-late": {"prompt, state 3 8, done 1", "prompt, state 3 9, done 2"},
	}
	for agent, want := range answers {
		t.Run(agent, func(t *testing.T) {
			c := begin(t, agent, nil, func(s *pluginv1.Start) {
				s.Resume = &pluginv1.Resume{State: []byte("7"), StateVersion: 2}
			}, "resume=saved", "stateVersion=3", "readsVersions=1,2")
			for _, w := range want {
				c.press("1")
				c.expect(w)
			}
			c.send(&pluginv1.Event{Body: &pluginv1.Event_Suspend{Suspend: &pluginv1.Suspend{}}})
			if agent != "stubborn" {
				c.expect("suspended")
				return
			}
			c.expect("declined: the stubborn agent keeps its calls")
			c.press("0")
			c.expect("transfer map[count:9 reason:asked for the count]")
		})
	}
}

// What the agents do that harm their process, or their call.
func TestHazards(t *testing.T) {
	for _, test := range []struct {
		agent, entry, want string
		edit               func(*pluginv1.Start)
	}{
		{"poison", "66", "lost: plugin", nil},
		{"panics-in-probe", "1", "prompt, done 1", nil},
		{"panics-in-probe", "1", "failed: panic: testbot: this is a probe call", func(s *pluginv1.Start) { s.Probe = true }},
		{"leak", "1", "prompt, done 1", nil},
		{"stderr-flood", "1", "prompt, done 1", nil},
		{"stdout-flood", "1", "prompt, done 1", nil},
	} {
		t.Run(test.agent, func(t *testing.T) {
			c := begin(t, test.agent, nil, test.edit)
			c.press(test.entry)
			c.expect(test.want)
		})
	}
}

// TestHang: neither the end of its turn nor the host's question moves it, and the
// process lives.
func TestHang(t *testing.T) {
	c := begin(t, "hang", nil, nil, "resume=saved")
	c.press("1")
	c.send(&pluginv1.Event{Body: &pluginv1.Event_TurnEnded{TurnEnded: &pluginv1.TurnEnded{Turn: 1, Reason: pluginv1.TurnEnded_FAILED}}})
	c.send(&pluginv1.Event{Body: &pluginv1.Event_Suspend{Suspend: &pluginv1.Suspend{}}})
	for range 100 { // any other agent would have answered meanwhile
		if _, err := c.process.ListAgents(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.said) > 0 {
		t.Errorf("it said %v", c.said)
	}
}

// TestLog: each event has its line, whichever process wrote it.
func TestLog(t *testing.T) {
	file := filepath.Join(t.TempDir(), "events")
	settings := map[string]any{"events": file}
	first := begin(t, "log", settings, nil, "resume=saved")
	first.press("1")
	first.expect("prompt, done 1")
	second := begin(t, "log", settings, func(s *pluginv1.Start) {
		s.Resume = &pluginv1.Resume{InterruptedTurn: 2}
	}, "resume=saved")
	second.expect("done 2")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	pids := map[int]bool{}
	for line := range strings.Lines(string(text)) {
		var l struct {
			Session, Event string
			Pid            int
			What           struct{ Digits string }
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%v in line %s", err, line)
		}
		got = append(got, l.Session+" "+l.Event+l.What.Digits)
		pids[l.Pid] = true
	}
	want := "[s SessionStartEvent s TurnStartedEvent s DTMFInputEvent1 s InputEndedEvent s SessionStartEvent]"
	if fmt.Sprint(got) != want || len(pids) != 2 {
		t.Errorf("lines of %d processes: %v\nwant of 2        %s", len(pids), got, want)
	}
	c := begin(t, "log", nil, nil)
	c.expect(`failed: the setting "events" names no file`)
}

// TestBuild: what a build sets is what the host is told.
func TestBuild(t *testing.T) {
	p, err := launch(t, nil, "version=2.0.0", "resume=saved", "stateVersion=2", "readsVersions=1", "first=hang")
	if err != nil {
		t.Fatal(err)
	}
	d := p.Description()
	got := fmt.Sprintln(d.Version, d.Resume, d.Movable, d.StateVersion, d.ReadsStateVersions, p.Agents()[0].Id)
	if want := "2.0.0 RESUME_SAVED true 2 [1 2] hang\n"; got != want {
		t.Errorf("description %s, want %s", got, want)
	}
	for _, test := range []struct{ build, says string }{
		{"resume=maybe", "main.resume"}, {"stateVersion=x", "main.stateVersion"}, {"readsVersions=1,,2", "main.readsVersions"}, {"first=nobody", "main.first"},
	} {
		if _, err := launch(t, nil, test.build); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v, want an error that says %s", test.build, err, test.says)
		}
	}
}
