package caller

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
)

// conform runs all bundled scripts against s inside a bubble.
func conform(t *testing.T, s *server, check func(*testing.T, *Report)) {
	t.Helper()
	scripts := bundledScripts(t)
	synctest.Test(t, func(t *testing.T) {
		report, err := Conform(t.Context(), ConformOptions{
			Call: Options{Addr: "passthrough:///server", Dial: dial(t, s)}, Scripts: scripts, Clip: testClip,
		})
		if err != nil {
			t.Fatal(err)
		}
		check(t, report)
		if t.Failed() {
			report.Print(t.Output())
		}
	})
}

// TestConform runs all scripts against servers that keep the rules.
func TestConform(t *testing.T) {
	long := tone(8*time.Second, 440)
	tests := []struct {
		name    string
		server  *server
		skipped string
	}{
		{"chunks", &server{answer: long[:48000], bargeIn: true}, "02-greeting-wav 04-utterance-wav 06-dtmf-barge-in 07-dtmf-menu"},
		{"wav", &server{wav: true, answer: long[:48000], bargeIn: true}, "01-greeting-chunks 03-utterance-chunks 06-dtmf-barge-in 07-dtmf-menu"},
		{"short answers", &server{}, "02-greeting-wav 04-utterance-wav 05-voice-barge-in 06-dtmf-barge-in 07-dtmf-menu"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			conform(t, test.server, func(t *testing.T, r *Report) {
				if got := strings.Join(r.scripts(Skipped), " "); got != test.skipped || len(r.scripts(Failed)) > 0 || len(r.Untried) > 0 {
					t.Errorf("skipped %s, failed %v, not tried %v, want skipped %s", got, r.scripts(Failed), r.Untried, test.skipped)
				}
				if broken := r.rules(Broken); len(broken) > 0 {
					t.Errorf("broken %v", broken)
				}
			})
		})
	}
}

// TestConformNamesBrokenRules runs all scripts against servers that break a rule.
func TestConformNamesBrokenRules(t *testing.T) {
	tests := slices.Concat(brokenAnswers(), []broken{
		{"R2", "an RPC fails", nil, &server{serve: fails(inputIsAudio)}},
		{"R3", "no answer", nil, &server{serve: completes(inputIsSessionStart)}},
		{"R8", "the greeting does not wait", nil, &server{serve: greetsAtOnce}},
		{"R10", "a second greeting", nil, &server{tweak: on("again", func(m *out) []*out { return []*out{chunkOf(hello[:800], false), m} })}},
		{"R12", "START_OF_INPUT on silence", nil, &server{serve: startsOnSilence}},
		{"R14", "audio without its format", nil, &server{serve: wantsFormat}},
		{"R15", "no START_OF_INPUT", nil, &server{tweak: on("start", drop)}},
		{"R16", "END_OF_INPUT late", nil, &server{tweak: on("end", late(5*time.Second))}},
		{"R31", "a chunk after FINAL", nil, &server{tweak: on("greeting final", func(m *out) []*out { return []*out{m, chunkOf(hello[:800], false)} })}},
		{"R36", "the last key", nil, &server{serve: completes(inputIsKeys)}},
		{"R38", "NO_INPUT is not answered", nil, &server{serve: completes(inputIsNoInput)}},
		{"R47", "a transfer before FINAL", nil, &server{tweak: on("terminal", func(m *out) []*out {
			m.ResponseType = mediav1.VoiceVAResponse_CHUNK
			return []*out{m, {}}
		})}},
		{"R48", "SESSION_END fails", nil, &server{serve: fails(inputIsSessionEnd)}},
		{"R49", "the flow is not welcome", nil, &server{serve: refuses(inputIsCustom)}},
		{"R58", "two defaults", nil, &server{agents: 2}},
		{"R59", "not serving", nil, &server{sick: true}},
		{"R61", "any ids", nil, &server{careless: true}},
		{"R53", "another connection is another call", nil, &server{serve: oneConnection()}},
	})
	for _, test := range tests {
		t.Run(test.rule+" "+test.name, func(t *testing.T) {
			test.server.bargeIn = true
			if test.server.answer == nil {
				test.server.answer = tone(6*time.Second, 880)
			}
			conform(t, test.server, func(t *testing.T, r *Report) {
				if !slices.Contains(r.rules(Broken), test.rule) || r.OK() {
					t.Errorf("broken %v, want %s among them", r.rules(Broken), test.rule)
				}
			})
		})
	}
}

