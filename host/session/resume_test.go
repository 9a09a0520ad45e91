package session

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/byova-host/byova-host/internal/audio"
)

var keeping = Traits{Resume: ResumeSaved, Movable: true}

// die ends the process that has the call.
func (c *call) die() {
	c.step(input{kind: lost, number: c.s.bind.number, err: errors.New("exit status 9")})
}

// comeBack gives the call to the next process, which takes it.
func (c *call) comeBack() {
	c.bindTo(c.s.traits)
	c.command(0, 0, Accepted{})
}

func (c *call) bindTo(traits Traits) {
	c.events, c.told = nil, nil
	c.step(input{kind: reopened, number: c.s.bind.number, part: &part{traits: traits}})
}

func (c *call) move() {
	c.step(input{kind: moveWanted, number: c.s.bind.number, reads: func(v uint32) bool { return v <= 1 }})
}

func (c *call) save(turn uint64, text string) {
	c.command(turn, 0, SaveState{State{Data: []byte(text), Version: 1}})
}

// names are the events that were told since the call came to this process.
func (c *call) names() string {
	var all []string
	for _, e := range c.told {
		name := strings.TrimPrefix(fmt.Sprintf("%T", e.Body), "session.")
		if b, ok := e.Body.(TurnStarted); ok && b.Attempt > 1 {
			name += fmt.Sprint(b.Attempt)
		}
		if e.Replayed {
			name = strings.ToLower(name)
		}
		all = append(all, name)
	}
	return strings.Join(all, " ")
}

func (c *call) wantNames(want string) {
	c.t.Helper()
	if got := c.names(); got != want {
		c.t.Errorf("the next process was told\n %s\nwant\n %s", got, want)
	}
}

func (c *call) resumed() Resumed {
	c.t.Helper()
	s := event[Started](c)
	if s.Resumed == nil || s.SessionID != "s" || s.Agent != "bot" || c.told[0].Seq != 1 {
		c.t.Fatalf("the next process was told %+v", c.told[0])
	}
	return *s.Resumed
}

// What becomes of the open turn, by what of its answer had left.
func TestCommit(t *testing.T) {
	tests := []struct {
		name  string
		do    func(c *call) // in turn 2, which 2 keys opened
		names string
		want  Resumed
	}{
		{"nothing was said", func(*call) {},
			"Started turnstarted2 dtmfentry inputended", Resumed{Attempt: 2, State: State{[]byte("before"), 1}}},
		{"it was saved only", func(c *call) { c.save(2, "in 2") },
			"Started turnstarted2 dtmfentry inputended", Resumed{Attempt: 2, State: State{[]byte("before"), 1}}},
		{"a prompt was begun without audio", func(c *call) { c.save(2, "in 2"); c.command(2, 5, StartPrompt{}) },
			"Started turnstarted2 dtmfentry inputended", Resumed{Attempt: 2, State: State{[]byte("before"), 1}, Prompts: 5}},
		{"it was saved and spoken", func(c *call) {
			c.save(2, "in 2")
			c.command(2, 5, StartPrompt{})
			c.command(2, 5, PromptAudio{Data: make([]byte, 800)})
		}, "Started", Resumed{Attempt: 1, State: State{[]byte("in 2"), 1}, InterruptedTurn: 2, Prompts: 5,
			InFlight: 5, Sent: 100 * time.Millisecond, Left: 100 * time.Millisecond}},
		{"it was spoken and saved", func(c *call) { c.say(2, 5, 100, true); c.save(2, "in 2") },
			"Started", Resumed{Attempt: 1, State: State{[]byte("in 2"), 1}, InterruptedTurn: 2, Prompts: 5,
				InFlight: 5, Sent: 100 * time.Millisecond, Left: 100 * time.Millisecond}},
		{"it was answered", func(c *call) { c.save(2, "in 2"); c.command(2, 0, Done{}) },
			"Started", Resumed{Attempt: 1, State: State{[]byte("in 2"), 1}, Prompts: 1}},
		{"it was saved in the turn and then outside of it", func(c *call) { c.save(2, "in 2"); c.save(0, "aside"); c.command(2, 0, Done{}) },
			"Started", Resumed{Attempt: 1, State: State{[]byte("aside"), 1}, Prompts: 1}},
		{"it was saved outside of the turn", func(c *call) { c.save(0, "aside") },
			"Started turnstarted2 dtmfentry inputended", Resumed{Attempt: 2, State: State{[]byte("aside"), 1}}},
		{"the input mode was set", func(c *call) { c.command(2, 0, SetInput{Terminator: "5"}) },
			"Started turnstarted2 dtmfentry inputended", Resumed{Attempt: 2, State: State{[]byte("before"), 1}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := greetedWith(t, keeping, func(s *Settings) { s.FillerAfter = 0 })
			c.save(0, "before")
			c.keys(2, "12")
			wished := c.s.wished
			test.do(c)
			last := c.told[len(c.told)-1].Seq
			c.die()
			if len(c.reopened) != 1 || c.over {
				t.Fatalf("asked %d times for another process, over %t", len(c.reopened), c.over)
			}
			c.comeBack()
			c.wantNames(test.names)
			got := c.resumed()
			if test.want.Prompts == 0 {
				test.want.Prompts = 1
			}
			test.want.Cause, test.want.AfterSeq = ByCrash, last
			if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", test.want) {
				t.Errorf("it resumes with\n %+v\nwant\n %+v", got, test.want)
			}
			if !bytes.Equal(c.reopened[0].State.Data, got.State.Data) {
				t.Errorf("asked for a process for %q, told %q", c.reopened[0].State.Data, got.State.Data)
			}
			if got.Attempt == 2 && c.s.wished != wished {
				t.Errorf("what was wished in a turn that comes again holds: %+v", c.s.wished)
			}
		})
	}
}

