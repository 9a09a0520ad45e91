package starter

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// root is the checkout that this test is in.
func root(t *testing.T) string {
	t.Helper()
	dir, found := FindCheckout(".")
	if !found {
		t.Fatal("the test is in no checkout")
	}
	return dir
}

// run runs a program in a directory.
func run(t *testing.T, dir string, env []string, line ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), line[0], line[1:]...)
	command.Dir, command.Env = dir, append(append(os.Environ(), "GOWORK=off", "GOFLAGS="), env...)
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", line, err, out)
	}
	return string(out)
}

// TestTemplates: what is written is in Go's own form, builds without a network, and its
// test of a whole call passes.
func TestTemplates(t *testing.T) {
	for _, name := range Templates() {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "mybot")
			files, err := Plugin{Dir: dir, Template: name, Checkout: root(t)}.Write()
			if err != nil {
				t.Fatal(err)
			}
			want := ".gitignore Makefile README.md call.yaml go.mod go.sum main.go main_test.go"
			if got := strings.Join(files, " "); got != want {
				t.Errorf("files %s, want %s", got, want)
			}
			offline := []string{"GOPROXY=off"}
			run(t, dir, offline, "go", "mod", "tidy")
			run(t, dir, offline, "go", "vet", "./...")
			run(t, dir, offline, "go", "test", "./...")
			if unformed := run(t, dir, offline, "gofmt", "-l", "."); unformed != "" {
				t.Errorf("not in gofmt's form: %s", unformed)
			}
			if main, err := os.ReadFile(filepath.Join(dir, "main.go")); err != nil || bytes.Count(main, []byte("\n")) > 100 {
				t.Errorf("main.go is too long to be read at a glance: %v", err)
			}
		})
	}
}

// TestModule: the plugin works with the SDK as a module, far from its source.
func TestModule(t *testing.T) {
	const version = "v0.0.1-test"
	proxy := publish(t, version)
	dir := filepath.Join(t.TempDir(), "mybot")
	if _, err := (Plugin{Dir: dir, Template: "turn", Version: version}).Write(); err != nil {
		t.Fatal(err)
	}
	had := strings.TrimSpace(run(t, dir, nil, "go", "env", "GOMODCACHE"))
	env := []string{
		"GOPROXY=file://" + proxy + ",file://" + filepath.Join(had, "cache", "download"), "GONOSUMDB=*", "GONOSUMCHECK=1",
		"GOMODCACHE=" + filepath.Join(t.TempDir(), "mod"), "GOFLAGS=-modcacherw",
	}
	run(t, dir, env, "go", "mod", "tidy")
	run(t, dir, env, "go", "test", "./...")
	run(t, dir, env, "go", "build", "-o", "bin/", ".", SDK+"/cmd/byova-host")
	if said := run(t, dir, env, "bin/byova-host", "version"); !strings.Contains(said, "byova-host ") {
		t.Errorf("version: %s", said)
	}
}

// publish makes a module proxy of files that has this module at a version.
func publish(t *testing.T, version string) (proxy string) {
	t.Helper()
	proxy, from := t.TempDir(), root(t)
	at := filepath.Join(proxy, filepath.FromSlash(SDK), "@v")
	if err := os.MkdirAll(at, 0o700); err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	for file := range strings.SplitSeq(strings.Trim(run(t, from, nil, "git", "ls-files", "-z", "-co", "--exclude-standard"), "\x00"), "\x00") {
		if strings.HasPrefix(file, "internal/tools/") {
			continue // a module of its own
		}
		text, err := os.ReadFile(filepath.Join(from, file))
		if err != nil {
			continue // it is being removed
		}
		entry, err := w.Create(SDK + "@" + version + "/" + file)
		if err == nil {
			_, err = entry.Write(text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := json.Marshal(map[string]string{"Version": version})
	if err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile(filepath.Join(from, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for ending, text := range map[string][]byte{".info": info, ".mod": mod, ".zip": archive.Bytes()} {
		if err := os.WriteFile(filepath.Join(at, version+ending), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return proxy
}

// TestRefused: what cannot be written is said, and nothing is left or overwritten.
func TestRefused(t *testing.T) {
	full := filepath.Join(t.TempDir(), "full")
	if err := os.MkdirAll(full, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(full, "main.go"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, dir string
		change    func(*Plugin)
		says      string
	}{
		{"not empty", full, nil, "is not empty (it has main.go)"},
		{"no name", filepath.Join(t.TempDir(), "my bot"), nil, `"my bot" cannot be a plugin's name`},
		{"template", filepath.Join(t.TempDir(), "bot"), func(p *Plugin) { p.Template = "magic" }, "want one of turn, event, streaming"},
		{"the host's name", filepath.Join(t.TempDir(), "byova-host"), nil, "that is the host's own name"},
		{"no source", filepath.Join(t.TempDir(), "bot"), func(p *Plugin) { p.Checkout = t.TempDir() }, "use the source of the SDK"},
		{"below a file", filepath.Join(full, "main.go", "bot"), nil, "look into the plugin's directory"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := Plugin{Dir: test.dir, Template: "turn", Version: "v1.0.0"}
			if test.change != nil {
				test.change(&p)
			}
			if _, err := p.Write(); err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v, want %q", err, test.says)
			}
			if left, _ := os.ReadDir(test.dir); len(left) > 0 && test.dir != full {
				t.Errorf("left: %v", left)
			}
		})
	}
	if text, err := os.ReadFile(filepath.Join(full, "main.go")); err != nil || string(text) != "mine" {
		t.Errorf("main.go is %q now, %v", text, err)
	}
}

// TestNames: a plugin may be called what a package of Go is, and its SDK may stand where a
// path has spaces.
func TestNames(t *testing.T) {
	sdk := filepath.Join(t.TempDir(), "my sdk (2)")
	if err := os.Symlink(root(t), sdk); err != nil {
		t.Skip(err)
	}
	for _, name := range []string{"plugin", "go"} {
		dir := filepath.Join(t.TempDir(), name)
		if _, err := (Plugin{Dir: dir, Template: "turn", Checkout: sdk}).Write(); err != nil {
			t.Fatal(err)
		}
		for _, line := range []string{"go mod tidy", "go vet ./..."} {
			run(t, dir, []string{"GOPROXY=off"}, strings.Fields(line)...)
		}
	}
}

// TestHalfWritten: a file that could not be written is not left, nor are those before it.
func TestHalfWritten(t *testing.T) {
	dir := t.TempDir()
	v, err := Plugin{Dir: filepath.Join(dir, "bot"), Template: "turn", Version: "v1.0.0"}.values()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "main.go"), 0o700); err != nil { // in the way
		t.Fatal(err)
	}
	files, err := v.writeAll("templates/turn", dir)
	if err == nil || !slices.Contains(files, "main.go") {
		t.Errorf("%v, %v: what was begun is not told", files, err)
	}
}

// TestReplacement: within the SDK's source the plugin names it by a relative path, and
// elsewhere by an absolute one.
func TestReplacement(t *testing.T) {
	for _, test := range []struct{ dir, checkout, want string }{
		{"/src/host/bots/mine", "/src/host", "../.."},
		{"/src/host/mine", "/src/host", ".."},
		{"/src/mine", "/src/host", "/src/host"},
		{"/src/hosted/mine", "/src/host", "/src/host"},
		{"/src/mine", "/my src/host", `"/my src/host"`},
	} {
		if got, err := replacement(test.dir, test.checkout); err != nil || got != test.want {
			t.Errorf("replacement(%s, %s) = %q, %v, want %q", test.dir, test.checkout, got, err, test.want)
		}
	}
}
