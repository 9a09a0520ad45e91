package webextest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// org is a customer's organisation.
type org struct {
	uuid       string
	authorized bool
	date       time.Time // of the last authorisation
	last       time.Time // date that an event had
	issuer     *issuer
}

// org gives an organisation, which is known from then on. The lock is held.
func (s *Server) org(uuid string) *org {
	o := s.orgs[uuid]
	if o == nil {
		o = &org{uuid: uuid, issuer: s.issuers[0]}
		s.orgs[uuid] = o
	}
	return o
}

// now is a date for an event. No two of an organisation are the same, in the
// milliseconds that are shown, even where a fake clock stands still.
func (o *org) now() time.Time {
	now := time.Now().UTC().Truncate(time.Millisecond)
	if !now.After(o.last) {
		now = o.last.Add(time.Millisecond)
	}
	o.last = now
	return now
}

// applicationToken gives the service app's tokens for a customer.
func (s *Server) applicationToken(c call) answer {
	if id, ok := decodeID("APPLICATION", c.PathValue("id")); !ok || id != s.config.ServiceAppID {
		return refuse(http.StatusNotFound, "there is no application %s", c.PathValue("id"))
	}
	b, a, ok := c.object()
	if !ok {
		return a
	}
	b.known("clientId", "clientSecret", "targetOrgId")
	b.required("clientId", "clientSecret", "targetOrgId")
	id, secret, target := b.text("clientId"), b.text("clientSecret"), b.text("targetOrgId")
	if a, wrong := b.refused(); wrong {
		return a
	}
	if who, ok := s.client(id, secret); !ok || who != serviceApp {
		return refuse(http.StatusBadRequest, "clientId or clientSecret is not the application's")
	}
	uuid, a, ok := s.target(target)
	if !ok {
		return a
	}
	o := s.orgs[uuid]
	if o == nil || o.last.IsZero() {
		return refuse(http.StatusNotFound, "organisation %s has not authorised the application", target)
	}
	if !o.authorized {
		return refuse(http.StatusForbidden, "organisation %s has deauthorised the application", target)
	}
	return done(s.tokens(s.grant(serviceApp, uuid, s.config.ServiceAppScopes)))
}

// target reads a targetOrgId in the forms that are taken.
func (s *Server) target(text string) (uuid string, a answer, ok bool) {
	_, encoded := decodeID("ORGANIZATION", text)
	uuid, isOrg := orgUUID(text)
	switch {
	case !isOrg, !encoded && s.config.OnlyEncodedTarget:
		return "", refuse(http.StatusBadRequest, "targetOrgId is not valid"), false
	case encoded && s.config.OnlyUUIDTarget:
		return "", refuse(http.StatusNotFound, "there is no organisation %s", text), false
	}
	return uuid, answer{}, true
}

// Authorize is a customer's full administrator who authorises the service app in
// Control Hub. It delivers the webhooks and returns when they are answered. The error
// has all deliveries that failed, of an authorisation that counts nevertheless.
func (s *Server) Authorize(ctx context.Context, org string) error {
	return s.decide(ctx, org, true)
}

// Deauthorize takes it back: the organisation's tokens end at once, before anybody
// is told. Its data sources stay, out of reach, and so do their tokens.
func (s *Server) Deauthorize(ctx context.Context, org string) error {
	return s.decide(ctx, org, false)
}

// decide notes a decision and tells of it.
func (s *Server) decide(ctx context.Context, org string, authorized bool) error {
	e := Event{Event: "deauthorized", Org: org}
	if authorized {
		e.Event = "authorized"
	}
	if err := s.note(&e, authorized); err != nil {
		return fmt.Errorf("%s by organisation %s: %w", e.Event, org, err)
	}
	if err := s.Deliver(ctx, e); err != nil && !errors.Is(err, ErrNoWebhook) {
		return err
	}
	return nil
}

// note makes a decision count, and gives its event the date.
func (s *Server) note(e *Event, authorized bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	uuid, ok := orgUUID(e.Org)
	if !ok {
		return errors.New("the id is no UUID")
	}
	o := s.org(uuid)
	if o.authorized == authorized {
		return errors.New("it is so already; Deliver tells of it again")
	}
	o.authorized = authorized
	if authorized {
		o.date = o.now()
		e.Date = o.date
		return nil
	}
	s.revoke(uuid)
	if e.Date = o.date; s.config.DeauthorizedNow {
		e.Date = o.now()
	}
	return nil
}

// Revoke ends all tokens of an organisation, or of the integration if that is "", and
// nobody is told.
func (s *Server) Revoke(org string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	uuid, _ := orgUUID(org)
	s.revoke(uuid)
}

// revoke ends all tokens of an organisation, or of the integration.
func (s *Server) revoke(uuid string) {
	for value, g := range s.refresh {
		if g.org == uuid {
			g.ended = true
			delete(s.refresh, value)
		}
	}
	for value, a := range s.access {
		if a.grant.ended {
			delete(s.access, value)
		}
	}
}

// PortalRefreshToken is the refresh token that the developer's portal shows for a
// sandbox organisation, which it authorises without a webhook. It is "" if the id is
// no organisation's.
func (s *Server) PortalRefreshToken(org string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	uuid, ok := orgUUID(org)
	if !ok {
		return ""
	}
	o := s.org(uuid)
	if !o.authorized {
		o.authorized, o.date = true, o.now()
	}
	return s.grant(serviceApp, uuid, s.config.ServiceAppScopes).refresh
}
