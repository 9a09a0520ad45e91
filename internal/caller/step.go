package caller

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/byova-host/byova-host/internal/audio"
	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
)

// Step is one thing the caller does, or one thing that is asked of the server.
// Steps run one after the other; when the last has ended the caller hangs up.
type Step struct {
	act    act
	speech []byte // mu-law, 8 kHz; of actSay, actNoise and actBargeIn
	digits string // of actPress and actBargeIn
	start  DTMFStart
	length time.Duration // of actSilence; of the prompt before actBargeIn
	check  *Check        // of actNeed and actExpect
	send   sending
	do     func() // of actDo; of actBargeIn, when it begins
	answer bool   // actCancel: the RPC that answers, not the one that listens

	startSet bool // start is not the call's
	onSet    bool // send.on is not the call's
	line     int  // of the script; 0 without one
}

// sending is an event that Webex sends because the flow wants it.
type sending struct {
	event  mediav1.EventInput_EventType
	name   string
	params map[string]any
	on     NoInputRPC
}

type act int

const (
	actHangUp act = iota
	actSay
	actPress
	actSilence
	actWaitAnswer
	actNoise
	actBargeIn
	actNeed
	actExpect
	actSend
	actCancel
	actVanish
	actNoInput
	actDo
)

// Say speaks mu-law audio at 8 kHz. Speech that no RPC takes, for instance
// during a prompt that does not allow barge-in, is lost as it is in Webex.
func Say(muLaw []byte) Step { return Step{act: actSay, speech: muLaw} }

// SayPCM speaks 16-bit samples at 8 kHz.
func SayPCM(samples []int16) Step { return Say(audio.EncodeMuLaw(nil, samples)) }

// Press presses keys one after the other: 0-9, A-D, * and #.
func Press(digits string) Step { return Step{act: actPress, digits: strings.ToUpper(digits)} }

// Silence says nothing for that long.
func Silence(d time.Duration) Step { return Step{act: actSilence, length: d} }

// WaitAnswer waits until the server has answered everything said and pressed
// so far and its prompts have been played. At the start of a call that is the
// greeting.
func WaitAnswer() Step { return Step{act: actWaitAnswer} }

// HangUp ends the call. Steps after it are not run.
func HangUp() Step { return Step{act: actHangUp} }

// asks reports whether the step asks something of the server.
func (s Step) asks() bool { return s.act == actNeed || s.act == actExpect }

// passive reports whether nothing is lost if the call ends before the step.
func (s Step) passive() bool {
	return s.act == actWaitAnswer || s.act == actSilence || s.act == actHangUp || s.act == actVanish || s.act == actDo
}

// String names the step in messages.
func (s Step) String() string {
	switch s.act {
	case actSay:
		return fmt.Sprintf("say %.1f s of speech", lengthOf(len(s.speech)).Seconds())
	case actPress:
		return fmt.Sprintf("press %q", s.digits)
	case actSilence:
		return fmt.Sprintf("stay silent for %v", s.length)
	case actWaitAnswer:
		return "wait for the answer"
	case actNoise:
		return fmt.Sprintf("make a noise of %.1f s", lengthOf(len(s.speech)).Seconds())
	case actBargeIn:
		return fmt.Sprintf("interrupt a prompt after %v", s.length)
	case actNeed:
		return "need " + s.check.String()
	case actExpect:
		return "expect " + s.check.String()
	case actSend:
		return "send " + s.send.event.String()
	case actCancel:
		return "give up an RPC"
	case actVanish:
		return "vanish"
	case actNoInput:
		return "stay silent until the server knows"
	case actDo:
		return "go on"
	default:
		return "hang up"
	}
}

func (s Step) validate() error {
	switch {
	case s.act == actSay && len(s.speech) == 0:
		return errors.New("say: no audio")
	case s.act == actPress && s.digits == "":
		return errors.New("press: no digits")
	case s.act == actSilence && s.length < 0:
		return fmt.Errorf("silence of %v", s.length)
	case s.asks() && s.check == nil:
		return errors.New("nothing is asked")
	}
	for _, key := range s.digits {
		if keyCode(key) == mediav1.DTMFDigits_DTMF_EVENT_UNSPECIFIED {
			return fmt.Errorf("press %q: %q is not a key, want 0-9, A-D, * or #", s.digits, key)
		}
	}
	return nil
}

// keyOrder lists the keys by their number on the wire, from 1.
const keyOrder = "1234567890ABCD*#"

// keyCode is DTMF_EVENT_UNSPECIFIED for anything that is not a key.
func keyCode(key rune) mediav1.DTMFDigits {
	return mediav1.DTMFDigits(strings.IndexRune(keyOrder, key) + 1)
}

// keyName is empty for anything that is not a key.
func keyName(code mediav1.DTMFDigits) string {
	if code < 1 || int(code) > len(keyOrder) {
		return ""
	}
	return keyOrder[code-1 : code]
}

// lengthOf is how long so many bytes of mu-law play.
func lengthOf(bytes int) time.Duration { return audio.Telephone.Duration(bytes) }
