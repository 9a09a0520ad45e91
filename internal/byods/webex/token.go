package webex

import (
	"context"
	"time"
)

// Token is an access token with what renews it. Its times are absolute, computed
// from the lifetimes in Webex's answer.
type Token struct {
	Access         string    `json:"access_token"`
	Refresh        string    `json:"refresh_token,omitempty"`
	Scope          string    `json:"scope,omitempty"` // separated by spaces; empty if Webex did not say
	Obtained       time.Time `json:"obtained_at"`
	Expires        time.Time `json:"expires_at"`
	RefreshExpires time.Time `json:"refresh_expires_at,omitzero"` // zero: not said
}

// String hides the secrets, so that no log shows them.
func (t Token) String() string { return "token until " + t.Expires.Format(time.RFC3339) }

// GoString hides the secrets from %#v.
func (t Token) GoString() string { return t.String() }

// TokenSource gives the access token that requests carry. All methods may be called
// concurrently.
type TokenSource interface {
	// Token gives one that has not expired.
	Token(ctx context.Context) (string, error)
	// Renew gives another one than refused, to which Webex has answered 401. If
	// somebody has renewed it already, it gives that one.
	Renew(ctx context.Context, refused string) (string, error)
}

// StaticToken is a TokenSource of one token that cannot be renewed.
type StaticToken string

// String hides the token.
func (t StaticToken) String() string { return "static token" }

// GoString hides the token from %#v.
func (t StaticToken) GoString() string { return t.String() }

// Token gives the token.
func (t StaticToken) Token(context.Context) (string, error) { return string(t), nil }

// Renew cannot give another.
func (t StaticToken) Renew(context.Context, string) (string, error) { return "", ErrAuthentication }

// App is a client of Webex's OAuth: an integration or a service app.
type App struct {
	ClientID     string
	ClientSecret string
}

// String hides the secret.
func (a App) String() string { return "app " + a.ClientID }

// GoString hides the secret from %#v.
func (a App) GoString() string { return a.String() }