func TestCallGoesOnAfterCrash(t *testing.T) {
	t.Run("the turn that comes again is answered once", func(t *testing.T) {
		c := greeted(t, keeping)
		turn := c.keys(2, "1")
		old := c.s.bind.number
		c.die()
		c.step(input{kind: commanded, number: old, command: Command{Turn: turn, Body: Done{}}}) // it comes too late
		c.comeBack()
		c.say(turn, 2, 100, true)
		c.command(turn, 0, Done{})
		c.wantDone(2, "CHUNK(800) FINAL")
		if c.settled != 1 {
			t.Errorf("out of danger %d times", c.settled)
		}
	})
	t.Run("an answer that had partly left is gone on with", func(t *testing.T) {
		c := greeted(t, keeping)
		turn := c.keys(2, "1")
		c.command(turn, 2, StartPrompt{})
		c.command(turn, 2, PromptAudio{Data: make([]byte, 800)})
		c.die()
		c.comeBack()
		c.now += 900 * time.Millisecond
		c.command(turn, 3, StartPrompt{})
		c.now += 900 * time.Millisecond
		c.command(turn, 3, PromptAudio{Data: make([]byte, 1600), End: true})
		c.command(turn, 0, Done{})
		c.wantDone(2, "CHUNK(800) CHUNK(1600) FINAL")
	})
	t.Run("an answer that nobody goes on with is closed", func(t *testing.T) {
		c := greeted(t, keeping)
		c.say(c.keys(2, "1"), 2, 100, true)
		c.die()
		c.comeBack()
		c.wait(goOnWait)
		c.wantDone(2, "CHUNK(800) FINAL")
		if event[TurnEnded](c) != (TurnEnded{2, Answered}) {
			t.Errorf("the bot was told %+v", c.events)
		}
	})
	t.Run("the caller speaks meanwhile", func(t *testing.T) {
		c := greeted(t, keeping)
		c.listen(2)
		c.hears(2, append(quiet(300), voice(300)...))
		c.die()
		c.hears(2, append(voice(300), quiet(900)...))
		c.bindTo(keeping)
		c.command(0, 0, Accepted{})
		if got := event[Started](c); got.Resumed.Attempt != 2 {
			t.Errorf("resumes with %+v", got.Resumed)
		}
		said := 0
		for _, e := range c.told {
			if a, ok := e.Body.(CallerAudio); ok {
				said += len(a.Data)
			}
		}
		if ms := said / 8; ms < 900 || ms > 1500 {
			t.Errorf("%d ms of the utterance were told", ms)
		}
		if e := event[InputEnded](c); e.AnswerBy != c.now+c.s.AnswerWithin {
			t.Errorf("answer by %v at %v", e.AnswerBy, c.now)
		}
		if slices.Index(strings.Fields(c.names()), "turnstarted2") != 1 || !strings.HasSuffix(c.names(), "InputEnded") {
			t.Errorf("told %s", c.names())
		}
	})
	t.Run("the caller barges in meanwhile", func(t *testing.T) {
		c := greeted(t, keeping)
		c.keys(2, "1")
		c.die()
		c.keys(3, "2")
		c.wantFinal(2)
		c.comeBack()
		c.wantNames("Started turnstarted2 dtmfentry inputended BargedIn TurnEnded TurnStarted DTMFEntry InputEnded")
	})
	t.Run("a turn that was cut before the bot showed that it saw it comes as cut", func(t *testing.T) {
		c := greeted(t, keeping)
		c.keys(2, "1")
		c.keys(3, "2")
		c.die()
		c.comeBack()
		c.wantNames("Started turnstarted2 dtmfentry inputended bargedin turnended turnstarted2 dtmfentry inputended")
	})
	t.Run("but not when the bot saved in it", func(t *testing.T) {
		c := greeted(t, keeping)
		c.keys(2, "1")
		c.keys(3, "2")
		c.save(2, "saw 2")
		c.die()
		c.comeBack()
		c.wantNames("Started bargedin turnstarted2 dtmfentry inputended")
		if got := string(c.resumed().State.Data); got != "saw 2" {
			t.Errorf("resumes with %q", got)
		}
	})
	t.Run("before the session has begun", func(t *testing.T) {
		c := newCall(t, keeping)
		c.step(input{kind: opened, rpc: 1, stamp: 1})
		c.die()
		c.request(1, Request{Kind: SessionStart})
		c.halfClose(1)
		c.bindTo(keeping)
		c.wantNames("Started TurnStarted InputEnded")
		if event[Started](c).Resumed != nil {
			t.Error("a call that nobody knew resumes")
		}
	})
}

