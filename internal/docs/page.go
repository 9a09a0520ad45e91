package docs

import (
	"fmt"
	"regexp"
	"strings"
)

// page is a Markdown file, as far as the checks need it.
type page struct {
	path    string // from the root, with slashes
	text    string // without code and comments; each line where it was
	anchors map[string]bool
	blocks  []block
}

// block is a fenced block of code.
type block struct {
	line int    // of the fence that opens it
	info string // what stands behind that fence
	mark string // the HTML comment on the line before, without its ends
	code string
}

// problem is something wrong with a page.
type problem struct {
	path string
	line int
	what string
}

func (p problem) String() string { return fmt.Sprintf("%s:%d: %s", p.path, p.line, p.what) }

var (
	fence     = regexp.MustCompile("^ *(`{3,}|~{3,})(.*)$")
	listItem  = regexp.MustCompile(`^ *([-*+]|\d+[.)]) +`)
	comment   = regexp.MustCompile(`(?s)<!--.*?-->`)
	markLine  = regexp.MustCompile(`^ *<!-- *(.*?) *-->$`)
	heading   = regexp.MustCompile(`^ {0,3}#{1,6} +(.*?)(?: +#+)? *$`)
	underline = regexp.MustCompile(`^(?:=+|-+) *$`)
	inline    = regexp.MustCompile("(?s)``.+?``|`[^`]+`")
	named     = regexp.MustCompile(`<[^<>]+ (?:id|name)="([^"]+)"`)
)

// parse reads a page.
func parse(path, source string) (p page, problems []problem) {
	p.path = path
	lines := strings.Split(source, "\n")
	prose := make([]string, len(lines)) // those lines that are no code
	indent := 0                         // of the list item that a line may belong to
	for i := 0; i < len(lines); i++ {
		line := strings.TrimRight(lines[i], " \r")
		if open := fence.FindStringSubmatch(line); open != nil {
			end := closing(lines, i+1, open[1])
			if end < 0 {
				problems = append(problems, problem{path, i + 1, "this block is not closed"})
				end = len(lines)
			}
			b := block{line: i + 1, info: strings.TrimSpace(open[2]), code: strings.Join(lines[i+1:end], "\n") + "\n"}
			if i > 0 {
				if mark := markLine.FindStringSubmatch(lines[i-1]); mark != nil {
					b.mark = mark[1]
				}
			}
			p.blocks = append(p.blocks, b)
			i = end
			continue
		}
		if item := listItem.FindString(line); item != "" {
			indent = len(item)
		} else if line != "" && line[0] != ' ' {
			indent = 0
		}
		before := i == 0 || prose[i-1] == ""
		if before && strings.HasPrefix(line, strings.Repeat(" ", indent+4)) {
			continue // indented code
		}
		prose[i] = line
	}
	p.text = blank(comment, strings.Join(prose, "\n"))
	p.anchors = anchors(p.text)
	paragraphs := strings.Split(p.text, "\n\n")
	for i, text := range paragraphs {
		paragraphs[i] = blank(inline, text)
	}
	p.text = strings.Join(paragraphs, "\n\n")
	return p, problems
}

// closing is the line of the fence that closes one, or -1.
func closing(lines []string, from int, open string) int {
	for i := from; i < len(lines); i++ {
		line := strings.TrimSpace(lines[i])
		if len(line) >= len(open) && strings.Trim(line, open[:1]) == "" {
			return i
		}
	}
	return -1
}

// blank takes out what matches, and leaves the ends of lines.
func blank(what *regexp.Regexp, text string) string {
	return what.ReplaceAllStringFunc(text, func(found string) string {
		return strings.Repeat("\n", strings.Count(found, "\n"))
	})
}

// anchors are what a link to a part of the page may name: by GitHub's rules each
// heading in small letters without punctuation, numbered where it comes again.
func anchors(text string) map[string]bool {
	all, seen := map[string]bool{}, map[string]int{}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		title := ""
		if found := heading.FindStringSubmatch(line); found != nil {
			title = found[1]
		} else if i > 0 && lines[i-1] != "" && underline.MatchString(line) {
			title = lines[i-1]
		}
		if title == "" {
			continue
		}
		name := slug(title)
		if n := seen[name]; n > 0 {
			all[fmt.Sprintf("%s-%d", name, n)] = true
		} else {
			all[name] = true
		}
		seen[name]++
	}
	for _, found := range named.FindAllStringSubmatch(text, -1) {
		all[found[1]] = true
	}
	return all
}

var (
	linkText    = regexp.MustCompile(`!?\[([^\[\]]*)\]\([^()]*\)`)
	tag         = regexp.MustCompile(`<[^<>]+>`)
	punctuation = regexp.MustCompile(`[^\p{L}\p{M}\p{N}\p{Pc}\- ]`)
)

// slug is the anchor that GitHub makes of a heading.
func slug(title string) string {
	title = tag.ReplaceAllString(linkText.ReplaceAllString(title, "$1"), "")
	title = punctuation.ReplaceAllString(strings.ToLower(strings.TrimSpace(title)), "")
	return strings.ReplaceAll(title, " ", "-")
}
