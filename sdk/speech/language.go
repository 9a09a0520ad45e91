package speech

import (
	"maps"
	"slices"

	"golang.org/x/text/language"
)

// closest is the value of the key that is closest to a language, or empty if none is
// close: de-AT finds de-DE or de, and not en.
func closest(tag string, values map[string]string) string {
	if len(values) == 0 {
		return ""
	}
	keys := slices.Sorted(maps.Keys(values))
	if i := match(tag, keys); i >= 0 {
		return values[keys[i]]
	}
	return ""
}

// match is the index of the language that is closest to tag, or -1 if none is close.
func match(tag string, of []string) int {
	if i := slices.Index(of, tag); i >= 0 || tag == "" {
		return i
	}
	want, err := language.Parse(tag)
	if err != nil {
		return -1
	}
	// The matcher takes its first tag where none fits, so it is given one that is nobody's.
	tags := []language.Tag{language.MustParse("und-x-none")}
	index := []int{-1}
	for i, one := range of {
		if t, err := language.Parse(one); err == nil {
			tags, index = append(tags, t), append(index, i)
		}
	}
	_, i, confidence := language.NewMatcher(tags).Match(want)
	if confidence < language.High {
		return -1
	}
	return index[i]
}

// english says whether a language is English, as one that is not named is taken to be.
func english(tag string) bool {
	if tag == "" {
		return true
	}
	t, err := language.Parse(tag)
	if err != nil {
		return false
	}
	base, _ := t.Base()
	return base.String() == "en"
}
