package caller

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/byova-host/byova-host/internal/histogram"
)

// maxLate is how late a frame may be. A run most of whose frames are in time,
// but not 99 in 100, says more about its own machine than about the server.
const maxLate = 20 * time.Millisecond

// Summary is what became of a load run. An answer that never came is in no
// histogram: its call failed.
type Summary struct {
	Due    int // calls that were due; in a closed loop those that began
	Calls  int // that began
	OK     int
	CutOff int // because the run was stopped; neither OK nor failed
	AtOnce int // calls under way at the same time, at most

	Rate     float64       // of the options
	Reached  float64       // calls begun in a second; 0 when all were due at once
	Length   time.Duration // until the last call was over
	Broken   map[string]int
	Failures map[string]int // calls by what was not well with them beside that

	BegunLate *histogram.Histogram // from when a call was due to when it began
	Greetings *histogram.Histogram // as Result.FirstAudio, and what the call began late
	Answers   *histogram.Histogram // the rest of Result.FirstAudio
	FrameLate *histogram.Histogram // from when a frame of a caller's line was due, sent or not, to when its turn came

	FramesSent int           // messages of caller audio
	framesLate atomic.Int64  // frames of lines that were more than maxLate late
	CPU        time.Duration // of the whole process during the run; 0: not known
	Cores      int           // that the process may use
}

func newSummary(o LoadOptions) *Summary {
	return &Summary{
		Rate: o.Rate, Broken: map[string]int{}, Failures: map[string]int{}, Cores: runtime.GOMAXPROCS(0),
		BegunLate: histogram.New(), Greetings: histogram.New(), Answers: histogram.New(), FrameLate: histogram.New(),
	}
}

// frame counts a frame of a caller's line. Unlike the rest, it may be called by
// several goroutines at once.
func (s *Summary) frame(late time.Duration) {
	s.FrameLate.Record(late)
	if late > maxLate {
		s.framesLate.Add(1)
	}
}

// Failed is how many calls were not well.
func (s *Summary) Failed() int { return s.Calls - s.OK - s.CutOff }

// NotBegun is how many calls were due for which no line was free until the end.
func (s *Summary) NotBegun() int { return s.Due - s.Calls }

// AllOK reports that calls were placed, that all were that were due, and that all
// were well.
func (s *Summary) AllOK() bool { return s.Calls > 0 && s.OK == s.Due }

// FirstAudio has greetings and answers together.
func (s *Summary) FirstAudio() *histogram.Histogram {
	all := histogram.New()
	all.Merge(s.Greetings)
	all.Merge(s.Answers)
	return all
}

// UsedCores is how many cores the process kept busy on average; 0: not known.
func (s *Summary) UsedCores() float64 {
	return s.CPU.Seconds() / max(s.Length, 1).Seconds()
}

// GeneratorLate reports that the callers' frames were late too often.
func (s *Summary) GeneratorLate() bool { return s.FrameLate.Quantile(0.99) > maxLate }

// Print writes the summary for people.
func (s *Summary) Print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "calls %d, ok %d, failed %d, due %d, not begun %d, cut off %d, at once at most %d\n",
		s.Calls, s.OK, s.Failed(), s.Due, s.NotBegun(), s.CutOff, s.AtOnce)
	if s.Reached > 0 {
		fmt.Fprintf(&b, "rate       %.2f calls a second", s.Reached)
		if s.Rate > 0 {
			fmt.Fprintf(&b, " of %.2f", s.Rate)
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "%33s %9s %9s %9s %9s\n", "n", "p50 ms", "p90 ms", "p99 ms", "max ms")
	for _, row := range []struct {
		name string
		of   *histogram.Histogram
	}{
		{"calls begun late", s.BegunLate}, {"first audio, greetings", s.Greetings},
		{"first audio, answers", s.Answers}, {"frames late", s.FrameLate},
	} {
		t := quantilesOf(row.of)
		fmt.Fprintf(&b, "%-22s %10d %9.1f %9.1f %9.1f %9.1f\n", row.name, t.N, t.P50, t.P90, t.P99, t.Max)
	}
	b.WriteString("generator  ")
	if s.CPU > 0 {
		fmt.Fprintf(&b, "%.2f of %d cores, ", s.UsedCores(), s.Cores)
	}
	fmt.Fprintf(&b, "%d frames sent, %d late by more than %d ms\n", s.FramesSent, s.framesLate.Load(), maxLate.Milliseconds())
	if s.GeneratorLate() {
		fmt.Fprintf(&b, "WARNING    frames were late by %.0f ms at p99, more than %d ms: the figures say more about this machine than about the server\n",
			millis(s.FrameLate.Quantile(0.99)), maxLate.Milliseconds())
	}
	for _, rule := range slices.Sorted(maps.Keys(s.Broken)) {
		fmt.Fprintf(&b, "broken %s in %d calls\n", rule, s.Broken[rule])
	}
	for _, why := range slices.Sorted(maps.Keys(s.Failures)) {
		fmt.Fprintf(&b, "failed %d calls: %s\n", s.Failures[why], why)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// quantiles is a histogram in a summary, in milliseconds.
type quantiles struct {
	N   int     `json:"n"`
	P50 float64 `json:"p50_ms"`
	P90 float64 `json:"p90_ms"`
	P99 float64 `json:"p99_ms"`
	Max float64 `json:"max_ms"`
}

func quantilesOf(h *histogram.Histogram) quantiles {
	return quantiles{h.Count(), millis(h.Quantile(0.5)), millis(h.Quantile(0.9)), millis(h.Quantile(0.99)), millis(h.Max())}
}

// PrintJSON writes the summary as one JSON line.
func (s *Summary) PrintJSON(w io.Writer) error {
	all := s.FirstAudio()
	return json.NewEncoder(w).Encode(struct {
		Kind     string         `json:"kind"`
		Calls    int            `json:"calls"`
		OK       int            `json:"ok"`
		Failed   int            `json:"failed"`
		P50      float64        `json:"first_audio_p50_ms"`
		P99      float64        `json:"first_audio_p99_ms"`
		Broken   map[string]int `json:"broken"`
		Failures map[string]int `json:"failures"`

		Due      int     `json:"due"`
		NotBegun int     `json:"not_begun"`
		CutOff   int     `json:"cut_off"`
		AtOnce   int     `json:"at_once"`
		Length   float64 `json:"length_ms"`
		Rate     float64 `json:"rate_per_s"`
		Reached  float64 `json:"rate_reached_per_s"`

		BegunLate  quantiles `json:"begun_late"`
		Greetings  quantiles `json:"first_audio_greetings"`
		Answers    quantiles `json:"first_audio_answers"`
		FrameLate  quantiles `json:"frames_late"`
		FramesSent int       `json:"frames_sent"`
		TooLate    int64     `json:"frames_over_20_ms_late"`
		CPU        float64   `json:"generator_cpu_ms"`
		UsedCores  float64   `json:"generator_cores"`
		Cores      int       `json:"cores"`
		Late       bool      `json:"generator_late"`
	}{
		"load", s.Calls, s.OK, s.Failed(), millis(all.Quantile(0.5)), millis(all.Quantile(0.99)), s.Broken, s.Failures,
		s.Due, s.NotBegun(), s.CutOff, s.AtOnce, millis(s.Length), s.Rate, s.Reached,
		quantilesOf(s.BegunLate), quantilesOf(s.Greetings), quantilesOf(s.Answers), quantilesOf(s.FrameLate), s.FramesSent, s.framesLate.Load(),
		millis(s.CPU), s.UsedCores(), s.Cores, s.GeneratorLate(),
	})
}
