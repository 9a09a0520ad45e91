package plugintest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/byova-host/byova-host/examples/speech"
	"github.com/byova-host/byova-host/host/session"
	"github.com/byova-host/byova-host/internal/audio"
	"github.com/byova-host/byova-host/internal/caller"
)

// Hello is speech to say where it does not matter what: a WAV file.
func Hello() []byte { return bytes.Clone(speech.Hello) }

// CallOptions say who calls. The zero value calls the plugin's first agent.
type CallOptions struct {
	Agent    string // ID; empty: the first
	Org      string
	Language string // BCP 47; empty: en-US
	// Parameters are Webex's of the session's start, as Info.Parameters has them; of maps,
	// slices, strings, numbers and booleans.
	Parameters map[string]any
	Limit      time.Duration // of the whole call; 0: 10 minutes
}

// Call is a caller that the test leads, and one call of theirs. It is used by one
// goroutine at a time.
type Call struct {
	host    *Host
	options caller.Options
	steps   chan caller.Step
	started bool
	hung    bool          // no more steps come
	over    chan struct{} // closed when the call is; result and err are set

	result *caller.Result
	err    error

	mu      sync.Mutex
	moments []moment
	answers []*Answer
}

// Call makes a caller, who does not call before Start.
func (h *Host) Call(options ...CallOptions) *Call {
	h.t.Helper()
	var o CallOptions
	if len(options) > 0 {
		o = options[0]
	}
	if o.Limit == 0 {
		o.Limit = 10 * time.Minute
	}
	c := &Call{host: h, steps: make(chan caller.Step), over: make(chan struct{})}
	h.mu.Lock()
	defer h.mu.Unlock()
	c.options = caller.Options{
		Addr: "passthrough:///host", Agent: o.Agent, Org: o.Org, Language: o.Language, Parameters: o.Parameters, Limit: o.Limit,
		ConversationID: fmt.Sprintf("call-%d", len(h.calls)+1), Live: c.steps,
		Dial: []grpc.DialOption{grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return h.door.DialContext(ctx) })},
	}
	if err := c.options.Validate(); err != nil {
		h.t.Fatalf("plugintest: %v", err)
	}
	h.calls = append(h.calls, c)
	return c
}

// Start calls the bot. The answer is its greeting.
func (c *Call) Start() *Answer {
	c.host.t.Helper()
	if c.started {
		c.host.t.Fatalf("plugintest: the call was started before: make another with Host.Call")
	}
	c.started = true
	a := c.newAnswer(0)
	go func() { // over says when it ends, and the host waits for that
		defer close(c.over)
		c.result, c.err = caller.Run(c.host.calling, c.options)
	}()
	return a
}

// Say speaks: the sound of a WAV file, see plugin.WAV; Hello has one. It must be speech
// or as loud: the host listens for the end of it.
func (c *Call) Say(wav []byte) *Answer {
	c.host.t.Helper()
	return c.act(caller.Say(c.speech(wav)))
}

// Press presses keys: 0-9, *, # and A-D.
func (c *Call) Press(keys string) *Answer {
	c.host.t.Helper()
	return c.act(caller.Press(keys))
}

// Silence says nothing until that counts as no input.
func (c *Call) Silence() *Answer {
	c.host.t.Helper()
	return c.act(caller.WaitNoInput())
}

// Send has the flow send a custom event. Parameters are as for Options.Settings.
func (c *Call) Send(name string, parameters map[string]any) *Answer {
	c.host.t.Helper()
	return c.act(caller.SendCustom(name, parameters))
}

// BargeIn speaks over what the bot says to the act before, once that has been heard for
// so long. It does not wait for the end of that answer. The answer is the one to what
// was said.
func (c *Call) BargeIn(after time.Duration, wav []byte) *Answer {
	c.host.t.Helper()
	sound := c.speech(wav)
	return c.interrupt(func(begun func()) caller.Step { return caller.Interrupt(after, sound, begun) })
}

// PressOver is BargeIn with keys.
func (c *Call) PressOver(after time.Duration, keys string) *Answer {
	c.host.t.Helper()
	c.check(caller.Press(keys))
	return c.interrupt(func(begun func()) caller.Step { return caller.InterruptKeys(after, keys, begun) })
}

func (c *Call) interrupt(step func(begun func()) caller.Step) *Answer {
	c.host.t.Helper()
	c.need()
	a := c.newAnswer(waiting)
	c.push(step(a.begun))
	return a
}

// Answer is the answer to the latest act.
func (c *Call) Answer() *Answer {
	c.host.t.Helper()
	c.need()
	return c.answers[len(c.answers)-1]
}

