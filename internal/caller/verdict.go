package caller

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// Outcome is what became of one rule in one call.
type Outcome string

// The outcomes, from best to worst but for NotSeen.
const (
	NotSeen Outcome = "not seen" // nothing happened that the rule is about
	Kept    Outcome = "kept"
	Warned  Outcome = "warned" // allowed, but callers or operators will regret it
	Broken  Outcome = "broken"
)

// Evidence is where a rule was kept or broken.
type Evidence struct {
	RPC  int
	At   time.Duration
	Text string // what was expected and what came; empty when the rule was kept
}

// MarshalJSON writes the fields that the package comment names.
func (e Evidence) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		RPC  int     `json:"rpc,omitempty"`
		At   float64 `json:"at_ms"`
		Text string  `json:"text"`
	}{e.RPC, millis(e.At), e.Text})
}

// String reads like "rpc2 at 1.234s: two of them".
func (e Evidence) String() string {
	if e.RPC == 0 { // of a probe
		return e.Text
	}
	return fmt.Sprintf("rpc%d at %.3fs: %s", e.RPC, e.At.Seconds(), e.Text)
}

// Finding is the outcome of one rule.
type Finding struct {
	Rule     string // its number, for instance R15
	Name     string
	Outcome  Outcome
	Evidence []Evidence // of the breaches or warnings; the first place where it was kept
}

// Verdict holds one finding for each rule, in the order of their numbers.
type Verdict struct{ Findings []Finding }

// OK reports that no rule was broken. Warnings do not count.
func (v Verdict) OK() bool { return len(v.With(Broken)) == 0 }

// With lists the findings of one outcome.
func (v Verdict) With(o Outcome) []Finding {
	var found []Finding
	for _, f := range v.Findings {
		if f.Outcome == o {
			found = append(found, f)
		}
	}
	return found
}

// rules lists the numbers of the rules of one outcome.
func (v Verdict) rules(o Outcome) []string {
	numbers := []string{} // a list in JSON also when empty
	for _, f := range v.With(o) {
		numbers = append(numbers, f.Rule)
	}
	return numbers
}

// Print writes the verdict of a call for people.
func (r *Result) Print(w io.Writer) error {
	var b strings.Builder
	if r.Failure != nil {
		fmt.Fprintf(&b, "FAILED   %v\n", r.Failure)
	}
	if r.Skipped != "" {
		fmt.Fprintf(&b, "SKIPPED  %s\n", r.Skipped)
	}
	for _, u := range r.Unmet {
		fmt.Fprintf(&b, "UNMET    %v\n", u)
	}
	for _, o := range []Outcome{Broken, Warned} {
		for _, f := range r.Verdict.With(o) {
			for _, e := range f.Evidence {
				fmt.Fprintf(&b, "%-8s %s %s: %v\n", strings.ToUpper(string(o)), f.Rule, f.Name, e)
			}
		}
	}
	for _, o := range []Outcome{Kept, NotSeen} {
		if rules := r.Verdict.rules(o); len(rules) > 0 {
			fmt.Fprintf(&b, "%-9s%s\n", o, strings.Join(rules, " "))
		}
	}
	for _, d := range r.FirstAudio {
		fmt.Fprintf(&b, "answer   first audio after %.0f ms\n", millis(d))
	}
	verdict := "ok"
	switch {
	case !r.OK():
		verdict = "not ok"
	case r.Skipped != "":
		verdict = "skipped"
	}
	fmt.Fprintf(&b, "verdict  %s: %d rules kept, %d warned of, %d broken, %d not seen, in %.1f s\n", verdict,
		len(r.Verdict.With(Kept)), len(r.Verdict.With(Warned)), len(r.Verdict.With(Broken)), len(r.Verdict.With(NotSeen)), r.Length.Seconds())
	_, err := io.WriteString(w, b.String())
	return err
}

// PrintJSON writes the verdict of a call as the last of its JSON lines.
func (r *Result) PrintJSON(w io.Writer) error {
	type finding struct {
		Rule     string     `json:"rule"`
		Name     string     `json:"name"`
		Evidence []Evidence `json:"evidence"`
	}
	list := func(o Outcome) []finding {
		found := []finding{}
		for _, f := range r.Verdict.With(o) {
			found = append(found, finding{f.Rule, f.Name, f.Evidence})
		}
		return found
	}
	failure := ""
	if r.Failure != nil {
		failure = r.Failure.Error()
	}
	first := []float64{}
	for _, d := range r.FirstAudio {
		first = append(first, millis(d))
	}
	return json.NewEncoder(w).Encode(struct {
		Kind         string    `json:"kind"`
		OK           bool      `json:"ok"`
		Conversation string    `json:"conversation_id"`
		Failure      string    `json:"failure,omitempty"`
		Script       string    `json:"script,omitempty"`
		Skipped      string    `json:"skipped,omitempty"`
		Unmet        []Unmet   `json:"unmet,omitempty"`
		Broken       []finding `json:"broken"`
		Warned       []finding `json:"warned"`
		Kept         []string  `json:"kept"`
		NotSeen      []string  `json:"not_seen"`
		FirstAudio   []float64 `json:"first_audio_ms"`
	}{"verdict", r.OK(), r.ConversationID, failure, r.Script, r.Skipped, r.Unmet, list(Broken), list(Warned), r.Verdict.rules(Kept), r.Verdict.rules(NotSeen), first})
}
