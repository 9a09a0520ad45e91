// Package backendtest plays the voice AIs that wsproxy reaches, one file for each
// protocol. Each is strict: what the real one would reject it rejects, and
// [Server.Violations] has it. Behind the protocols is one bot that hears real audio and
// answers with tones, so that a recording shows what got through; [Faults] make it slow,
// mute, deaf, wrong or dead. A [Server] listens on the loopback until it is closed.
package backendtest
