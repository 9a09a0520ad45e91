package plugin

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

// TransferOptions say more about a transfer. All of it is handed to the person
// who takes the call. The zero value says nothing.
type TransferOptions struct {
	// Turn is the turn that the transfer answers; 0 for none. A Reply fills it in.
	Turn uint64
	// Name is the event's name in the flow; empty is Webex's own for transfers.
	Name string
	// Metadata is what JSON can hold: maps with string keys, []any, strings, numbers,
	// bool and nil. Numbers become float64. Anything else is an error.
	Metadata   map[string]any
	Transcript string // of the call so far, as text
	Summary    string // of the call, for the person to read
}

// EndOptions say more about the end of a call. The zero value says nothing.
type EndOptions struct {
	// Turn is the turn that the end answers; 0 for none. A Reply fills it in.
	Turn uint64
	// Name is the event's name in the flow; empty is Webex's own for ends.
	Name string
	// Metadata is what TransferOptions.Metadata may be.
	Metadata   map[string]any
	Transcript string // of the call, as text
	Summary    string // of the call, in a few words
}

// InputMode says which input the caller may give.
type InputMode int

// Which input the caller may give.
const (
	InputUnchanged    InputMode = iota // as before
	InputVoice                         // speech alone
	InputDTMF                          // keys alone: what is said is not heard
	InputVoiceAndDTMF                  // whichever comes first
)

// keys are those of a telephone.
const keys = "0123456789*#ABCD"

// NoTerminator is an Input.Terminator that no key is.
const NoTerminator = "none"

// Input sets how the caller's next input is taken, until it is set again. Fields
// left zero stay as they are; a call begins with what the operator configured. Durations
// are in whole milliseconds. If a value is out of its range, the host refuses all of it.
type Input struct {
	Mode       InputMode
	DTMFLength int           // most keys of an entry, 1 to 100
	InterDigit time.Duration // longest pause between two keys, 100 ms to 1 min
	Terminator string        // the key that ends an entry: 0-9, *, #, A-D, or NoTerminator
	NoInput    time.Duration // silence that counts as no input, 100 ms to 10 min
	EndSilence time.Duration // silence that ends an utterance, 100 ms to 10 s
	MaxSpeech  time.Duration // longest utterance, 1 s to 10 min
	// Sensitivity is how readily sound counts as speech, 1 to 100. A host that cannot set
	// it, and none can yet, refuses it and takes the rest.
	Sensitivity int
	// Sensitive keeps the next input, and only that, out of recordings and logs.
	Sensitive bool
}

