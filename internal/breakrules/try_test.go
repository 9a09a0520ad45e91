package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// module writes a small module with a rule, and tests of all kinds for it.
func module(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":    "module example.com/small\n\ngo 1.26\n",
		"p/p.go":    "package p\n\nconst limit = 3\n\nfunc Limit() int { return limit }\n",
		"p/bad.txt": "",
		"p/p_test.go": `package p

import "testing"

func TestR1_Holds(t *testing.T) {
	if Limit() != 3 {
		t.Error("wrong")
	}
}

func TestR2_HoldsNothing(t *testing.T) { Limit() }

func TestR3_FailsAnyway(t *testing.T) { t.Error("always") }

func TestR1_HoldsAsWell(t *testing.T) {
	t.Run("part", func(t *testing.T) {
		if Limit() == 5 {
			panic("five")
		}
	})
}
`,
	} {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// TestRows tries good and bad rows on a small module: only a change that its own
// test notices is good.
func TestRows(t *testing.T) {
	change := func(test, old, to string) row {
		return row{rule: "R1", pkg: "p", test: test, what: old + " becomes " + to, file: "p/p.go", old: old, new: to}
	}
	both := change("TestR1_Holds", "limit = 3", "limit = 3 - 1")
	both.also = []edit{{"return limit", "return limit + 1"}}
	gone := change("TestR1_Holds", "x", "y")
	gone.file = "p/gone.go"
	tests := []struct {
		name string
		row  row
		want string // in what is said of it; empty for a good row
	}{
		{"noticed", change("TestR1_Holds", "limit = 3", "limit = 4"), ""},
		{"noticed by a panic", change("TestR1_HoldsAsWell", "limit = 3", "limit = 5"), ""},
		{"not noticed", change("TestR2_HoldsNothing", "limit = 3", "limit = 4"), errSurvived.Error()},
		{"two changes that make no difference", both, errSurvived.Error()},
		{"no longer there", change("TestR1_Holds", "limit = 7", "limit = 8"), "no longer has the text"},
		{"there twice", change("TestR1_Holds", "limit", "bound"), "2 times"},
		{"no text at all", change("TestR1_Holds", "", "bound"), "no longer has the text"},
		{"does not compile", change("TestR1_Holds", "limit = 3", "limit = three"), "undefined: three"},
		{"no such test", change("TestR9_Gone", "limit = 3", "limit = 4"), errNoTest.Error()},
		{"a test that fails anyway", change("TestR3_FailsAnyway", "limit = 3", "limit = 4"), errFails.Error()},
		{"no such file", gone, "gone.go"},
	}
	var rows []row
	bad := 0
	for _, test := range tests {
		rows = append(rows, test.row)
		if test.want != "" {
			bad++
		}
	}
	root := module(t)
	before, err := os.ReadFile(filepath.Join(root, "p", "p.go"))
	if err != nil {
		t.Fatal(err)
	}
	out := &strings.Builder{}
	b := breaker{root: root, out: out, workers: 2}
	if got, err := b.tryAll(t.Context(), rows); err != nil || got != bad {
		t.Errorf("%d bad rows, %v, want %d", got, err, bad)
	}
	for _, test := range tests {
		begin := "ok  R1   " + test.row.what
		if test.want != "" {
			begin = "BAD R1   " + test.row.test + ": " + test.row.what + ": "
		}
		_, rest, found := strings.Cut(out.String(), begin)
		if said, _, _ := strings.Cut(rest, "\nBAD"); !found || !strings.Contains(said, test.want) {
			t.Errorf("%s: want a line that begins with %q and says %q", test.name, begin, test.want)
		}
	}
	if t.Failed() {
		t.Log(out)
	}
	if after, err := os.ReadFile(filepath.Join(root, "p", "p.go")); err != nil || string(after) != string(before) {
		t.Errorf("the source is %q, %v", after, err)
	}
}

// TestVerdict: only the failure of the very test counts.
func TestVerdict(t *testing.T) {
	failed := errors.New("exit status 1")
	tests := []struct {
		name, out string
		err       error
		good      bool
	}{
		{"it failed", "--- FAIL: TestR1_A (0.00s)\nFAIL\n", failed, true},
		{"it passed", "ok  \tp\t0.1s\n", nil, false},
		{"another one failed", "--- FAIL: TestR11_A (0.00s)\nFAIL\n", failed, false},
		{"one with a longer name failed", "--- FAIL: TestR1_AB (0.00s)\nFAIL\n", failed, false},
		{"the package leaks", "PASS\ngoleak: found unexpected goroutines\nFAIL\n", failed, false},
		{"it took too long", "panic: test timed out after 1m0s\n\trunning tests:\n\t\tTestR1_A\nFAIL\n", failed, false},
		{"it does not build", "FAIL\tp [build failed]\n", failed, false},
	}
	for _, test := range tests {
		if err := verdict("TestR1_A", test.out, test.err); (err == nil) != test.good {
			t.Errorf("%s: %v, want a good row: %t", test.name, err, test.good)
		}
	}
}

func TestUnknownRule(t *testing.T) {
	if err := run(t.Context(), []string{"-run", "R64"}, &strings.Builder{}); err == nil || !strings.Contains(err.Error(), `"R64"`) {
		t.Errorf("got %v, want an error that names the rule", err)
	}
}
