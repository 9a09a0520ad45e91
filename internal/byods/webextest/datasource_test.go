package webextest_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/byova-host/byova-host/internal/byods/webextest"
)

// TestDataSource goes through the life of one.
func TestDataSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, webextest.Config{})
		token := w.customer(customer)
		began := time.Now().UTC()
		made := w.ask(200, "POST", "/dataSources", token, spec(nil))
		id := made.str("id")
		want := spec(object{
			"id": id, "tokenLifetimeMinutes": 60.0, "status": "active", "orgId": customer, "applicationId": w.Config().ServiceAppID,
			"jwsToken": w.Present(id), "tokenExpiryTime": began.Add(time.Hour).Format("2006-01-02T15:04:05.000Z"),
			"createdBy": made.json["createdBy"], "updatedBy": made.json["updatedBy"],
			"createdAt": began.Format("2006-01-02T15:04:05.000Z"), "updatedAt": began.Format("2006-01-02T15:04:05.000Z"),
		})
		if !maps.Equal(made.json, want) || id == "" || made.str("createdBy") == "" {
			t.Errorf("made %v,\nwant %v", made.json, want)
		}
		for _, list := range []string{"/dataSources", "/dataSources/"} {
			if all := w.ask(200, "GET", list, token, nil).items(); len(all) != 1 || !maps.Equal(all[0], want) {
				t.Errorf("%s has %v", list, all)
			}
		}
		if read := w.ask(200, "GET", "/dataSources/"+id, token, nil); !maps.Equal(read.json, want) {
			t.Errorf("read %v", read.json)
		}

		time.Sleep(10 * time.Minute)
		before := w.Present(id)
		updated := w.ask(200, "PUT", "/dataSources/"+id, token, spec(object{"nonce": "n-2", "status": "active", "tokenLifetimeMinutes": 1440}))
		after := w.Present(id)
		if updated.str("nonce") != "n-2" || updated.str("jwsToken") != after || after == before || part(t, after, 1)["jti"] != "n-2" ||
			updated.str("updatedAt") == made.str("updatedAt") || updated.str("createdAt") != made.str("createdAt") {
			t.Errorf("updated to %v", updated.json)
		}
		again := w.ask(200, "PUT", "/dataSources/"+id, token, spec(object{"nonce": "n-2", "status": "active", "tokenLifetimeMinutes": 1440}))
		if again.str("jwsToken") != after {
			t.Error("the same update at the same moment makes another token")
		}

		w.ask(204, "DELETE", "/dataSources/"+id, token, nil)
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			w.ask(404, method, "/dataSources/"+id, token, spec(object{"status": "active"}))
		}
		if w.Present(id) != "" || w.DataSourceOf(customer) != "" || w.Claims(id) != nil {
			t.Error("a data source that was removed has a token")
		}
	})
}

// TestDisable: a reason is wanted, and no token is presented until it is active again.
func TestDisable(t *testing.T) {
	w := start(t, webextest.Config{})
	token := w.customer(customer)
	id := w.ask(200, "POST", "/dataSources", token, spec(nil)).str("id")
	put := func(want int, changes object) reply {
		return w.ask(want, "PUT", "/dataSources/"+id, token, spec(changes))
	}
	put(400, object{"status": "disabled"})
	put(400, object{"status": "disabled", "errorMessage": " "})
	put(400, object{"status": "inactive", "errorMessage": "outage"})
	if r := put(200, object{"status": "disabled", "errorMessage": "outage"}); r.str("status") != "disabled" || r.str("errorMessage") != "outage" {
		t.Errorf("disabled: %s", r.text)
	}
	if w.Present(id) != "" {
		t.Error("Webex presents a token of a data source that is disabled")
	}
	if r := put(200, object{"status": "active", "errorMessage": ""}); r.str("status") != "active" || r.json["errorMessage"] != nil {
		t.Errorf("enabled: %s", r.text)
	}
	if w.Present(id) == "" {
		t.Error("Webex presents no token of a data source that is active")
	}
}

