package caller

import (
	"time"

	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
)

// Do calls f when the steps before are done, in the goroutine of the call. F must
// not block.
func Do(f func()) Step { return Step{act: actDo, do: f} }

// Interrupt speaks over a prompt that has played for that long. Begun is called when it
// does, as Do calls its func.
func Interrupt(after time.Duration, muLaw []byte, begun func()) Step {
	return Step{act: actBargeIn, length: after, speech: muLaw, do: begun}
}

// InterruptKeys is Interrupt with keys.
func InterruptKeys(after time.Duration, digits string, begun func()) Step {
	return Step{act: actBargeIn, length: after, digits: Press(digits).digits, do: begun}
}

// WaitNoInput says nothing until the server has been told so.
func WaitNoInput() Step { return Step{act: actNoInput} }

// SendCustom sends a custom event of the flow. Parameters are as structpb takes them.
func SendCustom(name string, parameters map[string]any) Step {
	return Step{act: actSend, send: sending{event: mediav1.EventInput_CUSTOM_EVENT, name: name, params: parameters}}
}

// due reports whether there is a step to carry on with. A call that is led by
// somebody is silent until its next step has come.
func (s *script) due() bool {
	if len(s.steps) > 0 || s.live == nil {
		return true
	}
	select {
	case step, more := <-s.live:
		if !more {
			s.live = nil // and then the caller hangs up
			return true
		}
		s.steps = append(s.steps, step)
		return true
	default:
		return false
	}
}
