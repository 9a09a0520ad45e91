//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"hash/crc32"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/byova-host/byova-host/host/admin"
	"github.com/byova-host/byova-host/host/config"
	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
)

var schedules = flag.Int("schedules", 1, "with how many random schedules TestEventLog swaps and kills")

// TestEventLog swaps and kills a bot at random moments, and leaves another alone that
// has the same calls. What the two saw of each call is the same, but for the marks of
// what is resumed and comes again.
//
// Not compared are times, numbers of events and of attempts, how audio is cut into
// pieces, and the prompts that have been played, of which no other process needs to
// know. The end of a turn may be missing, when a process died that was just told.
func TestEventLog(t *testing.T) {
	for n := range *schedules {
		t.Run(fmt.Sprint(n), testEventLog)
	}
}

func testEventLog(t *testing.T) {
	noLeaks(t)
	path, err := resumingTestbot()
	if err != nil {
		t.Fatal(err)
	}
	const calls = 4
	dir := t.TempDir()
	// It takes its time to start, so that callers go on meanwhile.
	slow := filepath.Join(dir, "slow")
	if err := os.WriteFile(slow, fmt.Appendf(nil, "#!/bin/sh\nsleep 0.4\nexec '%s'\n", path), 0o700); err != nil {
		t.Fatal(err)
	}
	h := runConfigured(t, func(c *config.Config) {
		c.Calls.Settings, c.Shutdown = quiet(), completeWithin
		for _, name := range []string{"moved", "calm"} {
			p := patient(name, slow)
			p.Orgs = []string{name}
			p.Settings = map[string]any{"events": filepath.Join(dir, name), "pace": 0.1}
			c.Plugins = append(c.Plugins, p)
		}
	})
	c := newCallers(t, h.addr, "log")
	acts := map[string]int{}
	over := make(chan struct{})
	var up []*regular
	for i := range 2 * calls {
		r := c.caller(i / 2)
		r.org = []string{"moved", "calm"}[i%2]
		up = append(up, r)
		c.lines.Go(func() {
			if err := c.follow(r, newScript(c.seed, uint64(i/2)), rand.New(rand.NewPCG(c.seed, 1000+uint64(i)))); err != nil {
				c.tally.fault("%s: %v", r.org, err)
			}
		})
	}
	var disturbing sync.WaitGroup
	disturbing.Go(func() {
		random := rand.New(rand.NewPCG(c.seed, 2000))
		for {
			select {
			case <-over:
				return
			case <-time.After(time.Duration(random.IntN(500)) * time.Millisecond):
			}
			if random.IntN(2) == 0 {
				c.kill(t, h, "moved")
				acts["kills"]++
			} else {
				h.move(t, "moved")
				acts["moves"]++
			}
		}
	})
	c.lines.Wait()
	close(over)
	disturbing.Wait()
	for _, r := range up {
		if err := r.hangUp(); err != nil {
			t.Error(err)
		}
	}
	var moved, calm map[string]*seen
	eventually(t, answeredWithin, "the bots have seen the ends", func() bool {
		moved, calm = seenIn(t, filepath.Join(dir, "moved")), seenIn(t, filepath.Join(dir, "calm"))
		for _, of := range []map[string]*seen{moved, calm} {
			for _, s := range of {
				if !s.ended {
					return t.Failed()
				}
			}
		}
		return true
	})
	c.close(t)
	h.end(t)
	for conversation, want := range calm {
		got := moved[conversation]
		if got == nil {
			t.Errorf("%s was not seen by the bot that was swapped", conversation)
			continue
		}
		got.compare(t, conversation, want)
		acts["resumptions"] += got.resumed
		acts["replayed"] += got.replayed
	}
	if len(calm) != calls || acts["kills"]+acts["moves"] == 0 || acts["resumptions"] == 0 {
		t.Errorf("that was no trial: %d calls, %v", len(calm), acts)
	}
	printResult(t, "event_log_calls", len(calm), "calls")
	for _, what := range []string{"kills", "moves", "resumptions", "replayed"} {
		printResult(t, "event_log_"+what, acts[what], "times")
	}
}

// move restarts a plugin and waits until its calls are with the new process.
func (h *inside) move(t *testing.T, name string) {
	t.Helper()
	if _, err := h.admin().Restart(t.Context(), name, admin.Terms{Policy: "move"}, nil); err != nil {
		t.Error(err)
		return
	}
	eventually(t, answeredWithin, "the calls have moved", func() bool { return len(h.generations(t, name)) == 1 })
}

// newScript is what the caller does in a call, a letter for each input.
func newScript(seed, call uint64) string {
	random := rand.New(rand.NewPCG(seed, call))
	var script strings.Builder
	for range 6 {
		script.WriteByte("kkassc"[random.IntN(6)])
	}
	return script.String() + "n"
}

