//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
)

// regular is a caller as most are: it hears each answer before it goes on. Whatever
// becomes of the bot's process, each input gets one answer with sound in it.
type regular struct {
	ctx       context.Context
	client    mediav1.VoiceVirtualAgentClient
	org       string
	id, agent string
	waits     *waits
	inputs    int // utterances and entries so far
}

// reply is what came on an RPC.
type reply struct {
	audio  []byte
	finals int
	event  *mediav1.OutputEvent // that the bot's part of the call is over, or left
}

// answeredWithin is how long an answer may take on a busy machine.
const answeredWithin = time.Minute

// keying is how long it takes to press the keys behind the first.
const keying = 150 * time.Millisecond

// errLeft is what an RPC fails with on which the bot's part ended.
type errLeft struct{ event *mediav1.OutputEvent }

func (e errLeft) Error() string {
	return fmt.Sprintf("the bot left with %v %v", e.event.GetEventType(), e.event.GetMetadata())
}

// start begins the call and hears the greeting.
func (c *regular) start() error {
	_, err := c.answered("the start", c.inputs, eventInput(mediav1.EventInput_SESSION_START))
	return err
}

// press enters keys, announced by the first of them or not.
func (c *regular) press(keys string, announced bool) (reply, error) {
	if announced {
		if _, err := c.exchange(false, eventInput(mediav1.EventInput_START_OF_DTMF)); err != nil {
			return reply{}, fmt.Errorf("announce keys %s: %w", keys, err)
		}
		<-time.After(keying)
	}
	return c.answered("keys "+keys, c.inputs+1, keysInput(keys))
}

// silence says that nothing was heard for a while.
func (c *regular) silence() (reply, error) {
	return c.answered("silence", c.inputs, audioInput(bytes.Repeat([]byte{0xff}, 1600)), eventInput(mediav1.EventInput_NO_INPUT))
}

// say speaks in real time until the host has heard the end of it.
func (c *regular) say(words []byte) (reply, error) {
	ended, done := make(chan struct{}), make(chan struct{})
	speak := func(st webexStream) {
		defer close(done)
		defer st.CloseSend()
		tick := time.NewTicker(frame * time.Second / 8000)
		defer tick.Stop()
		line := bytes.Join([][]byte{bytes.Repeat([]byte{0xff}, 2*frame), words, bytes.Repeat([]byte{0xff}, 50*frame)}, nil)
		for chunk := range chunks(line, frame) {
			select {
			case <-tick.C:
			case <-ended:
				return
			case <-st.Context().Done():
				return
			}
			c.send(st, audioInput(chunk))
		}
	}
	a, err := c.hear(true, speak, func() { close(ended) })
	if err == nil {
		<-done
	}
	return c.judged("an utterance", c.inputs+1, a, err)
}

// hangUp ends the call.
func (c *regular) hangUp() error {
	_, err := c.exchange(false, eventInput(mediav1.EventInput_SESSION_END))
	return err
}

// answered sends inputs that a bot owes an answer.
func (c *regular) answered(what string, inputs int, m ...*mediav1.VoiceVARequest) (reply, error) {
	a, err := c.exchange(true, m...)
	return c.judged(what, inputs, a, err)
}

func (c *regular) judged(what string, inputs int, a reply, err error) (reply, error) {
	switch {
	case err != nil:
	case a.event != nil:
		err = errLeft{a.event}
	case a.finals != 1:
		err = fmt.Errorf("%d answers", a.finals)
	default:
		c.inputs = inputs
		return a, nil
	}
	return a, fmt.Errorf("call %s: %s, behind %d inputs: %w", c.id, what, c.inputs, err)
}

// exchange sends inputs on an RPC of their own and hears what comes of them.
func (c *regular) exchange(owed bool, inputs ...*mediav1.VoiceVARequest) (reply, error) {
	return c.hear(owed, func(st webexStream) {
		if owed {
			c.waits.asked(c) // before it is sent: the answer may come before the half-close
		}
		for _, m := range inputs {
			c.send(st, m)
		}
		st.CloseSend()
	}, func() {})
}

func (c *regular) send(st webexStream, m *mediav1.VoiceVARequest) {
	m.ConversationId, m.CustomerOrgId, m.VirtualAgentId = c.id, c.org, c.agent
	_ = st.Send(m) // the reader tells how the RPC ended
}

// hear opens an RPC, lets speak send on it, and takes what comes until it ends.
func (c *regular) hear(owed bool, speak func(webexStream), inputEnded func()) (a reply, err error) {
	ctx, cancel := context.WithTimeout(c.ctx, answeredWithin)
	defer cancel()
	st, err := c.client.ProcessCallerInput(ctx)
	if err != nil {
		return a, err
	}
	if owed {
		c.waits.begin(c)
		defer c.waits.end(c)
	}
	go speak(st) // ends with its input, or with ctx
	for {
		m, err := st.Recv()
		if errors.Is(err, io.EOF) {
			return a, nil
		}
		if err != nil {
			return a, err
		}
		final := m.GetResponseType() == mediav1.VoiceVAResponse_FINAL
		for _, e := range m.GetOutputEvents() {
			switch e.GetEventType() {
			case mediav1.OutputEvent_START_OF_INPUT:
				final = false
			case mediav1.OutputEvent_END_OF_INPUT:
				final = false
				c.waits.asked(c)
				inputEnded()
			default:
				a.event = e
			}
		}
		for _, p := range m.GetPrompts() {
			if len(p.GetAudioContent()) > 0 {
				c.waits.heard(c)
				a.audio = append(a.audio, p.GetAudioContent()...)
			}
		}
		if final {
			a.finals++
		}
	}
}

// waits knows which callers are in a turn, and how long they waited for the answers
// that they got.
type waits struct {
	mu       sync.Mutex
	open     map[*regular]*wait
	answered []wait
}

// wait is a turn as its caller sees it: the input begins, ends, and the first sound of
// the answer is heard.
type wait struct{ began, asked, heard time.Time }

func (w *waits) begin(c *regular) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open[c] = &wait{began: time.Now()}
}

func (w *waits) asked(c *regular) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if of := w.open[c]; of != nil {
		of.asked = time.Now()
	}
}

func (w *waits) heard(c *regular) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if of := w.open[c]; of != nil && of.heard.IsZero() {
		of.heard = time.Now()
	}
}

func (w *waits) end(c *regular) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if of := w.open[c]; !of.heard.IsZero() {
		w.answered = append(w.answered, *of)
	}
	delete(w.open, c)
}

// since tells how many turns are still open that began before a time.
func (w *waits) since(before time.Time) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, of := range w.open {
		if of.began.Before(before) {
			n++
		}
	}
	return n
}

// asLeft is the event with which the bot's part of a call ended.
func asLeft(err error) (*mediav1.OutputEvent, bool) {
	left, ok := errors.AsType[errLeft](err)
	return left.event, ok
}

func reason(e *mediav1.OutputEvent) string {
	text, _ := e.GetMetadata().AsMap()["reason"].(string)
	return text
}
