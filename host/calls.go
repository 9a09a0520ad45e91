package host

import (
	"context"
	"time"

	"github.com/byova-host/byova-host/host/admin"
	"github.com/byova-host/byova-host/host/session"
)

// Calls implements admin.Host, as does the method below.
func (h *host) Calls() []admin.Call {
	live := h.calls.Calls()
	all := make([]admin.Call, len(live))
	for i, c := range live {
		all[i] = shown(c)
	}
	return all
}

// Trace begins a trace of a call.
func (h *host) Trace(id string, o admin.TraceOptions) (admin.Tracing, error) {
	t, err := h.calls.Trace(id, session.TraceOptions(o))
	if err != nil {
		return nil, err
	}
	return tracing{t}, nil
}

func shown(c session.Call) admin.Call {
	return admin.Call{
		Conversation: c.Conversation, Session: c.SessionID, Org: c.Org, Agent: c.Agent,
		Plugin: c.Plugin, Generation: c.Generation, Since: c.Began, State: string(c.State), Turn: c.Turn,
	}
}

// tracing is a trace as the admin API shows it.
type tracing struct{ *session.Trace }

func (t tracing) Call() admin.Call { return shown(t.Trace.Call) }

func (t tracing) Next(ctx context.Context) (lines []admin.TraceLine, err error) {
	part, err := t.Trace.Next(ctx)
	if err != nil {
		return nil, err
	}
	if part.Missed > 0 {
		lines = append(lines, admin.TraceLine{Missed: part.Missed})
	}
	for _, e := range part.Entries {
		lines = append(lines, admin.TraceLine{Entry: &admin.TraceEntry{
			At: ms(e.At), From: e.From, What: e.What, Turn: e.Turn, Prompt: e.Prompt, Late: e.Late,
			Detail: e.Detail, Content: e.Content,
		}})
	}
	if part.Lost > 0 {
		lines = append(lines, admin.TraceLine{Lost: part.Lost})
	}
	for _, a := range part.Audio {
		lines = append(lines, admin.TraceLine{Audio: &admin.TraceAudio{At: ms(a.At), Bot: a.Bot, Cut: a.Cut, Data: a.Data}})
	}
	return lines, nil
}

func ms(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}
