package plugin

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

// logRefused logs that the host did not carry out a command, and which line sent it.
func (c *Call) logRefused(r *pluginv1.Refused) {
	c.mu.Lock()
	at := c.sent.of(r.GetRef())
	c.mu.Unlock()
	pairs := []any{"command", r.GetCommand(), "reason", r.GetMessage()}
	if at != "" {
		pairs = append(pairs, "at", at)
	}
	c.log.Warn("the host refused a command", pairs...)
}

// logEvent logs at level trace what the handler gets, without what was said or pressed.
// Audio has one line, with its length, before what comes next.
func (c *Call) logEvent(e Event) {
	if !c.log.IsTrace() {
		return
	}
	if heard, ok := e.(AudioInputEvent); ok {
		c.heard += heard.Audio.Duration()
		return
	}
	if c.heard > 0 {
		c.log.Trace("event AudioInput", "length", c.heard.Round(time.Millisecond))
		c.heard = 0
	}
	name := strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%T", e), "plugin."), "Event")
	c.log.Trace("event "+name, eventPairs(e)...)
}

func eventPairs(e Event) []any {
	switch e := e.(type) {
	case SessionStartEvent:
		return []any{"agent", e.Info.Agent}
	case TurnStartedEvent:
		return []any{"turn", e.Turn, "kind", e.Kind.String(), "attempt", e.Attempt}
	case InputEndedEvent:
		return []any{"turn", e.Turn}
	case DTMFInputEvent:
		if e.Sensitive {
			return []any{"turn", e.Turn, "keys", "sensitive"}
		}
		return []any{"turn", e.Turn, "keys", len(e.Digits)}
	case BargeInEvent:
		return []any{"turn", e.Turn, "prompt", e.Prompt, "heard", e.Heard}
	case NoInputEvent:
		return []any{"turn", e.Turn, "count", e.Count}
	case CustomEvent:
		return []any{"turn", e.Turn, "name", e.Name}
	case TurnEndedEvent:
		return []any{"turn", e.Turn, "reason", e.Reason.String()}
	case PromptDoneEvent:
		return []any{"prompt", e.Prompt}
	case GapEvent:
		return []any{"lost", e.Lost}
	case FormatEvent:
		return []any{"format", e.Format.String()}
	case RefusedEvent:
		return []any{"command", e.Command}
	case SessionEndEvent:
		return []any{"reason", e.Reason.String()}
	}
	return nil
}

// logCommand logs at level trace what the handler asked for, without texts and metadata.
// Err says that it was not sent.
func (c *Call) logCommand(command *pluginv1.Command, err error) {
	if !c.log.IsTrace() {
		return
	}
	name := strings.TrimPrefix(fmt.Sprintf("%T", command.Body), "*pluginv1.Command_")
	var pairs []any
	if command.Turn != 0 {
		pairs = append(pairs, "turn", command.Turn)
	}
	if command.Prompt != 0 {
		pairs = append(pairs, "prompt", command.Prompt)
	}
	switch body := command.Body.(type) {
	case *pluginv1.Command_PromptStart:
		if text := body.PromptStart.GetText(); text != "" {
			pairs = append(pairs, "characters", utf8.RuneCountInString(text))
		} else {
			pairs = append(pairs, "format", formatFromWire(body.PromptStart.GetFormat()).String())
		}
	case *pluginv1.Command_State:
		pairs = append(pairs, "bytes", len(body.State.GetBlob()))
	}
	if err != nil {
		pairs = append(pairs, "not_sent", err)
	}
	c.log.Trace("command "+name, pairs...)
}

// logAudio logs at level trace how much audio a prompt had. It needs the prompt's lock.
func (p *Prompt) logAudio() {
	if p.call.log.IsTrace() {
		p.call.log.Trace("command Audio", "turn", p.turn, "prompt", p.id, "bytes", p.sent)
	}
}
