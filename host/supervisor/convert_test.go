package supervisor

import (
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/byova-host/byova-host/host/session"
	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

// TestUnknownCommands: what a plugin of a later protocol asks for is refused aloud, and never
// taken for something else.
func TestUnknownCommands(t *testing.T) {
	later := &pluginv1.Command{Call: 1, Turn: 2, Ref: 3}
	later.ProtoReflect().SetUnknown(protowire.AppendBytes(protowire.AppendTag(nil, 31, protowire.BytesType), []byte("?")))
	known := &pluginv1.Command{Ref: 4, Body: &pluginv1.Command_Pong{Pong: &pluginv1.Pong{}}} // but not in a call
	for _, test := range []struct {
		command *pluginv1.Command
		name    string
	}{{later, "command without a body that is known here"}, {known, "pong"}} {
		got := toCommand(test.command)
		if body, ok := got.Body.(session.Unknown); !ok || body.Name != test.name || got.Ref != test.command.GetRef() {
			t.Errorf("%v became %+v", test.command, got)
		}
	}
}

// TestUnknownFields: a command that has more to it than is known here is carried out.
func TestUnknownFields(t *testing.T) {
	done := &pluginv1.Done{}
	done.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 31, protowire.VarintType), 7))
	later := &pluginv1.Command{Turn: 2, Body: &pluginv1.Command_Done{Done: done}}
	if got := toCommand(later); got != (session.Command{Turn: 2, Body: session.Done{}}) {
		t.Errorf("it became %+v", got)
	}
}
