package adapter

import (
	"errors"
	"fmt"
	"strings"
)

// Tools are the functions by which a hosted agent leaves the call. Their names may be
// set, for agents that have them under others already.
type Tools struct {
	Transfer string `json:"transfer"` // default transfer_call; "none" offers none
	End      string `json:"end"`      // default end_call
}

func (t *Tools) checkTools() {
	if t.Transfer == "" {
		t.Transfer = "transfer_call"
	}
	if t.End == "" {
		t.End = "end_call"
	}
}

const (
	transferDescription = "Hand the caller over to a human. Say goodbye first."
	endDescription      = "End the call, when the caller has nothing more. Say goodbye first."
)

// function is a tool as a vendor is told of it.
type function struct {
	name, description string
	parameters        object // name to description
}

// functions are those that are not switched off.
func (t Tools) functions() (all []function) {
	for _, f := range []function{
		{t.Transfer, transferDescription, object{
			"destination": "Where to, if the caller or the instructions say.",
			"reason":      "Why, in a few words.",
			"summary":     "What the human should know, in one or two sentences.",
		}},
		{t.End, endDescription, object{"reason": "Why, in a few words."}},
	} {
		if f.name != "none" {
			all = append(all, f)
		}
	}
	return all
}

// schema is the JSON Schema of a function's parameters, with the vendor's words for
// the types.
func (f function) schema(objectType, stringType string) object {
	properties := object{}
	for name, description := range f.parameters {
		properties[name] = object{"type": stringType, "description": description}
	}
	return object{"type": objectType, "properties": properties}
}

// leave carries a function out, if it is one of ours. Arguments are a JSON object.
func (t Tools) leave(line Line, name string, arguments []byte) (bool, error) {
	if name == "none" || name != t.Transfer && name != t.End {
		return false, nil
	}
	var said struct {
		Destination, Reason, Summary string
	}
	var err error
	if len(strings.TrimSpace(string(arguments))) > 0 {
		if err = decodeJSON(arguments, &said); err != nil {
			err = fmt.Errorf("arguments of %s: %w", name, err) // what it wants is clear all the same
		}
	}
	l := Leave{Reason: said.Reason, Summary: said.Summary}
	if name == t.End {
		line.End(l)
		return true, err
	}
	if said.Destination != "" {
		l.Metadata = object{"destination": said.Destination}
	}
	line.Transfer(l)
	return true, err
}

// pressed is an entry of keys, for those who read text only.
func pressed(digits string) string {
	return "Caller pressed " + strings.Join(strings.Split(digits, ""), " ")
}

// silent is a silence for those.
const silent = "The caller is silent."

// History is a transcript in one text.
func History(transcript []Said) string {
	var b strings.Builder
	for _, s := range transcript {
		who := "Caller"
		if s.Bot {
			who = "Agent"
		}
		fmt.Fprintf(&b, "%s: %s\n", who, s.Text)
	}
	return b.String()
}

// resumedNote tells an agent without a memory where the call stands.
func resumedNote(transcript []Said) string {
	note := "The connection of this call was lost and made again. Do not greet again; go on where you were."
	if len(transcript) > 0 {
		note += " So far:\n" + History(transcript)
	}
	return note
}

// errBotFailed is a bot's own report.
var errBotFailed = errors.New("the bot reports that it cannot go on")