// TestDataSourceBodies that are refused, by name.
func TestDataSourceBodies(t *testing.T) {
	w := start(t, webextest.Config{Domains: []string{"bots.example.com", "Other.example.com"}})
	token := w.customer(customer)
	id := w.ask(200, "POST", "/dataSources", token, spec(nil)).str("id")
	tests := []struct {
		name    string
		changes object
		want    string // in the error; empty: taken
	}{
		{"unchanged", nil, ""},
		{"shortest", object{"tokenLifetimeMinutes": 1}, ""},
		{"longest", object{"tokenLifetimeMinutes": 1440}, ""},
		{"below the domain", object{"url": "https://a.bots.example.com"}, ""},
		{"another case", object{"url": "https://OTHER.example.COM:50051"}, ""},
		{"WebSocket", object{"url": "wss://bots.example.com"}, ""},
		{"no schema", object{"schemaId": nil}, "schemaId is required"},
		{"no url", object{"url": nil}, "url is required"},
		{"no audience", object{"audience": nil}, "audience is required"},
		{"no subject", object{"subject": nil}, "subject is required"},
		{"no nonce", object{"nonce": nil}, "nonce is required"},
		{"no lifetime", object{"tokenLifetimeMinutes": nil}, "tokenLifetimeMinutes is required"},
		{"empty nonce", object{"nonce": ""}, "nonce must not be empty"},
		{"too short", object{"tokenLifetimeMinutes": 0}, "from 1 to 1440"},
		{"too long", object{"tokenLifetimeMinutes": 1441}, "from 1 to 1440"},
		{"negative", object{"tokenLifetimeMinutes": -60}, "from 1 to 1440"},
		{"a lifetime in a string", object{"tokenLifetimeMinutes": "60"}, "must be a whole number"},
		{"a broken lifetime", object{"tokenLifetimeMinutes": 1.5}, "must be a whole number"},
		{"the older key", object{"tokenLifetimeMinutes": nil, "tokenLifeMinutes": "60"}, "tokenLifeMinutes is no key"},
		{"another spelling", object{"tokenlifetimeminutes": 60}, "tokenlifetimeminutes is no key"},
		{"a list of schemas", object{"schemaId": []string{voice}}, "schemaId must be a string"},
		{"an unknown schema", object{"schemaId": "78efc775-dccb-45ca-9acf-989a4a59f788"}, "there is no schema"},
		{"another domain", object{"url": "https://bots.example.org"}, "not within a domain"},
		{"a domain that only ends alike", object{"url": "https://mybots.example.com"}, "not within a domain"},
		{"above the domain", object{"url": "https://example.com"}, "not within a domain"},
		{"no scheme", object{"url": "bots.example.com:50051"}, "url must be"},
		{"another scheme", object{"url": "http://bots.example.com"}, "url must be"},
		{"no host", object{"url": "https:///x"}, "url must be"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			want := map[bool]int{true: 200, false: 400}[test.want == ""]
			put := w.ask(want, "PUT", "/dataSources/"+id, token, merged(spec(test.changes), object{"status": "active"}))
			w.ask(200, "PUT", "/dataSources/"+id, token, spec(object{"status": "active", "url": "https://bots.example.com/elsewhere"}))
			post := w.ask(want, "POST", "/dataSources", token, spec(test.changes))
			if test.want == "" {
				w.ask(204, "DELETE", "/dataSources/"+post.str("id"), token, nil)
			}
			for _, r := range []reply{put, post} {
				if !strings.Contains(r.text, test.want) {
					t.Errorf("error %s does not say %q", r.text, test.want)
				}
			}
		})
	}
	w.ask(400, "PUT", "/dataSources/"+id, token, spec(nil)) // without status it is not whole
	w.ask(400, "PUT", "/dataSources/"+id, token, object{"status": "active"})
	w.ask(400, "PUT", "/dataSources/"+id, token, spec(object{"status": "active", "schemaId": "a38a10b7-43e4-4676-a076-a7d6dce9387d"}))
	w.ask(400, "POST", "/dataSources", token, spec(object{"status": "active"}))
	w.ask(415, "POST", "/dataSources", token, plus(nil, "nonce", "n"))
	w.ask(415, "PUT", "/dataSources/"+id, token, plus(nil, "nonce", "n"))
	if r := w.ask(400, "POST", "/dataSources", token, "{}"); strings.Count(r.text, "is required") != 6 {
		t.Errorf("an empty body is told %s, want all that is missing", r.text)
	}
}

