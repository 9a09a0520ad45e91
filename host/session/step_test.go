package session

import (
	"strings"
	"testing"
	"time"
)

// call drives a state by hand, with a clock of its own.
type call struct {
	t   *testing.T
	s   *state
	now time.Duration

	responses map[rpcID][]Response
	completed map[rpcID]error
	events    []EventBody
	told      []Event // with their numbers and marks
	reopened  []Resumption
	settled   int
	measured  []map[string]float64
	texts     []Text         // that were to be spoken
	speakers  map[uint64]int // of them, by prompt
	hushed    int
	allowed   int // bytes
	over      bool
}

func newCall(t *testing.T, traits Traits) *call {
	return &call{t: t, s: newState("s", Key{"o", "c"}, "bot", traits, Config{}.limits(), DefaultSettings()),
		responses: map[rpcID][]Response{}, completed: map[rpcID]error{}, speakers: map[uint64]int{}}
}

func (c *call) step(in input) {
	for _, a := range c.s.step(c.now, &in) {
		switch a.kind {
		case respond:
			if _, done := c.completed[a.rpc]; done {
				c.t.Errorf("response on RPC %d after its end", a.rpc)
			}
			c.responses[a.rpc] = append(c.responses[a.rpc], a.response)
			if a.response.Type == Chunk {
				defer c.step(input{kind: left, rpc: a.rpc, prompt: a.response.prompt, bytes: a.response.bytes(), cost: a.response.cost})
			}
		case complete:
			if _, done := c.completed[a.rpc]; done {
				c.t.Errorf("RPC %d completed twice", a.rpc)
			}
			c.completed[a.rpc] = a.err
		case tell:
			c.events = append(c.events, a.event.Body)
			c.told = append(c.told, a.event)
		case reopen:
			c.reopened = append(c.reopened, a.resumption)
		case settled:
			c.settled++
		case measure:
			c.measured = append(c.measured, a.values)
		case speak:
			c.texts = append(c.texts, a.text)
			c.speakers[c.s.saying.prompt] = a.number
		case hush:
			c.hushed++
		case allow:
			c.allowed += a.bytes
		}
	}
	c.over = c.s.phase == dead
}

// open begins an RPC, stamped with its number unless told otherwise.
func (c *call) open(rpc rpcID, q Request) { c.openStamped(rpc, uint64(rpc), q) }

func (c *call) openStamped(rpc rpcID, stamp uint64, q Request) {
	c.step(input{kind: opened, rpc: rpc, stamp: stamp})
	c.request(rpc, q)
}

func (c *call) request(rpc rpcID, q Request) { c.step(input{kind: requested, rpc: rpc, request: &q}) }
func (c *call) halfClose(rpc rpcID)          { c.step(input{kind: halfClosed, rpc: rpc}) }

func (c *call) command(turn, prompt uint64, body CommandBody) {
	c.step(input{kind: commanded, number: c.s.bind.number, command: Command{Turn: turn, Prompt: prompt, Body: body}})
}

// say plays milliseconds of a prompt.
func (c *call) say(turn, prompt uint64, ms int, bargeIn bool) {
	c.command(turn, prompt, StartPrompt{BargeIn: bargeIn})
	c.command(turn, prompt, PromptAudio{Data: make([]byte, ms*8), End: true})
}

// greeted is a call whose greeting of 1 s has been answered and played.
func greeted(t *testing.T, traits Traits) *call {
	c := newCall(t, traits)
	c.open(1, Request{Kind: SessionStart})
	c.halfClose(1)
	c.say(1, 1, 1000, true)
	c.command(1, 0, Done{})
	c.now += 2 * time.Second
	c.events = nil
	return c
}

func (c *call) wantFinal(rpc rpcID) Response {
	c.t.Helper()
	err, done := c.completed[rpc]
	if !done || err != nil {
		c.t.Fatalf("RPC %d: completed %t with %v, want an orderly end", rpc, done, err)
	}
	all := c.responses[rpc]
	if len(all) == 0 || all[len(all)-1].Type != Final {
		c.t.Fatalf("RPC %d ends with %+v, want FINAL", rpc, all)
	}
	return all[len(all)-1]
}

