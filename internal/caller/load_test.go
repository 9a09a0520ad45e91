package caller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
)

// TestLoad plays many calls at once, then one after the other.
func TestLoad(t *testing.T) {
	tests := []struct {
		name   string
		server *server
		load   LoadOptions
		calls  int
		ok     int
		took   time.Duration // at least
	}{
		{"at once", &server{}, LoadOptions{Calls: 60}, 60, 60, 0},
		{"at a rate", &server{}, LoadOptions{Calls: 10, Rate: 2}, 10, 10, 4500 * time.Millisecond},
		{"at a rate, for a time", &server{}, LoadOptions{Calls: 20, Rate: 3, Duration: 7 * time.Second}, 21, 21, 6 * time.Second},
		{"for a time", &server{}, LoadOptions{Calls: 2, Duration: 10 * time.Second}, 0, 0, 10 * time.Second},
		{"against a server that fails", &server{serve: fails(inputIsSessionEnd)}, LoadOptions{Calls: 5}, 5, 0, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				test.load.Call = Options{Addr: "passthrough:///server", Dial: dial(t, test.server), Steps: spoken}
				began := time.Now()
				sum, err := Load(t.Context(), test.load)
				if err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took < test.took || took > test.took+10*time.Second {
					t.Errorf("took %v, want %v and the length of a call", took, test.took)
				}
				if test.calls > 0 && (sum.Calls != test.calls || sum.OK != test.ok) || test.calls == 0 && (sum.Calls < 6 || !sum.AllOK()) {
					t.Errorf("%d calls, %d ok, broken %v, failures %v", sum.Calls, sum.OK, sum.Broken, sum.Failures)
				}
				if test.ok == 0 && test.calls > 0 && sum.Broken["R48"] != test.calls {
					t.Errorf("broken %v, want R48 in %d calls", sum.Broken, test.calls)
				}
				if sum.CPU <= 0 || sum.FramesSent == 0 || sum.FrameLate.Count() < sum.FramesSent {
					t.Errorf("%v of CPU time, %d frames sent of %d", sum.CPU, sum.FramesSent, sum.FrameLate.Count())
				}
				if sum.Greetings.Count() != sum.Calls || sum.Answers.Count() != sum.Calls {
					t.Errorf("%d greetings and %d answers for %d calls", sum.Greetings.Count(), sum.Answers.Count(), sum.Calls)
				}
				var b strings.Builder
				if err := errors.Join(sum.Print(&b), sum.PrintJSON(&b)); err != nil || !strings.Contains(b.String(), `"kind":"load"`) {
					t.Errorf("summary %q, %v", b.String(), err)
				}
			})
		})
	}
}

// TestLoadOfScripts holds that a script is not well in a load that would not be
// alone, and that the summary says why.
func TestLoadOfScripts(t *testing.T) {
	for script, want := range map[string]string{
		"steps: [expect: {answer: wav}, expect: {answer: chunks}]": "failed 3 calls: test.yaml:1 not met: expect an answer as WAV\n",
		"steps: [need: {answer: wav}, say: hello]":                 "failed 3 calls: skipped: test.yaml:1 needs an answer as WAV: the answer came in chunks\n",
	} {
		o := scripted(t, script)
		synctest.Test(t, func(t *testing.T) {
			o.Addr, o.Dial = "passthrough:///server", dial(t, &server{})
			sum, err := Load(t.Context(), LoadOptions{Calls: 3, Call: o})
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			if err := sum.Print(&b); err != nil || sum.AllOK() || sum.OK != 0 || !strings.HasSuffix(b.String(), "\n"+want) {
				t.Errorf("%s: %d ok, printed %q, %v, want %q at its end", script, sum.OK, b.String(), err, want)
			}
		})
	}
}

// TestLoadOfNothing refuses runs that make no sense.
func TestLoadOfNothing(t *testing.T) {
	for _, o := range []LoadOptions{{}, {Calls: MaxCalls + 1}, {Calls: 1, Rate: -1}, {Calls: 1, Rate: math.NaN()}, {Calls: 1, Rate: math.Inf(1)}, {Calls: 1, Duration: -1}, {Calls: 1, Call: Options{FrameMillis: 1}}} {
		if _, err := Load(t.Context(), o); err == nil {
			t.Errorf("Load(%+v) was accepted", o)
		}
	}
}

