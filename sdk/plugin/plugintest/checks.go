package plugintest

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/byova-host/byova-host/internal/pluginwire"
	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
	"github.com/byova-host/byova-host/sdk/plugin"
)

// check is a demand of the contract.
type check struct {
	name string
	try  func(v *verifier, t *trial)
	// exempt says why it does not apply to a plugin, if so; may be nil.
	exempt func(traits) string
}

// traits are what a plugin says of itself.
type traits = *pluginv1.DescribeResponse

// checks are all demands but the first, which is to start.
var checks = []check{
	{"refuses settings that it does not know", (*verifier).refusesSettings, nil},
	{"answers the greeting", (*verifier).greets, nil},
	{"answers speech", (*verifier).answersSpeech, ownEndpointing},
	{"answers keys", (*verifier).answersKeys, nil},
	{"answers silence", (*verifier).answersSilence, nil},
	{"answers an event of the flow", (*verifier).answersEvent, nil},
	{"lets itself be interrupted", (*verifier).isInterrupted, nil},
	{"is done with a call that was hung up", (*verifier).isDone, nil},
	{"takes many calls at a time", (*verifier).takesMany, nil},
	{"keeps its calls apart", (*verifier).keepsApart, nil},
	{"ignores what it does not know", (*verifier).ignoresUnknown, nil},
	{"logs nothing that was pressed", (*verifier).logsNoDigits, nil},
	{"goes on after a crash", (*verifier).survivesCrash, noResume},
	{"moves its calls in a swap", (*verifier).movesCalls, immovable},
	{"stays when it is told to end while its host lives", (*verifier).staysWithHost, nil},
	{"ends with its host", (*verifier).endsWithHost, nil},
}

func ownEndpointing(d traits) string {
	if d.GetEndpointing() == pluginv1.DescribeResponse_ENDPOINTING_PLUGIN {
		return "it finds speech itself"
	}
	return ""
}

func noResume(d traits) string {
	if d.GetResume() == pluginv1.DescribeResponse_RESUME_NONE {
		return "it says that its calls do not"
	}
	return ""
}

func immovable(d traits) string {
	if !d.GetMovable() {
		return "it says that its calls cannot be moved"
	}
	return ""
}

func (v *verifier) exempt(c check) string {
	if c.exempt == nil {
		return ""
	}
	return c.exempt(v.traits)
}

// learn starts the plugin once and finds out what it is. Unless the report is OK then, it
// is no use to try anything else. The error says that the agent that is to be called is not
// there.
func (v *verifier) learn(ctx context.Context, report *Report) error {
	t := &trial{ctx: ctx}
	var offered []*pluginv1.Agent
	process, err := v.launch(ctx)
	if err != nil {
		t.Errorf("%v", err)
	} else {
		v.traits, offered = process.Description(), process.Agents()
		report.Name, report.Version, report.SDK = v.traits.GetName(), v.traits.GetVersion(), v.traits.GetSdk()
		describesItself(t, process)
		process.Stop(ctx)
	}
	report.Checks = append(report.Checks, t.verdict("starts and describes itself"))
	if !report.OK() {
		return nil
	}
	return v.choose(offered)
}

// choose says which of the agents is called.
func (v *verifier) choose(offered []*pluginv1.Agent) error {
	ids := make([]string, len(offered))
	for i, a := range offered {
		ids[i] = a.GetId()
	}
	switch {
	case v.options.Agent == "":
		v.options.Agent = ids[0]
	case !slices.Contains(ids, v.options.Agent):
		return fmt.Errorf("it offers no virtual agent %q: it has %s", v.options.Agent, strings.Join(ids, ", "))
	}
	return nil
}

func describesItself(t *trial, process *pluginwire.Process) {
	if process.Description().GetName() == "" {
		t.Errorf("Describe: its name is empty")
	}
	if len(process.Agents()) == 0 {
		t.Errorf("ListAgents: it offers no virtual agent to every organisation")
	}
	seen := map[string]bool{}
	for i, a := range process.Agents() {
		switch {
		case a.GetId() == "":
			t.Errorf("ListAgents: agent %d has no id", i+1)
		case seen[a.GetId()]:
			t.Errorf("ListAgents: two agents have the id %q", a.GetId())
		case a.GetName() == "":
			t.Errorf("ListAgents: agent %q has no name to show", a.GetId())
		}
		seen[a.GetId()] = true
	}
}

