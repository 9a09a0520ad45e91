package jws

import (
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/byova-host/byova-host/internal/byods/webextest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	org   = "7ecad38e-ba3f-4107-8de2-a7e6a73e6ea9"
	other = "912b2c37-3a3d-4b0e-8a4a-1d7a0f6c2a55"
)

// sources is a registry of a map.
type sources map[string][]DataSource

func (s sources) DataSources(org string) []DataSource { return s[org] }

// counted counts the requests that leave, by host.
type counted struct {
	to http.RoundTripper

	mu sync.Mutex
	n  map[string]int
}

func (c *counted) RoundTrip(q *http.Request) (*http.Response, error) {
	c.mu.Lock()
	c.n[q.URL.Host]++
	c.mu.Unlock()
	return c.to.RoundTrip(q)
}

func (c *counted) all() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, each := range c.n {
		n += each
	}
	return n
}

// desk is a verifier beside the Webex whose tokens it takes.
type desk struct {
	*Verifier
	webex *webextest.Server
	sent  *counted
	known sources
}

func newDesk(t testing.TB) *desk {
	t.Helper()
	server := webextest.New(webextest.Config{})
	d := &desk{
		webex: server, sent: &counted{to: server.Transport(), n: map[string]int{}},
		known: sources{org: {{
			ID: "source", Schema: "schema", URL: "https://bots.example.com:443", Audience: "audience", Subject: "subject",
			Nonces: []Nonce{{Value: "current"}, {Value: "previous", Until: time.Now().Add(time.Hour)}, {Value: "old", Until: time.Now().Add(-time.Minute)}},
		}}},
	}
	d.Verifier = New(Config{Issuers: []string{server.Issuer()}, Registry: d.known, HTTP: d.sent})
	return d
}

type claims = map[string]any

// claims are those of a token that counts.
func (d *desk) claims(change claims) claims {
	now := time.Now()
	all := claims{
		"iss": d.webex.Issuer(), "aud": "audience", "sub": "subject", "jti": "current",
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		"com.cisco.datasource.url": "https://bots.example.com:443", "com.cisco.datasource.schema.uuid": "schema", "com.cisco.org.uuid": org,
	}
	maps.Copy(all, change)
	for key, value := range change {
		if value == nil {
			delete(all, key)
		}
	}
	return all
}

func category(err error) Category {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Category
	}
	return ""
}

