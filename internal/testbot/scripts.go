package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/byova-host/byova-host/sdk/plugin"
)

const (
	short  = 300 * time.Millisecond
	answer = 700 * time.Millisecond
)

// usual answers what all agents answer alike: the greeting, silence, and events
// of the flow. It says whether the turn was one of these.
func usual(turn plugin.Turn, reply *plugin.Reply) (done bool, err error) {
	switch turn.Kind {
	case plugin.TurnStart:
		return true, errors.Join(reply.Play(tone(short/2)), reply.Play(tone(short/2)))
	case plugin.TurnNoInput:
		return true, reply.Play(low())
	case plugin.TurnCustom:
		return true, nil
	default:
		return false, nil
	}
}

// slowAnswer answers in real time; what interrupts it is answered at once.
func slowAnswer(ctx context.Context, turn plugin.Turn, reply *plugin.Reply) error {
	if done, err := usual(turn, reply); done {
		return err
	}
	if turn.BargeIn != nil {
		return reply.Play(tone(answer), protected)
	}
	return talk(ctx, reply, 6*time.Second)
}

// longWelcome has a welcome that a caller will not want to hear to its end.
func longWelcome(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
	if turn.Kind == plugin.TurnStart {
		return reply.Play(tone(8 * time.Second))
	}
	if done, err := usual(turn, reply); done {
		return err
	}
	if turn.Kind == plugin.TurnDTMF {
		return reply.Play(tone(answer), protected)
	}
	return reply.Play(tone(short))
}

// menu takes a number of four keys and one key that confirms it.
func menu(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
	number := plugin.Input{Mode: plugin.InputDTMF, DTMFLength: 4, Terminator: "#", InterDigit: 3 * time.Second}
	confirm := plugin.Input{Mode: plugin.InputDTMF, DTMFLength: 1}
	open := plugin.Input{Mode: plugin.InputVoiceAndDTMF, DTMFLength: 20}
	next, length := number, short
	switch {
	case turn.Kind == plugin.TurnStart:
	case turn.Kind == plugin.TurnDTMF && len(turn.DTMF) == 4:
		next, length = confirm, answer
	case turn.Kind == plugin.TurnDTMF && len(turn.DTMF) == 1:
		next, length = open, answer
	case turn.Kind == plugin.TurnDTMF || turn.Kind == plugin.TurnSpeech:
		return reply.Play(tone(short)) // neither a number nor its confirmation
	default:
		_, err := usual(turn, reply)
		return err
	}
	if err := reply.SetInput(next); err != nil {
		return err
	}
	return reply.Play(tone(length))
}

// desk hands whoever speaks to a person, with all there is to say about the call.
func desk(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
	if done, err := usual(turn, reply); done {
		return err
	}
	if turn.Kind != plugin.TurnSpeech {
		return reply.Play(tone(short))
	}
	if err := reply.Play(tone(answer), protected); err != nil {
		return err
	}
	return reply.Transfer("asked for a person", plugin.TransferOptions{
		Metadata:   map[string]any{"summary": "the caller spoke once"},
		Transcript: "User: (something)\nAgent: (a tone)", Summary: "the caller spoke once",
	})
}

// closer ends the call after any input.
func closer(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
	if done, err := usual(turn, reply); done {
		return err
	}
	if err := reply.Play(tone(answer), protected); err != nil {
		return err
	}
	return reply.End(plugin.EndOptions{Transcript: "User: (something)\nAgent: (a tone)", Summary: "said goodbye"})
}

// custom asks the flow to look something up, and plays what it found.
func custom(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
	n, returned := turn.Custom.Parameters["n"]
	switch {
	case returned || turn.Kind == plugin.TurnCustom:
		return reply.Play(beeps(len(fmt.Sprint(n))))
	case turn.Kind == plugin.TurnDTMF:
		return reply.Custom("lookup", map[string]any{"keys": len(turn.DTMF)})
	case turn.Kind == plugin.TurnSpeech:
		return reply.Play(tone(short))
	default:
		_, err := usual(turn, reply)
		return err
	}
}
