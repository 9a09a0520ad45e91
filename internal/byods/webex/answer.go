package webex

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
)

const (
	longestMessage = 300 // bytes
	mostDetails    = 5
)

// misshapen is what is wrong with an answer that is JSON. Unlike other errors of
// decoding it quotes nothing, and can be shown.
type misshapen string

// Error says it.
func (m misshapen) Error() string { return string(m) }

// decode reads an answer that is to be JSON. The answer is not quoted: it may hold
// anything.
func decode(answer *http.Response, text []byte, out any) error {
	if kind := contentType(answer); kind != "" && kind != "application/json" && !strings.HasSuffix(kind, "+json") {
		return fmt.Errorf("the answer is %s and no JSON (%d bytes)", kind, len(text))
	}
	err := json.Unmarshal(text, out)
	if wrong, ok := errors.AsType[misshapen](err); ok {
		return wrong
	}
	if err != nil {
		return fmt.Errorf("the answer is not the JSON that is expected (%d bytes)", len(text))
	}
	return nil
}

// contentType is what an answer says that it is; "" if it does not.
func contentType(answer *http.Response) string {
	kind, _, _ := strings.Cut(answer.Header.Get("Content-Type"), ";")
	if media, _, err := mime.ParseMediaType(kind); err == nil {
		kind = media
	}
	return plain(strings.TrimSpace(kind))
}

// identify takes over what the header of an answer says.
func (e *Error) identify(answer *http.Response) {
	now := time.Now()
	if there, err := http.ParseTime(answer.Header.Get("Date")); err == nil {
		now = there
	}
	e.Status = answer.StatusCode
	e.TrackingID = plain(answer.Header.Get("trackingid"))
	e.RetryAfter = retryAfter(answer.Header.Get("Retry-After"), now)
}

// describe takes over what a refusal says in its body, in whatever shape that is, but
// for the secrets of the request.
func (e *Error) describe(answer *http.Response, body []byte, secrets []string) {
	text := func(value any) string {
		said, _ := value.(string)
		return plain(hide(said, secrets))
	}
	var said map[string]any
	isJSON := json.Unmarshal(body, &said) == nil
	e.Message = text(said["message"])
	if e.Message == "" {
		e.Message = strings.TrimSpace(text(said["error"]) + " " + text(said["error_description"])) // OAuth's own form
	}
	each, _ := said["errors"].([]any)
	for _, detail := range each {
		keys, _ := detail.(map[string]any)
		if what := text(keys["description"]); what != "" && len(e.Details) < mostDetails {
			e.Details = append(e.Details, what)
		}
	}
	if e.TrackingID == "" {
		e.TrackingID = text(said["trackingId"])
	}
	switch {
	case e.Message != "":
	case e.Status >= 300 && e.Status <= 399:
		e.Message = "redirects are not followed: check the address of the API"
	case !isJSON && len(body) > 0:
		e.Message = strings.TrimSpace("the answer is no JSON object " + contentType(answer))
	}
}

// hide takes secrets out of a text. What is shorter than a few bytes is in any text.
func hide(text string, secrets []string) string {
	for _, secret := range secrets {
		if len(secret) > 3 {
			text = strings.ReplaceAll(text, secret, "(hidden)")
		}
	}
	return text
}

// plain is a text that fits into a line.
func plain(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	if len(text) > longestMessage {
		text = strings.ToValidUTF8(text[:longestMessage], "") + "..."
	}
	return text
}

// noAnswer is why none came: without the address, whose query is nobody's business, and
// without what net/http quotes of something that is no HTTP.
func noAnswer(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	_, network := errors.AsType[net.Error](err)
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	if network || certificate || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, http.ErrSchemeMismatch) {
		return err
	}
	return fmt.Errorf("the connection failed, or what came is no HTTP (%T)", err)
}
