package credential

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/byova-host/byova-host/internal/byods/store"
)

// loginLimit is how long a login may take.
const loginLimit = 10 * time.Minute

// Login is an authorisation under way.
type Login struct {
	URL string // for the browser

	integration *Integration
	state       string
	until       time.Time
	mu          sync.Mutex
	used        bool
}

// Login begins one. Its state counts for ten minutes, once.
func (i *Integration) Login() *Login {
	l := &Login{integration: i, state: rand.Text(), until: time.Now().Add(loginLimit)}
	l.URL = i.config.Client.AuthorizeURL(i.config.App, i.config.RedirectURI, l.state, i.config.Scopes)
	return l
}

// Listen waits at the redirect URI for the browser, finishes the login and stores
// the tokens. The redirect URI must be of this machine.
func (l *Login) Listen(ctx context.Context) error {
	at, err := url.Parse(l.integration.config.RedirectURI)
	if err != nil || at.Scheme != "http" || !loopback(at.Hostname()) {
		return fmt.Errorf("the redirect URI %s is not http of this machine, and nobody can be waited for there: use --no-browser and paste",
			l.integration.config.RedirectURI)
	}
	port := at.Port()
	if port == "" {
		port = "80"
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(at.Hostname(), port))
	if err != nil {
		return fmt.Errorf("wait for the browser: %w: end what uses that port, or use --no-browser and paste", err)
	}
	return l.wait(ctx, listener, at.EscapedPath())
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// wait serves the redirect until the login is over.
func (l *Login) wait(ctx context.Context, listener net.Listener, path string) error {
	ctx, cancel := context.WithDeadlineCause(ctx, l.until, ErrRedirectTimeout)
	defer cancel()
	over := make(chan error, 1)
	server := &http.Server{ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second, WriteTimeout: time.Minute, Handler: http.HandlerFunc(
		func(w http.ResponseWriter, q *http.Request) {
			if q.URL.EscapedPath() != path && (path != "" || q.URL.Path != "/") {
				http.NotFound(w, q)
				return
			}
			ended, err := l.redirected(ctx, q.URL.Query())
			answer(w, err)
			if ended {
				select {
				case over <- err:
				default:
				}
			}
		})}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) }) // Shutdown ends it
	defer serving.Wait()
	var err error
	select {
	case err = <-over:
	case <-ctx.Done():
		if err = context.Cause(ctx); errors.Is(err, context.DeadlineExceeded) {
			err = ErrRedirectTimeout
		}
	}
	last, cancelLast := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancelLast()
	if server.Shutdown(last) != nil { // the browser has read the page, or will not
		_ = server.Close()
	}
	return err
}

// redirected takes what a browser brings. What is not of this login ends nothing: any
// page can send a browser here.
func (l *Login) redirected(ctx context.Context, q url.Values) (ended bool, err error) {
	if subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(l.state)) != 1 {
		return false, fmt.Errorf("%w: it is not of this login (state)", ErrRedirect)
	}
	if refusal := q.Get("error"); refusal != "" {
		return true, fmt.Errorf("%w by Webex: %s", ErrRedirect, plain(refusal+" "+q.Get("error_description")))
	}
	if q.Get("code") == "" {
		return false, fmt.Errorf("%w: the redirect has no code", ErrRedirect)
	}
	err = l.exchange(ctx, q.Get("code"))
	return !errors.Is(err, errUsed), err // a browser may ask twice, and the first is under way
}

// Finish does the same with what a person has pasted: the code, or the whole URL
// that the browser was sent to, whose state is then checked.
func (l *Login) Finish(ctx context.Context, pasted string) error {
	pasted = strings.TrimSpace(pasted)
	if !strings.Contains(pasted, "://") {
		if pasted == "" || strings.ContainsAny(pasted, " \t?&=") {
			return fmt.Errorf("%w: that is no code: paste the whole URL that the browser ended up at", ErrRedirect)
		}
		return l.exchange(ctx, pasted)
	}
	at, err := url.Parse(pasted)
	if err != nil {
		return fmt.Errorf("%w: that is no URL: paste the whole URL that the browser ended up at", ErrRedirect)
	}
	_, err = l.redirected(ctx, at.Query())
	return err
}

// errUsed is a login whose code was taken before, or comes too late.
var errUsed = fmt.Errorf("%w: this login was used or is too old: begin again", ErrRedirect)

// exchange turns the code into tokens, and stores them.
func (l *Login) exchange(ctx context.Context, code string) error {
	l.mu.Lock()
	stale := l.used || !time.Now().Before(l.until)
	l.used = true
	l.mu.Unlock()
	if stale {
		return errUsed
	}
	c := l.integration.config
	token, err := c.Client.Exchange(ctx, c.App, c.RedirectURI, code)
	if err != nil {
		return fmt.Errorf("log in: %w", err)
	}
	return c.Store.UpdateIntegration(ctx, func(r *store.Integration) error {
		*r = store.Integration{Token: token}
		return nil
	})
}

// plain is a text of Webex for one line.
func plain(text string) string {
	const longest = 200
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f }), " ")
	return strings.ToValidUTF8(text[:min(len(text), longest)], "")
}

var page = template.Must(template.New("page").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>byova-host</title></head>
<body><h1>{{.Title}}</h1><p>{{.Text}}</p></body></html>
`))

// answer shows the browser how it went.
func answer(w http.ResponseWriter, err error) {
	shown := struct{ Title, Text string }{"Logged in", "You can close this page and go back to byova-host."}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Connection", "close")
	if err != nil {
		shown.Title, shown.Text = "Not logged in", err.Error()
		w.WriteHeader(http.StatusBadRequest)
	}
	_ = page.Execute(w, shown) // a browser that has gone is not our error
}