// brief is a call of 220 ms: it hangs up when it was greeted.
func brief(t *testing.T, s *server) Options {
	s.greeting = tone(20*time.Millisecond, 440)
	return Options{
		Addr: "passthrough:///server", Dial: dial(t, s),
		Steps: []Step{WaitAnswer(), HangUp()}, Pause: 100 * time.Millisecond,
		ConversationID: "not used: each call has its own",
	}
}

// stalls answers no SESSION_START between two times since it was made.
func stalls(from, to time.Duration) func(*in, serverStream) (bool, error) {
	began := time.Now()
	return func(first *in, _ serverStream) (bool, error) {
		now := time.Since(began)
		if first.GetEventInput().GetEventType() == mediav1.EventInput_SESSION_START && now >= from && now < to {
			time.Sleep(to - now)
		}
		return false, nil
	}
}

// TestStallIsCounted: a server that stalls for a second has kept all calls waiting that were
// due in it, those too for which no line was free.
func TestStallIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{serve: stalls(5*time.Second, 6*time.Second)}
		sum, err := Load(t.Context(), LoadOptions{Call: brief(t, s), Calls: 3, Rate: 10, Duration: 10 * time.Second})
		if err != nil || !sum.AllOK() || sum.Calls != 100 || sum.AtOnce != 3 {
			t.Fatalf("%+v, %v", sum, err)
		}
		// The ten calls of that second waited 0.1 s to 1 s; the rest of the hundred,
		// but for those in the queue behind them, not at all.
		for q, least := range map[float64]time.Duration{0.90: 100 * time.Millisecond, 0.95: 400 * time.Millisecond, 0.98: 800 * time.Millisecond, 1: 900 * time.Millisecond} {
			if got := sum.Greetings.Quantile(q); got < least || got > time.Second {
				t.Errorf("quantile %g of the greetings is %v, want %v to 1s", q, got, least)
			}
		}
		if got := sum.Greetings.Quantile(0.5); got > time.Millisecond {
			t.Errorf("half of the calls waited %v", got)
		}
		if late := sum.BegunLate.Max(); late < 500*time.Millisecond || sum.BegunLate.Quantile(0.5) > time.Millisecond {
			t.Errorf("calls began up to %v late", late)
		}
	})
}

// TestFullLines: calls for which no line is free until the end are told, and make the run fail.
func TestFullLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sum, err := Load(t.Context(), LoadOptions{Call: brief(t, &server{}), Calls: 1, Rate: 10, Duration: 10 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		// Calls of 220 ms, one after the other.
		if sum.Due != 100 || sum.Calls < 44 || sum.Calls > 46 || sum.NotBegun() != 100-sum.Calls || sum.OK != sum.Calls || sum.AllOK() {
			t.Errorf("%+v", sum)
		}
		if late := sum.BegunLate.Max(); late < 5*time.Second || sum.Greetings.Max() < late {
			t.Errorf("calls began up to %v late, greetings took up to %v", late, sum.Greetings.Max())
		}
		if sum.Reached < 4.4 || sum.Reached > 4.6 {
			t.Errorf("reached %g calls a second", sum.Reached)
		}
	})
}

// TestClosedLoop: without a rate a server that is slow gets fewer calls.
func TestClosedLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sum, err := Load(t.Context(), LoadOptions{Call: brief(t, &server{}), Calls: 2, Duration: 10 * time.Second})
		if err != nil || !sum.AllOK() || sum.Due != sum.Calls || sum.NotBegun() != 0 || sum.BegunLate.Max() > time.Millisecond || sum.Rate != 0 || sum.Reached < 8 {
			t.Errorf("%+v, %v", sum, err)
		}
	})
}

