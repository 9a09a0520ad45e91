//go:build unix

package examples

import (
	"bufio"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/byova-host/byova-host/host/config"
	"github.com/byova-host/byova-host/internal/caller"
	"github.com/byova-host/byova-host/internal/hosttest"
)

func TestMain(m *testing.M) { hosttest.Main(m) }

// parts are the directories here that are no examples, but what those are made of.
var parts = []string{"backends", "calls", "config", "speech"}

// said is what the call of an example hears in full, in this order.
var said = map[string][]string{
	"barge-in": {
		"This call may be recorded.", "We are open from Monday to Friday.", "Okay, one moment.",
		"On Saturday and on Sunday our office is closed.", "To leave a message, press 1.", "Thank you for calling.", "Goodbye.",
	},
	"custom-event": {
		"Please enter your order number, and then press the pound key.", "One moment, please.",
		"Sorry, something went wrong.", "One moment, please.", "Your order is here on Friday.", "Goodbye.",
	},
	"media-server-dtmf":      {"You entered 4 0 star 7.", "Please hold while I connect you."},
	"media-server-minimal":   {"Hello, and welcome.", "How can I help you?", "Thank you for calling.", "Goodbye."},
	"media-server-multiturn": {"Hello, and welcome.", "Please say your name.", "Thank you.", "You are", "from", "Thank you for calling.", "Goodbye."},
	"no-input": {
		"What can I do for you?", "I did not hear anything.", "Please say that again.", "Can I help you with anything else?",
		"I did not hear anything.", "Please say that again.", "Please speak, or press a key.", "Please hold while I transfer your call.",
	},
	"saved-state":      {"Please press a key.", "You pressed 1 2 3 4."},
	"sensitive-input":  {"Thank you.", "The last 4 are 5 4 3 2.", "Thank you.", "Please hold."},
	"streaming-answer": {"Hello.", "What can I do for you?"},
	"transfer":         {"Thank you.", "How can I help you?", "Please hold while I connect you."},
}

// examples are the directories of them.
func examples(t *testing.T) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && !slices.Contains(parts, e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names
}

func exists(path ...string) bool {
	_, err := os.Stat(filepath.Join(path...))
	return err == nil
}

