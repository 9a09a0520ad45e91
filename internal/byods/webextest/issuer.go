package webextest

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// issuer is an identity broker that signs tokens.
type issuer struct {
	url  string // empty: /idb below the server's
	keys []*key // that are published; the last one signs
}

// key is made when it is first needed.
type key struct {
	id      string
	private func() *rsa.PrivateKey
}

func newKey() *key {
	return &key{id: newUUID(), private: sync.OnceValue(func() *rsa.PrivateKey {
		private, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err) // of the size alone, which is right
		}
		return private
	})}
}

func newIssuer(url string) *issuer { return &issuer{url: url, keys: []*key{newKey()}} }

// key is the one that signs.
func (i *issuer) key() *key { return i.keys[len(i.keys)-1] }

// name is the iss of an issuer's tokens. The lock is held.
func (s *Server) name(i *issuer) string {
	if i.url == "" {
		return s.base + "/idb"
	}
	return i.url
}

// issuer finds one by name; the usual one for a name that is not known. The lock is held.
func (s *Server) issuer(name string) *issuer {
	for _, i := range s.issuers {
		if s.name(i) == name {
			return i
		}
	}
	return s.issuers[0]
}

// Issuer is the iss of the tokens, unless IssueFrom says otherwise; its keys are at
// /oauth2/v2/keys/verificationjwk below it.
func (s *Server) Issuer() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.name(s.issuers[0])
}

// IssueFrom has another one of Config.Issuers make an organisation's tokens, from its
// next data source or update on.
func (s *Server) IssueFrom(org, issuer string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	uuid, isOrg := orgUUID(org)
	i := s.issuer(issuer)
	if !isOrg || s.name(i) != issuer {
		return fmt.Errorf("organisation %q, issuer %q: not known here", org, issuer)
	}
	s.org(uuid).issuer = i
	return nil
}

// RotateKey has new tokens signed by a new key, of each issuer. Those of data sources
// stay as they are until these are updated. The old key stays in the key set unless
// remove is set.
func (s *Server) RotateKey(remove bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range s.issuers {
		if remove {
			i.keys = nil
		}
		i.keys = append(i.keys, newKey())
	}
}

// PublicKey gives the key in use of the usual issuer, as PEM, for whoever forges with it.
func (s *Server) PublicKey() (kid string, text []byte) {
	s.mu.Lock()
	k := s.issuers[0].key()
	s.mu.Unlock()
	der, err := x509.MarshalPKIXPublicKey(&k.private().PublicKey)
	if err != nil {
		panic(err) // an RSA key always has this form
	}
	return k.id, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// Sign signs claims with the key that is in use, as Webex would: that of the issuer
// they name, if it is of this server, else of the usual one. Header fields of the same
// name replace those that it sets; nil removes one.
func (s *Server) Sign(claims, header map[string]any) string {
	iss, _ := claims["iss"].(string)
	s.mu.Lock()
	k := s.issuer(iss).key()
	s.mu.Unlock()
	token := k.sign(claims, header)
	s.mu.Lock()
	s.keep(token)
	s.mu.Unlock()
	return token
}

// sign makes the compact form.
func (k *key) sign(claims, header map[string]any) string {
	head := map[string]any{"alg": "RS256", "typ": "JWT", "kid": k.id}
	for name, value := range header {
		if head[name] = value; value == nil {
			delete(head, name)
		}
	}
	signed := segment(head) + "." + segment(claims)
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(nil, k.private(), crypto.SHA256, sum[:])
	if err != nil {
		panic(err) // the key is long enough
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func segment(fields map[string]any) string {
	text, err := json.Marshal(fields)
	if err != nil {
		panic(fmt.Sprintf("sign a token: %v", err)) // the test gave what JSON cannot say
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// keySet answers a request for an issuer's keys; nil: it is another one.
func (s *Server) keySet(q *http.Request) *recorder {
	s.mu.Lock()
	var keys []*key
	for _, i := range s.issuers {
		at, err := url.Parse(s.name(i))
		if err == nil && q.URL.Path == at.Path+"/oauth2/v2/keys/verificationjwk" && (i.url == "" || q.Host == at.Host) {
			keys = append(keys, i.keys...)
		}
	}
	s.mu.Unlock()
	if keys == nil {
		return nil
	}
	if q.Method != http.MethodGet {
		return refuse(http.StatusMethodNotAllowed, "keys can only be read").with("Allow", http.MethodGet).render()
	}
	set := []map[string]string{}
	for _, k := range keys {
		set = append(set, k.jwk())
	}
	a := done(map[string]any{"keys": set})
	if age := s.config.KeyMaxAge; age >= 0 {
		a = a.with("Cache-Control", fmt.Sprintf("max-age=%d", int64(age/time.Second)))
	}
	return a.render()
}

// jwk is the public part.
func (k *key) jwk() map[string]string {
	public := k.private().PublicKey
	e := binary.BigEndian.AppendUint32(nil, uint32(public.E))
	return map[string]string{
		"kty": "RSA", "use": "sig", "kid": k.id,
		"n": base64.RawURLEncoding.EncodeToString(public.N.Bytes()),
		"e": base64.RawURLEncoding.EncodeToString(bytes.TrimLeft(e, "\x00")),
	}
}

// minted is a data source's token, which is signed when it is first shown: most of
// those that a simulation makes never are.
type minted struct {
	claims map[string]any
	sign   func() string
}

// mint makes a token with the key in use. The lock is held.
func (s *Server) mint(i *issuer, claims map[string]any) *minted {
	k := i.key()
	return &minted{claims: maps.Clone(claims), sign: sync.OnceValue(func() string {
		token := k.sign(claims, nil)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.keep(token)
		return token
	})}
}

// MarshalJSON shows it, when the lock is no longer held.
func (m *minted) MarshalJSON() ([]byte, error) { return json.Marshal(m.sign()) }
