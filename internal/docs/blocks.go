//go:build unix

package docs

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/byova-host/byova-host/internal/logtest"
)

// shells are the languages of blocks that can be run.
var shells = []string{"sh", "bash", "shell"}

// checkMarks says which marks stand before what cannot be run.
func checkMarks(p page) (problems []problem) {
	for _, b := range p.blocks {
		if b.runs() && !slices.Contains(shells, b.info) {
			problems = append(problems, problem{p.path, b.line, "marked to be run, and not a sh block"})
		}
	}
	return problems
}

func (b block) runs() bool {
	return b.mark == "run" || b.mark == "server" || b.mark == "another server"
}

// runner runs the blocks of one page.
type runner struct {
	dir   string   // a copy of the source
	env   []string // of all blocks
	limit time.Duration

	group   int // the process group of the blocks
	servers []*server
}

// run runs the marked blocks of a page in order, until one fails.
func (r *runner) run(p page) (err error) {
	keeper := exec.Command("cat") // leads the group, which is therefore ours to its end
	keeper.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	input, err := keeper.StdinPipe()
	if err != nil {
		return err
	}
	if err := keeper.Start(); err != nil {
		return err
	}
	r.group = keeper.Process.Pid
	defer func() {
		err = errors.Join(err, r.stopServers())
		_ = syscall.Kill(-r.group, syscall.SIGKILL)
		_ = input.Close()
		_ = keeper.Wait()
	}()
	for _, b := range p.blocks {
		var err error
		switch b.mark {
		case "run":
			err = r.block(b.code)
		case "server":
			if err = r.stopServers(); err == nil {
				err = r.serve(b.code)
			}
		case "another server":
			err = r.serve(b.code)
		}
		if err != nil {
			return fmt.Errorf("%s:%d: %w", p.path, b.line, err)
		}
	}
	return nil
}

// shell makes the command of a block.
func (r *runner) shell(code string, group int, out *os.File) *exec.Cmd {
	cmd := exec.Command("sh", "-euc", code) //nolint:gosec // what the documents say
	cmd.Dir, cmd.Env = r.dir, r.env
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pgid: group}
	return cmd
}

// block runs one to its end. Its output goes to a file, so that nobody waits for what it
// leaves in the background.
func (r *runner) block(code string) error {
	out, err := os.CreateTemp(r.dir, ".out")
	if err != nil {
		return err
	}
	defer func() {
		_ = out.Close()
		_ = os.Remove(out.Name())
	}()
	cmd := r.shell(code, r.group, out)
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		err = cmd.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(r.limit):
		_ = syscall.Kill(-r.group, syscall.SIGKILL)
		<-ended
		err = fmt.Errorf("not ended after %v", r.limit)
	}
	if err == nil {
		return nil
	}
	said, _ := os.ReadFile(out.Name())
	err = fmt.Errorf("this block failed: %w\n%s", err, said)
	for _, s := range r.servers {
		err = fmt.Errorf("%w--- the server:\n%s", err, s.said.String())
	}
	return err
}

// server is a block that goes on while those behind it run.
type server struct {
	cmd       *exec.Cmd
	listening chan struct{} // closed once it has said so
	ended     chan struct{} // closed once it has
	err       error         // then: how
	said      logtest.Log
}

// serve starts a server and waits until it listens.
func (r *runner) serve(code string) error {
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	s := &server{cmd: r.shell(code, 0, write), listening: make(chan struct{}), ended: make(chan struct{})}
	err = s.cmd.Start()
	_ = write.Close()
	if err != nil {
		_ = read.Close()
		return err
	}
	go s.wait(read)
	select {
	case <-s.listening:
		r.servers = append(r.servers, s)
		return nil
	case <-s.ended:
		return fmt.Errorf("this server ended before it listened: %w\n%s", s.err, s.said.String())
	case <-time.After(r.limit):
		_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
		<-s.ended
		return fmt.Errorf("this server does not listen after %v\n%s", r.limit, s.said.String())
	}
}

// wait reads what the server prints until all of its processes have ended.
func (s *server) wait(read *os.File) {
	defer func() { _ = read.Close() }()
	open := true
	for lines := bufio.NewScanner(read); lines.Scan(); {
		_, _ = s.said.Write(append(lines.Bytes(), '\n'))
		if open && bytes.HasPrefix(lines.Bytes(), []byte("listening on ")) {
			close(s.listening)
			open = false
		}
	}
	if s.err = s.cmd.Wait(); s.err == nil {
		s.err = errors.New("exit status 0")
	}
	close(s.ended)
}

// stopServers ends the servers, the last one first.
func (r *runner) stopServers() (err error) {
	for _, s := range slices.Backward(r.servers) {
		err = errors.Join(err, s.stop(r.limit))
	}
	r.servers = nil
	return err
}

// stop ends a server as Ctrl-C does, and kills one that does not end.
func (s *server) stop(limit time.Duration) error {
	if err := syscall.Kill(-s.cmd.Process.Pid, syscall.SIGINT); err != nil { // it is gone
		<-s.ended
		return fmt.Errorf("the server ended by itself: %w\n%s", s.err, s.said.String())
	}
	select {
	case <-s.ended:
		return nil
	case <-time.After(limit):
		_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
		<-s.ended
		return fmt.Errorf("the server has not ended %v after SIGINT", limit)
	}
}

// copyTree copies files into a directory.
func copyTree(to, from string, files []string) error {
	for _, file := range files {
		info, err := os.Stat(filepath.Join(from, file))
		if err != nil {
			return err
		}
		text, err := os.ReadFile(filepath.Join(from, file)) //nolint:gosec // of our own tree
		if err != nil {
			return err
		}
		target := filepath.Join(to, file)
		if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(target, text, info.Mode().Perm()|0o200); err != nil { //nolint:gosec // as it was
			return err
		}
	}
	return nil
}
