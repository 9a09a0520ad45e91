package session

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
)

// calls are real sessions in memory, and the bot that answers them: it greets
// with 100 ms of sound, repeats keys, and transfers for the key 0, unless a test
// has its own.
type calls struct {
	t        *testing.T
	sessions *Sessions
	react    func(sink Sink, e Event)

	mu  sync.Mutex
	log map[string]int // how often each event came
}

func start(t *testing.T, config Config, react func(sink Sink, e Event)) *calls {
	l := &calls{t: t, react: react, log: map[string]int{}}
	if react == nil {
		l.react = repeat
	}
	if config.Log == nil {
		config.Log = hclog.NewNullLogger()
	}
	l.sessions = New(l, config)
	t.Cleanup(func() { l.sessions.Stop() })
	return l
}

// repeat answers all turns at once.
func repeat(sink Sink, e Event) {
	var turn uint64
	data := make([]byte, 800)
	switch body := e.Body.(type) {
	case InputEnded:
		turn = body.Turn
	case DTMFEntry:
		if body.Digits == "0" {
			sink.Command(Command{Turn: body.Turn, Body: Leave{Event: TransferToAgent}})
		}
		return
	default:
		return
	}
	sink.Command(Command{Turn: turn, Prompt: turn, Body: StartPrompt{BargeIn: true}})
	sink.Command(Command{Turn: turn, Prompt: turn, Body: PromptAudio{Data: data, End: true}})
	sink.Command(Command{Turn: turn, Body: Done{}})
}

func (l *calls) note(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.log[what]++
}

// count is how often the bot was told something; "Open" counts its calls.
func (l *calls) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.log[what]
}

func (l *calls) List(context.Context, string) ([]AgentInfo, error) { return nil, nil }

func (l *calls) Open(_ context.Context, _, agent string, sink Sink) (AgentCall, error) {
	switch agent {
	case "":
		agent = "bot"
	case "bot", "second":
	default:
		return nil, fmt.Errorf("%w %q", ErrUnknownAgent, agent)
	}
	l.note("Open")
	return &callAtBot{l, agent, sink}, nil
}

type callAtBot struct {
	*calls
	agent string
	sink  Sink
}

func (c *callAtBot) Agent() string    { return c.agent }
func (c *callAtBot) Traits() Traits   { return Traits{} }
func (c *callAtBot) AudioLost() int64 { return 0 }
func (c *callAtBot) Close(EndReason)  { c.note("Close") }
func (c *callAtBot) Settled()         {}
func (c *callAtBot) Resume(context.Context, Resumption, Sink) (AgentCall, error) {
	return nil, ErrAgentUnavailable
}

func (c *callAtBot) Send(e Event) error {
	c.note(reflect.TypeOf(e.Body).Name())
	c.react(c.sink, e)
	return nil
}

// TestConfigure: what is configured counts for the sessions that begin from then on.
func TestConfigure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		entry := Request{Kind: DTMF, Digits: "1"}
		l := start(t, Config{}, nil)
		answer := func(r result) (shapes string) {
			for _, response := range r.responses {
				shapes += shapeOf(response) + " "
			}
			return shapes
		}
		l.exchange("old", Request{Kind: SessionStart})
		calls := DefaultSettings()
		calls.Answers = WAV
		l.sessions.Configure(Config{Log: hclog.NewNullLogger(), MaxSessions: 2, RejectUnknown: true, Calls: &calls})
		if got := l.exchange("unknown", entry); !errors.Is(got.err, ErrNoSession) {
			t.Errorf("an unknown call got %v", got.err)
		}
		l.exchange("new", Request{Kind: SessionStart})
		if got := l.exchange("third", Request{Kind: SessionStart}); !errors.Is(got.err, ErrFull) {
			t.Errorf("a third call got %v", got.err)
		}
		if got := l.exchange("old", entry); got.err != nil || answer(got) != "CHUNK(800) FINAL " {
			t.Errorf("the call from before got %s%v", answer(got), got.err)
		}
		if got := l.exchange("new", entry); got.err != nil || answer(got) != "FINAL(800) " {
			t.Errorf("the new call got %s%v", answer(got), got.err)
		}
	})
}

// join opens an RPC.
func (l *calls) join(key Key, q Request) *RPC {
	l.t.Helper()
	q.Key = key
	rpc, err := l.sessions.Join(l.t.Context(), l.sessions.Begin(), &q)
	if err != nil {
		l.t.Fatalf("join with %+v: %v", q, err)
	}
	return rpc
}

// result is all that came back on an RPC.
type result struct {
	responses []Response
	err       error
}

func (l *calls) exchange(conversation string, q Request) result {
	return l.exchangeAs(Key{"org", conversation}, q)
}

// exchangeAs opens an RPC, half-closes it and waits for its end, for a minute at
// most.
func (l *calls) exchangeAs(key Key, q Request) (all result) {
	ctx, cancel := context.WithTimeout(l.t.Context(), time.Minute)
	defer cancel()
	q.Key = key
	rpc, err := l.sessions.Join(ctx, l.sessions.Begin(), &q)
	if err != nil {
		return result{err: err}
	}
	rpc.HalfClose()
	return read(ctx, rpc)
}

// read takes what comes on an RPC until its end.
func read(ctx context.Context, rpc *RPC) (all result) {
	for r := range rpc.Responses(ctx) {
		r.Audio = append([]byte(nil), r.Audio...)
		all.responses = append(all.responses, r)
	}
	all.err = rpc.Err()
	return all
}