// follow plays a call as its script has it, and leaves it up. The pauses are random.
func (c *callers) follow(r *regular, script string, random *rand.Rand) error {
	if err := r.start(); err != nil {
		return err
	}
	for i, what := range script {
		// Until the answer has been played: what cuts it is told with how much was heard.
		<-time.After(time.Duration(200+random.IntN(300)) * time.Millisecond)
		var err error
		switch what {
		case 'k', 'a':
			_, err = r.press(fmt.Sprint(1+i), what == 'a')
		case 's':
			_, err = r.say(c.words)
		case 'c':
			_, err = r.answered("a custom event", r.inputs+1, customInput(fmt.Sprint("event-", i)))
		case 'n':
			_, err = r.silence()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func customInput(name string) *mediav1.VoiceVARequest {
	m := eventInput(mediav1.EventInput_CUSTOM_EVENT)
	m.GetEventInput().Name = name
	return m
}

// seen is what a bot saw of a call, in all of its processes.
type seen struct {
	events   map[uint64]string // by number
	audio    map[uint64][]piece
	ended    bool
	resumed  int
	replayed int
	wrong    []string
}

type piece struct {
	at   time.Duration
	data []byte
}

// loggedEvent is a line of the test bot's log of events.
type loggedEvent struct {
	Session string
	Pid     int
	Event   string
	What    struct {
		Seq      uint64
		At       time.Duration
		Replayed bool
		Turn     uint64
		Kind     int
		Digits   string
		Name     string
		Count    int
		Reason   int
		Audio    struct{ Data []byte }
		Info     struct {
			ConversationID string
			Resumed        json.RawMessage
		}
	}
}

// seenIn reads a log of events, by conversation.
func seenIn(t *testing.T, path string) map[string]*seen {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all, names := map[string]*seen{}, map[string]string{}
	last := map[string]uint64{} // by session and process
	for line := range bytes.Lines(text) {
		if line[len(line)-1] != '\n' {
			break // it is being written
		}
		var e loggedEvent
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if id := e.What.Info.ConversationID; id != "" {
			names[e.Session] = id
		}
		name := names[e.Session]
		if all[name] == nil {
			all[name] = &seen{events: map[uint64]string{}, audio: map[uint64][]piece{}}
		}
		all[name].take(e)
		at := fmt.Sprint(e.Session, e.Pid)
		if e.What.Seq <= last[at] && e.Event != "SessionStartEvent" {
			all[name].fault("process %d got event %d behind %d", e.Pid, e.What.Seq, last[at])
		}
		last[at] = max(last[at], e.What.Seq)
	}
	return all
}

func (s *seen) fault(format string, args ...any) {
	s.wrong = append(s.wrong, fmt.Sprintf(format, args...))
}

// take adds an event, unless an earlier process got it, too.
func (s *seen) take(e loggedEvent) {
	w := e.What
	text := strings.TrimSuffix(e.Event, "Event")
	s.ended = s.ended || e.Event == "SessionEndEvent"
	switch e.Event {
	case "PromptDoneEvent":
		return
	case "SessionStartEvent":
		if string(w.Info.Resumed) != "null" {
			s.resumed++
		}
	case "AudioInputEvent":
		s.audio[w.Seq] = append(s.audio[w.Seq], piece{w.At, w.Audio.Data})
	default:
		text += fmt.Sprintf(" turn=%d kind=%d digits=%q name=%q count=%d reason=%d", w.Turn, w.Kind, w.Digits, w.Name, w.Count, w.Reason)
	}
	before, again := s.events[w.Seq]
	s.events[w.Seq] = text
	if again && e.Event != "SessionStartEvent" {
		s.replayed++
		if !w.Replayed {
			s.fault("event %d comes again without a mark: %s", w.Seq, text)
		}
		if before != text {
			s.fault("event %d was %s and comes again as %s", w.Seq, before, text)
		}
	}
}

// lines are the events in order. Audio is one line for what is between two others.
func (s *seen) lines() (all []string) {
	var spoken []piece
	flush := func() {
		if len(spoken) > 0 {
			all = append(all, s.join(spoken))
		}
		spoken = nil
	}
	for _, seq := range slices.Sorted(maps.Keys(s.events)) {
		if pieces := s.audio[seq]; pieces != nil {
			spoken = append(spoken, pieces...)
			continue
		}
		flush()
		all = append(all, s.events[seq])
	}
	flush()
	return all
}

// join lays pieces of audio out by their times; processes may have got them cut
// otherwise.
func (s *seen) join(pieces []piece) string {
	slices.SortStableFunc(pieces, func(a, b piece) int { return int(a.at - b.at) })
	var whole []byte
	for _, p := range pieces {
		at := int((p.at - pieces[0].at) * 8 / time.Millisecond)
		if at > len(whole) {
			s.fault("%d bytes of audio are missing", at-len(whole))
			at = len(whole)
		}
		common := min(len(whole)-at, len(p.data))
		if !bytes.Equal(whole[at:at+common], p.data[:common]) {
			s.fault("audio of %v comes again otherwise", p.at)
		}
		whole = append(whole, p.data[common:]...)
	}
	return fmt.Sprintf("Audio %d bytes, sum %08x", len(whole), crc32.ChecksumIEEE(whole))
}

// compare holds that the same was seen.
func (s *seen) compare(t *testing.T, conversation string, want *seen) {
	t.Helper()
	got, wanted := s.lines(), want.lines()
	for _, wrong := range append(s.wrong, want.wrong...) {
		t.Errorf("%s: %s", conversation, wrong)
	}
	for i, j := 0, 0; i < len(got) || j < len(wanted); j++ {
		switch {
		case i < len(got) && j < len(wanted) && got[i] == wanted[j]:
			i++
		case j < len(wanted) && strings.HasPrefix(wanted[j], "TurnEnded"):
		default:
			t.Errorf("%s: from the %dth on the bot saw\n%s\nwithout swaps\n%s", conversation, i, strings.Join(got[i:], "\n"), strings.Join(wanted[min(j, len(wanted)):], "\n"))
			return
		}
	}
}