// refusesSettings: a setting that is misspelt is not passed over.
func (v *verifier) refusesSettings(t *trial) {
	const unknown = "no_such_setting"
	settings := map[string]any{unknown: true}
	maps.Copy(settings, v.options.Settings)
	process, err := v.launchWith(t.ctx, settings)
	if err == nil {
		process.Stop(t.ctx)
		t.Fatalf("Configure took the setting %q: say what is wrong with settings that mean nothing, they are misspelt", unknown)
	}
	if !strings.Contains(err.Error(), unknown) {
		t.Errorf("Configure does not name the setting %q that it does not know: %v", unknown, err)
	}
}

// onHost runs a check on a host with the plugin.
func (v *verifier) onHost(t *trial, test func(*Host)) {
	h, err := v.host(t.ctx, t)
	if err != nil {
		t.Fatalf("%v", err)
	}
	defer h.stop()
	test(h)
}

// call runs a check in a call that was greeted and goes on.
func (v *verifier) call(t *trial, test func(h *Host, call *Call)) {
	v.onHost(t, func(h *Host) {
		call := h.Call(CallOptions{Agent: v.options.Agent})
		call.Start()
		if call.Over() {
			call.end()
			t.skip("the call is over after the greeting: %s", call.why())
		}
		test(h, call)
	})
}

func (v *verifier) greets(t *trial) {
	v.onHost(t, func(h *Host) {
		call := h.Call(CallOptions{Agent: v.options.Agent})
		if len(call.Start().Turns()) == 0 {
			t.Errorf("it was not told of the call")
		}
		call.end()
	})
}

func (v *verifier) answersSpeech(t *trial) {
	v.call(t, func(_ *Host, call *Call) {
		if in, _ := call.Answer().Input(); in.Mode == plugin.InputDTMF {
			t.skip("its greeting asks for keys only")
		}
		answered(t, call.Say(Hello()), "speech")
	})
}

func (v *verifier) answersKeys(t *trial) {
	v.call(t, func(_ *Host, call *Call) {
		if in, _ := call.Answer().Input(); in.Mode == plugin.InputVoice {
			t.skip("its greeting asks for speech only")
		}
		answered(t, call.Press("5"), "a key")
	})
}

func (v *verifier) answersSilence(t *trial) {
	v.call(t, func(_ *Host, call *Call) { answered(t, call.Silence(), "silence") })
}

func (v *verifier) answersEvent(t *trial) {
	v.call(t, func(_ *Host, call *Call) { answered(t, call.Send("verify", nil), "an event of the flow") })
}

// answered: the host has given the bot a turn. That it was closed by an answer, the
// report of the call says.
func answered(t *trial, a *Answer, what string) {
	if len(a.Turns()) == 0 {
		t.Errorf("no turn began with %s", what)
	}
	a.call.end()
}

// isInterrupted: what the caller says over the greeting is answered.
func (v *verifier) isInterrupted(t *trial) {
	const after = 60 * time.Millisecond
	v.onHost(t, func(h *Host) {
		first := h.Call(CallOptions{Agent: v.options.Agent})
		var speaks time.Duration
		for _, p := range first.Start().Prompts() {
			if p.Uninterruptible {
				continue
			}
			speaks += p.Audio.Duration() + time.Duration(len(p.Text))*perLetter
		}
		in, _ := first.Answer().Input()
		first.end()
		if speaks < 3*after {
			t.skip("its greeting has nothing that could be interrupted")
		}
		call := h.Call(CallOptions{Agent: v.options.Agent})
		call.Start()
		if in.Mode == plugin.InputDTMF {
			answered(t, call.PressOver(after, "5"), "a key over the greeting")
		} else {
			answered(t, call.BargeIn(after, Hello()), "speech over the greeting")
		}
	})
}

// isDone: nothing more comes of a call that is over.
func (v *verifier) isDone(t *trial) {
	v.onProcess(t, func(p *pluginwire.Process) {
		c := v.open(t, p, plenty)
		c.greet()
		c.until(t, "anything comes of the greeting", func(w *wireCall) bool { return len(w.commands) > 1 })
		c.send(&pluginv1.Event{Body: &pluginv1.Event_End{End: &pluginv1.SessionEnd{Reason: pluginv1.SessionEnd_CALLER}}})
		c.pause(2 * time.Second) // what was under way
		before := len(c.seen())
		c.pause(time.Second)
		if more := len(c.seen()) - before; more > 0 {
			t.Errorf("%d commands came more than 2 s after the end of the call: stop when it ends", more)
		}
		c.Close()
	})
}