// TestOrganisations see nothing of each other.
func TestOrganisations(t *testing.T) {
	w := start(t, webextest.Config{})
	mine, theirs := w.customer(customer), w.customer(other)
	id := w.ask(200, "POST", "/dataSources", mine, spec(nil)).str("id")
	w.ask(200, "POST", "/dataSources", theirs, spec(nil)) // no duplicate of another organisation's
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		w.ask(404, method, "/dataSources/"+id, theirs, spec(object{"status": "active"}))
	}
	if all := w.ask(200, "GET", "/dataSources", theirs, nil).items(); len(all) != 1 || all[0]["id"] == id {
		t.Errorf("another organisation has %v", all)
	}
	if w.DataSourceOf(customer) != id || w.DataSourceOf(encoded("ORGANIZATION", customer)) != id || w.DataSourceOf("nobody") != "" {
		t.Error("DataSourceOf gives another one")
	}
}

// TestDuplicates are conflicts, unless they are allowed.
func TestDuplicates(t *testing.T) {
	w := start(t, webextest.Config{})
	token := w.customer(customer)
	w.ask(200, "POST", "/dataSources", token, spec(nil))
	w.ask(409, "POST", "/dataSources", token, spec(object{"nonce": "n-2", "audience": "b"}))
	w.ask(200, "POST", "/dataSources", token, spec(object{"url": "https://bots.example.com"})) // another string, another source
	w.ask(200, "POST", "/dataSources", token, spec(object{"schemaId": "a38a10b7-43e4-4676-a076-a7d6dce9387d"}))
	second, err := w.AddDataSource(customer, "", voice, "https://bots.example.com:443")
	if all := w.ask(200, "GET", "/dataSources", token, nil).items(); err != nil || len(all) != 4 || w.DataSourceOf(customer) != second {
		t.Errorf("%v, %d data sources", err, len(all))
	}
	allowed := start(t, webextest.Config{AllowDuplicates: true})
	token = allowed.customer(customer)
	for range 2 {
		allowed.ask(200, "POST", "/dataSources", token, spec(nil))
	}
}

// TestForeignDataSource: another application's are seen and cannot be touched.
func TestForeignDataSource(t *testing.T) {
	w := start(t, webextest.Config{})
	token := w.customer(customer)
	id, err := w.AddDataSource(customer, "C1", voice, "https://bots.example.com")
	if err != nil {
		t.Fatal(err)
	}
	if r := w.ask(200, "GET", "/dataSources/"+id, token, nil); r.str("applicationId") != "C1" {
		t.Errorf("applicationId is %q", r.str("applicationId"))
	}
	w.ask(403, "PUT", "/dataSources/"+id, token, spec(object{"status": "active"}))
	w.ask(403, "DELETE", "/dataSources/"+id, token, nil)
	if _, err := w.AddDataSource("nobody", "", voice, "https://bots.example.com"); err == nil {
		t.Error("nobody has a data source")
	}
}

