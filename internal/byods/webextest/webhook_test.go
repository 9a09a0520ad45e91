package webextest_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/byova-host/byova-host/internal/byods/webextest"
)

// TestWebhook goes through the life of one.
func TestWebhook(t *testing.T) {
	w := start(t, webextest.Config{})
	token := w.integration()
	made := w.ask(200, "POST", "/webhooks", token, w.newHook("authorized", nil))
	id := made.str("id")
	for key, want := range w.newHook("authorized", object{"status": "active", "ownedBy": "creator"}) {
		if made.json[key] != want {
			t.Errorf("%s is %v, want %v", key, made.json[key], want)
		}
	}
	if _, err := time.Parse(time.RFC3339, made.str("created")); err != nil || id == "" || strings.Contains(id, "=") {
		t.Errorf("webhook %s: %v", made.text, err)
	}
	read := w.ask(200, "GET", "/webhooks/"+id, token, nil)
	list := w.ask(200, "GET", "/webhooks", token, nil).items()
	if read.text != made.text || len(list) != 1 || fmt.Sprint(list[0]) != fmt.Sprint(made.json) {
		t.Errorf("made %s, read %s, listed %v", made.text, read.text, list)
	}
	// Only name, target, secret, owner and status are looked at, and the last three may be left out.
	changed := w.ask(200, "PUT", "/webhooks/"+id, token, object{
		"name": "n", "targetUrl": "https://elsewhere.example.com/", "event": "deauthorized", "filter": "id=x", "anything": 1,
	})
	if want := merged(made.json, object{"name": "n", "targetUrl": "https://elsewhere.example.com/"}); fmt.Sprint(want) != fmt.Sprint(changed.json) {
		t.Errorf("changed to %v, want %v", changed.json, want)
	}
	changed = w.ask(200, "PUT", "/webhooks/"+id, token, object{"name": "n", "targetUrl": hooksURL, "secret": "next", "status": "active", "ownedBy": "org"})
	if changed.str("secret") != "next" || changed.str("status") != "active" || changed.str("ownedBy") != "org" {
		t.Errorf("changed to %s", changed.text)
	}
	if r := w.ask(204, "DELETE", "/webhooks/"+id, token, nil); r.text != "" {
		t.Errorf("204 with a body: %q", r.text)
	}
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		w.ask(404, method, "/webhooks/"+id, token, w.newHook("authorized", nil))
	}
	if r := w.ask(200, "GET", "/webhooks", token, nil); !strings.Contains(r.text, `"items":[]`) {
		t.Errorf("an empty list is %s", r.text)
	}
}

// TestWebhookBodies that are refused, by name.
func TestWebhookBodies(t *testing.T) {
	w := start(t, webextest.Config{})
	token := w.integration()
	id := w.ask(200, "POST", "/webhooks", token, w.newHook("authorized", nil)).str("id")
	tests := []struct {
		name    string
		method  string
		changes object
		want    string // in the error
	}{
		{"no name", "POST", object{"name": nil}, "name is required"},
		{"no target", "POST", object{"targetUrl": nil}, "targetUrl is required"},
		{"no resource", "POST", object{"resource": nil}, "resource is required"},
		{"no event", "POST", object{"event": nil}, "event is required"},
		{"null", "POST", object{"name": []any(nil)}, "name is required"},
		{"empty name", "POST", object{"name": " "}, "name must not be empty"},
		{"no text", "POST", object{"name": 1}, "name must be a string"},
		{"a target that is no URL", "POST", object{"targetUrl": "provider.example.com/webex"}, "targetUrl must be"},
		{"another resource", "POST", object{"resource": "meetings"}, "resource must be"},
		{"another event", "POST", object{"event": "created"}, "event must be"},
		{"another owner", "POST", object{"ownedBy": "me"}, "ownedBy must be"},
		{"a filter of unknown keys", "POST", object{"filter": "appId=1"}, "filter: appId"},
		{"a filter of no form", "POST", object{"filter": "id=%zz"}, "filter must"},
		{"a key in another spelling", "POST", object{"targetURL": hooksURL}, "targetURL is no key"},
		{"status from the start", "POST", object{"status": "active"}, "status is no key"},
		{"change without name", "PUT", object{"name": nil}, "name is required"},
		{"change without target", "PUT", object{"targetUrl": nil}, "targetUrl is required"},
		{"change to inactive", "PUT", object{"status": "inactive"}, "status must be"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := map[string]string{"POST": "/webhooks", "PUT": "/webhooks/" + id}[test.method]
			if r := w.ask(400, test.method, path, token, w.newHook("authorized", test.changes)); !strings.Contains(r.text, test.want) {
				t.Errorf("error %s does not say %q", r.text, test.want)
			}
		})
	}
	for _, text := range []string{"", "{", "[]", "null", "{} {}", `{"name":"a`, strings.Repeat(" ", 1<<20+1)} {
		w.ask(400, "POST", "/webhooks", token, text)
	}
	w.ask(415, "POST", "/webhooks", token, plus(nil, "name", "a"))
	if n := len(w.ask(200, "GET", "/webhooks", token, nil).items()); n != 1 {
		t.Errorf("%d webhooks after refusals, want 1", n)
	}
}

