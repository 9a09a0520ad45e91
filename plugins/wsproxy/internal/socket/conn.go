package socket

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// closeWait is how long a peer may take to answer a close.
const closeWait = time.Second

// Message is a frame that came.
type Message struct {
	Binary bool
	Data   []byte
}

// CloseError is how a connection ended: a status of RFC 6455, 1006 for none, and what
// the peer or the system said.
type CloseError struct {
	Code   int
	Reason string
}

// Error is like "closed with 1011: no capacity".
func (e *CloseError) Error() string {
	if e.Reason == "" {
		return fmt.Sprintf("closed with %d", e.Code)
	}
	return fmt.Sprintf("closed with %d: %s", e.Code, e.Reason)
}

// Conn is one connection. Its methods may be called concurrently, but Messages has one
// reader.
type Conn struct {
	ws     *websocket.Conn
	config Config

	messages chan Message
	room     chan struct{} // signalled when something was written
	closing  chan struct{} // closed when nothing more is read
	wg       sync.WaitGroup

	mu     sync.Mutex
	queue  []frame
	queued int
	wake   chan struct{}
	stop   *frame // the close that ends the queue
	err    *CloseError

	closeOnce         sync.Once
	sent, received    atomic.Int64
	bytesOut, bytesIn atomic.Int64
	opened            time.Time
}

type frame struct {
	kind int
	data []byte
}

func newConn(ws *websocket.Conn, config Config) *Conn {
	c := &Conn{
		ws: ws, config: config, opened: time.Now(),
		messages: make(chan Message, 16), room: make(chan struct{}, 1),
		closing: make(chan struct{}), wake: make(chan struct{}, 1),
	}
	ws.SetReadLimit(config.MaxMessage)
	c.alive()
	ws.SetPongHandler(func(string) error { c.alive(); return nil })
	answer := ws.PingHandler()
	ws.SetPingHandler(func(data string) error { c.alive(); return answer(data) })
	c.wg.Go(c.read)
	c.wg.Go(c.write)
	return c
}

// alive puts off the end for want of any sign of the peer. Silence of the caller has
// nothing to do with it: a peer that says nothing still answers pings.
func (c *Conn) alive() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stop == nil {
		_ = c.ws.SetReadDeadline(time.Now().Add(c.config.Idle))
	}
}

// Messages are what the peer sends. The channel is closed when the connection has
// ended; Err says how. Who does not take them holds the peer up, by TCP.
func (c *Conn) Messages() <-chan Message { return c.messages }

// Room is signalled when something has left the queue.
func (c *Conn) Room() <-chan struct{} { return c.room }

// Done is closed when the connection has broken, or is being closed.
func (c *Conn) Done() <-chan struct{} { return c.closing }

// Err is how the connection ended, once Messages is closed.
func (c *Conn) Err() *CloseError {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Queued is how many bytes wait to be written.
func (c *Conn) Queued() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.queued
}

// Stats are counts of a connection.
type Stats struct {
	Sent, Received    int64 // messages
	BytesOut, BytesIn int64
	Age               time.Duration
}

// Stats counts what went over the connection so far.
func (c *Conn) Stats() Stats {
	return Stats{c.sent.Load(), c.received.Load(), c.bytesOut.Load(), c.bytesIn.Load(), time.Since(c.opened)}
}

// Send queues a message, which is kept. It never blocks. A peer that lets MaxQueued
// bytes wait has its connection ended.
func (c *Conn) Send(binary bool, data []byte) {
	kind := websocket.TextMessage
	if binary {
		kind = websocket.BinaryMessage
	}
	c.mu.Lock()
	full := c.queued+len(data) > c.config.MaxQueued
	if c.stop == nil && !full {
		c.queue = append(c.queue, frame{kind, data})
		c.queued += len(data)
	}
	c.mu.Unlock()
	if full {
		c.abort(&CloseError{1006, fmt.Sprintf("the backend does not read: %d bytes wait for it", c.config.MaxQueued)})
		return
	}
	signal(c.wake)
}

// Abort ends the connection at once, for a reason of ours.
func (c *Conn) Abort(reason string) { c.abort(&CloseError{1006, reason}) }

// Hang closes the connection behind what is queued, and does not wait for it.
func (c *Conn) Hang(code int, reason string) {
	if len(reason) > 100 {
		reason = reason[:100]
	}
	c.mu.Lock()
	if c.stop == nil {
		c.stop = &frame{websocket.CloseMessage, websocket.FormatCloseMessage(code, reason)}
		_ = c.ws.SetReadDeadline(time.Now().Add(closeWait + c.config.Write))
	}
	c.mu.Unlock()
	signal(c.wake)
	c.closeOnce.Do(func() { close(c.closing) })
}

