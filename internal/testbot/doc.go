// Testbot is a plugin whose virtual agents do what a test needs: some follow a
// script, so that a call script knows what it will hear, and some behave badly,
// so that one can see what a host makes of it. All of them greet with a tone of
// 300 ms in two prompts unless the table says otherwise, and answer silence with a
// lower one.
//
// Agents that follow a script:
//
//	slow-answer    answers with 6 s of tone, written in real time, that may be
//	               interrupted; what interrupts it gets 700 ms that may not
//	long-welcome   welcomes with 8 s of tone that may be interrupted; an entry
//	               gets 700 ms that may not
//	menu           takes four keys, then one to confirm them, then speech again
//	desk           answers an utterance with 700 ms and a transfer, with
//	               metadata "summary", transcript and summary
//	closer         answers any input with a tone and the end of the call, with
//	               transcript and summary
//	custom         answers an entry with the custom event "lookup"; when the flow
//	               returns it plays a tone for each digit of the parameter "n"
//
// Agents that behave badly, or put a host to the test:
//
//	mute           never answers
//	twice          answers each input twice
//	late           speaks 1 s after its turn was interrupted or answered
//	after-end      transfers, then plays and transfers again
//	dribble        says 100 ms every 5 s and never comes to an end
//	crash          panics at an utterance
//	exit           ends the process at the entry 5
//	flood          answers with 10 minutes of tone, as fast as the host takes it
//	sensitive      takes four keys that must not be logged
//	no-input-event answers a caller's silence with the event NO_INPUT alone
//	spontaneous    speaks 1 s after its greeting, with no turn
//	formats        answers entry N with a tone in the format N of its list:
//	               1 to 4 linear16 at 8, 16, 44.1 and 48 kHz, 5 A-law at 8 kHz,
//	               6 mu-law at 16 kHz, 7 linear8 at 8 kHz, 8 linear24 at 24 kHz,
//	               9 linear16 at 22.05 kHz in stereo, and WAV files of 10 mu-law
//	               at 8 kHz and 11 linear16 at 44.1 kHz in stereo
//
// Agents for crashes and swaps. Those that count, count the utterances and entries
// that they have answered in a call, which is their saved state; the entry 0 transfers
// with that number as metadata "count". All but stubborn may be moved:
//
//	poison         counts; the entry 66 ends the process at once, each time
//	save-late      counts, but saves when it has spoken
//	stubborn       counts, and declines to be moved
//	log            answers with a tone and writes each event as a line of JSON to the
//	               file of the setting "events": session, pid, event, what
//	panics-in-probe panics in a probe call, and only there
//	hang           never returns from a turn with an utterance or an entry, be the
//	               turn over or not, so that it cannot be moved either
//	sigstop        stops its process with SIGSTOP at the entry 5 (Unix)
//	leak           takes 512 MiB at an entry, and keeps them
//	stderr-flood   writes 64 MiB to standard error at an entry, as fast as it can
//	stdout-flood   does so to standard output
//
// What a plugin says of itself before it knows its settings is set when it is built,
// with -ldflags "-X main.version=2.0.0 -X main.resume=saved" and the like:
//
//	main.version        its version
//	main.resume         none (as it is without), stateless, saved or reconnect
//	main.stateVersion   the version of the states that it saves, 1 without
//	main.readsVersions  the others that it reads, with commas between them
//	main.first          the agent that is listed first, as the host's default
//
// Settings: "tone" is the frequency of its tones in hertz, and "pace" a factor for
// all of its times: with 0.1 a test that waits for them is ten times as fast. "events" is the file of the
// agent log.
package main