func encode(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// forge signs a header and claims as they are.
func forge(header, body string, sign func(signed string) []byte) string {
	signed := encode(header) + "." + encode(body)
	return signed + "." + base64.RawURLEncoding.EncodeToString(sign(signed))
}

func TestForgeries(t *testing.T) {
	d := newDesk(t)
	kid, public := d.webex.PublicKey()
	own, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	good := d.webex.Sign(d.claims(nil), nil)
	parts := strings.Split(good, ".")
	body, err := json.Marshal(d.claims(nil))
	if err != nil {
		t.Fatal(err)
	}
	byOwn := func(signed string) []byte {
		hash := sha256.Sum256([]byte(signed))
		signature, err := rsa.SignPKCS1v15(rand.Reader, own, crypto.SHA256, hash[:])
		if err != nil {
			t.Fatal(err)
		}
		return signature
	}
	byHMAC := func(key []byte) func(string) []byte {
		return func(signed string) []byte {
			mac := hmac.New(sha256.New, key)
			mac.Write([]byte(signed))
			return mac.Sum(nil)
		}
	}
	rs256 := fmt.Sprintf(`{"alg":"RS256","typ":"JWT","kid":%q}`, kid)
	with := func(change claims) string { return d.webex.Sign(d.claims(change), nil) }
	head := func(change claims) string { return d.webex.Sign(d.claims(nil), change) }
	now := time.Now()
	tests := []struct {
		name  string
		token string
		want  Category
	}{
		{"none", "", Missing},
		{"garbage", "garbage", Malformed},
		{"dots", "..", Malformed},
		{"four parts", good + ".x", Malformed},
		{"two parts", parts[0] + "." + parts[1], Malformed},
		{"no signature", parts[0] + "." + parts[1] + ".", Signature},
		{"1 MiB", strings.Repeat("x", 1<<20), Malformed},
		{"1 MiB of claims", parts[0] + "." + strings.Repeat("A", 1<<20) + "." + parts[2], Malformed},
		{"padding", parts[0] + "=." + parts[1] + "." + parts[2], Malformed},
		{"a line break", parts[0] + ".\n" + parts[1] + "." + parts[2], Malformed},
		{"white space before", " " + good, Malformed},
		{"standard base64", strings.NewReplacer("-", "+", "_", "/").Replace(parts[0]+"."+parts[1]) + "." + parts[2][:len(parts[2])-3] + "+//", Malformed},
		{"no JSON", forge("x", "y", byOwn), Malformed},
		{"a list for claims", forge(rs256, "[]", byOwn), Malformed},
		{"a header key twice", forge(`{"alg":"RS256","alg":"none","kid":"`+kid+`"}`, string(body), byOwn), Malformed},
		{"a claim twice", forge(rs256, `{"iss":"a","iss":"b"}`, byOwn), Malformed},
		{"more behind the claims", forge(rs256, string(body)+"{}", byOwn), Malformed},
		{"a critical header", head(claims{"crit": []string{"b64"}, "b64": false}), Malformed},
		{"another type", head(claims{"typ": "JOSE"}), Malformed},
		{"alg none", forge(`{"alg":"none","typ":"JWT","kid":"`+kid+`"}`, string(body), func(string) []byte { return nil }), AlgorithmMismatch},
		{"alg None", forge(`{"alg":"None","kid":"`+kid+`"}`, string(body), func(string) []byte { return nil }), AlgorithmMismatch},
		{"no alg", forge(`{"kid":"`+kid+`"}`, string(body), byOwn), AlgorithmMismatch},
		{"HS256 with the public key", forge(`{"alg":"HS256","kid":"`+kid+`"}`, string(body), byHMAC(public)), AlgorithmMismatch},
		{"HS256 said to be RS256", forge(rs256, string(body), byHMAC(public)), Signature},
		{"RS512", head(claims{"alg": "RS512"}), AlgorithmMismatch},
		{"PS256", head(claims{"alg": "PS256"}), AlgorithmMismatch},
		{"no kid", head(claims{"kid": nil}), KidMissing},
		{"empty kid", head(claims{"kid": ""}), KidMissing},
		{"kid a number", head(claims{"kid": 7}), KidMissing},
		{"unknown kid", head(claims{"kid": "another"}), KidUnknown},
		{"own key, its kid", forge(`{"alg":"RS256","kid":"mine"}`, string(body), byOwn), KidUnknown},
		{"own key, right kid", forge(rs256, string(body), byOwn), Signature},
		{"own key in the header", forge(`{"alg":"RS256","kid":"`+kid+`","jwk":{"kty":"RSA","e":"AQAB","n":"AQAB"},"jku":"https://evil.example"}`, string(body), byOwn), Signature},
		{"claims changed", parts[0] + "." + encode(strings.Replace(string(body), org, other, 1)) + "." + parts[2], Signature},
		{"no issuer", with(claims{"iss": nil}), IssuerMismatch},
		{"foreign issuer", with(claims{"iss": "https://evil.example/idb"}), IssuerMismatch},
		{"issuer with a slash", with(claims{"iss": d.webex.Issuer() + "/"}), IssuerMismatch},
		{"issuer in capitals", with(claims{"iss": strings.ToUpper(d.webex.Issuer())}), IssuerMismatch},
		{"issuer's host as a user", with(claims{"iss": "https://webex.test@evil.example/idb"}), IssuerMismatch},
		{"issuers", with(claims{"iss": []string{d.webex.Issuer()}}), IssuerMismatch},
		{"expired", with(claims{"exp": now.Add(-31 * time.Second).Unix()}), Expired},
		{"no exp", with(claims{"exp": nil}), ClaimMissing},
		{"exp null", forge(rs256, `{"exp":null}`, byOwn), Malformed},
		{"exp a text", with(claims{"exp": "tomorrow"}), Malformed},
		{"exp beyond all", with(claims{"exp": 1e300}), Malformed},
		{"no iat", with(claims{"iat": nil}), ClaimMissing},
		{"issued tomorrow", with(claims{"iat": now.Add(time.Hour).Unix()}), NotYetValid},
		{"not yet valid", with(claims{"nbf": now.Add(time.Minute).Unix()}), NotYetValid},
		{"an OAuth token", with(claims{"token_type": "Bearer"}), OAuthToken},
		{"no organisation", with(claims{"com.cisco.org.uuid": nil}), ClaimMissing},
		{"another organisation", with(claims{"com.cisco.org.uuid": other}), OrgMismatch},
		{"another URL", with(claims{"com.cisco.datasource.url": "https://bots.example.com"}), URLMismatch},
		{"URL with a slash", with(claims{"com.cisco.datasource.url": "https://bots.example.com:443/"}), URLMismatch},
		{"no URL", with(claims{"com.cisco.datasource.url": nil}), ClaimMissing},
		{"another schema", with(claims{"com.cisco.datasource.schema.uuid": "another"}), SchemaMismatch},
		{"no schema", with(claims{"com.cisco.datasource.schema.uuid": nil}), ClaimMissing},
		{"another audience", with(claims{"aud": "another"}), AudMismatch},
		{"other audiences", with(claims{"aud": []string{"a", "b"}}), AudMismatch},
		{"no audience", with(claims{"aud": nil}), ClaimMissing},
		{"another subject", with(claims{"sub": "another"}), SubMismatch},
		{"no subject", with(claims{"sub": nil}), ClaimMissing},
		{"another nonce", with(claims{"jti": "another"}), NonceMismatch},
		{"a nonce of long ago", with(claims{"jti": "old"}), NonceMismatch},
		{"no nonce", with(claims{"jti": nil}), ClaimMissing},

		{"good", good, ""},
		{"good, the nonce before", with(claims{"jti": "previous"}), ""},
		{"good, one of the audiences", with(claims{"aud": []string{"a", "audience"}}), ""},
		{"good, the organisation in capitals", with(claims{"com.cisco.org.uuid": strings.ToUpper(org)}), ""},
		{"good, just expired", with(claims{"exp": now.Add(-10 * time.Second).Unix()}), ""},
		{"good, a clock ahead", with(claims{"iat": now.Add(20 * time.Second).Unix()}), ""},
		{"good, a part of a second", with(claims{"exp": float64(now.Add(time.Hour).Unix()) + 0.5}), ""},
		{"good, no type", head(claims{"typ": nil}), ""},
		{"good, once more", good, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			identity, err := d.Verify(t.Context(), test.token)
			if got := category(err); got != test.want || (err == nil) != (test.want == "") {
				t.Fatalf("%v, want %q", err, test.want)
			}
			if err == nil && (identity.Org != org || identity.DataSource != "source") {
				t.Errorf("identity %+v", identity)
			}
			if err != nil && len(test.token) > 10 && strings.Contains(err.Error(), test.token[:10]) {
				t.Errorf("the token is shown: %v", err)
			}
			if err != nil && (strings.Contains(err.Error(), "evil") || strings.Contains(err.Error(), "current")) {
				t.Errorf("what nobody has verified is shown: %v", err)
			}
		})
	}
	if d.sent.n["evil.example"] > 0 || len(d.sent.n) != 1 || d.sent.all() != 1 {
		t.Errorf("requests %v, want one to the issuer alone", d.sent.n)
	}
}

