package pluginwire

import (
	"sync"
	"time"

	hclog "github.com/hashicorp/go-hclog"

	"github.com/byova-host/byova-host/internal/lane"
	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

const (
	pingEvery = time.Second
	pongLate  = 5 * time.Second
)

// heart asks in the stream whether the plugin still reads and answers. A health
// RPC would be answered by a plugin whose calls all hang.
type heart struct {
	log     hclog.Logger
	alive   chan struct{} // closed by the first answer
	mu      sync.Mutex
	id      uint64 // of the last ping
	waiting bool   // it is not answered yet
	sent    time.Time
	warned  bool
}

// beat sends a ping unless one is still waiting for its answer, which it
// complains about once.
func (h *heart) beat(to *lane.Lane[*pluginv1.Event]) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.waiting {
		if late := time.Since(h.sent); late > pongLate && !h.warned {
			h.warned = true
			h.log.Warn("plugin does not answer in its stream", "for", late.Round(time.Millisecond))
		}
		return
	}
	h.id++
	h.waiting, h.sent = true, time.Now()
	// A lane that is closed belongs to a process that is being buried.
	_ = to.Push(&pluginv1.Event{Body: &pluginv1.Event_Ping{Ping: &pluginv1.Ping{Id: h.id}}})
}

func (h *heart) answered(id uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.waiting || id != h.id {
		return
	}
	h.waiting = false
	if id == 1 {
		close(h.alive)
	}
	if h.warned {
		h.warned = false
		h.log.Info("plugin answers again", "after", time.Since(h.sent).Round(time.Millisecond))
	}
}

// keepBeating pings until the process's end is known.
func (p *Process) keepBeating() {
	ticker := time.NewTicker(pingEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			p.heart.beat(p.first.control)
		case <-p.judged:
			return
		}
	}
}
