package webex

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"golang.org/x/oauth2"
)

// AuthorizeURL is where a browser asks the developer to authorise an integration.
func (c *Client) AuthorizeURL(app App, redirectURI, state string, scopes []string) string {
	config := c.oauth(app, redirectURI)
	config.Scopes = scopes
	return config.AuthCodeURL(state)
}

// Exchange turns the code of a redirect into tokens.
func (c *Client) Exchange(ctx context.Context, app App, redirectURI, code string) (Token, error) {
	return c.token(ctx, "", []string{app.ClientSecret, code}, func(ctx context.Context) (*oauth2.Token, error) {
		return c.oauth(app, redirectURI).Exchange(ctx, code)
	})
}

// RefreshToken gives a new access token for a refresh token. If Webex's answer has
// no refresh token, the old one stays, and so does its expiry unless the answer says
// another: RefreshExpires is then zero, and who keeps the tokens knows it. The request
// carries no access token.
func (c *Client) RefreshToken(ctx context.Context, app App, refresh string) (Token, error) {
	if refresh == "" {
		return Token{}, fmt.Errorf("POST %s: no refresh token: authorise anew: %w", tokenPath, ErrValidation)
	}
	return c.token(ctx, refresh, []string{app.ClientSecret, refresh}, func(ctx context.Context) (*oauth2.Token, error) {
		return c.oauth(app, "").TokenSource(ctx, &oauth2.Token{RefreshToken: refresh}).Token()
	})
}

// ServiceAppToken fetches the tokens of a service app for a customer that has
// authorised it. Auth is the integration's. Target is the organisation's id in the
// form to be sent.
func (c *Client) ServiceAppToken(ctx context.Context, auth TokenSource, app App, applicationID, target string) (Token, error) {
	path, err := itemPath("/applications", applicationID)
	if err != nil {
		return Token{}, err
	}
	path += "/token"
	body := struct {
		ClientID     string `json:"clientId"`
		ClientSecret string `json:"clientSecret"`
		TargetOrgID  string `json:"targetOrgId"`
	}{app.ClientID, app.ClientSecret, target}
	var got tokenAnswer
	header, err := c.do(ctx, auth, http.MethodPost, path, body, &got)
	if err != nil {
		return Token{}, err
	}
	token, err := got.token("")
	if err != nil {
		err = &Error{Method: http.MethodPost, Path: path, Status: http.StatusOK, TrackingID: plain(header.Get("trackingid")), Err: err}
	}
	return token, err
}

func (c *Client) oauth(app App, redirectURI string) *oauth2.Config {
	return &oauth2.Config{
		ClientID: app.ClientID, ClientSecret: app.ClientSecret, RedirectURL: redirectURI,
		Endpoint: oauth2.Endpoint{
			AuthURL: c.config.API + "/authorize", TokenURL: c.config.API + tokenPath, AuthStyle: oauth2.AuthStyleInParams,
		},
	}
}

const tokenPath = "/access_token"

// token asks the token endpoint, by means of x/oauth2. Refresh is the token that stays
// if there is no other.
func (c *Client) token(ctx context.Context, refresh string, secrets []string, ask func(context.Context) (*oauth2.Token, error)) (Token, error) {
	var got *oauth2.Token
	err := c.repeat(ctx, http.MethodPost, tokenPath, func(ctx context.Context) (err error) {
		if got, err = ask(context.WithValue(ctx, oauth2.HTTPClient, c.http)); err != nil {
			return tokenError(ctx, err, secrets)
		}
		return nil
	})
	if err != nil {
		return Token{}, err
	}
	answer := tokenAnswer{Access: got.AccessToken, Refresh: got.RefreshToken}
	answer.Scope, _ = got.Extra("scope").(string)
	answer.ExpiresIn, answer.RefreshExpiresIn = seconds(got.Extra("expires_in")), seconds(got.Extra("refresh_token_expires_in"))
	token, err := answer.token(refresh)
	if err != nil {
		err = &Error{Method: http.MethodPost, Path: tokenPath, Status: http.StatusOK, Err: err}
	}
	return token, err
}

// tokenError makes an *Error of what x/oauth2 reports, which quotes whole bodies.
func tokenError(ctx context.Context, err error, secrets []string) error {
	failure := &Error{Method: http.MethodPost, Path: tokenPath}
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		failure.identify(refused.Response)
		failure.describe(refused.Response, refused.Body, secrets)
		return failure
	}
	if _, ok := errors.AsType[*url.Error](err); ok || ctx.Err() != nil {
		failure.Err = noAnswer(ctx, err)
		return failure
	}
	failure.Err = errors.New("the answer has no tokens that can be read (access_token, expires_in)")
	return failure
}

// lifetime is one in seconds as Webex writes it: a number, or one in quotes. What is
// less than a second, or no number, is none.
type lifetime float64

// UnmarshalJSON implements json.Unmarshaler.
func (l *lifetime) UnmarshalJSON(text []byte) error {
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		return err
	}
	*l = seconds(value)
	return nil
}

func seconds(value any) lifetime {
	number, ok := value.(float64)
	if text, isText := value.(string); isText {
		var err error
		number, err = strconv.ParseFloat(text, 64)
		ok = err == nil
	}
	if !ok || !(number >= 1) || math.IsInf(number, 0) { // NaN is not at least 1
		return 0
	}
	return lifetime(number)
}

// longestLife bounds what a lifetime may say.
const longestLife = 10 * 365 * 24 * time.Hour

func (l lifetime) duration() time.Duration {
	return time.Duration(min(float64(l), longestLife.Seconds()) * float64(time.Second))
}

// tokenAnswer is the JSON of tokens.
type tokenAnswer struct {
	Access           string   `json:"access_token"`
	Refresh          string   `json:"refresh_token"`
	Scope            string   `json:"scope"`
	ExpiresIn        lifetime `json:"expires_in"`
	RefreshExpiresIn lifetime `json:"refresh_token_expires_in"`
}

// token gives it absolute times, by the clock on the wall: a machine may sleep for part
// of a token's life. A lifetime is never guessed. Refresh stays if there is no other.
func (a tokenAnswer) token(refresh string) (Token, error) {
	now := time.Now().Round(0).UTC()
	switch {
	case a.Access == "":
		return Token{}, errors.New("the answer has no access_token")
	case a.ExpiresIn <= 0:
		return Token{}, errors.New("the answer does not say when the token expires (expires_in)")
	}
	t := Token{Access: a.Access, Refresh: a.Refresh, Scope: a.Scope, Obtained: now, Expires: now.Add(a.ExpiresIn.duration())}
	if t.Refresh == "" {
		t.Refresh = refresh
	}
	if a.RefreshExpiresIn > 0 {
		t.RefreshExpires = now.Add(a.RefreshExpiresIn.duration())
	}
	return t, nil
}
