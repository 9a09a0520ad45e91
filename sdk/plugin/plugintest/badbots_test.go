//go:build unix

package plugintest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	goplugin "github.com/hashicorp/go-plugin"
	"go.uber.org/goleak"
	"google.golang.org/grpc"

	"github.com/byova-host/byova-host/internal/pluginwire/wire"
	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

// The test binary is the bots as well: the first argument says which.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "bot" {
		bots[os.Args[2]].serve()
		return
	}
	goleak.VerifyTestMain(m)
}

// raw is a bot without the SDK, that can do what the SDK does not allow.
type raw struct {
	pluginv1.UnimplementedPluginServer
	agents   []string // none: "raw"
	settings bool     // takes any
	resume   pluginv1.DescribeResponse_Resume
	begin    func()                                            // at the start of the process
	on       func(s *rawStream, e *pluginv1.Event) (done bool) // before what a good bot does
	end      func()                                            // when it was told to end
}

func (r *raw) Describe(context.Context, *pluginv1.DescribeRequest) (*pluginv1.DescribeResponse, error) {
	return &pluginv1.DescribeResponse{Name: "raw", Resume: r.resume, Movable: r.resume != 0}, nil
}

func (r *raw) Configure(_ context.Context, c *pluginv1.ConfigureRequest) (*pluginv1.ConfigureResponse, error) {
	answer := &pluginv1.ConfigureResponse{}
	for name := range c.GetSettings().GetFields() {
		if !r.settings {
			answer.Errors = append(answer.Errors, &pluginv1.FieldError{Field: name, Message: "unknown"})
		}
	}
	return answer, nil
}

func (r *raw) ListAgents(context.Context, *pluginv1.ListAgentsRequest) (*pluginv1.ListAgentsResponse, error) {
	answer := &pluginv1.ListAgentsResponse{}
	for _, id := range r.agents {
		answer.Agents = append(answer.Agents, &pluginv1.Agent{Id: id, Name: id})
	}
	return answer, nil
}

// rawStream is the one stream. What it knows belongs to the goroutine that receives.
type rawStream struct {
	grpc.BidiStreamingServer[pluginv1.EventBatch, pluginv1.CommandBatch]
	sending sync.Mutex
	prompt  map[uint64]uint64 // the last one, by call
	live    map[uint64]bool
}

func (s *rawStream) send(commands ...*pluginv1.Command) {
	s.sending.Lock()
	defer s.sending.Unlock()
	_ = s.Send(&pluginv1.CommandBatch{Commands: commands})
}

// say plays a tone of so many seconds in the turn, and more of the answer behind it.
func (s *rawStream) say(e *pluginv1.Event, turn uint64, seconds float64, more ...*pluginv1.Command) {
	s.prompt[e.Call]++
	p := s.prompt[e.Call]
	commands := []*pluginv1.Command{{Call: e.Call, Turn: turn, Prompt: p, Body: &pluginv1.Command_PromptStart{
		PromptStart: &pluginv1.Prompt{BargeIn: true, Format: &pluginv1.Format{}},
	}}}
	for left := int(8000 * seconds); left > 0; left -= 8000 {
		commands = append(commands, &pluginv1.Command{Call: e.Call, Turn: turn, Prompt: p, Audio: make([]byte, min(left, 8000))})
	}
	commands = append(commands, &pluginv1.Command{Call: e.Call, Turn: turn, Prompt: p, PromptEnd: true})
	for _, c := range append(commands, more...) {
		s.send(c)
	}
}

func done(e *pluginv1.Event, turn uint64) *pluginv1.Command {
	return &pluginv1.Command{Call: e.Call, Turn: turn, Body: &pluginv1.Command_Done{Done: &pluginv1.Done{}}}
}

func fail(e *pluginv1.Event, why string) *pluginv1.Command {
	return &pluginv1.Command{Call: e.Call, Body: &pluginv1.Command_Failed{Failed: &pluginv1.Failed{Message: why}}}
}

// Attach implements pluginv1.PluginServer.
func (r *raw) Attach(rpc grpc.BidiStreamingServer[pluginv1.EventBatch, pluginv1.CommandBatch]) error {
	s := &rawStream{BidiStreamingServer: rpc, prompt: map[uint64]uint64{}, live: map[uint64]bool{}}
	for {
		batch, err := rpc.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, e := range batch.Events {
			if r.on == nil || !r.on(s, e) {
				s.behave(e)
			}
		}
	}
}

// behave is what a good bot does.
func (s *rawStream) behave(e *pluginv1.Event) {
	switch b := e.Body.(type) {
	case *pluginv1.Event_Ping:
		s.send(&pluginv1.Command{Body: &pluginv1.Command_Pong{Pong: &pluginv1.Pong{Id: b.Ping.Id}}})
	case *pluginv1.Event_Start:
		s.live[e.Call], s.prompt[e.Call] = true, b.Start.GetResume().GetPrompts()
		s.send(&pluginv1.Command{Call: e.Call, Body: &pluginv1.Command_Accepted{Accepted: &pluginv1.Accepted{}}})
	case *pluginv1.Event_InputEnded:
		s.say(e, b.InputEnded.Turn, 1, done(e, b.InputEnded.Turn))
	case *pluginv1.Event_Suspend:
		s.send(&pluginv1.Command{Call: e.Call, Body: &pluginv1.Command_Suspended{Suspended: &pluginv1.Suspended{}}})
	case *pluginv1.Event_End:
		delete(s.live, e.Call)
	}
}