func TestCallsThatDoNotGoOn(t *testing.T) {
	tests := []struct {
		name   string
		traits Traits
		do     func(c *call)
		reason string
	}{
		{"the bot keeps nothing", Traits{}, (*call).die, "the bot is gone: exit status 9"},
		{"no process comes", keeping, func(c *call) {
			c.die()
			c.step(input{kind: reopened, number: c.s.bind.number, err: ErrAgentUnavailable})
		}, "no process for the bot: virtual agent unavailable"},
		{"its turn killed two", keeping, func(c *call) {
			c.die()
			c.comeBack()
			c.step(input{kind: lost, number: c.s.bind.number, err: ErrNoResume})
		}, "the bot is gone: the call cannot go on in another process"},
		{"it has lost six without an answer", keeping, func(c *call) {
			for range maxLosses + 1 {
				c.die()
				c.comeBack()
			}
		}, "the bot is gone for the 6th time without an answer: exit status 9"},
		{"the process does not take it, again and again", keeping, func(c *call) {
			c.die()
			for range maxLosses {
				c.bindTo(keeping)
				c.wait(acceptWait)
			}
		}, "the bot is gone for the 6th time without an answer: it has not taken the call within 5s"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := greetedWith(t, test.traits, func(s *Settings) { s.FillerAfter, s.Fallback.Prompt = 0, nil })
			c.keys(2, "1")
			test.do(c)
			c.wantDone(2, "FINAL+TRANSFER")
			if !c.over || c.s.detail != test.reason {
				t.Errorf("over %t because %q, want %q", c.over, c.s.detail, test.reason)
			}
			if count[Ended](c) > 1 {
				t.Errorf("told %d times that its part is over", count[Ended](c))
			}
		})
	}
	t.Run("an idle call has no part in it", func(t *testing.T) {
		c := greeted(t, keeping)
		for range 2 * maxLosses {
			c.die()
			c.comeBack()
		}
		c.keys(2, "1")
		if c.s.botGone || count[DTMFEntry](c) == 0 {
			t.Errorf("given up: %s", c.s.detail)
		}
	})
	t.Run("a bot that had transferred", func(t *testing.T) {
		c := greeted(t, keeping)
		c.command(0, 0, Leave{Event: TransferToAgent, Name: "sales"})
		c.die()
		c.keys(2, "1")
		if last := c.wantFinal(2); last.Name != "sales" || len(c.reopened) != 0 {
			t.Errorf("Webex was told %+v, %d asked for", last, len(c.reopened))
		}
	})
}

