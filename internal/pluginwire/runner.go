package pluginwire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/go-plugin/runner"
)

// pipeGrace is how long a dead plugin's pipes are read on. A grandchild that
// holds them open must not keep the host from seeing the death.
const pipeGrace = 50 * time.Millisecond

var _ runner.Runner = (*child)(nil)

// child runs one plugin process for go-plugin. go-plugin's own runner waits for
// the pipes before it waits for the process, kills the process but not its
// children, and gives it the host's standard input.
type child struct {
	cmd    *exec.Cmd // how it is started; see start
	limits Limits
	output *output
	filter *handshakeFilter

	stdin  *os.File       // closed to tell the plugin that the host is gone
	stdout *io.PipeReader // has the handshake line and nothing else
	stderr *io.PipeReader // has nothing: we read the real one ourselves

	exited chan struct{} // closed when the process is gone; status is set
	closed chan struct{} // closed when its pipes are read as well
	status error

	outlived atomic.Bool // it had to be killed

	mu      sync.Mutex
	process *os.Process
	doomed  bool // it was killed, perhaps before it was started
	reaped  bool // its number may belong to somebody else
}

func newChild(cmd *exec.Cmd, limits Limits, output *output) *child {
	c := &child{cmd: cmd, limits: limits, output: output, exited: make(chan struct{}), closed: make(chan struct{})}
	var stdout *io.PipeWriter
	c.stdout, stdout = io.Pipe()
	c.filter = &handshakeFilter{pass: stdout, output: output, broken: c.kill}
	return c
}

// Start implements runner.Runner.
func (c *child) Start(ctx context.Context) error {
	pipes, err := newPipes()
	if err != nil {
		c.abandon()
		return err
	}
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = pipes.in.r, pipes.out.w, pipes.err.w
	stderr, stderrEnd := io.Pipe()
	c.stderr, c.stdin = stderr, pipes.in.w
	started := make(chan error)
	go c.own(ctx, pipes, stderrEnd, started) // ends with the process; closed says so
	return <-started
}

// own starts the process and waits for it, all on one thread: Linux sends the
// parent-death signal when the thread that started the child ends.
func (c *child) own(ctx context.Context, pipes *pipes, stderr io.Closer, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(c.closed)
	defer stderr.Close()
	defer c.filter.close()
	cmd, err := c.start(ctx)
	pipes.closeChildEnds()
	if err != nil {
		pipes.closeOurEnds()
		c.status = err
		close(c.exited)
		started <- err
		return
	}
	c.mu.Lock()
	if c.process = cmd.Process; c.doomed {
		killGroup(c.process)
	}
	c.mu.Unlock()
	_ = c.limits.files(cmd.Process.Pid) // it is set again, and looked at, after the handshake

	var readers sync.WaitGroup
	readers.Go(func() {
		defer c.filter.close() // a plugin without stdout sends no handshake any more
		copyLines(pipes.out.r, c.filter.line)
	})
	readers.Go(func() { copyLines(pipes.err.r, c.output.stderr) })
	started <- nil

	c.status = reap(cmd, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		killGroup(cmd.Process) // what it left behind
		c.reaped = true
	})
	close(c.exited)

	// Usually the pipes have ended with the process.
	late := time.AfterFunc(pipeGrace, pipes.closeOurEnds)
	readers.Wait()
	late.Stop()
	pipes.closeOurEnds()
	c.output.end()
}

// start starts the program. The file may have been written a moment ago, and a
// child that another goroutine forked meanwhile has it open for writing until it
// has executed its own program (golang/go#22315): the system then says that the
// file is busy.
func (c *child) start(ctx context.Context) (*exec.Cmd, error) {
	for {
		cmd := &exec.Cmd{ // each starts once
			Path: c.cmd.Path, Args: c.cmd.Args, Env: c.cmd.Env, SysProcAttr: processAttributes(),
			Stdin: c.cmd.Stdin, Stdout: c.cmd.Stdout, Stderr: c.cmd.Stderr,
		}
		err := cmd.Start()
		if !errors.Is(err, syscall.ETXTBSY) || ctx.Err() != nil {
			return cmd, err
		}
		time.Sleep(time.Millisecond)
	}
}

