package wire

import (
	"context"

	hclog "github.com/hashicorp/go-hclog"
)

type logKey struct{}

// WithLog has a plugin that is served within ctx log there, instead of where its process
// does.
func WithLog(ctx context.Context, log hclog.Logger) context.Context {
	return context.WithValue(ctx, logKey{}, log)
}

// Log is what WithLog was given, or nil.
func Log(ctx context.Context) hclog.Logger {
	log, _ := ctx.Value(logKey{}).(hclog.Logger)
	return log
}
