package jws

import (
	"container/list"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/hashicorp/go-hclog"
)

// DataSource is what a token must have been made for.
type DataSource struct {
	ID       string
	Schema   string
	URL      string
	Audience string
	Subject  string
	Nonces   []Nonce
}

// Nonce is one that is accepted.
type Nonce struct {
	Value string
	Until time.Time // zero: without end
}

// Registry knows the data sources. It is asked for each token, on the hot path, and
// must not wait. Org is a UUID in lower case.
type Registry interface {
	DataSources(org string) []DataSource
}

// Config says what is accepted.
type Config struct {
	Issuers  []string // whole, without a / at the end; nil: Issuers(). One that CheckIssuer refuses never counts
	Registry Registry
	HTTP     http.RoundTripper // to fetch keys with; nil: http.DefaultTransport
	Skew     time.Duration     // of clocks; 0: 30 s
	Log      hclog.Logger      // nil: none
}

const (
	remembered   = 5 * time.Minute // that a signature was good
	mostRemember = 10_000          // tokens
)

// Verifier verifies tokens. All methods may be called concurrently.
//
// It remembers of a token only that its signature was good, and by which key. All
// else is held to the registry and the clock each time, so that a renewal, a
// deauthorisation and a key that was withdrawn count at once.
type Verifier struct {
	config Config
	sets   map[string]*keySet

	mu   sync.Mutex
	good map[[sha256.Size]byte]*list.Element
	age  list.List // of *signature, the oldest first
}

// signature is one that was good.
type signature struct {
	sum   [sha256.Size]byte
	token parsed
	key   *rsa.PublicKey
	until time.Time
}

// New makes a verifier. It fetches nothing yet.
func New(c Config) *Verifier {
	if c.Issuers == nil {
		c.Issuers = Issuers()
	}
	if c.HTTP == nil {
		c.HTTP = http.DefaultTransport
	}
	if c.Skew == 0 {
		c.Skew = 30 * time.Second
	}
	if c.Log == nil {
		c.Log = hclog.NewNullLogger()
	}
	v := &Verifier{config: c, sets: map[string]*keySet{}, good: map[[sha256.Size]byte]*list.Element{}}
	client := &http.Client{Transport: c.HTTP, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, issuer := range c.Issuers {
		if CheckIssuer(issuer) == nil {
			v.sets[issuer] = &keySet{issuer: issuer, http: client, log: c.Log}
		}
	}
	return v
}

// Run keeps the keys of the issuers fresh until ctx ends. Verify works without it,
// and then waits for a fetch where it has no key.
func (v *Verifier) Run(ctx context.Context) {
	var running sync.WaitGroup
	for _, set := range v.sets {
		running.Go(func() { set.keep(ctx) })
	}
	running.Wait()
}

// Identity is whose call a verified token allows.
type Identity struct {
	Org        string // a UUID in lower case
	DataSource string // its id
	Claims     Claims
}

// Verify checks a token. The error is an *Error.
func (v *Verifier) Verify(ctx context.Context, token string) (Identity, error) {
	t, err := v.authentic(ctx, token)
	if err == nil {
		err = t.claims.timely(time.Now(), v.config.Skew)
	}
	if err != nil {
		return Identity{}, err
	}
	org := strings.ToLower(t.claims.Org)
	id, err := t.claims.match(v.config.Registry.DataSources(org), time.Now().Add(-v.config.Skew))
	if err != nil {
		return Identity{}, err
	}
	return Identity{Org: org, DataSource: id, Claims: t.claims}, nil
}

// authentic gives what a token says if an issuer has signed it.
func (v *Verifier) authentic(ctx context.Context, token string) (parsed, error) {
	if len(token) > maxToken {
		return parse(token)
	}
	sum := sha256.Sum256([]byte(token))
	if t, ok := v.recall(sum); ok {
		return t, nil
	}
	t, err := parse(token)
	if err != nil {
		return t, err
	}
	set, err := v.issuer(t)
	if err != nil {
		return t, err
	}
	key, refused := set.find(ctx, t.header.KeyID)
	if refused != nil {
		return t, refused
	}
	hash := sha256.Sum256([]byte(t.signed))
	if rsa.VerifyPKCS1v15(key, crypto.SHA256, hash[:], t.signature) != nil {
		return t, refuse(Signature, "it is not signed by the key that it names")
	}
	v.remember(&signature{sum, t, key, time.Now().Add(remembered)})
	return t, nil
}

// issuer gives the keys of a token's issuer, before anything leaves for it.
func (v *Verifier) issuer(t parsed) (*keySet, error) {
	switch {
	case t.header.Algorithm != string(jose.RS256):
		return nil, refuse(AlgorithmMismatch, "it is not RS256")
	case t.critical:
		return nil, refuse(Malformed, "its header demands what is not known here")
	case t.header.Type != "" && !strings.EqualFold(t.header.Type, "JWT"):
		return nil, refuse(Malformed, "its type is not JWT")
	case t.header.KeyID == "":
		return nil, refuse(KidMissing, "its header names no key")
	}
	set := v.sets[t.claims.Issuer]
	if set == nil {
		return nil, refuse(IssuerMismatch, "its issuer is not one of those that are trusted")
	}
	return set, nil
}

// recall gives a token whose signature was good a while ago, if its key still counts.
func (v *Verifier) recall(sum [sha256.Size]byte) (parsed, bool) {
	v.mu.Lock()
	e := v.good[sum]
	v.mu.Unlock()
	if e == nil {
		return parsed{}, false
	}
	s := e.Value.(*signature)
	if !time.Now().Before(s.until) || !v.sets[s.token.claims.Issuer].holds(s.token.header.KeyID, s.key) {
		return parsed{}, false
	}
	return s.token, true
}

func (v *Verifier) remember(s *signature) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if old := v.good[s.sum]; old != nil {
		v.age.Remove(old)
	}
	v.good[s.sum] = v.age.PushBack(s)
	for e := v.age.Front(); e != nil && (v.age.Len() > mostRemember || time.Now().After(e.Value.(*signature).until)); e = v.age.Front() {
		delete(v.good, e.Value.(*signature).sum)
		v.age.Remove(e)
	}
}

