// Package socket holds one WebSocket to a backend: how it is dialled, pings, bounded
// queues in both directions, and how it ends. It knows nothing of calls or of what the
// messages mean. A [Conn] has two goroutines, which end when the connection does;
// Close waits for both.
package socket