// manyCalls is how many calls every plugin takes at a time.
const manyCalls = 20

func (v *verifier) takesMany(t *trial) {
	v.onHost(t, func(h *Host) {
		var calling sync.WaitGroup
		for range manyCalls {
			call := h.Call(CallOptions{Agent: v.options.Agent})
			call.Start()
			calling.Go(func() {
				call.Answer().wait()
				call.end()
			})
		}
		calling.Wait()
	})
}

// keepsApart: a call that waits for the host holds up no other.
func (v *verifier) keepsApart(t *trial) {
	v.onProcess(t, func(p *pluginwire.Process) {
		stuck := v.open(t, p, 0) // may send no audio
		stuck.greet()
		other := v.open(t, p, plenty)
		other.greet()
		other.until(t, "a second call is answered while another may send nothing", (*wireCall).answered)
		for _, c := range []*wireCall{stuck, other} {
			c.send(&pluginv1.Event{Body: &pluginv1.Event_End{End: &pluginv1.SessionEnd{Reason: pluginv1.SessionEnd_CALLER}}})
			c.Close()
		}
	})
}

// ignoresUnknown: events and fields of a later protocol mean nothing to it.
func (v *verifier) ignoresUnknown(t *trial) {
	v.onProcess(t, func(p *pluginwire.Process) {
		c := v.open(t, p, plenty)
		later := &pluginv1.Event{}
		later.ProtoReflect().SetUnknown([]byte{0xa2, 0x06, 0x01, 'x'}) // field 100, of one byte
		c.send(later)
		c.greet()
		c.until(t, "a call is answered after an event that the plugin does not know", (*wireCall).answered)
		c.Close()
	})
}

// logsNoDigits presses keys that stand nowhere else.
func (v *verifier) logsNoDigits(t *trial) {
	digits := strconv.Itoa(100_000_000 + rand.IntN(900_000_000))
	pressed := v.try(t.ctx, check{try: func(v *verifier, t *trial) {
		v.call(t, func(_ *Host, call *Call) {
			if in, _ := call.Answer().Input(); in.Mode == plugin.InputVoice {
				t.skip("its greeting asks for speech only")
			}
			answered(t, call.Press(digits), "keys")
		})
	}})
	switch pressed.Outcome {
	case Skipped:
		t.skip("%s", pressed.Why[0])
	case Broken: // not the log's fault, but nothing else presses so many
		t.Errorf("when %s were pressed: %s", digits, strings.Join(pressed.Why, "; "))
	}
	if strings.Contains(v.output.String(), digits[:6]) {
		t.Errorf("its log has the keys that the caller pressed: log how many there were")
	}
}

// survivesCrash: a call goes on in another process.
func (v *verifier) survivesCrash(t *trial) {
	v.call(t, func(h *Host, call *Call) {
		h.kill()
		goesOn(t, call)
	})
}

// pid is the plugin's process, which is to be killed. Without one there is nothing to
// kill: the number 0 stands for this program and all that belongs to its group.
func (h *Host) pid() int {
	h.t.Helper()
	now := h.plugins.Status()[0]
	if now.Pid == 0 {
		h.t.Fatalf("it has no process to be killed: %s", now.Error)
	}
	return now.Pid
}

func (v *verifier) movesCalls(t *trial) {
	v.call(t, func(h *Host, call *Call) {
		h.Swap()
		goesOn(t, call)
	})
}

// goesOn: the call is answered.
func goesOn(t *trial, call *Call) {
	if in, _ := call.Answer().Input(); in.Mode == plugin.InputVoice {
		answered(t, call.Say(Hello()), "speech")
		return
	}
	answered(t, call.Press("5"), "a key")
}

// endsWithHost: the process ends when its standard input does.
func (v *verifier) endsWithHost(t *trial) {
	process, err := v.launch(t.ctx)
	if err != nil {
		t.Fatalf("%v", err)
	}
	process.Stop(context.WithoutCancel(t.ctx))
	if process.Forced() {
		t.Errorf("it did not end within 2 s after the end of its standard input: end the process then, the host is gone")
	}
}

// onProcess runs a check on a process of its own.
func (v *verifier) onProcess(t *trial, test func(*pluginwire.Process)) {
	process, err := v.launch(t.ctx)
	if err != nil {
		t.Fatalf("%v", err)
	}
	defer process.Stop(context.WithoutCancel(t.ctx))
	test(process)
	if err := process.Err(); err != nil {
		t.Errorf("%v", err)
	}
}
