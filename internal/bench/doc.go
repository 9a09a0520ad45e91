//go:build unix

// Bench measures what the host and the plugin hop cost, and holds the ratios
// against those that are committed.
//
// Three servers are compared, each a process of its own beside this one, which
// places the calls:
//
//   - bare: a gRPC handler that echoes,
//   - in_host: a handler in the host, behind the session engine,
//   - plugin: the same handler in a plugin process, behind the same engine.
//
// Each greets, and plays what it hears at once. What two servers are compared
// by is measured in turns within one run, so that what else the machine does
// touches both alike: only ratios mean something elsewhere. Audio is counted in
// frames, because waiting audio is merged; latency from when a frame was due,
// and not from when this program got round to sending it.
//
// Without a flag it runs the short form, prints a line
//
//	RESULT name value unit
//
// for each figure, and fails if a ratio is worse than -baseline allows. With
// -full it takes the time that the figures in docs/performance need, and
// writes them there; with -soak it watches the memory of calls for as long as
// is said.
//
// A server of this program is the program itself, called with "serve"; its
// plugin is the program as well. Both have an HTTP server on a Unix socket that
// tells what they have used, and has profiles.
package main
