package jws

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/hashicorp/go-hclog"
)

const (
	keysPath     = "/oauth2/v2/keys/verificationjwk"
	fetchLimit   = 5 * time.Second
	maxKeys      = 1 << 20 // bytes of a set
	leastFresh   = 10 * time.Minute
	mostFresh    = 24 * time.Hour
	mostStale    = 24 * time.Hour   // that keys count which cannot be fetched anew
	coolDown     = 30 * time.Second // between two fetches
	smallestKey  = 2048             // bits
	longestPause = time.Hour        // that a Retry-After is honoured for
)

// keySet has the keys of one issuer.
type keySet struct {
	issuer string
	http   *http.Client
	log    hclog.Logger

	mu       sync.Mutex
	keys     map[string]*rsa.PublicKey // by kid
	fetched  time.Time                 // when they were
	fresh    time.Time                 // until when they need not be fetched again
	blocked  time.Time                 // before which nothing is fetched
	failure  error                     // of the last fetch
	fetching chan struct{}             // closed when the fetch under way is done; nil: none is
}

// find gives the key of a kid. It waits for a fetch only where it has no key of that
// name.
func (s *keySet) find(ctx context.Context, kid string) (*rsa.PublicKey, *Error) {
	for waited := false; ; waited = true {
		s.mu.Lock()
		now := time.Now()
		usable := s.usable(now)
		if key := s.keys[kid]; key != nil && usable {
			s.mu.Unlock()
			return key, nil
		}
		done := s.fetching
		if done == nil && !waited && !now.Before(s.blocked) {
			done = s.begin()
		}
		failure := s.failure
		s.mu.Unlock()
		switch {
		case done != nil && !waited:
		case usable:
			return nil, refuse(KidUnknown, "its issuer has no such key")
		default:
			return nil, &Error{Category: KeysUnavailable, Detail: "the keys of " + s.issuer, Err: failure}
		}
		select {
		case <-done:
		case <-ctx.Done():
			return nil, &Error{Category: KeysUnavailable, Detail: "the keys of " + s.issuer, Err: context.Cause(ctx)}
		}
	}
}

// holds tells whether a key still counts.
func (s *keySet) holds(kid string, key *rsa.PublicKey) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keys[kid] != nil && s.keys[kid].Equal(key) && s.usable(time.Now())
}

// usable tells whether the keys count, if not fresh then for want of newer ones.
func (s *keySet) usable(now time.Time) bool {
	return s.keys != nil && now.Before(s.fresh.Add(mostStale))
}

// begin fetches, for all who wait and for nobody in particular.
func (s *keySet) begin() chan struct{} {
	done := make(chan struct{})
	s.fetching = done
	s.blocked = time.Now().Add(coolDown)
	go func() { // it ends within fetchLimit
		defer close(done)
		keys, life, pause, err := s.fetch()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.fetching = nil
		now := time.Now()
		if until := now.Add(pause); until.After(s.blocked) {
			s.blocked = until
		}
		if s.failure = err; err != nil {
			s.log.Warn("keys not fetched", "issuer", s.issuer, "kept", len(s.keys), "error", err)
			return
		}
		s.keys, s.fetched, s.fresh = keys, now, now.Add(life)
	}()
	return done
}

// fetch gets the keys, how long they are fresh, and how long to leave the issuer alone.
func (s *keySet) fetch() (keys map[string]*rsa.PublicKey, life, pause time.Duration, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), fetchLimit)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, s.issuer+keysPath, nil)
	if err != nil {
		return nil, 0, 0, err
	}
	answer, err := s.http.Do(q)
	if err != nil {
		return nil, 0, 0, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, 0, retryAfter(answer.Header), fmt.Errorf("status %d", answer.StatusCode)
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxKeys+1))
	switch {
	case err != nil:
		return nil, 0, 0, err
	case len(text) > maxKeys:
		return nil, 0, 0, fmt.Errorf("more than %d bytes", maxKeys)
	}
	keys, err = readKeys(text)
	return keys, freshness(answer.Header), 0, err
}

// readKeys takes those keys of a set that can sign tokens.
func readKeys(text []byte) (map[string]*rsa.PublicKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, errors.New("the answer is no set of keys")
	}
	keys := map[string]*rsa.PublicKey{}
	for _, raw := range set.Keys {
		var k jose.JSONWebKey
		if json.Unmarshal(raw, &k) != nil || k.KeyID == "" || (k.Use != "" && k.Use != "sig") ||
			(k.Algorithm != "" && k.Algorithm != string(jose.RS256)) {
			continue
		}
		if public, ok := k.Key.(*rsa.PublicKey); ok && public.N.BitLen() >= smallestKey {
			keys[k.KeyID] = public
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("the set has no RSA key to sign with")
	}
	return keys, nil
}

// freshness is what Cache-Control says, within bounds.
func freshness(h http.Header) time.Duration {
	for part := range strings.SplitSeq(h.Get("Cache-Control"), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if seconds, err := strconv.ParseInt(strings.Trim(value, `"`), 10, 32); strings.EqualFold(name, "max-age") && err == nil {
			return min(max(time.Duration(seconds)*time.Second, leastFresh), mostFresh)
		}
	}
	return leastFresh
}

// retryAfter is how long an issuer asks to be left alone.
func retryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.ParseInt(text, 10, 32); err == nil {
		return min(max(time.Duration(seconds)*time.Second, 0), longestPause)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(time.Until(at), 0), longestPause)
	}
	return 0
}

// keep fetches the keys anew before they are old, until ctx ends. Keys that nobody has
// asked for are not fetched.
func (s *keySet) keep(ctx context.Context) {
	for {
		wait := coolDown
		s.mu.Lock()
		now := time.Now()
		if s.keys != nil {
			due := s.fetched.Add(s.fresh.Sub(s.fetched) * 3 / 4)
			if due.Before(s.blocked) {
				due = s.blocked
			}
			if wait = due.Sub(now); wait <= 0 {
				wait = coolDown
				if s.fetching == nil {
					s.begin()
				}
			}
		}
		s.mu.Unlock()
		select {
		case <-time.After(wait + rand.N(coolDown)):
		case <-ctx.Done():
			s.settle()
			return
		}
	}
}

// settle waits for a fetch that is under way.
func (s *keySet) settle() {
	s.mu.Lock()
	done := s.fetching
	s.mu.Unlock()
	if done != nil {
		<-done
	}
}
