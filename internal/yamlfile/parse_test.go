package yamlfile

import (
	"errors"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestParse(t *testing.T) {
	const advice = ": indent it like its neighbours, close quotes and brackets, and put a value with any of : # * & ${ [ in quotes"
	tests := []struct {
		name, text string
		want       string // the error
		root       bool
	}{
		{"nothing", "", "", false},
		{"a comment", "# listen: :1\n", "", false},
		{"an empty document", "---", "", false},
		{"null", "~\n", "", false},
		{"a mapping", "listen: :1\n", "", true},
		{"CRLF and a mark of byte order", "\uFEFFlisten: :1\r\nadmin: x\r\n", "", true},
		{"no YAML", "listen: [\n", "line 1: no valid YAML: did not find expected node content" + advice, false},
		{"no YAML below much that is", "log: {level: info}\nplugins:\n  bot:\n    path: bot\n    log: info\n   settings: {}\n",
			"line 6: no valid YAML: did not find expected key" + advice, false},
		{"a bracket that is not closed", "listen: :1\nlog: {level: info\ntls: {}\nping: {}\n",
			"line 2: no valid YAML: did not find expected ',' or '}'" + advice, false},
		{"a quote that is not closed", "log:\n  json: true\n  level: 'info\ntls: {}\nping: {}\n",
			"line 3: no valid YAML: found unexpected end of stream" + advice, false},
		{"no text", "listen: :1\nping: {service: \xe9}\n", "line 2: no valid YAML: invalid trailing UTF-8 octet: write the file in UTF-8", false},
		{"an alias of nothing", "listen: :1\nadmin: *a\n", "line 2: no valid YAML: unknown anchor 'a' referenced" + advice, false},
		{"tabs", "log:\n\tlevel: info\n",
			"line 2: no valid YAML: found character that cannot start any token: indent with spaces instead of tabs", false},
		{"tabs after spaces", "log:\n  level: info\n\tjson: true\n",
			"line 3: no valid YAML: found a tab character that violates indentation: indent with spaces instead of tabs", false},
		{"two documents", "listen: :1\n---\nlisten: :2\n", "line 2: a second document: keep one and remove what follows the line ---", true},
		{"the second one is no YAML", "listen: :1\n---\nlog: {}\nlisten: [\n",
			"line 4: no valid YAML: did not find expected node content" + advice, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			root, err := Parse([]byte(test.text))
			if (root != nil) != test.root {
				t.Errorf("the root is %+v, want one: %t", root, test.root)
			}
			if got := new(Error); test.want == "" && err != nil || test.want != "" && (!errors.As(err, &got) || got.Error() != test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

// TestLines holds that every node stands in a line of the file.
func TestLines(t *testing.T) {
	for text, want := range map[string]int{"": 1, "a": 1, "a:\n": 1, "a:\n\n": 2, "a:\n- b:\n  - c:": 3} {
		last := Lines([]byte(text))
		if last != want {
			t.Errorf("%q has %d lines, want %d", text, last, want)
		}
		root, err := Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		var walk func(n *yaml.Node)
		walk = func(n *yaml.Node) {
			if n.Line < 1 || n.Line > last {
				t.Errorf("%q: %q stands in line %d of %d", text, n.Value, n.Line, last)
			}
			for _, below := range n.Content {
				walk(below)
			}
		}
		if root != nil {
			walk(root)
		}
	}
}
