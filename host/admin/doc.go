// Package admin is the operator's door to a running host: HTTP with JSON, on a
// Unix socket that only its user may open, or on a loopback port.
//
//	GET /v1/plugins   the plugins, in the order of the configuration
//
// An error is a status code and {"error": "..."}. [Server] is the host's end,
// [Client] the command line's.
package admin