func TestFillerWhileNobodyAnswers(t *testing.T) {
	c := greetedWith(t, keeping, func(s *Settings) { s.FillerAfter, s.Filler = 2*time.Second, make([]byte, 4000) })
	c.keys(2, "1")
	c.wait(500 * time.Millisecond)
	c.die()
	c.wait(lostFiller - 10*time.Millisecond)
	c.wantShape(2, "")
	c.wait(10 * time.Millisecond)
	c.wantShape(2, "CHUNK(4000)")
	c.wait(time.Minute) // how long one waits is the agents' matter
	if c.over {
		t.Error("given up")
	}
}

func TestMove(t *testing.T) {
	suspend := func(c *call) Suspend {
		t.Helper()
		return event[Suspend](c)
	}
	t.Run("between two turns, with the state", func(t *testing.T) {
		c := greeted(t, keeping)
		turn := c.keys(2, "1")
		c.move()
		if count[Suspend](c) > 0 {
			t.Fatal("suspended in a turn")
		}
		c.save(turn, "one")
		c.say(turn, 2, 100, true)
		c.command(turn, 0, Done{})
		if got := suspend(c); got.By != c.now+suspendWait {
			t.Fatalf("suspend by %v", got.By)
		}
		c.keys(3, "2") // meanwhile
		if count[DTMFEntry](c) != 1 {
			t.Error("told of input while it gives the call back")
		}
		c.command(0, 0, Suspended{})
		if event[Ended](c).Reason != EndedMoved || len(c.reopened) != 1 || c.reopened[0].Suspect != 0 {
			t.Fatalf("told %+v, asked for %+v", c.events, c.reopened)
		}
		c.comeBack()
		c.wantNames("Started BargedIn TurnStarted DTMFEntry InputEnded")
		if got := c.resumed(); got.Cause != ByTakeover || string(got.State.Data) != "one" {
			t.Errorf("resumes with %+v", got)
		}
	})
	t.Run("with a state of the last moment", func(t *testing.T) {
		c := greeted(t, keeping)
		c.move()
		c.command(0, 0, Suspended{State{[]byte("last"), 3}})
		c.comeBack()
		if got := c.resumed().State; string(got.Data) != "last" || got.Version != 3 {
			t.Errorf("resumes with %+v", got)
		}
	})
	t.Run("declined", func(t *testing.T) {
		c := greeted(t, keeping)
		c.move()
		suspend(c)
		c.keys(2, "1")
		c.events = nil
		c.command(0, 0, Declined{"a connection is held"})
		if count[DTMFEntry](c) != 1 || len(c.reopened) != 0 {
			t.Errorf("told %+v", c.events)
		}
		c.command(2, 0, Done{})
		c.wantFinal(2)
		c.wait(time.Minute)
		if count[Suspend](c) > 0 {
			t.Error("asked again")
		}
	})
	t.Run("not answered", func(t *testing.T) {
		c := greeted(t, keeping)
		c.save(0, "saved")
		c.move()
		c.wait(suspendWait)
		c.comeBack()
		if got := c.resumed(); string(got.State.Data) != "saved" {
			t.Errorf("resumes with %+v", got)
		}
	})
	t.Run("dies instead", func(t *testing.T) {
		c := greeted(t, keeping)
		c.move()
		c.die()
		c.comeBack()
		if got := c.resumed(); got.Cause != ByCrash {
			t.Errorf("resumes with %+v", got)
		}
		c.wait(time.Minute)
		if len(c.reopened) != 1 {
			t.Error("moved again")
		}
	})
	t.Run("dies before it is asked", func(t *testing.T) {
		c := greeted(t, keeping)
		turn := c.keys(2, "1")
		c.move()
		c.die()
		c.comeBack() // at the process that takes over
		c.command(turn, 0, Done{})
		if count[Suspend](c) > 0 {
			t.Error("moved again")
		}
	})
	t.Run("asked of a process that it has left", func(t *testing.T) {
		c := greeted(t, keeping)
		c.die()
		c.comeBack()
		c.step(input{kind: moveWanted, reads: func(uint32) bool { return true }})
		if count[Suspend](c) > 0 {
			t.Error("moved")
		}
	})
	t.Run("unread state, or a bot that stays", func(t *testing.T) {
		c := greeted(t, keeping)
		c.command(0, 0, SaveState{State{[]byte("x"), 2}})
		c.move()
		stays := greeted(t, Traits{Resume: ResumeReconnect})
		stays.move()
		if count[Suspend](c)+count[Suspend](stays) != 0 {
			t.Error("asked to suspend")
		}
	})
	t.Run("not while a prompt is being made, nor between the keys of an entry", func(t *testing.T) {
		c := greeted(t, keeping)
		c.listen(2)
		c.command(0, 5, StartPrompt{BargeIn: true})
		c.command(0, 5, PromptAudio{Data: make([]byte, 800)})
		c.move()
		if count[Suspend](c) > 0 {
			t.Error("asked within a prompt")
		}
		c.open(3, Request{Kind: DTMFStart})
		c.command(0, 5, PromptAudio{End: true})
		if count[Suspend](c) > 0 {
			t.Error("asked within an entry")
		}
		c.command(c.keys(4, "1"), 0, Done{})
		suspend(c)
	})
	t.Run("a bot that finds speech itself may talk on, but has its answer finished", func(t *testing.T) {
		c := greeted(t, Traits{Resume: ResumeSaved, Movable: true, OwnEndpointing: true, Audio: AllAudio})
		c.listen(2)
		c.command(0, 5, StartPrompt{BargeIn: true})
		c.command(0, 5, PromptAudio{Data: make([]byte, 800)})
		turn := c.keys(3, "1")
		c.move()
		c.say(turn, 6, 100, true)
		if count[Suspend](c) > 0 {
			t.Error("asked within an answer")
		}
		c.command(0, 7, StartPrompt{BargeIn: true})
		c.command(turn, 0, Done{})
		suspend(c)
		c.listen(4)
		c.command(0, 0, Endpoint{}) // it was on its way
		c.command(0, 0, Suspended{State{[]byte("x"), 1}})
		c.comeBack()
		if got := c.resumed(); got.InterruptedTurn != 0 || got.Attempt != 1 {
			t.Errorf("resumes with %+v", got)
		}
		c.wantNames("Started CallerAudio BargedIn TurnStarted")
	})
	t.Run("silence heard meanwhile is bounded", func(t *testing.T) {
		c := greetedWith(t, Traits{Resume: ResumeSaved, Movable: true, Audio: AllAudio}, func(s *Settings) { s.NoInputBackstop = 0 })
		c.listen(2)
		c.hears(2, quiet(3000))
		c.move()
		c.command(0, 0, Suspended{})
		c.hears(2, quiet(9000))
		c.comeBack()
		told := 0
		for _, e := range c.told {
			if a, ok := e.Body.(CallerAudio); ok {
				told += len(a.Data)
				if e.Replayed {
					t.Error("told again what the bot had handled")
				}
			}
		}
		if ms := told / 8; ms < 4900 || ms > 5200 || c.s.bind.unheard/8 != 9000-ms {
			t.Errorf("%d ms were told and %d counted as lost", ms, c.s.bind.unheard/8)
		}
	})
}

