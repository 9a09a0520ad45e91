package webex

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// VoiceSchema is the schema of a voice virtual agent over gRPC
// (github.com/webex/dataSourceSchemas).
const VoiceSchema = "5397013b-7920-4ffc-807c-e8a3e0a18f43"

// The states of a data source.
const (
	StatusActive   = "active"
	StatusDisabled = "disabled"
)

// DataSource is a registered endpoint, as Webex shows it. Any field but the ID may
// be missing in an answer; what is missing is read from the claims of Token, which
// are not verified here, where that has them.
type DataSource struct {
	ID            string
	Schema        string // its id
	URL           string // that Webex connects to, character for character
	Audience      string
	Subject       string
	Nonce         string
	Lifetime      time.Duration // of the tokens that Webex presents; whole minutes
	Status        string
	ErrorMessage  string
	Org           string    // in any form
	ApplicationID string    // a plain client id
	Token         string    // the JWS that Webex will present; a secret, never sent or stored
	Expires       time.Time // of Token: as said, else by its claims; zero: not known
	CreatedBy     string
	CreatedAt     time.Time
	UpdatedBy     string
	UpdatedAt     time.Time
	Unknown       map[string]json.RawMessage // keys that are not known here
}

// String hides the token and the nonce.
func (d DataSource) String() string { return "data source " + d.ID }

// GoString hides the token and the nonce from %#v.
func (d DataSource) GoString() string { return d.String() }

// DataSourceSpec is all that a data source is registered and updated with: Webex
// wants the whole of it each time.
type DataSourceSpec struct {
	Schema       string
	URL          string
	Audience     string
	Subject      string
	Nonce        string
	Lifetime     time.Duration // 1 minute to 24 hours
	Status       string        // update only: StatusActive or StatusDisabled
	ErrorMessage string        // wanted with StatusDisabled; the customer's administrator sees it
}

// String hides the nonce.
func (s DataSourceSpec) String() string { return "data source at " + s.URL }

// GoString hides the nonce from %#v.
func (s DataSourceSpec) GoString() string { return s.String() }

const (
	dataSourcesPath = "/dataSources"
	schemasPath     = dataSourcesPath + "/schemas"
)

// DataSources lists all data sources of the organisation whose service app token
// auth gives.
func (c *Client) DataSources(ctx context.Context, auth TokenSource) ([]DataSource, error) {
	return list[DataSource](ctx, c, auth, dataSourcesPath+"/")
}

// DataSource gives one.
func (c *Client) DataSource(ctx context.Context, auth TokenSource, id string) (d DataSource, err error) {
	err = c.item(ctx, auth, http.MethodGet, dataSourcesPath, id, nil, &d)
	return d, err
}

// CreateDataSource registers one, which is active. If no answer comes, it may be
// registered nevertheless: list them before trying again.
func (c *Client) CreateDataSource(ctx context.Context, auth TokenSource, s DataSourceSpec) (d DataSource, err error) {
	if s.Status == StatusDisabled {
		return d, errors.New("data source: it is registered active: update it to disable it")
	}
	s.Status, s.ErrorMessage = "", ""
	body, err := c.encode(s)
	if err != nil {
		return d, err
	}
	err = c.Do(ctx, auth, http.MethodPost, dataSourcesPath, body, &d)
	return d, err
}

// UpdateDataSource replaces one; Webex makes a new token.
func (c *Client) UpdateDataSource(ctx context.Context, auth TokenSource, id string, s DataSourceSpec) (d DataSource, err error) {
	if s.Status == "" {
		s.Status = StatusActive
	}
	body, err := c.encode(s)
	if err != nil {
		return d, err
	}
	var r replaced
	err = c.item(ctx, auth, http.MethodPut, dataSourcesPath, id, body, &r)
	r.ID = cmp.Or(r.ID, id)
	return r.DataSource, err
}

// DeleteDataSource removes one.
func (c *Client) DeleteDataSource(ctx context.Context, auth TokenSource, id string) error {
	return c.item(ctx, auth, http.MethodDelete, dataSourcesPath, id, nil, nil)
}

// The bounds of a lifetime.
const (
	minLifetime = time.Minute
	maxLifetime = 24 * time.Hour
)

// encode gives the JSON of a data source, whole.
func (c *Client) encode(s DataSourceSpec) (map[string]any, error) {
	for _, part := range []struct{ name, value string }{
		{"schema", s.Schema}, {"URL", s.URL}, {"audience", s.Audience}, {"subject", s.Subject}, {"nonce", s.Nonce},
	} {
		if part.value == "" {
			return nil, fmt.Errorf("data source: no %s: Webex wants all of a data source each time", part.name)
		}
	}
	switch {
	case s.Lifetime < minLifetime || s.Lifetime > maxLifetime || s.Lifetime%time.Minute != 0:
		return nil, fmt.Errorf("data source: a lifetime of %v: Webex takes whole minutes, 1 to %d", s.Lifetime, maxLifetime/time.Minute)
	case s.Status != "" && s.Status != StatusActive && s.Status != StatusDisabled:
		return nil, fmt.Errorf("data source: status %q: it is %s or %s", s.Status, StatusActive, StatusDisabled)
	case s.Status == StatusDisabled && s.ErrorMessage == "":
		return nil, errors.New("data source: disabled without a message: say what the customer's administrator is to read")
	}
	body := map[string]any{"url": s.URL, "audience": s.Audience, "subject": s.Subject, "nonce": s.Nonce}
	minutes := int(s.Lifetime / time.Minute)
	if c.config.Legacy {
		body["schemaId"], body["tokenLifeMinutes"] = []string{s.Schema}, fmt.Sprint(minutes)
	} else {
		body["schemaId"], body["tokenLifetimeMinutes"] = s.Schema, minutes
	}
	if s.Status != "" {
		body["status"] = s.Status
	}
	if s.ErrorMessage != "" {
		body["errorMessage"] = s.ErrorMessage
	}
	return body, nil
}

// Schema is a contract that a data source may have.
type Schema struct {
	ID          string    `json:"id"`
	AppType     string    `json:"appType"`
	Protocol    string    `json:"protocol"`
	ServiceType string    `json:"serviceType"`
	URL         string    `json:"url"`
	CreatedAt   time.Time `json:"createdAt"`
}

// UnmarshalJSON implements json.Unmarshaler. A time that cannot be read is none.
func (s *Schema) UnmarshalJSON(text []byte) error {
	*s = Schema{}
	type fields Schema
	read := struct {
		*fields
		CreatedAt any `json:"createdAt"`
	}{fields: (*fields)(s)}
	if err := json.Unmarshal(text, &read); err != nil {
		return err
	}
	s.CreatedAt = moment(read.CreatedAt)
	if s.ID == "" {
		return misshapen("a schema has no id")
	}
	return nil
}

// Schemas lists all.
func (c *Client) Schemas(ctx context.Context, auth TokenSource) ([]Schema, error) {
	return list[Schema](ctx, c, auth, schemasPath)
}

// Schema gives one.
func (c *Client) Schema(ctx context.Context, auth TokenSource, id string) (s Schema, err error) {
	err = c.item(ctx, auth, http.MethodGet, schemasPath, id, nil, &s)
	return s, err
}
