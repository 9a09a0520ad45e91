package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// tree are the names of all test functions, with their directories.
type tree map[string][]string

func readTree(t *testing.T, root string) tree {
	t.Helper()
	functions := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	found := tree{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != root && strings.HasPrefix(entry.Name(), "."):
			return fs.SkipDir
		case entry.IsDir() || !strings.HasSuffix(path, "_test.go") || strings.Contains(path, "breakrules"):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		for _, match := range functions.FindAllSubmatch(text, -1) {
			found[string(match[1])] = append(found[string(match[1])], filepath.ToSlash(dir))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// rules are the rules in their order.
func rules() (all []string) {
	for n := 1; n <= 63; n++ {
		all = append(all, fmt.Sprint("R", n))
		if n == 10 {
			all = append(all, "R10a")
		}
	}
	return all
}

// line is a rule as docs/conformance.md has it.
type line struct {
	rule  string
	tests []string
}

func readLines(t *testing.T, root string) (lines []line) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs", "conformance.md"))
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile("`((?:Test|Fuzz)\\w+)`")
	for row := range strings.Lines(string(text)) {
		cells := strings.Split(strings.TrimSpace(row), "|")
		if len(cells) < 2 || !regexp.MustCompile(`^R\d+a?$`).MatchString(strings.TrimSpace(cells[1])) {
			continue
		}
		if len(cells) != 6 {
			t.Errorf("%q has %d cells, want rule, what it says, what byova-host does, tests", row, len(cells)-2)
			continue
		}
		l := line{rule: strings.TrimSpace(cells[1])}
		for i, cell := range cells[2:5] {
			if strings.TrimSpace(cell) == "" {
				t.Errorf("cell %d of %s is empty", i+2, l.rule)
			}
		}
		for _, match := range names.FindAllStringSubmatch(cells[4], -1) {
			l.tests = append(l.tests, match[1])
		}
		lines = append(lines, l)
	}
	return lines
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// ruleOf is the rule that a test is named after, or "".
func ruleOf(test string) string {
	match := regexp.MustCompile(`^Test(R\d+a?)_`).FindStringSubmatch(test)
	if match == nil {
		return ""
	}
	return match[1]
}

// TestDocument holds docs/conformance.md and the tests of the tree to each other.
func TestDocument(t *testing.T) {
	tests, lines := readTree(t, root(t)), readLines(t, root(t))
	var order []string
	listed := map[string]bool{}
	for _, l := range lines {
		order = append(order, l.rule)
		named := false
		for _, test := range l.tests {
			listed[test] = true
			named = named || ruleOf(test) == l.rule
			if len(tests[test]) == 0 {
				t.Errorf("%s names %s, which is not there", l.rule, test)
			}
			if of := ruleOf(test); of != "" && of != l.rule {
				t.Errorf("%s names %s, which is a test of %s", l.rule, test, of)
			}
		}
		if !named {
			t.Errorf("%s names no test of its own", l.rule)
		}
	}
	if want := rules(); !slices.Equal(order, want) {
		t.Errorf("the rules are %v, want %v", order, want)
	}
	for test := range tests {
		if ruleOf(test) != "" && !listed[test] {
			t.Errorf("%s is not in the table", test)
		}
	}
}

// TestTable holds the changes to the source and to the tests, and each rule with
// a test to a change.
func TestTable(t *testing.T) {
	tests, changed := readTree(t, root(t)), map[string]bool{}
	for i, r := range table() {
		if r.what == "" || r.rule != ruleOf(r.test) {
			t.Errorf("row %d: %s of %s (%q): want a test of the rule, and words", i, r.test, r.rule, r.what)
		}
		if !slices.Contains(tests[r.test], r.pkg) {
			t.Errorf("%s: %s has no %s", r.rule, r.pkg, r.test)
		}
		changed[r.test] = true
		source, err := os.ReadFile(filepath.Join(root(t), filepath.FromSlash(r.file)))
		if err != nil {
			t.Error(err)
			continue
		}
		after, err := r.apply(string(source))
		if err != nil {
			t.Errorf("%s, %s: %v", r.rule, r.what, err)
		} else if after == string(source) {
			t.Errorf("%s, %s: it changes nothing", r.rule, r.what)
		}
	}
	for test := range tests {
		if ruleOf(test) != "" && !changed[test] {
			t.Errorf("nothing shows that %s can fail: it needs a row", test)
		}
	}
}
