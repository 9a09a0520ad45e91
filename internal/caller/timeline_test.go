package caller

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// TestTimeline reads a short call as people do.
func TestTimeline(t *testing.T) {
	var b strings.Builder
	timeline := NewTimeline(&b)
	s := &server{greeting: tone(500*time.Millisecond, 440)}
	inBubble(t, s, Options{Steps: []Step{WaitAnswer(), Press("0#"), WaitAnswer()}, Log: timeline.Log}, func(t *testing.T, r *Result) {
		if err := timeline.Close(); err != nil {
			t.Error(err)
		}
		if err := r.Print(&b); err != nil {
			t.Error(err)
		}
	})
	want := `+0.000s   rpc1   -> open
+0.000s   rpc1   -> SESSION_START
+0.060s   rpc1   -> half-close
+0.060s   rpc1   <- 3 CHUNK, 0.50 s audio
+0.060s   rpc1   <- FINAL, INPUT_VOICE_DTMF, configuration
+0.060s   rpc1   <- completed
+0.080s   rpc1   .. prompt plays
+0.580s   rpc1   .. prompt played, 0.50 s
+0.580s   rpc2   -> open
+1.100s   caller .. key 0
+1.100s   rpc2   -> audio 0.54 s silence
+1.100s   rpc2   -> START_OF_DTMF
+1.100s   rpc2   -> half-close
+1.100s   rpc2   <- completed
+1.300s   caller .. key #
+1.300s   rpc3   -> open
+1.300s   rpc3   -> keys "0"
+1.300s   rpc3   -> half-close
+1.300s   rpc3   <- 2 CHUNK, 0.30 s audio
+1.300s   rpc3   <- FINAL, TRANSFER_TO_AGENT, named "end", metadata reason, transcript
+1.300s   rpc3   <- completed
+1.320s   rpc3   .. prompt plays
+1.620s   rpc3   .. prompt played, 0.30 s
kept     R2 R3 R8 R9 R12 R14 R20 R22 R25 R26 R27 R29 R30 R31 R33 R37 R41 R46 R47 R50 R54 R56
not seen R5 R10 R11 R13 R15 R16 R17 R21 R23 R24 R35 R36 R38 R39 R40 R42 R48 R49 R52 R53
answer   first audio after 0 ms
answer   first audio after 0 ms
verdict  ok: 22 rules kept, 0 warned of, 0 broken, 20 not seen, in 1.6 s
`
	if got := b.String(); got != want {
		t.Errorf("timeline:\n%s\nwant:\n%s", got, want)
	}
}

// TestJSONLines holds the names that programs read.
func TestJSONLines(t *testing.T) {
	var b bytes.Buffer
	lines := NewJSONLines(&b)
	inBubble(t, &server{}, Options{Steps: spoken, Log: lines.Log, ConversationID: "c1"}, func(t *testing.T, r *Result) {
		if err := errors.Join(lines.Close(), r.PrintJSON(&b)); err != nil {
			t.Error(err)
		}
	})
	want := map[string]string{
		"event":    `{"at_ms":0,"rpc":1,"kind":"event","event":"SESSION_START"}`,
		"response": `{"at_ms":60,"rpc":1,"kind":"response","response":{"type":"CHUNK","prompts":[{"bytes":1600,"audio_ms":200}]}}`,
		"end":      `{"at_ms":60,"rpc":1,"kind":"end","status":"OK"}`,
		"play_end": `{"at_ms":380,"rpc":1,"kind":"play_end","audio_ms":300}`,
		"audio":    `{"at_ms":900,"rpc":2,"kind":"audio","audio_ms":540}`,
	}
	var last struct {
		Kind   string
		OK     bool
		Broken []any
		Kept   []string
		NotSee []string  `json:"not_seen"`
		ID     string    `json:"conversation_id"`
		First  []float64 `json:"first_audio_ms"`
	}
	seen := map[string]bool{}
	for s := bufio.NewScanner(&b); s.Scan(); {
		if err := json.Unmarshal(s.Bytes(), &last); err != nil {
			t.Fatalf("%v in %s", err, s.Text())
		}
		if line, ok := want[last.Kind]; ok && !seen[last.Kind] && s.Text() != line {
			t.Errorf("got  %s\nwant %s", s.Text(), line)
		}
		seen[last.Kind] = true
	}
	for kind := range want {
		if !seen[kind] {
			t.Errorf("no line of kind %s", kind)
		}
	}
	if last.Kind != "verdict" || !last.OK || last.Broken == nil || len(last.Kept) < 10 || len(last.NotSee) == 0 || last.ID != "c1" || len(last.First) != 2 {
		t.Errorf("last line %+v, want a verdict", last)
	}
}

// TestTimelineKeepsError holds that a full disk is noticed.
func TestTimelineKeepsError(t *testing.T) {
	full := errors.New("disk full")
	timeline := NewTimeline(failing{full})
	timeline.Log(Entry{Kind: Opened, RPC: 1})
	timeline.Log(Entry{Kind: Opened, RPC: 2})
	if err := timeline.Close(); err != full {
		t.Errorf("Close = %v, want %v", err, full)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// TestVerdictCounts: a rule that was warned of is not counted as kept.
func TestVerdictCounts(t *testing.T) {
	v := Verdict{Findings: []Finding{{Rule: "R1", Outcome: Kept}, {Rule: "R2", Outcome: Warned}, {Rule: "R3", Outcome: Warned}, {Rule: "R4", Outcome: Broken}}}
	var b strings.Builder
	for _, print := range []func(io.Writer) error{
		(&Result{Verdict: v}).Print,
		(&Report{Rules: []RuleReport{{Outcome: Kept}, {Outcome: Warned}, {Outcome: Warned}, {Outcome: Broken}}}).Print,
	} {
		b.Reset()
		if err := print(&b); err != nil || !strings.Contains(b.String(), "1 rules kept, 2 warned of, 1 broken, 0 not seen") {
			t.Errorf("%v, %s", err, b.String())
		}
	}
}
