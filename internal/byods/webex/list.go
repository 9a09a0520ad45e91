package webex

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// item speaks of one thing of a list.
func (c *Client) item(ctx context.Context, auth TokenSource, method, list, id string, in, out any) error {
	path, err := itemPath(list, id)
	if err != nil {
		return fmt.Errorf("%s %w", method, err)
	}
	return c.Do(ctx, auth, method, path, in, out)
}

// itemPath is where one thing of a list is. Without an id it would be the list itself.
func itemPath(list, id string) (string, error) {
	if id == "" || id == "." || id == ".." {
		return "", fmt.Errorf("%s: %q is no id: name one", list, id)
	}
	return list + "/" + url.PathEscape(id), nil
}

// page is a part of a list, or the whole.
type page[T any] struct{ items []T }

// UnmarshalJSON implements json.Unmarshaler. A page without items is not an empty list:
// who takes it for one makes everything anew.
func (p *page[T]) UnmarshalJSON(text []byte) error {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(text, &keys); err != nil {
		return err
	}
	items, ok := keys["items"]
	if !ok {
		return misshapen("the list has no items")
	}
	p.items = nil
	return json.Unmarshal(items, &p.items)
}

// maxPages are those of a list before it is taken for endless.
const maxPages = 1000

// list gives all pages of one.
func list[T any](ctx context.Context, c *Client, auth TokenSource, path string) ([]T, error) {
	all, seen := []T{}, map[string]bool{}
	for where := path; !seen[where] && len(seen) < maxPages; {
		seen[where] = true
		var part page[T]
		header, err := c.do(ctx, auth, http.MethodGet, where, nil, &part)
		if err != nil {
			return nil, err
		}
		all = append(all, part.items...)
		next, more := nextPage(header)
		if !more {
			return all, nil
		}
		if where, err = c.follow(where, next); err != nil {
			return nil, fmt.Errorf("GET %s: %w", name(path), err)
		}
	}
	return nil, fmt.Errorf("GET %s: the list has no end: page %d is one that was read, or one too many", name(path), len(seen)+1)
}

// A Link header has links with parameters (RFC 8288), of which rel may have several
// words. Parameters may be in quotes, with commas in them.
var (
	aLink  = regexp.MustCompile(`<([^<>]*)>((?:\s*;\s*[\w*.-]+(?:\s*=\s*(?:"[^"]*"|[^\s",;]*))?)*)`)
	itsRel = regexp.MustCompile(`(?i);\s*rel\s*=\s*(?:"([^"]*)"|([^\s",;]*))`)
)

// nextPage is what the Link header names as the next page, if there is one.
func nextPage(header http.Header) (target string, more bool) {
	for _, link := range aLink.FindAllStringSubmatch(strings.Join(header.Values("Link"), ", "), -1) {
		rel := itsRel.FindStringSubmatch(link[2])
		if rel != nil && slices.Contains(strings.Fields(strings.ToLower(rel[1]+rel[2])), "next") {
			return link[1], true
		}
	}
	return "", false
}

// follow gives the path of a link, which must lead to another part of the same list:
// the token goes with it.
func (c *Client) follow(from, link string) (string, error) {
	base, err := url.Parse(c.config.API + from)
	if err != nil {
		return "", err
	}
	to, err := base.Parse(link)
	if err != nil || to.Scheme != base.Scheme || address(to) != address(base) || to.EscapedPath() != base.EscapedPath() {
		return "", misshapen("the next page is elsewhere, and is not asked for")
	}
	path, _, _ := strings.Cut(from, "?")
	return path + "?" + to.RawQuery, nil
}

// address is host and port.
func address(of *url.URL) string {
	port := of.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[of.Scheme]
	}
	return strings.ToLower(of.Hostname()) + ":" + port
}
