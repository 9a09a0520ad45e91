package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/pkg/browser"

	"github.com/byova-host/byova-host/internal/byods/credential"
	"github.com/byova-host/byova-host/internal/byods/store"
)

type authCmd struct {
	Login  authLoginCmd  `cmd:"" help:"Have the integration authorised in a browser, once."`
	Status authStatusCmd `cmd:"" help:"Say until when the integration's tokens count; exit code 1 if they do not."`
	Logout authLogoutCmd `cmd:"" help:"Forget the integration's tokens."`
}

type authLoginCmd struct {
	byodsFlags
	NoBrowser bool          `help:"Open no browser and wait for none: paste the URL that yours ended up at, or its code."`
	Timeout   time.Duration `default:"5m" placeholder:"D" help:"How long to wait for the browser (${default})."`
}

// integration gives the integration's credential.
func (f byodsFlags) integration(ctx context.Context) (*credential.Integration, store.Store, error) {
	service, _, err := f.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	if service.Integration == nil {
		return nil, nil, usageError{"no integration is configured: set byods.integration.client_id and client_secret_file, " +
			"or WEBEX_INTEGRATION_CLIENT_ID and WEBEX_INTEGRATION_CLIENT_SECRET"}
	}
	return service.Integration, service.Store, nil
}

// Run logs in.
func (c *authLoginCmd) Run(ctx context.Context, out io.Writer) error {
	integration, records, err := c.integration(ctx)
	if err != nil {
		return err
	}
	login := integration.Login()
	fmt.Fprintf(out, "Open this URL in a browser and agree:\n\n%s\n\n", login.URL)
	if c.NoBrowser {
		err = c.paste(ctx, login, out)
	} else {
		err = c.browse(ctx, login)
	}
	if err != nil {
		return err
	}
	r, err := records.Integration(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "Logged in. The access token counts until %s; byova-host serve renews it before.\n", day(r.Token.Expires))
	return err
}

// browse opens a browser where there is one, and waits for it.
func (c *authLoginCmd) browse(ctx context.Context, login *credential.Login) error {
	if hasBrowser() {
		browser.Stdout, browser.Stderr = io.Discard, io.Discard
		_ = browser.OpenURL(login.URL) // who sees none has the URL
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.Timeout, credential.ErrRedirectTimeout)
	defer cancel()
	return login.Listen(ctx)
}

func hasBrowser() bool {
	return runtime.GOOS == "darwin" || runtime.GOOS == "windows" || os.Getenv("DISPLAY") != "" || os.Getenv("WAYLAND_DISPLAY") != ""
}

// paste takes what a person types.
func (c *authLoginCmd) paste(ctx context.Context, login *credential.Login, out io.Writer) error {
	fmt.Fprintln(out, "Paste the URL that the browser ends up at (the page need not load), or its code:")
	line, err := bufio.NewReader(io.LimitReader(os.Stdin, 64<<10)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return login.Finish(ctx, line)
}

type authStatusCmd struct {
	byodsFlags
	JSON bool `help:"Print JSON."`
}

// authStatus is what is said of the integration.
type authStatus struct {
	LoggedIn       bool          `json:"logged_in"`
	Expires        time.Time     `json:"expires_at,omitzero"`
	RefreshExpires time.Time     `json:"refresh_expires_at,omitzero"`
	Scope          string        `json:"scope,omitempty"`
	Trouble        store.Trouble `json:"trouble,omitzero"`
}

// Run prints how the integration stands. An access token that has expired is renewed
// when it is needed, as long as the refresh token counts.
func (c *authStatusCmd) Run(ctx context.Context, out io.Writer) error {
	_, records, err := c.integration(ctx)
	if err != nil {
		return err
	}
	r, err := records.Integration(ctx)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	now := time.Now()
	s := authStatus{Expires: r.Token.Expires, RefreshExpires: r.Token.RefreshExpires, Scope: r.Token.Scope, Trouble: r.Trouble}
	s.LoggedIn = r.Token.Access != "" && (now.Before(s.Expires) || r.Token.Refresh != "" && (s.RefreshExpires.IsZero() || now.Before(s.RefreshExpires)))
	err = nil
	if c.JSON {
		err = printJSON(out, s)
	} else if s.LoggedIn {
		_, err = fmt.Fprintf(out, "logged in: the access token counts until %s, the refresh token until %s\n", day(s.Expires), day(s.RefreshExpires))
	}
	if s.Trouble.What != "" && !c.JSON {
		fmt.Fprintf(out, "trouble since %s: %s\n", day(s.Trouble.Since), cell(s.Trouble.What))
	}
	if err == nil && !s.LoggedIn {
		return credential.ErrNotLoggedIn
	}
	return err
}

type authLogoutCmd struct{ byodsFlags }

// Run forgets the integration's tokens.
func (c *authLogoutCmd) Run(ctx context.Context, out io.Writer) error {
	integration, _, err := c.integration(ctx)
	if err != nil {
		return err
	}
	if err := integration.Logout(ctx); err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, "Forgotten. Webex lets the tokens count until they expire; what customers' tokens allow goes on.")
	return err
}

// printJSON prints a value for programs.
func printJSON(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

// day is a time for people; "-" for none.
func day(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04 MST")
}
