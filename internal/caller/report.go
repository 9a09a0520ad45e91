package caller

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"
)

// shownEvidence is how many places are printed of a rule that was broken.
const shownEvidence = 8

// String reads like "05-voice-barge-in rpc4 at 3.100s: two of them".
func (e RuleEvidence) String() string { return e.Script + " " + e.Evidence.String() }

// Print writes the report for people.
func (r *Report) Print(w io.Writer) error {
	var b strings.Builder
	for _, s := range r.Scripts {
		fmt.Fprintf(&b, "%-8s %-20s %s, %.1f s\n", s.Outcome, s.Script, s.Title, s.Length.Seconds())
		for _, reason := range s.Reasons {
			fmt.Fprintf(&b, "         %s\n", reason)
		}
	}
	b.WriteString("\n")
	for _, rule := range r.Rules {
		fmt.Fprintf(&b, "%-8s %-3s %s\n", rule.Outcome, rule.Rule, rule.Name)
		if rule.Outcome != Broken && rule.Outcome != Warned {
			continue
		}
		for i, e := range rule.Evidence {
			if i == shownEvidence {
				fmt.Fprintf(&b, "         and %d more\n", len(rule.Evidence)-i)
				break
			}
			fmt.Fprintf(&b, "         %v\n", e)
		}
	}
	b.WriteString("\n")
	if len(r.Untried) > 0 {
		fmt.Fprintf(&b, "NOT TRIED %s\n", strings.Join(r.Untried, ", "))
	}
	verdict := "ok"
	if !r.OK() {
		verdict = "not ok"
	}
	fmt.Fprintf(&b, "verdict  %s: %d scripts passed, %d failed, %d skipped; %d rules kept, %d warned of, %d broken, %d not seen, in %.1f s\n", verdict,
		len(r.scripts(Passed)), len(r.scripts(Failed)), len(r.scripts(Skipped)),
		len(r.rules(Kept)), len(r.rules(Warned)), len(r.rules(Broken)), len(r.rules(NotSeen)), r.Length.Seconds())
	_, err := io.WriteString(w, b.String())
	return err
}

// MarshalJSON writes the fields that the package comment names.
func (e RuleEvidence) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Script string  `json:"script"`
		RPC    int     `json:"rpc,omitempty"`
		At     float64 `json:"at_ms"`
		Text   string  `json:"text"`
	}{e.Script, e.RPC, millis(e.At), e.Text})
}

// PrintJSON writes a JSON line for each script and each rule, and the outcome.
func (r *Report) PrintJSON(w io.Writer) error {
	lines := json.NewEncoder(w)
	for _, s := range r.Scripts {
		if err := lines.Encode(struct {
			Kind         string        `json:"kind"`
			Script       string        `json:"script"`
			Title        string        `json:"title"`
			Outcome      ScriptOutcome `json:"outcome"`
			Reasons      []string      `json:"reasons,omitempty"`
			Conversation string        `json:"conversation_id,omitempty"`
			Length       float64       `json:"length_ms"`
		}{"script", s.Script, s.Title, s.Outcome, s.Reasons, s.Conversation, millis(s.Length)}); err != nil {
			return err
		}
	}
	for _, rule := range r.Rules {
		if err := lines.Encode(struct {
			Kind     string         `json:"kind"`
			Rule     string         `json:"rule"`
			Name     string         `json:"name"`
			Outcome  Outcome        `json:"outcome"`
			Evidence []RuleEvidence `json:"evidence,omitempty"`
		}{"rule", rule.Rule, rule.Name, rule.Outcome, rule.Evidence}); err != nil {
			return err
		}
	}
	return lines.Encode(struct {
		Kind    string   `json:"kind"`
		OK      bool     `json:"ok"`
		Why     string   `json:"why,omitempty"`
		Passed  int      `json:"passed"`
		Failed  int      `json:"failed"`
		Skipped int      `json:"skipped"`
		Untried []string `json:"not_tried,omitempty"`
		Length  float64  `json:"length_ms"`
	}{"conformance", r.OK(), r.Why(), len(r.scripts(Passed)), len(r.scripts(Failed)), len(r.scripts(Skipped)), r.Untried, millis(r.Length)})
}

// The elements of JUnit's XML that all its readers know.
type (
	junitSuites struct {
		XMLName xml.Name     `xml:"testsuites"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string     `xml:"classname,attr"`
		Name    string     `xml:"name,attr"`
		Time    string     `xml:"time,attr"`
		Failure *junitNote `xml:"failure"`
		Skipped *junitNote `xml:"skipped"`
		Output  string     `xml:"system-out,omitempty"`
	}
	junitNote struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
)

// add appends a test case and counts it.
func (s *junitSuite) add(c junitCase) {
	s.Tests++
	if c.Failure != nil {
		s.Failures++
	}
	if c.Skipped != nil {
		s.Skipped++
	}
	s.Cases = append(s.Cases, c)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

// PrintJUnit writes the report as JUnit XML: a test case for each script, for
// each rule, and for what must be tried.
func (r *Report) PrintJUnit(w io.Writer) error {
	scripts := junitSuite{Name: "byova call scripts", Time: seconds(r.Length)}
	for _, s := range r.Scripts {
		c := junitCase{Class: "byova.script", Name: s.Script, Time: seconds(s.Length), Output: s.Title}
		note := &junitNote{Message: first(s.Reasons), Text: strings.Join(s.Reasons, "\n")}
		switch s.Outcome {
		case Failed:
			note.Type = "script"
			c.Failure = note
		case Skipped:
			c.Skipped = note
		}
		scripts.add(c)
	}
	for _, what := range r.Untried {
		scripts.add(junitCase{Class: "byova.tried", Name: what, Time: seconds(0),
			Failure: &junitNote{Message: "not tried: each script for it was skipped", Type: "untried"}})
	}
	rules := junitSuite{Name: "byova rules", Time: seconds(0)}
	for _, rule := range r.Rules {
		var lines []string
		for _, e := range rule.Evidence {
			if e.Text != "" {
				lines = append(lines, e.String())
			}
		}
		c := junitCase{Class: "byova.rule", Name: rule.Rule + " " + rule.Name, Time: seconds(0)}
		switch text := strings.Join(lines, "\n"); rule.Outcome {
		case Broken:
			c.Failure = &junitNote{Message: first(lines), Type: "rule", Text: text}
		case NotSeen:
			c.Skipped = &junitNote{Message: "not seen: no script gave an occasion"}
		default:
			c.Output = text // warnings
		}
		rules.add(c)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(junitSuites{Suites: []junitSuite{scripts, rules}}); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func first(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return lines[0]
}
