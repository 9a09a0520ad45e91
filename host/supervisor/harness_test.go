//go:build unix

package supervisor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/byova-host/byova-host/host/session"
	"github.com/byova-host/byova-host/internal/logtest"
	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

// limit is for what must happen, and soon does.
const limit = 20 * time.Second

const (
	saved     = pluginv1.DescribeResponse_RESUME_SAVED
	stateless = pluginv1.DescribeResponse_RESUME_STATELESS
)

// host is a supervisor under test. When the test ends nothing may be left of it.
type host struct {
	*Supervisor
	t    *testing.T
	dir  string
	pids string
	log  *logtest.Log
}

func newHost(t *testing.T) *host {
	t.Helper()
	dir, err := os.MkdirTemp("", "sup")
	if err != nil {
		t.Fatal(err)
	}
	h := &host{t: t, dir: dir, pids: filepath.Join(t.TempDir(), "pids"), log: &logtest.Log{}}
	t.Cleanup(h.end)
	return h
}

func (h *host) config(plugins ...Plugin) Config {
	log := hclog.New(&hclog.LoggerOptions{Output: h.log, Level: hclog.Debug})
	return Config{Plugins: plugins, Dir: h.dir, Log: log}
}

func start(t *testing.T, plugins ...Plugin) *host {
	t.Helper()
	h := newHost(t)
	h.start(h.config(plugins...))
	return h
}

func (h *host) start(c Config) {
	h.t.Helper()
	var err error
	if h.Supervisor, err = Start(h.t.Context(), c); err != nil {
		h.t.Fatal(err)
	}
}

// end stops the host and looks for what is left.
func (h *host) end() {
	if h.Supervisor != nil {
		h.Stop(context.Background())
	}
	if left, _ := os.ReadDir(h.dir); len(left) > 0 {
		h.t.Errorf("left in the directory: %v", left)
	}
	for _, pid := range h.started() {
		if err := syscall.Kill(pid, 0); err == nil {
			h.t.Errorf("process %d is left", pid)
		}
	}
	os.RemoveAll(h.dir)
	if h.t.Failed() {
		h.t.Log(h.log.String())
	}
}

// started are the numbers of all processes of bots that were told to say theirs.
func (h *host) started() (all []int) {
	text, _ := os.ReadFile(h.pids)
	for word := range strings.FieldsSeq(string(text)) {
		pid, err := strconv.Atoi(word)
		if err != nil {
			h.t.Fatal(err)
		}
		all = append(all, pid)
	}
	return all
}

// bot is one with an agent of the version's own sort.
func (h *host) bot(version string) bot {
	return bot{Version: version, Agents: []string{"a"}, State: 1, Resume: saved, Pids: h.pids}
}

func (h *host) plugin(b bot) Plugin {
	return Plugin{Name: "p", Path: b.file(h.t, "p")}
}

func (h *host) find(name string) *plugin {
	h.t.Helper()
	p, err := h.Supervisor.find(name)
	if err != nil {
		h.t.Fatal(err)
	}
	return p
}

// until waits until something is so of a plugin, which is locked meanwhile.
func (h *host) until(name, what string, is func(p *plugin) bool) {
	h.t.Helper()
	p := h.find(name)
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	for {
		p.mu.Lock()
		done, changed := is(p), p.changed
		p.mu.Unlock()
		if done {
			return
		}
		if !pause(ctx, changed, limit) {
			h.t.Fatalf("never: %s; %+v", what, h.Status())
		}
	}
}

func (h *host) awaitState(state string) {
	h.t.Helper()
	h.until("p", "state "+state, func(p *plugin) bool { return p.current.state() == state })
}

// kill ends the process of a generation.
func (h *host) kill(generation int) {
	h.t.Helper()
	for _, s := range h.Status() {
		if s.Generation == generation && s.Pid != 0 {
			if err := syscall.Kill(s.Pid, syscall.SIGKILL); err != nil {
				h.t.Fatal(err)
			}
			return
		}
	}
	h.t.Fatalf("generation %d has no process: %+v", generation, h.Status())
}

// states are the generations as "number state sessions percent".
func (h *host) states() (all []string) {
	for _, s := range h.Status() {
		all = append(all, strings.Join([]string{s.Name, strconv.Itoa(s.Generation), s.State, strconv.Itoa(s.Sessions), strconv.Itoa(s.Percent)}, " "))
	}
	return all
}

func (h *host) wantStates(want ...string) {
	h.t.Helper()
	if got := h.states(); !slices.Equal(got, want) {
		h.t.Errorf("generations = %q, want %q", got, want)
	}
}

func (h *host) swap(path string, o SwapOptions) Swapped {
	h.t.Helper()
	o.Path = path
	done, err := h.Swap(h.t.Context(), "p", o)
	if err != nil {
		h.t.Fatal(err)
	}
	return done
}

