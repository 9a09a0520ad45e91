package caller

import (
	"fmt"
	"time"
)

// Judge says which rules the server kept in a call, from the entries alone.
// Times of l that are zero have their defaults.
func Judge(entries []Entry, l Limits) Verdict {
	w := newWire(entries, l.withDefaults())
	var v Verdict
	for _, r := range rules {
		f := &report{Finding: Finding{Rule: r.id, Name: r.name, Outcome: NotSeen}}
		r.check(w, f)
		v.Findings = append(v.Findings, f.Finding)
	}
	return v
}

// report collects what a check finds.
type report struct{ Finding }

func (f *report) kept(rpc int, at time.Duration) {
	if f.Outcome == NotSeen {
		f.Outcome, f.Evidence = Kept, []Evidence{{RPC: rpc, At: at}}
	}
}

func (f *report) warn(rpc int, at time.Duration, format string, args ...any) {
	f.add(Warned, Evidence{rpc, at, fmt.Sprintf(format, args...)})
}

func (f *report) broken(rpc int, at time.Duration, format string, args ...any) {
	f.add(Broken, Evidence{rpc, at, fmt.Sprintf(format, args...)})
}

// add keeps the evidence of the worst outcome only.
func (f *report) add(o Outcome, e Evidence) {
	if f.Outcome == Broken && o == Warned {
		return
	}
	if f.Outcome != o {
		f.Outcome, f.Evidence = o, nil
	}
	f.Evidence = append(f.Evidence, e)
}

// expect notes a breach unless ok holds.
func (f *report) expect(ok bool, rpc int, at time.Duration, format string, args ...any) {
	if ok {
		f.kept(rpc, at)
	} else {
		f.broken(rpc, at, format, args...)
	}
}

// inTime warns of what took longer than most; longer than last is a breach.
func (f *report) inTime(took, most, last time.Duration, rpc int, at time.Duration, format string, args ...any) {
	switch {
	case took <= most:
		f.kept(rpc, at)
	case took <= last:
		f.warn(rpc, at, format, args...)
	default:
		f.broken(rpc, at, format, args...)
	}
}
