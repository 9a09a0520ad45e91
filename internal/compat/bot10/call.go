package main

import (
	"slices"
	"strconv"

	"google.golang.org/protobuf/types/known/structpb"

	pluginv1 "github.com/byova-host/byova-host/internal/compat/v1_0"
)

const (
	stateVersion = 1
	piece        = 1600 // bytes of audio in a command: 200 ms
)

// call is one call.
type call struct {
	number  uint64
	prompts uint64 // the last one's number
	credit  int    // bytes of audio that may be sent
	waiting []*pluginv1.Command

	answered int // inputs: the saved state
	format   *pluginv1.Format
	cause    pluginv1.TurnStarted_Cause
	heard    []byte
	keys     string
}

func (c *call) event(e *pluginv1.Event) {
	if len(e.GetAudio()) > 0 {
		c.heard = append(c.heard, e.GetAudio()...)
	}
	switch body := e.GetBody().(type) {
	case *pluginv1.Event_Start:
		c.begin(body.Start)
	case *pluginv1.Event_Credit:
		c.credit += int(body.Credit.GetBytes())
	case *pluginv1.Event_Format:
		c.format, c.heard = body.Format, nil
	case *pluginv1.Event_TurnStarted:
		c.cause, c.heard, c.keys = body.TurnStarted.GetCause(), nil, ""
	case *pluginv1.Event_Dtmf:
		c.keys = body.Dtmf.GetDigits()
	case *pluginv1.Event_InputEnded:
		c.answer(body.InputEnded.GetTurn())
	case *pluginv1.Event_TurnEnded:
		c.forget(body.TurnEnded.GetTurn())
	case *pluginv1.Event_Suspend:
		c.send(&pluginv1.Command{Body: &pluginv1.Command_Suspended{Suspended: &pluginv1.Suspended{
			State: c.state(), StateVersion: stateVersion,
		}}})
	}
}

// begin takes the call, new or of another process.
func (c *call) begin(start *pluginv1.Start) {
	c.credit, c.format = int(start.GetCredit()), start.GetFormatIn()
	c.send(&pluginv1.Command{Body: &pluginv1.Command_Accepted{Accepted: &pluginv1.Accepted{}}})
	c.send(&pluginv1.Command{Body: &pluginv1.Command_Input{Input: &pluginv1.Input{
		Mode: pluginv1.Input_VOICE_AND_DTMF, DtmfLength: 20, InterDigitMs: 3000, DtmfTerminator: "#",
	}}})
	if r := start.GetResume(); r != nil {
		c.prompts = r.GetPrompts()
		c.answered, _ = strconv.Atoi(string(r.GetState())) // empty if nothing was saved
		if r.GetInterruptedTurn() != 0 {
			c.done(r.GetInterruptedTurn())
		}
	}
}

// answer answers a turn whose input is complete.
func (c *call) answer(turn uint64) {
	before := c.answered
	if c.cause == pluginv1.TurnStarted_CAUSE_SPEECH || c.cause == pluginv1.TurnStarted_CAUSE_DTMF {
		c.answered++
		c.send(&pluginv1.Command{Turn: turn, Body: &pluginv1.Command_State{State: &pluginv1.State{
			Blob: c.state(), Version: stateVersion,
		}}})
	}
	telephone := &pluginv1.Format{Encoding: pluginv1.Format_MULAW, Rate: rate}
	switch c.cause {
	case pluginv1.TurnStarted_CAUSE_START:
		c.play(turn, telephone, tone(300, 440))
	case pluginv1.TurnStarted_CAUSE_SPEECH:
		c.play(turn, c.format, c.heard)
	case pluginv1.TurnStarted_CAUSE_DTMF:
		if c.keys == "0" {
			reason := map[string]*structpb.Value{"reason": structpb.NewStringValue("caller pressed 0")}
			c.send(&pluginv1.Command{Turn: turn, Body: &pluginv1.Command_Transfer{Transfer: &pluginv1.Transfer{
				Metadata: &structpb.Struct{Fields: reason},
			}}})
			return
		}
		if c.keys == "8" {
			c.keys = strconv.Itoa(before)
		}
		c.play(turn, telephone, tones(c.keys))
	default:
		c.play(turn, telephone, tone(300, 220))
	}
	c.done(turn)
}

func (c *call) state() []byte { return []byte(strconv.Itoa(c.answered)) }

func (c *call) done(turn uint64) {
	c.send(&pluginv1.Command{Turn: turn, Body: &pluginv1.Command_Done{Done: &pluginv1.Done{}}})
}

// play sends a prompt, which the caller may interrupt.
func (c *call) play(turn uint64, format *pluginv1.Format, audio []byte) {
	c.prompts++
	c.send(&pluginv1.Command{Turn: turn, Prompt: c.prompts, Body: &pluginv1.Command_PromptStart{PromptStart: &pluginv1.Prompt{
		BargeIn: true, Format: format,
	}}})
	for each := range slices.Chunk(audio, piece) {
		c.send(&pluginv1.Command{Turn: turn, Prompt: c.prompts, Audio: each})
	}
	c.send(&pluginv1.Command{Turn: turn, Prompt: c.prompts, PromptEnd: true})
}

func (c *call) send(command *pluginv1.Command) {
	command.Call = c.number
	c.waiting = append(c.waiting, command)
}

// ready takes the commands that the credit reaches for.
func (c *call) ready() []*pluginv1.Command {
	n := 0
	for n < len(c.waiting) && len(c.waiting[n].GetAudio()) <= c.credit {
		c.credit -= len(c.waiting[n].GetAudio())
		n++
	}
	ready := c.waiting[:n:n]
	c.waiting = c.waiting[n:]
	return ready
}

// forget drops what a turn that is closed still had to say.
func (c *call) forget(turn uint64) {
	c.waiting = slices.DeleteFunc(c.waiting, func(command *pluginv1.Command) bool {
		return command.GetTurn() == turn && command.GetState() == nil
	})
}
