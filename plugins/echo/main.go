// Echo is the bundled bot for trying a host out: it says back what it hears. It is
// also an example of a bot that remembers something in a call, and whose calls outlive
// its process.
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

// version is what the host's log shows. A build may set another one, with
// -ldflags "-X main.version=2.0.0".
var version = "1.0.0"

func main() {
	plugin.Plugin{
		Name: "echo", Version: version, Resume: plugin.ResumeSaved, StateVersion: 1,
		Handler: plugin.Turns(newEcho),
	}.Serve()
}

// echo is what a call remembers. Its turns come one after another, so it needs no
// lock.
type echo struct {
	inputSet bool
	answers  int // to utterances and keys; the state that is saved
}

// newEcho begins a call, or goes on with one that another process had before.
func newEcho(call *plugin.Call) plugin.HandlerFunc {
	e := &echo{}
	if r := call.Info().Resumed; r != nil {
		e.answers, _ = strconv.Atoi(string(r.State)) // empty before the first answer
	}
	return e.answer
}

// input lets the caller speak or press keys, up to 20 of them.
var input = plugin.Input{
	Mode: plugin.InputVoiceAndDTMF, DTMFLength: 20, InterDigit: 3 * time.Second, Terminator: "#",
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
		if err := e.count(reply); err != nil {
			return err
		}
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

// count counts an answer before it is given: if the process dies before anything of it
// has left, the host forgets the new count, and the turn comes again.
func (e *echo) count(reply *plugin.Reply) error {
	e.answers++
	return reply.SaveState([]byte(strconv.Itoa(e.answers)))
}

// keys answers an entry of keys.
func (e *echo) keys(digits string, reply *plugin.Reply) error {
	before := e.answers
	if err := e.count(reply); err != nil {
		return err
	}
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
