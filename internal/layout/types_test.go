package layout

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// program type-checks sources against what the go command has compiled.
type program struct {
	files    *token.FileSet
	importer types.Importer
}

// load makes a program that may import these packages and what they import.
func load(t *testing.T, files *token.FileSet, imports ...string) program {
	t.Helper()
	list := exec.Command("go", append([]string{"list", "-export", "-deps", "-f", "{{.ImportPath}}={{.Export}}"}, imports...)...)
	list.Dir, list.Stderr = root, os.Stderr
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	compiled := map[string]string{}
	for line := range strings.FieldsSeq(string(out)) {
		path, file, _ := strings.Cut(line, "=")
		compiled[path] = file
	}
	return program{files, importer.ForCompiler(files, "gc", func(path string) (io.ReadCloser, error) {
		if compiled[path] == "" {
			return nil, fmt.Errorf("%s is not compiled", path)
		}
		return os.Open(compiled[path])
	})}
}

// pkg is a package as those that import it see it.
func (p program) pkg(t *testing.T, path string) *types.Package {
	t.Helper()
	found, err := p.importer.Import(path)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// external parses the tests of a package that see it from outside, and lists what they
// import.
func external(t *testing.T, set *token.FileSet, dir string) (files []*ast.File, imports []string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(root, dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		file, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(file.Name.Name, "_test") {
			continue
		}
		files = append(files, file)
		for _, each := range file.Imports {
			path, err := strconv.Unquote(each.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			imports = append(imports, path)
		}
	}
	return files, imports
}
