//go:build unix

package plugintest

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// root is the module's directory.
const root = "../../.."

// built builds a program of this module, and returns its path.
func built(t *testing.T, dir, from string) string {
	t.Helper()
	path := filepath.Join(dir, filepath.Base(from))
	build := exec.CommandContext(t.Context(), "go", "build", "-o", path, "./"+from)
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", from, err, out)
	}
	return path
}

// backend starts a bot on its own, for wsproxy, and returns its address.
func backend(t *testing.T, dir string) string {
	t.Helper()
	command := exec.Command(built(t, dir, "examples/backends/echo-byova"), "-listen", "127.0.0.1:0")
	out, err := command.StdoutPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Process.Kill(); _ = command.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the backend did not start: %v", err)
	}
	return "ws://" + strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
}

// programs are the bots of this module: the bundled plugins, the examples that are built, and one
// that was built against the first protocol.
func programs(t *testing.T, dir string) (paths []string, settings map[string]map[string]any) {
	t.Helper()
	from := []string{"plugins/echo", "plugins/tts-greeter", "plugins/wsproxy", "internal/compat/bot10"}
	examples, err := filepath.Glob(filepath.Join(root, "examples", "*", "main.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, main := range examples {
		from = append(from, "examples/"+filepath.Base(filepath.Dir(main)))
	}
	for _, f := range from {
		paths = append(paths, built(t, dir, f))
	}
	return paths, map[string]map[string]any{
		"wsproxy": {"adapter": "byova-json", "url": backend(t, dir)},
	}
}

// TestPlugins: every plugin of this module keeps the contract.
func TestPlugins(t *testing.T) { conform(t, programs) }

// TestPython: so does the one in Python. make test-python finds a Python that can run it.
func TestPython(t *testing.T) {
	if os.Getenv("BYOVA_TEST_PYTHON") == "" {
		t.Skip("needs a Python with gRPC: make test-python runs it")
	}
	conform(t, func(*testing.T, string) ([]string, map[string]map[string]any) {
		return []string{filepath.Join(root, "examples", "plugin-python", "bot.py")}, nil
	})
}

// conform verifies plugins, some at a time: they wait for most of it.
func conform(t *testing.T, programs func(*testing.T, string) ([]string, map[string]map[string]any)) {
	t.Helper()
	dir := t.TempDir()
	paths, settings := programs(t, dir)
	reports, errs, logs := make([]*Report, len(paths)), make([]error, len(paths)), make([]output, len(paths))
	var verifying sync.WaitGroup
	free := make(chan struct{}, 5)
	for i, path := range paths {
		verifying.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			reports[i], errs[i] = Verify(t.Context(), path, VerifyOptions{Settings: settings[filepath.Base(path)], Log: &logs[i]})
		})
	}
	verifying.Wait()
	for i, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			if errs[i] != nil {
				t.Fatal(errs[i])
			}
			for _, c := range reports[i].Checks {
				if c.Outcome != Kept {
					t.Logf("%s: %s: %s", c.Outcome, c.Name, strings.Join(c.Why, "; "))
				}
			}
			if !reports[i].OK() {
				t.Errorf("the contract is not kept; the log:\n%s", logs[i].String())
			}
		})
	}
}