// TestLoadStopped: a run that is stopped has what there is so far, and the calls that it cut
// off are not held against the server.
func TestLoadStopped(t *testing.T) {
	for name, cause := range map[string]error{"by a signal": nil, "for a reason": errors.New("enough")} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(3050*time.Millisecond, func() { cancel(cause) })
				sum, err := Load(ctx, LoadOptions{Call: brief(t, &server{}), Calls: 5, Rate: 10, Duration: time.Hour})
				if err != nil {
					t.Fatal(err)
				}
				if sum.Due != 31 || sum.Calls != 31 || sum.CutOff != 2 || sum.OK != 29 || sum.Failed() != 0 || len(sum.Failures) != 0 || sum.AllOK() {
					t.Errorf("%+v", sum)
				}
				if sum.Reached < 9.99 || sum.Reached > 10 {
					t.Errorf("reached %g calls a second", sum.Reached)
				}
			})
		})
	}
}

// TestFailuresAreBounded: a server that says something else each time does not fill the memory.
func TestFailuresAreBounded(t *testing.T) {
	sum := newSummary(LoadOptions{})
	for i := range 10_000 {
		sum.count(&Result{Failure: errors.New(strings.Repeat("x", i%1000))})
	}
	if n := len(sum.Failures); n != maxReasons+1 || sum.Failures[otherReasons] != 10*(1000-maxReasons) {
		t.Errorf("%d reasons, %d calls for other ones", n, sum.Failures[otherReasons])
	}
}

// TestLateFramesCount: what this program sends late is counted from when it was due.
func TestLateFramesCount(t *testing.T) {
	for name, test := range map[string]struct {
		steps  []Step
		at     Kind // when this program is held up
		answer time.Duration
	}{
		"speech":  {spoken, SpeechStart, time.Second},             // ends after 1 s, and the server needs 0.5 s to find that
		"keys":    {pressed, KeyPressed, 1600 * time.Millisecond}, // the last of three is due after 0.4 s
		"nothing": {spoken, "", 500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			var held, late time.Duration
			o := Options{Steps: test.steps, Log: func(e Entry) {
				if e.Kind == test.at && held == 0 {
					held = 2 * time.Second
					time.Sleep(held)
				}
			}, clock: func(d time.Duration) { late = max(late, d) }}
			inBubble(t, &server{}, o, func(t *testing.T, r *Result) {
				if len(r.FirstAudio) != 2 || !r.Greeted {
					t.Fatalf("first audio %v", r.FirstAudio)
				}
				if got := (r.FirstAudio[1] - test.answer).Abs(); got > 50*time.Millisecond {
					t.Errorf("first audio after %v, want about %v", r.FirstAudio[1], test.answer)
				}
				if late > held || late < held-20*time.Millisecond {
					t.Errorf("frames were up to %v late, want about %v", late, held)
				}
				if r.Frames == 0 {
					t.Error("no frames were sent")
				}
			})
		})
	}
}