// TestAnswerKeys: what is documented can be all that is answered, in either spelling.
func TestAnswerKeys(t *testing.T) {
	undocumented := []string{
		"orgId", "applicationId", "jwsToken", "tokenExpiryTime", "createdBy", "createdAt", "updatedBy", "updatedAt",
	}
	for _, test := range []struct {
		name   string
		config webextest.Config
		want   string
	}{
		{"all", webextest.Config{}, "applicationId audience createdAt createdBy id jwsToken nonce orgId schemaId status subject " +
			"tokenExpiryTime tokenLifetimeMinutes updatedAt updatedBy url"},
		{"documented", webextest.Config{OmitKeys: undocumented}, "audience id nonce schemaId status subject tokenLifetimeMinutes url"},
		{"older", webextest.Config{LegacyResponses: true, OmitKeys: []string{"url", "audience"}},
			"applicationId createdAt createdBy id jwtToken nonce orgId schemaId status subject tokenExpiryTime tokenLifeMinutes updatedAt updatedBy"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := start(t, test.config)
			token := w.customer(customer)
			made := w.ask(200, "POST", "/dataSources", token, spec(nil))
			for _, r := range []object{
				made.json, w.ask(200, "GET", "/dataSources", token, nil).items()[0],
				w.ask(200, "GET", "/dataSources/"+made.str("id"), token, nil).json,
				w.ask(200, "PUT", "/dataSources/"+made.str("id"), token, spec(object{"status": "active"})).json,
			} {
				if got := strings.Join(slices.Sorted(maps.Keys(r)), " "); got != test.want {
					t.Errorf("answered %s,\nwant %s", got, test.want)
				}
			}
			if test.config.LegacyResponses && (made.str("tokenLifeMinutes") != "60" || fmt.Sprint(made.json["schemaId"]) != "["+voice+"]") {
				t.Errorf("answered %s", made.text)
			}
		})
	}
}

// TestLegacyRequests: only the older keys are taken.
func TestLegacyRequests(t *testing.T) {
	w := start(t, webextest.Config{LegacyRequests: true})
	token := w.customer(customer)
	older := func(changes object) object {
		return merged(spec(object{"schemaId": []string{voice}, "tokenLifetimeMinutes": nil, "tokenLifeMinutes": "1440"}), changes)
	}
	made := w.ask(200, "POST", "/dataSources", token, older(nil))
	if made.json["tokenLifetimeMinutes"] != 1440.0 || made.str("schemaId") != voice {
		t.Errorf("made %s", made.text)
	}
	w.ask(200, "PUT", "/dataSources/"+made.str("id"), token, older(object{"status": "active", "tokenLifeMinutes": "1"}))
	for _, changes := range []object{
		{"tokenLifeMinutes": 60}, {"tokenLifeMinutes": "x"}, {"tokenLifeMinutes": "0"}, {"tokenLifeMinutes": "1441"}, {"tokenLifeMinutes": nil},
		{"tokenLifeMinutes": nil, "tokenLifetimeMinutes": 60}, {"schemaId": voice}, {"schemaId": []string{}}, {"schemaId": []string{""}},
		{"schemaId": []string{voice, voice}}, {"schemaId": nil}, {"schemaId": []string{"x"}},
	} {
		changes["url"] = "https://new.example.com" // no duplicate
		w.ask(400, "POST", "/dataSources", token, older(changes))
	}
}

// TestSchemas lists them, with either path, and gives each.
func TestSchemas(t *testing.T) {
	w := start(t, webextest.Config{})
	token := w.integration()
	for _, path := range []string{"/dataSources/schemas", "/dataSources/schemas/"} {
		found := false
		for _, schema := range w.ask(200, "GET", path, token, nil).items() {
			one := w.ask(200, "GET", "/dataSources/schemas/"+schema["id"].(string), token, nil)
			if !maps.Equal(one.json, schema) || schema["appType"] != "serviceApp" || schema["serviceType"] == "" || schema["url"] == "" {
				t.Errorf("schema %v, alone %v", schema, one.json)
			}
			if _, err := time.Parse(time.RFC3339, schema["createdAt"].(string)); err != nil {
				t.Error(err)
			}
			found = found || schema["id"] == voice && schema["protocol"] == "gRPC"
		}
		if !found {
			t.Errorf("%s has no voice virtual agent", path)
		}
	}
	w.ask(404, "GET", "/dataSources/schemas/78efc775-dccb-45ca-9acf-989a4a59f788", token, nil)
}
