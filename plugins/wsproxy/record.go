package main

import (
	"encoding/json"
	"strings"

	"github.com/byova-host/byova-host/plugins/wsproxy/internal/adapter"
	"github.com/byova-host/byova-host/sdk/plugin"
)

const (
	maxSaid   = 4 << 10  // bytes of one text
	maxToken  = 16 << 10 // and of a token
	maxRecord = 40 << 10 // of all texts: the host keeps 64 KiB
)

// record is what is kept of a call beyond its connection, and beyond its process.
type record struct {
	ID     string         `json:"id"`
	Token  string         `json:"token,omitempty"`
	Spoken []adapter.Said `json:"said,omitempty"`

	size  int  // of what was said
	dirty bool // not saved yet
}

// restore takes over what an earlier process saved.
func (r *record) restore(from *plugin.Resumption) {
	if from == nil || json.Unmarshal(from.State, r) != nil {
		return // nothing was saved, or nothing of use
	}
	for _, s := range r.Spoken {
		r.size += len(s.Text)
	}
}

// Said implements adapter.Line.
func (r *record) Said(s adapter.Said) {
	if s.Text == "" {
		return
	}
	s.Text = cutText(s.Text)
	r.Spoken = append(r.Spoken, s)
	r.size += len(s.Text)
	for r.size > maxRecord {
		r.size -= len(r.Spoken[0].Text)
		r.Spoken = r.Spoken[1:]
	}
	r.dirty = true
}

// cutText cuts a text that is too long, at a whole character.
func cutText(text string) string {
	if len(text) > maxSaid {
		text = strings.ToValidUTF8(text[:maxSaid], "")
	}
	return text
}

// CorrectLast implements adapter.Line.
func (r *record) CorrectLast(text string) {
	for i := len(r.Spoken) - 1; i >= 0; i-- {
		if r.Spoken[i].Bot {
			text = cutText(text)
			r.size += len(text) - len(r.Spoken[i].Text)
			r.Spoken[i].Text = text
			r.dirty = true
			return
		}
	}
}

// keep takes a token for the next connection.
func (r *record) keep(token string) {
	r.dirty = r.dirty || token != r.Token
	r.Token = token
}

// save hands the record to the host, for the next process of this call.
func (b *bridge) save() {
	if !b.dirty {
		return
	}
	b.dirty = false
	b.check(b.call.SaveState(0, b.state()))
}

// state is the record as it is saved. Of a transcript that is too long, with all that
// JSON makes of it, the beginning is left out.
func (r *record) state() []byte {
	saved := *r
	for {
		state, err := json.Marshal(saved)
		if err == nil && (len(state) <= plugin.MaxState || len(saved.Spoken) == 0) {
			return state
		}
		saved.Spoken = saved.Spoken[(len(saved.Spoken)+1)/2:]
	}
}

// transcript is what was said, for the person who takes the call.
func (r *record) transcript() string { return adapter.History(r.Spoken) }
