package wire

import (
	"fmt"

	"google.golang.org/protobuf/proto"
)

// Check says why an event or a command without audio cannot be sent, if so. One
// that cannot be written, or is too large to be read, would end the stream of all
// calls.
func Check(m proto.Message) error {
	b, err := proto.Marshal(m)
	if err != nil {
		return err
	}
	if len(b) > MaxControl {
		return fmt.Errorf("it has %d bytes, and at most %d can be sent", len(b), MaxControl)
	}
	return nil
}
