package supervisor

import (
	"time"

	"google.golang.org/protobuf/types/known/structpb"

	"github.com/byova-host/byova-host/host/session"
	"github.com/byova-host/byova-host/internal/audio"
	"github.com/byova-host/byova-host/internal/pluginwire/wire"
	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

func toTraits(d *pluginv1.DescribeResponse) session.Traits {
	wanted := map[pluginv1.DescribeResponse_AudioWanted]session.AudioWanted{
		pluginv1.DescribeResponse_AUDIO_ALL:  session.AllAudio,
		pluginv1.DescribeResponse_AUDIO_NONE: session.NoAudio,
	}
	return session.Traits{
		Audio:          wanted[d.GetAudio()],
		OwnEndpointing: d.GetEndpointing() == pluginv1.DescribeResponse_ENDPOINTING_PLUGIN,
		Resume:         session.Resume(d.GetResume()),
		Movable:        d.GetMovable(),
	}
}

// toEvent puts a session's event on the wire.
func toEvent(e session.Event) *pluginv1.Event {
	m := &pluginv1.Event{Seq: e.Seq, AtMs: e.At.Milliseconds(), Replayed: e.Replayed}
	switch b := e.Body.(type) {
	case session.CallerAudio:
		m.Audio = b.Data
	case session.Started:
		m.Body = &pluginv1.Event_Start{Start: toStart(b)}
	case session.TurnStarted:
		m.Body = &pluginv1.Event_TurnStarted{TurnStarted: &pluginv1.TurnStarted{Turn: b.Turn, Attempt: uint32(max(1, b.Attempt)),
			Cause: toCause(b.Cause), SpeechAtMs: b.SpeechAt.Milliseconds(), AnswerByMs: b.AnswerBy.Milliseconds()}}
	case session.InputEnded:
		m.Body = &pluginv1.Event_InputEnded{InputEnded: &pluginv1.InputEnded{Turn: b.Turn,
			SpeechEndMs: b.SpeechEnd.Milliseconds(), AnswerByMs: b.AnswerBy.Milliseconds()}}
	case session.TurnEnded:
		m.Body = &pluginv1.Event_TurnEnded{TurnEnded: &pluginv1.TurnEnded{Turn: b.Turn, Reason: toTurnEnd(b.Reason)}}
	case session.FormatChanged:
		m.Body = &pluginv1.Event_Format{Format: toFormat(b.Format)}
	case session.DTMFStarted:
		m.Body = &pluginv1.Event_DtmfStarted{DtmfStarted: &pluginv1.DTMFStarted{}}
	case session.DTMFEntry:
		m.Body = &pluginv1.Event_Dtmf{Dtmf: &pluginv1.DTMF{Turn: b.Turn, Digits: b.Digits, Sensitive: b.Sensitive}}
	case session.NoInput:
		m.Body = &pluginv1.Event_NoInput{NoInput: &pluginv1.NoInput{Turn: b.Turn, Count: uint32(b.Count)}}
	case session.CustomEvent:
		m.Body = &pluginv1.Event_Custom{Custom: &pluginv1.Custom{Turn: b.Turn, Name: b.Name, Parameters: toStruct(b.Parameters)}}
	case session.BargedIn:
		m.Body = &pluginv1.Event_BargeIn{BargeIn: &pluginv1.BargeIn{Turn: b.Turn, Prompt: b.Prompt, HeardMs: b.Heard.Milliseconds()}}
	case session.PromptDone:
		m.Body = &pluginv1.Event_PromptDone{PromptDone: &pluginv1.PromptDone{Prompt: b.Prompt}}
	case session.Credit:
		m.Body = &pluginv1.Event_Credit{Credit: &pluginv1.Credit{Bytes: uint32(b.Bytes)}}
	case session.Refused:
		m.Body = &pluginv1.Event_Refused{Refused: &pluginv1.Refused{Ref: b.Ref, Command: b.Command, Message: b.Message}}
	case session.Suspend:
		m.Body = &pluginv1.Event_Suspend{Suspend: &pluginv1.Suspend{DeadlineMs: b.By.Milliseconds()}}
	case session.Ended:
		m.Body = &pluginv1.Event_End{End: &pluginv1.SessionEnd{Reason: toEnd(b.Reason), Detail: b.Detail}}
	}
	return m
}

func toStart(b session.Started) *pluginv1.Start {
	start := &pluginv1.Start{
		SessionId: b.SessionID, ConversationId: b.Key.Conversation, Org: b.Key.Org, Agent: b.Agent,
		FormatIn: toFormat(b.Format), FormatOut: toFormat(audio.Telephone),
		Language: b.Language, VendorConfig: b.VendorConfig, AdditionalInfo: b.Additional,
		Credit: uint32(b.Credit), Parameters: toStruct(b.Parameters),
	}
	if r := b.Resumed; r != nil {
		start.Resume = toResume(r)
	}
	return start
}

func toResume(r *session.Resumed) *pluginv1.Resume {
	causes := map[session.ResumeCause]pluginv1.Resume_Cause{
		session.ByTakeover: pluginv1.Resume_CAUSE_SWAP, session.ByCrash: pluginv1.Resume_CAUSE_CRASH,
		session.ByUnknownCall: pluginv1.Resume_CAUSE_HOST,
	}
	m := &pluginv1.Resume{
		Cause: causes[r.Cause], State: r.State.Data, StateVersion: r.State.Version, AfterSeq: r.AfterSeq,
		Attempt: uint32(r.Attempt), InterruptedTurn: r.InterruptedTurn, Prompts: r.Prompts,
	}
	if r.InFlight != 0 {
		m.PromptInFlight = &pluginv1.PromptInFlight{Id: r.InFlight, SentMs: r.Sent.Milliseconds(), LeftMs: r.Left.Milliseconds()}
	}
	return m
}

func toCause(c session.TurnCause) pluginv1.TurnStarted_Cause {
	return map[session.TurnCause]pluginv1.TurnStarted_Cause{
		session.ByStart:   pluginv1.TurnStarted_CAUSE_START,
		session.BySpeech:  pluginv1.TurnStarted_CAUSE_SPEECH,
		session.ByDTMF:    pluginv1.TurnStarted_CAUSE_DTMF,
		session.ByNoInput: pluginv1.TurnStarted_CAUSE_NO_INPUT,
		session.ByCustom:  pluginv1.TurnStarted_CAUSE_CUSTOM,
	}[c]
}

func toTurnEnd(e session.TurnEnd) pluginv1.TurnEnded_Reason {
	return map[session.TurnEnd]pluginv1.TurnEnded_Reason{
		session.Answered:    pluginv1.TurnEnded_ANSWERED,
		session.Interrupted: pluginv1.TurnEnded_INTERRUPTED,
		session.Failed:      pluginv1.TurnEnded_FAILED,
	}[e]
}

func toEnd(r session.EndReason) pluginv1.SessionEnd_Reason {
	return map[session.EndReason]pluginv1.SessionEnd_Reason{
		session.EndedByCaller: pluginv1.SessionEnd_CALLER,
		session.EndedByBot:    pluginv1.SessionEnd_BOT,
		session.EndedGone:     pluginv1.SessionEnd_GONE,
		session.EndedFailed:   pluginv1.SessionEnd_FAILED,
		session.EndedShutdown: pluginv1.SessionEnd_SHUTDOWN,
		session.EndedMoved:    pluginv1.SessionEnd_MOVED,
	}[r]
}

func toFormat(f audio.Format) *pluginv1.Format {
	encodings := map[audio.Encoding]pluginv1.Format_Encoding{
		audio.MuLaw: pluginv1.Format_MULAW, audio.ALaw: pluginv1.Format_ALAW, audio.Linear16: pluginv1.Format_LINEAR16,
	}
	return &pluginv1.Format{Encoding: encodings[f.Encoding], Rate: uint32(f.Normal().Rate)}
}

// toStruct holds values that came from a Struct, so that they fit into one.
func toStruct(values map[string]any) *structpb.Struct {
	if len(values) == 0 {
		return nil
	}
	s, _ := structpb.NewStruct(values)
	return s
}

// toCommand takes a plugin's command off the wire. What this host does not know
// or carry out becomes session.Unknown, which is refused aloud.
func toCommand(m *pluginv1.Command) session.Command {
	c := session.Command{Turn: m.GetTurn(), Prompt: m.GetPrompt(), Ref: m.GetRef()}
	switch b := m.GetBody().(type) {
	case nil:
		if len(m.GetAudio()) == 0 && !m.GetPromptEnd() {
			c.Body = session.Unknown{Name: "command without a body that is known here"}
			break
		}
		c.Body = session.PromptAudio{Data: m.GetAudio(), End: m.GetPromptEnd()}
	case *pluginv1.Command_Accepted:
		c.Body = session.Accepted{}
	case *pluginv1.Command_PromptStart:
		c.Body = session.StartPrompt{Format: wire.Format(b.PromptStart.GetFormat()), BargeIn: b.PromptStart.GetBargeIn(),
			Text: b.PromptStart.GetText(), Language: b.PromptStart.GetLanguage(), HoldUntilDone: b.PromptStart.GetHold()}
	case *pluginv1.Command_Done:
		c.Body = session.Done{Event: flowEvents[b.Done.GetEvent()]}
	case *pluginv1.Command_Input:
		c.Body = fromInput(b.Input)
	case *pluginv1.Command_Clear:
		c.Body = session.Clear{}
	case *pluginv1.Command_Transfer:
		c.Body = session.Leave{Event: session.TransferToAgent, Name: b.Transfer.GetName(), Metadata: b.Transfer.GetMetadata().AsMap(),
			Transcript: b.Transfer.GetTranscript(), Summary: b.Transfer.GetSummary()}
	case *pluginv1.Command_End:
		c.Body = session.Leave{Event: session.EndSession, Name: b.End.GetName(), Metadata: b.End.GetMetadata().AsMap(),
			Transcript: b.End.GetTranscript(), Summary: b.End.GetSummary()}
	case *pluginv1.Command_Custom:
		c.Body = session.Leave{Event: session.CustomOutput, Name: b.Custom.GetName(), Metadata: b.Custom.GetMetadata().AsMap()}
	case *pluginv1.Command_Endpoint:
		c.Body = session.Endpoint{End: b.Endpoint.GetEdge() == pluginv1.Endpoint_END, At: milliseconds(b.Endpoint.GetAtMs())}
	case *pluginv1.Command_Detect:
		c.Body = session.SetEndpointing{Own: b.Detect.GetBy() == pluginv1.DescribeResponse_ENDPOINTING_PLUGIN}
	case *pluginv1.Command_Metrics:
		c.Body = session.Measured{Values: b.Metrics.GetValues()}
	case *pluginv1.Command_State:
		c.Body = session.SaveState{State: session.State{Data: b.State.GetBlob(), Version: b.State.GetVersion()}}
	case *pluginv1.Command_Suspended:
		c.Body = session.Suspended{State: session.State{Data: b.Suspended.GetState(), Version: b.Suspended.GetStateVersion()}}
	case *pluginv1.Command_Declined:
		c.Body = session.Declined{Reason: b.Declined.GetReason()}
	case *pluginv1.Command_Failed:
		c.Body = session.GiveUp{Message: b.Failed.GetMessage(), Stack: b.Failed.GetStack()}
	default:
		c.Body = session.Unknown{Name: bodyName(m)}
	}
	return c
}

// flowEvents are those that a bot may send beside an answer.
var flowEvents = map[pluginv1.Done_Event]session.OutputEvent{
	pluginv1.Done_EVENT_NO_MATCH: session.NoMatch, pluginv1.Done_EVENT_NO_INPUT: session.NoInputEvent,
}

// bodyName is the command's name in the contract.
func bodyName(m *pluginv1.Command) string {
	r := m.ProtoReflect()
	if field := r.WhichOneof(r.Descriptor().Oneofs().ByName("body")); field != nil {
		return string(field.Name())
	}
	return "unknown"
}

func fromInput(m *pluginv1.Input) session.SetInput {
	in := session.SetInput{
		DTMFLength: int(m.GetDtmfLength()), InterDigit: milliseconds(m.GetInterDigitMs()), Terminator: m.GetDtmfTerminator(),
		NoInput: milliseconds(m.GetNoInputMs()), EndSilence: milliseconds(m.GetEndSilenceMs()), MaxSpeech: milliseconds(m.GetMaxSpeechMs()),
		Sensitive: m.GetSensitive(), HasOtherWish: m.GetSensitivity() != 0,
	}
	modes := map[pluginv1.Input_Mode]session.InputMode{
		pluginv1.Input_VOICE: session.VoiceOnly, pluginv1.Input_DTMF: session.DTMFOnly, pluginv1.Input_VOICE_AND_DTMF: session.VoiceAndDTMF,
	}
	if mode, set := modes[m.GetMode()]; set {
		in.Mode = &mode
	}
	return in
}

func milliseconds[T int64 | uint32](ms T) time.Duration { return time.Duration(ms) * time.Millisecond }
