package plugintest

import (
	"context"
	"sync"

	"github.com/byova-host/byova-host/host/session"
)

// moment is an event that the bot was told of, or a command of it.
type moment struct {
	event   session.EventBody // nil for a command
	command session.Command
}

// recorder stands between the sessions and the plugin, and keeps what passes.
type recorder struct {
	session.Agents
	host *Host
}

// Open implements session.Agents.
func (r recorder) Open(ctx context.Context, org, agent string, sink session.Sink) (session.AgentCall, error) {
	tap := &tap{host: r.host}
	call, err := r.Agents.Open(ctx, org, agent, heard{sink, tap})
	if err != nil {
		return nil, err
	}
	return told{call, tap}, nil
}

// tap keeps what passes in one session. Which call that is of, its first event says.
type tap struct {
	host *Host

	mu    sync.Mutex
	call  *Call
	early []moment
}

func (t *tap) keep(m moment) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if started, ok := m.event.(session.Started); ok && t.call == nil {
		if t.call = t.host.call(started.Key.Conversation); t.call != nil {
			for _, e := range t.early {
				t.call.note(e)
			}
			t.early = nil
		}
	}
	if t.call == nil {
		t.early = append(t.early, m)
		return
	}
	t.call.note(m)
}

// told is a call at the bot.
type told struct {
	session.AgentCall
	tap *tap
}

func (c told) Send(e session.Event) error {
	if _, audio := e.Body.(session.CallerAudio); !audio {
		c.tap.keep(moment{event: e.Body})
	}
	return c.AgentCall.Send(e)
}

func (c told) Resume(ctx context.Context, r session.Resumption, sink session.Sink) (session.AgentCall, error) {
	next, err := c.AgentCall.Resume(ctx, r, heard{sink, c.tap})
	if err != nil {
		return nil, err
	}
	return told{next, c.tap}, nil
}

// heard is where the bot's commands go.
type heard struct {
	session.Sink
	tap *tap
}

func (s heard) Command(c session.Command) {
	s.tap.keep(moment{command: c})
	s.Sink.Command(c)
}
