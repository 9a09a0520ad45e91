package speech

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// longest is how long a sentence may be, in bytes, before it is split where one may
// draw breath.
const longest = 300

// abbreviated is a text whose last full stop ends no sentence.
var abbreviated = regexp.MustCompile(`(?i)(^|[\s(])(\p{L}|dr|mr|mrs|ms|prof|st|no|nr|tel|ext|approx|vs|e\.g|i\.e|z\.b|d\.h|bzw|ca|fr|hr|sra?)\.\s*$`)

// sentences splits a text into what is synthesized one after another.
func sentences(text string) (all []string) {
	var open string
	state := -1
	for len(text) > 0 {
		var s string
		s, text, state = uniseg.FirstSentenceInString(text, state)
		if open += s; text != "" && abbreviated.MatchString(open) {
			continue
		}
		all = append(all, breaths(open)...)
		open = ""
	}
	return all
}

// breaths splits a sentence that is too long: behind a comma if there is one in its
// second half, or else between two words.
func breaths(s string) (all []string) {
	for s = strings.TrimSpace(s); len(s) > longest; {
		head := s[:longest]
		cut := strings.LastIndexAny(head, ",;:)、，") // of several bytes: cut behind
		if cut < longest/2 {
			cut = strings.LastIndexByte(head, ' ')
		} else {
			_, size := utf8.DecodeRuneInString(s[cut:])
			cut += size
		}
		if cut <= 0 {
			for cut = longest; !utf8.RuneStart(s[cut]); cut-- {
			}
		}
		all = append(all, strings.TrimSpace(s[:cut]))
		s = strings.TrimSpace(s[cut:])
	}
	if s != "" {
		all = append(all, s)
	}
	return all
}
