package session

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestR1_OneSessionForAllRPCs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := start(t, Config{}, nil)
		for _, q := range []Request{
			{Kind: SessionStart}, {Kind: Audio, Audio: quiet(20)}, {Kind: DTMFStart},
			{Kind: DTMF, Digits: "12"}, {Kind: Silence}, {Kind: CustomInput},
		} {
			if got := l.exchange("c1", q); got.err != nil {
				t.Errorf("%+v got %v", q, got.err)
			}
		}
		if n := l.count("Open"); n != 1 {
			t.Errorf("the bot got %d calls, want 1 for all RPCs of a conversation", n)
		}
		l.exchange("c2", Request{Kind: SessionStart})
		if n := l.count("Open"); n != 2 {
			t.Errorf("the bot got %d calls, want 2 for two conversations", n)
		}
	})
}

func TestR2_EveryRPCIsCompleted(t *testing.T) {
	answer := func(c *call) { c.say(c.s.turns, 9, 200, true); c.command(c.s.turns, 0, Done{}) }
	tests := []struct {
		name  string
		run   func(c *call) // on RPC 2
		shape string
	}{
		{"silence that is half-closed", func(c *call) { c.listen(2); c.halfClose(2) }, ""},
		{"an utterance", func(c *call) { c.listen(2); c.hears(2, words(c.t, "slt-yes")); answer(c) }, "START END CHUNK(1600) FINAL"},
		{"an utterance that is half-closed at its end", func(c *call) {
			c.listen(2)
			c.hears(2, words(c.t, "slt-yes"))
			c.halfClose(2)
			answer(c)
		}, "START END CHUNK(1600) FINAL"},
		{"the first key", func(c *call) { c.open(2, Request{Kind: DTMFStart}); c.halfClose(2) }, ""},
		{"an entry", func(c *call) { c.keys(2, "1"); answer(c) }, "CHUNK(1600) FINAL"},
		{"no input", func(c *call) { c.open(2, Request{Kind: Silence}); c.halfClose(2); answer(c) }, "CHUNK(1600) FINAL"},
		{"a custom event", func(c *call) { c.open(2, Request{Kind: CustomInput}); c.halfClose(2); answer(c) }, "CHUNK(1600) FINAL"},
		{"an answer of nothing", func(c *call) { c.keys(2, "1"); c.command(2, 0, Done{}) }, "FINAL"},
		{"an answer that is interrupted", func(c *call) { c.keys(2, "1"); c.say(2, 9, 200, true); c.keys(3, "2") }, "CHUNK(1600) FINAL"},
		{"a hang-up", func(c *call) { c.open(2, Request{Kind: SessionEnd}); c.halfClose(2) }, ""},
		{"nothing but a half-close", func(c *call) { c.step(input{kind: opened, rpc: 2, stamp: 2}); c.halfClose(2) }, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := greeted(t, Traits{})
			test.run(c)
			c.wantDone(2, test.shape)
		})
	}
}

func TestR3_AnswersStayOnTheirRPC(t *testing.T) {
	c := greeted(t, Traits{})
	turn := c.keys(2, "1")
	c.say(turn, 2, 1000, true)
	c.listen(3) // the next one, before the answer is complete
	c.say(turn, 3, 500, true)
	c.command(turn, 0, Done{})
	c.wantDone(2, "CHUNK(8000) CHUNK(4000) FINAL")
	c.wantOpen(3, "")
	c.say(turn, 4, 500, true) // nothing follows FINAL: the harness would say so
	c.wantDone(2, "CHUNK(8000) CHUNK(4000) FINAL")
	c.wantOpen(3, "")
}

