package webextest

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
)

var uuidShape = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// newUUID makes a random one.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// randomHex gives 32 random bytes.
func randomHex() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// encodeID is the form in which most of the API shows an id.
func encodeID(kind, id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte("ciscospark://us/" + kind + "/" + id))
}

// decodeID undoes encodeID; what else it is given is not ok.
func decodeID(kind, text string) (id string, ok bool) {
	plain, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		return "", false
	}
	parts := strings.Split(string(plain), "/")
	if len(parts) != 5 || parts[0] != "ciscospark:" || parts[1] != "" || parts[3] != kind {
		return "", false
	}
	return parts[4], true
}

// orgUUID reads an organisation's id that a test or a request gives.
func orgUUID(text string) (uuid string, ok bool) {
	if id, encoded := decodeID("ORGANIZATION", text); encoded {
		text = id
	}
	return strings.ToLower(text), uuidShape.MatchString(text)
}

// show gives an organisation's id in a form.
func (f OrgForm) show(uuid string) string {
	switch f {
	case Plain:
		return uuid
	case EncodedUUID:
		return base64.RawURLEncoding.EncodeToString([]byte(uuid))
	default:
		return encodeID("ORGANIZATION", uuid)
	}
}