// TestSummary holds what is printed, and that the two forms agree.
func TestSummary(t *testing.T) {
	sum := newSummary(LoadOptions{Rate: 2.5})
	sum.Due, sum.Calls, sum.OK, sum.CutOff, sum.AtOnce = 20, 15, 12, 1, 7
	sum.Reached, sum.Length, sum.CPU, sum.Cores = 1.875, 8*time.Second, 4880*time.Millisecond, 2
	sum.FramesSent, sum.Broken["R27"], sum.Failures["it rained"] = 4321, 2, 1
	for i := range 100 {
		ms := time.Duration(i+1) * time.Millisecond
		sum.BegunLate.Record(ms / 10)
		sum.Greetings.Record(2 * ms)
		sum.Answers.Record(10 * ms)
		sum.frame(ms / 4)
	}
	const want = `calls 15, ok 12, failed 2, due 20, not begun 5, cut off 1, at once at most 7
rate       1.88 calls a second of 2.50
                                n    p50 ms    p90 ms    p99 ms    max ms
calls begun late              100       5.0       9.0       9.9      10.0
first audio, greetings        100     100.0     180.1     198.0     200.0
first audio, answers          100     500.2     900.2     990.4    1000.0
frames late                   100      12.5      22.5      24.8      25.0
generator  0.61 of 2 cores, 4321 frames sent, 20 late by more than 20 ms
WARNING    frames were late by 25 ms at p99, more than 20 ms: the figures say more about this machine than about the server
broken R27 in 2 calls
failed 1 calls: it rained
`
	var text, line strings.Builder
	if err := errors.Join(sum.Print(&text), sum.PrintJSON(&line)); err != nil || text.String() != want {
		t.Errorf("printed\n%s\n%v, want\n%s", text.String(), err, want)
	}
	type row map[string]float64
	var got struct {
		Kind                   string
		Calls, OK, Failed, Due int
		NotBegun               int     `json:"not_begun"`
		CutOff                 int     `json:"cut_off"`
		AtOnce                 int     `json:"at_once"`
		P50                    float64 `json:"first_audio_p50_ms"`
		P99                    float64 `json:"first_audio_p99_ms"`
		Reached                float64 `json:"rate_reached_per_s"`
		Begun                  row     `json:"begun_late"`
		Greetings              row     `json:"first_audio_greetings"`
		Answers                row     `json:"first_audio_answers"`
		Frames                 row     `json:"frames_late"`
		Sent                   int     `json:"frames_sent"`
		TooLate                int     `json:"frames_over_20_ms_late"`
		Cores                  float64 `json:"generator_cores"`
		Late                   bool    `json:"generator_late"`
		Broken, Failures       map[string]int
	}
	if err := json.Unmarshal([]byte(line.String()), &got); err != nil {
		t.Fatal(err)
	}
	if got.Kind != "load" || got.Calls != 15 || got.OK != 12 || got.Failed != 2 || got.Due != 20 || got.NotBegun != 5 || got.CutOff != 1 ||
		got.AtOnce != 7 || got.Reached != 1.875 || got.Sent != 4321 || got.TooLate != 20 || got.Cores != 0.61 || !got.Late ||
		got.Broken["R27"] != 2 || got.Failures["it rained"] != 1 {
		t.Errorf("printed %s", line.String())
	}
	for name, r := range map[string]struct {
		row  row
		want string // as in the table
	}{
		"begun late": {got.Begun, "5.0 9.0 9.9 10.0"}, "greetings": {got.Greetings, "100.0 180.1 198.0 200.0"},
		"answers": {got.Answers, "500.2 900.2 990.4 1000.0"}, "frames": {got.Frames, "12.5 22.5 24.8 25.0"},
	} {
		if shown := fmt.Sprintf("%.1f %.1f %.1f %.1f", r.row["p50_ms"], r.row["p90_ms"], r.row["p99_ms"], r.row["max_ms"]); shown != r.want || r.row["n"] != 100 {
			t.Errorf("%s in JSON: %v, want %s", name, r.row, r.want)
		}
	}
	if got.P50 < 168 || got.P50 > 169 || got.P99 < 980 || got.P99 > 981 {
		t.Errorf("all first audio: p50 %v, p99 %v", got.P50, got.P99)
	}
}

// TestFrameAllocatesOnce: a message of audio, which each call sends many times a second, is
// one piece of memory.
func TestFrameAllocatesOnce(t *testing.T) {
	c := &call{opt: Options{ConversationID: "call", Org: "org", Language: "en-US"}}
	r, frame, from := &rpc{out: make(chan *in, 1)}, make([]byte, 160), time.Unix(12, 345)
	var m *in
	if n := testing.AllocsPerRun(100, func() {
		c.putAudio(r, frame, from)
		m = <-r.out
	}); n != 1 {
		t.Errorf("%g allocations", n)
	}
	if audio := m.GetAudioInput(); len(audio.GetCallerAudio()) != 160 || !audio.GetAudioTimestamp().AsTime().Equal(from) || audio.GetSampleRateHertz() != 8000 {
		t.Errorf("message %v", m)
	}
}

// TestCPUTime: the CPU time of a process grows while it works, and not by more than its cores
// can do.
func TestCPUTime(t *testing.T) {
	began := time.Now()
	before, err := cpuTime()
	for used := time.Duration(0); used < 100*time.Millisecond; {
		after, e := cpuTime()
		if err = errors.Join(err, e); err != nil {
			t.Fatal(err)
		}
		used = after - before
		if most := (time.Since(began) + 50*time.Millisecond) * time.Duration(runtime.NumCPU()); used > most {
			t.Fatalf("%v of CPU time in %v", used, time.Since(began))
		}
	}
}
