package plugin

import (
	"slices"
	"time"

	hclog "github.com/hashicorp/go-hclog"
)

// logger writes durations as people do. The lines go to a host as JSON, which would make
// nanoseconds of them, and floating point of those.
type logger struct{ hclog.Logger }

func (l logger) Log(level hclog.Level, msg string, args ...any) {
	l.Logger.Log(level, msg, readable(args)...)
}
func (l logger) Trace(msg string, args ...any) { l.Logger.Trace(msg, readable(args)...) }
func (l logger) Debug(msg string, args ...any) { l.Logger.Debug(msg, readable(args)...) }
func (l logger) Info(msg string, args ...any)  { l.Logger.Info(msg, readable(args)...) }
func (l logger) Warn(msg string, args ...any)  { l.Logger.Warn(msg, readable(args)...) }
func (l logger) Error(msg string, args ...any) { l.Logger.Error(msg, readable(args)...) }

func (l logger) With(args ...any) hclog.Logger       { return logger{l.Logger.With(readable(args)...)} }
func (l logger) Named(name string) hclog.Logger      { return logger{l.Logger.Named(name)} }
func (l logger) ResetNamed(name string) hclog.Logger { return logger{l.Logger.ResetNamed(name)} }

// readable makes words of the durations among a line's fields.
func readable(args []any) []any {
	isDuration := func(a any) bool { _, is := a.(time.Duration); return is }
	if !slices.ContainsFunc(args, isDuration) {
		return args
	}
	args = slices.Clone(args)
	for i, a := range args {
		if d, is := a.(time.Duration); is {
			args[i] = d.String()
		}
	}
	return args
}