// HangUp ends the call at once, and waits until that has been done.
func (c *Call) HangUp() {
	c.host.t.Helper()
	c.need()
	c.end()
}

// Over tells whether the bot has ended the call or given it away. It waits for the
// answer to the latest act.
func (c *Call) Over() bool {
	c.host.t.Helper()
	c.Answer().wait()
	select {
	case <-c.over:
		return true
	default:
		return false
	}
}

// act does something when the answer before it is over.
func (c *Call) act(step caller.Step) *Answer {
	c.host.t.Helper()
	c.need()
	c.check(step)
	c.push(caller.WaitAnswer())
	var a *Answer
	c.push(caller.Do(func() { a = c.newAnswer(now) }))
	c.push(step) // a is set: the step before was done
	return a
}

// check fails the test when a step cannot be done.
func (c *Call) check(step caller.Step) {
	c.host.t.Helper()
	o := c.options
	o.Steps = []caller.Step{step}
	if err := o.Validate(); err != nil {
		c.host.t.Fatalf("plugintest: %v", err)
	}
}

// need fails the test when there is no call.
func (c *Call) need() {
	c.host.t.Helper()
	if !c.started {
		c.host.t.Fatalf("plugintest: the call was not started: call Start first")
	}
}

// push hands the caller its next step, and returns when that begins.
func (c *Call) push(step caller.Step) {
	c.host.t.Helper()
	select {
	case c.steps <- step:
	case <-c.over:
		c.host.t.Fatalf("plugintest: %v: the call is over: %s", step, c.why())
	}
}

// why is how the call ended.
func (c *Call) why() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.moments {
		if leave, ok := m.command.Body.(session.Leave); ok {
			return leaves[leave.Event]
		}
		if failed, ok := m.command.Body.(session.GiveUp); ok {
			return "the bot gave it up: " + failed.Message
		}
	}
	if c.result != nil && c.result.Failure != nil {
		return c.result.Failure.Error()
	}
	return "the host ended it"
}

var leaves = map[session.OutputEvent]string{
	session.TransferToAgent: "the bot transferred it",
	session.EndSession:      "the bot ended it",
	session.CustomOutput:    "the bot gave it back with a custom event",
}

// speech is a WAV file's sound as a telephone has it.
func (c *Call) speech(wav []byte) []byte {
	c.host.t.Helper()
	file, err := audio.ParseWAV(wav)
	if err == nil {
		var sound []byte
		if sound, err = file.MuLaw8k(); err == nil {
			return sound
		}
	}
	c.host.t.Fatalf("plugintest: what the caller says: %v", err)
	return nil
}

// fellBack tells whether the host has handed the call over in the place of a bot that has
// not. One that cannot be told so has no process.
func fellBack(e caller.Entry) bool {
	return e.Response != nil && e.Response.Name == session.DefaultSettings().Fallback.Name
}

// end hangs up, waits until the call is over and says what was wrong with it.
func (c *Call) end() {
	c.host.t.Helper()
	if !c.started || c.hung {
		return
	}
	c.hung = true
	close(c.steps)
	<-c.over
	if c.err != nil {
		c.host.t.Errorf("plugintest: %v", c.err)
		return
	}
	c.report()
}

// report says what no test has asked for and must not have happened.
func (c *Call) report() {
	c.host.t.Helper()
	t := c.host.t
	for _, unmet := range c.result.Unmet {
		t.Errorf("plugintest: at %v the caller was to %s: %s", unmet.At.Round(time.Millisecond), unmet.Step, unmet.Text)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	failed, left := false, false
	for i, m := range c.moments {
		a := c.of(i)
		switch b := m.event.(type) {
		case session.Refused:
			if a == nil || !a.refusalsRead {
				t.Errorf("plugintest: the host refused %s: %s", b.Command, b.Message)
			}
		case session.Ended:
			if b.Reason == session.EndedFailed && !failed {
				failed = true
				if a == nil || !a.failureRead {
					t.Errorf("plugintest: the host gave up on the bot: %s", b.Detail)
				}
			}
		}
		if _, ok := m.command.Body.(session.Leave); ok {
			left = true
		}
		if b, ok := m.command.Body.(session.GiveUp); ok {
			failed = true
			if a == nil || !a.failureRead {
				t.Errorf("plugintest: the bot gave the call up: %s", b.Message)
			}
		}
	}
	if !failed && !left && slices.ContainsFunc(c.result.Entries, fellBack) && !slices.ContainsFunc(c.answers, (*Answer).askedWhy) {
		t.Errorf("plugintest: the host gave up on the bot: its fallback took the call")
	}
	if c.result.Failure != nil && !failed {
		t.Errorf("plugintest: the call could not be played to its end: %v", c.result.Failure)
	}
}