// event returns the newest event of a type.
func event[T EventBody](c *call) T {
	c.t.Helper()
	for i := len(c.events) - 1; i >= 0; i-- {
		if e, ok := c.events[i].(T); ok {
			return e
		}
	}
	var none T
	c.t.Fatalf("no %T among %+v", none, c.events)
	return none
}

func count[T EventBody](c *call) (n int) {
	for _, e := range c.events {
		if _, ok := e.(T); ok {
			n++
		}
	}
	return n
}

func TestGreetingFollowsTheHalfClose(t *testing.T) {
	c := newCall(t, Traits{})
	c.open(1, Request{Kind: SessionStart, VendorConfig: "v"})
	if got := event[Started](c); got.VendorConfig != "v" || got.Resumed != nil {
		t.Errorf("started with %+v", got)
	}
	if count[TurnStarted](c) != 0 {
		t.Error("the greeting turn began before the half-close")
	}
	c.halfClose(1)
	if got := event[InputEnded](c); got.Turn != 1 {
		t.Errorf("input of turn %d ended, want 1", got.Turn)
	}
	c.say(1, 1, 300, true)
	c.command(1, 0, Done{})
	if got := c.wantFinal(1); got.Input == nil || got.Audio != nil {
		t.Errorf("FINAL %+v, want input configuration and no audio", got)
	}
}

func TestGreetingDoesNotWaitForEver(t *testing.T) {
	c := newCall(t, Traits{})
	c.open(1, Request{Kind: SessionStart})
	c.now += greetWait
	c.step(input{kind: tick})
	if count[TurnStarted](c) != 1 {
		t.Error("no greeting turn without a half-close")
	}
}

func TestInterruptions(t *testing.T) {
	speak := func(c *call) { c.step(input{kind: commanded, command: Command{Body: Endpoint{At: c.now}}}) }
	tests := []struct {
		name    string
		bargeIn bool
		done    bool // the answer was complete
		input   func(c *call)
		cut     bool
	}{
		{"speech while the answer is being sent", true, false, speak, true},
		{"speech while the answer only plays", true, true, speak, true},
		{"speech over a protected prompt", false, true, speak, false},
		{"a key", true, true, func(c *call) { c.request(3, Request{Kind: DTMFStart}) }, true},
		{"a key over a protected prompt", false, true, func(c *call) { c.request(3, Request{Kind: DTMFStart}) }, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := greeted(t, Traits{OwnEndpointing: true})
			c.open(2, Request{Kind: DTMF, Digits: "1#"})
			c.halfClose(2)
			c.say(2, 2, 4000, test.bargeIn)
			if test.done {
				c.command(2, 0, Done{})
			}
			c.open(3, Request{Kind: Audio, Audio: make([]byte, 160)})
			c.now += time.Second
			test.input(c)
			if got := count[BargedIn](c) == 1; got != test.cut {
				t.Fatalf("interrupted: %t, want %t", got, test.cut)
			}
			if !test.cut {
				return
			}
			if got := event[BargedIn](c); got.Prompt != 2 || got.Turn != 2 || got.Heard != time.Second {
				t.Errorf("interrupted %+v, want prompt 2 of turn 2 after 1s", got)
			}
			c.wantFinal(2)
			if !test.done && event[TurnEnded](c).Reason != Interrupted {
				t.Error("the turn that was being answered is not interrupted")
			}
			c.command(2, 0, Done{})
			if n := len(c.responses[2]); c.responses[2][n-1].Type != Final || c.s.dropped != 1 {
				t.Errorf("a late command was not dropped: %d", c.s.dropped)
			}
		})
	}
}

