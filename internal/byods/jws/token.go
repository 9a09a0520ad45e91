package jws

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"
)

// maxToken is the longest token that is looked at, in bytes. Webex's have about one
// kilobyte.
const maxToken = 8 << 10

// Claims is what a token says.
type Claims struct {
	Issuer    string
	Audience  []string
	Subject   string
	Nonce     string // jti
	Expires   time.Time
	IssuedAt  time.Time
	NotBefore time.Time // zero: not said
	URL       string    // com.cisco.datasource.url
	Schema    string    // com.cisco.datasource.schema.uuid
	Org       string    // com.cisco.org.uuid, as it stands there
	TokenType string    // token_type; Bearer marks an OAuth token
}

// String hides the nonce.
func (c Claims) String() string { return "claims of " + c.Issuer }

// GoString hides the nonce from %#v.
func (c Claims) GoString() string { return c.String() }

// Header is a token's first part.
type Header struct {
	Algorithm string
	Type      string
	KeyID     string
}

// Inspect reads a token without verifying anything. The error is an *Error.
func Inspect(token string) (Header, Claims, error) {
	t, err := parse(token)
	if err != nil {
		return Header{}, Claims{}, err
	}
	return t.header, t.claims, nil
}

// parsed is a token of which nothing is verified.
type parsed struct {
	header    Header
	claims    Claims
	critical  bool // the header has what a reader must understand
	signed    string
	signature []byte
}

// parse takes a token apart, strictly: what can be read in two ways is not read.
func parse(token string) (t parsed, err error) {
	if token == "" {
		return t, refuse(Missing, "there is none")
	}
	if len(token) > maxToken {
		return t, refuse(Malformed, fmt.Sprintf("%d bytes are too many", len(token)))
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return t, refuse(Malformed, fmt.Sprintf("%d parts, not 3", len(parts)))
	}
	var texts [3][]byte
	for i, part := range parts {
		if texts[i], err = strict.DecodeString(part); err != nil || strings.ContainsAny(part, "\r\n") {
			return t, refuse(Malformed, fmt.Sprintf("part %d is no base64url", i+1))
		}
	}
	head, err := object(texts[0])
	if err != nil {
		return t, refuse(Malformed, "the header is no JSON object with each key once")
	}
	body, err := object(texts[1])
	if err != nil {
		return t, refuse(Malformed, "the claims are no JSON object with each key once")
	}
	_, t.critical = head["crit"]
	t.header = Header{Algorithm: text(head["alg"]), Type: text(head["typ"]), KeyID: text(head["kid"])}
	t.signed, t.signature = parts[0]+"."+parts[1], texts[2]
	if t.claims, err = readClaims(body); err != nil {
		return t, refuse(Malformed, err.Error())
	}
	return t, nil
}

// strict refuses what has bits beyond its last byte, so that a token has one form.
var strict = base64.RawURLEncoding.Strict()

func readClaims(body map[string]json.RawMessage) (c Claims, err error) {
	c = Claims{
		Issuer: text(body["iss"]), Subject: text(body["sub"]), Nonce: text(body["jti"]), TokenType: text(body["token_type"]),
		URL: text(body["com.cisco.datasource.url"]), Schema: text(body["com.cisco.datasource.schema.uuid"]),
		Org: text(body["com.cisco.org.uuid"]),
	}
	if one := text(body["aud"]); one != "" {
		c.Audience = []string{one}
	} else if json.Unmarshal(body["aud"], &c.Audience) != nil {
		c.Audience = nil
	}
	for _, date := range []struct {
		claim string
		at    *time.Time
	}{{"exp", &c.Expires}, {"iat", &c.IssuedAt}, {"nbf", &c.NotBefore}} {
		raw, said := body[date.claim]
		if !said {
			continue
		}
		var seconds float64
		if json.Unmarshal(raw, &seconds) != nil || !(seconds > 0 && seconds < math.MaxInt32*100) || bytes.HasPrefix(raw, []byte("n")) {
			return c, errors.New(date.claim + " is no date")
		}
		whole, part := math.Modf(seconds)
		*date.at = time.Unix(int64(whole), int64(part*1e9)).UTC()
	}
	return c, nil
}

// text is a JSON string, "" for anything else.
func text(raw json.RawMessage) (s string) {
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// object reads a JSON object in which no key stands twice.
func object(text []byte) (map[string]json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, errors.New("no object")
	}
	all := map[string]json.RawMessage{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, ok := key.(string)
		if _, twice := all[name]; twice || !ok {
			return nil, errors.New("a key twice")
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		all[name] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more behind it")
	}
	return all, nil
}
