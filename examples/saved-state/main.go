// Saved-state keeps what it knows of a call while its process is swapped, or dies.
package main

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/byova-host/byova-host/sdk/plugin"
)

func main() {
	plugin.Plugin{
		Name: "saved-state", Version: "1.0.0", Resume: plugin.ResumeSaved, StateVersion: 1,
		Handler: plugin.Turns(newOrder),
	}.Serve()
}

// order is the state of a call, as it is saved.
type order struct {
	Keys    string   `json:"keys"`
	Resumed []string `json:"resumed"` // why the call came to another process
}

// newOrder begins a call, or goes on with one that another process had before.
func newOrder(call *plugin.Call) plugin.HandlerFunc {
	o := &order{}
	if r := call.Info().Resumed; r != nil {
		if err := json.Unmarshal(r.State, o); err != nil { // nothing was saved yet
			call.Log().Warn("no state", "error", err)
		}
		o.Resumed = append(o.Resumed, r.Cause.String())
	}
	return o.answer
}

func (o *order) answer(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
	switch {
	case turn.Kind == plugin.TurnStart:
		if err := reply.SetInput(plugin.Input{Mode: plugin.InputDTMF, DTMFLength: 1}); err != nil {
			return err
		}
		return reply.Say("Please press a key.")
	case turn.DTMF == "0":
		return reply.Transfer("done", plugin.TransferOptions{Metadata: map[string]any{
			"keys": o.Keys, "resumed": strings.Join(o.Resumed, ", "),
		}})
	}
	o.Keys += turn.DTMF
	if err := o.save(reply); err != nil { // before speaking
		return err
	}
	return reply.Say("You pressed " + strings.Join(strings.Split(o.Keys, ""), " ") + ".")
}

func (o *order) save(reply *plugin.Reply) error {
	state, err := json.Marshal(o)
	if err != nil {
		return err
	}
	return reply.SaveState(state)
}