// TestOlderRPCs: handlers may start in another order than the wire had.
func TestOlderRPCs(t *testing.T) {
	tests := []struct {
		name string
		late Request
	}{
		{"first key after its entry", Request{Kind: DTMFStart}},
		{"silence after an entry", Request{Kind: Silence}},
		{"audio after an entry", Request{Kind: Audio, Audio: make([]byte, 160)}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := greeted(t, Traits{})
			c.openStamped(2, 3, Request{Kind: DTMF, Digits: "12"})
			c.openStamped(3, 2, test.late)
			c.halfClose(3)
			if _, done := c.completed[3]; !done {
				t.Error("the older RPC is not completed")
			}
			c.say(2, 2, 200, true)
			c.command(2, 0, Done{})
			c.wantFinal(2)
			if count[TurnStarted](c) != 1 || count[BargedIn](c) != 0 || count[NoInput](c) != 0 {
				t.Errorf("the older RPC had an effect: %+v", c.events)
			}
		})
	}
}

func TestSilencesAreCountedInARow(t *testing.T) {
	c := greeted(t, Traits{})
	want := []struct {
		request Request
		count   int
	}{
		{Request{Kind: Silence}, 1}, {Request{Kind: Silence}, 2}, {Request{Kind: DTMF}, 3},
		{Request{Kind: DTMF, Digits: "5"}, 0}, {Request{Kind: Silence}, 1},
	}
	for i, w := range want {
		rpc := rpcID(i + 2)
		c.events = nil
		c.open(rpc, w.request)
		turn := event[TurnStarted](c).Turn
		if w.count == 0 {
			if got := event[DTMFEntry](c); got.Digits != w.request.Digits {
				t.Errorf("digits %q, want %q", got.Digits, w.request.Digits)
			}
		} else if got := event[NoInput](c); got.Count != w.count || got.Turn != turn {
			t.Errorf("step %d: %+v, want count %d of turn %d", i, got, w.count, turn)
		}
		c.command(turn, 0, Done{})
		c.wantFinal(rpc)
		c.now += time.Second
	}
}

func TestLeaving(t *testing.T) {
	for _, event := range []OutputEvent{TransferToAgent, EndSession} {
		c := greeted(t, Traits{})
		c.open(2, Request{Kind: DTMF, Digits: "0"})
		c.say(2, 2, 500, true)
		c.command(2, 0, Leave{Event: event, Metadata: map[string]any{"reason": "asked"}, Summary: "short"})
		got := c.wantFinal(2)
		if got.Event != event || got.Input != nil || got.Summary != "short" || got.Metadata["reason"] != "asked" {
			t.Errorf("terminal response %+v", got)
		}
		if !c.over || c.s.reason != EndedByBot || c.responses[2][0].Type != Chunk {
			t.Errorf("over %t by %v after %+v", c.over, c.s.reason, c.responses[2])
		}
	}
}

func TestLeavingWaitsForAnRPC(t *testing.T) {
	c := greeted(t, Traits{})
	c.command(0, 0, Leave{Event: EndSession})
	if c.over {
		t.Fatal("the bot left while no RPC could carry it")
	}
	c.open(2, Request{Kind: Audio, Audio: make([]byte, 160)})
	if got := c.wantFinal(2); got.Event != EndSession || !c.over {
		t.Errorf("next RPC ended with %+v, over %t", got, c.over)
	}
}

func TestComingBackFromACustomEvent(t *testing.T) {
	c := greeted(t, Traits{})
	c.open(2, Request{Kind: DTMF, Digits: "7"})
	c.command(2, 0, Leave{Event: CustomOutput, Name: "echo"})
	if got := c.wantFinal(2); got.Event != CustomOutput || got.Name != "echo" || c.over {
		t.Fatalf("ended with %+v, over %t", got, c.over)
	}
	c.open(3, Request{Kind: CustomInput, Name: "back", Parameters: map[string]any{"k": "v"}})
	if got := event[CustomEvent](c); got.Name != "back" || got.Parameters["k"] != "v" {
		t.Errorf("came back with %+v", got)
	}
	c.command(3, 0, Done{})
	c.wantFinal(3)
}