// timely holds a token to the clock.
func (c Claims) timely(now time.Time, skew time.Duration) error {
	switch {
	case strings.EqualFold(c.TokenType, "Bearer"):
		return refuse(OAuthToken, "it is an access token, not a data source's")
	case c.Expires.IsZero():
		return refuse(ClaimMissing, "exp")
	case c.IssuedAt.IsZero():
		return refuse(ClaimMissing, "iat")
	case !now.Before(c.Expires.Add(skew)):
		return refuse(Expired, "at "+c.Expires.Format(time.RFC3339))
	case now.Before(c.IssuedAt.Add(-skew)):
		return refuse(NotYetValid, "it was issued at "+c.IssuedAt.Format(time.RFC3339))
	case now.Before(c.NotBefore.Add(-skew)):
		return refuse(NotYetValid, "before "+c.NotBefore.Format(time.RFC3339))
	}
	for _, claim := range []struct{ name, value string }{
		{"sub", c.Subject}, {"jti", c.Nonce}, {"com.cisco.datasource.url", c.URL},
		{"com.cisco.datasource.schema.uuid", c.Schema}, {"com.cisco.org.uuid", c.Org}, {"aud", strings.Join(c.Audience, "")},
	} {
		if claim.value == "" {
			return refuse(ClaimMissing, claim.name)
		}
	}
	return nil
}

// match finds the data source that a token was made for. If there is none it says what
// the one that comes nearest differs in.
func (c Claims) match(sources []DataSource, now time.Time) (id string, err error) {
	if len(sources) == 0 {
		return "", refuse(OrgMismatch, "organisation "+short(c.Org)+" has no data source here")
	}
	nearest, depth := (*Error)(nil), -1
	for _, d := range sources {
		refusal, at := c.differ(d, now)
		if refusal == nil {
			return d.ID, nil
		}
		if at > depth {
			nearest, depth = refusal, at
		}
	}
	return "", nearest
}

// differ tells what a data source differs in, and how many claims agree before that.
func (c Claims) differ(d DataSource, now time.Time) (*Error, int) {
	for i, claim := range []struct {
		category   Category
		got, wants string
	}{
		{SchemaMismatch, c.Schema, d.Schema}, {URLMismatch, c.URL, d.URL}, {SubMismatch, c.Subject, d.Subject},
	} {
		if claim.got != claim.wants || claim.wants == "" {
			return refuse(claim.category, short(claim.got)+", registered is "+short(claim.wants)), i
		}
	}
	if d.Audience == "" || !slices.Contains(c.Audience, d.Audience) {
		return refuse(AudMismatch, short(strings.Join(c.Audience, " "))+", registered is "+short(d.Audience)), 3
	}
	for _, n := range d.Nonces {
		counts := n.Until.IsZero() || now.Before(n.Until)
		if counts && n.Value != "" && subtle.ConstantTimeCompare([]byte(n.Value), []byte(c.Nonce)) == 1 {
			return nil, 0
		}
	}
	return refuse(NonceMismatch, "it is not of the last renewal, nor of the one before"), 4
}

// short is a claim of a verified token, for a line of a log.
func short(text string) string {
	const longest = 200
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "..."
	}
	return `"` + strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text) + `"`
}
