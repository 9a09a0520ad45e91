package webextest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	disabled    = "disabled"
	minLifetime = 1 // minutes
	maxLifetime = 1440
)

// spec is what a data source is asked to be.
type spec struct {
	schema, url, audience, subject, nonce string
	minutes                               int
	status, errorMessage                  string
}

// source is a data source.
type source struct {
	spec
	id          string
	org         string // a UUID
	application string // a client id
	token       *minted
	expires     time.Time // of the token
	created     time.Time
	updated     time.Time
}

// lifetimeKey is spelt in two ways in Webex's documents.
func lifetimeKey(legacy bool) string {
	if legacy {
		return "tokenLifeMinutes"
	}
	return "tokenLifetimeMinutes"
}

// readSpec reads a request's body, all of which must be there.
func (s *Server) readSpec(c call, update bool) (spec, answer, bool) {
	b, a, ok := c.object()
	if !ok {
		return spec{}, a, false
	}
	want := []string{"schemaId", "url", "audience", "subject", "nonce", lifetimeKey(s.config.LegacyRequests)}
	if update {
		want = append(want, "status")
	}
	b.required(want...)
	if update {
		want = append(want, "errorMessage")
	}
	b.known(want...)
	got := spec{
		schema: s.readSchemaID(b), url: s.readURL(b), audience: b.text("audience"), subject: b.text("subject"),
		nonce: b.text("nonce"), minutes: s.readLifetime(b), status: active,
	}
	if update {
		got.status = b.oneOf("status", active, disabled)
		b.read("errorMessage", &got.errorMessage, "a string") // may be empty
	}
	if got.status == disabled && strings.TrimSpace(got.errorMessage) == "" {
		b.complain("errorMessage is required to disable a data source")
	}
	if got.status == active {
		got.errorMessage = ""
	}
	s.keep(got.nonce)
	a, wrong := b.refused()
	return got, a, !wrong
}

// readSchemaID reads a schema's id, which must be known.
func (s *Server) readSchemaID(b *body) string {
	var id string
	if !s.config.LegacyRequests {
		id = b.text("schemaId")
	} else {
		id = b.only("schemaId")
	}
	if _, known := findSchema(id); id != "" && !known {
		b.complain("schemaId: there is no schema %s", id)
	}
	return id
}

// readLifetime reads whole minutes.
func (s *Server) readLifetime(b *body) (minutes int) {
	key := lifetimeKey(s.config.LegacyRequests)
	into, what := any(&minutes), "a whole number"
	if s.config.LegacyRequests {
		into, what = &quoted{&minutes}, "a whole number in a string"
	}
	if b.read(key, into, what) && (minutes < minLifetime || minutes > maxLifetime) {
		b.complain("%s must be from %d to %d", key, minLifetime, maxLifetime)
	}
	return minutes
}

// readURL reads where a data source is, which must be within an authorised domain.
func (s *Server) readURL(b *body) string {
	text := b.text("url")
	if text == "" {
		return ""
	}
	at, err := url.Parse(text)
	if err != nil || at.Hostname() == "" || at.Scheme != "https" && at.Scheme != "wss" {
		b.complain("url must be https://host[:port] or wss://host[:port]")
		return text
	}
	host := strings.ToLower(at.Hostname())
	within := len(s.config.Domains) == 0 || slices.ContainsFunc(s.config.Domains, func(domain string) bool {
		domain = strings.ToLower(domain)
		return host == domain || strings.HasSuffix(host, "."+domain)
	})
	if !within {
		b.complain("url: %s is not within a domain that the application is authorised for", host)
	}
	return text
}

// quoted is a number in a string.
type quoted struct{ value *int }

// UnmarshalJSON implements json.Unmarshaler.
func (q *quoted) UnmarshalJSON(raw []byte) (err error) {
	var text string
	if err = json.Unmarshal(raw, &text); err == nil {
		*q.value, err = strconv.Atoi(text)
	}
	return err
}

func (s *Server) createSource(c call) answer {
	want, a, ok := s.readSpec(c, false)
	if !ok {
		return a
	}
	same := slices.ContainsFunc(s.sources, func(d *source) bool {
		return d.org == c.grant.org && d.url == want.url && d.schema == want.schema
	})
	if same && !s.config.AllowDuplicates {
		return refuse(http.StatusConflict, "there is a data source of this url and schemaId")
	}
	return done(s.show(s.addSource(c.grant.org, s.config.ServiceAppID, want)))
}

// addSource makes one.
func (s *Server) addSource(org, application string, want spec) *source {
	d := &source{spec: want, id: newUUID(), org: org, application: application, created: time.Now()}
	s.remint(d)
	s.sources = append(s.sources, d)
	return d
}

