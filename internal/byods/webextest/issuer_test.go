package webextest_test

import (
	"crypto/x509"
	"encoding/pem"
	"maps"
	"strconv"
	"testing/synctest"
	"time"

	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"github.com/byova-host/byova-host/internal/byods/webextest"
	"math/big"
	"strings"
	"testing"
)

// verifies checks a token's signature with the key of a set that it names.
func verifies(t *testing.T, set reply, token string) error {
	t.Helper()
	for _, k := range set.json["keys"].([]any) {
		k := k.(object)
		if k["kid"] != part(t, token, 0)["kid"] {
			continue
		}
		n, err := base64.RawURLEncoding.DecodeString(k["n"].(string))
		if err != nil {
			t.Fatal(err)
		}
		e, err := base64.RawURLEncoding.DecodeString(k["e"].(string))
		if err != nil {
			t.Fatal(err)
		}
		key := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
		i := strings.LastIndexByte(token, '.')
		signature, err := base64.RawURLEncoding.DecodeString(token[i+1:])
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256([]byte(token[:i]))
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature)
	}
	return errors.New("no key of that kid")
}

func verify(t *testing.T, set reply, token string) {
	t.Helper()
	if err := verifies(t, set, token); err != nil {
		t.Error(err)
	}
}

// TestClaims: a token says what its data source is.
func TestClaims(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, webextest.Config{})
		time.Sleep(time.Second / 2)
		id := w.ask(200, "POST", "/dataSources", w.customer(customer), spec(nil)).str("id")
		token := w.Present(id)
		head := part(t, token, 0)
		if head["alg"] != "RS256" || head["typ"] != "JWT" || head["kid"] == "" || len(head) != 3 {
			t.Errorf("header %v", head)
		}
		issued := float64(time.Now().Unix())
		want := object{
			"iss": "https://webex.test/idb", "aud": "a", "sub": "s", "jti": "n-1", "iat": issued, "exp": issued + 3600,
			"com.cisco.datasource.url": "https://bots.example.com:443", "com.cisco.datasource.schema.uuid": voice, "com.cisco.org.uuid": customer,
		}
		if got := part(t, token, 1); !maps.Equal(got, want) {
			t.Errorf("claims %v,\nwant %v", got, want)
		}
		time.Sleep(2 * time.Hour)
		if w.Present(id) != token {
			t.Error("a token that has expired has become another one without an update")
		}
	})
}

// TestSign: tests forge with the real key.
func TestSign(t *testing.T) {
	w := start(t, webextest.Config{})
	id := w.ask(200, "POST", "/dataSources", w.customer(customer), spec(nil)).str("id")
	if w.Sign(w.Claims(id), nil) != w.Present(id) {
		t.Error("the same claims, signed again, are another token")
	}
	claims := w.Claims(id)
	claims["aud"] = "b"
	forged := w.Sign(claims, map[string]any{"alg": "none", "kid": nil, "jku": "https://example.com"})
	if head := part(t, forged, 0); !maps.Equal(head, object{"alg": "none", "typ": "JWT", "jku": "https://example.com"}) {
		t.Errorf("header %v", head)
	}
	if part(t, forged, 1)["aud"] != "b" || w.Claims(id)["aud"] != "a" {
		t.Error("claims that a test changes are not its own")
	}
	kid, text := w.PublicKey()
	block, _ := pem.Decode(text)
	if _, err := x509.ParsePKIXPublicKey(block.Bytes); err != nil || kid != part(t, w.Present(id), 0)["kid"] {
		t.Errorf("public key %s, %v", kid, err)
	}
}

// keySet fetches an issuer's keys.
func (w *webex) keySet(issuer string) reply {
	w.t.Helper()
	return w.ask(200, "GET", issuer+"/oauth2/v2/keys/verificationjwk", "", nil)
}

