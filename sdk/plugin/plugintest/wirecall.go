package plugintest

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/byova-host/byova-host/internal/pluginwire"
	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

// plenty is more credit than a greeting needs.
const plenty = 16 << 20

// wireCall is a call on the wire, without a session around it: for what no session does.
type wireCall struct {
	*pluginwire.Call
	seq uint64

	mu       sync.Mutex
	commands []*pluginv1.Command
	lost     error
	news     chan struct{} // closed, and made anew, when something has come
}

// open begins a call at a process.
func (v *verifier) open(t *trial, p *pluginwire.Process, credit uint32) *wireCall {
	w := &wireCall{news: make(chan struct{})}
	call, err := p.Open(w)
	if err != nil {
		t.Fatalf("%v", err)
	}
	w.Call = call
	id := fmt.Sprintf("verify-%d", call.Number())
	telephone := func() *pluginv1.Format { return &pluginv1.Format{Rate: 8000, Channels: 1} }
	w.send(&pluginv1.Event{Body: &pluginv1.Event_Start{Start: &pluginv1.Start{
		SessionId: id, ConversationId: id, Agent: v.options.Agent, Credit: credit, Language: "en-US",
		FormatIn: telephone(), FormatOut: telephone(),
	}}})
	return w
}

// send sends an event. What comes of it shows in the commands.
func (w *wireCall) send(e *pluginv1.Event) {
	w.seq++
	e.Seq = w.seq
	_ = w.Send(e) // if the process is gone, Lost says so
}

// greet opens the first turn.
func (w *wireCall) greet() {
	w.send(&pluginv1.Event{Body: &pluginv1.Event_TurnStarted{TurnStarted: &pluginv1.TurnStarted{
		Turn: 1, Attempt: 1, Cause: pluginv1.TurnStarted_CAUSE_START,
	}}})
	w.send(&pluginv1.Event{Body: &pluginv1.Event_InputEnded{InputEnded: &pluginv1.InputEnded{Turn: 1}}})
}

// Command implements pluginwire.Sink.
func (w *wireCall) Command(c *pluginv1.Command) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.commands = append(w.commands, c)
	w.notify()
}

// Lost implements pluginwire.Sink.
func (w *wireCall) Lost(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lost = err
	w.notify()
}

func (w *wireCall) notify() {
	close(w.news)
	w.news = make(chan struct{})
}

func (w *wireCall) seen() []*pluginv1.Command {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.commands)
}

// answered tells whether the first turn is. Call it under the lock.
func (w *wireCall) answered() bool {
	return slices.ContainsFunc(w.commands, func(c *pluginv1.Command) bool {
		switch c.Body.(type) {
		case *pluginv1.Command_Done, *pluginv1.Command_Transfer, *pluginv1.Command_End, *pluginv1.Command_Custom:
			return true
		}
		return len(c.Audio) > 0 // the answer has begun
	})
}

// failed is what the bot gave the call up with. Call it under the lock.
func (w *wireCall) failed() error {
	for _, c := range w.commands {
		if f := c.GetFailed(); f != nil {
			return fmt.Errorf("it gave the call up: %s", f.GetMessage())
		}
	}
	return w.lost
}

// until waits until something is so, or fails the check.
func (w *wireCall) until(t *trial, what string, is func(*wireCall) bool) {
	limit := time.NewTimer(verifyLimit)
	defer limit.Stop()
	for {
		w.mu.Lock()
		done, err, news := is(w), w.failed(), w.news
		w.mu.Unlock()
		switch {
		case done:
			return
		case err != nil:
			t.Fatalf("waiting until %s: %v", what, err)
		}
		select {
		case <-news:
		case <-limit.C:
			t.Fatalf("within %v it was never so that %s", verifyLimit, what)
		case <-t.ctx.Done():
			t.Fatalf("%v", t.ctx.Err())
		}
	}
}

// pause lets time pass in which nothing is to come.
func (w *wireCall) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	<-timer.C
}
