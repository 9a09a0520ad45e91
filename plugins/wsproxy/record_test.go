package main

import (
	"strings"
	"testing"

	"github.com/byova-host/byova-host/plugins/wsproxy/internal/adapter"
	"github.com/byova-host/byova-host/sdk/plugin"
)

// TestRecord: however much is said, the record can be saved, and comes back with what
// was said last.
func TestRecord(t *testing.T) {
	for name, text := range map[string]string{
		"words": strings.Repeat("word ", 100), "long": strings.Repeat("ä", 5000), "escaped": strings.Repeat("\x01", 4000),
	} {
		t.Run(name, func(t *testing.T) {
			r := record{ID: "id"}
			r.keep(strings.Repeat("t", maxToken))
			for i := range 300 {
				r.Said(adapter.Said{Bot: i%2 == 0, Text: text})
			}
			r.Said(adapter.Said{Bot: true, Text: "not this"})
			r.Said(adapter.Said{Text: "the last"})
			r.CorrectLast("but this")
			state := r.state()
			if len(state) > plugin.MaxState {
				t.Fatalf("the state has %d bytes, want at most %d", len(state), plugin.MaxState)
			}
			var back record
			back.restore(&plugin.Resumption{State: state})
			n := len(back.Spoken)
			if back.ID != "id" || len(back.Token) != maxToken || n < 2 || back.Spoken[n-1].Text != "the last" || back.Spoken[n-2].Text != "but this" {
				t.Errorf("%d texts came back, the last %.100v", n, back.Spoken[max(0, n-2):])
			}
			if size := len(r.transcript()); size > 2*maxRecord {
				t.Errorf("the transcript has %d bytes", size)
			}
		})
	}
	var r record
	r.restore(&plugin.Resumption{State: []byte("{")})
	r.restore(nil)
	r.Said(adapter.Said{})
	if len(r.Spoken) != 0 || r.dirty {
		t.Errorf("record %+v of nothing", r)
	}
}
