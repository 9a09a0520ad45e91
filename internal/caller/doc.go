// Package caller plays Webex Contact Center: it places a call against any
// voice virtual agent server (BYOVA) the way Webex does, records what the
// caller would have heard, and judges the server by the rules of the contract.
//
// Run places one call. One goroutine owns the call's state and its media
// clock; each RPC has a sender and a receiver, and Run returns only after all
// of them have ended. On every tick of the clock (20 ms unless set) one frame
// of the caller's line is captured and one frame of the prompts is played, so
// the two sides of a recording share one time axis. Queues are bounded: a
// server that does not read for ten seconds, or that sends more than ten
// minutes ahead of playback, fails the call.
//
// What happens is told in entries: Options.Log receives each as it happens and
// Judge reads the same list afterwards, so a verdict never knows more than the
// timeline shows. Neither do the expectations of a script, which are held
// against the entries so far. NewTimeline prints entries for people, NewJSONLines for
// programs. Audio content is never part of an entry, only its length. Digits
// are: they are the tester's own input.
//
// # Scripts and conformance
//
// A Script is read from YAML by ParseScript and put into Options by Apply; the
// steps of Options are what a call runs. An expectation that is not met is in
// Result.Unmet and the call goes on; a need that is not met ends it and is in
// Result.Skipped. Conform plays many scripts against a server, at most four at
// once, then sends probes for what no well-behaved call shows, and reports by
// script and by rule.
//
// # JSON lines
//
// Each entry is one object. Times and lengths are in milliseconds, with
// fractions; at_ms counts from the opening of the first RPC. Fields that say
// nothing are left out. New fields and kinds may be added.
//
//	at_ms       when
//	rpc         ordinal of the RPC in the call, from 1
//	connection  which connection an RPC was opened on, when the call has several
//	kind        open          an RPC was opened
//	            event         an input event was sent: event
//	            keys          a finished entry was sent: digits
//	            audio         a stretch of audio was sent: audio_ms, speech
//	            half_close    Webex has nothing more to send on this RPC; text
//	                          when that is because the speech was too long
//	            cancel        Webex gave the RPC up, or could not open it: text
//	            response      the server sent a message: response
//	            end           the RPC ended: status, text
//	            speech_start  the caller's speech began to be sent
//	            speech_end    ... and ended
//	            key           the caller pressed a key: digits
//	            interrupt     the rest of this RPC's answer is dropped
//	            play_start    a prompt of this RPC began to play
//	            play_end      ... and has been played: audio_ms. An answer that
//	                          comes more slowly than it plays is one prompt
//	            play_cut      ... was cut: audio_ms played, dropped_ms not
//	            note          something worth knowing: text
//	response    type (FINAL, PARTIAL, CHUNK), prompts, events, input_mode,
//	            input_sensitive, input_handling_config (true when present),
//	            event_name and metadata (of the first event),
//	            session_transcript and session_summary (true when there is
//	            text), input
//	input       dtmf_length, terminator, inter_digit_ms, no_input_ms, max_speech_ms
//	prompts     bytes, audio_ms, barge_in, text, uri, wav (true when so),
//	            flaw (why a WAV prompt would not play)
//
// The last line is the verdict:
//
//	kind        verdict
//	ok          no rule broken, no expectation unmet, the call played to its end
//	conversation_id  of the call
//	failure     why the call could not be played to its end
//	script      the script that was run
//	skipped     what the script needs and the server did not show
//	unmet       expectations that were not met: where (file:line), at_ms, step, text
//	kept, not_seen   lists of rule numbers
//	broken, warned   lists of rule, name, evidence (rpc, at_ms, text)
//	first_audio_ms   for each answer: from when the end of the input was due, of
//	                 speech its last frame, to its audio
//
// A conformance run prints no entries but an object for each script: kind
// script, script, title, outcome (passed, failed, skipped), reasons,
// conversation_id, length_ms; one for each rule: kind rule, rule, name, outcome
// (kept, warned, broken, not seen), evidence (script, rpc, at_ms, text); and
// last: kind conformance, ok, why, passed, failed, skipped, not_tried,
// length_ms.
//
// A load run prints one object instead. A call of it is due by the schedule, a
// frame by the media clock of its call; the first audio of a greeting counts from
// when its half-close was due had the call begun when it was.
//
//	kind        load
//	calls, ok, failed, cut_off  calls that began, and what became of them
//	due, not_begun   calls that were due, and those for which no line was free
//	at_once          calls under way at the same time, at most
//	length_ms        until the last call was over
//	rate_per_s, rate_reached_per_s  calls a second: due, 0 in a closed loop; and
//	                 begun, 0 when all were due at once
//	begun_late       from when calls were due to when they began: n, p50_ms,
//	                 p90_ms, p99_ms, max_ms
//	first_audio_greetings, first_audio_answers, frames_late   likewise
//	first_audio_p50_ms, first_audio_p99_ms   of greetings and answers together
//	frames_sent, frames_over_20_ms_late   messages of audio; frames of lines
//	generator_cpu_ms, generator_cores, cores  CPU time of the process, cores that
//	                 it kept busy on average, cores it may use
//	generator_late   more than one frame in 100 was over 20 ms late
//	broken           calls by rule
//	failures         calls by reason: why the call was not played to its end, an
//	                 expectation that was not met, why the script was skipped
package caller
