package webextest

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// hook is a webhook.
type hook struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	TargetURL string    `json:"targetUrl"`
	Resource  string    `json:"resource"`
	Event     string    `json:"event"`
	Filter    string    `json:"filter,omitempty"`
	Secret    string    `json:"secret,omitempty"`
	Status    string    `json:"status"`
	Created   time.Time `json:"created"`
	OwnedBy   string    `json:"ownedBy"`

	number    int         // counts up, for pages
	failures  []time.Time // of deliveries, within the last five minutes
	reenabled time.Time
}

const (
	active   = "active"
	inactive = "inactive"
	creator  = "creator"
	wholeOrg = "org"
)

// createWebhook registers one. Several that are the same are allowed, as at Webex.
func (s *Server) createWebhook(c call) answer {
	b, a, ok := c.object()
	if !ok {
		return a
	}
	b.known("name", "targetUrl", "resource", "event", "filter", "secret", "ownedBy")
	b.required("name", "targetUrl", "resource", "event")
	h := &hook{
		Name: b.text("name"), TargetURL: b.webURL("targetUrl"),
		Resource: b.oneOf("resource", "serviceApp"), Event: b.oneOf("event", "authorized", "deauthorized"),
		Filter: b.text("filter"), Secret: b.text("secret"), OwnedBy: b.oneOf("ownedBy", creator, wholeOrg),
		ID: encodeID("WEBHOOK", newUUID()), Status: active, Created: time.Now().UTC().Truncate(time.Millisecond),
	}
	b.filter(h.Filter)
	if a, wrong := b.refused(); wrong {
		return a
	}
	if h.OwnedBy == "" {
		h.OwnedBy = creator
	}
	if n := len(s.hooks); n > 0 {
		h.number = s.hooks[n-1].number
	}
	h.number++
	s.keep(h.Secret)
	s.hooks = append(s.hooks, h)
	return done(*h)
}

// webURL reads a URL that something can be posted to.
func (b *body) webURL(key string) string {
	text := b.text(key)
	at, err := url.Parse(text)
	if text != "" && (err != nil || at.Host == "" || at.Scheme != "https" && at.Scheme != "http") {
		b.complain("%s must be a URL of https", key)
	}
	return text
}

// oneOf reads a string that is one of these.
func (b *body) oneOf(key string, values ...string) string {
	text := b.text(key)
	if text != "" && !slices.Contains(values, text) {
		b.complain("%s must be one of %q", key, values)
	}
	return text
}

// filter checks a webhook's filter.
func (b *body) filter(text string) {
	values, err := url.ParseQuery(text)
	if err != nil {
		b.complain("filter must have the form key=value&key=value")
	}
	for key := range values {
		if !slices.Contains([]string{"id", "friendlyName", "trainSiteNames", "adminTrainSiteNames"}, key) {
			b.complain("filter: %s is not known", key)
		}
	}
}

// listWebhooks gives a page of the developer's webhooks, or with ownedBy=org of the
// organisation's.
func (s *Server) listWebhooks(c call) answer {
	q := c.URL.Query()
	size, err := strconv.Atoi(q.Get("max"))
	if q.Has("max") && (err != nil || size < 1) {
		return refuse(http.StatusBadRequest, "max must be a positive number")
	}
	if size == 0 {
		size = 100
	}
	after, err := strconv.Atoi(q.Get("cursor"))
	if q.Has("cursor") && err != nil {
		return refuse(http.StatusBadRequest, "cursor is not valid")
	}
	owner := q.Get("ownedBy")
	if q.Has("ownedBy") && owner != wholeOrg {
		return refuse(http.StatusBadRequest, "ownedBy must be org")
	}
	if owner == "" {
		owner = creator
	}
	var page []hook
	for _, h := range s.hooks {
		if h.number > after && h.OwnedBy == owner {
			page = append(page, *h)
		}
	}
	size = min(size, s.config.PageSize)
	if len(page) <= size {
		return done(items(page))
	}
	page = page[:size]
	q.Set("cursor", strconv.Itoa(page[size-1].number))
	next := c.here()
	next.RawQuery = q.Encode()
	return done(items(page)).with("Link", fmt.Sprintf(`<%s>; rel="next"`, next))
}

// items is how lists are shown.
func items[T any](all []T) any {
	if all == nil {
		all = []T{}
	}
	return map[string]any{"items": all}
}

// hook finds the one that a request is about.
func (s *Server) hook(c call) (*hook, answer, bool) {
	id := c.PathValue("id")
	i := slices.IndexFunc(s.hooks, func(h *hook) bool { return h.ID == id })
	if i < 0 {
		return nil, refuse(http.StatusNotFound, "there is no webhook %s", id), false
	}
	return s.hooks[i], answer{}, true
}

func (s *Server) readWebhook(c call) answer {
	h, a, found := s.hook(c)
	if !found {
		return a
	}
	return done(*h)
}

// updateWebhook changes name, target, secret and owner, and can enable. What is left
// out of the last three stays; keys that are not known are not looked at.
func (s *Server) updateWebhook(c call) answer {
	h, a, found := s.hook(c)
	if !found {
		return a
	}
	b, a, ok := c.object()
	if !ok {
		return a
	}
	b.required("name", "targetUrl")
	name, target, secret := b.text("name"), b.webURL("targetUrl"), b.text("secret")
	owner, status := b.oneOf("ownedBy", creator, wholeOrg), b.oneOf("status", active)
	if a, wrong := b.refused(); wrong {
		return a
	}
	h.Name, h.TargetURL = name, target
	if secret != "" {
		h.Secret = secret
		s.keep(secret)
	}
	if owner != "" {
		h.OwnedBy = owner
	}
	if status == active && h.Status == inactive {
		h.Status, h.failures, h.reenabled = active, nil, time.Now()
	}
	return done(*h)
}

func (s *Server) deleteWebhook(c call) answer {
	h, a, found := s.hook(c)
	if !found {
		return a
	}
	s.hooks = slices.DeleteFunc(s.hooks, func(other *hook) bool { return other == h })
	return answer{status: http.StatusNoContent}
}
