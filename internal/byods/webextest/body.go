package webextest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// body is a JSON object of a request, and what is wrong with it.
type body struct {
	fields map[string]json.RawMessage
	wrong  []string
}

// object reads a request's body.
func (c call) object() (*body, answer, bool) {
	if a, ok := c.media("application/json"); !ok {
		return nil, a, false
	}
	b := &body{}
	d := json.NewDecoder(bytes.NewReader(c.text))
	err := d.Decode(&b.fields)
	if err == nil && b.fields == nil {
		err = errors.New("null is none")
	}
	if _, more := d.Token(); err == nil && !errors.Is(more, io.EOF) {
		err = errors.New("something follows it")
	}
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "the body must be a JSON object: %v", err), false
	}
	return b, answer{}, true
}

// complain notes what is wrong.
func (b *body) complain(format string, args ...any) {
	b.wrong = append(b.wrong, fmt.Sprintf(format, args...))
}

// known complains of all other keys.
func (b *body) known(keys ...string) {
	var others []string
	for key := range b.fields {
		if !slices.Contains(keys, key) {
			others = append(others, key)
		}
	}
	slices.Sort(others)
	for _, key := range others {
		b.complain("%s is no key that is known here", key)
	}
}

// required complains of keys that are not there.
func (b *body) required(keys ...string) {
	for _, key := range keys {
		if raw, there := b.fields[key]; !there || string(raw) == "null" {
			b.complain("%s is required", key)
		}
	}
}

// read decodes a key that is there.
func (b *body) read(key string, into any, what string) bool {
	raw, there := b.fields[key]
	if !there || string(raw) == "null" {
		return false
	}
	if err := json.Unmarshal(raw, into); err != nil {
		b.complain("%s must be %s", key, what)
		return false
	}
	return true
}

// text gives a string; one that is there must not be empty.
func (b *body) text(key string) string {
	var value string
	if b.read(key, &value, "a string") && strings.TrimSpace(value) == "" {
		b.complain("%s must not be empty", key)
	}
	return value
}

// only gives the one string of a list.
func (b *body) only(key string) string {
	var list []string
	if !b.read(key, &list, "a list of one string") {
		return ""
	}
	if len(list) != 1 || list[0] == "" {
		b.complain("%s must be a list of one string", key)
		return ""
	}
	return list[0]
}

// refused answers if something is wrong.
func (b *body) refused() (answer, bool) {
	return refuseAll(http.StatusBadRequest, b.wrong), len(b.wrong) > 0
}
