package pluginwire

import (
	"fmt"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/byova-host/byova-host/internal/audio"
	"github.com/byova-host/byova-host/internal/lane"
	"github.com/byova-host/byova-host/internal/pluginwire/wire"
	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

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

	mu     sync.Mutex
	lane   *lane.Lane[*pluginv1.Event]
	closed bool
}

// Number is the call's number on the wire. It is never used again in the life of
// the process.
func (c *Call) Number() uint64 { return c.number }

// Send queues an event; it never blocks. The event and its audio belong to the
// call from then on. Audio beyond 2 s that the plugin does not take is dropped,
// oldest first, with a gap event in its place; other events are never dropped.
// An error means that the call cannot go on: ErrStopped, what the process died
// of, or too many waiting events.
func (c *Call) Send(event *pluginv1.Event) error {
	event.Call = c.number
	if len(event.Audio) == 0 {
		// One event that cannot be written would end the stream of all calls.
		if _, err := proto.Marshal(event); err != nil {
			return fmt.Errorf("send event: %w", err)
		}
	}
	c.mu.Lock()
	if start := event.GetStart(); start != nil && !c.closed {
		if format := wire.Format(start.FormatIn); format != audio.Telephone {
			c.lane = c.stream.sender.Open(wire.Events(format))
		}
	}
	queue := c.lane
	c.mu.Unlock()
	if err := queue.Push(event); err != nil {
		if lost := c.stream.process.Err(); lost != nil {
			err = lost
		}
		return fmt.Errorf("send event to plugin %q: %w", c.stream.process.config.Name, err)
	}
	return nil
}

// Dropped returns the bytes of caller audio that the plugin did not take in time.
func (c *Call) Dropped() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lane.Dropped()
}

// Close forgets the call. What was sent before is still delivered; commands that
// come later are dropped and counted. Closing twice is fine.
func (c *Call) Close() {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return
	}
	c.closed = true
	c.lane.Close()
	c.mu.Unlock()
	c.stream.forget(c)
}
