package layout

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "add what is new to the records below api/")

// promised are the packages whose exported API is recorded, and where.
var promised = map[string]string{
	"sdk/plugin":            "api/sdk-plugin.txt",
	"sdk/plugin/plugintest": "api/sdk-plugin-plugintest.txt",
}

// TestAPI holds the exported API to its record: nothing that stands there goes away or
// becomes something else. docs/compatibility.md says how it may change.
func TestAPI(t *testing.T) {
	for path, record := range promised {
		record = filepath.Join(root, record)
		text, err := os.ReadFile(record)
		if err != nil {
			t.Fatal(err)
		}
		p := load(t, token.NewFileSet(), module+"/"+path)
		now, before := exported(p.pkg(t, module+"/"+path)), strings.Split(strings.TrimSpace(string(text)), "\n")
		gone, added := differences(before, now)
		for _, line := range gone {
			t.Errorf("%s breaks those who use it, by what is gone or another thing now:\n\t%s", path, line)
		}
		if len(added) > 0 && *update {
			before = append(before, added...)
			slices.Sort(before)
			if err := os.WriteFile(record, []byte(strings.Join(before, "\n")+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			added = nil
		}
		for _, line := range added {
			t.Errorf("%s has something new: record it with go test ./internal/layout -run TestAPI -update\n\t%s", path, line)
		}
	}
}

// differences are the lines of before that are not now, and those that are new.
func differences(before, now []string) (gone, added []string) {
	without := func(lines, others []string) (rest []string) {
		for _, line := range lines {
			if !slices.Contains(others, line) {
				rest = append(rest, line)
			}
		}
		return rest
	}
	return without(before, now), without(now, before)
}

// exported has a line for each exported name of a package: what it is, to those who use it.
// Names of parameters are no part of it.
func exported(p *types.Package) (lines []string) {
	say := func(t types.Type) string { return types.TypeString(unnamed(t), types.RelativeTo(p)) }
	for _, name := range p.Scope().Names() {
		o := p.Scope().Lookup(name)
		if !o.Exported() {
			continue
		}
		switch o := o.(type) {
		case *types.Const:
			lines = append(lines, fmt.Sprintf("const %s %s = %s", name, say(o.Type()), o.Val().ExactString()))
		case *types.Var:
			lines = append(lines, fmt.Sprintf("var %s %s", name, say(o.Type())))
		case *types.Func:
			lines = append(lines, fmt.Sprintf("func %s%s", name, strings.TrimPrefix(say(o.Type()), "func")))
		case *types.TypeName:
			lines = append(lines, ofType(o, say)...)
		}
	}
	slices.Sort(lines)
	return lines
}

func ofType(o *types.TypeName, say func(types.Type) string) (lines []string) {
	line := func(format string, a ...any) { lines = append(lines, fmt.Sprintf("type "+o.Name()+" "+format, a...)) }
	if o.IsAlias() {
		line("= %s", say(types.Unalias(o.Type())))
		return lines
	}
	switch under := o.Type().Underlying().(type) {
	case *types.Struct:
		line("struct")
		for field := range under.Fields() {
			switch {
			case field.Embedded() && field.Exported():
				line("struct, embeds %s", say(field.Type()))
			case field.Exported():
				line("struct, %s %s", field.Name(), say(field.Type()))
			}
		}
	case *types.Interface:
		line("interface of %s", interfaceMethods(under)) // one more breaks those who implement it
	default:
		line("%s", say(under))
	}
	for m := range o.Type().(*types.Named).Methods() {
		if m.Exported() {
			receiver := types.TypeString(m.Signature().Recv().Type(), func(*types.Package) string { return "" })
			lines = append(lines, fmt.Sprintf("method (%s) %s%s", receiver, m.Name(), strings.TrimPrefix(say(m.Type()), "func")))
		}
	}
	if i, ok := o.Type().Underlying().(*types.Interface); ok {
		for m := range i.Methods() {
			if m.Exported() {
				lines = append(lines, fmt.Sprintf("method (%s) %s%s", o.Name(), m.Name(), strings.TrimPrefix(say(m.Type()), "func")))
			}
		}
	}
	return lines
}

// interfaceMethods names the methods of an interface. Those that are not exported say that
// nobody else can implement it.
func interfaceMethods(i *types.Interface) string {
	var names []string
	for m := range i.Methods() {
		if m.Exported() {
			names = append(names, m.Name())
		} else if !slices.Contains(names, "unexported methods") {
			names = append(names, "unexported methods")
		}
	}
	if len(names) == 0 {
		return "no methods"
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// unnamed is a function type without the names of its parameters, and any other type as it
// is.
func unnamed(t types.Type) types.Type {
	f, ok := t.(*types.Signature)
	if !ok {
		return t
	}
	bare := func(tuple *types.Tuple) *types.Tuple {
		var all []*types.Var
		for v := range tuple.Variables() {
			all = append(all, types.NewParam(token.NoPos, v.Pkg(), "", unnamed(v.Type())))
		}
		return types.NewTuple(all...)
	}
	return types.NewSignatureType(nil, nil, nil, bare(f.Params()), bare(f.Results()), f.Variadic())
}

// TestAPIChangesAreFound: what breaks users is gone from the record, and what does not is
// new or no change.
func TestAPIChangesAreFound(t *testing.T) {
	const before = `package bell
		const Loud = 2
		var Default *Bell
		type Bell struct { Tone int; Meta }
		type Meta struct { At int }
		type Ringer interface { Ring(times int) error }
		type Event interface { hidden() }
		type Mode int
		func New(tone int, more ...string) (*Bell, error) { return nil, nil }
		func (*Bell) Ring(times int) error { return nil }
		type Answer func(b *Bell) error`
	for _, test := range []struct{ name, old, with, gone, added string }{
		{"a function less", "func New(", "func create(", "func New(int, ...string) (*Bell, error)", ""},
		{"another parameter", "New(tone int,", "New(tone string,", "func New(int, ...string) (*Bell, error)", "func New(string, ...string) (*Bell, error)"},
		{"not variadic", "more ...string", "more []string", "func New(int, ...string) (*Bell, error)", "func New(int, []string) (*Bell, error)"},
		{"another name of a parameter", "times int", "n int", "", ""},
		{"a field less", "Tone int; ", "", "type Bell struct, Tone int", ""},
		{"a field more", "Tone int; ", "Tone, Weight int; ", "", "type Bell struct, Weight int"},
		{"a hidden field more", "Tone int; ", "Tone, weight int; ", "", ""},
		{"a field of another type", "Tone int", "Tone uint", "type Bell struct, Tone int", "type Bell struct, Tone uint"},
		{"no longer embedded", "; Meta }", "; Meta Meta }", "type Bell struct, embeds Meta", "type Bell struct, Meta Meta"},
		{"another value", "Loud = 2", "Loud = 3", "const Loud untyped int = 2", "const Loud untyped int = 3"},
		{"another type of a variable", "Default *Bell", "Default Bell", "var Default *Bell", "var Default Bell"},
		{"another receiver", "func (*Bell)", "func (Bell)", "method (*Bell) Ring(int) error", "method (Bell) Ring(int) error"},
		{"a method more to implement", "Ring(times int) error }", "Ring(times int) error; Stop() }", "type Ringer interface of Ring", "method (Ringer) Stop()\ntype Ringer interface of Ring, Stop"},
		{"an interface opened", "hidden()", "", "type Event interface of unexported methods", "type Event interface of no methods"},
		{"another type below", "Mode int", "Mode string", "type Mode int", "type Mode string"},
		{"another function type", "Answer func(b *Bell) error", "Answer func(b *Bell)", "type Answer func(*Bell) error", "type Answer func(*Bell)"},
		{"a type less", "type Mode int", "", "type Mode int", ""},
	} {
		after := strings.Replace(before, test.old, test.with, 1)
		if after == before {
			t.Fatalf("%s changes nothing", test.name)
		}
		gone, added := differences(exportedBy(t, before), exportedBy(t, after))
		if got, want := strings.Join(gone, "\n"), test.gone; got != want {
			t.Errorf("%s: gone is\n%s\nwant\n%s", test.name, got, want)
		}
		if got, want := strings.Join(added, "\n"), test.added; got != want {
			t.Errorf("%s: new is\n%s\nwant\n%s", test.name, got, want)
		}
	}
}

func exportedBy(t *testing.T, source string) []string {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "", source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	p, err := (&types.Config{}).Check("bell", set, []*ast.File{file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return exported(p)
}
