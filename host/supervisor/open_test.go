//go:build unix

package supervisor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/byova-host/byova-host/host/session"
)

// Of many that come at once exactly as many get in as there is room for, also while
// the process dies.
func TestAdmission(t *testing.T) {
	h := newHost(t)
	p := h.plugin(h.bot("1"))
	p.Sessions = 7
	h.start(h.config(p))
	for round := range 3 {
		var in, full atomic.Int64
		var all sync.WaitGroup
		var mu sync.Mutex
		var calls []*caller
		for range 40 {
			all.Go(func() {
				c, err := h.try("a")
				switch {
				case err == nil:
					in.Add(1)
					mu.Lock()
					calls = append(calls, c)
					mu.Unlock()
				case errors.Is(err, session.ErrFull) && strings.Contains(err.Error(), `plugin "p" has all of its 7 calls`):
					full.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		if in.Load() != 7 || full.Load() != 33 {
			t.Fatalf("round %d: %d got in, %d were refused", round, in.Load(), full.Load())
		}
		h.kill(1) // those that resume keep their slots
		for _, c := range calls {
			c.until("resumed", func() bool { return c.resumed == 1 })
		}
		if _, err := h.try("a"); !errors.Is(err, session.ErrFull) {
			t.Errorf("one more: %v", err)
		}
		for _, c := range calls {
			all.Go(func() { c.hangUp(session.EndedByCaller); c.hangUp(session.EndedByCaller) })
		}
		all.Wait()
	}
}

func TestRouting(t *testing.T) {
	h := newHost(t)
	make := func(name string, orgs []string, change func(*bot)) Plugin {
		b := h.bot(name)
		change(&b)
		return Plugin{Name: name, Path: b.file(t, name), Orgs: orgs}
	}
	h.start(h.config(
		make("red", []string{"r"}, func(b *bot) { b.Agents = []string{"house", "a"} }),
		make("blue", []string{"b", "b2"}, func(b *bot) { b.Agents = []string{"a", "sea"} }),
		make("all", nil, func(b *bot) { b.Agents, b.Private = []string{"main"}, map[string][]string{"b": {"secret"}} }),
	))
	for _, test := range []struct{ org, agent, want string }{
		{"r", "a", "red"}, {"b", "a", "blue"}, {"b2", "a", "blue"}, {"r", "main", "all"}, {"b", "main", "all"},
		{"r", "", "red house"}, {"b", "", "blue a"}, {"other", "", "all main"},
		{"b", "secret", "all"}, {"r", "secret", ""}, {"other", "a", ""}, {"r", "sea", ""},
	} {
		opened, err := h.Open(t.Context(), test.org, test.agent, &part{})
		if test.want == "" {
			if !errors.Is(err, session.ErrUnknownAgent) {
				t.Errorf("%+v: %v", test, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%+v: %v", test, err)
			continue
		}
		name, agent, _ := strings.Cut(test.want, " ")
		if agent == "" {
			agent = test.agent
		}
		if got := opened.(*call).plugin.name; got != name || opened.Agent() != agent {
			t.Errorf("%+v: %s %s", test, got, opened.Agent())
		}
		opened.Close(session.EndedByCaller)
	}
	for org, want := range map[string]string{
		"r": "house* a main", "b": "a* sea main secret", "b2": "a* sea main", "other": "main*", "": "main*",
	} {
		list, err := h.List(t.Context(), org)
		var got []string
		for _, a := range list {
			got = append(got, a.ID+map[bool]string{true: "*"}[a.Default])
		}
		if strings.Join(got, " ") != want || err != nil {
			t.Errorf("%q is offered %q, want %q (%v)", org, got, want, err)
		}
	}
}

// An organisation that no plugin serves is told so.
func TestNoAgentForAnOrganisation(t *testing.T) {
	h := newHost(t)
	p := h.plugin(h.bot("1"))
	p.Orgs = []string{"r"}
	h.start(h.config(p))
	_, err := h.Open(t.Context(), "b", "", &part{})
	if !errors.Is(err, session.ErrUnknownAgent) || !strings.Contains(err.Error(), `none for organisation "b"`) {
		t.Error(err)
	}
}

// Two plugins with the same agent for the same organisation are an error that names
// both, whatever comes first.
func TestCollisions(t *testing.T) {
	h := newHost(t)
	file := h.bot("1").file(t, "p")
	for _, test := range []struct {
		one, two []string
		want     bool
	}{
		{nil, nil, true}, {nil, []string{"r"}, true}, {[]string{"r"}, nil, true},
		{[]string{"r", "b"}, []string{"b"}, true}, {[]string{"r"}, []string{"b"}, false},
	} {
		s, err := Start(t.Context(), h.config(Plugin{Name: "one", Path: file, Orgs: test.one}, Plugin{Name: "two", Path: file, Orgs: test.two}))
		if err == nil {
			s.Stop(context.Background())
		}
		if said := err != nil && strings.Contains(err.Error(), `plugins "one" and "two" both offer virtual agent "a"`); said != test.want {
			t.Errorf("%v and %v: %v", test.one, test.two, err)
		}
	}
}

func TestStartRefuses(t *testing.T) {
	h := newHost(t)
	good := h.plugin(h.bot("1"))
	none := h.bot("1")
	none.Agents = nil
	for _, test := range []struct {
		name    string
		plugins []Plugin
		want    string
	}{
		{"no agents", []Plugin{h.plugin(none)}, "no plugin offers a virtual agent"},
		{"two of a name", []Plugin{good, good}, `two plugins are named "p"`},
		{"a pin that is not kept", []Plugin{{Name: "p", Path: good.Path, SHA256: strings.Repeat("ab", 32)}}, `start plugin "p": copy plugin ` + good.Path + ": its sha256 is"},
		{"the second is missing", []Plugin{good, {Name: "q", Path: "/none"}}, `start plugin "q": copy plugin /none: no such file`},
	} {
		s, err := Start(t.Context(), h.config(test.plugins...))
		if err == nil {
			s.Stop(context.Background())
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
}

// The agents of a plugin are known while it has no process.
func TestListWhileRestarting(t *testing.T) {
	h := start(t, newBotPlugin(t, "1"))
	p := h.find("p")
	p.mu.Lock()
	process := p.current.process
	p.current.process = nil
	p.mu.Unlock()
	list, err := h.List(t.Context(), "")
	if err != nil || len(list) != 1 || list[0].ID != "a" || !list[0].Default {
		t.Errorf("list = %+v, %v", list, err)
	}
	p.mu.Lock()
	p.current.process = process
	p.mu.Unlock()
}

// Stop may come at any time: nothing is left of what was under way.
func TestStopAtAnyTime(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(h *host, bad bot)
	}{
		{"with calls", func(h *host, _ bot) { h.begin() }},
		{"while it restarts", func(h *host, _ bot) { h.begin(); h.kill(1) }},
		{"with calls that drain", func(h *host, b bot) { h.begin(); h.swap(b.file(h.t, "p"), SwapOptions{}) }},
		{"with a canary", func(h *host, b bot) { h.swap(b.file(h.t, "p"), SwapOptions{Canary: 50}) }},
		{"while a candidate starts", func(h *host, b bot) { h.later(b, SwapOptions{}) }},
		{"while a swap waits", func(h *host, b bot) {
			h.begin(func(c *caller) { c.stays = true })
			h.swap(b.file(h.t, "p"), SwapOptions{})
			waits := make(chan struct{})
			var once sync.Once
			h.later(b, SwapOptions{Progress: func(string) { once.Do(func() { close(waits) }) }})
			<-waits
		}},
	} {
		for _, standby := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, standby %v", test.name, standby), func(t *testing.T) {
				h := newHost(t)
				p := h.plugin(h.bot("1"))
				p.Standby = standby
				h.start(h.config(p))
				test.do(h, h.bot("2"))
				h.Stop(t.Context())
				if _, err := h.Restart(t.Context(), "p", SwapOptions{}); !errors.Is(err, errStopping) {
					t.Errorf("a restart after it: %v", err)
				}
				if _, err := h.try("a"); !errors.Is(err, session.ErrAgentUnavailable) {
					t.Errorf("a call after it: %v", err)
				}
			})
		}
	}
}

// later begins a swap that the end of the host ends.
func (h *host) later(b bot, o SwapOptions) {
	o.Path = b.file(h.t, "p")
	done := make(chan error, 1)
	go func() {
		_, err := h.Swap(context.Background(), "p", o)
		done <- err
	}()
	h.t.Cleanup(func() {
		h.Stop(context.Background())
		if err := <-done; err == nil {
			h.t.Log("the swap was faster")
		}
	})
	h.until("p", "a candidate", func(p *plugin) bool { return p.candidate != nil })
}
