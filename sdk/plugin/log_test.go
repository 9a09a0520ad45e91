package plugin

import (
	"strings"
	"testing"
	"time"

	hclog "github.com/hashicorp/go-hclog"
)

// TestDurationsInLogs: a duration reaches the host in words, whichever way it is logged.
func TestDurationsInLogs(t *testing.T) {
	var lines strings.Builder
	log := logger{hclog.New(&hclog.LoggerOptions{Output: &lines, JSONFormat: true, Level: hclog.Trace})}
	for _, write := range []func(string, ...any){
		log.Trace, log.Debug, log.Info, log.Warn, log.Error, log.Named("a").Info, log.ResetNamed("b").With("turn", 1).Info,
		func(msg string, args ...any) { log.Log(hclog.Info, msg, args...) },
	} {
		lines.Reset()
		write("interrupted", "heard", 1300*time.Millisecond, "prompt", 2)
		if got := lines.String(); !strings.Contains(got, `"heard":"1.3s"`) || !strings.Contains(got, `"prompt":2`) {
			t.Errorf("it writes %s", got)
		}
	}
	lines.Reset()
	log.With("limit", time.Minute).Info("slow")
	if got := lines.String(); !strings.Contains(got, `"limit":"1m0s"`) {
		t.Errorf("it writes %s", got)
	}
}
