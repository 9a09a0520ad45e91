package caller

import (
	"fmt"
	"strings"
	"time"

	"github.com/byova-host/byova-host/internal/audio"
	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
)

// Step is one thing the caller does. Steps run one after the other; when the
// last has ended the caller hangs up.
type Step struct {
	act    act
	speech []byte // mu-law, 8 kHz
	digits string
	length time.Duration
}

type act int

const (
	actHangUp act = iota
	actSay
	actPress
	actSilence
	actWaitAnswer
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
	default:
		return "hang up"
	}
}

func (s Step) validate() error {
	switch {
	case s.act == actSay && len(s.speech) == 0:
		return fmt.Errorf("say: no audio")
	case s.act == actPress && s.digits == "":
		return fmt.Errorf("press: no digits")
	case s.act == actSilence && s.length < 0:
		return fmt.Errorf("silence of %v", s.length)
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

// lengthOf is how long so many bytes of mu-law play.
func lengthOf(bytes int) time.Duration { return audio.Telephone.Duration(bytes) }
