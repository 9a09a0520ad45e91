// Package session is the conversation and turn engine: it owns what is known of
// a call from its first RPC to its last, and neither a wire format nor a process.
//
//	      Request, half-close               Event
//	RPC  ─────────────────────▶  Session  ─────────▶  AgentCall
//	     ◀─────────────────────           ◀─────────
//	      Response                          Command
//
// A wire adapter calls [Sessions.Join] with the first request of each RPC and
// then feeds the [RPC] and sends its responses. A [Session] outlives its RPCs and
// is keyed by organisation and conversation; two RPCs of one call may overlap.
//
// All state of a session is a [state], changed only by its pure method step:
// what happened goes in, what is to be done comes out. Whoever brings something runs
// step, one at a time and in order, and carries the actions out; none of them
// blocks. Each RPC's responses wait in its outbox until the adapter's handler, the
// only writer, takes them.
//
// What a bot is told and what it asks for goes through the session's [tracer], which
// keeps it without content and hands content to those who ask for it ([Sessions.Trace]).
//
// What bounds memory: requests by [RPC.Receive], which waits while its session
// has not caught up, and by the number of open RPCs; the bot's audio by credit,
// returned as it leaves, and in WAV mode, where an answer is held until it is
// whole, by the length of an answer.
package session