func TestHangUp(t *testing.T) {
	c := greeted(t, Traits{})
	c.open(2, Request{Kind: Audio, Audio: make([]byte, 160)})
	c.open(3, Request{Kind: SessionEnd})
	if got := event[Ended](c); got.Reason != EndedByCaller || !c.over {
		t.Errorf("ended with %+v, over %t", got, c.over)
	}
	for _, rpc := range []rpcID{2, 3} {
		if err, done := c.completed[rpc]; !done || err != nil || len(c.responses[rpc]) != 0 {
			t.Errorf("RPC %d: done %t, %v, %v", rpc, done, err, c.responses[rpc])
		}
	}
	c.step(input{kind: opened, rpc: 4, stamp: 4})
	if _, done := c.completed[4]; !done {
		t.Error("an RPC after the end is left open")
	}
}

func TestACallThatIsNotHeardOfAnyMore(t *testing.T) {
	tests := []struct {
		name   string
		cancel bool
		after  time.Duration // of the end of playback
	}{
		{"the last RPC was cancelled", true, 10 * time.Second},
		{"the last RPC was completed", false, 10 * time.Minute},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := newCall(t, Traits{})
			c.open(1, Request{Kind: SessionStart})
			c.halfClose(1)
			c.say(1, 1, 3000, true)
			if test.cancel {
				c.step(input{kind: gone, rpc: 1})
			} else {
				c.command(1, 0, Done{})
			}
			if due := c.s.due.gone; due != 3*time.Second+test.after {
				t.Fatalf("given up at %v, want %v after playback", due, test.after)
			}
			c.now = c.s.due.gone
			c.step(input{kind: tick})
			if !c.over || c.s.reason != EndedGone {
				t.Errorf("over %t, %v", c.over, c.s.reason)
			}
		})
	}
}

func TestTheBotIsGone(t *testing.T) {
	failures := map[string]func(c *call){
		"lost":        func(c *call) { c.step(input{kind: lost, err: ErrAgentUnavailable}) },
		"gives up":    func(c *call) { c.command(2, 0, GiveUp{Message: "no"}) },
		"is too late": func(c *call) { c.now += 30 * time.Second; c.step(input{kind: tick}) },
	}
	for name, fail := range failures {
		t.Run(name, func(t *testing.T) {
			c := greeted(t, Traits{})
			c.open(2, Request{Kind: DTMF, Digits: "4"})
			fail(c)
			if got := c.wantFinal(2); got.Event != TransferToAgent || got.Metadata["reason"] == "" {
				t.Errorf("the caller got %+v, want a transfer", got)
			}
			if !c.over || c.s.reason != EndedFailed || event[TurnEnded](c).Reason != Failed {
				t.Errorf("over %t, %v, %+v", c.over, c.s.reason, event[TurnEnded](c))
			}
		})
	}
}

func TestResumedCall(t *testing.T) {
	c := newCall(t, Traits{})
	c.open(1, Request{Kind: DTMF, Digits: "3"})
	if event[Started](c).Resumed == nil || event[DTMFEntry](c).Digits != "3" || event[TurnStarted](c).Cause != ByDTMF {
		t.Errorf("resumed with %+v", c.events)
	}
}

