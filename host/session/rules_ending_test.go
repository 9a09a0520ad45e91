package session

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestR45_Transfer(t *testing.T) {
	c := greeted(t, Traits{})
	c.say(c.keys(2, "0"), 2, 500, true)
	c.command(2, 0, Leave{Event: TransferToAgent, Name: "asked", Metadata: map[string]any{"summary": "wants a person", "routing_hint": "desk"},
		Transcript: "User: a person", Summary: "short"})
	c.wantDone(2, "CHUNK(4000) FINAL+TRANSFER")
	last := c.wantFinal(2)
	if last.Name != "asked" || last.Metadata["summary"] != "wants a person" || last.Metadata["routing_hint"] != "desk" || last.Summary != "short" || last.Transcript == "" {
		t.Errorf("Webex was told %+v", last)
	}
	if !c.over || c.s.reason != EndedByBot || event[Ended](c).Reason != EndedByBot {
		t.Errorf("over %t by %v", c.over, c.s.reason)
	}
}

func TestR46_SessionEndByTheBot(t *testing.T) {
	for name, say := range map[string]int{"with a prompt": 500, "without": 0} {
		c := greeted(t, Traits{})
		c.keys(2, "1")
		want := "FINAL+SESSION_END"
		if say > 0 {
			c.say(2, 2, say, true)
			want = "CHUNK(4000) " + want
		}
		c.command(2, 0, Leave{Event: EndSession})
		c.wantDone(2, want)
		if last := c.wantFinal(2); last.Input != nil || !c.over {
			t.Errorf("%s: Webex was told of more input, %+v; over %t", name, last.Input, c.over)
		}
	}
	t.Run("of a listening RPC", func(t *testing.T) {
		c := greeted(t, Traits{})
		c.listen(2)
		c.command(0, 0, Leave{Event: EndSession})
		c.wantDone(2, "FINAL+SESSION_END")
	})
}

func TestR47_LastPrompts(t *testing.T) {
	for _, event := range []OutputEvent{TransferToAgent, EndSession, CustomOutput} {
		name := shapeOf(Response{Type: Final, Event: event})
		for _, mode := range []AnswerMode{Chunks, WAV} {
			c := greetedWith(t, Traits{}, func(s *Settings) { s.Answers = mode })
			c.say(c.keys(2, "1"), 2, 500, true)
			c.say(2, 3, 100, true)
			c.command(2, 0, Leave{Event: event})
			if mode == WAV {
				c.wantDone(2, "FINAL(4000)(800)"+name[len("FINAL"):])
			} else {
				c.wantDone(2, "CHUNK(4000) CHUNK(800) "+name)
			}
		}
	}
}

// hangUps are states of a call, on RPC 2 and later, in which the caller hangs up.
var hangUps = []struct {
	name string
	run  func(c *call)
	open []rpcID // completed by the hang-up, without a word
}{
	{"nothing is going on", func(*call) {}, nil},
	{"listening", func(c *call) { c.listen(2) }, []rpcID{2}},
	{"in mid-utterance", func(c *call) { c.listen(2); c.hears(2, append(quiet(300), voice(400)...)) }, []rpcID{2}},
	{"the bot thinks", func(c *call) { c.keys(2, "1") }, []rpcID{2}},
	{"the bot answers", func(c *call) { c.say(c.keys(2, "1"), 2, 4000, true) }, []rpcID{2}},
	{"the answer plays", func(c *call) { c.say(c.keys(2, "1"), 2, 4000, true); c.command(2, 0, Done{}) }, nil},
	{"the answer plays and is protected", func(c *call) { c.say(c.keys(2, "1"), 2, 4000, false); c.listen(3) }, []rpcID{2, 3}},
	{"two RPCs are open", func(c *call) { c.say(c.keys(2, "1"), 2, 4000, true); c.listen(3) }, []rpcID{2, 3}},
	{"after the first key", func(c *call) { c.open(2, Request{Kind: DTMFStart}) }, nil},
	{"words of no turn wait", func(c *call) { c.say(0, 2, 500, true) }, nil},
	{"the bot's last words wait", func(c *call) { c.command(0, 0, Leave{Event: TransferToAgent}) }, nil},
	{"the flow has the call", func(c *call) { c.keys(2, "1"); c.command(2, 0, Leave{Event: CustomOutput}) }, nil},
	{"the flow came back", func(c *call) {
		c.keys(2, "1")
		c.command(2, 0, Leave{Event: CustomOutput})
		c.open(3, Request{Kind: SessionStart})
	}, []rpcID{3}},
}