// TestNoRequestLeaves for a token that cannot count anyhow.
func TestNoRequestLeaves(t *testing.T) {
	d := newDesk(t)
	for _, token := range []string{
		"", "a.b.c", d.webex.Sign(d.claims(claims{"iss": "https://evil.example/idb"}), nil),
		d.webex.Sign(d.claims(claims{"iss": "http://169.254.169.254/idb"}), nil),
		d.webex.Sign(d.claims(nil), claims{"alg": "HS256"}), d.webex.Sign(d.claims(nil), claims{"kid": nil}),
		d.webex.Sign(d.claims(nil), claims{"jku": d.webex.Issuer(), "alg": "ES256"}),
	} {
		if _, err := d.Verify(t.Context(), token); err == nil {
			t.Error("a forged token counts")
		}
	}
	if d.sent.all() != 0 {
		t.Errorf("%d requests", d.sent.all())
	}
}

// TestAllCountsAtOnce: what is remembered of a token does not outlive what it rests on.
func TestAllCountsAtOnce(t *testing.T) {
	tests := []struct {
		name   string
		change func(d *desk)
		want   Category
	}{
		{"nothing", func(*desk) {}, ""},
		{"deauthorised", func(d *desk) { delete(d.known, org) }, OrgMismatch},
		{"renewed twice", func(d *desk) { d.known[org][0].Nonces = []Nonce{{Value: "new"}} }, NonceMismatch},
		{"renewed, the one before counts", func(d *desk) {
			d.known[org][0].Nonces = []Nonce{{Value: "new"}, {Value: "current", Until: time.Now().Add(time.Minute)}}
		}, ""},
		{"registered elsewhere", func(d *desk) { d.known[org][0].URL = "https://elsewhere.example.com" }, URLMismatch},
		{"no URL is registered", func(d *desk) { d.known[org][0].URL = "" }, URLMismatch},
		{"a second data source", func(d *desk) {
			d.known[org] = append([]DataSource{{ID: "x", Schema: "schema", URL: "y"}}, d.known[org]...)
		}, ""},
		{"expired", func(*desk) { time.Sleep(time.Hour + 30*time.Second) }, Expired},
		{"the key withdrawn, and the set fetched anew", func(d *desk) {
			d.webex.RotateKey(true)
			time.Sleep(coolDown)
			_, _ = d.Verify(context.Background(), d.webex.Sign(d.claims(nil), nil)) // by the new key
		}, KidUnknown},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t)
				token := d.webex.Sign(d.claims(nil), nil)
				if _, err := d.Verify(t.Context(), token); err != nil {
					t.Fatal(err)
				}
				test.change(d)
				if _, err := d.Verify(t.Context(), token); category(err) != test.want {
					t.Errorf("%v, want %q", err, test.want)
				}
			})
		})
	}
}

