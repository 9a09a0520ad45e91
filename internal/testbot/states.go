package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/byova-host/byova-host/sdk/plugin"
)

// counter counts what it has answered in a call.
type counter struct {
	answers int
	late    bool // it saves when it has spoken
}

func newCounter(call *plugin.Call) plugin.HandlerFunc { return resumedCounter(call).answer }

// newSaveLate does not save before it speaks: a crash between the two is counted
// wrong.
func newSaveLate(call *plugin.Call) plugin.HandlerFunc {
	c := resumedCounter(call)
	c.late = true
	return c.answer
}

// newPoison has an entry that no process survives.
func newPoison(call *plugin.Call) plugin.HandlerFunc {
	c := resumedCounter(call)
	return func(ctx context.Context, turn plugin.Turn, reply *plugin.Reply) error {
		if turn.DTMF == "66" {
			os.Exit(66)
		}
		return c.answer(ctx, turn, reply)
	}
}

func resumedCounter(call *plugin.Call) *counter {
	c := &counter{}
	if r := call.Info().Resumed; r != nil {
		c.answers, _ = strconv.Atoi(string(r.State)) // empty before the first answer
	}
	return c
}

func (c *counter) answer(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
	if done, err := usual(turn, reply); done {
		return err
	}
	if turn.DTMF == "0" {
		return reply.Transfer("asked for the count", plugin.TransferOptions{Metadata: map[string]any{"count": c.answers}})
	}
	c.answers++
	save := func() error { return reply.SaveState([]byte(strconv.Itoa(c.answers))) }
	speak := func() error { return reply.Play(tone(short)) }
	steps := []func() error{save, speak}
	if c.late {
		steps = []func() error{speak, save}
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// logEvents writes down what happens in a call, and answers each turn with a tone.
func logEvents(ctx context.Context, call *plugin.Call) error {
	if settings.Events == "" {
		return errors.New(`the setting "events" names no file`)
	}
	file, err := os.OpenFile(settings.Events, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	for {
		event, err := call.Next(ctx)
		if err != nil {
			return err // io.EOF: the call is over
		}
		if err := logEvent(file, call, event); err != nil {
			return err
		}
		if err := answerLogged(ctx, call, event); err != nil && !errors.Is(err, plugin.ErrTurnEnded) {
			return err
		}
	}
}

// logEvent writes a line at once, so that processes may share the file.
func logEvent(file *os.File, call *plugin.Call, event plugin.Event) error {
	line, err := json.Marshal(map[string]any{
		"session": call.Info().SessionID, "pid": os.Getpid(),
		"event": strings.TrimPrefix(fmt.Sprintf("%T", event), "plugin."), "what": event,
	})
	if err != nil {
		return err
	}
	_, err = file.Write(append(line, '\n'))
	return err
}

func answerLogged(ctx context.Context, call *plugin.Call, event plugin.Event) error {
	switch e := event.(type) {
	case plugin.SessionStartEvent:
		if r := e.Info.Resumed; r != nil && r.InterruptedTurn != 0 {
			return call.Done(r.InterruptedTurn)
		}
	case plugin.InputEndedEvent:
		if err := call.Play(ctx, tone(short), plugin.PromptOptions{Turn: e.Turn}); err != nil {
			return err
		}
		return call.Done(e.Turn)
	}
	return nil
}
