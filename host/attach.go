package host

import (
	"context"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/byova-host/byova-host/host/config"
	"github.com/byova-host/byova-host/host/session"
	"github.com/byova-host/byova-host/internal/ownsocket"
)

// attachedPatience is how long a plugin that the host is attached to may take to
// answer: somebody may look at it in a debugger.
const attachedPatience = time.Hour

// socketOf is where a plugin answers that runs already, and whether it is one.
func socketOf(p config.Plugin) (socket string, attached bool) {
	return strings.CutPrefix(p.Path, "unix://")
}

// dialer connects to such a plugin; it is nil for one that the host starts.
func dialer(p config.Plugin) func(context.Context) (net.Conn, error) {
	socket, attached := socketOf(p)
	if !attached {
		return nil
	}
	return func(ctx context.Context) (net.Conn, error) { return ownsocket.Dial(ctx, socket) }
}

// giveTime has the calls of a host that is attached to a plugin wait for it.
func giveTime(sessions *session.Config, plugins []config.Plugin) {
	if !slices.ContainsFunc(plugins, func(p config.Plugin) bool { _, attached := socketOf(p); return attached }) {
		return
	}
	patient := func(s session.Settings) session.Settings {
		s.AnswerWithin, s.AnswerLimit = attachedPatience, attachedPatience
		return s
	}
	calls := patient(*sessions.Calls)
	sessions.Calls = &calls
	for id, own := range sessions.Agents {
		sessions.Agents[id] = patient(own)
	}
}
