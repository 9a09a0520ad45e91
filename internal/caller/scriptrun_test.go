package caller

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/byova-host/byova-host/internal/audio"
	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
)

// testClip is what scripts of tests can say.
func testClip(string) ([]byte, error) { return wavFile(hello, audio.Telephone), nil }

// scripted makes a call of a script.
func scripted(t *testing.T, text string) Options {
	t.Helper()
	s, err := ParseScript("test.yaml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	o, err := s.Apply(Options{}, testClip)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// TestBrokenRulesOfScripts plays scripts against servers that break one rule
// each, and wants that rule broken and no other.
func TestBrokenRulesOfScripts(t *testing.T) {
	const (
		spoken = "steps: [wait: greeting, say: hello, wait: answer]"
		back   = "steps: [wait: greeting, press: '7#', wait: answer, send: {event: CUSTOM_EVENT}, wait: answer]"
	)
	tests := []struct {
		rule, name, script string
		server             *server
	}{
		{"R5", "the second RPC is refused", "steps: [silence: 3s]", refusesOverlap()},
		{"R10", "a second greeting", "steps: [wait: greeting, send: {event: SESSION_START}, wait: answer]",
			&server{tweak: on("again", func(m *out) []*out { return []*out{chunkOf(hello[:800], false), m} })}},
		{"R10", "SESSION_START refused", "steps: [wait: greeting, send: {event: SESSION_START}, wait: answer]",
			&server{serve: second(refuses(inputIsSessionStart))}},
		{"R10", "no start", "{caller: {start: none}, steps: [silence: 1s]}", &server{serve: refuses(inputIsAudio)}},
		{"R11", "the older answer is dropped", "steps: [silence: 3s]", forgets()},
		{"R13", "heard during a prompt", "{caller: {listen: early}, steps: [wait: greeting, silence: 1s]}",
			&server{greeting: tone(3*time.Second, 440), serve: hearsAfter(50)}},
		{"R14", "audio without its format", "{caller: {omit_format: true}, steps: [wait: greeting, say: hello, wait: answer]}",
			&server{serve: wantsFormat}},
		{"R21", "two WAV answers", spoken, &server{wav: true, tweak: on("answer final", func(m *out) []*out { return []*out{m, m} })}},
		{"R30", "a transcript in the middle", spoken, &server{tweak: on("answer final", edit(func(m *out) {
			m.SessionTranscript = &mediav1.TextContent{InputContent: &mediav1.TextContent_Text{Text: "hi"}}
		}))}},
		{"R35", "keys without announcement", "{caller: {dtmf_start: none}, steps: [wait: greeting, press: '12', wait: answer]}",
			&server{serve: completes(inputIsKeys)}},
		{"R36", "the last key", "{caller: {keep_terminator: true}, steps: [wait: greeting, press: '12#', wait: answer]}",
			&server{serve: completes(inputIsKeys)}},
		{"R36", "an empty entry", "steps: [wait: greeting, press: '#', wait: answer]", &server{serve: completes(inputIsKeys)}},
		{"R37", "an utterance of keys", "steps: [wait: greeting, press: '1#', wait: answer]", &server{serve: hearsKeys}},
		{"R38", "NO_INPUT is not answered", "steps: [wait: greeting, send: {event: NO_INPUT, on: new}, wait: answer]",
			&server{serve: completes(inputIsNoInput)}},
		{"R39", "NO_MATCH from the server", spoken, &server{tweak: on("answer final", edit(func(m *out) {
			m.OutputEvents = event(mediav1.OutputEvent_NO_MATCH).OutputEvents
		}))}},
		{"R40", "a reprompt into a prompt", "steps: [wait: greeting, silence: 1s]",
			&server{bargeIn: true, greeting: tone(5*time.Second, 440), serve: repromptsAfter(100)}},
		{"R49", "the flow is not welcome", back, &server{serve: refuses(inputIsCustom)}},
		{"R49", "the flow gets no answer", back, &server{serve: completes(inputIsCustom)}},
		{"R52", "the call dies with one RPC", "steps: [wait: greeting, silence: 1s, cancel: listening, silence: 1s]", diesWithOne()},
		{"R53", "another connection is another call", "{caller: {connections: 2}, steps: [wait: greeting, say: hello, wait: answer]}",
			&server{serve: oneConnection()}},
	}
	for _, test := range tests {
		t.Run(test.rule+" "+test.name, func(t *testing.T) {
			inBubble(t, test.server, scripted(t, test.script), func(t *testing.T, r *Result) {
				if got := r.Verdict.rules(Broken); !slices.Equal(got, []string{test.rule}) {
					t.Errorf("broken rules %v, want %s alone", got, test.rule)
				}
			})
		})
	}
}

// second lets the first RPC that serve takes through.
func second(serve serveFunc) serveFunc {
	n := 0
	return func(first *in, s serverStream) (bool, error) {
		done, err := serve(first, s)
		if done {
			n++
		}
		return done && n > 1, err
	}
}

// TestKeptRulesOfScripts plays the same courses against a server that keeps the
// rules, which must then be seen.
func TestKeptRulesOfScripts(t *testing.T) {
	long := tone(3*time.Second, 440)
	tests := []struct {
		script string
		server *server
		kept   string
	}{
		{"{caller: {connections: 3, listen: early, omit_format: true}, steps: [wait: greeting, say: hello, wait: answer]}",
			&server{greeting: long, tweak: slowly}, "R5 R11 R13 R14 R53"},
		{"{caller: {start: none}, steps: [say: hello, wait: answer]}", &server{}, "R10 R15"},
		{"steps: [wait: greeting, send: {event: SESSION_START}, wait: answer, send: {event: NO_INPUT}, wait: answer]", &server{}, "R10 R38"},
		{"{caller: {dtmf_start: none}, steps: [wait: greeting, press: '12', wait: answer]}", &server{}, "R35"},
		{"{caller: {keep_terminator: true}, steps: [wait: greeting, press: '12#', wait: answer]}", &server{}, "R36 R37"},
		{"steps: [wait: greeting, press: '7#', wait: answer, send: {event: CUSTOM_EVENT}, wait: answer, say: hello, wait: answer]", &server{}, "R49 R50 R30 R15"},
		{"steps: [wait: greeting, press: '7#', wait: answer, send: {event: CUSTOM_EVENT}, wait: answer]", &server{tweak: on("terminal", edit(func(m *out) {
			m.InputMode, m.InputHandlingConfig = mediav1.VoiceVAInputMode_INPUT_VOICE, config(20, 3000, 0)
		}))}, "R47 R49"},
		{"steps: [wait: greeting, press: '7#', wait: answer, silence: 2s, send: {event: SESSION_START}, wait: answer]", &server{}, "R49"},
		{"steps: [wait: greeting, silence: 1s, cancel: listening, say: hello, wait: answer]", &server{}, "R52"},
		{"steps: [wait: greeting, silence: 2s]", &server{serve: repromptsAfter(30)}, "R40"},
		{"steps: [barge_in: {after: 1s, press: '1#'}, wait: answer]", &server{bargeIn: true, greeting: long, tweak: slowly}, "R33 R42"},
		{"steps: [wait: greeting, vanish: true]", &server{}, "R2"},
		{"steps: [wait: greeting, silence: 1s, send: {event: SESSION_END, on: listening}]", &server{}, "R48"},
		{"{caller: {end_after_finish: true}, steps: [wait: greeting, press: '9#']}", &server{wav: true}, "R21 R47 R48"},
	}
	for _, test := range tests {
		t.Run(test.kept, func(t *testing.T) {
			inBubble(t, test.server, scripted(t, test.script), func(t *testing.T, r *Result) {
				if !r.OK() || r.Skipped != "" {
					t.Errorf("not ok: failure %v, unmet %v, broken %v", r.Failure, r.Unmet, r.Verdict.With(Broken))
				}
				for rule := range strings.FieldsSeq(test.kept) {
					if !slices.Contains(r.Verdict.rules(Kept), rule) {
						t.Errorf("%s was not seen", rule)
					}
				}
			})
		})
	}
}

// TestExpect holds each condition, met and not.
func TestExpect(t *testing.T) {
	long := tone(5*time.Second, 440)
	menu := &server{mode: mediav1.VoiceVAInputMode_INPUT_EVENT_DTMF, timers: config(4, 3000, 5000)}
	tests := []struct {
		name   string
		steps  string // after the greeting, unless they begin with it
		server *server
		want   string // of the unmet expectation; empty: met
	}{
		{"event", "say: hello, expect: {event: START_OF_INPUT, within: 100ms}, expect: {event: END_OF_INPUT, within: 1s}", &server{}, ""},
		{"event late", "say: hello, expect: {event: START_OF_INPUT, within: 50ms}", &server{},
			": expect START_OF_INPUT within 50ms: it came 80ms after the onset of speech"},
		{"event missing", "silence: 1s, expect: {event: NO_MATCH, within: 500ms}", &server{}, "it did not come"},
		{"no event", "say: hello, wait: answer, expect: {no_event: START_OF_INPUT}", &server{}, "it came at"},
		{"no event met", "silence: 1s, expect: {no_event: START_OF_INPUT}", &server{}, ""},
		{"prompt", "say: hello, expect: {prompt: {at_least: 5s, at_most: 5s, barge_in: false}}", &server{answer: long}, ""},
		{"prompt short", "say: hello, expect: {prompt: {at_least: 6s}}", &server{answer: long}, "the answer has 5.00 s of audio"},
		{"prompt long", "say: hello, expect: {prompt: {at_most: 4s}}", &server{answer: long}, "the answer has 5.00 s of audio"},
		{"prompt protected", "say: hello, expect: {prompt: {barge_in: true}}", &server{}, "it may not be interrupted"},
		{"no answer", "silence: 1s, expect: {prompt: {}}", &server{}, "there was no answer"},
		{"first audio", "say: hello, expect: {first_audio: 100ms}", &server{}, ""},
		{"first audio late", "say: hello, expect: {first_audio: 1s}", &server{tweak: on("answer chunk", late(2*time.Second))}, "none came within 1s"},
		{"chunks", "say: hello, expect: {answer: chunks}", &server{}, ""},
		{"wav", "say: hello, expect: {answer: wav}", &server{}, "the answer came in chunks"},
		{"none", "send: {event: SESSION_START}, expect: {answer: none}", &server{}, ""},
		{"input", "expect: {input: {mode: dtmf, dtmf_length: 4, terminator: '#', inter_digit: 3s, no_input: 5s}}", menu, ""},
		{"input beside a prompt", "say: hello, expect: {input: {mode: voice, dtmf_length: 20}}", &server{tweak: configuresEarly}, ""},
		{"any voice", "expect: {input: {mode: any_voice}}", &server{}, ""},
		{"no voice", "expect: {input: {mode: any_voice}}", menu, "an answer that asks for voice: input_mode is"},
		{"nothing to cancel", "cancel: answer, silence: 1s, expect: {no_event: NO_INPUT}", &server{}, ""},
		{"input mode", "expect: {input: {mode: voice}}", menu, `input_mode is "INPUT_EVENT_DTMF"`},
		{"input length", "expect: {input: {dtmf_length: 1}}", menu, "it asks for entries of 4 keys"},
		{"input times", "expect: {input: {no_input: 1s}}", menu, "it waits 5000 ms for input"},
		{"sensitive", "say: hello, expect: {input: {sensitive: true}}", &server{tweak: on("answer final", edit(func(m *out) { m.InputSensitive = true }))}, ""},
		{"not sensitive", "expect: {input: {sensitive: false}}, expect: {input: {sensitive: true}}", menu, "asks for sensitive input: it is not sensitive"},
		{"ends", "press: '7#', expect: {ends: custom_event, name: end, metadata: {reason: asked}, transcript: true}", &server{}, ""},
		{"ends otherwise", "press: '9#', expect: {ends: transfer}", &server{}, "it ended with SESSION_END"},
		{"ends with other data", "press: '0#', expect: {ends: transfer, metadata: {reason: bored}}", &server{}, `reason is "asked"`},
		{"ends without", "press: '0#', expect: {ends: transfer, summary: true}", &server{}, "it brought no summary"},
		{"goes on", "say: hello, wait: answer, expect: {ends: transfer}", &server{}, "the call went on"},
		{"cut", "say: hello, barge_in: {after: 2s, say: hello}, expect: {playback: cut}, wait: answer, expect: {playback: whole}", &server{answer: long, bargeIn: true}, ""},
		{"long prompt", "say: hello, expect: {playback: whole}", &server{answer: tone(15*time.Second, 440)}, ""},
		{"long way to the end", "press: '0#', expect: {ends: transfer}", &server{tweak: on("goodbye chunk", late(6*time.Second))}, ""},
		{"no way to the end", "press: '1#', expect: {ends: transfer}", &server{timers: config(20, 3000, 4000)}, ": expect TRANSFER_TO_AGENT: the call went on"},
		{"nothing while the flow is elsewhere", "press: '7#', wait: answer, expect: {event: NO_MATCH}, send: {event: CUSTOM_EVENT}, wait: answer", &server{}, ": expect NO_MATCH: it did not come"},
		{"not cut by a key", "say: hello, expect: {prompt: {barge_in: false}}, press: '1', expect: {playback: whole}", &server{answer: long}, ""},
		{"not cut", "say: hello, barge_in: {after: 2s, say: hello}, expect: {playback: cut}", &server{answer: long},
			"interrupt a prompt after 2s: no prompt that may be interrupted played for 2s"},
		{"kept from it", "press: '0#', wait: answer, say: hello", &server{}, "the server has ended the call with TRANSFER_TO_AGENT"},
		{"no noise", "noise: {for: 40ms, level: -30}, silence: 1s, expect: {no_event: START_OF_INPUT}", &server{}, ""},
		{"pressed over", "barge_in: {after: 1s, press: '12#'}, expect: {playback: cut}", &server{bargeIn: true},
			"no prompt that may be interrupted played for 1s"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := scripted(t, "steps: [wait: greeting, "+test.steps+"]")
			inBubble(t, test.server, o, func(t *testing.T, r *Result) {
				if test.want == "" && (!r.OK() || r.Skipped != "") {
					t.Errorf("not ok: failure %v, unmet %v, broken %v", r.Failure, r.Unmet, r.Verdict.With(Broken))
				}
				if test.want != "" && (len(r.Unmet) != 1 || !strings.Contains(r.Unmet[0].String(), test.want) || r.OK() || r.Failure != nil) {
					t.Errorf("unmet %v, failure %v, want %s", r.Unmet, r.Failure, test.want)
				}
			})
		})
	}
}

// TestNeed holds that a need that is not met skips the rest and breaks nothing.
func TestNeed(t *testing.T) {
	o := scripted(t, "steps:\n- wait: greeting\n- need: {answer: wav}\n- expect: {event: NO_MATCH}\n- silence: 40s\n")
	inBubble(t, &server{}, o, func(t *testing.T, r *Result) {
		const want = "test.yaml:3 needs an answer as WAV: the answer came in chunks"
		if r.Skipped != want || !r.OK() || r.Length > 5*time.Second {
			t.Errorf("skipped %q, unmet %v, after %v, want %q at once", r.Skipped, r.Unmet, r.Length, want)
		}
		var b strings.Builder
		if err := r.Print(&b); err != nil || !strings.Contains(b.String(), "SKIPPED  "+want) || !strings.Contains(b.String(), "verdict  skipped") {
			t.Errorf("printed %q, %v", b.String(), err)
		}
	})
}

// TestSendAtOnce holds that an event of the flow waits for the half-close of
// SESSION_START; a server that answers at the event would seem to greet too early.
func TestSendAtOnce(t *testing.T) {
	inBubble(t, &server{}, scripted(t, "steps: [send: {event: NO_INPUT}, wait: answer]"), func(t *testing.T, r *Result) {
		if closed, sent := find(r, HalfClosed)[0], find(r, SentEvent)[1]; closed.RPC != 1 || sent.Event != eventNoInput || sent.At < closed.At || !r.OK() {
			t.Errorf("%s at %v, half-close of rpc %d at %v, want that of SESSION_START first", sent.Event, sent.At, closed.RPC, closed.At)
		}
	})
}

// TestMaxSpeech holds that Webex ends an utterance that is longer than the
// server said it takes.
func TestMaxSpeech(t *testing.T) {
	timers := config(20, 3000, 0)
	timers.SpeechTimers.MaxSpeechTimeoutMsec = 2000
	s := &server{timers: timers, tweak: on("end", drop)}
	o := Options{Steps: []Step{WaitAnswer(), Say(tone(8*time.Second, 300)), HangUp()}}
	inBubble(t, s, o, func(t *testing.T, r *Result) {
		for _, e := range find(r, HalfClosed) {
			if e.Text == "the speech is longer than 2s" {
				return
			}
		}
		t.Error("the RPC with 8 s of speech was not half-closed")
	})
}

// TestRealTimeAnswer holds that an answer that comes as it is played is one
// prompt, also where a chunk is late.
func TestRealTimeAnswer(t *testing.T) {
	s := &server{answer: tone(2*time.Second, 880), tweak: on("answer chunk", late(230*time.Millisecond))}
	inBubble(t, s, Options{Steps: spoken}, func(t *testing.T, r *Result) {
		played := find(r, PlayEnd)
		if len(played) != 2 || played[1].Audio != 2*time.Second {
			t.Errorf("prompts played: %v, want the greeting and 2 s", played)
		}
	})
}
