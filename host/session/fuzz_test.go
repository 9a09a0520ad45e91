package session

import (
	"errors"
	"testing"
	"time"

	"github.com/byova-host/byova-host/internal/audio"
)

// FuzzStep lets anything happen in any order: two bytes make one input. Whatever
// comes, an RPC ends once, nothing follows its end, FINAL stands only before it,
// a turn ends once, and an ended session only completes and notes.
func FuzzStep(f *testing.F) {
	f.Add([]byte{0, 1, 9, 1, 20, 0, 21, 0, 22, 0, 0, 3, 1, 4})
	f.Add([]byte{0, 1, 20, 0, 0, 2, 0, 3, 9, 2, 14, 3, 30, 0, 40, 0, 24, 1, 22, 2})
	f.Add([]byte{0, 1, 25, 1, 201, 1, 202, 80, 10, 0, 12, 1, 203, 9, 7, 200, 201, 0, 202, 80, 14, 2, 29, 3, 203, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		wav := DefaultSettings()
		wav.Answers, wav.PartialResponses, wav.GreetingBargeIn = WAV, true, false
		late := DefaultSettings()
		late.Texts, late.EndOfInput, late.FillerAfter, late.MaxDuration = PassTextOn, WithAnswer, 300*time.Millisecond, 20*time.Second
		late.Fallback.Action, late.NoInputBackstop, late.Input.NoInput = FallbackError, time.Millisecond, 100*time.Millisecond
		for _, traits := range []Traits{{}, {Resume: ResumeSaved, Movable: true},
			{OwnEndpointing: true, Audio: AllAudio, Resume: ResumeStateless, Movable: true}} {
			for _, settings := range []Settings{DefaultSettings(), wav, late} {
				newLaws(t, traits, settings).run(data)
			}
		}
	})
}

type laws struct {
	t        *testing.T
	s        *state
	now      time.Duration
	rpcs     rpcID
	final    map[rpcID]bool
	complete map[rpcID]bool
	turns    map[uint64]bool // open?
	prompts  uint64

	reopening bool // another process was asked for
	ended     bool // the process was told that its part is over
}

func newLaws(t *testing.T, traits Traits, settings Settings) *laws {
	return &laws{t: t, s: newState("s", Key{"o", "c"}, "bot", traits, Config{}.limits(), settings),
		final: map[rpcID]bool{}, complete: map[rpcID]bool{}, turns: map[uint64]bool{}}
}

func (l *laws) run(data []byte) {
	for i := 0; i+1 < len(data) && i < 400; i += 2 {
		l.feed(l.input(data[i], data[i+1]))
	}
	l.feed(input{kind: stopped})
	for rpc := rpcID(1); rpc <= l.rpcs; rpc++ {
		if !l.complete[rpc] {
			l.t.Errorf("RPC %d was never completed", rpc)
		}
	}
	for turn, open := range l.turns {
		if open && !l.s.botGone {
			l.t.Errorf("turn %d never ended", turn)
		}
	}
}

// input makes something that can happen of two bytes.
func (l *laws) input(what, arg byte) input {
	rpc := rpcID(arg)%4 + l.rpcs - 3
	turn := uint64(arg) % (l.s.turns + 2)
	requests := []Request{
		{Kind: SessionStart, Partial: arg&1 == 0}, {Kind: SessionEnd}, {Kind: DTMFStart}, {Kind: DTMF, Digits: "12#"}, {Kind: DTMF},
		{Kind: Silence}, {Kind: CustomInput}, {Kind: Audio, Audio: loud[:int(arg)*40]},
		{Kind: Audio, Audio: loud[:arg], Format: audio.Format{Encoding: audio.Linear16, Rate: 16000}},
	}
	commands := []CommandBody{
		Accepted{}, StartPrompt{BargeIn: arg&1 == 0}, PromptAudio{Data: make([]byte, int(arg)*8), End: arg&4 == 0}, Done{},
		Clear{}, Leave{Event: TransferToAgent}, Leave{Event: CustomOutput}, Endpoint{}, Endpoint{End: true},
		GiveUp{}, Unknown{}, SetInput{Terminator: "5", EndSilence: time.Second, Sensitive: true, NoInput: time.Second},
		SaveState{State{Data: loud[:arg], Version: uint32(arg % 3)}}, Suspended{}, Declined{},
	}
	if what == 200 { // beside the others, so that what was found before means the same
		return input{kind: commanded, number: l.s.bind.number, command: Command{Body: SetEndpointing{Own: arg&1 == 0}}}
	}
	switch what {
	case 201:
		l.prompts++
		return input{kind: commanded, number: l.s.bind.number, command: Command{Turn: turn, Prompt: l.prompts, Ref: 1, Body: StartPrompt{Text: "hello", BargeIn: arg&1 == 0}}}
	case 202, 203, 204:
		in := input{kind: spoken, number: l.s.saying.number - int(arg>>7), speech: loud[:arg], over: what > 202}
		if what == 204 {
			in.err = errors.New("it broke")
		}
		return in
	}
	switch n := int(what) % 36; {
	case n < len(requests):
		l.rpcs++
		l.feed(input{kind: opened, rpc: l.rpcs, stamp: uint64(l.rpcs) ^ uint64(arg>>6)})
		return input{kind: requested, rpc: l.rpcs, request: &requests[n]}
	case n < len(requests)+len(commands):
		c := Command{Turn: turn, Prompt: l.prompts, Ref: 1, Body: commands[n-len(requests)]}
		if _, ok := c.Body.(StartPrompt); ok {
			l.prompts++
			c.Prompt = l.prompts
		}
		return input{kind: commanded, number: l.s.bind.number - int(arg>>7), command: c}
	case n < 25:
		return input{kind: requested, rpc: rpc, request: &requests[int(arg)%len(requests)]}
	case n < 27:
		return input{kind: halfClosed, rpc: rpc}
	case n < 28:
		return input{kind: gone, rpc: rpc}
	case n < 29 && arg > 250:
		return input{kind: lost, number: l.s.bind.number, err: ErrNoResume}
	case n < 29 && arg > 230:
		return input{kind: lost, number: l.s.bind.number, err: ErrOtherCall}
	case n < 30:
		return input{kind: lost, number: l.s.bind.number, err: errors.New("lost")}
	case n < 31:
		return input{kind: moveWanted, number: l.s.bind.number - int(arg>>7), reads: func(version uint32) bool { return version <= uint32(arg%3) }}
	case n < 32 && l.reopening && arg > 250:
		l.reopening = false
		return input{kind: reopened, number: l.s.bind.number, err: ErrAgentUnavailable}
	case n < 32 && l.reopening:
		l.reopening = false
		return input{kind: reopened, number: l.s.bind.number, part: &part{traits: l.s.traits}}
	case n < 33: // an RPC that begins when something may be due and the timer has not fired
		l.now += time.Duration(arg) * 200 * time.Millisecond
		l.rpcs++
		return input{kind: opened, rpc: l.rpcs, stamp: uint64(l.rpcs)}
	default:
		l.now += time.Duration(arg) * 20 * time.Millisecond
		return input{kind: tick}
	}
}