func (r *raw) serve() {
	if r.agents == nil {
		r.agents = []string{"raw"}
	}
	if r.begin != nil {
		r.begin()
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		if r.end == nil {
			os.Exit(0)
		}
		r.end()
	}()
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig: wire.Handshake(), VersionedPlugins: wire.Plugins(r), GRPCServer: goplugin.DefaultGRPCServer,
	})
	if r.end != nil {
		r.end()
	}
}

// forever does nothing. Not select{}, which ends a process of which nothing else is left.
func forever() {
	for {
		time.Sleep(time.Hour)
	}
}

// died is the file that says that a process of a bot has ended by itself.
func died() string { return os.Getenv(wire.PathEnv) + ".died" }

// bots are a good one and the bad ones.
var bots = map[string]*raw{
	"good":      {resume: pluginv1.DescribeResponse_RESUME_STATELESS},
	"nobody":    {agents: []string{}},
	"twice":     {agents: []string{"a", "a"}},
	"nameless":  {agents: []string{""}},
	"no plugin": {begin: func() { fmt.Println("hello"); os.Exit(0) }},
	"careless":  {settings: true},
	"mute":      {on: func(_ *rawStream, e *pluginv1.Event) bool { return e.GetInputEnded() != nil }},
	"keyless": {on: func(s *rawStream, e *pluginv1.Event) bool {
		if e.GetDtmf() != nil {
			s.send(fail(e, "what are keys?"))
		}
		return e.GetDtmf() != nil
	}},
	"deaf": {on: func(s *rawStream, e *pluginv1.Event) bool {
		if e.GetTurnStarted().GetCause() == pluginv1.TurnStarted_CAUSE_SPEECH {
			s.send(fail(e, "what is speech?"))
		}
		return false
	}},
	"impatient": {on: func(s *rawStream, e *pluginv1.Event) bool {
		if e.GetNoInput() != nil {
			s.send(fail(e, "say something"))
		}
		return false
	}},
	"eventless": {on: func(s *rawStream, e *pluginv1.Event) bool {
		if e.GetCustom() != nil {
			s.send(fail(e, "what is a flow?"))
		}
		return false
	}},
	"spendthrift": {on: func(s *rawStream, e *pluginv1.Event) bool {
		if e.GetInputEnded() != nil {
			s.say(e, e.GetInputEnded().Turn, 60)
		}
		return e.GetInputEnded() != nil
	}},
	"doubling": {on: func(s *rawStream, e *pluginv1.Event) bool {
		if e.GetInputEnded() != nil {
			s.prompt[e.Call] = 0 // the same number for each prompt
			s.say(e, e.GetInputEnded().Turn, 0.1)
			s.prompt[e.Call] = 0
		}
		return false
	}},
	"stubborn": {on: func(_ *rawStream, e *pluginv1.Event) bool {
		return e.GetInputEnded().GetTurn() > 1 // has not seen that its first turn was cut
	}},
	"talkative": {on: func(s *rawStream, e *pluginv1.Event) bool {
		if e.GetEnd() != nil {
			go func() {
				for {
					s.send(&pluginv1.Command{Call: e.Call, Body: &pluginv1.Command_Clear{Clear: &pluginv1.Clear{}}})
					time.Sleep(100 * time.Millisecond)
				}
			}()
		}
		return false
	}},
	"single": {on: func(s *rawStream, e *pluginv1.Event) bool {
		if e.GetStart() != nil && len(s.live) > 0 {
			s.send(fail(e, "one at a time"))
			return true
		}
		return false
	}},
	"blocking": {on: func(_ *rawStream, e *pluginv1.Event) bool {
		if e.GetStart() != nil && e.GetStart().Credit == 0 {
			forever() // waits for credit where it reads
		}
		return false
	}},
	"strict": {on: func(_ *rawStream, e *pluginv1.Event) bool {
		if len(e.ProtoReflect().GetUnknown()) > 0 {
			fmt.Fprintln(os.Stderr, "unknown field")
			os.Exit(1)
		}
		return false
	}},
	"short": {on: func(s *rawStream, e *pluginv1.Event) bool {
		if len(e.GetDtmf().GetDigits()) > 1 {
			s.send(fail(e, "too many keys"))
		}
		return false
	}},
	"gossip": {on: func(_ *rawStream, e *pluginv1.Event) bool {
		if d := e.GetDtmf(); d != nil {
			fmt.Fprintln(os.Stderr, "the caller pressed", d.Digits)
		}
		return false
	}},
	"forgetful": {resume: pluginv1.DescribeResponse_RESUME_SAVED, on: func(s *rawStream, e *pluginv1.Event) bool {
		if e.GetStart().GetResume() != nil {
			s.send(fail(e, "who are you?"))
		}
		return e.GetStart().GetResume() != nil
	}},
	"touchy": {begin: func() {
		// What Notify does later does not undo this.
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, syscall.SIGTERM)
		go func() { <-signals; os.Exit(0) }()
	}},
	"immortal": {end: forever},
	"brief": {resume: pluginv1.DescribeResponse_RESUME_STATELESS, begin: func() {
		if _, err := os.Stat(died()); err == nil {
			forever()
		}
	}, on: func(s *rawStream, e *pluginv1.Event) bool {
		if e.GetInputEnded() != nil {
			s.behave(e)
			_ = os.WriteFile(died(), nil, 0o600)
			time.AfterFunc(200*time.Millisecond, func() { os.Exit(1) }) // when that has been sent
		}
		return e.GetInputEnded() != nil
	}},
}