// build builds all that the examples need, with the names that they have in a checkout.
func build(t *testing.T, names []string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	bots := []string{"./backends/echo-twilio"}
	for _, name := range names {
		if exists(name, "main.go") {
			bots = append(bots, "./"+name)
		}
	}
	for to, packages := range map[string][]string{
		"bin/": {"../cmd/byova-host", "../internal/byodsdemo"}, "bin/plugins/": {"../plugins/echo", "../plugins/wsproxy"}, "bin/examples/": bots,
	} {
		cmd := exec.Command("go", append([]string{"build", "-o", filepath.Join(dir, to) + "/"}, packages...)...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	return dir
}

// TestExamples plays the call of each example, or its steps at Webex, all at once.
func TestExamples(t *testing.T) {
	names := examples(t)
	dir := build(t, names)
	var all sync.WaitGroup
	for _, name := range names {
		all.Go(func() {
			t.Run(name, func(t *testing.T) {
				switch {
				case exists(name, "steps"):
					playSteps(t, dir, name)
				case exists(name, "call.yaml"):
					playCall(t, dir, name)
				default:
					t.Error("it has neither a call.yaml nor steps")
				}
			})
		})
	}
	all.Wait()
}

// playCall serves an example and plays its call.
func playCall(t *testing.T, dir, name string) {
	if exists(name, "bot.py") && exec.Command("python3", "-c", "import cryptography, google.protobuf, grpc").Run() != nil {
		t.Skip("python3 has no gRPC")
	}
	script, err := os.ReadFile(filepath.Join(name, "call.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	h := hosttest.Serve(t, name, nil, configure(t, dir, name))
	var watch []func(caller.Entry)
	if exists(name, "meanwhile.sh") {
		watch = append(watch, meanwhile(t, dir, name, h))
	}
	r := h.Call(t, "", string(script), watch...)
	for _, f := range r.Verdict.With(caller.Warned) {
		t.Errorf("the rule %+v is not kept well", f)
	}
	if want := said[name]; want != nil {
		hosttest.WantSaid(t, hosttest.Heard(t, r), want...)
	} else if speaks(t, name) {
		t.Error("said has no words of it")
	}
	for _, word := range []string{"the host refused a command", "unspoken", "lacks", "4929123498765432", "98765432", "8642"} {
		if h.Log.Count(word) > 0 {
			t.Errorf("the log has %q", word)
		}
	}
}

// configure has the host serve an example.
func configure(t *testing.T, dir, name string) func(*config.Config) {
	t.Helper()
	switch {
	case exists(name, "main.go"):
		return func(c *config.Config) { c.Plugins[0].Path = filepath.Join(dir, "bin/examples", name) }
	case exists(name, "bot.py"):
		return func(c *config.Config) { c.Plugins[0].Path = absolute(t, filepath.Join(name, "bot.py")) }
	}
	loaded, problems := config.Load(filepath.Join(name, "host.yaml"), []string{"BOT=" + backend(t, dir)})
	for _, p := range problems {
		if !p.Warning && !strings.Contains(p.Key, "path") { // what is built here stands elsewhere
			t.Errorf("host.yaml: %+v", p)
		}
	}
	return func(c *config.Config) {
		c.Plugins = loaded.Plugins
		c.Plugins[0].Path = filepath.Join(dir, "bin/plugins", c.Plugins[0].Name)
	}
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// backend starts a bot that is reached by WebSocket, and gives its address.
func backend(t *testing.T, dir string) string {
	t.Helper()
	cmd := exec.Command(filepath.Join(dir, "bin/examples/echo-twilio"), "--listen", "127.0.0.1:0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
}

// meanwhile runs what an example does to the host while the call is up. It gets the timeline.
func meanwhile(t *testing.T, dir, name string, h *hosttest.Host) func(caller.Entry) {
	t.Helper()
	cmd := exec.Command(absolute(t, filepath.Join(name, "meanwhile.sh")), h.Admin)
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("meanwhile.sh: %v", err)
		}
	})
	return caller.NewTimeline(in).Log
}

// playSteps plays the steps of an example against a Webex in another process.
func playSteps(t *testing.T, dir, name string) {
	cmd := exec.Command(filepath.Join(dir, "bin/byodsdemo"), filepath.Join(dir, "bin/byova-host"), filepath.Join(dir, "bin/examples/media-server-dtmf"), name)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
}

// TestDocumented holds that each example has a section in the page of them, with its
// command and with code that is the example's.
func TestDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/examples.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range examples(t) {
		_, section, found := strings.Cut(string(page), "\n## "+name+"\n")
		section, _, _ = strings.Cut(section, "\n## ")
		if !found || !strings.Contains(section, "\n    make example NAME="+name+"\n") {
			t.Errorf("docs/examples.md has no section %s with its command", name)
		}
		parts := strings.Split(section, "```go\n")
		if len(parts) == 1 {
			continue
		}
		source, err := os.ReadFile(filepath.Join(name, "main.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range parts[1:] {
			code, _, _ := strings.Cut(part, "```")
			if !strings.Contains(unindented(string(source)), unindented(code)) {
				t.Errorf("docs/examples.md shows code that %s does not have:\n%s", name, code)
			}
		}
	}
}

// TestListed holds that `make examples` says something of each.
func TestListed(t *testing.T) {
	list, err := exec.Command("./run.sh").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range examples(t) {
		if !regexp.MustCompile(`(?m)^` + name + ` +[A-Z].*\.$`).Match(list) {
			t.Errorf("it is not said in a sentence what %s is", name)
		}
	}
}

// unindented is code with nothing before its lines.
func unindented(code string) string {
	return regexp.MustCompile(`(?m)^[ \t]+`).ReplaceAllString(code, "")
}

// TestSentences holds that all that the examples could say has words that the host can
// speak with nothing installed.
func TestSentences(t *testing.T) {
	for _, name := range examples(t) {
		for _, text := range sentences(t, name) {
			hosttest.Spoken(t, text)
		}
	}
}

// speaks says whether an example has texts spoken.
func speaks(t *testing.T, name string) bool { return len(sentences(t, name)) > 0 }

// sentences are the texts in a bot that end as sentences do.
func sentences(t *testing.T, name string) (all []string) {
	t.Helper()
	path := filepath.Join(name, "main.go")
	if !exists(path) {
		return nil
	}
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			text, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			if len(text) > 1 && strings.ContainsAny(text[len(text)-1:], ".?") {
				all = append(all, strings.TrimLeft(text, ". "))
			}
		}
		return true
	})
	return all
}