// A custom event that no RPC can carry yet does not end the bot's part.
func TestCustomEventGoesOn(t *testing.T) {
	for how, leaves := range map[string]func(c *call){
		"suspended": func(c *call) { c.command(0, 0, Suspended{}) },
		"too late":  func(c *call) { c.wait(suspendWait) },
		"lost":      (*call).die,
	} {
		t.Run(how, func(t *testing.T) {
			c := greeted(t, keeping)
			c.move()
			c.command(0, 0, Leave{Event: CustomOutput, Name: "look up"})
			leaves(c)
			c.comeBack()
			c.listen(2)
			if last := c.wantFinal(2); last.Name != "look up" {
				t.Errorf("the flow was told %+v", last)
			}
			c.open(3, Request{Kind: CustomInput, Name: "found"})
			if event[CustomEvent](c).Name != "found" {
				t.Errorf("the bot was told %+v", c.events)
			}
		})
	}
}

// Which calls the next process is to be wary of.
func TestSuspects(t *testing.T) {
	innocent := func(c *call) { c.step(input{kind: lost, number: c.s.bind.number, err: ErrOtherCall}) }
	later := func(c *call) { c.wait(time.Second) }
	const sudden = 10
	tests := []struct {
		name string
		do   func(c *call) // up to the first death; the others come at once
		dies func(c *call)
		want []int
	}{
		{"an entry is to be answered", func(c *call) { c.keys(2, "1"); later(c) }, (*call).die, []int{1, 2, sudden + 3}},
		{"another call is to blame", func(c *call) { c.keys(2, "1"); later(c) }, innocent, []int{0, 0, 0}},
		{"the caller speaks", func(c *call) { c.listen(2); c.hears(2, append(quiet(300), voice(300)...)) }, (*call).die, []int{0, 1, sudden + 2}},
		{"nothing is going on", func(c *call) { c.listen(2); later(c) }, (*call).die, []int{0, 0, sudden, sudden}},
		{"nothing, and another is to blame", func(c *call) { c.listen(2); later(c) }, innocent, []int{0, 0, 0, 0}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := greetedWith(t, keeping, func(s *Settings) { s.FillerAfter = 0 })
			test.do(c)
			var got []int
			for range test.want {
				test.dies(c)
				r := c.reopened[len(c.reopened)-1]
				got = append(got, r.Suspect)
				if r.Sudden {
					got[len(got)-1] += sudden
				}
				c.comeBack()
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("suspected %v, want %v", got, test.want)
			}
		})
	}
	t.Run("a call that kills at its start", func(t *testing.T) {
		c := newCall(t, keeping)
		c.open(1, Request{Kind: SessionStart})
		c.die()
		c.bindTo(keeping)
		c.die()
		if got := c.reopened[1]; !got.Sudden || c.settled != 1 {
			t.Errorf("comes back with %+v, out of danger %d times", got, c.settled)
		}
		c.bindTo(keeping)
		if c.settled != 1 {
			t.Error("out of danger at once")
		}
		c.halfClose(1)
		if c.settled != 2 {
			t.Error("its turn does not end the suspicion")
		}
		c.die()
		if got := c.reopened[2]; got.Sudden || got.Suspect != 1 {
			t.Errorf("comes back with %+v", got)
		}
	})
}

