package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// host is byova-host serving.
type host struct {
	cmd  *exec.Cmd
	addr string
	log  *watchedLog
}

// startHost starts one and waits for its one line.
func startHost(ctx context.Context, binary, dir string, env []string, args ...string) (*host, error) {
	h := &host{cmd: exec.CommandContext(ctx, binary, args...), log: newWatchedLog()} //nolint:gosec // the program under show, as below
	h.cmd.Dir, h.cmd.Env = dir, env
	h.cmd.Stderr = h.log
	h.cmd.Cancel = func() error { return h.cmd.Process.Signal(syscall.SIGTERM) }
	out, err := h.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := h.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the host did not start:\n%s", h.log), h.cmd.Wait())
	}
	h.addr = strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
	return h, nil
}

// stop ends it as an operator does.
func (h *host) stop() error {
	if err := h.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	if err := h.cmd.Wait(); err != nil {
		return fmt.Errorf("the host ended with %w", err)
	}
	return nil
}

// command runs byova-host with the journey's configuration, and shows it and what it prints.
func (j *journey) command(ctx context.Context, args ...string) error {
	return j.converse(ctx, nil, append(args, "--config", "host.yaml")...)
}

// converse does so with all arguments; answer says what to type after a line, "" for nothing.
func (j *journey) converse(ctx context.Context, answer func(line string) (string, error), args ...string) error {
	fmt.Fprintf(j.out, "  $ byova-host %s\n", strings.Join(args, " "))
	cmd := exec.CommandContext(ctx, j.binary, args...) //nolint:gosec // as above
	cmd.Dir, cmd.Env = j.dir, j.env
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	printed, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	if err := cmd.Start(); err != nil {
		return err
	}
	failure := j.show(printed, in, answer)
	in.Close()
	_, _ = io.Copy(io.Discard, printed)
	if err := cmd.Wait(); err != nil {
		return errors.Join(failure, fmt.Errorf("%s: %w: %s", args[0], err, complaints.String()))
	}
	return failure
}

// show prints a command's lines and types the answers.
func (j *journey) show(printed io.Reader, in io.Writer, answer func(string) (string, error)) error {
	j.printed.Reset()
	lines := bufio.NewScanner(printed)
	for lines.Scan() {
		fmt.Fprintf(j.out, "    %s\n", lines.Text())
		fmt.Fprintln(&j.printed, lines.Text())
		if answer == nil {
			continue
		}
		typed, err := answer(lines.Text())
		if err != nil {
			return err
		}
		if typed == "" {
			continue
		}
		fmt.Fprintln(j.out, "    (pasted: where the browser ended up)")
		if _, err := fmt.Fprintln(in, typed); err != nil {
			return err
		}
	}
	return lines.Err()
}

// accepted places a call with a token, which must go well.
func (j *journey) accepted(ctx context.Context, token string) error {
	if _, err := j.place(ctx, token, customer); err != nil {
		return err
	}
	fmt.Fprintln(j.out, "    a call: greeted, two keys pressed and echoed, hung up")
	return nil
}

// refused places one that must be refused with a status.
func (j *journey) refused(ctx context.Context, code, token, org string) error {
	printed, err := j.place(ctx, token, org)
	if err == nil {
		return fmt.Errorf("a call was taken that should be refused as %s:\n%s", code, printed)
	}
	if _, ended := errors.AsType[*exec.ExitError](err); !ended || !strings.Contains(printed, code) {
		return fmt.Errorf("a call should be refused as %s: %w:\n%s", code, err, printed)
	}
	fmt.Fprintf(j.out, "    a call: refused, %s\n", code)
	return nil
}

// place calls the host. The token stands in a file, for nobody else to see.
func (j *journey) place(ctx context.Context, token, org string) (printed string, err error) {
	args := []string{"call", "--addr", j.host.addr, "--agent", "echo", "--org", org, "--dtmf", "12", "--limit", "20s"}
	if token != "" {
		file := filepath.Join(j.dir, "token")
		if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
			return "", err
		}
		args = append(args, "--token-file", file)
	}
	out, err := exec.CommandContext(ctx, j.binary, args...).CombinedOutput() //nolint:gosec // as above
	return string(out), err
}

// watchedLog keeps a log, of which lines can be waited for.
type watchedLog struct {
	mu   sync.Mutex
	text bytes.Buffer
	seen int           // what await has gone through
	more chan struct{} // closed when there is more
}

func newWatchedLog() *watchedLog { return &watchedLog{more: make(chan struct{})} }

func (l *watchedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.more)
	l.more = make(chan struct{})
	return l.text.Write(p)
}

func (l *watchedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// await waits for a text in a line behind those that were waited for before.
func (l *watchedLog) await(ctx context.Context, text string) error {
	for {
		l.mu.Lock()
		if i := strings.Index(l.text.String()[l.seen:], text); i >= 0 {
			l.seen += i + len(text)
			l.mu.Unlock()
			return nil
		}
		more := l.more
		l.mu.Unlock()
		select {
		case <-more:
		case <-ctx.Done():
			return fmt.Errorf("the host never said %q: %w", text, ctx.Err())
		}
	}
}
