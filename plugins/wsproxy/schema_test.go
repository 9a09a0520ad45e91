package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/byova-host/byova-host/plugins/wsproxy/internal/backendtest"
)

// schemas reads docs/byova-json.schema.json: for what is sent to bots, and for what
// they send.
func schemas(t *testing.T) (toBot, fromBot *jsonschema.Resolved) {
	t.Helper()
	text, err := os.ReadFile("../../docs/byova-json.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	resolve := func(part string) *jsonschema.Resolved {
		var s jsonschema.Schema
		if err := json.Unmarshal(text, &s); err != nil {
			t.Fatal(err)
		}
		s.OneOf = []*jsonschema.Schema{{Ref: "#/$defs/" + part}}
		r, err := s.Resolve(nil)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	return resolve("toBot"), resolve("fromBot")
}

// TestSchema holds every message of a call with all that can happen against the schema,
// in both directions, and that the call has every type.
func TestSchema(t *testing.T) {
	t.Parallel()
	toBot, fromBot := schemas(t)
	say := func(text string) backendtest.Frame { return backendtest.Frame{Data: []byte(text)} }
	before := []backendtest.Frame{
		say(`{"type":"input","payload":{"mode":"voice_dtmf","dtmf_length":4,"terminator":"#","no_input_ms":4000}}`),
		say(`{"type":"state","payload":{"state":"x"}}`), say(`{"type":"mark","payload":{"name":"m"}}`), say(`{"type":"nonsense"}`),
		say(`{"type":"error","payload":{"message":"m","fatal":false}}`), say(`{"type":"prompt","payload":{"text":"words"}}`),
	}
	h, backend := bridgeTo(t, "byova-json", backendtest.Faults{Mutter: before}, map[string]any{"parameters": map[string]any{"tenant": "blue"}})
	h.call(t, conversation)
	h.call(t, "name: others\nsteps:\n  - wait: greeting\n  - send: {event: NO_INPUT}\n  - wait: answer\n  - send: {event: CUSTOM_EVENT, name: back, parameters: {n: 1}}\n  - silence: 500ms\n  - hang_up: true\n")
	ended(t, backend, 2)
	seen := map[string]bool{}
	check := func(schema *jsonschema.Resolved, text []byte, direction string) {
		var m map[string]any
		if err := json.Unmarshal(text, &m); err != nil {
			t.Fatal(err)
		}
		kind, _ := m["type"].(string)
		seen[direction+kind] = true
		if err := schema.Validate(m); err != nil && kind != "nonsense" {
			t.Errorf("%s %.300s: %v", direction, text, err)
		}
	}
	for _, text := range backend.Messages() {
		check(toBot, text, "to ")
	}
	for _, text := range backend.Sent() {
		check(fromBot, text, "from ")
	}
	for kind := range strings.FieldsSeq("session_start audio_input dtmf_input turn_started turn_ended barge_in no_input session_end speech_started speech_ended mark custom_event error") {
		if !seen["to "+kind] {
			t.Errorf("no %s was sent to the bot", kind)
		}
	}
	if err := toBot.Validate(map[string]any{"type": "audio_input"}); err == nil {
		t.Error("the schema takes anything")
	}
}
