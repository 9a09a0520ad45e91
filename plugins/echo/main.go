// Echo is the bundled bot for trying a host out: it says back what it hears. It is
// also an example of a bot that remembers something in a call.
//
//	caller               echo
//	(calls)              a tone
//	speech               the same audio
//	keys                 the same keys, as their tones
//	0                    transfers to a person
//	9                    ends the call
//	7                    sends the custom event "echo"
//	8                    how many answers it gave before, as tones
//	silence              a lower tone; the third in a row ends the call
package main

import (
	"context"
	"strconv"
	"time"

	"github.com/byova-host/byova-host/sdk/plugin"
)

// version is what the host's log shows.
const version = "1.0.0"

func main() {
	plugin.Plugin{Name: "echo", Version: version, Handler: plugin.Turns(newEcho)}.Serve()
}

// echo is what a call remembers. Its turns come one after another, so it needs no
// lock.
type echo struct {
	inputSet bool
	answers  int // to utterances and keys
}

func newEcho(*plugin.Call) plugin.HandlerFunc { return new(echo).answer }

// input lets the caller speak or press keys, up to 20 of them.
var input = plugin.Input{
	Mode: plugin.VoiceAndDTMF, DTMFLength: 20, InterDigit: 3 * time.Second, Terminator: "#",
}

// answer answers one turn. What it plays may be interrupted, which ends ctx and
// with it the turn.
func (e *echo) answer(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
	if !e.inputSet {
		if err := reply.SetInput(input); err != nil {
			return err
		}
		e.inputSet = true
	}
	switch turn.Kind {
	case plugin.TurnStart:
		return reply.Play(tone(greeting))
	case plugin.TurnSpeech:
		e.answers++
		return reply.Play(turn.Utterance)
	case plugin.TurnDTMF:
		return e.keys(turn.DTMF, reply)
	case plugin.TurnNoInput:
		if err := reply.Play(tone(nobody)); err != nil || turn.NoInputs < 3 {
			return err
		}
		return reply.End()
	default:
		return nil // an event of the flow needs no answer
	}
}

// keys answers an entry of keys.
func (e *echo) keys(digits string, reply *plugin.Reply) error {
	before := e.answers
	e.answers++
	switch digits {
	case "0":
		return reply.Transfer("caller pressed 0")
	case "9":
		return reply.End()
	case "7":
		return reply.Custom("echo", nil)
	case "8":
		return reply.Play(keyTones(strconv.Itoa(before)))
	default:
		return reply.Play(keyTones(digits))
	}
}
