package metrics

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/byova-host/byova-host/host/session"
)

// busy is a host to which everything has happened once or twice.
func busy() *Metrics {
	m := New(func() []Plugin {
		return []Plugin{
			{Name: "echo", Generation: 1, Sessions: 3, Broken: true}, {Name: "echo", Generation: 2, Sessions: 4},
			{Name: "echo", Generation: 2, Sessions: 1}, {Name: "menu\xff", Generation: 1},
		}
	}, func() []DataSource {
		return []DataSource{{Org: "7ecad38e", Expires: time.Unix(1790000000, 0)}, {Org: "912b2c37", Trouble: true}}
	})
	var o session.Observer = m
	o.CallBegan("desk")
	o.CallBegan("desk")
	o.TurnEnded("desk", session.Answered, 400*time.Millisecond)
	o.TurnEnded("desk", session.Interrupted, -1)
	o.TurnEnded("desk", session.Failed, 0)
	o.FellBack("desk", "bot failed")
	o.Measured("desk", map[string]float64{"bridge_drops_total": 2, "bridge_answer_seconds": .4})
	o.Measured("desk", map[string]float64{"bridge_drops_total": 1.5, "broken_total": math.NaN(), "less_total": -1})
	o.Resumed("desk", session.ByCrash, 40*time.Millisecond)
	o.Resumed("desk", session.ByTakeover, 2*time.Millisecond)
	o.CallEnded("desk", session.CallEnd{Reason: session.EndedByCaller, LateCommands: 2, Unplayed: 160, Unheard: 320})
	m.SwapDone("echo", true)
	m.SwapDone("echo", false)
	m.RolledBack("echo")
	m.Crashed("echo")
	m.TokenRefused("expired")
	return m
}

func TestNumbers(t *testing.T) {
	server := httptest.NewServer(busy().Handler())
	defer server.Close()
	if first, err := http.Get(server.URL); err != nil { // after it, all plugins are known
		t.Fatal(err)
	} else {
		first.Body.Close()
	}
	const want = `
# HELP byova_bot_audio_unplayed_bytes_total Audio of bots that nobody heard.
# TYPE byova_bot_audio_unplayed_bytes_total counter
byova_bot_audio_unplayed_bytes_total{agent="desk"} 160
# HELP byova_bot_commands_late_total Commands of bots that came after their turn and were dropped.
# TYPE byova_bot_commands_late_total counter
byova_bot_commands_late_total{agent="desk"} 2
# HELP byova_bot_total What bots count themselves, by its name there.
# TYPE byova_bot_total counter
byova_bot_total{agent="desk",name="bridge_drops"} 3.5
# HELP byova_caller_audio_unheard_bytes_total Audio of callers that the plugin did not take in time.
# TYPE byova_caller_audio_unheard_bytes_total counter
byova_caller_audio_unheard_bytes_total{agent="desk"} 320
# HELP byova_calls_active Calls that are up.
# TYPE byova_calls_active gauge
byova_calls_active{agent="desk"} 1
# HELP byova_calls_begun_total Calls that have begun.
# TYPE byova_calls_begun_total counter
byova_calls_begun_total{agent="desk"} 2
# HELP byova_calls_ended_total Calls that have ended, by what ended them.
# TYPE byova_calls_ended_total counter
byova_calls_ended_total{agent="desk",reason="bot"} 0
byova_calls_ended_total{agent="desk",reason="caller"} 1
byova_calls_ended_total{agent="desk",reason="failed"} 0
byova_calls_ended_total{agent="desk",reason="gone"} 0
byova_calls_ended_total{agent="desk",reason="shutdown"} 0
# HELP byova_data_source_expiry_timestamp_seconds When the tokens of an organisation's data source expire, in seconds since 1970.
# TYPE byova_data_source_expiry_timestamp_seconds gauge
byova_data_source_expiry_timestamp_seconds{org="7ecad38e"} 1.79e+09
# HELP byova_fallbacks_total Calls that the fallback took.
# TYPE byova_fallbacks_total counter
byova_fallbacks_total{agent="desk",reason="bot failed"} 1
byova_fallbacks_total{agent="desk",reason="call too long"} 0
# HELP byova_org_trouble 1 for an organisation whose tokens or data source cannot be looked after.
# TYPE byova_org_trouble gauge
byova_org_trouble{org="7ecad38e"} 0
byova_org_trouble{org="912b2c37"} 1
# HELP byova_plugin_breaker_open 1 for a plugin that ended too often and is not started again.
# TYPE byova_plugin_breaker_open gauge
byova_plugin_breaker_open{plugin="echo"} 1
byova_plugin_breaker_open{plugin="menu�"} 0
# HELP byova_plugin_crashes_total Processes of a plugin that ended unasked.
# TYPE byova_plugin_crashes_total counter
byova_plugin_crashes_total{plugin="echo"} 1
byova_plugin_crashes_total{plugin="menu�"} 0
# HELP byova_plugin_sessions Calls at a generation of a plugin.
# TYPE byova_plugin_sessions gauge
byova_plugin_sessions{generation="1",plugin="echo"} 3
byova_plugin_sessions{generation="1",plugin="menu�"} 0
byova_plugin_sessions{generation="2",plugin="echo"} 5
# HELP byova_plugin_swaps_total Swaps, promotions, rollbacks and restarts: done, failed, or rolled_back for canaries given up by the host itself.
# TYPE byova_plugin_swaps_total counter
byova_plugin_swaps_total{outcome="done",plugin="echo"} 1
byova_plugin_swaps_total{outcome="done",plugin="menu�"} 0
byova_plugin_swaps_total{outcome="failed",plugin="echo"} 1
byova_plugin_swaps_total{outcome="failed",plugin="menu�"} 0
byova_plugin_swaps_total{outcome="rolled_back",plugin="echo"} 1
byova_plugin_swaps_total{outcome="rolled_back",plugin="menu�"} 0
# HELP byova_tokens_refused_total RPCs that were refused for their token.
# TYPE byova_tokens_refused_total counter
byova_tokens_refused_total{category="expired"} 1
# HELP byova_turns_total Turns that have ended, by how: answered, interrupted or failed.
# TYPE byova_turns_total counter
byova_turns_total{agent="desk",end="answered"} 1
byova_turns_total{agent="desk",end="failed"} 1
byova_turns_total{agent="desk",end="interrupted"} 1
`
	if err := testutil.ScrapeAndCompare(server.URL, strings.NewReader(want),
		"byova_bot_audio_unplayed_bytes_total", "byova_bot_commands_late_total", "byova_bot_total", "byova_caller_audio_unheard_bytes_total",
		"byova_calls_active", "byova_calls_begun_total", "byova_calls_ended_total", "byova_fallbacks_total",
		"byova_plugin_breaker_open", "byova_plugin_crashes_total", "byova_plugin_sessions", "byova_plugin_swaps_total",
		"byova_turns_total"); err != nil {
		t.Error(err)
	}
}