// TestSetEndpointing: who finds speech is said call by call.
func TestSetEndpointing(t *testing.T) {
	c := greeted(t, Traits{Audio: AllAudio})
	c.command(0, 0, SetEndpointing{Own: true})
	c.listen(2)
	c.hears(2, words(t, "slt-seven"))
	if n := count[TurnStarted](c); n != 0 {
		t.Fatalf("%d turns, want none: the agent has said that it finds speech", n)
	}
	c.command(0, 0, Endpoint{})
	c.command(0, 0, Endpoint{End: true})
	if got := event[TurnStarted](c); got.Cause != BySpeech || count[InputEnded](c) != 1 {
		t.Fatalf("turn %+v of the agent's report", got)
	}
	c.command(2, 0, Done{})
	c.command(0, 0, SetEndpointing{})
	c.listen(3)
	c.hears(3, words(t, "slt-seven"))
	if n := count[TurnStarted](c); n != 2 {
		t.Errorf("%d turns, want one more: the host finds speech again", n)
	}
	c.step(input{kind: commanded, command: Command{Ref: 9, Body: Endpoint{}}})
	if got := event[Refused](c); got.Ref != 9 {
		t.Errorf("a report of speech was not refused: %+v", got)
	}
}

// TestMeasured: numbers of the bot's own are handed on, late or not, if they can be.
func TestMeasured(t *testing.T) {
	c := greeted(t, Traits{})
	c.command(77, 0, Measured{map[string]float64{"calls_total": 1, "answer_seconds": .5}})
	if len(c.measured) != 1 || c.measured[0]["answer_seconds"] != .5 {
		t.Fatalf("measured %v", c.measured)
	}
	for _, name := range []string{"", "calls", "Calls_total", "_total", "a b_total", "x{y=\"z\"}_total", strings.Repeat("x", 60) + "_total"} {
		c.step(input{kind: commanded, command: Command{Ref: 9, Body: Measured{map[string]float64{name: 1}}}})
		if got := event[Refused](c); got.Command != "metrics" {
			t.Errorf("name %q was not refused", name)
		}
	}
	if len(c.measured) != 1 {
		t.Errorf("measured %v", c.measured)
	}
}

