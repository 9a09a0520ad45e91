package plugin

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/structpb"

	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

// convert is where the wire's events become ours. It returns nil for those that
// are none of the author's business or that this version does not know.
func (c *Call) convert(e *pluginv1.Event) Event {
	meta := Meta{Seq: e.Seq, At: milliseconds(e.AtMs), Replayed: e.Replayed}
	if len(e.Audio) > 0 {
		if e.Track != pluginv1.Event_TRACK_CALLER {
			return nil
		}
		return AudioInputEvent{Meta: meta, Audio: Audio{Format: c.formatIn, Data: e.Audio}}
	}
	switch body := e.Body.(type) {
	case *pluginv1.Event_Suspend:
		return suspendEvent{meta}
	case *pluginv1.Event_Start:
		return SessionStartEvent{Meta: meta, Info: c.info}
	case *pluginv1.Event_Format:
		c.formatIn = formatFromWire(body.Format)
		return FormatEvent{Meta: meta, Format: c.formatIn}
	case *pluginv1.Event_Gap:
		return GapEvent{Meta: meta, Lost: milliseconds(body.Gap.GetMs())}
	case *pluginv1.Event_End:
		return SessionEndEvent{
			Meta: meta, Reason: SessionEnd(body.End.GetReason()), Detail: body.End.GetDetail(),
		}
	case *pluginv1.Event_Refused:
		c.logRefused(body.Refused)
		return RefusedEvent{
			Meta: meta, Command: body.Refused.GetCommand(), Message: body.Refused.GetMessage(),
		}
	case *pluginv1.Event_PromptDone:
		prompt := body.PromptDone.GetPrompt()
		return PromptDoneEvent{Meta: meta, Prompt: prompt, Label: c.label(prompt)}
	case *pluginv1.Event_BargeIn:
		b := body.BargeIn
		return BargeInEvent{
			Meta: meta, Turn: b.GetTurn(), Prompt: b.GetPrompt(), Label: c.label(b.GetPrompt()), Heard: milliseconds(b.GetHeardMs()),
		}
	default:
		return convertTurn(meta, e)
	}
}

// convertTurn converts the events of turns.
func convertTurn(meta Meta, e *pluginv1.Event) Event {
	switch body := e.Body.(type) {
	case *pluginv1.Event_TurnStarted:
		t := body.TurnStarted
		return TurnStartedEvent{
			Meta: meta, Turn: t.GetTurn(), Kind: TurnKind(t.GetCause()),
			Attempt: max(1, int(t.GetAttempt())), SpeechAt: milliseconds(t.GetSpeechAtMs()),
		}
	case *pluginv1.Event_InputEnded:
		i := body.InputEnded
		return InputEndedEvent{
			Meta: meta, Turn: i.GetTurn(),
			SpeechEnd: milliseconds(i.GetSpeechEndMs()), AnswerBy: milliseconds(i.GetAnswerByMs()),
		}
	case *pluginv1.Event_TurnEnded:
		return TurnEndedEvent{
			Meta: meta, Turn: body.TurnEnded.GetTurn(), Reason: TurnEnd(body.TurnEnded.GetReason()),
		}
	case *pluginv1.Event_DtmfStarted:
		return DTMFStartedEvent{Meta: meta}
	case *pluginv1.Event_Dtmf:
		d := body.Dtmf
		return DTMFInputEvent{Meta: meta, Turn: d.GetTurn(), Digits: d.GetDigits(), Sensitive: d.GetSensitive()}
	case *pluginv1.Event_NoInput:
		return NoInputEvent{Meta: meta, Turn: body.NoInput.GetTurn(), Count: int(body.NoInput.GetCount())}
	case *pluginv1.Event_Custom:
		b := body.Custom
		return CustomEvent{Meta: meta, Turn: b.GetTurn(), Name: b.GetName(), Parameters: b.GetParameters().AsMap()}
	default:
		return nil
	}
}

func infoFromWire(s *pluginv1.Start) Info {
	return Info{
		SessionID:      s.GetSessionId(),
		ConversationID: s.GetConversationId(),
		Org:            s.GetOrg(),
		Agent:          s.GetAgent(),
		FormatIn:       formatFromWire(s.GetFormatIn()),
		FormatOut:      formatFromWire(s.GetFormatOut()),
		Language:       s.GetLanguage(),
		VendorConfig:   s.GetVendorConfig(),
		AdditionalInfo: s.GetAdditionalInfo(),
		Parameters:     s.GetParameters().AsMap(),
		Traceparent:    s.GetTraceparent(),
		Probe:          s.GetProbe(),
		Resumed:        resumptionFromWire(s.GetResume()),
	}
}

func resumptionFromWire(r *pluginv1.Resume) *Resumption {
	if r == nil {
		return nil
	}
	p := r.GetPromptInFlight()
	return &Resumption{
		Cause: ResumeCause(r.GetCause()), State: r.GetState(), StateVersion: r.GetStateVersion(),
		Attempt: max(1, int(r.GetAttempt())), InterruptedTurn: r.GetInterruptedTurn(),
		InFlight: PromptInFlight{Prompt: p.GetId(), Sent: milliseconds(p.GetSentMs()), Left: milliseconds(p.GetLeftMs())},
	}
}

func milliseconds(ms int64) time.Duration { return time.Duration(ms) * time.Millisecond }

// metadataToWire converts what goes to Webex with a command. Nil stays nil.
func metadataToWire(fields map[string]any) (*structpb.Struct, error) {
	if fields == nil {
		return nil, nil
	}
	s, err := structpb.NewStruct(fields)
	if err != nil {
		return nil, fmt.Errorf("metadata: %w", err)
	}
	return s, nil
}