// TestProbes holds what only probes see.
func TestProbes(t *testing.T) {
	token := func(context.Context) (string, error) { return "good", nil }
	tests := []struct {
		name   string
		server *server
		call   Options
		want   map[string]Outcome
	}{
		{"kept", &server{}, Options{}, map[string]Outcome{"R6": Kept, "R48": Kept, "R57": NotSeen, "R58": Kept, "R59": Kept, "R61": Kept}},
		{"careless", &server{careless: true, agents: 2, sick: true}, Options{Token: token},
			map[string]Outcome{"R6": Warned, "R48": Kept, "R57": Broken, "R58": Broken, "R59": Broken, "R61": Broken}},
		{"strange end", &server{serve: fails(inputIsSessionEnd)}, Options{}, map[string]Outcome{"R48": Broken}},
		{"refuses", &server{serve: func(*in, serverStream) (bool, error) { return true, status.Error(codes.Unauthenticated, "no") }},
			Options{Token: token}, map[string]Outcome{"R57": Kept}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				test.call.Addr, test.call.Dial = "passthrough:///server", dial(t, test.server)
				found, err := runProbes(t.Context(), test.call)
				if err != nil {
					t.Fatal(err)
				}
				for _, f := range found {
					if want, ok := test.want[f.Rule]; ok && f.Outcome != want {
						t.Errorf("%s is %s, want %s: %v", f.Rule, f.Outcome, want, f.Evidence)
					}
				}
			})
		})
	}
}

// TestProbesOfNobody holds that no rule is named broken, and little time is lost,
// where a connection is never made.
func TestProbesOfNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		never := grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		began := time.Now()
		found, err := runProbes(t.Context(), Options{Addr: "passthrough:///server", Dial: []grpc.DialOption{never}})
		if took := time.Since(began); err != nil || took != probeLimit || len(found) != len(probes) {
			t.Errorf("%d findings and %v after %v, want %d after %v", len(found), err, took, len(probes), probeLimit)
		}
		for _, f := range found {
			if f.Outcome != NotSeen {
				t.Errorf("%s is %s: %v", f.Rule, f.Outcome, f.Evidence)
			}
		}
	})
}

// TestReports reads the three forms of a report.
func TestReports(t *testing.T) {
	s := &server{tweak: on("again", func(m *out) []*out { return []*out{chunkOf(hello[:800], false), m} })}
	conform(t, s, func(t *testing.T, r *Report) {
		var text, lines, junit strings.Builder
		if err := errors.Join(r.Print(&text), r.PrintJSON(&lines), r.PrintJUnit(&junit)); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{
			"failed   11-hang-up", "passed   01-greeting-chunks", "skipped  02-greeting-wav", "02-greeting-wav:7 needs an answer as WAV: the answer came in chunks",
			"broken   R10 a repeated SESSION_START is answered with a plain FINAL\n         11-hang-up rpc3 at", "verdict  not ok:",
		} {
			if !strings.Contains(text.String(), want) {
				t.Errorf("no %q in:\n%s", want, text.String())
			}
		}
		var last struct {
			Kind    string
			OK      bool
			Skipped int
		}
		for line := range strings.Lines(lines.String()) {
			if err := json.Unmarshal([]byte(line), &last); err != nil {
				t.Fatalf("%v in %s", err, line)
			}
		}
		if last.Kind != "conformance" || last.OK || last.Skipped != len(r.scripts(Skipped)) {
			t.Errorf("last line %+v", last)
		}
		var suites junitSuites
		if err := xml.Unmarshal([]byte(junit.String()), &suites); err != nil || len(suites.Suites) != 2 {
			t.Fatalf("%d suites, %v", len(suites.Suites), err)
		}
		for _, suite := range suites.Suites {
			failures, skipped := 0, 0
			for _, c := range suite.Cases {
				if c.Failure != nil {
					failures++
				}
				if c.Skipped != nil {
					skipped++
				}
			}
			if suite.Tests != len(suite.Cases) || suite.Failures != failures || suite.Skipped != skipped || failures == 0 || skipped == 0 {
				t.Errorf("suite %s counts %d, %d, %d, its cases %d, %d, %d", suite.Name, suite.Tests, suite.Failures, suite.Skipped, len(suite.Cases), failures, skipped)
			}
		}
	})
}

// TestUntried holds that a run is not OK when nothing was learned about what
// must be tried.
func TestUntried(t *testing.T) {
	list := untried([]ScriptReport{
		{Covers: "greeting", Outcome: Skipped}, {Covers: "greeting", Outcome: Passed}, {Covers: "utterance", Outcome: Skipped},
		{Covers: "no-input", Outcome: Failed}, {Covers: "silence", Outcome: Passed},
	})
	r := Report{Untried: list}
	if got := strings.Join(list, " "); got != "utterance hang-up" || r.OK() || r.Why() != "not tried: utterance, hang-up" {
		t.Errorf("not tried: %s, %q", got, r.Why())
	}
}
