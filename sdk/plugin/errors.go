package plugin

import (
	"errors"
	"fmt"
)

// Why a command is not carried out, and why a context ended. Test with errors.Is;
// for a context use context.Cause.
var (
	// ErrCallEnded says that the call is over.
	ErrCallEnded = errors.New("the call has ended")
	// ErrCallMoved is the ErrCallEnded of a call that goes on in another process.
	ErrCallMoved = fmt.Errorf("the call goes on in another process: %w", ErrCallEnded)
	// ErrTurnEnded says that the turn is closed: answered, interrupted, or given
	// up by the host.
	ErrTurnEnded = errors.New("the turn has ended")
	// ErrBargeIn is the ErrTurnEnded of a turn that new input of the caller cut.
	ErrBargeIn = fmt.Errorf("the caller interrupted: %w", ErrTurnEnded)
)

var errKeepsCalls = errors.New("this plugin keeps its calls")

// FieldError says what is wrong with one setting. A Configure func returns one, or
// several joined by errors.Join; the host shows them with the place in its file.
type FieldError struct {
	Field   string // its path, for example voice.language
	Message string
}

// Error names the setting.
func (e *FieldError) Error() string { return e.Field + ": " + e.Message }

// panicError is a panic in the author's code.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }
