package caller

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"

	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
)

func (s *server) noteToken(ctx context.Context) {
	md, _ := metadata.FromIncomingContext(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens = append(s.tokens, md.Get("authorization")...)
}

var (
	hello   = tone(time.Second, 300)
	spoken  = []Step{WaitAnswer(), Say(hello), WaitAnswer(), HangUp()}
	pressed = []Step{WaitAnswer(), Press("12#"), WaitAnswer()}
)

// TestKeptRules plays whole calls against a server that keeps the rules.
func TestKeptRules(t *testing.T) {
	tests := []struct {
		name   string
		server *server
		steps  []Step
		kept   string // among others
	}{
		{"spoken", &server{}, spoken, "R2 R3 R8 R9 R12 R15 R16 R17 R20 R22 R25 R26 R27 R29 R31 R48 R54 R56"},
		{"configuration beside the first prompt", &server{answer: hello[:1600], tweak: configuresEarly}, spoken, "R26 R27"},
		{"spoken with barge-in", &server{bargeIn: true}, spoken, "R15 R16 R22"},
		{"wav", &server{wav: true}, spoken, "R20 R21 R23"},
		{"keys", &server{}, pressed, "R33 R48"},
		{"keys only", &server{mode: mediav1.VoiceVAInputMode_INPUT_EVENT_DTMF}, pressed, "R33 R48"},
		{"transfer", &server{}, []Step{WaitAnswer(), Press("0#"), WaitAnswer()}, "R33 R41 R46 R47 R50"},
		{"transfer while listened to", &server{bargeIn: true, greeting: tone(3*time.Second, 440)},
			[]Step{Silence(time.Second), Press("0#"), Silence(time.Minute)}, "R33 R46 R47 R50"},
		{"interrupted by speech", &server{bargeIn: true, greeting: tone(5*time.Second, 440)},
			[]Step{Silence(time.Second), Say(hello), WaitAnswer()}, "R15 R16"},
		{"no input", &server{timers: config(20, 3000, 5000)}, []Step{WaitAnswer(), Silence(6 * time.Second), WaitAnswer()}, "R12 R39"},
		{"hung up at once", &server{}, nil, "R2 R48"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, test.server, Options{Steps: test.steps}, func(t *testing.T, r *Result) {
				if !r.OK() {
					t.Errorf("call is not ok, failure %v, broken %v", r.Failure, r.Verdict.With(Broken))
				}
				kept := append(r.Verdict.rules(Kept), r.Verdict.rules(Warned)...)
				for rule := range strings.FieldsSeq(test.kept) {
					if !slices.Contains(kept, rule) {
						t.Errorf("%s was not seen", rule)
					}
				}
			})
		})
	}
}

// configuresEarly moves what an answer says of the next input from its FINAL to
// its chunks.
func configuresEarly(_ string, m *out) []*out {
	switch {
	case m.GetInputMode() != 0:
		m.InputMode, m.InputHandlingConfig = 0, nil
	case m.GetResponseType() == mediav1.VoiceVAResponse_CHUNK:
		m.InputMode, m.InputHandlingConfig = mediav1.VoiceVAInputMode_INPUT_VOICE, config(20, 3000, 0)
	}
	return []*out{m}
}

// on rewrites the messages of one role.
func on(role string, change func(m *out) []*out) func(string, *out) []*out {
	return func(r string, m *out) []*out {
		if r != role {
			return []*out{m}
		}
		return change(m)
	}
}

// drop, edit and late are ways to rewrite a message.
func drop(*out) []*out { return nil }

func edit(change func(m *out)) func(*out) []*out {
	return func(m *out) []*out { change(m); return []*out{m} }
}

func late(d time.Duration) func(*out) []*out {
	return func(m *out) []*out { time.Sleep(d); return []*out{m} }
}

// broken is a server that breaks one rule, and the steps in which it does.
type broken struct {
	rule   string
	name   string
	steps  []Step
	server *server
}

