package datasource

import (
	"time"

	"github.com/byova-host/byova-host/internal/byods/store"
	"github.com/byova-host/byova-host/internal/byods/webex"
)

// Status is how an organisation stands, for people to read. It has no secrets.
type Status struct {
	Org        webex.OrgID   `json:"org"`
	State      store.State   `json:"state"`
	DataSource string        `json:"data_source,omitempty"`     // its id; empty: none is registered
	URL        string        `json:"url,omitempty"`             // as registered
	Status     string        `json:"status,omitempty"`          // as Webex last showed it
	Expires    time.Time     `json:"expires_at,omitzero"`       // the tokens that Webex presents; zero: not known
	Renewal    time.Time     `json:"renewal_at,omitzero"`       // of the data source; zero: at the next visit
	Token      time.Time     `json:"token_expires_at,omitzero"` // the service app's; zero: there is none
	Trouble    store.Trouble `json:"trouble,omitzero"`          // that is not mended
}

// Status tells how an organisation stands by its record. It asks nobody.
func (k *Keeper) Status(org store.Org) Status {
	s := Status{Org: org.ID, State: org.State, Renewal: k.renewAt(org), Trouble: org.Trouble}
	if d := org.Source; d != nil {
		s.DataSource, s.URL, s.Status, s.Expires = d.ID, d.URL, d.Status, d.Expires
	}
	if org.Token != nil {
		s.Token = org.Token.Expires
	}
	return s
}
