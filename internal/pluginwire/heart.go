package pluginwire

import (
	"fmt"
	"sync"
	"time"

	"github.com/byova-host/byova-host/internal/lane"
	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

// A plugin that has not answered a ping for pongLate gets no new calls; after
// pongLost it is lost. It is looked at with every beat, so a beat is short.
const (
	pingEvery = time.Second / 2
	pongLate  = time.Second
	pongLost  = 5 * time.Second
)

// errHung is what a plugin is lost of that does not answer.
var errHung = fmt.Errorf("it has not answered in its stream for %v", pongLost)

// heart asks in the stream whether the plugin still reads and answers. A health
// RPC would be answered by a plugin whose calls all hang.
type heart struct {
	alive   chan struct{} // closed by the first answer
	mu      sync.Mutex
	id      uint64 // of the last ping
	waiting bool   // it is not answered yet
	sent    time.Time
	last    time.Time // when beat was last called
}

// beat sends a ping unless one still waits for its answer, and reports whether
// that one has waited for too long. Time in which the host itself was held up
// does not count.
func (h *heart) beat(to *lane.Lane[*pluginv1.Event]) (lost bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	if held := now.Sub(h.last) - pingEvery; h.waiting && held > pingEvery {
		h.sent = h.sent.Add(held)
	}
	h.last = now
	if h.waiting {
		return now.Sub(h.sent) > pongLost-pingEvery/2 // no ticker is exact
	}
	h.id++
	h.waiting, h.sent = true, now
	// A lane that is closed belongs to a process that is being buried.
	_ = to.Push(&pluginv1.Event{Body: &pluginv1.Event_Ping{Ping: &pluginv1.Ping{Id: h.id}}})
	return false
}

// late is how long the last ping has waited for its answer beyond what is usual.
func (h *heart) late() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.waiting {
		return 0
	}
	return max(0, time.Since(h.sent)-pongLate)
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
}

// keepBeating pings until the process's end is known.
func (p *Process) keepBeating() {
	ticker := time.NewTicker(pingEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if p.heart.beat(p.first.control) && p.child != nil {
				p.condemn(errHung)
			}
		case <-p.judged:
			return
		}
	}
}