// TestRotateKey: old tokens count while their key is published.
func TestRotateKey(t *testing.T) {
	w := start(t, webextest.Config{})
	token := w.customer(customer)
	id := w.ask(200, "POST", "/dataSources", token, spec(nil)).str("id")
	first := w.Present(id)
	w.RotateKey(false)
	w.ask(200, "PUT", "/dataSources/"+id, token, spec(object{"nonce": "n-2", "status": "active"}))
	second := w.Present(id)
	both := w.keySet(w.Issuer())
	verify(t, both, first)
	verify(t, both, second)
	if part(t, first, 0)["kid"] == part(t, second, 0)["kid"] {
		t.Error("the key is still the same")
	}
	w.RotateKey(true)
	if err := verifies(t, w.keySet(w.Issuer()), second); err == nil || w.Present(id) != second {
		t.Errorf("the token of a data source that was not updated: %v", err)
	}
	verify(t, w.keySet(w.Issuer()), w.Sign(w.Claims(id), nil))
	if len(w.keySet(w.Issuer()).json["keys"].([]any)) != 1 {
		t.Error("keys that were removed are published")
	}
}

// TestKeyAge: key sets say how long they may be kept.
func TestKeyAge(t *testing.T) {
	for age, want := range map[time.Duration]string{0: "max-age=21600", time.Minute: "max-age=60", -1: ""} {
		w := start(t, webextest.Config{KeyMaxAge: age})
		if got := w.keySet(w.Issuer()).header.Get("Cache-Control"); got != want {
			t.Errorf("Cache-Control %q, want %q", got, want)
		}
	}
}

// TestIssuers: each has its own keys, at its own host.
func TestIssuers(t *testing.T) {
	us, eu := "https://idbroker.webex.com/idb", "https://idbroker-eu.webex.com/idb"
	w := start(t, webextest.Config{Issuers: []string{us, eu}})
	token := w.customer(customer)
	id := w.ask(200, "POST", "/dataSources", token, spec(nil)).str("id")
	fromUS := w.Present(id)
	if err := w.IssueFrom(customer, eu); err != nil {
		t.Fatal(err)
	}
	w.ask(200, "PUT", "/dataSources/"+id, token, spec(object{"status": "active"}))
	fromEU := w.Present(id)
	if w.Issuer() != us || part(t, fromUS, 1)["iss"] != us || part(t, fromEU, 1)["iss"] != eu {
		t.Errorf("issuers %s, %v, %v", w.Issuer(), part(t, fromUS, 1)["iss"], part(t, fromEU, 1)["iss"])
	}
	verify(t, w.keySet(us), fromUS)
	verify(t, w.keySet(eu), fromEU)
	verify(t, w.keySet(eu), w.Sign(w.Claims(id), nil))
	for _, wrong := range []error{verifies(t, w.keySet(eu), fromUS), verifies(t, w.keySet(us), fromEU)} {
		if wrong == nil {
			t.Error("a token counts with another issuer's keys")
		}
	}
	w.ask(404, "GET", "https://idbroker.example.com/idb/oauth2/v2/keys/verificationjwk", "", nil)
	if err := w.IssueFrom(customer, "https://idbroker.example.com/idb"); err == nil {
		t.Error("an issuer that is not there makes tokens")
	}
}

// BenchmarkUpdate: what a renewal costs, with its token in the answer and without.
func BenchmarkUpdate(b *testing.B) {
	for name, omit := range map[string][]string{"signed": nil, "lazy": {"jwsToken"}} {
		b.Run(name, func(b *testing.B) {
			w := start(b, webextest.Config{OmitKeys: omit})
			token := w.customer(customer)
			id := w.ask(200, "POST", "/dataSources", token, spec(nil)).str("id")
			i := 0
			for b.Loop() {
				i++
				w.ask(200, "PUT", "/dataSources/"+id, token, spec(object{"nonce": strconv.Itoa(i), "status": "active"}))
			}
		})
	}
}
