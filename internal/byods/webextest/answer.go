package webextest

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// answer is what a request gets.
type answer struct {
	status  int
	body    any // marshalled to JSON; nil: none
	header  http.Header
	message string   // of an error
	details []string // of an error: errors[].description
}

// done answers 200.
func done(body any) answer { return answer{status: http.StatusOK, body: body} }

// refuse answers with an error as Webex writes it.
func refuse(status int, format string, args ...any) answer {
	return refuseAll(status, []string{fmt.Sprintf(format, args...)})
}

// refuseAll is refuse with several reasons.
func refuseAll(status int, reasons []string) answer {
	a := answer{status: status, message: messages[status], details: reasons}
	if a.message == "" {
		a.message = http.StatusText(status)
	}
	return a
}

// with adds a header.
func (a answer) with(name, value string) answer {
	a.header = a.header.Clone()
	if a.header == nil {
		a.header = http.Header{}
	}
	a.header.Set(name, value)
	return a
}

var messages = map[int]string{
	http.StatusBadRequest:           "The request could not be understood by the server. See 'errors' for specific details.",
	http.StatusUnauthorized:         "The request requires a valid access token set in the Authorization request header.",
	http.StatusForbidden:            "The caller is not allowed to do this. See 'errors' for specific details.",
	http.StatusNotFound:             "The requested resource could not be found.",
	http.StatusConflict:             "The request conflicts with what is there. See 'errors' for specific details.",
	http.StatusUnsupportedMediaType: "The request has a body of a media type that is not supported.",
	http.StatusTooManyRequests:      "Too many requests have been sent in a given amount of time.",
}

type errorDetail struct {
	Description string `json:"description"`
}

type errorBody struct {
	Message    string        `json:"message"`
	Errors     []errorDetail `json:"errors"`
	TrackingID string        `json:"trackingId"`
}

// render makes the response of an answer.
func (a answer) render() *recorder {
	r := &recorder{header: a.header.Clone(), status: a.status}
	if r.header == nil {
		r.header = http.Header{}
	}
	tracking := "ROUTER_" + newUUID()
	r.header.Set("trackingid", tracking)
	body := a.body
	if a.message != "" {
		e := errorBody{Message: a.message, TrackingID: tracking, Errors: []errorDetail{}}
		for _, d := range a.details {
			e.Errors = append(e.Errors, errorDetail{d})
		}
		body = e
	}
	if body == nil {
		return r
	}
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // what is answered is made here, of strings and numbers
	}
	r.header.Set("Content-Type", "application/json;charset=UTF-8")
	r.body.Write(text)
	return r
}
