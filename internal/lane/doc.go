// Package lane has the queues of a stream that carries many calls at once.
//
// gRPC gives a stream of its own to each call: flow control, fairness, bounds.
// Where all calls of a process share one stream, somebody else has to. A [Lane]
// is one call's way out, a [Sender] the goroutine that serves all lanes of a
// stream in turn, an [Inbox] one call's way in, and an [Actor] state that changes by
// one item after the other, whoever brings them.
//
// Nothing here blocks whoever puts an item in: one slow call must not hold up
// its neighbours. What is bounded, and what becomes of the rest, is said at
// [Policy].
//
// Within a lane the order in which items were pushed is kept strictly. Control
// items are never dropped, and they never overtake audio of their call: a
// "prompt ends" that came before the prompt's last audio would be wrong, and so
// would a "turn started" behind the first audio of the turn.
package lane
