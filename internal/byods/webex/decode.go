package webex

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"math"
	"strings"
	"time"
)

// UnmarshalJSON implements json.Unmarshaler. It takes the keys of all documents, and
// leaves a field empty whose value is not what it should be.
func (d *DataSource) UnmarshalJSON(body []byte) error {
	err := d.read(body)
	if err == nil && d.ID == "" {
		return misshapen("a data source has no id")
	}
	return err
}

// replaced is the answer to an update, of whose id nobody is in doubt.
type replaced struct{ DataSource }

// UnmarshalJSON implements json.Unmarshaler.
func (r *replaced) UnmarshalJSON(body []byte) error { return r.read(body) }

func (d *DataSource) read(body []byte) error {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(body, &keys); err != nil {
		return err
	}
	take := func(name string) (value any) {
		raw := keys[name]
		delete(keys, name)
		if json.Unmarshal(raw, &value) != nil {
			return nil
		}
		return value
	}
	text := func(name string) string { return word(take(name)) }
	*d = DataSource{
		ID: text("id"), Schema: text("schemaId"), URL: text("url"), Audience: text("audience"), Subject: text("subject"),
		Nonce: text("nonce"), Lifetime: cmp.Or(minutes(take("tokenLifetimeMinutes")), minutes(take("tokenLifeMinutes"))),
		Status: text("status"), ErrorMessage: text("errorMessage"), Org: text("orgId"), ApplicationID: text("applicationId"),
		Token: cmp.Or(text("jwsToken"), text("jwtToken")), Expires: moment(take("tokenExpiryTime")),
		CreatedBy: text("createdBy"), CreatedAt: moment(take("createdAt")), UpdatedBy: text("updatedBy"), UpdatedAt: moment(take("updatedAt")),
	}
	if len(keys) > 0 {
		d.Unknown = keys
	}
	d.fill(claims(d.Token))
	return nil
}

// fill takes what is missing from the claims of the token.
func (d *DataSource) fill(of map[string]any) {
	for _, missing := range []struct {
		field *string
		claim string
	}{
		{&d.URL, "com.cisco.datasource.url"}, {&d.Schema, "com.cisco.datasource.schema.uuid"}, {&d.Audience, "aud"},
		{&d.Subject, "sub"}, {&d.Nonce, "jti"}, {&d.Org, "com.cisco.org.uuid"},
	} {
		if *missing.field == "" {
			*missing.field = word(of[missing.claim])
		}
	}
	if exp, ok := of["exp"].(float64); ok && d.Expires.IsZero() && exp > 0 && exp < math.MaxInt32*4 {
		d.Expires = time.Unix(int64(exp), 0).UTC()
	}
}

// claims are those of a token, which nobody has verified.
func claims(token string) (of map[string]any) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil
	}
	text, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil || json.Unmarshal(text, &of) != nil {
		return nil
	}
	return of
}

// word is a text, or the one in a list.
func word(value any) string {
	if list, ok := value.([]any); ok && len(list) == 1 {
		value = list[0]
	}
	text, _ := value.(string)
	return text
}

// minutes is a number of them, or one in quotes.
func minutes(value any) time.Duration {
	n := float64(seconds(value))
	if n <= 0 || n > maxLifetime.Minutes() {
		return 0
	}
	return time.Duration(n) * time.Minute
}

// moment is a time in ISO 8601.
func moment(value any) time.Time {
	text, _ := value.(string)
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05.999999999"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC()
		}
	}
	return time.Time{}
}