// brokenTurns break rules of who speaks when.
func brokenTurns() []broken {
	return []broken{
		{"R2", "an RPC fails", spoken, &server{serve: fails(inputIsAudio)}},
		{"R2", "an RPC is never completed", pressed, &server{serve: hangs(inputIsStartOfDTMF)}},
		{"R2", "a listening RPC is completed at once", spoken, &server{serve: once(completes(inputIsAudio))}},
		{"R3", "the keys are not answered", pressed, &server{serve: completes(inputIsKeys)}},
		{"R8", "the greeting does not wait", spoken, &server{serve: greetsAtOnce}},
		{"R9", "the greeting comes on the listening RPC", spoken, &server{serve: greetsLate}},
		{"R12", "START_OF_INPUT on silence", []Step{WaitAnswer(), Silence(time.Second)}, &server{serve: startsOnSilence}},
		{"R15", "no START_OF_INPUT", spoken, &server{tweak: on("start", drop)}},
		{"R15", "START_OF_INPUT twice", spoken, &server{tweak: on("start", func(m *out) []*out { return []*out{m, m} })}},
		{"R15", "START_OF_INPUT late", spoken, &server{tweak: on("start", late(2*time.Second))}},
		{"R16", "no END_OF_INPUT", spoken, &server{tweak: on("end", drop)}},
		{"R16", "END_OF_INPUT late", spoken, &server{tweak: on("end", late(5*time.Second))}},
		{"R16", "END_OF_INPUT in the speech", spoken, &server{hasty: true}},
		{"R17", "prompts before END_OF_INPUT", spoken, &server{tweak: on("end", func(m *out) []*out {
			return []*out{chunkOf(hello[:800], false), m}
		})}},
	}
}

// brokenAnswers break rules of what an answer holds.
func brokenAnswers() []broken {
	return []broken{
		{"R20", "a WAV answer after chunks", spoken, &server{serve: mixes}},
		{"R21", "raw audio with FINAL", spoken, &server{wav: true, tweak: on("answer final", edit(func(m *out) {
			m.Prompts[0].AudioContent = hello[:800]
		}))}},
		{"R22", "a short chunk", spoken, &server{tweak: on("answer chunk", edit(func(m *out) {
			m.Prompts[0].AudioContent = hello[:99]
		}))}},
		{"R22", "a WAV header in a chunk", spoken, &server{tweak: on("greeting chunk", edit(func(m *out) {
			m.Prompts[0].AudioContent = wavFile(hello[:800], telephone)
		}))}},
		{"R22", "audio in the FINAL after chunks", spoken, &server{tweak: on("answer final", edit(func(m *out) {
			m.Prompts = chunkOf(hello[:800], false).Prompts
		}))}},
		{"R22", "no FINAL after chunks", spoken, &server{tweak: on("answer final", drop)}},
		{"R23", "a WAV of linear samples", spoken, &server{wav: true, tweak: on("answer final", edit(func(m *out) {
			m.Prompts[0].AudioContent = wavFile(hello[:1600], linear16k)
		}))}},
		{"R24", "PARTIAL without being asked", spoken, &server{tweak: on("answer chunk", edit(func(m *out) {
			m.ResponseType = mediav1.VoiceVAResponse_PARTIAL
		}))}},
		{"R25", "text beside audio", spoken, &server{tweak: on("answer chunk", edit(func(m *out) { m.Prompts[0].Text = "hi" }))}},
		{"R26", "no input mode", spoken, &server{tweak: on("answer final", edit(func(m *out) { m.InputMode = 0 }))}},
		{"R27", "input configuration beside START_OF_INPUT alone", spoken, &server{tweak: func(role string, m *out) []*out {
			switch role {
			case "start":
				m.InputHandlingConfig = config(20, 3000, 0)
			case "answer final":
				m.InputHandlingConfig = nil
			}
			return []*out{m}
		}}},
		{"R27", "no input configuration", spoken, &server{tweak: on("greeting final", edit(func(m *out) { m.InputHandlingConfig = nil }))}},
	}
}

