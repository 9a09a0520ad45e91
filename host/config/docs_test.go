package config

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "write docs/configuration.md anew")

const (
	docs     = "../../docs/configuration.md"
	examples = "../../examples/config"
)

// TestDocs holds docs/configuration.md to the tables:
// go test ./host/config -run TestDocs -update
func TestDocs(t *testing.T) {
	head, err := os.ReadFile("testdata/configuration.md.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	want := string(head)
	for mark, table := range map[string]string{
		"{{fields}}": describeFields(hostFields, Default(), ""), "{{speech}}": describeFields(speechFields, Default(), ""), "{{byods}}": describeFields(byodsFields, Default(), ""), "{{calls}}": describeFields(callFields, Default().Calls, "calls."),
		"{{plugins}}": describeFields(pluginFields, DefaultPlugin("", ""), ""), "{{variables}}": describeVariables(),
	} {
		if strings.Count(want, mark) != 1 {
			t.Fatalf("testdata/configuration.md.tmpl must have %s once", mark)
		}
		want = strings.Replace(want, mark, table, 1)
	}
	if *update {
		if err := os.WriteFile(docs, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(docs); err != nil || string(got) != want {
		t.Errorf("docs/configuration.md is stale: go test ./host/config -run TestDocs -update (%v)", err)
	}
}

func describeFields[S any](table []field[S], defaults S, path string) string {
	var b strings.Builder
	b.WriteString("| key | holds | default | meaning |\n|---|---|---|---|\n")
	for _, f := range table {
		if f.kind() == "section" && f.key != "fallback.metadata" {
			continue // has a table of its own
		}
		var meaning strings.Builder
		meaning.WriteString(f.doc)
		if path == "" && needsRestart(f.key) {
			meaning.WriteString(" Counts from the next start on.")
		}
		for _, v := range environment {
			if v.key == path+f.key {
				fmt.Fprintf(&meaning, " Variable: `%s`.", v.name)
			}
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.key, f.kind(), inline(f.value(&defaults)), meaning.String())
	}
	return strings.TrimSpace(b.String())
}

// inline shows a value as the file would have it.
func inline(value any) string {
	if v := reflect.ValueOf(value); !v.IsValid() || v.Kind() != reflect.Bool && v.Kind() != reflect.Int && v.Len() == 0 {
		return "unset"
	}
	text, err := yaml.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return "`" + strings.ReplaceAll(strings.TrimSpace(string(text)), "'", `"`) + "`"
}

func describeVariables() string {
	var b strings.Builder
	b.WriteString("| variable | key | holds |\n|---|---|---|\n")
	for _, v := range environment {
		form := v.form
		if form == "" {
			form = "the same"
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s |\n", v.name, v.key, form)
	}
	b.WriteString("\nThese set nothing, and the host says so:\n\n| variable | instead |\n|---|---|\n")
	for _, name := range sorted(instead) {
		shown := name
		if strings.HasSuffix(name, "_") {
			shown += "*"
		}
		fmt.Fprintf(&b, "| `%s` | %s |\n", shown, instead[name])
	}
	return strings.TrimSpace(b.String())
}

// TestEachFieldIsDescribed: a sentence for a reader, and a key once.
func TestEachFieldIsDescribed(t *testing.T) {
	seen := map[string]bool{}
	hold := func(key, kind, doc string) {
		if seen[key] || kind == "" || !regexp.MustCompile(`^[A-Z].+\.$`).MatchString(doc) {
			t.Errorf("field %s of kind %q: seen before %v, described as %q", key, kind, seen[key], doc)
		}
		seen[key] = true
	}
	for _, f := range fields {
		hold(f.key, f.kind(), f.doc)
	}
	for _, f := range callFields {
		hold("calls."+f.key, f.kind(), f.doc)
	}
	for _, f := range pluginFields {
		hold("plugins."+f.key, f.kind(), f.doc)
	}
	for _, v := range environment {
		if !seen[v.key] {
			t.Errorf("variable %s is of the unknown key %s", v.name, v.key)
		}
	}
}

// example reads an example in a directory where the files that it names exist.
func example(t *testing.T, name string) (text []byte, config Config, problems []Problem) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(examples, name))
	if err != nil {
		t.Fatal(err)
	}
	cert, key := selfSigned(t)
	dir := files(t, map[string]string{
		"bin/plugins/echo": program, "bin/plugins/orders": program, "bin/plugins/wsproxy": program, "bin/plugins/tts-greeter": program, "examples/speech/hello.wav": sound(),
		"examples/config/server.pem": cert, "examples/config/server.key": key, "examples/config/identrust.pem": cert,
		"examples/config/prompts/one-moment.wav": sound(), "examples/config/prompts/sorry.wav": sound(),
		"examples/config/secrets/crm-token": "x", "examples/config/secrets/store.key": strings.Repeat("0f", 32),
		"examples/config/secrets/store.key.old": strings.Repeat("1e", 32), "examples/config/secrets/integration": "x",
		"examples/config/secrets/service-app": "y", "examples/config/secrets/webhook": "z", "examples/config/secrets/openai": "k", "examples/config/prompts/welcome.wav": sound(), "examples/config/" + name: string(text),
	})
	environ := []string{"CRM_URL=https://crm.example.com"}
	config, problems = Load(filepath.Join(dir, "examples/config", name), environ)
	return text, config, problems
}

// TestExamples: each is valid as it stands.
func TestExamples(t *testing.T) {
	all, err := filepath.Glob(filepath.Join(examples, "*.yaml"))
	if err != nil || len(all) < 3 {
		t.Fatalf("examples %v, %v", all, err)
	}
	for _, path := range all {
		_, config, problems := example(t, filepath.Base(path))
		for _, p := range problems {
			t.Error(p)
		}
		if len(config.Plugins) == 0 {
			t.Errorf("%s names no plugin", path)
		}
	}
}

// TestFullExample: it has each key once, with its default where there is one.
func TestFullExample(t *testing.T) {
	text, config, _ := example(t, "full.yaml")
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	got := leaves(root.Content[0], "")
	holds := func(key string, shown, otherwise any) {
		if !slices.Contains(got, key) {
			t.Errorf("full.yaml lacks %s", key)
		}
		if inline(otherwise) != "unset" && !reflect.DeepEqual(shown, otherwise) {
			t.Errorf("full.yaml has %s: %v, the default is %v", key, shown, otherwise)
		}
	}
	defaults := Default()
	for _, f := range fields {
		_, inFile := strings.CutSuffix(f.key, fileSuffix)
		if f.kind() != "section" && (inFile || !slices.ContainsFunc(fields, func(other field[Config]) bool { return other.key == f.key+fileSuffix })) {
			holds(f.key, f.value(&config), f.value(&defaults))
		}
	}
	for _, f := range callFields {
		holds("calls."+f.key, f.value(&config.Calls), f.value(&defaults.Calls))
	}
	plain := DefaultPlugin("", "")
	for _, f := range pluginFields {
		holds("plugins.echo."+f.key, f.value(&config.Plugins[0]), f.value(&plain))
	}
	if len(config.Agents) == 0 {
		t.Error("full.yaml has no agent")
	}
}

// leaves are the keys of all values and sections.
func leaves(n *yaml.Node, path string) (keys []string) {
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		key := join(path, n.Content[i].Value)
		keys = append(append(keys, key), leaves(n.Content[i+1], key)...)
	}
	return keys
}
