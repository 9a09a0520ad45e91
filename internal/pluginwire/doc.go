// Package pluginwire is the host's end of the plugin wire: it starts a plugin
// process, checks it, and carries calls over the streams that all calls of a
// process share.
//
// It knows go-plugin, gRPC and processes. It does not know what a call means:
// it carries events one way and commands the other. It starts no second process
// when one is lost; whoever launched it decides that.
//
// It also ends what must not go on: a plugin that hangs, one above its [Limits],
// one that floods its output.
//
// Lifetimes: [Launch] either returns a [Process] that has passed all checks, or
// leaves nothing behind. A Process ends by [Process.Stop], by the death of the
// process or by the loss of a stream; a process that cannot be spoken to is of
// no use and is killed. In each case every open [Call]'s [Sink] is told once,
// after the last command that could still be read, and [Process.Done] is closed
// when the process, its children, goroutines and sockets are gone.
package pluginwire
