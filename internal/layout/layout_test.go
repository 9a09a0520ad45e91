package layout

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	module = "github.com/byova-host/byova-host"
	root   = "../.."
)

// allowed says which packages of ours each may import. A trailing /... stands
// for everything below.
var allowed = []struct {
	pkg     string
	imports []string
}{
	{"cmd/byova-host", []string{"host/...", "internal/...", "examples/speech", "examples/calls", "proto/...", "sdk/plugin/plugintest"}},
	{"host", []string{"host/...", "internal/ownsocket", "internal/rundir", "internal/byods/...", "internal/audio", "sdk/speech"}},
	{"host/config", []string{"host/session", "host/certs", "host/admin", "internal/audio", "internal/yamlfile", "internal/byods/..."}},
	{"host/certs", nil},
	{"host/ping", nil},
	{"host/metrics", []string{"host/session"}},
	{"host/rpc", []string{"host/session", "internal/audio", "proto/..."}},
	{"host/admin", []string{"internal/ownsocket"}},
	{"host/session", []string{"internal/audio", "internal/lane"}},
	{"host/supervisor", []string{"host/session", "internal/atomicfile", "internal/checked", "internal/pluginwire/...", "internal/audio", "proto/..."}},
	{"internal/pluginwire/...", []string{"internal/checked", "internal/lane", "internal/audio", "internal/pluginwire/...", "proto/..."}},
	{"internal/byods/webextest", nil},
	{"internal/byods/jws", nil},
	{"internal/byods/webex", nil},
	{"internal/byods/store", []string{"internal/byods/webex", "internal/atomicfile"}},
	{"internal/byods/credential", []string{"internal/byods/webex", "internal/byods/store"}},
	{"internal/byods/webhook", []string{"internal/byods/webex", "internal/byods/store", "internal/byods/credential"}},
	{"internal/byods/datasource", []string{"internal/byods/webex", "internal/byods/store", "internal/byods/credential"}},
	{"internal/byods", []string{"internal/byods/..."}},
	{"internal/caller", []string{"internal/audio", "internal/histogram", "internal/yamlfile", "proto/..."}},
	{"internal/testbot", []string{"sdk/plugin", "internal/audio"}},
	{"internal/bench", []string{"host/...", "internal/...", "proto/...", "sdk/plugin"}},
	{"internal/hosttest", []string{"host", "host/config", "internal/audio", "internal/caller", "internal/logtest", "sdk/speech", "examples/speech"}},
	{"internal/clipmaker", []string{"internal/audio", "sdk/speech"}},
	{"internal/byodsdemo", []string{"internal/byods/webextest"}},
	{"internal/swapdemo", []string{"internal/audio", "proto/..."}},
	{"internal/docs", []string{"internal/logtest"}},
	{"internal/compat/bot10", []string{"internal/compat/v1_0"}},
	{"sdk/plugin", []string{"internal/heapfloor", "internal/lane", "internal/ownsocket", "internal/audio", "internal/pluginwire/wire", "proto/..."}},
	{"sdk/plugin/plugintest", []string{"sdk/plugin", "host/session", "host/rpc", "host/supervisor", "internal/caller", "internal/audio", "internal/pluginwire", "internal/pluginwire/wire", "internal/rundir", "examples/speech", "proto/..."}},
	{"sdk/speech", []string{"internal/audio"}},
	{"plugins/wsproxy", []string{"sdk/plugin", "plugins/wsproxy/internal/adapter", "plugins/wsproxy/internal/playout", "plugins/wsproxy/internal/socket"}},
	{"plugins/wsproxy/internal/adapter", []string{"sdk/plugin"}},
	{"plugins/wsproxy/internal/socket", nil},
	{"plugins/wsproxy/internal/playout", nil},
	{"plugins/...", []string{"sdk/plugin"}},
	{"examples/...", []string{"sdk/plugin"}},
	{"internal/...", nil}, // atomicfile, audio, breakrules, checked, compat, histogram, lane, layout, logtest, ownsocket, protogen, rundir, starter, yamlfile
	{"proto/...", []string{"proto/..."}},
}

type pkg struct {
	ImportPath string
	Dir        string
	Name       string
	GoFiles    []string
	Imports    []string
}

func packages(t *testing.T) (all []pkg) {
	t.Helper()
	list := exec.Command("go", "list", "-json=ImportPath,Dir,Name,GoFiles,Imports", "./...")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func matches(pattern, path string) bool {
	below, all := strings.CutSuffix(pattern, "/...")
	return path == below || (all && strings.HasPrefix(path, below+"/"))
}

func TestImports(t *testing.T) {
	for _, p := range packages(t) {
		path := strings.TrimPrefix(p.ImportPath, module+"/")
		i := slices.IndexFunc(allowed, func(rule struct {
			pkg     string
			imports []string
		}) bool {
			return matches(rule.pkg, path)
		})
		if i < 0 {
			t.Errorf("%s stands in no row of the table of packages: add it here and in docs/architecture.md", path)
			continue
		}
		for _, imported := range p.Imports {
			of, ours := strings.CutPrefix(imported, module+"/")
			if ours && !slices.ContainsFunc(allowed[i].imports, func(pattern string) bool { return matches(pattern, of) }) {
				t.Errorf("%s imports %s, which its row in the table of packages does not allow", path, of)
			}
		}
	}
}

func TestEveryPackageHasADoc(t *testing.T) {
	for _, p := range packages(t) {
		if strings.HasPrefix(p.ImportPath, module+"/proto/") || len(p.GoFiles) == 0 {
			continue // generated, or nothing but tests
		}
		where := "doc.go"
		if p.Name == "main" && !slices.Contains(p.GoFiles, where) {
			where = "main.go"
		}
		source, err := os.ReadFile(filepath.Join(p.Dir, where))
		if err != nil || !regexp.MustCompile(`(?m)^// \S[^\n]*\n(//[^\n]*\n)*package `).Match(source) {
			t.Errorf("%s: no package comment in %s (%v)", p.ImportPath, where, err)
		}
	}
}

// TestReadmeShowsABot holds the README's code equal to what byova-host new writes.
func TestReadmeShowsABot(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(filepath.Join(root, "internal/starter/templates/turn/main.go.tmpl"))
	if err != nil {
		t.Fatal(err)
	}
	_, code, _ := bytes.Cut(readme, []byte("```go\n"))
	code, _, found := bytes.Cut(code, []byte("\t...\n```"))
	if !found || !bytes.Contains(source, code) {
		t.Errorf("README.md does not show the bot that byova-host new writes, but\n%s", code)
	}
}

// TestNamedTests: the tests that docs/compatibility.md says hold a promise are there.
func TestNamedTests(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs/compatibility.md"))
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`(Test[A-Za-z0-9]+)`")
	in := regexp.MustCompile("in `([a-z/-]+)`")
	for row := range strings.Lines(string(text)) {
		// Each name, or a few with commas, stands before where it is.
		tests, places := named.FindAllStringSubmatchIndex(row, -1), in.FindAllStringSubmatchIndex(row, -1)
		for _, at := range tests {
			name, where := row[at[2]:at[3]], ""
			for _, place := range places {
				if place[0] > at[0] {
					where = row[place[2]:place[3]]
					break
				}
			}
			if !declares(t, where, name) {
				t.Errorf("docs/compatibility.md: %s is not in %q", name, where)
			}
		}
	}
}

// declares says whether a package's tests have one of that name.
func declares(t *testing.T, pkg, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, pkg, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(files, func(file string) bool {
		source, err := os.ReadFile(file)
		return err == nil && bytes.Contains(source, []byte("func "+name+"("))
	})
}
