package webextest

import (
	"crypto/subtle"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// codeLifetime is how long a code counts.
const codeLifetime = 10 * time.Minute

// personalLifetime is that of a personal access token.
const personalLifetime = 12 * time.Hour

// kind is whose token it is.
type kind int

const (
	integration kind = iota
	serviceApp
	personal
)

// grant is what somebody has allowed. It has one refresh token at a time, and all
// access tokens that were made with it.
type grant struct {
	kind    kind
	org     string // of a service app: the customer's UUID
	scopes  []string
	refresh string
	expires time.Time // of the refresh token
	ended   bool
}

// access is an access token.
type access struct {
	grant   *grant
	expires time.Time
}

// code is what a redirect carries.
type code struct {
	scopes  []string
	expires time.Time
}

// permission is who may use a route.
type permission struct {
	kinds []kind // none: anybody with a token
	scope string
}

// permit lets a call pass whose token counts and may do this.
func (s *Server) permit(c call, may permission, h func(call) answer) answer {
	scheme, token, _ := strings.Cut(c.Header.Get("Authorization"), " ")
	a := s.access[token]
	if !strings.EqualFold(scheme, "Bearer") || a == nil || a.grant.ended || !time.Now().Before(a.expires) {
		return refuse(http.StatusUnauthorized, "the access token is missing, unknown or expired").
			with("WWW-Authenticate", `Bearer realm="webex"`)
	}
	if len(may.kinds) > 0 && !slices.Contains(may.kinds, a.grant.kind) {
		return refuse(http.StatusForbidden, "an access token of this kind cannot be used for %s", c.URL.Path)
	}
	if may.scope != "" && !slices.Contains(a.grant.scopes, may.scope) {
		return refuse(http.StatusForbidden, "the access token lacks the scope %s", may.scope)
	}
	c.grant = a.grant
	return h(c)
}

// authorizePage is what a browser gets, whose developer agrees.
func (s *Server) authorizePage(c call) answer {
	to, err := s.consent(c.URL.Query(), false)
	if err != nil {
		return refuse(http.StatusBadRequest, "%v", err)
	}
	return answer{status: http.StatusFound}.with("Location", to)
}

// Consent is what a browser does at the authorize URL when the developer agrees: it
// gives the redirect's URL. With deny, the one for access_denied.
func (s *Server) Consent(authorizeURL string, deny bool) (redirect string, err error) {
	at, err := url.Parse(authorizeURL)
	if err != nil {
		return "", fmt.Errorf("consent: %w", err)
	}
	if at.Path != "/v1/authorize" {
		return "", fmt.Errorf("consent: the path is %q, want /v1/authorize", at.Path)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.consent(at.Query(), deny)
}

// consent checks what is asked for. Nobody is redirected to a URI that is not registered.
func (s *Server) consent(q url.Values, deny bool) (string, error) {
	if q.Get("client_id") != s.config.IntegrationID {
		return "", fmt.Errorf("the client_id is not that of the integration")
	}
	if q.Get("redirect_uri") != s.config.RedirectURI {
		return "", fmt.Errorf("the redirect_uri is not the registered one, %s", s.config.RedirectURI)
	}
	scopes := strings.Fields(q.Get("scope"))
	unknown := slices.ContainsFunc(scopes, func(scope string) bool {
		return !slices.Contains(s.config.IntegrationScopes, scope)
	})
	switch {
	case q.Get("response_type") != "code":
		return s.redirect(q, "error", "unsupported_response_type"), nil
	case unknown || len(scopes) == 0:
		return s.redirect(q, "error", "invalid_scope"), nil
	case deny:
		return s.redirect(q, "error", "access_denied"), nil
	}
	made := randomHex()
	s.codes[made] = &code{scopes, time.Now().Add(codeLifetime)}
	s.keep(made)
	return s.redirect(q, "code", made), nil
}

// redirect is where the browser goes.
func (s *Server) redirect(q url.Values, key, value string) string {
	to, err := url.Parse(s.config.RedirectURI)
	if err != nil {
		panic(err) // the test registered it
	}
	values := to.Query()
	values.Set(key, value)
	if state := q.Get("state"); state != "" {
		values.Set("state", state)
	}
	to.RawQuery = values.Encode()
	return to.String()
}

// accessToken exchanges codes and refresh tokens.
func (s *Server) accessToken(c call) answer {
	if a, ok := c.media("application/x-www-form-urlencoded"); !ok {
		return a
	}
	form, err := url.ParseQuery(string(c.text))
	if err != nil {
		return refuse(http.StatusBadRequest, "the body is no form")
	}
	want := []string{"grant_type", "client_id", "client_secret"}
	switch form.Get("grant_type") {
	case "authorization_code":
		want = append(want, "code", "redirect_uri")
	case "refresh_token":
		want = append(want, "refresh_token")
	default:
		return refuse(http.StatusBadRequest, "grant_type must be authorization_code or refresh_token")
	}
	for _, key := range want {
		if form.Get(key) == "" {
			return refuse(http.StatusBadRequest, "%s is required", key)
		}
	}
	who, ok := s.client(form.Get("client_id"), form.Get("client_secret"))
	if !ok {
		return refuse(http.StatusUnauthorized, "client_id or client_secret is wrong")
	}
	if form.Get("grant_type") == "refresh_token" {
		return s.renew(form.Get("refresh_token"), who)
	}
	return s.exchange(form.Get("code"), form.Get("redirect_uri"), who)
}

// client tells whose credentials these are.
func (s *Server) client(id, secret string) (kind, bool) {
	s.keep(secret)
	for _, known := range []struct {
		kind       kind
		id, secret string
	}{
		{integration, s.config.IntegrationID, s.config.IntegrationSecret},
		{serviceApp, s.config.ServiceAppID, s.config.ServiceAppSecret},
	} {
		if id == known.id && subtle.ConstantTimeCompare([]byte(secret), []byte(known.secret)) == 1 {
			return known.kind, true
		}
	}
	return 0, false
}

// exchange takes a code, which counts once.
func (s *Server) exchange(value, redirectURI string, who kind) answer {
	s.keep(value)
	known := s.codes[value]
	if known == nil || who != integration || redirectURI != s.config.RedirectURI || !time.Now().Before(known.expires) {
		return refuse(http.StatusBadRequest, "the code is unknown, used, expired, or of another client or redirect_uri")
	}
	delete(s.codes, value)
	return done(s.tokens(s.grant(integration, "", known.scopes)))
}

// renew takes a refresh token.
func (s *Server) renew(value string, who kind) answer {
	s.keep(value)
	g := s.refresh[value]
	if g == nil || g.kind != who || g.ended || !time.Now().Before(g.expires) {
		return refuse(http.StatusBadRequest, "the refresh token is unknown, expired, revoked or of another client")
	}
	s.renewed++
	omit := s.config.OmitRefresh > 0 && s.renewed%s.config.OmitRefresh == 0
	rotate := s.config.RotateRefresh && !omit
	if rotate {
		delete(s.refresh, g.refresh)
		s.giveRefresh(g)
	}
	if rotate || s.config.ExtendRefresh {
		g.expires = time.Now().Add(s.config.RefreshLifetime)
	}
	t := s.tokens(g)
	if omit {
		t.RefreshToken = ""
	}
	return done(t)
}

// grant makes one with a refresh token.
func (s *Server) grant(k kind, org string, scopes []string) *grant {
	g := &grant{kind: k, org: org, scopes: scopes, expires: time.Now().Add(s.config.RefreshLifetime)}
	s.giveRefresh(g)
	return g
}

func (s *Server) giveRefresh(g *grant) {
	g.refresh = tokenText(g.org)
	s.refresh[g.refresh] = g
	s.keep(g.refresh)
}

// tokenAnswer is what all token requests get.
type tokenAnswer struct {
	AccessToken      string `json:"access_token"`
	ExpiresIn        int64  `json:"expires_in"`
	RefreshToken     string `json:"refresh_token,omitempty"`
	RefreshExpiresIn int64  `json:"refresh_token_expires_in"`
	TokenType        string `json:"token_type"`
	Scope            string `json:"scope,omitempty"`
}

// tokens makes an access token. The refresh token's lifetime is what is left of it.
func (s *Server) tokens(g *grant) tokenAnswer {
	value := s.accessFor(g, s.config.AccessLifetime)
	return tokenAnswer{
		AccessToken: value, ExpiresIn: int64(s.config.AccessLifetime / time.Second),
		RefreshToken: g.refresh, RefreshExpiresIn: int64(time.Until(g.expires) / time.Second),
		TokenType: "Bearer", Scope: strings.Join(g.scopes, " "),
	}
}

// accessFor makes an access token.
func (s *Server) accessFor(g *grant, lifetime time.Duration) string {
	value := tokenText(g.org)
	s.access[value] = &access{g, time.Now().Add(lifetime)}
	s.keep(value)
	return value
}

// tokenText has the shape of Webex's tokens.
func tokenText(org string) string {
	if org == "" {
		org = newUUID()
	}
	return randomHex() + "_PF84_" + org
}

// PersonalToken is the access token that the developer's portal shows, for 12 hours.
// It can fetch tokens of the service app, and is refused elsewhere.
func (s *Server) PersonalToken() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accessFor(&grant{kind: personal, scopes: []string{scopeAll, scopeFetch}}, personalLifetime)
}
