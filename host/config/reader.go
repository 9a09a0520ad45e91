package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/byova-host/byova-host/internal/yamlfile"
)

// reader walks a file and collects what is wrong with it.
type reader struct {
	file     string
	lines    int
	environ  map[string]string
	variable string // the variable that is read now, instead of the file
	problems []Problem
	where    map[string]place // of each key that was set
	later    []func()         // what must wait until all else is read
	keys     []string         // all keys, for who wrote one in the wrong section
}

// place is where a key was set: a line of the file or a variable.
type place struct {
	line     int
	variable string
}

// Read reads a configuration from a file's text and the environment. The file
// name stands in problems, and relative paths begin at its directory.
func Read(file string, data []byte, environ []string) (Config, []Problem) {
	r := &reader{
		file: file, lines: yamlfile.Lines(data), environ: variables(environ), where: map[string]place{},
	}
	for _, f := range fields {
		r.keys = append(r.keys, f.key)
	}
	for _, f := range callFields {
		r.keys = append(r.keys, join("calls", f.key))
	}
	for _, f := range pluginFields {
		r.keys = append(r.keys, join("plugins.NAME", f.key))
	}
	config := Default()
	root, ok := r.parse(data)
	if root != nil {
		section(r, root, "", "", fields, &config)
	}
	r.readVariables(&config)
	for _, finish := range r.later {
		finish()
	}
	if ok {
		r.check(&config)
	}
	slices.SortStableFunc(r.problems, func(a, b Problem) int { return a.Line - b.Line })
	return config, r.problems
}

// parse gives the root of the file's one document, nil if there is none. It is
// not ok if nothing is known of what the file says.
func (r *reader) parse(data []byte) (root *yaml.Node, ok bool) {
	root, err := yamlfile.Parse(data)
	if bad, wrong := errors.AsType[*yamlfile.Error](err); wrong {
		r.add(bad.Line, "", bad.What, false)
		return root, root != nil
	}
	return root, true
}

// longest bounds what is said of one problem, in bytes: it may quote the file.
const longest = 500

func (r *reader) add(line int, key, what string, warning bool) {
	if len(what) > longest {
		what = strings.ToValidUTF8(what[:longest], "") + "..."
	}
	p := Problem{File: r.file, Line: min(max(1, line), r.lines), Key: key, What: what, Warning: warning}
	if r.variable != "" {
		p.File, p.Line, p.Key = "", 0, r.variable
	}
	r.problems = append(r.problems, p)
}

// wrong notes that a node cannot be used as it is.
func (r *reader) wrong(n *yaml.Node, key, format string, args ...any) {
	r.add(n.Line, key, fmt.Sprintf(format, args...), false)
}

// at notes a problem where a key was set, or where the nearest section above it
// begins.
func (r *reader) at(key string, warning bool, format string, args ...any) {
	found := place{line: 1}
	for path := key; path != ""; path = path[:max(0, strings.LastIndexByte(path, '.'))] {
		if set, ok := r.where[path]; ok {
			found = set
			break
		}
	}
	what := fmt.Sprintf(format, args...)
	if r.variable = found.variable; r.variable != "" {
		what = key + ": " + what
	}
	r.add(found.line, key, what, warning)
	r.variable = ""
}

// path makes one from the file relative to the file's directory.
func (r *reader) path(p string) string {
	if filepath.IsAbs(p) || r.variable != "" || r.file == "" {
		return p
	}
	return filepath.Join(filepath.Dir(r.file), p)
}

// pair is a key of a mapping with its value.
type pair struct{ key, value *yaml.Node }

// pairs gives the keys of a mapping, each once.
func (r *reader) pairs(n *yaml.Node, path string) (all []pair) {
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		return nil // a section whose keys are all commented out
	}
	if n.Kind != yaml.MappingNode && path == "" {
		r.wrong(n, path, "the file %s, but keys with values are needed: write KEY: VALUE, with a space behind the colon", describe(n))
		return nil
	}
	if n.Kind != yaml.MappingNode {
		r.wrong(n, path, "%s, but keys with values are needed: write them below it, indented", describe(n))
		return nil
	}
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode || key.Value == "" || key.ShortTag() == "!!merge" {
			r.wrong(key, path, "%s as a key: a key is a word", describe(key))
			continue
		}
		if line, twice := first[key.Value]; twice {
			r.wrong(key, join(path, key.Value), "the key stands twice, first in line %d: remove one", line)
			continue
		}
		first[key.Value] = key.Line
		r.where[join(path, key.Value)] = place{line: key.Line}
		all = append(all, pair{key, value})
	}
	return all
}

// text gives a scalar's text with ${NAME} expanded.
func (r *reader) text(n *yaml.Node, key string) (string, bool) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" {
		r.wrong(n, key, "%s, but one value is needed: write it behind the colon, or leave the key out", describe(n))
		return "", false
	}
	if r.variable != "" {
		return n.Value, true
	}
	text, err := expand(n.Value, r.environ)
	if err != nil {
		r.wrong(n, key, "%v", err)
		return "", false
	}
	return text, true
}

// describe says what a node is, for a reader who expected something else.
func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.SequenceNode:
		return "is a list"
	case n.Kind == yaml.MappingNode:
		return "is a section of keys"
	case n.Kind == yaml.AliasNode:
		return "is an alias, which is not taken"
	case n.ShortTag() == "!!null":
		return "has no value"
	case n.ShortTag() == "!!merge":
		return "is a merge, which is not taken"
	default:
		return "is a single value"
	}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// expand replaces each ${NAME} by the variable's value and each $${ by ${.
func expand(text string, environ map[string]string) (string, error) {
	var b strings.Builder
	for {
		i := strings.Index(text, "${")
		if i < 0 {
			b.WriteString(text)
			return b.String(), nil
		}
		if i > 0 && text[i-1] == '$' {
			b.WriteString(text[:i-1] + "${")
			text = text[i+2:]
			continue
		}
		b.WriteString(text[:i])
		name, rest, closed := strings.Cut(text[i+2:], "}")
		if !closed || !variableName.MatchString(name) {
			return "", errors.New("${ without the name of a variable and } behind it: write ${NAME}, or $${ for ${ itself")
		}
		value, set := environ[name]
		if !set {
			return "", fmt.Errorf("the environment has no variable %s: set it, or write $${%s} for the text itself", name, name)
		}
		b.WriteString(value)
		text = rest
	}
}
