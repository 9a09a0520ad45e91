package plugin

import (
	"maps"
	"time"

	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

// TransferOptions say more about a transfer. All of it is handed to the person
// who takes the call.
type TransferOptions struct {
	// Turn is the turn that the transfer answers; 0 for none. A Reply fills it in.
	Turn uint64
	// Name is the event's name in the flow; empty is Webex's own for transfers.
	Name       string
	Metadata   map[string]any
	Transcript string
	Summary    string
}

// EndOptions say more about the end of a call.
type EndOptions struct {
	// Turn is the turn that the end answers; 0 for none. A Reply fills it in.
	Turn uint64
	// Name is the event's name in the flow; empty is Webex's own for ends.
	Name       string
	Metadata   map[string]any
	Transcript string
	Summary    string
}

// InputMode says which input the caller may give.
type InputMode int

// Which input the caller may give.
const (
	InputUnchanged InputMode = iota
	InputVoice
	InputDTMF
	InputVoiceAndDTMF
)

// NoTerminator is an Input.Terminator that no key is.
const NoTerminator = "none"

// Input sets how the caller's next input is taken, until it is set again. Fields
// left zero stay as they are.
type Input struct {
	Mode       InputMode
	DTMFLength int           // most keys of an entry
	InterDigit time.Duration // longest pause between two keys
	Terminator string        // the key that ends an entry, or NoTerminator
	NoInput    time.Duration // silence that counts as no input
	EndSilence time.Duration // silence that ends an utterance
	MaxSpeech  time.Duration // longest utterance
	// Sensitivity is how readily sound counts as speech, 1 to 100.
	Sensitivity int
	// Sensitive keeps the next input, and only that, out of recordings and logs.
	Sensitive bool
}

func (in Input) wire() *pluginv1.Input {
	return &pluginv1.Input{
		Mode:           pluginv1.Input_Mode(in.Mode),
		DtmfLength:     uint32(max(0, in.DTMFLength)),
		InterDigitMs:   wholeMilliseconds(in.InterDigit),
		DtmfTerminator: in.Terminator,
		NoInputMs:      wholeMilliseconds(in.NoInput),
		EndSilenceMs:   wholeMilliseconds(in.EndSilence),
		MaxSpeechMs:    wholeMilliseconds(in.MaxSpeech),
		Sensitivity:    uint32(max(0, in.Sensitivity)),
		Sensitive:      in.Sensitive,
	}
}

func wholeMilliseconds(d time.Duration) uint32 { return uint32(max(0, d.Milliseconds())) }

// Edge is one end of an utterance.
type Edge int

// The ends of an utterance.
const (
	_ Edge = iota
	SpeechStart
	SpeechEnd
)

// FlowEvent is what the flow may be told beside an answer.
type FlowEvent int

// The events beside an answer. A flow may take either for the bot's end, and leave
// the virtual agent, so ask the one who made the flow first.
const (
	NoFlowEvent FlowEvent = iota
	FlowNoMatch           // what the caller said was not understood
	FlowNoInput           // the caller gave no input
)

// DoneOptions say more about the end of an answer.
type DoneOptions struct {
	Event FlowEvent
}

// Done says that the answer to a turn is complete.
func (c *Call) Done(turn uint64, options ...DoneOptions) error {
	return c.command(&pluginv1.Command{Turn: turn, Body: &pluginv1.Command_Done{Done: &pluginv1.Done{
		Event: pluginv1.Done_Event(last(options).Event),
	}}})
}

// Transfer hands the call to a person once what was played has been heard. The
// reason goes along as metadata "reason", unless the metadata has one.
func (c *Call) Transfer(reason string, options ...TransferOptions) error {
	o := last(options)
	fields := map[string]any{}
	if reason != "" {
		fields["reason"] = reason
	}
	maps.Copy(fields, o.Metadata)
	data, err := metadataToWire(fields)
	if err != nil {
		return err
	}
	return c.leave(&pluginv1.Command{Turn: o.Turn, Body: &pluginv1.Command_Transfer{Transfer: &pluginv1.Transfer{
		Name: o.Name, Metadata: data, Transcript: o.Transcript, Summary: o.Summary,
	}}})
}

// End ends the call once what was played has been heard.
func (c *Call) End(options ...EndOptions) error {
	o := last(options)
	data, err := metadataToWire(o.Metadata)
	if err != nil {
		return err
	}
	return c.leave(&pluginv1.Command{Turn: o.Turn, Body: &pluginv1.Command_End{End: &pluginv1.End{
		Name: o.Name, Metadata: data, Transcript: o.Transcript, Summary: o.Summary,
	}}})
}

// Custom triggers what the flow has prepared under that name.
func (c *Call) Custom(turn uint64, name string, metadata map[string]any) error {
	data, err := metadataToWire(metadata)
	if err != nil {
		return err
	}
	return c.command(&pluginv1.Command{Turn: turn, Body: &pluginv1.Command_Custom{
		Custom: &pluginv1.CustomEvent{Name: name, Metadata: data},
	}})
}

// SetInput sets how the caller's next input is taken.
func (c *Call) SetInput(in Input) error {
	return c.command(&pluginv1.Command{Body: &pluginv1.Command_Input{Input: in.wire()}})
}

// Clear drops what has not been played of a prompt; 0 means of all prompts.
func (c *Call) Clear(prompt uint64) error {
	return c.command(&pluginv1.Command{Prompt: prompt, Body: &pluginv1.Command_Clear{Clear: &pluginv1.Clear{}}})
}

// Endpoint reports speech, at a time since the session began, for a plugin that
// does its own endpointing.
func (c *Call) Endpoint(edge Edge, at time.Duration) error {
	return c.command(&pluginv1.Command{Body: &pluginv1.Command_Endpoint{Endpoint: &pluginv1.Endpoint{
		Edge: pluginv1.Endpoint_Edge(edge), AtMs: at.Milliseconds(),
	}}})
}

// SetEndpointing says who finds the start and end of speech in this call from now on,
// instead of what Plugin.Endpointing says.
func (c *Call) SetEndpointing(by Endpointing) error {
	return c.command(&pluginv1.Command{Body: &pluginv1.Command_Detect{Detect: &pluginv1.Detect{
		By: pluginv1.DescribeResponse_Endpointing(by),
	}}})
}

// Report hands numbers of the bot's own to the host, whose metrics have them with the
// call's agent. Names are of lower-case letters, digits and "_". The values of those
// that end in "_total" are added to what was reported before; those that end in
// "_seconds" go into a histogram. The host refuses other names.
func (c *Call) Report(values map[string]float64) error {
	return c.command(&pluginv1.Command{Body: &pluginv1.Command_Metrics{Metrics: &pluginv1.Metrics{
		Values: maps.Clone(values),
	}}})
}

// last returns the last of an optional argument: options are structs, so that
// they can grow.
func last[T any](options []T) (o T) {
	if len(options) > 0 {
		o = options[len(options)-1]
	}
	return o
}
