package docs

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

const root = "../.."

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tree is all files of the source, by git where it is a checkout.
func tree(t *testing.T) (files []string) {
	t.Helper()
	list := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = root
	if out, err := list.Output(); err == nil {
		for file := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
			if _, err := os.Stat(filepath.Join(root, file)); err == nil { // not deleted since
				files = append(files, file)
			}
		}
		return files
	}
	err := fs.WalkDir(os.DirFS(root), ".", func(file string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			files = append(files, file)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// documents parses all pages of the source.
func documents(t *testing.T, files []string) (pages []page) {
	t.Helper()
	for _, file := range files {
		if path.Ext(file) != ".md" {
			continue
		}
		source, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		p, problems := parse(file, string(source))
		report(t, problems)
		pages = append(pages, p)
	}
	if len(pages) < 20 {
		t.Fatalf("found %d pages", len(pages))
	}
	return pages
}

func report(t *testing.T, problems []problem) {
	t.Helper()
	for _, p := range problems {
		t.Error(p)
	}
}

func TestLinks(t *testing.T) {
	files := tree(t)
	report(t, checkLinks(documents(t, files), files))
}

func TestDiagrams(t *testing.T) {
	for _, p := range documents(t, tree(t)) {
		report(t, checkDiagrams(p))
	}
}

// TestIndex: docs/README.md has a link to each page of docs.
func TestIndex(t *testing.T) {
	const index = "docs/README.md"
	source, err := os.ReadFile(filepath.Join(root, index))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range tree(t) {
		link, below := strings.CutPrefix(file, "docs/")
		if below && path.Dir(file) == "docs" && path.Ext(file) == ".md" && file != index && !strings.Contains(string(source), "("+link+")") {
			t.Errorf("%s has no link to %s: add a line", index, link)
		}
	}
}

// TestBrokenPages: what is wrong is found, where it is, and what is right is not.
func TestBrokenPages(t *testing.T) {
	files := []string{"README.md", "docs/a.md", "docs/b.md", "docs/sub/c.go"}
	b, problems := parse("docs/b.md", strings.Join([]string{
		"# The `serve` command: what's in it?", "", "## Again", "## Again", "", "Set", "---", "",
		`<a id="by-hand"></a>`, "# [A link](a.md) & _more_ ##", "```sh", "# no heading", "```",
	}, "\n"))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for _, test := range []struct{ name, text, want string }{
		{"page", "see [b](b.md)", ""},
		{"page that is not there", "a\n\nsee\n[b\nc](x.md)", "docs/a.md:5: the link x.md leads to docs/x.md, which is not there"},
		{"directory", "[s](sub), [s](sub/), [up](..)", ""},
		{"directory that is not there", "[s](subs/)", "docs/a.md:1: the link subs/ leads to docs/subs, which is not there"},
		{"from the root", "[b](/README.md)", ""},
		{"out of the root", "[b](../../README.md)", "docs/a.md:1: the link ../../README.md leads to ../README.md, which is not there"},
		{"elsewhere", "[x](https://example.com/x#y), [y](mailto:a@example.com), [z](//example.com)", ""},
		{"headings", "[1](b.md#the-serve-command-whats-in-it), [2](b.md#again-1) [3](b.md#set) [4](b.md#by-hand) [5](b.md#a-link--_more_)", ""},
		{"heading that is not there", "[2](b.md#again-2)", "docs/a.md:1: the link b.md#again-2 names a heading that docs/b.md does not have"},
		{"heading in a block", "[2](b.md#no-heading)", "docs/a.md:1: the link b.md#no-heading names a heading that docs/b.md does not have"},
		{"own heading", "# One\n[1](#one)", ""},
		{"own heading that is not there", "# One\n[1](#One)", "docs/a.md:2: the link #One names a heading that docs/a.md does not have"},
		{"line of a source", "[c](sub/c.go#L10)", ""},
		{"reference", "[b][1]\n\n[1]: x.md", "docs/a.md:3: the link x.md leads to docs/x.md, which is not there"},
		{"picture", "![p](p.png)", "docs/a.md:1: the link p.png leads to docs/p.png, which is not there"},
		{"tag", `<img src="p.png">`, "docs/a.md:1: the link p.png leads to docs/p.png, which is not there"},
		{"title", `[b](x.md "b")`, "docs/a.md:1: the link x.md leads to docs/x.md, which is not there"},
		{"parentheses", `[b](x(1).md)`, "docs/a.md:1: the link x(1).md leads to docs/x(1).md, which is not there"},
		{"two on a line", `[b](b.md) and [c](c.md)`, "docs/a.md:1: the link c.md leads to docs/c.md, which is not there"},
		{"code is no link", "`[b](x.md)`\n\n    [b](x.md)\n\n```\n[b](x.md)\n```\n<!-- [b](x.md) -->", ""},
		{"list item is no code", "- a\n\n  [b](x.md)", "docs/a.md:3: the link x.md leads to docs/x.md, which is not there"},
		{"code in a list item", "1. a\n\n       [b](x.md)", ""},
		{"block that is not closed", "a\n```sh\n[b](b.md)", "docs/a.md:2: this block is not closed"},
		{"block in a longer fence", "````\n```\n````\n[b](x.md)", "docs/a.md:4: the link x.md leads to docs/x.md, which is not there"},
		{"diagram", "```mermaid\n%% one\nflowchart LR\n  a --> b\n```", ""},
		{"no diagram", "\n```mermaid\nflowchrt LR\n```", `docs/a.md:2: a diagram does not begin with "flowchrt"`},
		{"empty diagram", "```mermaid\n```", `docs/a.md:1: a diagram does not begin with ""`},
	} {
		a, problems := parse("docs/a.md", test.text)
		problems = append(problems, checkLinks([]page{a, b}, files)...)
		problems = append(problems, checkDiagrams(a)...)
		if got := strings.Trim(fmt.Sprint(problems), "[]"); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}