// TestWebhookPages: lists come in pages that Link headers lead through, and what is
// removed or added meanwhile repeats and hides nothing else.
func TestWebhookPages(t *testing.T) {
	for _, test := range []struct {
		name  string
		size  int // of the configuration
		query string
		pages []int
	}{
		{"all", 0, "", []int{7}},
		{"max", 0, "?max=3", []int{3, 3, 1}},
		{"max that fits", 0, "?max=7", []int{7}},
		{"at most", 2, "?max=5", []int{2, 2, 2, 1}},
		{"at most, not asked", 4, "", []int{4, 3}},
		{"the organisation's", 0, "?ownedBy=org&max=1", []int{1, 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := start(t, webextest.Config{PageSize: test.size})
			token := w.integration()
			for i := range 9 {
				owner := map[bool]any{true: "org"}[i == 3 || i == 5]
				w.ask(200, "POST", "/webhooks", token, w.newHook("authorized", object{"name": fmt.Sprint(i), "ownedBy": owner}))
			}
			var names []string
			next := "/webhooks" + test.query
			for i, want := range test.pages {
				r := w.ask(200, "GET", next, token, nil)
				if len(r.items()) != want {
					t.Errorf("page %d has %d, want %d", i, len(r.items()), want)
				}
				for _, item := range r.items() {
					names = append(names, item["name"].(string))
				}
				link := regexp.MustCompile(`^<(https://webex\.test/v1/webhooks\?.*)>; rel="next"$`).FindStringSubmatch(r.header.Get("Link"))
				if (link == nil) != (i == len(test.pages)-1) {
					t.Fatalf("page %d has Link %q", i, r.header.Get("Link"))
				}
				if link != nil {
					next = link[1]
				}
			}
			want := "0 1 2 4 6 7 8"
			if strings.Contains(test.query, "org") {
				want = "3 5"
			}
			if strings.Join(names, " ") != want {
				t.Errorf("listed %v, want %s", names, want)
			}
		})
	}
	w := start(t, webextest.Config{})
	token := w.integration()
	for _, query := range []string{"max=0", "max=-1", "max=x", "cursor=x", "ownedBy=me"} {
		w.ask(400, "GET", "/webhooks?"+query, token, nil)
	}
}

// TestWebhookPagesChange: what is removed between two pages moves nothing.
func TestWebhookPagesChange(t *testing.T) {
	w := start(t, webextest.Config{})
	token := w.integration()
	var ids []string
	for i := range 5 {
		ids = append(ids, w.ask(200, "POST", "/webhooks", token, w.newHook("authorized", object{"name": fmt.Sprint(i)})).str("id"))
	}
	first := w.ask(200, "GET", "/webhooks?max=2", token, nil)
	for _, i := range []int{0, 1, 3} {
		w.ask(204, "DELETE", "/webhooks/"+ids[i], token, nil)
	}
	link := first.header.Get("Link")
	second := w.ask(200, "GET", link[1:strings.IndexByte(link, '>')], token, nil).items()
	if len(second) != 2 || second[0]["name"] != "2" || second[1]["name"] != "4" {
		t.Errorf("the second page has %v", second)
	}
}

// TestPageLinks are of the server that was asked, also over a socket.
func TestPageLinks(t *testing.T) {
	w := start(t, webextest.Config{PageSize: 1})
	if err := w.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	carrier := &http.Transport{}
	defer carrier.CloseIdleConnections()
	w.carrier = carrier
	token := w.integration()
	for range 2 {
		w.ask(200, "POST", "/webhooks", token, w.newHook("authorized", nil))
	}
	if link := w.ask(200, "GET", "/webhooks", token, nil).header.Get("Link"); !strings.HasPrefix(link, "<"+w.API()+"/webhooks?") {
		t.Errorf("Link %q, want one below %s", link, w.API())
	}
}

// TestRoutes: what is not there is 404, and other methods are 405.
func TestRoutes(t *testing.T) {
	w := start(t, webextest.Config{})
	w.ask(404, "GET", "/datasources", "", nil) // only one of the spellings in documents is right
	w.ask(404, "GET", "/people/me", "", nil)
	w.ask(404, "GET", w.URL()+"/", "", nil)
	for _, path := range []string{"/dataSources/x", "/access_token", "/applications/x/token", w.Issuer() + "/oauth2/v2/keys/verificationjwk"} {
		r := w.ask(405, "PATCH", path, "", nil)
		if allow := strings.Split(r.header.Get("Allow"), ", "); len(allow) == 0 || slices.Contains(allow, "") || slices.Contains(allow, "PATCH") {
			t.Errorf("%s allows %q", path, allow)
		}
	}
	if r := w.ask(200, "GET", "/dataSources/schemas", w.PersonalToken(), nil); r.header.Get("trackingid") == "" {
		t.Error("an answer without trackingid")
	}
}
