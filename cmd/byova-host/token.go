package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/byova-host/byova-host/internal/byods/jws"
)

type tokenCmd struct {
	Inspect tokenInspectCmd `cmd:"" help:"Show what a token on standard input says. Nothing of it is verified."`
	Verify  tokenVerifyCmd  `cmd:"" help:"Verify a token on standard input as the host does."`
}

// readToken takes a token from standard input, also with what stands before it in a
// header.
func readToken() (string, error) {
	text, err := io.ReadAll(io.LimitReader(os.Stdin, 2<<20))
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(text))
	for _, before := range []string{"authorization:", "bearer "} {
		if len(token) > len(before) && strings.EqualFold(token[:len(before)], before) {
			token = strings.TrimSpace(token[len(before):])
		}
	}
	if token == "" {
		return "", usageError{"token: standard input is empty: pipe a token into it"}
	}
	return token, nil
}

type tokenInspectCmd struct{}

// shownClaims are a token's claims, for people and programs.
type shownClaims struct {
	Algorithm string    `json:"algorithm"`
	Type      string    `json:"type,omitempty"`
	KeyID     string    `json:"key_id"`
	Issuer    string    `json:"issuer"`
	Audience  []string  `json:"audience"`
	Subject   string    `json:"subject"`
	Nonce     string    `json:"nonce"`
	Org       string    `json:"org"`
	URL       string    `json:"data_source_url"`
	Schema    string    `json:"schema"`
	IssuedAt  time.Time `json:"issued_at,omitzero"`
	NotBefore time.Time `json:"not_before,omitzero"`
	Expires   time.Time `json:"expires_at,omitzero"`
	Left      string    `json:"left"`
	TokenType string    `json:"token_type,omitempty"`
}

// Run shows a token's claims. The signature, without which they are worth nothing, is
// not among them.
func (c *tokenInspectCmd) Run(out io.Writer) error {
	token, err := readToken()
	if err != nil {
		return err
	}
	h, s, err := jws.Inspect(token)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "byova-host: nothing of this is verified: anybody can write a token that says it")
	return printJSON(out, shownClaims{
		h.Algorithm, h.Type, h.KeyID, s.Issuer, s.Audience, s.Subject, s.Nonce, s.Org, s.URL, s.Schema,
		s.IssuedAt, s.NotBefore, s.Expires, left(s.Expires), s.TokenType,
	})
}

type tokenVerifyCmd struct {
	byodsFlags
	Org string `placeholder:"ORG" help:"The organisation that a request names (any)."`
}

// Run verifies a token.
func (c *tokenVerifyCmd) Run(ctx context.Context, out io.Writer) error {
	token, err := readToken()
	if err != nil {
		return err
	}
	service, _, err := c.open(ctx)
	if err != nil {
		return err
	}
	identity, err := service.Verifier.Verify(ctx, token)
	if err != nil {
		if refused, ok := errors.AsType[*jws.Error](err); ok && refused.Category == jws.OrgMismatch && service.Known() == 0 {
			return fmt.Errorf("%w (no data source is known here at all)", err)
		}
		return err
	}
	if c.Org != "" {
		id, err := parseOrg(c.Org)
		if err != nil {
			return err
		}
		if string(id) != identity.Org {
			return fmt.Errorf("the token counts, but for %s, not for %s", identity.Org, id)
		}
	}
	_, err = fmt.Fprintf(out, "good: organisation %s, data source %s, until %s\n", identity.Org, identity.DataSource, day(identity.Claims.Expires))
	return err
}