func TestR4_TheCallOutlivesItsRPCs(t *testing.T) {
	t.Run("the end of each RPC leaves it", func(t *testing.T) {
		for name, end := range map[string]func(c *call){
			"completed": func(c *call) { c.keys(2, "1"); c.command(2, 0, Done{}) },
			"cancelled": func(c *call) { c.listen(2); c.step(input{kind: gone, rpc: 2}) },
			"silent":    func(c *call) { c.listen(2); c.halfClose(2) },
		} {
			c := greeted(t, Traits{})
			end(c)
			c.wait(time.Second)
			before := c.s.turns
			if turn := c.keys(3, "2"); turn != before+1 || event[DTMFEntry](c).Digits != "2" || count[Started](c) != 0 {
				t.Errorf("after an RPC that was %s, the next one opened turn %d of %+v", name, turn, c.events)
			}
		}
	})
	t.Run("organisations do not share conversations", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := start(t, Config{}, nil)
			l.exchange("c1", Request{Kind: SessionStart})
			l.exchangeAs(Key{"other", "c1"}, Request{Kind: DTMF, Digits: "1"})
			if n := l.count("Open"); n != 2 {
				t.Errorf("%d calls for a conversation id in two organisations, want 2", n)
			}
		})
	})
	t.Run("what ends it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := start(t, Config{}, nil)
			for _, q := range []Request{{Kind: SessionEnd}, {Kind: DTMF, Digits: "0"}} { // 0 transfers
				l.exchange("c1", Request{Kind: SessionStart})
				l.exchange("c1", q)
				synctest.Wait()
				if n := l.sessions.Len(); n != 0 {
					t.Errorf("%d calls are left after %+v", n, q)
				}
			}
		})
	})
}

func TestR5_RPCsTogether(t *testing.T) {
	l := start(t, Config{}, nil)
	l.exchange("c1", Request{Kind: SessionStart})
	var all sync.WaitGroup
	open := make(chan *RPC, 24)
	for i := range cap(open) {
		all.Go(func() {
			q := Request{Key: Key{"org", "c1"}, Kind: Audio, Audio: quiet(40)}
			if i%3 == 0 {
				q = Request{Key: q.Key, Kind: SessionStart}
			}
			rpc, err := l.sessions.Join(t.Context(), l.sessions.Begin(), &q)
			if err != nil {
				t.Errorf("an RPC beside others got %v", err)
				return
			}
			open <- rpc
		})
	}
	all.Wait()
	close(open)
	for rpc := range open {
		rpc.HalfClose()
		if got := read(t.Context(), rpc); got.err != nil {
			t.Errorf("an RPC beside others ended with %v", got.err)
		}
	}
	if n := l.count("Open"); n != 1 {
		t.Errorf("the bot got %d calls, want 1", n)
	}
}

func TestR6_Identities(t *testing.T) {
	tests := []struct {
		name   string
		key    Key
		agent  string
		before bool // the conversation was begun with the default agent
		want   error
	}{
		{"no conversation", Key{"org", ""}, "", false, ErrBadRequest},
		{"no organisation", Key{"", "c1"}, "", false, ErrBadRequest},
		{"no agent is the default one", Key{"org", "c1"}, "", false, nil},
		{"an agent that is known", Key{"org", "c1"}, "bot", false, nil},
		{"an agent that is not", Key{"org", "c1"}, "nobody", false, ErrUnknownAgent},
		{"the same agent later", Key{"org", "c1"}, "bot", true, nil},
		{"none later", Key{"org", "c1"}, "", true, nil},
		{"another one later", Key{"org", "c1"}, "second", true, ErrAgentChanged},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := start(t, Config{}, nil)
				if test.before {
					l.exchange("c1", Request{Kind: SessionStart})
				}
				if got := l.exchangeAs(test.key, Request{Kind: SessionStart, Agent: test.agent}); !errors.Is(got.err, test.want) {
					t.Errorf("got %v, want %v", got.err, test.want)
				}
			})
		})
	}
	t.Run("another conversation or organisation on the same RPC", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := start(t, Config{}, nil)
			rpc := l.join(Key{"org", "c1"}, Request{Kind: SessionStart})
			for _, key := range []Key{{"org", "c2"}, {"other", "c1"}} {
				if err := rpc.Receive(t.Context(), &Request{Key: key, Kind: SessionEnd}); !errors.Is(err, ErrBadRequest) {
					t.Errorf("%v got %v, want %v", key, err, ErrBadRequest)
				}
			}
		})
	})
}

func TestR7_ControlHubsText(t *testing.T) {
	const text = "{\"a\": [1,\n not JSON \x00 é"
	c := newCall(t, Traits{})
	c.open(1, Request{Kind: SessionStart, VendorConfig: text, Additional: map[string]string{"k": "v"},
		Parameters: map[string]any{"p": 1.0}, Language: "en-US"})
	got := event[Started](c)
	if got.VendorConfig != text || got.Additional["k"] != "v" || got.Parameters["p"] != 1.0 || got.Language != "en-US" {
		t.Errorf("the bot was told %+v", got)
	}
}