// remint makes a data source's token anew.
func (s *Server) remint(d *source) {
	d.updated = time.Now()
	issued := d.updated.Truncate(time.Second)
	d.expires = issued.Add(time.Duration(d.minutes) * time.Minute)
	from := s.org(d.org).issuer
	d.token = s.mint(from, map[string]any{
		"iss": s.name(from), "aud": d.audience, "sub": d.subject, "jti": d.nonce,
		"iat": issued.Unix(), "exp": d.expires.Unix(),
		"com.cisco.datasource.url": d.url, "com.cisco.datasource.schema.uuid": d.schema, "com.cisco.org.uuid": d.org,
	})
}

// AddDataSource puts a data source where it could not be made by request: one of
// another application, or a second one that is the same. Application is a client id;
// empty: ours. Its audience, subject and nonce are made up.
func (s *Server) AddDataSource(org, application, schema, url string) (id string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	uuid, ok := orgUUID(org)
	if !ok {
		return "", fmt.Errorf("add a data source: %q is no organisation's UUID", org)
	}
	if application == "" {
		application = s.config.ServiceAppID
	}
	made := spec{
		schema: schema, url: url, audience: "somebody", subject: "something", nonce: newUUID(),
		minutes: maxLifetime, status: active,
	}
	s.keep(made.nonce)
	return s.addSource(uuid, application, made).id, nil
}

// show is a data source as answers have it.
func (s *Server) show(d *source) map[string]any {
	who := encodeID("PEOPLE", d.application)
	all := map[string]any{
		"id": d.id, "schemaId": d.schema, "url": d.url, "audience": d.audience, "subject": d.subject, "nonce": d.nonce,
		lifetimeKey(false): d.minutes, "status": d.status,
		"orgId": d.org, "applicationId": d.application, "jwsToken": d.token, "tokenExpiryTime": timestamp(d.expires),
		"createdBy": who, "createdAt": timestamp(d.created), "updatedBy": who, "updatedAt": timestamp(d.updated),
	}
	if d.errorMessage != "" {
		all["errorMessage"] = d.errorMessage
	}
	if s.config.LegacyResponses {
		delete(all, lifetimeKey(false))
		delete(all, "jwsToken")
		all["jwtToken"], all["schemaId"] = d.token, []string{d.schema}
		all[lifetimeKey(true)] = strconv.Itoa(d.minutes)
	}
	maps.DeleteFunc(all, func(key string, _ any) bool { return slices.Contains(s.config.OmitKeys, key) })
	return all
}

// listSources has all of the organisation, also other applications'.
func (s *Server) listSources(c call) answer {
	var all []map[string]any
	for _, d := range s.sources {
		if d.org == c.grant.org {
			all = append(all, s.show(d))
		}
	}
	return done(items(all))
}

// source finds the one that a request is about; other organisations' are not there.
func (s *Server) source(c call) (*source, answer, bool) {
	id := c.PathValue("id")
	d := s.findSource(id)
	if d == nil || d.org != c.grant.org {
		return nil, refuse(http.StatusNotFound, "there is no data source %s", id), false
	}
	if c.Method != http.MethodGet && d.application != s.config.ServiceAppID {
		return nil, refuse(http.StatusForbidden, "data source %s is of another application", id), false
	}
	return d, answer{}, true
}

func (s *Server) findSource(id string) *source {
	i := slices.IndexFunc(s.sources, func(d *source) bool { return d.id == id })
	if i < 0 {
		return nil
	}
	return s.sources[i]
}

func (s *Server) readSource(c call) answer {
	d, a, found := s.source(c)
	if !found {
		return a
	}
	return done(s.show(d))
}

// updateSource replaces one; there is a new token at once.
func (s *Server) updateSource(c call) answer {
	d, a, found := s.source(c)
	if !found {
		return a
	}
	want, a, ok := s.readSpec(c, true)
	if !ok {
		return a
	}
	if want.schema != d.schema {
		return refuse(http.StatusBadRequest, "schemaId cannot be changed")
	}
	d.spec = want
	s.remint(d)
	return done(s.show(d))
}

func (s *Server) deleteSource(c call) answer {
	d, a, found := s.source(c)
	if !found {
		return a
	}
	s.sources = slices.DeleteFunc(s.sources, func(other *source) bool { return other == d })
	return answer{status: http.StatusNoContent}
}

// DataSourceOf is the id of an organisation's data source, the newest if there are
// several, "" if there is none.
func (s *Server) DataSourceOf(org string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	uuid, _ := orgUUID(org)
	for _, d := range slices.Backward(s.sources) {
		if d.org == uuid {
			return d.id
		}
	}
	return ""
}

// Present gives the token that Webex would present now for a data source, "" if there
// is none or it is disabled. One that nobody has renewed in time has expired.
func (s *Server) Present(dataSource string) string {
	if token := s.presented(dataSource); token != nil {
		return token.sign()
	}
	return ""
}

// Claims are those of Present, to be changed and signed again.
func (s *Server) Claims(dataSource string) map[string]any {
	if token := s.presented(dataSource); token != nil {
		return maps.Clone(token.claims)
	}
	return nil
}

func (s *Server) presented(id string) *minted {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.findSource(id)
	if d == nil || d.status != active {
		return nil
	}
	return d.token
}
