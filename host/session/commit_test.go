package session

import (
	"math/rand/v2"
	"strconv"
	"testing"
	"time"
)

// TestCommitModel lets bots count the turns of a call, in a state that they save,
// while their processes die at random points of a turn and the caller cuts in. Who
// saves before it speaks counts each turn once. Who saves later does not: that the
// model can see.
func TestCommitModel(t *testing.T) {
	const calls = 2000
	tests := []struct {
		name  string
		order string // s: save, a: audio, d: done
		right bool
	}{
		{"saves, speaks, is done", "sad", true},
		{"saves, speaks on and on", "saaad", true},
		{"saves and is silent", "sd", true},
		{"saves twice before it speaks", "ssad", true},
		{"saves after it has spoken", "asd", false},
		{"saves when it is done", "ads", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			wrong, deaths := 0, 0
			for seed := range uint64(calls) {
				m := newModel(t, test.order, rand.New(rand.NewPCG(seed, 1)))
				if got := m.play(); got != m.entries {
					wrong++
					if test.right {
						t.Fatalf("seed %d: %d turns counted as %d", seed, m.entries, got)
					}
				}
				deaths += m.deaths
			}
			if deaths < calls {
				t.Errorf("only %d deaths in %d calls", deaths, calls)
			}
			if !test.right && wrong == 0 {
				t.Error("not one call was counted wrong: the model sees nothing")
			}
			t.Logf("%d calls, %d deaths, %d counted wrong", calls, deaths, wrong)
		})
	}
}

// model is a call, its caller, and a bot whose process may die.
type model struct {
	*call
	order   string
	random  *rand.Rand
	entries int // of the caller
	deaths  int
	calm    bool // nothing happens any more
	rpc     rpcID

	// Of the process.
	count  int
	read   int // of what it was told
	keys   map[uint64]bool
	prompt uint64
}

func newModel(t *testing.T, order string, random *rand.Rand) *model {
	c := callWith(t, keeping, func(s *Settings) { s.FillerAfter = 0 })
	return &model{call: c, order: order, random: random, keys: map[uint64]bool{}}
}

// play plays eight entries and more, and returns what the bot has counted.
func (m *model) play() int {
	m.open(1, Request{Kind: SessionStart})
	m.halfClose(1)
	m.rpc = 1
	m.work()
	for range 8 {
		m.enter()
		m.work()
	}
	m.calm = true
	m.enter()
	m.entries-- // this one only asks
	m.work()
	if m.over {
		m.t.Fatalf("the call ended: %s", m.s.detail)
	}
	return m.count - 1
}

func (m *model) enter() {
	m.now += 3 * time.Second
	m.rpc++
	m.entries++
	m.call.keys(m.rpc, "1")
}

// work lets the bot take what it was told.
func (m *model) work() {
	for m.read < len(m.told) {
		e := m.told[m.read]
		m.read++
		switch body := e.Body.(type) {
		case Started:
			m.begin(body)
		case TurnStarted:
			m.keys[body.Turn] = body.Cause == ByDTMF
		case InputEnded:
			m.answer(body.Turn)
		}
	}
}

// begin takes a call, new or resumed.
func (m *model) begin(s Started) {
	if s.Resumed == nil {
		return
	}
	m.count, _ = strconv.Atoi(string(s.Resumed.State.Data))
	m.prompt = s.Resumed.Prompts
	m.command(0, 0, Accepted{})
	if turn := s.Resumed.InterruptedTurn; turn > 0 {
		m.command(turn, 0, Done{})
	}
}

// answer handles a turn as the bot's order has it. It may die before and after
// each act, and the caller may cut in.
func (m *model) answer(turn uint64) {
	if m.dies() {
		return
	}
	if m.keys[turn] {
		m.count++
	}
	for _, act := range m.order {
		if !m.calm && m.random.IntN(20) == 0 {
			m.enter()
		}
		switch act {
		case 's':
			m.save(turn, strconv.Itoa(m.count))
		case 'a':
			m.prompt++
			m.say(turn, m.prompt, 20, true)
		case 'd':
			m.command(turn, 0, Done{})
		}
		if m.dies() {
			return
		}
	}
}

// dies ends the process at one point in eight, and brings up the next.
func (m *model) dies() bool {
	if m.calm || m.s.bind.losses >= maxLosses || m.random.IntN(8) > 0 {
		return false
	}
	m.deaths++
	m.die()
	m.bindTo(keeping)
	m.read = 0
	return true
}