func TestR48_HangUp(t *testing.T) {
	hangUp := func(t *testing.T, c *call, rpc rpcID, own bool) {
		sent := map[rpcID]string{}
		for id := range c.responses {
			sent[id] = c.shape(id)
		}
		if own {
			c.open(rpc, Request{Kind: SessionEnd})
		} else {
			c.request(rpc, Request{Kind: SessionEnd})
		}
		if got := event[Ended](c); got.Reason != EndedByCaller || !c.over || count[Ended](c) != 1 {
			t.Errorf("the bot was told %+v, over %t", got, c.over)
		}
		c.wantDone(rpc, sent[rpc])
		for id, before := range sent {
			c.wantDone(id, before)
		}
		for _, a := range c.acts(input{kind: commanded, command: Command{Turn: 2, Body: Done{}}}) {
			t.Errorf("the bot could not know, but: %+v", a)
		}
		c.wantDone(rpc, sent[rpc])
	}
	for _, state := range hangUps {
		t.Run(state.name, func(t *testing.T) {
			c := greeted(t, Traits{})
			state.run(c)
			c.events = nil
			hangUp(t, c, 9, true)
			for _, rpc := range state.open {
				c.wantDone(rpc, c.shape(rpc))
			}
		})
		for _, rpc := range state.open {
			t.Run(state.name+", on the open RPC", func(t *testing.T) {
				c := greeted(t, Traits{})
				state.run(c)
				hangUp(t, c, rpc, false)
			})
		}
	}
	t.Run("before the greeting", func(t *testing.T) {
		c := newCall(t, Traits{})
		c.open(1, Request{Kind: SessionStart})
		hangUp(t, c, 2, true)
		c.wantDone(1, "")
	})
	t.Run("the bot's audio is taken back", func(t *testing.T) {
		c := greeted(t, Traits{})
		c.say(c.keys(2, "1"), 2, 4000, true)
		dropped := false
		c.step(input{kind: opened, rpc: 3, stamp: 3})
		for _, a := range c.acts(input{kind: requested, rpc: 3, request: &Request{Kind: SessionEnd}}) {
			dropped = dropped || a.kind == drop
		}
		if !dropped {
			t.Error("it is still sent")
		}
	})
}

func TestR49_CustomEvents(t *testing.T) {
	away := func(t *testing.T) *call {
		c := greeted(t, Traits{})
		c.say(c.keys(2, "1"), 2, 500, true)
		c.command(2, 0, Leave{Event: CustomOutput, Name: "lookup", Metadata: map[string]any{"k": "v"}})
		c.wantDone(2, "CHUNK(4000) FINAL+CUSTOM")
		if last := c.wantFinal(2); last.Name != "lookup" || last.Metadata["k"] != "v" || c.over || count[Ended](c) != 0 {
			t.Errorf("Webex was told %+v, over %t", last, c.over)
		}
		c.wait(time.Second)
		c.events = nil
		return c
	}
	data := map[string]any{"result": "found"}
	t.Run("it comes back by CUSTOM_EVENT", func(t *testing.T) {
		c := away(t)
		c.open(3, Request{Kind: CustomInput, Name: "back", Parameters: data})
		got := event[CustomEvent](c)
		if got.Turn != 3 || got.Name != "back" || got.Parameters["result"] != "found" || count[Started](c) != 0 {
			t.Errorf("the bot was told %+v", c.events)
		}
		c.say(3, 3, 100, true)
		c.command(3, 0, Done{})
		c.wantDone(3, "CHUNK(800) FINAL")
	})
	t.Run("it comes back by SESSION_START", func(t *testing.T) {
		c := away(t)
		c.open(3, Request{Kind: SessionStart, Name: "back", Parameters: data})
		if count[TurnStarted](c) != 0 {
			t.Error("it is answered before the half-close")
		}
		c.halfClose(3)
		got := event[CustomEvent](c)
		if got.Turn != 3 || got.Name != "back" || got.Parameters["result"] != "found" || count[Started](c) != 0 || !turnBy(c, ByStart) {
			t.Errorf("the bot was told %+v", c.events)
		}
		c.say(3, 3, 100, true)
		c.command(3, 0, Done{})
		c.wantDone(3, "CHUNK(800) FINAL")
	})
	t.Run("meanwhile the bot cannot speak", func(t *testing.T) {
		c := away(t)
		c.say(0, 3, 500, true)
		c.open(3, Request{Kind: CustomInput})
		c.wantOpen(3, "")
		if c.s.dropped != 2 {
			t.Errorf("%d commands were dropped, want 2", c.s.dropped)
		}
	})
	t.Run("meanwhile the bot fails, and what was on its way does not take the fallback", func(t *testing.T) {
		c := away(t)
		c.command(0, 0, GiveUp{})
		c.listen(3)
		c.wantDone(3, "")
		c.open(4, Request{Kind: CustomInput})
		if last := c.wantFinal(4); last.Event != TransferToAgent || !c.over {
			t.Errorf("it came back to %+v, over %t", last, c.over)
		}
	})
	t.Run("the fallback sends one, and it comes back to a new call of the bot", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			settings := DefaultSettings()
			settings.Fallback.Action = FallbackCustom
			fails := true
			l := start(t, Config{Calls: &settings}, func(sink Sink, e Event) {
				if _, started := e.Body.(Started); started && fails {
					sink.Command(Command{Body: GiveUp{}})
					fails = false
					return
				}
				repeat(sink, e)
			})
			if got := l.exchange("c1", Request{Kind: SessionStart}); got.responses[len(got.responses)-1].Event != CustomOutput {
				t.Fatalf("the fallback did %+v", got)
			}
			got := l.exchange("c1", Request{Kind: CustomInput, Name: "back"})
			if got.err != nil || len(got.responses) == 0 || l.count("Open") != 2 || l.count("CustomEvent") != 1 {
				t.Errorf("it came back to %+v, %d calls and %d custom events", got, l.count("Open"), l.count("CustomEvent"))
			}
		})
	})
	t.Run("it does not come back", func(t *testing.T) {
		c := away(t)
		c.wait(58 * time.Second)
		if c.over {
			t.Error("the call was not kept for a minute")
		}
		c.wait(2 * time.Second)
		if !c.over || c.s.reason != EndedGone {
			t.Errorf("over %t, %v, want it gone after a minute", c.over, c.s.reason)
		}
	})
	t.Run("a custom event in the middle of a call", func(t *testing.T) {
		c := greeted(t, Traits{})
		c.say(c.keys(2, "1"), 2, 4000, true)
		c.open(3, Request{Kind: CustomInput, Name: "news"})
		if got := event[CustomEvent](c); got.Turn != 3 || got.Name != "news" {
			t.Errorf("the bot was told %+v", got)
		}
		c.wantDone(2, "CHUNK(32000) FINAL")
	})
}

