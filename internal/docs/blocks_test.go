//go:build unix

package docs

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var blocks = flag.Bool("blocks", false, "run what the documents show")

func TestMarks(t *testing.T) {
	for _, p := range documents(t, tree(t)) {
		report(t, checkMarks(p))
	}
	p, _ := parse("a.md", "<!-- run -->\n```yaml\na: 1\n```\n<!-- server -->\n```\nserve\n```\n<!-- run -->\n```sh\ntrue\n```\n")
	if got := checkMarks(p); len(got) != 2 || got[0].line != 2 || got[1].line != 6 {
		t.Errorf("marks: %v", got)
	}
}

// TestBlocks runs the marked blocks of all documents, a page after the other, because
// they serve on the same port.
func TestBlocks(t *testing.T) {
	if !*blocks {
		t.Skip("runs with -blocks, as `make docs-test` does")
	}
	files := tree(t)
	built := t.TempDir()
	if err := copyTree(built, root, files); err != nil {
		t.Fatal(err)
	}
	cache := goEnv(t)
	build := exec.Command("make", "build")
	build.Dir, build.Env = built, append(os.Environ(), cache...)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("make build: %v\n%s", err, out)
	}
	for _, p := range documents(t, files) {
		if !slices.ContainsFunc(p.blocks, block.runs) {
			continue
		}
		t.Run(p.path, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(built)); err != nil {
				t.Fatal(err)
			}
			r := runner{dir: dir, env: append(home(t, dir), cache...), limit: 3 * time.Minute}
			if err := r.run(p); err != nil {
				t.Error(err)
			}
		})
	}
}

// goEnv has the caches of Go, which the blocks share, and has what is built not depend on
// where it is.
func goEnv(t *testing.T) []string {
	t.Helper()
	names := []string{"GOPATH", "GOCACHE", "GOMODCACHE"}
	out, err := exec.Command("go", append([]string{"env"}, names...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"GOFLAGS=" + os.Getenv("GOFLAGS") + " -trimpath", "CGO_ENABLED=0"}
	for i, value := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		env = append(env, names[i]+"="+value)
	}
	return env
}

// home is the environment of a user who has nothing yet, with bin/ in the PATH.
func home(t *testing.T, dir string) []string {
	t.Helper()
	own, err := os.MkdirTemp("", "docs") // short: sockets are below it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(own) })
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "BYOVA_") || strings.HasPrefix(v, "WEBEX_") || strings.HasPrefix(v, "XDG_")
	})
	return append(env, "HOME="+own, "XDG_RUNTIME_DIR="+own, "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"))
}

// TestRunner: blocks run in order and in one place, and one that fails is named.
func TestRunner(t *testing.T) {
	const listen = "echo ready; trap 'echo bye >ended; exit' INT; echo listening on 1; while :; do read x <fifo || :; done"
	for _, test := range []struct{ name, text, want string }{
		{"in order", mark("run", "echo 1 >f") + "```sh\nexit 1\n```\n" + mark("run", "test $(cat f) = 1\n"), ""},
		{"a status", "\n" + mark("run", "true") + mark("run", "echo why; exit 3"), "a.md:7: this block failed: exit status 3\nwhy\n"},
		{"a command before the last", mark("run", "false\ntrue"), "a.md:2: this block failed: exit status 1\n"},
		{"a variable that is not set", mark("run", "echo $x; true"), "a.md:2: this block failed: exit status 2\n"},
		{"too long", mark("run", "cat fifo"), "a.md:2: this block failed: not ended after 300ms\n"},
		{"in the background", mark("run", "cat fifo & echo $! >pid") + mark("run", "kill -0 $(cat pid)"), ""},
		{"a server", mark("server", listen) + mark("run", "test ! -e ended") + mark("server", listen) + mark("run", "test -e ended"), ""},
		{"servers beside each other", mark("server", "echo listening on 1; cat fifo") + mark("another server", listen) + mark("run", "test ! -e ended") + mark("server", listen) + mark("run", "test -e ended"), ""},
		{"a block fails beside a server", mark("server", listen) + mark("run", "false"), "a.md:6: this block failed: exit status 1\n--- the server:\nready\nlistening on 1\n"},
		{"a server that does not start", mark("server", "echo no; exit 1"), "a.md:2: this server ended before it listened: exit status 1\nno\n"},
		{"a server that says nothing", mark("server", "cat fifo"), "a.md:2: this server does not listen after 300ms\n"},
		{"a server that does not stay", mark("server", "echo $$ >pid; echo listening on 1") + mark("run", "while kill -0 $(cat pid); do :; done"), "the server ended by itself: exit status 0\nlistening on 1\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			if out, err := exec.Command("mkfifo", filepath.Join(dir, "fifo")).CombinedOutput(); err != nil {
				t.Fatalf("mkfifo: %v %s", err, out)
			}
			p, problems := parse("a.md", test.text)
			report(t, problems)
			r := runner{dir: dir, env: os.Environ(), limit: time.Minute}
			if strings.Contains(test.want, "after 300ms") {
				r.limit = 300 * time.Millisecond
			}
			got := ""
			if err := r.run(p); err != nil {
				got = err.Error()
			}
			if strings.HasPrefix(test.want, "a.md:2: this block failed: exit status 2") {
				got = strings.SplitAfter(got, "\n")[0] // shells say it in their own ways
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if pid, err := os.ReadFile(filepath.Join(dir, "pid")); err == nil {
				gone(t, strings.TrimSpace(string(pid)))
			}
		})
	}
}

// mark is a block of four lines with a mark.
func mark(how, code string) string {
	return fmt.Sprintf("<!-- %s -->\n```sh\n%s\n```\n", how, strings.TrimSuffix(code, "\n"))
}

// gone waits for a process of a block to end.
func gone(t *testing.T, pid string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); <-time.After(5 * time.Millisecond) {
		state, err := exec.Command("ps", "-o", "stat=", "-p", pid).Output()
		if err != nil || strings.HasPrefix(string(state), "Z") {
			return
		}
	}
	t.Errorf("process %s is still there", pid)
}
