package config

import (
	"fmt"
	"strings"
	"unicode"
)

// Problem is something that is wrong with a configuration, and what to do.
type Problem struct {
	File    string // empty: none was read
	Line    int    // from 1; 0 says that it is in the environment
	Key     string // dotted, or a variable's name; empty for the whole
	What    string
	Warning bool // it works all the same
}

// String gives FILE:LINE: key: what.
func (p Problem) String() string {
	var b strings.Builder
	switch {
	case p.Line == 0:
		b.WriteString("environment: ")
	case p.File != "":
		fmt.Fprintf(&b, "%s:%d: ", p.File, p.Line)
	}
	if p.Key != "" {
		b.WriteString(p.Key + ": ")
	}
	if p.Warning {
		b.WriteString("warning: ")
	}
	b.WriteString(p.What)
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return '?' // a key may have any character, and this is one line
		}
		return c
	}, b.String())
}

// Broken reports whether any problem is more than a warning.
func Broken(problems []Problem) bool {
	for _, p := range problems {
		if !p.Warning {
			return true
		}
	}
	return false
}

// nearest finds the known key that was probably meant; empty if none is near.
func nearest(key string, known []string) string {
	if len(key) > 40 {
		return ""
	}
	best, found := max(1, len(key)/3)+1, ""
	for _, k := range known {
		if d := distance(strings.ToLower(key), k); d < best {
			best, found = d, k
		}
	}
	return found
}

// distance counts the letters to change, add, leave out or swap with the next to
// get from a to b.
func distance(a, b string) int {
	before, last := []int(nil), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