// TestKeys: when they are fetched, and for how long they count.
func TestKeys(t *testing.T) {
	good := func(t *testing.T, d *desk) {
		t.Helper()
		if _, err := d.Verify(t.Context(), d.webex.Sign(d.claims(nil), nil)); err != nil {
			t.Error(err)
		}
	}
	refused := func(t *testing.T, d *desk, want Category) {
		t.Helper()
		if _, err := d.Verify(t.Context(), d.webex.Sign(d.claims(nil), nil)); category(err) != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	requests := func(t *testing.T, d *desk, want int) {
		t.Helper()
		if got := d.sent.all(); got != want {
			t.Errorf("%d requests, want %d", got, want)
		}
	}
	tests := []struct {
		name string
		do   func(t *testing.T, d *desk)
	}{
		{"once for many", func(t *testing.T, d *desk) {
			var all sync.WaitGroup
			for range 1000 {
				all.Go(func() { good(t, d) })
			}
			all.Wait()
			requests(t, d, 1)
		}},
		{"anew for an unknown key, but not for each", func(t *testing.T, d *desk) {
			good(t, d)
			for range 20 {
				_, _ = d.Verify(t.Context(), d.webex.Sign(d.claims(nil), claims{"kid": "unknown"}))
			}
			requests(t, d, 1) // within the cool-down
			d.webex.RotateKey(false)
			refused(t, d, KidUnknown)
			time.Sleep(coolDown)
			good(t, d)
			requests(t, d, 2)
		}},
		{"an outage of the issuer", func(t *testing.T, d *desk) {
			good(t, d)
			d.webex.Fail(webextest.Fault{Path: "/idb", Status: 503})
			time.Sleep(29 * time.Hour) // six of freshness, and 23 beyond
			good(t, d)
			time.Sleep(2 * time.Hour)
			refused(t, d, KeysUnavailable)
			d.webex.ClearFaults()
			time.Sleep(coolDown)
			good(t, d)
		}},
		{"an outage from the start", func(t *testing.T, d *desk) {
			d.webex.Fail(webextest.Fault{Path: "/idb", Break: true, Times: 1})
			refused(t, d, KeysUnavailable)
			refused(t, d, KeysUnavailable)
			requests(t, d, 1)
			time.Sleep(coolDown)
			good(t, d)
		}},
		{"a Retry-After", func(t *testing.T, d *desk) {
			d.webex.Fail(webextest.Fault{Path: "/idb", Status: 429, RetryAfter: "120", Times: 1})
			refused(t, d, KeysUnavailable)
			time.Sleep(119 * time.Second)
			refused(t, d, KeysUnavailable)
			requests(t, d, 1)
			time.Sleep(time.Second)
			good(t, d)
		}},
		{"nonsense for an answer", func(t *testing.T, d *desk) {
			for _, body := range []string{"<html>", `{"keys":[]}`, `{"keys":[{"kty":"oct","k":"AAAA","kid":"x"}]}`, "{", strings.Repeat(" ", maxKeys+1)} {
				d.webex.Fail(webextest.Fault{Path: "/idb", Body: body, Times: 1})
				refused(t, d, KeysUnavailable)
				time.Sleep(coolDown)
			}
			good(t, d)
		}},
		{"a redirect", func(t *testing.T, d *desk) {
			d.webex.Fail(webextest.Fault{Path: "/idb", Status: 302, Times: 1})
			refused(t, d, KeysUnavailable)
			requests(t, d, 1)
		}},
		{"an issuer that does not answer", func(t *testing.T, d *desk) {
			d.webex.Fail(webextest.Fault{Path: "/idb", Delay: time.Minute, Times: 1})
			began := time.Now()
			refused(t, d, KeysUnavailable)
			if took := time.Since(began); took != fetchLimit {
				t.Errorf("it took %v, want %v", took, fetchLimit)
			}
		}},
		{"who gives up does not take the fetch along", func(t *testing.T, d *desk) {
			d.webex.Fail(webextest.Fault{Path: "/idb", Delay: 2 * time.Second, Times: 1})
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err := d.Verify(ctx, d.webex.Sign(d.claims(nil), nil)); category(err) != KeysUnavailable || !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
			good(t, d)
			requests(t, d, 1)
		}},
		{"in the background, before they are old", func(t *testing.T, d *desk) {
			ctx, cancel := context.WithCancel(t.Context())
			var running sync.WaitGroup
			running.Go(func() { d.Run(ctx) })
			time.Sleep(time.Hour)
			requests(t, d, 0) // nobody has asked for this issuer
			good(t, d)
			d.webex.RotateKey(false)
			time.Sleep(6 * time.Hour)
			before := d.sent.all()
			good(t, d) // with the new key
			requests(t, d, before)
			cancel()
			running.Wait()
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test.do(t, newDesk(t)) })
		})
	}
}