// Close closes the connection behind what is queued and waits until it has ended,
// which takes a moment at most.
func (c *Conn) Close(code int, reason string) {
	c.Hang(code, reason)
	c.wg.Wait()
}

// Wait waits for the end of a connection that was hung up or has broken.
func (c *Conn) Wait() { c.wg.Wait() }

// abort keeps the first reason and breaks the connection off.
func (c *Conn) abort(why *CloseError) {
	c.mu.Lock()
	if c.err == nil {
		c.err = why
	}
	if c.stop == nil {
		c.stop = &frame{}
	}
	c.queue, c.queued = nil, 0
	c.mu.Unlock()
	c.closeOnce.Do(func() { close(c.closing) })
	_ = c.ws.NetConn().Close()
	signal(c.wake)
}

// read takes messages until the connection ends.
func (c *Conn) read() {
	defer close(c.messages)
	for {
		kind, data, err := c.ws.ReadMessage()
		if err != nil {
			c.abort(closeError(err))
			return
		}
		c.alive()
		c.received.Add(1)
		c.bytesIn.Add(int64(len(data)))
		select {
		case c.messages <- Message{kind == websocket.BinaryMessage, data}:
		case <-c.closing: // read on, to the peer's close
		}
	}
}

// closeError says how a read ended.
func closeError(err error) *CloseError {
	if closed, ok := errors.AsType[*websocket.CloseError](err); ok {
		if closed.Code == websocket.CloseAbnormalClosure { // gorilla's for an end with no close frame
			return &CloseError{1006, "the connection ended without a close frame"}
		}
		return &CloseError{closed.Code, printable(closed.Text)}
	}
	switch {
	case errors.Is(err, websocket.ErrReadLimit):
		return &CloseError{1009, "the backend sent a message that is too long"}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &CloseError{1006, "the connection ended without a close frame"}
	case isTimeout(err):
		return &CloseError{1006, "nothing was heard of the backend, not even the answer to a ping"}
	}
	return &CloseError{1006, err.Error()}
}

// printable keeps a peer's words from spoiling a log.
func printable(s string) string {
	clean := make([]rune, 0, len(s))
	for _, r := range s {
		if r < ' ' || r == 0x7f {
			r = ' '
		}
		clean = append(clean, r)
	}
	return string(clean)
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

// write sends what is queued, and pings, until the connection ends.
func (c *Conn) write() {
	ping := time.NewTicker(c.config.Ping)
	defer ping.Stop()
	for {
		c.mu.Lock()
		queue, stop := c.queue, c.stop
		c.queue = nil
		c.mu.Unlock()
		for _, f := range queue {
			if !c.writeFrame(f) {
				return
			}
			c.mu.Lock()
			c.queued = max(0, c.queued-len(f.data))
			c.mu.Unlock()
			signal(c.room)
		}
		if stop != nil {
			c.sayClose(stop)
			return
		}
		if len(queue) > 0 {
			continue
		}
		select {
		case <-c.wake:
		case <-ping.C:
			if err := c.ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(c.config.Write)); err != nil {
				c.abort(&CloseError{1006, "write a ping: " + err.Error()})
				return
			}
		}
	}
}

func (c *Conn) writeFrame(f frame) bool {
	_ = c.ws.SetWriteDeadline(time.Now().Add(c.config.Write))
	if err := c.ws.WriteMessage(f.kind, f.data); err != nil {
		reason := "write: " + err.Error()
		if isTimeout(err) {
			reason = fmt.Sprintf("the backend does not read: a write took %v", c.config.Write)
		}
		c.abort(&CloseError{1006, reason})
		return false
	}
	c.sent.Add(1)
	c.bytesOut.Add(int64(len(f.data)))
	return true
}

// sayClose sends our close and gives the peer a moment to answer it: then the reader
// sees the end.
func (c *Conn) sayClose(stop *frame) {
	if stop.kind == 0 {
		return // broken off
	}
	if err := c.ws.WriteControl(stop.kind, stop.data, time.Now().Add(c.config.Write)); err != nil {
		c.abort(&CloseError{1006, "write the close: " + err.Error()})
		return
	}
	_ = c.ws.SetReadDeadline(time.Now().Add(closeWait))
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