// number is the process's, and 0 before it was started.
func (c *child) number() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process == nil {
		return 0
	}
	return c.process.Pid
}

// abandon ends a child that was never started.
func (c *child) abandon() {
	c.filter.close()
	close(c.exited)
	close(c.closed)
}

// kill ends the process and all its children at once. It may be called at any
// time and more than once: a process that is not started yet ends when it is.
func (c *child) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.doomed = true
	if c.process != nil && !c.reaped {
		killGroup(c.process)
	}
}

func (c *child) gone() <-chan struct{} { return c.exited }

// clear waits until its pipes are read. One that was never started has none.
func (c *child) clear() {
	if c.number() != 0 {
		<-c.closed
	}
}

// closeStdin tells the plugin that its host is gone.
func (c *child) closeStdin() {
	if c.stdin != nil {
		c.stdin.Close()
	}
}

// exitedWithin waits a little for an exit that the loss of a connection already
// announced.
func (c *child) exitedWithin(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-c.exited:
		return true
	case <-timer.C:
		return false
	}
}

// exit describes the end of the process, for which it waits a little for the
// pipes. Call it after exited is closed.
func (c *child) exit(patience time.Duration) string {
	how := "exit status 0"
	if c.status != nil {
		how = c.status.Error()
	}
	// What explains an exit is often the last thing in the pipe.
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-c.closed:
	case <-timer.C:
	}
	if last := c.output.last(); last != "" {
		return fmt.Sprintf("%s; it last wrote %s", how, last)
	}
	return how
}

// Wait implements runner.Runner. The exit is logged by the Process, which knows
// whether it was wanted.
func (c *child) Wait(context.Context) error {
	<-c.closed
	return nil
}

// Kill implements runner.Runner. Go-plugin calls it when standard output ends
// without a handshake; usually the process is about to exit then, and how it does
// is worth knowing.
func (c *child) Kill(context.Context) error {
	if !c.exitedWithin(readOn) {
		c.outlived.Store(true)
		c.kill()
	}
	return nil
}

// Stdout implements runner.Runner.
func (c *child) Stdout() io.ReadCloser { return c.stdout }

// Stderr implements runner.Runner.
func (c *child) Stderr() io.ReadCloser { return c.stderr }

// Name implements runner.Runner.
func (c *child) Name() string { return c.cmd.Path }

// ID implements runner.Runner. It is never empty: go-plugin cleans up nothing
// for a runner without one.
func (c *child) ID() string { return strconv.Itoa(c.number()) }

// Diagnose implements runner.Runner. We explain failures ourselves.
func (c *child) Diagnose(context.Context) string { return "" }

// PluginToHost implements runner.Runner: both live in one world.
func (c *child) PluginToHost(network, address string) (string, string, error) {
	return network, address, nil
}

// HostToPlugin implements runner.Runner.
func (c *child) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}

type pipe struct{ r, w *os.File }

type pipes struct{ in, out, err pipe }

func newPipes() (p *pipes, err error) {
	p = new(pipes)
	defer func() {
		if err != nil {
			p.closeOurEnds()
			p.closeChildEnds()
		}
	}()
	for _, each := range []*pipe{&p.in, &p.out, &p.err} {
		if each.r, each.w, err = os.Pipe(); err != nil {
			return nil, fmt.Errorf("make pipes for the plugin: %w", err)
		}
	}
	return p, nil
}

// Closing a nil or closed *os.File is an error that means nothing here.

func (p *pipes) closeChildEnds() {
	p.in.r.Close()
	p.out.w.Close()
	p.err.w.Close()
}

func (p *pipes) closeOurEnds() {
	p.in.w.Close()
	p.out.r.Close()
	p.err.r.Close()
}
