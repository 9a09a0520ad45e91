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
// Settings: "tone" is the frequency of its tones in hertz, and "pace" a factor for
// all of its times: with 0.1 a test that waits for them is ten times as fast.
package main
