package webhook

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // what Webex signs with
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/byova-host/byova-host/internal/byods/webex"
)

// signed tells whether a body was signed with the secret: X-Spark-Signature is the
// HMAC-SHA1 of its bytes, in 40 hex digits.
func signed(body []byte, signature, secret string) bool {
	got, err := hex.DecodeString(signature)
	if err != nil || len(got) != sha1.Size || secret == "" {
		return false
	}
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write(body)
	return hmac.Equal(got, mac.Sum(nil))
}

// delivery is what an event says.
type delivery struct {
	event string
	org   webex.OrgID
	given string    // the organisation's id as it stood there
	date  time.Time // of the authorisation; zero: not said
	key   string    // the same for each delivery of the event
}

// errOthers is an event that was signed rightly and is not for this service app.
var errOthers = errors.New("it is not an event of this service app")

// parse reads an event. The customer is data.authorizerOrgId alone: orgId is the
// organisation that owns the webhook.
func parse(body []byte, applicationID string) (d delivery, err error) {
	var envelope struct {
		Resource string `json:"resource"`
		Event    string `json:"event"`
		Data     struct {
			ID                string `json:"id"`
			AuthorizerOrgID   string `json:"authorizerOrgId"`
			AuthorizationDate string `json:"authorizationDate"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &envelope); err != nil {
		return d, errors.New("the body is no event in JSON")
	}
	data := envelope.Data
	switch {
	case envelope.Resource != resource, envelope.Event != authorized && envelope.Event != deauthorized,
		data.ID != "" && !webex.SameApplication(data.ID, applicationID):
		return d, errOthers
	case data.ID == "":
		return d, errors.New("data.id is missing: it names the service app")
	case data.AuthorizerOrgID == "":
		return d, errors.New("data.authorizerOrgId is missing: it names the customer")
	}
	d = delivery{event: envelope.Event, given: data.AuthorizerOrgID}
	if d.org, err = webex.ParseOrgID(d.given); err != nil {
		return d, fmt.Errorf("data.authorizerOrgId: %w", err)
	}
	if data.AuthorizationDate != "" {
		if d.date, err = parseDate(data.AuthorizationDate); err != nil {
			return d, errors.New("data.authorizationDate is no date")
		}
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{
		strings.ToLower(applicationID), string(d.org), d.event, data.AuthorizationDate}, "\n")))
	d.key = hex.EncodeToString(sum[:])
	return d, nil
}

func parseDate(text string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		at, err = time.Parse("2006-01-02T15:04:05.999999999Z0700", text)
	}
	return at.UTC(), err
}
