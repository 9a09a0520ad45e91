package pluginwire

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	hclog "github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

const (
	// readOn is how long streams are read on when the process is gone: most of
	// what it sent last is still on its way then.
	readOn = 100 * time.Millisecond
	// reasonGrace is how long calls wait for what the process wrote last.
	reasonGrace = 20 * time.Millisecond
	// stopGrace is how long a plugin has to end by itself, and eofGrace how much
	// of it the end of its standard input gets before it is asked by RPC.
	stopGrace = 2 * time.Second
	eofGrace  = 500 * time.Millisecond
)

// ErrStopped is what a call is lost of when the host itself stops the plugin.
var ErrStopped = errors.New("plugin was stopped")

// Process is a running plugin that has passed its start checks. All methods may
// be called concurrently.
type Process struct {
	config   Config
	log      hclog.Logger
	program  program
	child    *child // nil: the program is a stranger
	output   *output
	client   *goplugin.Client // of a child
	conns    *connections
	attached *grpc.ClientConn // to a stranger
	rpc      pluginv1.PluginClient

	description *pluginv1.DescribeResponse
	agents      []*pluginv1.Agent

	ctx     context.Context // of the streams: outlives the process a little
	cancel  context.CancelFunc
	streams sync.WaitGroup // goroutines of all streams
	reading sync.Map       // the streams that are read: *stream to nil
	heart   heart

	stopping chan struct{} // closed when the end is wanted
	broken   chan struct{} // closed when a stream is lost
	judged   chan struct{} // closed when the cause of the end is known
	done     chan struct{} // closed when nothing is left
	stopOnce sync.Once
	forced   atomic.Bool // it did not end by itself

	number    atomic.Uint64
	late      atomic.Int64
	audioLost atomic.Int64

	mu      sync.Mutex
	first   *stream   // carries call 0, and the calls if there is no limit
	more    []*stream // with a limit: those that have calls
	loss    error     // what broke the first stream that broke
	verdict error     // why the host killed it
	err     error
}

// Stats counts what was dropped in the life of a process.
type Stats struct {
	LateCommands int64 // commands of calls that were closed already
	AudioBytes   int64 // caller audio of closed calls that the plugin did not take
	OutputBytes  int64 // output that came too fast for the log
}

// Stats returns the counters so far.
func (p *Process) Stats() Stats {
	return Stats{LateCommands: p.late.Load(), AudioBytes: p.audioLost.Load(), OutputBytes: p.output.droppedBytes()}
}

// Description is what the plugin said of itself at the start. It must not be
// changed.
func (p *Process) Description() *pluginv1.DescribeResponse { return p.description }

// Agents are those that the plugin listed for no organisation in particular at
// the start. They must not be changed.
func (p *Process) Agents() []*pluginv1.Agent { return p.agents }

// ListAgents asks the plugin which agents an organisation may use.
func (p *Process) ListAgents(ctx context.Context, org string) ([]*pluginv1.Agent, error) {
	resp, err := p.rpc.ListAgents(ctx, &pluginv1.ListAgentsRequest{Org: org})
	if err != nil {
		return nil, fmt.Errorf("list agents of plugin %q: %w", p.config.Name, err)
	}
	return resp.Agents, nil
}

// Pid is the number of the process.
func (p *Process) Pid() int { return p.program.number() }

// Done is closed when the process, its children, its sockets and all goroutines
// for it are gone and every sink has been told.
func (p *Process) Done() <-chan struct{} { return p.done }

// Lost is closed as soon as it is known that the process is gone, and of what: Err
// tells. Its sinks may still be told, and Done follows.
func (p *Process) Lost() <-chan struct{} { return p.judged }

// Err is nil while the process lives, ErrStopped after Stop, and otherwise what
// it died of.
func (p *Process) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// Open puts a new call on a stream that has room, and opens a stream if none
// has. With a limit of calls a stream, each such stream ends with its last call
// and the first one carries none. Sink may be called before Open returns.
func (p *Process) Open(sink Sink) (*Call, error) {
	if p.Hangs() {
		return nil, fmt.Errorf("open a call at plugin %q: it does not answer in its stream", p.config.Name)
	}
	most := int(p.description.MaxCallsPerStream)
	number := p.number.Add(1)
	if most == 0 {
		if c := p.first.open(number, sink, 0); c != nil {
			return c, nil
		}
		return nil, p.gone()
	}
	p.mu.Lock()
	streams := slices.Clone(p.more)
	p.mu.Unlock()
	for _, s := range streams {
		if c := s.open(number, sink, most); c != nil {
			return c, nil
		}
	}
	return p.openAlone(number, sink, most)
}

// openAlone opens a stream for a call.
func (p *Process) openAlone(number uint64, sink Sink, most int) (*Call, error) {
	if !p.hold() {
		return nil, p.gone()
	}
	defer p.streams.Done()
	s, err := p.openStream(true)
	if err != nil {
		return nil, fmt.Errorf("open a call at plugin %q: %w", p.config.Name, err)
	}
	c := s.open(number, sink, most)
	if c == nil {
		return nil, p.gone() // it broke at once
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !s.hasEnded() {
		p.more = append(p.more, s)
	}
	return c, nil
}

// Hangs tells that the process takes no calls because it does not answer. It soon does
// again, or is lost.
func (p *Process) Hangs() bool { return p.child != nil && p.heart.late() > 0 && p.Err() == nil }

// hold keeps those who wait for all streams waiting for one that is being opened.
// False means that the process is gone.
func (p *Process) hold() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return false
	}
	p.streams.Add(1)
	return true
}

