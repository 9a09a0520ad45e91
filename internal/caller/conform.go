package caller

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// scriptsAtOnce is how many scripts of a conformance run are played at once.
const scriptsAtOnce = 4

// mustTry lists what a conformance run is not complete without. Scripts say in
// covers which of these they try.
var mustTry = []string{"greeting", "utterance", "no-input", "hang-up", "silence"}

// ConformOptions describes a conformance run.
type ConformOptions struct {
	Call    Options // Steps, ConversationID, Record and Log are not used
	Scripts []*Script
	Clip    func(name string) ([]byte, error) // the WAV file of a name that a script says
}

// Report is what a conformance run found out about a server.
type Report struct {
	Scripts []ScriptReport
	Rules   []RuleReport // in the order of their numbers
	Untried []string     // of what must be tried
	Length  time.Duration
}

// ScriptOutcome is what became of one script.
type ScriptOutcome string

// The outcomes of a script.
const (
	Passed  ScriptOutcome = "passed"
	Failed  ScriptOutcome = "failed"
	Skipped ScriptOutcome = "skipped"
)

// ScriptReport is what became of one script.
type ScriptReport struct {
	Script       string // its file
	Title        string
	Covers       string
	Conversation string
	Outcome      ScriptOutcome
	Reasons      []string // why it failed or was skipped
	Length       time.Duration

	verdict Verdict
}

// RuleReport is the worst outcome of a rule in all scripts and probes.
type RuleReport struct {
	Rule, Name string
	Outcome    Outcome
	Evidence   []RuleEvidence
}

// RuleEvidence says in which script something happened, or in which probe.
type RuleEvidence struct {
	Script string
	Evidence
}

// Conform plays the scripts, at most four at once, then sends the probes, and
// reports. The error says why the run could not be done at all.
func Conform(ctx context.Context, o ConformOptions) (*Report, error) {
	calls := make([]Options, 0, len(o.Scripts))
	for _, s := range o.Scripts {
		call := o.Call
		call.ConversationID, call.Record, call.Log = "", false, nil
		call, err := s.Apply(call, o.Clip)
		if err == nil {
			_, err = call.withDefaults()
		}
		if err != nil {
			return nil, err
		}
		calls = append(calls, call)
	}
	report := &Report{Scripts: make([]ScriptReport, len(calls))}
	began := time.Now()
	var work sync.WaitGroup
	slots := make(chan struct{}, scriptsAtOnce)
	for i := range calls {
		slots <- struct{}{}
		work.Go(func() {
			defer func() { <-slots }()
			report.Scripts[i] = playScript(ctx, o.Scripts[i], calls[i])
		})
	}
	work.Wait()
	probes, err := runProbes(ctx, o.Call)
	if err != nil {
		return nil, err
	}
	report.Rules = mergeRules(report.Scripts, probes)
	report.Untried = untried(report.Scripts)
	report.Length = time.Since(began)
	return report, nil
}

// playScript plays one script and says what became of it.
func playScript(ctx context.Context, s *Script, o Options) ScriptReport {
	report := ScriptReport{Script: s.File, Title: s.Title(), Covers: s.Covers, Outcome: Passed}
	r, err := Run(ctx, o)
	if err != nil {
		report.Outcome, report.Reasons = Failed, []string{err.Error()}
		return report
	}
	report.Conversation, report.Length, report.verdict = r.ConversationID, r.Length, r.Verdict
	if r.Failure != nil {
		report.Reasons = append(report.Reasons, r.Failure.Error())
	}
	for _, u := range r.Unmet {
		report.Reasons = append(report.Reasons, u.String())
	}
	if broken := r.Verdict.rules(Broken); len(broken) > 0 {
		report.Reasons = append(report.Reasons, "rules broken: "+strings.Join(broken, ", "))
	}
	switch {
	case len(report.Reasons) > 0:
		report.Outcome = Failed
	case r.Skipped != "":
		report.Outcome, report.Reasons = Skipped, []string{r.Skipped}
	}
	return report
}

// untried lists what must be tried and was not: its scripts were skipped, or
// there are none.
func untried(scripts []ScriptReport) (list []string) {
	for _, what := range mustTry {
		if !slices.ContainsFunc(scripts, func(s ScriptReport) bool { return s.Covers == what && s.Outcome != Skipped }) {
			list = append(list, what)
		}
	}
	return list
}

// mergeRules puts what the scripts and probes found together by rule.
func mergeRules(scripts []ScriptReport, probes []Finding) []RuleReport {
	var merged []RuleReport
	add := func(script string, f Finding) {
		i := slices.IndexFunc(merged, func(r RuleReport) bool { return r.Rule == f.Rule })
		if i < 0 {
			merged = append(merged, RuleReport{Rule: f.Rule, Name: f.Name, Outcome: NotSeen})
			i = len(merged) - 1
		}
		merged[i].add(script, f)
	}
	for _, r := range rules {
		add("", Finding{Rule: r.id, Name: r.name, Outcome: NotSeen})
	}
	for _, s := range scripts {
		for _, f := range s.verdict.Findings {
			add(s.Script, f)
		}
	}
	for _, f := range probes {
		add("probe", f)
	}
	slices.SortStableFunc(merged, func(a, b RuleReport) int { return ruleNumber(a.Rule) - ruleNumber(b.Rule) })
	return merged
}

// severity orders outcomes; the worst is reported.
var severity = map[Outcome]int{NotSeen: 0, Kept: 1, Warned: 2, Broken: 3}

func (r *RuleReport) add(script string, f Finding) {
	if severity[f.Outcome] > severity[r.Outcome] {
		r.Outcome, r.Evidence = f.Outcome, nil
	}
	if f.Outcome != r.Outcome || f.Outcome == Kept && len(r.Evidence) > 0 {
		return
	}
	for _, e := range f.Evidence {
		r.Evidence = append(r.Evidence, RuleEvidence{script, e})
	}
}

func ruleNumber(id string) int {
	n, _ := strconv.Atoi(strings.TrimPrefix(id, "R")) // the tables hold nothing else
	return n
}

// OK reports that no rule was broken, that no script failed and that all was
// tried that must be.
func (r *Report) OK() bool { return r.Why() == "" }

// Why says in one line why the run is not OK; empty when it is.
func (r *Report) Why() string {
	var why []string
	if broken := r.rules(Broken); len(broken) > 0 {
		why = append(why, "the server broke "+strings.Join(broken, ", "))
	}
	if failed := r.scripts(Failed); len(failed) > 0 {
		why = append(why, "failed: "+strings.Join(failed, ", "))
	}
	if len(r.Untried) > 0 {
		why = append(why, "not tried: "+strings.Join(r.Untried, ", "))
	}
	return strings.Join(why, "; ")
}

func (r *Report) rules(o Outcome) (list []string) {
	for _, rule := range r.Rules {
		if rule.Outcome == o {
			list = append(list, rule.Rule)
		}
	}
	return list
}

func (r *Report) scripts(o ScriptOutcome) (list []string) {
	for _, s := range r.Scripts {
		if s.Outcome == o {
			list = append(list, s.Script)
		}
	}
	return list
}
