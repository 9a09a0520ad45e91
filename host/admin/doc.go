// Package admin is the operator's door to a running host: HTTP with JSON, on a
// Unix socket that only its user may open, or on a loopback port.
//
//	GET  /v1/plugins                  the plugins, one [Plugin] for each live generation
//	POST /v1/plugins/{name}/swap      {"path", "canary", "policy", "force"}: another program takes its place
//	POST /v1/plugins/{name}/promote   its canary takes all new calls
//	POST /v1/plugins/{name}/rollback  {"policy", "force"}: the program before takes its place
//	POST /v1/plugins/{name}/restart   {"policy", "force"}: another process of the same program does
//	POST /v1/plugins/{name}/reset     it is started again although it ended too often
//	GET  /v1/calls                    the live calls, one [Call] each
//	POST /v1/calls/{id}/trace         {"content", "follow"}: what happened in a call, and happens
//	GET  /metrics                     for Prometheus
//
// Only "path", which is absolute, must be given. "policy" is "drain" or "move"; without
// it the plugin's own counts. "canary" is the percentage of new calls.
//
// A POST is answered with lines of JSON: {"progress": "..."} as often as there is
// something to say, then {"done": [Swapped]} or {"error": "..."}. The status is 200 as
// soon as the work has begun, and says nothing of its end. A client that goes away ends
// the work. Any other error is a status code and {"error": "..."}: 400 for a request
// that cannot be understood, 404 for a plugin that the host does not have.
//
// A trace is lines of JSON, too: a [TraceLine] each, the first with the call, and the last
// with "end" or "error". {id} is that of a conversation or a session, or its beginning; 404
// says that there is no such call, or more than one.
//
// [Server] is the host's end, [Client] the command line's.
package admin