func (p *Process) gone() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.goneLocked()
}

func (p *Process) goneLocked() error {
	if p.err != nil {
		return fmt.Errorf("open a call at plugin %q: %w", p.config.Name, p.err)
	}
	return fmt.Errorf("open a call at plugin %q: its stream has ended", p.config.Name)
}

// retire forgets a stream that has no more calls.
func (p *Process) retire(s *stream) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(p.more, s); i >= 0 {
		p.more = slices.Delete(p.more, i, i+1)
	}
}

// lose says that a stream is lost, and with it the process.
func (p *Process) lose(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.loss == nil {
		p.loss = err
		close(p.broken)
	}
}

// condemn kills a process that lives and must not go on.
func (p *Process) condemn(why error) {
	p.mu.Lock()
	if p.verdict == nil {
		p.verdict = why
	}
	p.mu.Unlock()
	p.lose(why)
	p.program.kill()
}

func (p *Process) condemned() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.verdict
}

// Stop ends the plugin: politely, by the end of its standard input and by
// go-plugin's Shutdown, until ctx ends or 2 s are over, then with its whole
// process group. It returns when nothing is left, always, and may be called more
// than once. Calls that are open are lost with ErrStopped.
func (p *Process) Stop(ctx context.Context) {
	p.stopOnce.Do(func() { close(p.stopping) })
	timer := time.NewTimer(stopGrace)
	defer timer.Stop()
	select {
	case <-p.done:
		return
	case <-ctx.Done():
	case <-timer.C:
		p.forced.Store(true)
	}
	p.program.kill()
	<-p.done
}

// Forced tells whether the plugin had to be killed at its end: it did not end by itself
// in the time that it has.
func (p *Process) Forced() bool { return p.forced.Load() }

// watch is the process's one owner: it sees the end, finds its cause and leaves
// nothing behind.
func (p *Process) watch() {
	defer close(p.done)
	var cleaned sync.WaitGroup
	select {
	case <-p.program.gone():
	case <-p.broken:
	case <-p.stopping:
		p.endStreams()
		p.program.closeStdin()
		if p.child != nil && !p.program.exitedWithin(eofGrace) {
			// Blocks until the plugin ends, which Stop sees to.
			cleaned.Go(p.client.Kill)
			<-p.program.gone()
		}
	}
	p.judge()
	if err := p.Err(); p.child != nil && !errors.Is(err, ErrStopped) {
		p.log.Error("plugin lost", "reason", err)
	}
	// What it sent last is still being read.
	late := time.AfterFunc(readOn, p.cancel)
	p.streams.Wait()
	late.Stop()
	p.cancel()
	cleaned.Wait()
	p.cleanUp()
}

// endStreams closes the streams behind what was sent, and gives the bots a moment to
// see the ends of their calls: the end of its standard input ends a plugin at once.
func (p *Process) endStreams() {
	limit := time.NewTimer(eofGrace)
	defer limit.Stop()
	var open []*stream
	p.reading.Range(func(s, _ any) bool {
		open = append(open, s.(*stream)) //nolint:forcetypeassert // nothing else is stored
		return true
	})
	for _, s := range open {
		s.sender.Close()
	}
	for _, s := range open {
		select {
		case <-s.over:
		case <-p.program.gone():
			return
		case <-limit.C:
			return
		}
	}
}

// judge ends the process if it still lives and settles what it ended of.
func (p *Process) judge() {
	exited := p.program.exitedWithin(p.patience())
	p.program.kill()
	<-p.program.gone()
	how := p.program.exit(reasonGrace)
	stopped := p.isStopped()
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case stopped:
		p.err = ErrStopped
	case p.verdict != nil:
		p.err = fmt.Errorf("plugin %q was killed: %w", p.config.Name, p.verdict)
	case p.child == nil:
		p.err = fmt.Errorf("plugin %q: %w: %s", p.config.Name, errLeft, reason(p.loss))
	case exited:
		p.err = fmt.Errorf("plugin %q ended: %s", p.config.Name, how)
	default:
		p.err = fmt.Errorf("plugin %q lost its stream and was killed: %w", p.config.Name, p.loss)
	}
	close(p.judged)
}

// patience is how long a lost stream may come of an exit that is not seen yet.
func (p *Process) patience() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.loss != nil && !isLoss(p.loss) {
		return 0
	}
	return readOn
}

func (p *Process) isStopped() bool {
	select {
	case <-p.stopping:
		return true
	default:
		return false
	}
}

// cleanUp releases what go-plugin and gRPC hold for a process that is gone.
func (p *Process) cleanUp() {
	if p.attached != nil {
		p.attached.Close() // an error says that it is closed already
		return
	}
	p.client.Kill()
	p.conns.close()
	p.program.closeStdin()
}

// connections remembers every gRPC connection that go-plugin makes. It leaves one
// open when the plugin dies while it connects.
type connections struct {
	mu  sync.Mutex
	all []*grpc.ClientConn
}

func (c *connections) intercept(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn,
	method string, streamer grpc.Streamer, opts ...grpc.CallOption,
) (grpc.ClientStream, error) {
	c.mu.Lock()
	if !slices.Contains(c.all, cc) {
		c.all = append(c.all, cc)
	}
	c.mu.Unlock()
	return streamer(ctx, desc, cc, method, opts...)
}

func (c *connections) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, cc := range c.all {
		cc.Close() // an error says that it is closed already
	}
	c.all = nil
}
