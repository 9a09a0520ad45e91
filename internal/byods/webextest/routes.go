package webextest

import (
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// maxBody bounds the bodies of requests, in bytes.
const maxBody = 1 << 20

// call is a request of which everything is read.
type call struct {
	*http.Request
	text  []byte // the body
	grant *grant // whose token it carries; nil on routes that want none
}

// mux has all routes. Handlers run with the lock held.
func (s *Server) mux() *http.ServeMux {
	m := http.NewServeMux()
	open := func(pattern string, h func(call) answer) { m.Handle(pattern, s.locked(h)) }
	open("GET /v1/authorize", s.authorizePage)
	open("POST /v1/access_token", s.accessToken)

	with := func(pattern string, may permission, h func(call) answer) {
		m.Handle(pattern, s.locked(func(c call) answer { return s.permit(c, may, h) }))
	}
	with("POST /v1/applications/{id}/token",
		permission{[]kind{integration, personal}, scopeFetch}, s.applicationToken)

	hooksRead := permission{[]kind{integration}, scopeWebhooksRead}
	hooksWrite := permission{[]kind{integration}, scopeWebhooksWrite}
	with("GET /v1/webhooks", hooksRead, s.listWebhooks)
	with("GET /v1/webhooks/{id}", hooksRead, s.readWebhook)
	with("POST /v1/webhooks", hooksWrite, s.createWebhook)
	with("PUT /v1/webhooks/{id}", hooksWrite, s.updateWebhook)
	with("DELETE /v1/webhooks/{id}", hooksWrite, s.deleteWebhook)

	sourcesRead := permission{[]kind{serviceApp}, scopeDataSourceRead}
	sourcesWrite := permission{[]kind{serviceApp}, scopeDataSourceWrite}
	for _, list := range []string{"/v1/dataSources", "/v1/dataSources/{$}"} {
		with("GET "+list, sourcesRead, s.listSources)
		with("POST "+list, sourcesWrite, s.createSource)
	}
	with("GET /v1/dataSources/{id}", sourcesRead, s.readSource)
	with("PUT /v1/dataSources/{id}", sourcesWrite, s.updateSource)
	with("DELETE /v1/dataSources/{id}", sourcesWrite, s.deleteSource)

	anybody := permission{}
	with("GET /v1/dataSources/schemas", anybody, s.listSchemas)
	with("GET /v1/dataSources/schemas/{$}", anybody, s.listSchemas)
	with("GET /v1/dataSources/schemas/{id}", anybody, s.readSchema)
	return m
}

// locked reads the body, and answers with the lock held.
func (s *Server) locked(h func(call) answer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		text, err := io.ReadAll(http.MaxBytesReader(nil, q.Body, maxBody))
		if err != nil {
			refuse(http.StatusBadRequest, "the body cannot be read: %v", err).render().send(w)
			return
		}
		s.mu.Lock()
		a := h(call{Request: q, text: text})
		s.mu.Unlock()
		a.render().send(w)
	})
}

// media refuses a body of another media type.
func (c call) media(want string) (answer, bool) {
	got, _, err := mime.ParseMediaType(c.Header.Get("Content-Type"))
	if err == nil && strings.EqualFold(got, want) {
		return answer{}, true
	}
	return refuse(http.StatusUnsupportedMediaType, "Content-Type must be %s", want), false
}

// here is where a client has found the server, for links.
func (c call) here() *url.URL {
	at := *c.URL
	at.Host = c.Host
	if at.Scheme == "" {
		if at.Scheme = "http"; c.TLS != nil {
			at.Scheme = "https"
		}
	}
	return &at
}
