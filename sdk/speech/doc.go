// Package speech turns text into the speech that a caller hears. The host uses it for
// what bots say as text; a plugin may use it itself.
//
//	            ┌─ sentences ─┐   ┌──────── for each engine ────────┐
//	Request ──▶ │  one ahead  │ ─▶│ cache ─▶ level, trim ─▶ [Engine] │ ──▶ io.Writer
//	            └─────────────┘   └─ the next one when it fails ────┘
//
// A [Voice] has engines, which are tried in order: [Recorded] prompts, an [HTTP]
// service, a program that is installed ([FindESpeak], [FindFlite]), and the [Clips]
// that are compiled in and need nothing. [Standard] finds those that are there.
//
// Text is spoken a sentence at a time, so that the first is heard while the next is
// made. Each sentence is synthesized once, however many calls ask for it at the same
// time, and kept in memory. All engines are brought to the same loudness, -22 dBov of
// active speech, and silence around the speech is cut.
//
// Sound is always what [Voice.Synthesize] says: 16-bit samples, little endian, 8 kHz,
// one channel. A plugin writes it to a prompt:
//
//	prompt, err := reply.Stream(plugin.Format{Encoding: plugin.Linear16})
//	...
//	err = voice.Synthesize(ctx, speech.Request{Text: "Welcome."}, prompt)
//
// A Voice owns the goroutines that synthesize; [Voice.Close] ends them and waits.
package speech