// program makes a program of a bot.
func program(t *testing.T, bot string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "raw")
	if err := os.WriteFile(path, fmt.Appendf(nil, "#!/bin/sh\nexec '%s' bot '%s'\n", self, bot), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestBadBots: each breaks one demand, and the check of it says so. The good one keeps
// them all.
func TestBadBots(t *testing.T) {
	type row struct{ bot, check, says string }
	rows := []row{
		{"nobody", "starts and describes itself", "offers no virtual agent"},
		{"twice", "starts and describes itself", `two agents have the id "a"`},
		{"nameless", "starts and describes itself", "agent 1 has no id"},
		{"no plugin", "starts and describes itself", "is it a byova plugin?"},
		{"careless", "refuses settings that it does not know", "misspelt"},
		{"mute", "answers the greeting", "gave up on the bot"},
		{"keyless", "answers keys", "what are keys?"},
		{"deaf", "answers speech", "what is speech?"},
		{"impatient", "answers silence", "say something"},
		{"eventless", "answers an event of the flow", "what is a flow?"},
		{"spendthrift", "answers the greeting", "credit"},
		{"doubling", "answers the greeting", "a prompt needs a number of its own"},
		{"stubborn", "lets itself be interrupted", "gave up on the bot"},
		{"talkative", "is done with a call that was hung up", "commands came more than 2 s after the end"},
		{"single", "takes many calls at a time", "one at a time"},
		{"blocking", "keeps its calls apart", "a second call"},
		{"strict", "ignores what it does not know", "ended: exit status 1"},
		{"gossip", "logs nothing that was pressed", "log how many there were"},
		{"short", "logs nothing that was pressed", "were pressed: the bot gave the call up: too many keys"},
		{"forgetful", "goes on after a crash", "who are you?"},
		{"forgetful", "moves its calls in a swap", "who are you?"},
		{"brief", "goes on after a crash", "it has no process to be killed"},
		{"touchy", "stays when it is told to end while its host lives", "SIGTERM"},
		{"immortal", "ends with its host", "end the process then"},
	}
	found := make([]Check, len(rows))
	var trying sync.WaitGroup // all at once: they wait for most of the time
	for i, r := range rows {
		path := program(t, r.bot)
		trying.Go(func() { found[i] = tryOne(t, path, r.check) })
	}
	trying.Wait()
	for i, test := range rows {
		t.Run(test.bot+": "+test.check, func(t *testing.T) {
			c := found[i]
			if c.Outcome != Broken || !strings.Contains(strings.Join(c.Why, "\n"), test.says) {
				t.Errorf("%s: %q, want broken with %q", c.Outcome, c.Why, test.says)
			}
		})
	}
}

// shortDir is a directory whose path leaves room for the names of sockets.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "bv")
	if err != nil {
		t.Error(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// tryOne verifies one demand.
func tryOne(t *testing.T, path, name string) Check {
	t.Helper()
	v := newVerifier(path, shortDir(t), VerifyOptions{})
	report := &Report{}
	if err := v.learn(t.Context(), report); err != nil || !report.OK() {
		return report.Checks[0]
	}
	for _, c := range checks {
		if c.name == name {
			return v.try(t.Context(), c)
		}
	}
	t.Errorf("no check is named %q", name)
	return Check{}
}

// TestGivenUp: whoever gives a verification up does not wait for what the bot owes.
func TestGivenUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	v := newVerifier(program(t, "mute"), shortDir(t), VerifyOptions{})
	given := v.try(ctx, check{name: "a call", try: func(v *verifier, t *trial) {
		v.onHost(t, func(h *Host) {
			call := h.Call()
			call.Start()
			cancel()
			call.Answer().wait()
		})
	}})
	if why := strings.Join(given.Why, "\n"); !strings.Contains(why, "context canceled") || strings.Contains(why, "in time") {
		t.Errorf("it says %s", why)
	}
}

// TestNoSuchAgent: an agent that the plugin does not offer is no fault of the plugin.
func TestNoSuchAgent(t *testing.T) {
	report, err := Verify(t.Context(), program(t, "good"), VerifyOptions{Agent: "god"})
	if err == nil || !strings.Contains(err.Error(), `it offers no virtual agent "god": it has raw`) {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestConform(t *testing.T) { Conform(t, program(t, "good")) }