// brokenEnds break rules of keys, interruptions and the end of the call.
func brokenEnds() []broken {
	zero := []Step{WaitAnswer(), Press("0#"), WaitAnswer()}
	long := tone(5*time.Second, 440)
	over := []Step{Silence(time.Second), Say(hello), WaitAnswer()}
	return []broken{
		{"R29", "two events", zero, &server{tweak: on("terminal", edit(func(m *out) {
			m.OutputEvents = append(m.OutputEvents, m.OutputEvents[0])
		}))}},
		{"R31", "a chunk after FINAL", spoken, &server{tweak: on("greeting final", func(m *out) []*out {
			return []*out{m, chunkOf(hello[:800], false)}
		})}},
		{"R33", "prompts after START_OF_DTMF", pressed, &server{tweak: on("dtmf start", func(*out) []*out {
			return []*out{chunkOf(hello[:800], false)}
		})}},
		{"R39", "NO_INPUT from the server", spoken, &server{tweak: on("answer final", edit(func(m *out) {
			m.OutputEvents = event(mediav1.OutputEvent_NO_INPUT).OutputEvents
		}))}},
		{"R42", "an interrupted answer goes on", over, &server{bargeIn: true, serve: neverStops(long)}},
		{"R46", "input configuration beside a transfer", zero, &server{tweak: on("terminal", edit(func(m *out) {
			m.InputHandlingConfig = config(1, 1, 1)
		}))}},
		{"R47", "a transfer before FINAL", zero, &server{tweak: on("terminal", func(m *out) []*out {
			m.ResponseType = mediav1.VoiceVAResponse_CHUNK
			return []*out{m, {}}
		})}},
		{"R48", "SESSION_END fails", spoken, &server{serve: fails(inputIsSessionEnd)}},
		{"R50", "prompts elsewhere after a transfer", []Step{Silence(time.Second), Press("0#"), WaitAnswer()},
			&server{bargeIn: true, greeting: long, serve: speaksAfterTransfer}},
		{"R56", "the audio is not read", []Step{WaitAnswer(), Silence(time.Minute)}, &server{serve: hangs(inputIsAudio)}},
	}
}

// TestBrokenRules changes one thing about the server and wants that rule
// broken and no other.
func TestBrokenRules(t *testing.T) {
	for _, test := range slices.Concat(brokenTurns(), brokenAnswers(), brokenEnds()) {
		t.Run(test.rule+" "+test.name, func(t *testing.T) {
			inBubble(t, test.server, Options{Steps: test.steps, Limit: 3 * time.Minute}, func(t *testing.T, r *Result) {
				if got := r.Verdict.rules(Broken); !slices.Equal(got, []string{test.rule}) {
					t.Errorf("broken rules %v, want %s alone", got, test.rule)
				}
			})
		})
	}
}

// TestPromptUntilSpeechIsFound: a prompt that plays goes on until the server has found that
// the caller speaks, and is not taken for the answer.
func TestPromptUntilSpeechIsFound(t *testing.T) {
	plays := &server{tweak: on("start", func(m *out) []*out { return []*out{chunkOf(hello[:800], true), m} })}
	inBubble(t, plays, Options{Steps: spoken}, func(t *testing.T, r *Result) {
		if !r.OK() || !slices.Contains(r.Verdict.rules(Kept), "R17") {
			t.Errorf("verdict %+v", r.Verdict)
		}
	})
}

// TestWarnings holds what is told but not held against the server.
func TestWarnings(t *testing.T) {
	tests := []struct {
		rule   string
		server *server
	}{
		{"R54", &server{tweak: func(role string, m *out) []*out {
			if role == "answer chunk" {
				time.Sleep(2100 * time.Millisecond)
			}
			return []*out{m}
		}}},
		{"R17", &server{tweak: func(role string, m *out) []*out {
			if role == "end" {
				m.ResponseType = mediav1.VoiceVAResponse_CHUNK
				m.Prompts = chunkOf(hello[:800], false).Prompts
			}
			return []*out{m}
		}}},
	}
	for _, test := range tests {
		t.Run(test.rule, func(t *testing.T) {
			inBubble(t, test.server, Options{Steps: spoken}, func(t *testing.T, r *Result) {
				if got := r.Verdict.rules(Warned); !r.OK() || !slices.Equal(got, []string{test.rule}) {
					t.Errorf("ok %v, warned %v, want ok with a warning for %s", r.OK(), got, test.rule)
				}
			})
		})
	}
}
