package webex

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/time/rate"
)

// DefaultAPI serves all production regions.
const DefaultAPI = "https://webexapis.com/v1"

const (
	attemptLimit = 30 * time.Second // for one try of a request
	maxAnswer    = 8 << 20          // bytes
)

// Config says how to reach Webex. The zero value reaches production.
type Config struct {
	API   string            // empty: DefaultAPI
	HTTP  http.RoundTripper // nil: http.DefaultTransport; redirects are never followed
	Rate  float64           // requests a second, all together; 0: 10
	Tries int               // of a request that may be repeated; 0: 4
	// Legacy writes data sources with the keys of older documents:
	// tokenLifeMinutes, a string, and schemaId, a list of one.
	Legacy bool
	Log    hclog.Logger // nil: none
}

// Client speaks to Webex. All methods may be called concurrently.
type Client struct {
	config  Config
	http    *http.Client
	limiter *rate.Limiter

	mu   sync.Mutex
	hold time.Time // before which nothing is sent: Webex has asked for that
}

// New makes a client. It opens nothing.
func New(c Config) *Client {
	if c.API == "" {
		c.API = DefaultAPI
	}
	c.API = strings.TrimSuffix(c.API, "/")
	if c.HTTP == nil {
		c.HTTP = http.DefaultTransport
	}
	if c.Rate <= 0 {
		c.Rate = 10
	}
	if c.Tries <= 0 {
		c.Tries = 4
	}
	if c.Log == nil {
		c.Log = hclog.NewNullLogger()
	}
	return &Client{
		config: c, limiter: rate.NewLimiter(rate.Limit(c.Rate), max(1, int(c.Rate/2))),
		http: &http.Client{Transport: c.HTTP, Timeout: attemptLimit, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}},
	}
}

// Do sends a request with an organisation's or the integration's token and reads the
// answer into out, unless that is nil. Path begins with a slash, below the API, with its
// parts escaped; in is sent as JSON, unless it is nil. All other methods that need a
// token use it, and so can whoever needs what they do not offer. What Webex refuses,
// and no answer that can be read, is an [*Error].
func (c *Client) Do(ctx context.Context, auth TokenSource, method, path string, in, out any) error {
	_, err := c.do(ctx, auth, method, path, in, out)
	return err
}

// do is Do, and gives the header of the answer as well. A token that Webex does not
// take is renewed once.
func (c *Client) do(ctx context.Context, auth TokenSource, method, path string, in, out any) (http.Header, error) {
	r, err := c.request(method, path, in)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, name(path), err)
	}
	if r.token, err = auth.Token(ctx); err != nil {
		return nil, err
	}
	var header http.Header
	attempt := func(ctx context.Context) (err error) {
		header, err = c.attempt(ctx, r, out)
		return err
	}
	err = c.repeat(ctx, method, r.name, attempt)
	refusal, ok := errors.AsType[*Error](err)
	if !ok || refusal.Status != http.StatusUnauthorized {
		return header, err
	}
	// Of the refusal only its tracking id is kept: what the renewal says decides
	// whether waiting helps.
	if r.token, err = auth.Renew(ctx, r.token); err != nil {
		return nil, fmt.Errorf("%s %s: the access token was refused (trackingId %s): %w", method, r.name, refusal.TrackingID, err)
	}
	err = c.repeat(ctx, method, r.name, attempt)
	return header, err
}

// request is what is sent, perhaps several times.
type request struct {
	method string
	url    string
	name   string // for people: the path without what is asked
	token  string
	body   []byte // nil: none
}

// request makes one. The path cannot leave the API, to which the token belongs.
func (c *Client) request(method, path string, in any) (*request, error) {
	r := &request{method: method, url: c.config.API + path, name: name(path)}
	where, err := url.Parse(r.url)
	if err != nil {
		return nil, errors.New("the path cannot be read: escape its parts")
	}
	for part := range strings.SplitSeq(where.EscapedPath(), "/") {
		if plain, err := url.PathUnescape(part); err != nil || plain == "." || plain == ".." {
			return nil, errors.New("a path has a part . or .., which leads elsewhere")
		}
	}
	if !strings.HasPrefix(path, "/") {
		return nil, errors.New("a path begins with a slash")
	}
	if in != nil {
		if r.body, err = json.Marshal(in); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// name is a path for people.
func name(path string) string {
	path, _, _ = strings.Cut(path, "?")
	return plain(path)
}

// secrets are those that it carries, which an answer may repeat.
func (r *request) secrets() []string {
	var body struct {
		Nonce        string `json:"nonce"`
		Secret       string `json:"secret"`
		ClientSecret string `json:"clientSecret"`
	}
	_ = json.Unmarshal(r.body, &body) // what is no object has none
	return []string{r.token, body.Nonce, body.Secret, body.ClientSecret}
}

// attempt sends a request once.
func (c *Client) attempt(ctx context.Context, r *request, out any) (http.Header, error) {
	q, err := http.NewRequestWithContext(ctx, r.method, r.url, bytes.NewReader(r.body))
	if err != nil {
		return nil, fmt.Errorf("%s %s: the method or the address cannot be used", r.method, r.name)
	}
	q.Header.Set("Authorization", "Bearer "+r.token)
	q.Header.Set("Accept", "application/json")
	if r.body != nil {
		q.Header.Set("Content-Type", "application/json")
	}
	failure := &Error{Method: r.method, Path: r.name}
	answer, err := c.http.Do(q)
	if err != nil {
		failure.Err = noAnswer(ctx, err)
		return nil, failure
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	failure.identify(answer)
	switch {
	case answer.StatusCode < 200 || answer.StatusCode > 299:
		failure.describe(answer, text, r.secrets())
		return answer.Header, failure
	case err != nil:
		failure.Err = fmt.Errorf("the answer broke off: %w", noAnswer(ctx, err))
	case len(text) > maxAnswer:
		failure.Err = fmt.Errorf("the answer has more than %d bytes", maxAnswer)
	case out == nil || answer.StatusCode == http.StatusNoContent:
		return answer.Header, nil
	default:
		if failure.Err = decode(answer, text, out); failure.Err == nil {
			return answer.Header, nil
		}
	}
	return answer.Header, failure
}
