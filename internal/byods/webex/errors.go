package webex

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// The kinds of errors, for errors.Is.
var (
	// ErrAuthentication is a token that is missing, expired or not allowed to do this: 401 and 403.
	ErrAuthentication = errors.New("not authorised")
	// ErrNotFound is a thing that is not there: 404 and 410.
	ErrNotFound = errors.New("not found")
	// ErrValidation is a request that cannot succeed as it is: 400, 409, 415 and 428.
	ErrValidation = errors.New("not accepted")
	// ErrConflict is what exists already: 409, which is an ErrValidation as well.
	ErrConflict = errors.New("conflict")
	// ErrRateLimited is a request too many: 429.
	ErrRateLimited = errors.New("rate limited")
	// ErrUnavailable is a failure that may pass: 423, 5xx, no answer at all, and one that
	// cannot be read. The request may have been carried out.
	ErrUnavailable = errors.New("not available")
)

// Error is Webex's refusal of a request, or why there is no answer of use.
type Error struct {
	Method     string
	Path       string        // without what was asked; ids in it are no secrets
	Status     int           // 0: no answer came; 2xx: one came that cannot be read, see Err
	Message    string        // as Webex says it
	Details    []string      // errors[].description
	TrackingID string        // to tell Cisco's support
	RetryAfter time.Duration // that Webex asked for; 0: it did not
	Err        error         // why nothing was sent, no answer came, or it cannot be read
}

// Error says what was refused, in Webex's words, and under which tracking id.
func (e *Error) Error() string {
	var what []string
	if e.Status != 0 {
		what = append(what, strings.TrimSpace(fmt.Sprint(e.Status, " ", http.StatusText(e.Status))))
	}
	if e.Message != "" {
		what = append(what, e.Message)
	}
	for _, d := range e.Details {
		if d != e.Message {
			what = append(what, d)
		}
	}
	if e.Err != nil {
		what = append(what, e.Err.Error())
	}
	if len(what) == 0 {
		what = []string{"no answer"}
	}
	text := e.Method + " " + e.Path + ": " + strings.Join(what, ": ")
	if e.TrackingID != "" {
		text += " (trackingId " + e.TrackingID + ")"
	}
	return text
}

// Unwrap gives why there is no answer of use.
func (e *Error) Unwrap() error { return e.Err }

// Is tells the kind.
func (e *Error) Is(target error) bool {
	switch e.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return target == ErrAuthentication
	case http.StatusNotFound, http.StatusGone:
		return target == ErrNotFound
	case http.StatusConflict:
		return target == ErrConflict || target == ErrValidation
	case http.StatusBadRequest, http.StatusUnsupportedMediaType, http.StatusPreconditionRequired:
		return target == ErrValidation
	case http.StatusTooManyRequests:
		return target == ErrRateLimited
	}
	return target == ErrUnavailable && (e.Status < 300 || e.Status == http.StatusLocked || e.Status >= 500)
}