func TestR50_AfterTheEnd(t *testing.T) {
	for _, event := range []OutputEvent{TransferToAgent, EndSession} {
		t.Run("other RPCs are completed without a word, and the bot is not heard", func(t *testing.T) {
			c := greeted(t, Traits{})
			c.keys(2, "1")
			c.listen(3)
			c.command(2, 0, Leave{Event: event})
			c.wantDone(3, "")
			before := c.shape(2)
			notes := 0
			for _, body := range []CommandBody{Done{}, StartPrompt{}, PromptAudio{Data: make([]byte, 4000)}, Leave{Event: EndSession}} {
				for _, a := range c.acts(input{kind: commanded, command: Command{Turn: 2, Prompt: 5, Body: body}}) {
					if a.kind != note {
						t.Errorf("%T after the end did %+v", body, a)
					}
					notes++
				}
			}
			if c.s.dropped != 4 || c.s.unplayed != 4000 || notes != 1 {
				t.Errorf("%d commands dropped, %d bytes unplayed, %d notes: want 4, 4000 and 1", c.s.dropped, c.s.unplayed, notes)
			}
			c.wantDone(2, before)
			c.step(input{kind: opened, rpc: 4, stamp: 4})
			c.wantDone(4, "")
		})
	}
	t.Run("what still comes of the call is completed", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := start(t, Config{}, nil)
			l.exchange("c1", Request{Kind: SessionStart})
			l.exchange("c1", Request{Kind: DTMF, Digits: "0"})
			for _, q := range []Request{{Kind: Audio, Audio: quiet(20)}, {Kind: SessionEnd}, {Kind: DTMF, Digits: "1"}} {
				if got := l.exchange("c1", q); got.err != nil || len(got.responses) != 0 {
					t.Errorf("%+v got %+v", q, got)
				}
			}
			if n := l.count("Open"); n != 1 {
				t.Errorf("the bot got %d calls, want 1", n)
			}
		})
	})
	t.Run("words with the last RPC's end are the bot's last", func(t *testing.T) {
		c := greeted(t, Traits{})
		c.keys(2, "1")
		c.command(2, 0, Leave{Event: TransferToAgent})
		c.step(input{kind: lost, err: errors.New("it has ended")}) // a bot that ends now has not failed
		c.wantDone(2, "FINAL+TRANSFER")
		if c.s.reason != EndedByBot {
			t.Errorf("the call ended by %v", c.s.reason)
		}
	})
}
