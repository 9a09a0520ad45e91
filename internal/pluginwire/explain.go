package pluginwire

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/byova-host/byova-host/internal/checked"
	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

// SettingsError says what the plugin finds wrong with its settings.
type SettingsError struct{ Fields []*pluginv1.FieldError }

// Error lists the settings and what is wrong with each.
func (e *SettingsError) Error() string {
	said := make([]string, len(e.Fields))
	for i, field := range e.Fields {
		said[i] = field.Message
		if field.Field != "" {
			said[i] = field.Field + ": " + field.Message
		}
	}
	return "its settings: " + strings.Join(said, "; ")
}

// explain turns the error that the start ended with into what a person needs to
// know: often the process has ended, and the error is only an echo of that.
func (s *start) explain(caller, limited context.Context, err error) error {
	if bad, ok := errors.AsType[*SettingsError](err); ok {
		return bad
	}
	if caller.Err() != nil {
		return fmt.Errorf("given up while waiting for %s: %w", s.step, context.Cause(caller))
	}
	if s.child == nil {
		return s.attachedTo(limited, err)
	}
	passed, first, problem := s.child.filter.found()
	verdict := s.condemned()
	switch {
	case verdict != nil:
		return verdict
	case problem != nil:
		return problem
	case limited.Err() != nil:
		return s.tooLate(passed, first)
	case s.Pid() == 0: // it was never started, and the path is named already
		if bad, ok := errors.AsType[*os.PathError](err); ok && bad.Op == "fork/exec" {
			return s.notExecuted(bad.Err)
		}
		return fmt.Errorf("prepare its start: %w", err)
	case !passed && s.child.outlived.Load():
		return errors.New("it closed its output without a handshake, is it a byova plugin?")
	case isLoss(err) && s.child.exitedWithin(readOn):
		how := s.child.exit(2 * pipeGrace)
		if passed {
			return fmt.Errorf("it ended while the host waited for %s: %s", s.step, how)
		}
		return fmt.Errorf("it ended without a handshake, is it a byova plugin? %s", how)
	case status.Code(err) == codes.DeadlineExceeded, status.Code(err) == codes.Canceled:
		return s.tooLate(passed, first) // the plugin's end of the limit came first
	case status.Code(err) == codes.Unimplemented:
		return fmt.Errorf("it does not serve %s of %s", s.step, pluginv1.Plugin_ServiceDesc.ServiceName)
	default:
		return fmt.Errorf("%s: %s", s.step, reason(err))
	}
}

// notExecuted explains why the system did not execute a file that looks like a
// program.
func (s *start) notExecuted(err error) error {
	if errors.Is(err, fs.ErrPermission) && s.config.Path != s.config.Origin {
		return fmt.Errorf("execute its copy: %w; if %w", err, checked.NoExecError(filepath.Dir(s.config.Path)))
	}
	if _, there := os.Stat(s.config.Path); errors.Is(err, fs.ErrNotExist) && there == nil {
		return errors.New("execute it: what is to run it is not there: the interpreter of its #! line, or its loader")
	}
	if errors.Is(err, syscall.ENOEXEC) {
		return fmt.Errorf("execute it: %w: build it for %s/%s, or give a script its #! line", err, runtime.GOOS, runtime.GOARCH)
	}
	return fmt.Errorf("execute it: %w", err)
}

func (s *start) tooLate(passed bool, first string) error {
	limit := s.config.StartTimeout
	switch {
	case passed:
		return fmt.Errorf("%s was not answered within the start limit of %v", s.step, limit)
	case first != "":
		return fmt.Errorf("no handshake within the start limit of %v, is it a byova plugin? its output begins %q", limit, first)
	default:
		return fmt.Errorf("no handshake within the start limit of %v, is it a byova plugin? it printed nothing", limit)
	}
}

// isLoss reports whether the error may come of the process's end. An answer of
// the plugin's own does not.
func isLoss(err error) bool {
	s, ok := status.FromError(err)
	return !ok || s.Code() == codes.Unavailable || s.Code() == codes.Canceled
}

// reason is the message without gRPC's frame around it.
func reason(err error) string {
	if s, ok := status.FromError(err); ok {
		return s.Message()
	}
	return err.Error()
}