// loud is 1.3 s of something that could be speech.
var loud = func() []byte {
	pcm := make([]int16, 255*40)
	for i := range pcm {
		pcm[i] = int16((i*i*7919 + i*(i%60)*400) % 24000)
	}
	return audio.EncodeMuLaw(nil, pcm)
}()

func (l *laws) feed(in input) {
	was := l.s.phase == dead
	for _, a := range append([]action(nil), l.s.step(l.now, &in)...) {
		if was && a.kind != complete && a.kind != note {
			l.t.Errorf("action %d after the end", a.kind)
		}
		l.check(a)
	}
	switch due := l.s.due.next(); {
	case due > l.now:
	case in.kind != tick:
		l.feed(input{kind: tick})
	default:
		l.t.Fatalf("a deadline is still due at %v, the session would spin: %+v", l.now, l.s.due)
	}
}

func (l *laws) check(a action) {
	switch a.kind {
	case respond:
		if l.complete[a.rpc] || l.final[a.rpc] {
			l.t.Errorf("response %+v on RPC %d after its end", a.response, a.rpc)
		}
		l.final[a.rpc] = a.response.Type == Final
		l.checkResponse(a.response)
		for _, c := range a.response.Clips {
			l.feed(input{kind: left, rpc: a.rpc, prompt: c.prompt, bytes: c.bytes()})
		}
		if a.response.Type == Chunk {
			l.feed(input{kind: left, rpc: a.rpc, prompt: a.response.prompt, bytes: a.response.bytes(), cost: a.response.cost})
		}
	case complete:
		if l.complete[a.rpc] {
			l.t.Errorf("RPC %d completed twice", a.rpc)
		}
		l.complete[a.rpc] = true
	case tell:
		if l.reopening {
			l.t.Errorf("%+v was told to nobody", a.event)
		}
		l.checkEvent(a.event.Body)
	case reopen:
		if l.reopening {
			l.t.Error("asked for another process twice")
		}
		l.reopening = true
	}
}

// checkResponse holds that the mode of answers never changes, and that what ends
// the bot's part says nothing of further input.
func (l *laws) checkResponse(r Response) {
	if (l.s.Answers == WAV) != (r.Type != Chunk) && (r.Type == Chunk || len(r.Clips) > 0) {
		l.t.Errorf("response %+v in mode %d", r, l.s.Answers)
	}
	terminal := r.Event == TransferToAgent || r.Event == EndSession || r.Event == CustomOutput
	if terminal && (r.Input != nil || r.Type != Final) || r.Type == Final && !terminal && r.Input == nil {
		l.t.Errorf("FINAL %+v", r)
	}
}

func (l *laws) checkEvent(e EventBody) {
	if _, begins := e.(Started); l.ended && !begins {
		l.t.Errorf("%+v was told behind the end", e)
	}
	switch e := e.(type) {
	case Ended:
		l.ended = true
	case Started:
		l.ended = false
		if e.Resumed != nil { // a process that knows nothing
			l.turns = map[uint64]bool{}
			if open := e.Resumed.InterruptedTurn; open > 0 {
				l.turns[open] = true
			}
		}
	case TurnStarted:
		if _, known := l.turns[e.Turn]; known {
			l.t.Errorf("turn %d began twice", e.Turn)
		}
		l.turns[e.Turn] = true
	case TurnEnded:
		if !l.turns[e.Turn] {
			l.t.Errorf("turn %d ended and was not open", e.Turn)
		}
		l.turns[e.Turn] = false
	}
}
