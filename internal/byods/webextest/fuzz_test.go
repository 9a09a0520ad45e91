package webextest_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/byova-host/byova-host/internal/byods/webextest"
)

// FuzzBodies: no body breaks the server; it is taken or refused with reasons, and
// what is taken is answered as it came.
func FuzzBodies(f *testing.F) {
	good, err := json.Marshal(spec(nil))
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{string(good), "{}", "null", `{"nonce":1}`, `{"schemaId":["x"],"tokenLifeMinutes":"60"}`, `{"url":"https://[::1"}`} {
		f.Add(seed, false)
		f.Add(seed, true)
	}
	servers := map[bool]*webex{}
	tokens := map[bool]string{}
	for _, legacy := range []bool{false, true} {
		w := start(f, webextest.Config{LegacyRequests: legacy, AllowDuplicates: true, OmitKeys: []string{"jwsToken"}})
		servers[legacy], tokens[legacy] = w, w.customer(customer)
	}
	f.Fuzz(func(t *testing.T, body string, legacy bool) {
		w := servers[legacy].on(t)
		header := http.Header{"Authorization": {"Bearer " + tokens[legacy]}, "Content-Type": {"application/json"}}
		r, err := w.send(t.Context(), "POST", "/dataSources", header, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		switch r.status {
		case 400:
			w.checkError(r)
		case 200:
			var sent object
			if err := json.Unmarshal([]byte(body), &sent); err != nil {
				t.Fatalf("%q is taken: %v", body, err)
			}
			for _, key := range []string{"url", "audience", "subject", "nonce"} {
				if sent[key] != r.json[key] {
					t.Errorf("%s: sent %q, answered %q", key, sent[key], r.json[key])
				}
			}
			w.ask(204, "DELETE", "/dataSources/"+r.str("id"), tokens[legacy], nil)
		default:
			t.Errorf("%q gets %d: %s", body, r.status, r.text)
		}
	})
}

// FuzzTarget: an organisation's id in any form gets tokens, or is refused.
func FuzzTarget(f *testing.F) {
	for _, seed := range []string{customer, encoded("ORGANIZATION", customer), strings.ToUpper(customer), "", "Y2lzY29zcGFyazovL3Vz", "====", "a/b"} {
		f.Add(seed)
	}
	w := start(f, webextest.Config{})
	token := w.integration()
	w.customer(customer)
	f.Fuzz(func(t *testing.T, target string) {
		body, err := json.Marshal(object{"clientId": w.Config().ServiceAppID, "clientSecret": w.Config().ServiceAppSecret, "targetOrgId": target})
		if err != nil {
			t.Fatal(err)
		}
		header := http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}}
		r, err := w.send(t.Context(), "POST", "/applications/"+w.applicationID()+"/token", header, strings.NewReader(string(body)))
		if err != nil || r.status != 200 && r.status != 400 && r.status != 404 {
			t.Errorf("target %q gets %d, %v", target, r.status, err)
		}
	})
}

// FuzzConsent: no authorize URL sends anybody but to the registered redirect URI.
func FuzzConsent(f *testing.F) {
	w := start(f, webextest.Config{IntegrationID: "C1"})
	f.Add(w.authorizeURL("spark:all"))
	f.Add(w.authorizeURL("spark:all", "redirect_uri", "https://elsewhere.example.com"))
	f.Add("%zz")
	f.Fuzz(func(t *testing.T, at string) {
		to, err := w.Consent(at, false)
		if err != nil {
			return
		}
		u, err := url.Parse(to)
		if err != nil || u.Scheme+"://"+u.Host+u.Path != w.Config().RedirectURI {
			t.Errorf("%q sends to %q, %v", at, to, err)
		}
	})
}