// A change of format is told with the start, and what was heard before it is not.
func TestResumeInAnotherFormat(t *testing.T) {
	c := greeted(t, Traits{Resume: ResumeSaved, Audio: AllAudio})
	c.listen(2)
	c.hears(2, quiet(200))
	wide := audio.Format{Encoding: audio.Linear16, Rate: 16000}
	c.request(2, Request{Kind: Audio, Audio: make([]byte, 640), Format: wide})
	c.die()
	c.comeBack()
	c.wantNames("Started calleraudio")
	if got := event[Started](c).Format; got != wide || len(event[CallerAudio](c).Data) != 640 {
		t.Errorf("format %v, audio of %d bytes", got, len(event[CallerAudio](c).Data))
	}
}

// The credit of a dead process is not given to the next one.
func TestCreditIsPerProcess(t *testing.T) {
	c := greeted(t, keeping)
	turn := c.keys(2, "1")
	for range 4 {
		c.say(turn, c.s.bind.prompts+1, 1000, true)
	}
	c.die()
	c.comeBack()
	c.step(input{kind: left, rpc: 2, prompt: 2, bytes: 8000, cost: 60_000})
	if count[Credit](c) > 0 || c.s.owed > 0 {
		t.Errorf("%d owed, told %+v", c.s.owed, c.events)
	}
	c.command(turn, 1, StartPrompt{})
	if got := event[Refused](c); !strings.Contains(got.Message, "counted on from 5") {
		t.Errorf("refused with %q", got.Message)
	}
}

func TestStatesAreBounded(t *testing.T) {
	c := greeted(t, keeping)
	c.command(0, 0, SaveState{State{Data: make([]byte, MaxState+1)}})
	if got := event[Refused](c); got.Message != "a state of 65537 bytes: at most 65536 are kept" || c.s.saved.Data != nil {
		t.Errorf("refused with %q", got.Message)
	}
}

// What leaves while the process is asked for the call is paid back when it keeps it.
func TestCreditWhileSuspending(t *testing.T) {
	c := greeted(t, keeping)
	c.move()
	const cost = 40_000
	c.step(input{kind: left, rpc: 1, prompt: 1, bytes: 8000, cost: cost})
	c.command(0, 0, Declined{})
	if got := event[Credit](c); got.Bytes+c.s.owed < cost {
		t.Errorf("paid back %d bytes of %d", got.Bytes, cost)
	}
}

// What happens between two turns is not kept for ever.
func TestLogBetweenTurnsIsBounded(t *testing.T) {
	c := greeted(t, keeping)
	for rpc := rpcID(2); rpc < 1000; rpc++ {
		c.now += time.Second
		c.open(rpc, Request{Kind: DTMFStart})
	}
	if n := len(c.s.bind.log); n < 50 || n > 70 {
		t.Errorf("%d events are kept of 998 in as many seconds", n)
	}
}
