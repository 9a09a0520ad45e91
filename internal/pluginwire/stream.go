package pluginwire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/byova-host/byova-host/internal/audio"
	"github.com/byova-host/byova-host/internal/lane"
	"github.com/byova-host/byova-host/internal/pluginwire/wire"
	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

// stream is one Attach stream and the calls on it.
type stream struct {
	process *Process
	rpc     grpc.BidiStreamingClient[pluginv1.EventBatch, pluginv1.CommandBatch]
	cancel  context.CancelFunc
	sender  *lane.Sender[*pluginv1.Event]
	control *lane.Lane[*pluginv1.Event] // call 0
	single  bool                        // ends with its last call
	over    chan struct{}               // closed when it has been read to its end

	mu    sync.Mutex
	calls map[uint64]*Call
	ended bool // takes no more calls
}

// attachWait is how long a stream waits for the end of another, where the plugin's
// server does not allow for one more.
const attachWait = time.Second

var errNoStream = fmt.Errorf("its server allowed no further stream for %v: have it allow more, or put more calls on each", attachWait)

// openStream attaches. The stream's goroutines are waited for by the process.
func (p *Process) openStream(single bool) (*stream, error) {
	ctx, cancel := context.WithCancel(p.ctx)
	late := time.AfterFunc(attachWait, cancel)
	rpc, err := p.rpc.Attach(ctx)
	if !late.Stop() {
		return nil, errNoStream
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("attach: %w", err)
	}
	s := &stream{
		process: p, rpc: rpc, cancel: cancel, single: single,
		sender: lane.NewSender[*pluginv1.Event](), calls: map[uint64]*Call{}, over: make(chan struct{}),
	}
	p.reading.Store(s, nil)
	s.control = s.sender.Open(wire.Events(audio.Telephone))
	p.streams.Go(s.send)
	p.streams.Go(s.receive)
	return s, nil
}

// send writes batches until the stream breaks or is closed after its last call.
func (s *stream) send() {
	var batch pluginv1.EventBatch
	err := s.sender.Run(s.rpc.Context(), func(events []*pluginv1.Event) error {
		batch.Events = events
		return s.rpc.Send(&batch)
	})
	if err == nil {
		_ = s.rpc.CloseSend() // the reader sees what comes of it
	} else if !errors.Is(err, io.EOF) && s.rpc.Context().Err() == nil {
		s.process.lose(fmt.Errorf("send events: %w", err))
	} // io.EOF: the reader has the reason
}

// receive hands commands to their calls until the stream has been read to its
// end, and only then tells the calls that are left.
func (s *stream) receive() {
	defer s.cancel()
	var err error
	for {
		var batch *pluginv1.CommandBatch
		if batch, err = s.rpc.Recv(); err != nil {
			break
		}
		for _, command := range batch.Commands {
			s.dispatch(command)
		}
	}
	s.process.reading.Delete(s)
	close(s.over)
	s.sender.Close()
	s.mu.Lock()
	expected := s.ended && len(s.calls) == 0
	s.ended = true
	s.mu.Unlock()
	if expected {
		return
	}
	theirs := errors.Is(err, io.EOF) || !isLoss(err)
	if errors.Is(err, io.EOF) {
		err = errors.New("the plugin ended the stream")
	}
	if s.single && theirs { // the process lives, and has other streams for other calls
		s.process.retire(s)
		s.loseCalls(fmt.Errorf("plugin %q gave its calls up: %w", s.process.config.Name, err))
		return
	}
	s.process.lose(err)
	<-s.process.judged
	s.loseCalls(s.process.Err())
}

// loseCalls tells the calls that are left that no more comes.
func (s *stream) loseCalls(err error) {
	s.mu.Lock()
	left := slices.Collect(maps.Values(s.calls))
	clear(s.calls)
	s.mu.Unlock()
	for _, c := range left {
		c.sink.Lost(err)
	}
}

func (s *stream) dispatch(command *pluginv1.Command) {
	if command.Call == 0 {
		if pong := command.GetPong(); pong != nil {
			s.process.heart.answered(pong.Id)
		}
		return
	}
	s.mu.Lock()
	c := s.calls[command.Call]
	s.mu.Unlock()
	if c == nil {
		s.process.late.Add(1)
		return
	}
	c.sink.Command(command)
}

// open puts a call on the stream if it has room for one.
func (s *stream) open(number uint64, sink Sink, most int) *Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || most > 0 && len(s.calls) >= most {
		return nil
	}
	c := &Call{stream: s, number: number, sink: sink, lane: s.sender.Open(wire.Events(audio.Telephone))}
	s.calls[number] = c
	return c
}

// forget takes a call off the stream.
func (s *stream) forget(c *Call) {
	s.mu.Lock()
	delete(s.calls, c.number)
	last := s.single && !s.ended && len(s.calls) == 0
	if last {
		s.ended = true
	}
	s.mu.Unlock()
	s.process.audioLost.Add(c.Dropped())
	if last {
		s.process.retire(s)
		s.sender.Close()
	}
}

func (s *stream) hasEnded() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}