// caller is a session as far as the supervisor sees it: it resumes when its process
// is lost, and moves when it is asked to.
type caller struct {
	t       *testing.T
	state   session.State
	suspect int  // that it claims when it is lost
	stays   bool // it declines to move
	ctx     context.Context
	end     context.CancelFunc
	resumes sync.WaitGroup

	mu       sync.Mutex
	changed  chan struct{}
	call     session.AgentCall
	part     int
	said     []string
	lost     []error
	asked    int // to move
	resumed  int
	fallback error
	over     bool
}

// begin opens a call for agent a.
func (h *host) begin(of ...func(*caller)) *caller {
	h.t.Helper()
	c, err := h.try("a", of...)
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

func (h *host) try(agent string, of ...func(*caller)) (*caller, error) {
	c := &caller{t: h.t, changed: make(chan struct{})}
	c.ctx, c.end = context.WithCancel(context.Background())
	for _, set := range of {
		set(c)
	}
	call, err := h.Open(h.t.Context(), "org", agent, &part{c, 0})
	if err != nil {
		c.end()
		return nil, err
	}
	c.mu.Lock()
	c.call = call
	c.mu.Unlock()
	h.t.Cleanup(func() { c.hangUp(session.EndedByCaller) })
	c.send(session.Started{SessionID: "s", Credit: 1 << 16})
	return c, nil
}

func with(state string, version uint32) func(*caller) {
	return func(c *caller) { c.state = session.State{Data: []byte(state), Version: version} }
}

func suspect(n int) func(*caller) { return func(c *caller) { c.suspect = n } }

func (c *caller) now() session.AgentCall {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.call
}

func (c *caller) send(body session.EventBody) {
	if err := c.now().Send(session.Event{Body: body}); err != nil {
		c.t.Errorf("send: %v", err)
	}
}

func (c *caller) press(keys string) { c.send(session.DTMFEntry{Digits: keys}) }

func (c *caller) hangUp(reason session.EndReason) {
	c.end()
	c.change(func() { c.over = true })
	c.resumes.Wait()
	c.now().Close(reason)
}

func (c *caller) change(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
	close(c.changed)
	c.changed = make(chan struct{})
}

// until waits until something is so of the call.
func (c *caller) until(what string, is func() bool) {
	c.t.Helper()
	late := time.After(limit)
	for {
		c.mu.Lock()
		done, changed := is(), c.changed
		c.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-late:
			c.t.Fatalf("never: %s; said %q, lost %v, fallback %v", what, c.said, c.lost, c.fallback)
		}
	}
}

// hears waits for what the bot says next.
func (c *caller) hears(want ...string) {
	c.t.Helper()
	c.until("hears "+strings.Join(want, ", "), func() bool { return len(c.said) >= len(want) || c.fallback != nil })
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Equal(c.said, want) {
		c.t.Fatalf("heard %q, want %q (fallback %v)", c.said, want, c.fallback)
	}
	c.said = nil
}

func (c *caller) failed() error {
	c.t.Helper()
	c.until("gets the fallback", func() bool { return c.fallback != nil })
	return c.fallback
}

// resume goes on in another process, as a session does. It is called within change.
func (c *caller) resume(number int) {
	if c.over {
		return
	}
	c.part = number
	c.resumes.Go(func() {
		next := &part{c, number}
		call, err := c.now().Resume(c.ctx, session.Resumption{State: c.state, Suspect: c.suspect}, next)
		c.change(func() {
			if err != nil {
				c.fallback = err
			} else {
				c.call, c.resumed = call, c.resumed+1
			}
		})
		if err == nil {
			c.send(session.Started{SessionID: "s", Credit: 1 << 16, Resumed: &session.Resumed{State: c.state}})
		}
	})
}

// part is the caller's sink at one process.
type part struct {
	*caller
	number int
}

func (p *part) Command(c session.Command) {
	if leave, ok := c.Body.(session.Leave); ok {
		p.change(func() { p.said = append(p.said, leave.Name) })
	}
}

func (p *part) Lost(err error) {
	p.change(func() {
		p.lost = append(p.lost, err)
		switch {
		case p.number != p.part: // it goes on elsewhere already
		case errors.Is(err, session.ErrNoResume):
			p.fallback = err
		default:
			p.resume(p.number + 1)
		}
	})
}

func (p *part) Move(reads func(uint32) bool) {
	moves := false
	p.change(func() {
		p.asked++
		moves = p.number == p.part && !p.stays
	})
	if moves && (len(p.state.Data) == 0 || reads(p.state.Version)) {
		p.send(session.Ended{Reason: session.EndedMoved})
		p.change(func() { p.resume(p.number + 1) })
	}
}
