package layout

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"slices"
	"strings"
	"testing"
)

// TestExamples: each function of the author's API, each method and each type that has
// methods stands in an example.
func TestExamples(t *testing.T) {
	for path := range promised {
		set := token.NewFileSet()
		files, imports := external(t, set, path)
		p := load(t, set, append(imports, module+"/"+path)...)
		for _, name := range withoutExample(t, p, p.pkg(t, module+"/"+path), files) {
			t.Errorf("%s: %s stands in no example", path, name)
		}
	}
}

// withoutExample lists what no file of examples uses or has an example for.
func withoutExample(t *testing.T, p program, api *types.Package, files []*ast.File) []string {
	t.Helper()
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: p.importer}
	if _, err := config.Check("examples", p.files, files, info); err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for _, file := range files {
		names := examples(file)
		if len(names) == 0 {
			continue // its tests show nobody anything
		}
		for _, name := range names {
			shown[name] = true
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && info.Uses[id] != nil && info.Uses[id].Pkg() == api {
				shown[exampleName(info.Uses[id])] = true
			}
			return true
		})
	}
	for name := range maps.Clone(shown) { // with a method its type
		of, _, _ := strings.Cut(name, "_")
		shown[of] = true
	}
	var missing []string
	for _, name := range behaviour(api) {
		if !shown[name] {
			missing = append(missing, strings.Replace(name, "_", ".", 1))
		}
	}
	return missing
}

// examples are the names that the examples of a file stand for: Audio_PCM for
// ExampleAudio_PCM_stereo.
func examples(file *ast.File) (names []string) {
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Recv != nil || f.Type.Params.NumFields() != 0 {
			continue
		}
		if name, ok := strings.CutPrefix(f.Name.Name, "Example"); ok {
			parts := strings.Split(name, "_")
			if last := parts[len(parts)-1]; last != "" && last[0] >= 'a' && last[0] <= 'z' {
				parts = parts[:len(parts)-1]
			}
			names = append(names, strings.Join(parts, "_"))
		}
	}
	return names
}

// exampleName is what an example of an object is called by.
func exampleName(o types.Object) string {
	if f, ok := o.(*types.Func); ok && f.Signature().Recv() != nil {
		of := f.Signature().Recv().Type()
		if to, ok := of.(*types.Pointer); ok {
			of = to.Elem()
		}
		if named, ok := of.(*types.Named); ok {
			return named.Obj().Name() + "_" + o.Name()
		}
	}
	return o.Name()
}

// behaviour lists the exported functions, methods and types with methods.
func behaviour(api *types.Package) []string {
	all := map[string]bool{}
	for _, name := range api.Scope().Names() {
		o := api.Scope().Lookup(name)
		if !o.Exported() {
			continue
		}
		if _, ok := o.(*types.Func); ok {
			all[name] = true
			continue
		}
		named, ok := o.Type().(*types.Named)
		if _, isType := o.(*types.TypeName); !isType || !ok {
			continue
		}
		for _, m := range methods(named) {
			all[name], all[name+"_"+m.Name()] = true, true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// methods are the exported methods that a type declares, be it an interface or not.
func methods(named *types.Named) (all []*types.Func) {
	declared := named.Methods()
	if i, ok := named.Underlying().(*types.Interface); ok {
		declared = i.ExplicitMethods()
	}
	for m := range declared {
		if m.Exported() {
			all = append(all, m)
		}
	}
	return all
}

// TestMissingExamplesAreFound tries the rule on a small package.
func TestMissingExamplesAreFound(t *testing.T) {
	const api = `package bell
		type Bell struct{}
		func (*Bell) Ring() {}
		func (*Bell) Mute() {}
		func (*Bell) hidden() {}
		type Ringer interface { Ring(); hidden() }
		type Tone int
		func (Tone) String() string { return "" }
		func New() *Bell { return nil }
		func Old() {}
		type Size struct { Inches int }`
	const shows = `package bell_test
		import "bell"
		func ExampleBell_Ring() {}
		func ExampleBell_Mute_loudly() { bell.New() }
		func Example_old(int) { }
		func ring(bell.Ringer) { }`
	const tests = `package bell_test
		import "bell"
		func TestOld() { bell.Old() }`
	set := token.NewFileSet()
	parse := func(source string) *ast.File {
		file, err := parser.ParseFile(set, "", source, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
	pkg, err := (&types.Config{}).Check("bell", set, []*ast.File{parse(api)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := withoutExample(t, program{set, only{pkg}}, pkg, []*ast.File{parse(shows), parse(tests)})
	want := []string{"Old", "Ringer.Ring", "Tone", "Tone.String"}
	if !slices.Equal(got, want) {
		t.Errorf("without an example: %v, want %v", got, want)
	}
}

// only imports the one package.
type only struct{ pkg *types.Package }

func (o only) Import(string) (*types.Package, error) { return o.pkg, nil }
