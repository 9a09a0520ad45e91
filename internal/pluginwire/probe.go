package pluginwire

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

const (
	// probePatience is how long a call that was accepted may be silent: a bot may
	// wait for the caller to speak.
	probePatience = time.Second
	// probeCredit is what a greeting may send before the rest is granted.
	probeCredit = 64 << 10
	// probeLines is how much of a panic's stack an error shows.
	probeLines = 6
)

// Probe places a call of the host's own, marked as such, and returns nil when the
// agent takes it: its first turn is answered, or the call was accepted and nothing
// bad came within a second. ctx limits the whole.
func (p *Process) Probe(ctx context.Context, agent string) error {
	if err := p.probe(ctx, agent); err != nil {
		return fmt.Errorf("probe call to agent %q: %w", agent, err)
	}
	return nil
}

func (p *Process) probe(ctx context.Context, agent string) error {
	t := &trial{accepted: make(chan struct{}, 1), verdict: make(chan error, 1)}
	call, err := p.Open(t)
	if err != nil {
		return err
	}
	defer call.Close()
	events := []*pluginv1.Event{
		{Body: &pluginv1.Event_Start{Start: &pluginv1.Start{
			SessionId: "probe-" + rand.Text(), ConversationId: "probe", Agent: agent, Probe: true, Credit: probeCredit,
			FormatIn: &pluginv1.Format{Rate: 8000, Channels: 1}, FormatOut: &pluginv1.Format{Rate: 8000, Channels: 1},
		}}},
		{Body: &pluginv1.Event_TurnStarted{TurnStarted: &pluginv1.TurnStarted{
			Turn: 1, Attempt: 1, Cause: pluginv1.TurnStarted_CAUSE_START,
		}}},
		{Body: &pluginv1.Event_InputEnded{InputEnded: &pluginv1.InputEnded{Turn: 1}}},
	}
	for i, event := range events {
		event.Seq = uint64(i + 1)
		if err := call.Send(event); err != nil {
			return err
		}
	}
	err = t.wait(ctx)
	end := &pluginv1.Event{Seq: uint64(len(events) + 1), Body: &pluginv1.Event_End{End: &pluginv1.SessionEnd{
		Reason: pluginv1.SessionEnd_CALLER, Detail: "the probe is over",
	}}}
	// If the process is lost, the verdict says so.
	_ = call.Send(end)
	return err
}

// trial is the probe call's sink.
type trial struct {
	accepted chan struct{}
	verdict  chan error // one is enough
}

func (t *trial) Command(c *pluginv1.Command) {
	switch b := c.Body.(type) {
	case *pluginv1.Command_Accepted:
		select {
		case t.accepted <- struct{}{}:
		default:
		}
	case *pluginv1.Command_Failed:
		t.say(failure(b.Failed))
	case *pluginv1.Command_Done, *pluginv1.Command_Transfer, *pluginv1.Command_End, *pluginv1.Command_Custom:
		t.say(nil)
	case *pluginv1.Command_PromptStart:
		if b.PromptStart.GetText() != "" {
			t.say(nil)
		}
	}
	if len(c.Audio) > 0 {
		t.say(nil)
	}
}

func (t *trial) Lost(err error) { t.say(err) }

func (t *trial) say(verdict error) {
	select {
	case t.verdict <- verdict:
	default:
	}
}

func (t *trial) wait(ctx context.Context) error {
	select {
	case err := <-t.verdict:
		return err
	case <-t.accepted:
	case <-ctx.Done():
		return t.unanswered(ctx)
	}
	patience := time.NewTimer(probePatience)
	defer patience.Stop()
	select {
	case err := <-t.verdict:
		return err
	case <-patience.C:
		return nil
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return nil // it has the call, and was not given the time to say more
		}
		return context.Cause(ctx)
	}
}

func (t *trial) unanswered(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return errors.New("it was not accepted in time: the bot does not take calls")
	}
	return context.Cause(ctx)
}

// failure is what the bot says of its end, with the head of a panic's stack.
func failure(f *pluginv1.Failed) error {
	message := "it failed: " + shorten(f.GetMessage(), shownLine)
	if f.GetStack() == "" {
		return errors.New(message)
	}
	lines := strings.Split(strings.TrimSpace(f.GetStack()), "\n")
	// Of a Go program's stack, what comes before the panic is how it was seen.
	if i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "panic(") }); i >= 0 && i+2 < len(lines) {
		lines = lines[i+2:]
	}
	return errors.New(message + "\n" + strings.Join(lines[:min(len(lines), probeLines)], "\n"))
}
