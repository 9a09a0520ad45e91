package pluginwire

import (
	"fmt"
	"sync"

	"github.com/byova-host/byova-host/internal/lane"
	"github.com/byova-host/byova-host/internal/pluginwire/wire"
	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

// ErrClosed is what Send fails with when the call is closed, or its process is gone
// and it is not known of what.
var ErrClosed = lane.ErrClosed

// Sink takes what a plugin sends for one call. Both methods are called from the
// goroutine that reads for all calls of a stream, so they must not block.
type Sink interface {
	// Command takes one command; it belongs to the sink.
	Command(*pluginv1.Command)
	// Lost says that no more commands come because the process is lost. It is
	// called at most once, after the last Command, and never after Close has
	// returned, unless it was under way then.
	Lost(error)
}

// Call is one call on one stream. All methods may be called concurrently, but
// Start must have been sent before anything else.
type Call struct {
	stream *stream
	number uint64
	sink   Sink
	lane   *lane.Lane[*pluginv1.Event]
	close  sync.Once
}

// Number is the call's number on the wire. It is never used again in the life of
// the process.
func (c *Call) Number() uint64 { return c.number }

// Send queues an event; it never blocks. The event and its audio belong to the
// call from then on. Audio that the plugin does not take in time is dropped, as
// wire.Events says, with a gap event in its place; other events are never dropped.
// An error means that the call cannot go on: ErrStopped, what the process died
// of, or too many waiting events.
func (c *Call) Send(event *pluginv1.Event) error {
	event.Call = c.number
	if len(event.Audio) == 0 {
		// One event that cannot be written would end the stream of all calls.
		if err := wire.Check(event); err != nil {
			return fmt.Errorf("send event: %w", err)
		}
	}
	if format := formatOf(event); format != nil {
		c.lane.SetPolicy(wire.Events(wire.Format(format)))
	}
	if err := c.lane.Push(event); err != nil {
		if lost := c.stream.process.Err(); lost != nil {
			err = lost
		}
		return fmt.Errorf("send event to plugin %q: %w", c.stream.process.config.Name, err)
	}
	return nil
}

// formatOf is what an event says of the audio that follows it, or nil.
func formatOf(event *pluginv1.Event) *pluginv1.Format {
	if start := event.GetStart(); start != nil {
		return start.GetFormatIn()
	}
	return event.GetFormat()
}

// Dropped returns the bytes of caller audio that the plugin did not take in time.
func (c *Call) Dropped() int64 { return c.lane.Dropped() }

// Close forgets the call. What was sent before is still delivered; commands that
// come later are dropped and counted. Closing twice is fine.
func (c *Call) Close() {
	c.close.Do(func() {
		c.lane.Close()
		c.stream.forget(c)
	})
}
