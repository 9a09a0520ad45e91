package docs

import (
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
)

var (
	inlineLink = regexp.MustCompile(`(?s)\]\(\s*<?([^()<>\s]*(?:\([^()\s]*\)[^()<>\s]*)*)>?(?:\s+"[^"]*")?\s*\)`)
	reference  = regexp.MustCompile(`(?m)^ {0,3}\[[^\[\]]+\]: +<?([^\s<>]+)`)
	attribute  = regexp.MustCompile(`<(?:a|img)\s[^<>]*?(?:href|src)="([^"]*)"`)
	scheme     = regexp.MustCompile(`^(?:[A-Za-z][A-Za-z0-9+.-]*:|//)`)
)

// checkLinks says which links of the pages lead nowhere. Files are all those of the
// tree; a directory is there if a file is in it.
func checkLinks(pages []page, files []string) (problems []problem) {
	there := map[string]bool{".": true}
	for _, file := range files {
		for ; !there[file]; file = path.Dir(file) {
			there[file] = true
		}
	}
	for _, p := range pages {
		for _, kind := range []*regexp.Regexp{inlineLink, reference, attribute} {
			for _, found := range kind.FindAllStringSubmatchIndex(p.text, -1) {
				link := p.text[found[2]:found[3]]
				if wrong := checkLink(p, link, pages, there); wrong != "" {
					line := 1 + strings.Count(p.text[:found[2]], "\n")
					problems = append(problems, problem{p.path, line, wrong})
				}
			}
		}
	}
	return problems
}

// checkLink says what is wrong with a link, or nothing.
func checkLink(from page, link string, pages []page, there map[string]bool) string {
	if scheme.MatchString(link) {
		return "" // elsewhere
	}
	target, anchor, _ := strings.Cut(link, "#")
	target, err := url.PathUnescape(target)
	switch {
	case err != nil:
		return "the link " + link + " is not one: " + err.Error()
	case link == "":
		return "this link is empty"
	case target == "":
		target = from.path
	case strings.HasPrefix(target, "/"):
		target = path.Join(".", target)
	default:
		target = path.Join(path.Dir(from.path), target)
	}
	if !there[target] {
		return "the link " + link + " leads to " + target + ", which is not there"
	}
	to := slices.IndexFunc(pages, func(p page) bool { return p.path == target })
	if anchor != "" && to >= 0 && !pages[to].anchors[anchor] {
		return "the link " + link + " names a heading that " + target + " does not have"
	}
	return ""
}

// diagrams are the words that a Mermaid diagram begins with.
var diagrams = []string{
	"flowchart", "graph", "sequenceDiagram", "stateDiagram", "stateDiagram-v2", "classDiagram", "erDiagram",
	"gantt", "pie", "journey", "mindmap", "timeline", "gitGraph", "quadrantChart",
}

// checkDiagrams says which Mermaid blocks are no diagram.
func checkDiagrams(p page) (problems []problem) {
	for _, b := range p.blocks {
		if b.info != "mermaid" {
			continue
		}
		first := ""
		for line := range strings.Lines(b.code) {
			if fields := strings.Fields(line); len(fields) > 0 && !strings.HasPrefix(fields[0], "%%") {
				first = fields[0]
				break
			}
		}
		if !slices.Contains(diagrams, first) {
			problems = append(problems, problem{p.path, b.line, "a diagram does not begin with " + `"` + first + `"`})
		}
	}
	return problems
}
