package webextest

import (
	"net/http"
	"time"
)

// Config says what the server knows from the start, and which of the ways in which
// Webex's documents differ it takes. The zero value is a whole Webex with one
// integration and one service app.
type Config struct {
	IntegrationID     string // empty: made up, as all below
	IntegrationSecret string
	RedirectURI       string // empty: http://127.0.0.1:8765/callback
	ServiceAppID      string // a client id
	ServiceAppSecret  string
	ProviderOrg       string            // a UUID; the envelope's orgId of webhooks
	Domains           []string          // that data sources may point to, and below; none: any
	AccessLifetime    time.Duration     // 0: 14 days
	RefreshLifetime   time.Duration     // 0: 90 days
	Rate              int               // requests a second that are answered; more get 429; 0: any number
	Delivery          http.RoundTripper // for webhooks; nil: http.DefaultTransport

	IntegrationScopes []string      // that may be asked for; none: all that are known here
	ServiceAppScopes  []string      // none: to read and to write data sources
	Issuers           []string      // whole; each has its own keys; the first is the usual one; none: /idb below URL
	KeyMaxAge         time.Duration // of key sets, in Cache-Control; 0: 6 h; negative: not said
	PageSize          int           // of lists, at most; 0: 100

	// RotateRefresh gives another refresh token with each refresh, for the whole
	// lifetime, and ends the one before. Otherwise it stays, and its lifetime counts down.
	RotateRefresh bool
	// ExtendRefresh begins the lifetime of a refresh token again with each use.
	ExtendRefresh bool
	// OmitRefresh leaves the refresh token, which then stays, out of each so many-th
	// answer to a refresh; 0: out of none.
	OmitRefresh int

	OnlyUUIDTarget    bool // targetOrgId must be a UUID; otherwise 404
	OnlyEncodedTarget bool // targetOrgId must be encoded; otherwise 400

	LegacyRequests  bool     // data sources come with tokenLifeMinutes, a string, and a list as schemaId
	LegacyResponses bool     // and go with these, and with jwtToken
	OmitKeys        []string // of data sources, left out of answers
	AllowDuplicates bool     // data sources of one organisation, URL and schema; otherwise 409

	EventOrg OrgForm // in which events show the customer's id
	// DeauthorizedNow has events of deauthorisation carry their own moment;
	// otherwise they repeat the date of the authorisation.
	DeauthorizedNow bool
}

// OrgForm is one of the forms in which Webex shows an organisation's id.
type OrgForm int

// The forms.
const (
	Encoded     OrgForm = iota // base64 of ciscospark://us/ORGANIZATION/UUID
	Plain                      // the UUID
	EncodedUUID                // base64 of the UUID alone
)

// The scopes that are known here.
const (
	scopeFetch           = "spark:applications_token"
	scopeWebhooksRead    = "application:webhooks_read"
	scopeWebhooksWrite   = "application:webhooks_write"
	scopeDataSourceRead  = "spark-admin:datasource_read"
	scopeDataSourceWrite = "spark-admin:datasource_write"
	scopeAll             = "spark:all"
)

// withDefaults makes up what is empty.
func (c Config) withDefaults() Config {
	for _, made := range []struct {
		field *string
		value string
	}{
		{&c.IntegrationID, "C" + randomHex()},
		{&c.IntegrationSecret, randomHex()},
		{&c.RedirectURI, "http://127.0.0.1:8765/callback"},
		{&c.ServiceAppID, "C" + randomHex()},
		{&c.ServiceAppSecret, randomHex()},
		{&c.ProviderOrg, newUUID()},
	} {
		if *made.field == "" {
			*made.field = made.value
		}
	}
	for _, made := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&c.AccessLifetime, 14 * 24 * time.Hour},
		{&c.RefreshLifetime, 90 * 24 * time.Hour},
		{&c.KeyMaxAge, 6 * time.Hour},
	} {
		if *made.field == 0 {
			*made.field = made.value
		}
	}
	if c.PageSize == 0 {
		c.PageSize = 100
	}
	if c.IntegrationScopes == nil {
		c.IntegrationScopes = []string{scopeFetch, scopeWebhooksRead, scopeWebhooksWrite, scopeAll}
	}
	if c.ServiceAppScopes == nil {
		c.ServiceAppScopes = []string{scopeDataSourceRead, scopeDataSourceWrite}
	}
	return c
}
