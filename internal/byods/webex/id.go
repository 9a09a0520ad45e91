package webex

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
)

// OrgID names an organisation: a UUID in lower case.
type OrgID string

var uuid = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// maxID bounds an id in any of its forms, in bytes.
const maxID = 1024

// ParseOrgID takes an organisation's id in each form that Webex uses: a UUID, the
// base64 of ciscospark://CLUSTER/ORGANIZATION/UUID, or the base64 of the UUID alone.
func ParseOrgID(text string) (OrgID, error) {
	if len(text) > maxID {
		return "", fmt.Errorf("an organisation's id of %d bytes: at most %d are taken", len(text), maxID)
	}
	plain := strings.ToLower(lastSegment(text))
	if !uuid.MatchString(plain) {
		return "", fmt.Errorf("%q is no organisation's id: it is a UUID, or the base64 that Webex makes of one", text)
	}
	return OrgID(plain), nil
}

// Encoded is the form that most of Webex's API shows, for the cluster us.
func (id OrgID) Encoded() string { return encode("ORGANIZATION", string(id)) }

// ApplicationID derives the id of a service app or integration from its client id.
func ApplicationID(clientID string) string { return encode("APPLICATION", clientID) }

// SameApplication reports whether two ids, encoded or plain, name one application.
func SameApplication(a, b string) bool {
	return a != "" && strings.EqualFold(lastSegment(a), lastSegment(b))
}

func encode(kind, id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte("ciscospark://us/" + kind + "/" + id))
}

// lastSegment undoes base64, if it is that, and gives what stands behind the last
// slash.
func lastSegment(text string) string {
	plain := text
	raw := strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(text), "=")
	if decoded, err := base64.RawURLEncoding.DecodeString(raw); err == nil && printable(decoded) {
		plain = string(decoded)
	}
	return plain[strings.LastIndexByte(plain, '/')+1:]
}

// printable tells base64 from what only looks like it.
func printable(text []byte) bool {
	for _, c := range text {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return len(text) > 0
}
