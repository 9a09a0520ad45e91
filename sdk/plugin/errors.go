package plugin

import (
	"errors"
	"fmt"
)

// Why a command is not carried out, and why a context ended. Test with errors.Is, because
// they come wrapped and imply each other; for a context use context.Cause.
var (
	// ErrCallEnded says that the call is over, for this process: nothing can be sent any
	// more.
	ErrCallEnded = errors.New("the call has ended")
	// ErrCallMoved is the ErrCallEnded of a call that goes on in another process. It is a
	// cause of contexts; commands fail with ErrCallEnded.
	ErrCallMoved = fmt.Errorf("the call goes on in another process: %w", ErrCallEnded)
	// ErrTurnEnded says that the turn is closed: answered, interrupted, or given
	// up by the host.
	ErrTurnEnded = errors.New("the turn has ended")
	// ErrBargeIn is the ErrTurnEnded of a turn that new input of the caller cut.
	ErrBargeIn = fmt.Errorf("the caller interrupted: %w", ErrTurnEnded)
)

// The mistakes of authors that have no error of their own.
var (
	errReading  = errors.New("next: the call's events are being read already: by another Next, or for a handler that gets them")
	errReturned = fmt.Errorf("reply: its turn function has returned: %w", ErrTurnEnded)
	errNoAnswer = errors.New("the handler returned while the call was up")
)

var errKeepsCalls = errors.New("this plugin keeps its calls")

// FieldError says what is wrong with one setting. A Configure func returns one, or
// several joined by errors.Join, and may wrap it; the host shows Field and Message, with the
// place in its file, and does not start the plugin.
type FieldError struct {
	Field   string // its path, for example voice.language or menu[2].key; empty for all of them
	Message string // what is wrong, for example "must be set"
}

// Error is the field, a colon and the message.
func (e *FieldError) Error() string { return e.Field + ": " + e.Message }

// panicError is a panic in the author's code.
type panicError struct {
	value any
	stack []byte
	at    string // the author's line
}

func (e *panicError) Error() string {
	if e.at == "" {
		return fmt.Sprintf("panic: %v", e.value)
	}
	return fmt.Sprintf("panic: %v (at %s)", e.value, e.at)
}