func TestRefusals(t *testing.T) {
	tests := map[string]CommandBody{
		"text":         StartPrompt{Text: "hello"},
		"hold":         StartPrompt{HoldUntilDone: true},
		"no number":    StartPrompt{},
		"endpoint":     Endpoint{},
		"unknown":      Unknown{Name: "state"},
		"terminator":   SetInput{Terminator: "E"},
		"sensitivity":  SetInput{HasOtherWish: true},
		"done nothing": Done{},
	}
	for name, body := range tests {
		c := greeted(t, Traits{})
		c.step(input{kind: commanded, command: Command{Ref: 9, Body: body}})
		if got := event[Refused](c); got.Ref != 9 || got.Message == "" {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestCreditComesBack(t *testing.T) {
	c := greeted(t, Traits{})
	spent, back := 0, 0
	for turn := uint64(2); turn < 20; turn++ {
		c.open(rpcID(turn), Request{Kind: DTMF, Digits: "1"})
		c.say(turn, turn, 1000, true)
		c.command(turn, 0, Done{})
		c.command(turn, turn, PromptAudio{Data: make([]byte, 500)}) // too late
		spent += 8500
		c.now += 2 * time.Second
	}
	for _, e := range c.events {
		if credit, ok := e.(Credit); ok {
			back += credit.Bytes
		}
	}
	if owed := spent + 8000 - back; owed != c.s.owed || owed >= c.s.limits.credit/4 {
		t.Errorf("spent %d, got back %d, owed %d", spent, back, c.s.owed)
	}
}

// TestWordsBeforeTheGreeting: what a bot says while the greeting still waits for
// the half-close is heard in its place, and so is the end of its part.
func TestWordsBeforeTheGreeting(t *testing.T) {
	c := newCall(t, Traits{})
	c.open(1, Request{Kind: SessionStart})
	c.say(0, 1, 500, true)
	c.halfClose(1)
	c.command(1, 0, Done{})
	c.wantFinal(1)
	if len(c.responses[1]) != 2 || len(c.responses[1][0].Audio) != 4000 {
		t.Errorf("the greeting was %d responses, want its audio and FINAL", len(c.responses[1]))
	}

	c = newCall(t, Traits{})
	c.open(1, Request{Kind: SessionStart})
	c.say(0, 1, 500, true)
	c.command(0, 0, Leave{Event: TransferToAgent})
	c.halfClose(1)
	if got := c.wantFinal(1); got.Event != TransferToAgent || len(c.responses[1]) != 2 || !c.over {
		t.Errorf("ended with %+v after %d responses, over %t", got, len(c.responses[1]), c.over)
	}
}

// TestLostBeforeTheGreeting: a bot that is lost at once leaves no silence.
func TestLostBeforeTheGreeting(t *testing.T) {
	c := newCall(t, Traits{})
	c.open(1, Request{Kind: SessionStart})
	c.step(input{kind: lost, err: ErrAgentUnavailable})
	c.halfClose(1)
	if got := c.wantFinal(1); got.Event != TransferToAgent || !c.over {
		t.Errorf("the caller got %+v, over %t", got, c.over)
	}
}

// TestEndingsStand: what a bot said before it ended its part is heard, and its
// ending is not replaced by the fallback when it is lost meanwhile.
func TestEndingsStand(t *testing.T) {
	c := greeted(t, Traits{})
	c.say(0, 2, 500, true)
	c.command(0, 0, Leave{Event: EndSession})
	c.step(input{kind: lost, err: ErrAgentUnavailable})
	c.open(2, Request{Kind: Audio, Audio: make([]byte, 160)})
	if got := c.wantFinal(2); got.Event != EndSession || len(c.responses[2]) != 2 || len(c.responses[2][0].Audio) != 4000 {
		t.Errorf("ended with %+v after %d responses", got, len(c.responses[2]))
	}
}

func TestGivingUpWhileAway(t *testing.T) {
	c := greeted(t, Traits{})
	c.open(2, Request{Kind: DTMF, Digits: "7"})
	c.command(2, 0, Leave{Event: CustomOutput})
	c.command(0, 0, GiveUp{})
	c.open(3, Request{Kind: CustomInput})
	if got := c.wantFinal(3); got.Event != TransferToAgent {
		t.Errorf("came back to %+v, want a transfer", got)
	}
}

// TestSpeechThatStops: audio may end in mid-utterance, with a half-close or
// without a word.
func TestSpeechThatStops(t *testing.T) {
	for name, stop := range map[string]func(c *call){
		"half-close":   func(c *call) { c.halfClose(2) },
		"the bot ends": func(c *call) { c.command(2, 0, Done{}) },
		"silence":      func(c *call) { c.now = c.s.due.next(); c.step(input{kind: tick}) },
	} {
		t.Run(name, func(t *testing.T) {
			c := greeted(t, Traits{OwnEndpointing: true})
			start := c.now
			c.open(2, Request{Kind: Audio, Audio: make([]byte, 160)})
			c.command(0, 0, Endpoint{At: start})
			c.request(2, Request{Kind: Audio, Audio: make([]byte, 8000)})
			stop(c)
			if got := event[InputEnded](c).SpeechEnd; got != start+1020*time.Millisecond {
				t.Errorf("speech ended at %v, want where the audio did, %v", got, start+1020*time.Millisecond)
			}
		})
	}
}

// TestPromptDoneDoesNotWait for a prompt that never ends.
func TestPromptDoneDoesNotWait(t *testing.T) {
	c := greeted(t, Traits{})
	c.command(0, 2, StartPrompt{})
	c.open(2, Request{Kind: Audio, Audio: make([]byte, 160)})
	c.say(0, 3, 500, true)
	c.now = c.s.due.next()
	c.step(input{kind: tick})
	if got := event[PromptDone](c).Prompt; got != 3 {
		t.Errorf("prompt %d is done, want 3", got)
	}
	for i := range uint64(2 * maxPrompts) {
		c.command(0, 10+i, StartPrompt{})
	}
	if len(c.s.play.prompts) > maxPrompts || count[Refused](c) == 0 {
		t.Errorf("%d prompts are kept, %d refused", len(c.s.play.prompts), count[Refused](c))
	}
}
