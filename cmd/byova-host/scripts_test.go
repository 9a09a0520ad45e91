//go:build unix

package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/byova-host/byova-host/internal/audio"
)

// outcome is what became of a command line.
type outcome struct {
	code           int
	stdout, stderr string
}

// inBackground carries command lines out all at once: a call takes its time and
// next to nothing else.
func inBackground(t *testing.T, lines [][]string) []<-chan outcome {
	t.Helper()
	results := make([]<-chan outcome, len(lines))
	for i, args := range lines {
		result := make(chan outcome, 1)
		results[i] = result
		go func() {
			code, stdout, stderr := cli(t, args...)
			result <- outcome{code, stdout, stderr}
		}()
	}
	return results
}

// serveBoth starts a host with echo and the test bot, and what the configuration
// says beside them.
func serveBoth(t *testing.T, more string) *process {
	t.Helper()
	text := fmt.Sprintf("verify_tokens: false\nplugins:\n  echo: {path: %s}\n  testbot: {path: %s}\n%s", echoBinary, testbotBinary, more)
	p := start(t, runtimeDir(t), "--config", hostFile(t, text))
	if p.addr == "" {
		<-p.exited
		t.Fatalf("the host did not start: %v", p.err)
	}
	return p
}

// TestScripts runs all bundled call scripts against a host with echo and with the
// test bot. None may be skipped: for each there is a bot that it is made for.
func TestScripts(t *testing.T) {
	t.Parallel()
	chunks, wav := serveBoth(t, ""), serveBoth(t, "agents: {echo: {answers: wav}, menu: {answers: wav}}\n")
	tests := []struct {
		script, agent string
		host          *process
		vars          []string
	}{
		{"01-greeting-chunks", "echo", chunks, nil},
		{"01-greeting-chunks", "menu", chunks, nil},
		{"02-greeting-wav", "echo", wav, nil},
		{"02-greeting-wav", "menu", wav, nil}, // two files in one message
		{"03-utterance-chunks", "echo", chunks, nil},
		{"03-utterance-chunks", "custom", chunks, nil},
		{"04-utterance-wav", "echo", wav, nil},
		{"05-voice-barge-in", "echo", chunks, nil},
		{"05-voice-barge-in", "slow-answer", chunks, nil},
		{"06-dtmf-barge-in", "long-welcome", chunks, nil},
		{"07-dtmf-menu", "menu", chunks, nil},
		{"03-utterance-chunks", "desk", chunks, nil}, // which ends the call
		{"testdata/two-utterances.yaml", "echo", chunks, nil},
		{"testdata/two-utterances.yaml", "echo", wav, []string{"mode=wav"}},
		{"08-no-input", "echo", chunks, nil},
		{"08-no-input", "echo", wav, nil},
		{"09-transfer", "echo", chunks, nil},
		{"09-transfer", "desk", chunks, []string{"say=hello", "press=", "metadata=summary"}},
		{"10-host-ends", "echo", chunks, nil},
		{"10-host-ends", "closer", chunks, []string{"say=hello", "press="}},
		{"11-hang-up", "echo", chunks, nil},
		{"11-hang-up", "slow-answer", chunks, nil},
		{"12-custom-event", "echo", chunks, nil},
		{"12-custom-event", "custom", chunks, nil},
		{"13-silence", "echo", chunks, nil},
		{"13-silence", "echo", wav, nil},
	}
	var lines [][]string
	tried := map[string]bool{}
	for _, test := range tests {
		line := []string{"call", "--addr", test.host.addr, "--agent", test.agent, "--script", test.script}
		for _, v := range test.vars {
			line = append(line, "--set", v)
		}
		lines = append(lines, line)
		tried[test.script] = true
	}
	for _, name := range bundledNames() {
		if !tried[name] {
			t.Errorf("no row runs %s", name)
		}
	}
	results := inBackground(t, lines)
	for i, test := range tests {
		t.Run(test.script+" "+test.agent, func(t *testing.T) {
			if got := <-results[i]; got.code != 0 || !strings.Contains(got.stdout, "verdict  ok") {
				t.Errorf("exit %d of %q\n%s%s", got.code, lines[i], got.stdout, got.stderr)
			}
		})
	}
	chunks.stop(t)
	wav.stop(t)
}

// TestConformance is the whole run against echo, in both modes of answers. What
// echo gives no occasion for is listed as skipped, with the reason.
func TestConformance(t *testing.T) {
	t.Parallel()
	chunks, wav := serveBoth(t, ""), serveBoth(t, "calls: {answers: wav}\n")
	results := inBackground(t, [][]string{
		{"call", "--all", "--addr", chunks.addr, "--agent", "echo"},
		{"call", "--all", "--addr", wav.addr, "--agent", "echo"},
	})
	for i, skipped := range [][]string{
		{"02-greeting-wav", "04-utterance-wav", "06-dtmf-barge-in", "07-dtmf-menu"},
		{"01-greeting-chunks", "03-utterance-chunks", "06-dtmf-barge-in", "07-dtmf-menu"},
	} {
		got := <-results[i]
		if got.code != 0 || !strings.Contains(got.stdout, "verdict  ok") || strings.Contains(got.stdout, "broken   R") {
			t.Errorf("run %d: exit %d\n%s%s", i, got.code, got.stdout, got.stderr)
		}
		if n := strings.Count(got.stdout, "skipped  "); n != len(skipped) {
			t.Errorf("run %d: %d scripts are skipped, want %d:\n%s", i, n, len(skipped), got.stdout)
		}
		for _, script := range skipped {
			if !strings.Contains(got.stdout, "skipped  "+script) || !strings.Contains(got.stdout, script+":") {
				t.Errorf("run %d does not say that and why %s was skipped:\n%s", i, script, got.stdout)
			}
		}
	}
	chunks.stop(t)
	wav.stop(t)
}

// TestFormats hears the formats of the test bot: whatever a bot hands over arrives
// as the same tone.
func TestFormats(t *testing.T) {
	t.Parallel()
	p := serveBoth(t, "")
	call := newPhone(t, p.addr, "formats")
	call.start()
	for n := range 11 {
		got := call.press(fmt.Sprint(n+1, "#"))
		if got.err != nil {
			t.Fatal(got.err)
		}
		if lasts := audio.Telephone.Duration(len(got.audio)); lasts.Milliseconds() < 690 || lasts.Milliseconds() > 710 {
			t.Errorf("format %d lasts %v, want 700 ms", n+1, lasts)
		}
		if hertz := []float64{110, 220, 440, 880, 1760}; len(got.audio) < 4800 || loudest(got.audio[800:4800], hertz) != 2 {
			t.Errorf("format %d is not heard as 440 Hz", n+1)
		}
	}
	call.hangUp()
	p.stop(t)
}
