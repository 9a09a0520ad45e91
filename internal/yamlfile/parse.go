package yamlfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Error is what is wrong with a file as a whole.
type Error struct {
	Line int // from 1
	What string
}

// Error reads like "line 3: no valid YAML".
func (e *Error) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.What) }

// Lines counts the lines of a file; an empty one has one.
func Lines(data []byte) int {
	return max(1, bytes.Count(data, []byte("\n"))+min(1, len(data)-1-bytes.LastIndexByte(data, '\n')))
}

// Parse gives the root of a file's document, nil for a file that says nothing. All
// nodes stand in lines of the file. The error is an *Error; with a root it says what
// follows the document.
func Parse(data []byte) (*yaml.Node, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, nil
	}
	rest := bytes.NewReader(data)
	decoder := yaml.NewDecoder(rest)
	var document, second yaml.Node
	err := decoder.Decode(&document)
	if errors.Is(err, io.EOF) || err == nil && len(document.Content) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, noYAML(data[:len(data)-rest.Len()], err)
	}
	root, last := document.Content[0], Lines(data)
	bringInto(root, last)
	if isNull(root) {
		root = nil
	}
	switch err := decoder.Decode(&second); {
	case errors.Is(err, io.EOF):
		return root, nil
	case err != nil:
		return root, noYAML(data[:len(data)-rest.Len()], err)
	default:
		return root, &Error{min(max(1, second.Line), last), "a second document: keep one and remove what follows the line ---"}
	}
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// bringInto gives all nodes a line of the file: yaml puts a value that is missing at
// its end behind it.
func bringInto(n *yaml.Node, last int) {
	n.Line = min(max(n.Line, 1), last)
	for _, below := range n.Content {
		bringInto(below, last)
	}
}

// parserLine is where the parser says that it is. It may be the line before the
// one that is wrong, or where the section around it begins, or missing.
var parserLine = regexp.MustCompile(`^yaml: (?:line \d+: )?`)

func noYAML(text []byte, err error) *Error {
	line, of := wrongLine(text)
	return &Error{line, "no valid YAML: " + parserLine.ReplaceAllString(err.Error(), "") + ": " + adviceFor(of)}
}

// adviceFor says what to do about a line that makes a file no YAML.
func adviceFor(line string) string {
	indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
	switch {
	case !utf8.ValidString(line):
		return "write the file in UTF-8"
	case strings.Contains(indent, "\t"):
		return "indent with spaces instead of tabs"
	default:
		return "indent it like its neighbours, close quotes and brackets, and put a value with any of : # * & ${ [ in quotes"
	}
}

// wrongLine finds the line that makes a text no YAML: what stands before it can be
// read. It looks from the end, which is where the parser gave up, and takes that
// where it would have to look for long.
func wrongLine(text []byte) (line int, of string) {
	const most = 256 << 10 // bytes to parse
	end := text
	for parsed := 0; parsed < most; parsed += len(text) {
		before := withoutLast(text)
		if readable(before) {
			return Lines(text), string(text[len(before):])
		}
		text = before
	}
	return Lines(end), string(end[len(withoutLast(end)):])
}

// withoutLast is a text without its last line.
func withoutLast(text []byte) []byte {
	return text[:bytes.LastIndexByte(bytes.TrimSuffix(text, []byte("\n")), '\n')+1]
}

// readable says that all documents of a text can be read.
func readable(text []byte) bool {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	for {
		if err := decoder.Decode(new(yaml.Node)); err != nil {
			return errors.Is(err, io.EOF)
		}
	}
}
