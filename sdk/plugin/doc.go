// Package plugin is for writing a bot that byova-host puts on the phone.
//
// A bot is a program of its own. The host starts it, takes the calls, finds out
// when the caller speaks, and hands each call over. The smallest bot is one
// function that answers a turn: what the caller said, or the keys pressed.
//
//	func main() { plugin.Serve(plugin.HandlerFunc(echo)) }
//
//	// echo repeats the caller; the 0 key asks for a person.
//	func echo(ctx context.Context, turn plugin.Turn, reply *plugin.Reply) error {
//		if turn.DTMF == "0" {
//			return reply.Transfer("front desk")
//		}
//		return reply.Play(turn.Utterance)
//	}
//
// # Three ways to write a bot
//
//   - [HandlerFunc] is called once a turn. Use [Turns] when a call has state: it
//     makes a function for each call.
//   - [Events] has a func for each kind of event, called in order. Use it when
//     you want the caller's audio while it comes, as a speech service does.
//   - [CallFunc] is the primitive that the others stand on: it gets the call, reads
//     its events with [Call.Next] and sends commands.
//
// [Serve] runs any of them with defaults. A [Plugin] says more: a version, several
// virtual agents, settings, who finds the end of speech.
//
// # Turns
//
// A turn is the caller's input and the answer to it. The first turn is the
// greeting; its [Turn.Kind] is [TurnStart]. When the caller talks over an answer,
// the turn ends: its context is cancelled, with [ErrBargeIn] as its cause, and
// what it still sends is dropped. The next turn begins when the function has
// returned, so return soon after the context ends.
//
// Input comes at least once: after a crash of the plugin a turn may come again,
// with [Turn.Attempt] 2. [Turn.ID] is the same on each attempt; use it as the key
// of what must not happen twice, such as an order.
//
// # Crashes and swaps
//
// [Plugin.Resume] says what becomes of a call whose process dies or is swapped for
// another: [ResumeNone], [ResumeStateless], [ResumeSaved] with what [Reply.SaveState]
// or [Call.SaveState] kept last, or [ResumeReconnect]. The process that takes over
// finds a [Resumption] in [Info]. Save before you speak: if nothing of an answer had
// left at a crash, what was saved in its turn is forgotten and the turn comes again.
//
// # Failures
//
// An error that a handler returns, or a panic in it, is the failure of that call
// alone: the host takes over and the caller hears its fallback. The other calls of
// the process go on.
//
// # Waiting
//
// Playing waits while the host has enough audio of this call; it never holds up
// another call. A handler that does not take its events loses the oldest caller
// audio and gets a [GapEvent] in its place; nothing else is ever dropped.
//
// # Logs
//
// Use [Log] and [Call.Log]: levels and fields then survive in the host's log. What
// is printed with fmt.Println reaches that log too, as plain lines.
package plugin
