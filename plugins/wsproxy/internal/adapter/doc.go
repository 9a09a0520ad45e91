// Package adapter holds the protocols of the voice AIs that wsproxy reaches, one file
// each. It owns what is said on a socket and what it means; it does not own sockets,
// the queue of what plays, or turns: those are the same for all, and reached through
// [Line]. A [Session] lives as long as its call, is used by one goroutine and starts
// none.
//
// A new adapter is a file with a type that implements [Backend], and a line in [New].
package adapter