// validate says what no host takes.
func (in Input) validate() error {
	switch {
	case in.Mode < InputUnchanged || in.Mode > InputVoiceAndDTMF:
		return fmt.Errorf("set input: unknown mode %d", in.Mode)
	case in.DTMFLength < 0 || in.DTMFLength > 100:
		return fmt.Errorf("set input: an entry of %d keys: want 1 to 100", in.DTMFLength)
	case in.InterDigit < 0 || in.NoInput < 0 || in.EndSilence < 0 || in.MaxSpeech < 0:
		return errors.New("set input: a time is negative")
	case in.Sensitivity < 0 || in.Sensitivity > 100:
		return fmt.Errorf("set input: a sensitivity of %d: want 1 to 100", in.Sensitivity)
	case in.Terminator != "" && in.Terminator != NoTerminator && (len(in.Terminator) != 1 || !strings.Contains(keys, in.Terminator)):
		return fmt.Errorf("set input: terminator %q is not a key: want 0-9, *, #, A-D or NoTerminator", in.Terminator)
	}
	return nil
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

// Edge is one end of an utterance. The zero Edge is none.
type Edge int

// The ends of an utterance.
const (
	_           Edge = iota
	SpeechStart      // the caller began to speak
	SpeechEnd        // the caller has finished
)

// FlowEvent is what the flow may be told beside an answer. The zero FlowEvent is
// NoFlowEvent.
type FlowEvent int

// The events beside an answer. A flow may take either for the bot's end, and leave
// the virtual agent, so ask the one who made the flow first.
const (
	NoFlowEvent FlowEvent = iota // the answer is all
	FlowNoMatch                  // what the caller said was not understood
	FlowNoInput                  // the caller gave no input
)

// DoneOptions say more about the end of an answer. The zero value says nothing.
type DoneOptions struct {
	// Event is what the flow is told beside the answer.
	Event FlowEvent
}

// Done says that the answer to a turn is complete. The caller's next input opens another
// one. At most one DoneOptions is given. It fails with ErrTurnEnded if the turn is not open.
func (c *Call) Done(turn uint64, options ...DoneOptions) error {
	err := c.command(&pluginv1.Command{Turn: turn, Body: &pluginv1.Command_Done{Done: &pluginv1.Done{
		Event: pluginv1.Done_Event(last(options).Event),
	}}})
	if err == nil {
		c.warnOfOpen(turn)
	}
	return err
}

// Transfer hands the call to a person once what was played has been heard, or to whatever the
// flow does for transfers. The reason goes along as metadata "reason", unless it is empty or
// the metadata has one. At most one TransferOptions is given. The handler may return after
// it; what it sends is no longer heard. It fails if Metadata holds what JSON cannot.
func (c *Call) Transfer(reason string, options ...TransferOptions) error {
	o := last(options)
	fields := map[string]any{}
	if reason != "" {
		fields["reason"] = reason
	}
	maps.Copy(fields, o.Metadata)
	data, err := metadataToWire(fields)
	if err != nil {
		return misuse(err)
	}
	return c.leave(&pluginv1.Command{Turn: o.Turn, Body: &pluginv1.Command_Transfer{Transfer: &pluginv1.Transfer{
		Name: o.Name, Metadata: data, Transcript: o.Transcript, Summary: o.Summary,
	}}})
}

// End ends the call once what was played has been heard. At most one EndOptions is given.
// The handler may return after it, as after Transfer. It fails if Metadata holds what JSON
// cannot.
func (c *Call) End(options ...EndOptions) error {
	o := last(options)
	data, err := metadataToWire(o.Metadata)
	if err != nil {
		return misuse(err)
	}
	return c.leave(&pluginv1.Command{Turn: o.Turn, Body: &pluginv1.Command_End{End: &pluginv1.End{
		Name: o.Name, Metadata: data, Transcript: o.Transcript, Summary: o.Summary,
	}}})
}

// Custom triggers what the flow has prepared under that name, once what was played has been
// heard, and closes the turn. The flow may come back, with a turn that has a CustomEvent, or
// end the call, so the handler goes on. Turn is the turn that it answers, 0 for none, and
// metadata what TransferOptions.Metadata may be; nil is none.
func (c *Call) Custom(turn uint64, name string, metadata map[string]any) error {
	data, err := metadataToWire(metadata)
	if err != nil {
		return misuse(err)
	}
	return c.command(&pluginv1.Command{Turn: turn, Body: &pluginv1.Command_Custom{
		Custom: &pluginv1.CustomEvent{Name: name, Metadata: data},
	}})
}

// SetInput sets how the caller's next input is taken, from the end of the open turn on. It
// belongs to no turn, and counts also if that one is interrupted.
func (c *Call) SetInput(in Input) error {
	if err := in.validate(); err != nil {
		return misuse(err)
	}
	return c.command(&pluginv1.Command{Body: &pluginv1.Command_Input{Input: in.wire()}})
}

// Clear drops what has not been played of a prompt, by its Prompt.ID; 0 means of all
// prompts, texts among them. What Webex has already is heard. No prompt of that number is
// no error.
func (c *Call) Clear(prompt uint64) error {
	return c.command(&pluginv1.Command{Prompt: prompt, Body: &pluginv1.Command_Clear{Clear: &pluginv1.Clear{}}})
}

// Endpoint reports speech, at a time since the session began as Meta.At has it, for a plugin
// that does its own endpointing; 0 means now. It is refused to others.
func (c *Call) Endpoint(edge Edge, at time.Duration) error {
	return c.command(&pluginv1.Command{Body: &pluginv1.Command_Endpoint{Endpoint: &pluginv1.Endpoint{
		Edge: pluginv1.Endpoint_Edge(edge), AtMs: at.Milliseconds(),
	}}})
}

// SetEndpointing says who finds the start and end of speech in this call from now on,
// instead of what Plugin.Endpointing says. It does not change which audio the plugin gets.
func (c *Call) SetEndpointing(by Endpointing) error {
	return c.command(&pluginv1.Command{Body: &pluginv1.Command_Detect{Detect: &pluginv1.Detect{
		By: pluginv1.DescribeResponse_Endpointing(by),
	}}})
}

// Report hands numbers of the bot's own to the host, whose metrics have them with the
// call's agent. Names are of lower-case letters, digits and "_", begin with a letter and have
// at most 63 of them. The values of those that end in "_total" are added to what was
// reported before; those that end in "_seconds" go into a histogram. If one has another
// name, the host refuses all. Values below 0, and NaN, are left out. The map stays the
// caller's.
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