// TestTimes reads the histograms: a turn without audio is not among those with.
func TestTimes(t *testing.T) {
	families, err := busy().registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if h := m.GetHistogram(); h != nil && strings.HasPrefix(f.GetName(), "byova_") {
				got[f.GetName()+" "+m.GetLabel()[0].GetValue()] = fmt.Sprintf("%d of %.3f s", h.GetSampleCount(), h.GetSampleSum())
			}
		}
	}
	want := map[string]string{
		"byova_bot_seconds desk":           "1 of 0.400 s",
		"byova_first_audio_seconds desk":   "2 of 0.400 s",
		"byova_resume_pause_seconds crash": "1 of 0.040 s",
		"byova_resume_pause_seconds move":  "1 of 0.002 s",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestAgentsAreBounded: however many agents there are, calls that began are those
// that end.
func TestAgentsAreBounded(t *testing.T) {
	m := New(func() []Plugin { return nil }, nil)
	for i := range 3 * maxAgents {
		m.CallBegan(fmt.Sprint("agent-", i))
	}
	if n := testutil.CollectAndCount(m.calls.active); n != maxAgents+1 {
		t.Errorf("%d labels, want %d", n, maxAgents+1)
	}
	for i := range 3 * maxAgents {
		m.CallEnded(fmt.Sprint("agent-", i), session.CallEnd{})
	}
	for _, agent := range []string{"agent-0", "(others)"} {
		if n := testutil.ToFloat64(m.calls.active.WithLabelValues(agent)); n != 0 {
			t.Errorf("%v calls of %s after their ends", n, agent)
		}
	}
}

func TestNames(t *testing.T) {
	problems, err := testutil.GatherAndLint(busy().registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	if n, err := testutil.GatherAndCount(busy().registry, "go_goroutines", "process_cpu_seconds_total"); n != 2 || err != nil {
		t.Errorf("%d of the two numbers of runtime and process, %v", n, err)
	}
}

// TestDocument holds the table of the document equal to what is served.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile("../../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(byova_[a-z_]+)` \\| (.*?) \\|").FindAllStringSubmatch(string(text), -1) {
		documented = append(documented, row[1]+" "+row[2])
	}
	families, err := busy().registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var served []string
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "byova_") {
			continue
		}
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, "`"+l.GetName()+"`")
		}
		served = append(served, f.GetName()+" "+strings.Join(labels, ", "))
	}
	slices.Sort(documented)
	if !slices.Equal(documented, served) {
		t.Errorf("docs/operating.md lists\n%s\nand served are\n%s", strings.Join(documented, "\n"), strings.Join(served, "\n"))
	}
}

// TestNamesAreBounded: a bot that counts things without number gets no labels without
// number.
func TestNamesAreBounded(t *testing.T) {
	m := New(func() []Plugin { return nil }, nil)
	for i := range 3 * maxNames {
		m.Measured("desk", map[string]float64{fmt.Sprintf("n%d_total", i): 1})
	}
	if n := testutil.CollectAndCount(m.calls.bots); n != maxNames+1 {
		t.Errorf("%d series, want %d and one for the others", n, maxNames)
	}
}
