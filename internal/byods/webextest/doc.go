// Package webextest is Webex's control plane for tests and demonstrations, in one
// process: OAuth, tokens of a service app, webhooks that are delivered and signed,
// data sources whose tokens are real RS256 JWS, schemas and key sets. It behaves as
// the service is documented, errors included, and breaks when it is told to.
//
// It shares no code with what it tests. Where Webex's documents are silent it is
// strict, so that what works here has asked for nothing that is not promised: keys
// that are not documented are refused, and so are tokens of another kind.
//
// [Server] is an http.Handler and holds everything in memory. [Server.Start] puts it
// on a loopback address; [Server.Transport] and [InMemory] do without sockets, for
// testing/synctest. [Server.Close] waits for all that is under way.
package webextest