// TestMemory: what is remembered is bounded.
func TestMemory(t *testing.T) {
	d := newDesk(t)
	if _, err := d.Verify(t.Context(), d.webex.Sign(d.claims(nil), nil)); err != nil {
		t.Fatal(err)
	}
	for i := range mostRemember + 10 {
		d.remember(&signature{sum: sha256.Sum256(fmt.Append(nil, i)), until: time.Now().Add(time.Minute)})
	}
	if len(d.good) != mostRemember || d.age.Len() != mostRemember {
		t.Errorf("%d and %d are remembered, want %d", len(d.good), d.age.Len(), mostRemember)
	}
	for range 10 {
		d.remember(&signature{sum: sha256.Sum256([]byte("the same")), until: time.Now().Add(time.Minute)})
	}
	if len(d.good) != d.age.Len() {
		t.Errorf("%d and %d are remembered", len(d.good), d.age.Len())
	}
}

func TestIssuerURLs(t *testing.T) {
	for issuer, good := range map[string]bool{
		"https://idbroker.webex.com/idb": true, "http://127.0.0.1:8080/idb": true, "http://localhost/idb": true, "http://[::1]:1/idb": true,
		"http://idbroker.webex.com/idb": false, "idbroker.webex.com": false, "": false, "https://": false, "https://a/idb/": false,
		"https://u@a/idb": false, "https://a/idb?x": false, "https://a/idb#x": false, "ftp://127.0.0.1/idb": false, "http://127.0.0.1.evil.example/": false,
	} {
		if err := CheckIssuer(issuer); (err == nil) != good {
			t.Errorf("%q: %v", issuer, err)
		}
	}
	v := New(Config{Issuers: []string{"http://evil.example/idb"}, Registry: sources{}})
	if len(v.sets) != 0 {
		t.Error("an issuer without TLS is asked for keys")
	}
}

func FuzzToken(f *testing.F) {
	d := newDesk(f)
	good := d.webex.Sign(d.claims(nil), nil)
	f.Add(good)
	f.Add("..")
	f.Add(encode(`{"alg":"RS256"}`) + "." + encode(`{"exp":1e9,"aud":["a"]}`) + ".AA")
	f.Fuzz(func(t *testing.T, token string) {
		_, claims, err := Inspect(token)
		if _, verified := d.Verify(t.Context(), token); verified == nil && token != good {
			t.Errorf("%q counts", token)
		}
		if err == nil && len(token) > maxToken {
			t.Errorf("%d bytes were read", len(token))
		}
		if err == nil && claims.Expires.Unix() < 0 && !claims.Expires.IsZero() {
			t.Errorf("expires at %v", claims.Expires)
		}
	})
}

func FuzzKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"RSA","kid":"a","e":"AQAB","n":"AQAB"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, err := readKeys(text)
		if (err == nil) != (len(keys) > 0) {
			t.Errorf("%d keys, %v", len(keys), err)
		}
	})
}

// BenchmarkVerify measures a token that is seen again, against one that is new.
func BenchmarkVerify(b *testing.B) {
	d := newDesk(b)
	token := d.webex.Sign(d.claims(nil), nil)
	b.Run("again", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := d.Verify(b.Context(), token); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("new", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			clear(d.good)
			d.age.Init()
			if _, err := d.Verify(b.Context(), token); err != nil {
				b.Fatal(err)
			}
		}
	})
}
