package caller

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/byova-host/byova-host/internal/audio"
	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
)

// find gives the entries of one kind.
func find(r *Result, k Kind) (found []Entry) {
	for _, e := range r.Entries {
		if e.Kind == k {
			found = append(found, e)
		}
	}
	return found
}

// TestPacing holds that frames leave when they are due, however long the call.
func TestPacing(t *testing.T) {
	s := &server{}
	inBubble(t, s, Options{Steps: []Step{WaitAnswer(), Silence(30 * time.Second)}}, func(t *testing.T, r *Result) {
		if !r.OK() {
			t.Fatalf("call failed: %v, %v", r.Failure, r.Verdict.With(Broken))
		}
		if first := s.frames[0]; first.size != 3 {
			t.Errorf("first message has %d bytes, want 3", first.size)
		}
		frames := s.frames[1:]
		if len(frames) < 1500 {
			t.Fatalf("%d frames in 30 s, want 1500 or more", len(frames))
		}
		for i, f := range frames {
			due := frames[0].at.Add(time.Duration(i) * 20 * time.Millisecond)
			if f.size != 160 || !f.at.Equal(due) || !f.from.Equal(due.Add(-20*time.Millisecond)) {
				t.Fatalf("frame %d: %d bytes at %v of audio from %v, want 160 at %v, captured in the 20 ms before", i, f.size, f.at, f.from, due)
			}
		}
	})
}

// TestCatchUp holds that a late tick shifts no later one.
func TestCatchUp(t *testing.T) {
	s := &server{}
	stall := firstTime(func() { time.Sleep(130 * time.Millisecond) })
	inBubble(t, s, Options{
		Steps: []Step{WaitAnswer(), Silence(5 * time.Second)},
		Log: func(e Entry) {
			if e.At > time.Second || e.Kind == PlayEnd {
				stall() // the goroutine of the call is kept away from its clock
			}
		},
	}, func(t *testing.T, r *Result) {
		frames := s.frames[1:]
		last := frames[len(frames)-1]
		due := frames[0].from.Add(time.Duration(len(frames)-1) * 20 * time.Millisecond)
		if !last.from.Equal(due) || !last.at.Equal(due.Add(20*time.Millisecond)) {
			t.Errorf("last of %d frames came at %v with audio of %v, want audio of %v 20 ms later", len(frames), last.at, last.from, due)
		}
	})
}

// firstTime calls f the first time only.
func firstTime(f func()) func() {
	done := false
	return func() {
		if !done {
			done = true
			f()
		}
	}
}

// TestRecording compares both sides of a recording with what was said.
func TestRecording(t *testing.T) {
	greeting, answer, speech := tone(300*time.Millisecond, 440), tone(500*time.Millisecond, 880), tone(time.Second, 300)
	s := &server{greeting: greeting, answer: answer}
	inBubble(t, s, Options{Steps: []Step{WaitAnswer(), Say(speech), WaitAnswer()}, Record: true, LineNoise: -1}, func(t *testing.T, r *Result) {
		left, right := sides(t, r.Recording)
		plays, talks, played := find(r, PlayStart), find(r, SpeechStart), find(r, PlayEnd)
		if len(plays) != 2 || len(talks) != 1 {
			t.Fatalf("%d prompts played and %d utterances, want 2 and 1", len(plays), len(talks))
		}
		wantAt(t, "greeting", right, plays[0].At, greeting)
		wantAt(t, "answer", right, plays[1].At, answer)
		wantAt(t, "speech", left, talks[0].At, speech)
		if played[1].Audio != 500*time.Millisecond {
			t.Errorf("answer played for %v, want 500ms", played[1].Audio)
		}
		wantSilence(t, "left during the greeting", left[:audio.Telephone.Bytes(talks[0].At)])
		wantSilence(t, "right between prompts", right[audio.Telephone.Bytes(played[0].At):audio.Telephone.Bytes(plays[1].At)])
	})
}

// TestRecordingOfBargeIn holds that a prompt is cut where speech was noticed
// and that nothing of its answer is heard afterwards.
func TestRecordingOfBargeIn(t *testing.T) {
	greeting := tone(5*time.Second, 440)
	s := &server{bargeIn: true, serve: neverStops(greeting)}
	o := Options{Steps: []Step{Silence(time.Second), Say(hello), WaitAnswer()}, Record: true, LineNoise: -1}
	inBubble(t, s, o, func(t *testing.T, r *Result) {
		_, right := sides(t, r.Recording)
		began, cut := find(r, PlayStart)[0], find(r, PlayCut)
		if len(cut) != 1 {
			t.Fatalf("%d prompts cut, want 1", len(cut))
		}
		if noticed := find(r, SpeechStart)[0].At + 80*time.Millisecond; cut[0].At < noticed || cut[0].At > noticed+20*time.Millisecond {
			t.Errorf("cut at %v, want when the speech was noticed at %v", cut[0].At, noticed)
		}
		heard := audio.Telephone.Bytes(cut[0].Audio)
		wantAt(t, "greeting", right, began.At, greeting[:heard])
		end := audio.Telephone.Bytes(began.At) + heard
		next := audio.Telephone.Bytes(find(r, PlayStart)[1].At)
		wantSilence(t, "right after the cut", right[end:next])
	})
}

// sides splits a recording.
func sides(t *testing.T, file []byte) (left, right []int16) {
	t.Helper()
	wav, err := audio.ParseWAV(file)
	if err != nil || wav.Channels != 2 || wav.Format.Rate != 8000 {
		t.Fatalf("recording: %v, %d channels, %v", err, wav.Channels, wav.Format)
	}
	both := audio.DecodeLinear16(nil, wav.Data)
	for i := 0; i+1 < len(both); i += 2 {
		left, right = append(left, both[i]), append(right, both[i+1])
	}
	return left, right
}

func wantAt(t *testing.T, what string, side []int16, at time.Duration, muLaw []byte) {
	t.Helper()
	from := audio.Telephone.Bytes(at)
	want := audio.DecodeMuLaw(nil, muLaw)
	if got := side[from:min(from+len(want), len(side))]; !slices.Equal(got, want) {
		t.Errorf("%s is not at %v of the recording", what, at)
	}
}

func wantSilence(t *testing.T, what string, side []int16) {
	t.Helper()
	for i, s := range side {
		if s != 0 {
			t.Errorf("%s is not silent after %d samples", what, i)
			return
		}
	}
}

// TestKeys holds when an entry of keys is complete and what it holds.
func TestKeys(t *testing.T) {
	tests := []struct {
		name    string
		press   string
		options Options
		timers  *mediav1.InputHandlingConfig
		want    []string
		took    time.Duration // from the first key to the entry
	}{
		{"terminator", "12#", Options{}, nil, []string{"12"}, 400 * time.Millisecond},
		{"terminator kept", "12#", Options{KeepTerminator: true}, nil, []string{"12#"}, 400 * time.Millisecond},
		{"terminator alone", "#", Options{}, nil, []string{""}, 0},
		{"length", "1234", Options{}, config(4, 3000, 0), []string{"1234"}, 600 * time.Millisecond},
		{"inter-digit time", "*A0", Options{}, config(20, 1000, 0), []string{"*A0"}, 1400 * time.Millisecond},
		{"keys during the answer are lost", "12345", Options{}, config(2, 1000, 0), []string{"12"}, 200 * time.Millisecond},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := &server{timers: test.timers}
			test.options.Steps = []Step{WaitAnswer(), Press(test.press), WaitAnswer()}
			inBubble(t, s, test.options, func(t *testing.T, r *Result) {
				if !r.OK() || !slices.Equal(s.keys, test.want) {
					t.Errorf("server got %q, ok %v, want %q", s.keys, r.OK(), test.want)
				}
				if took := find(r, SentKeys)[0].At - find(r, KeyPressed)[0].At; took != test.took {
					t.Errorf("entry sent after %v, want %v", took, test.took)
				}
			})
		})
	}
}

// TestStartOfDTMF holds on which RPC the first key is announced.
func TestStartOfDTMF(t *testing.T) {
	for mode, want := range map[mediav1.VoiceVAInputMode]int{
		mediav1.VoiceVAInputMode_INPUT_VOICE_DTMF: 2, // the listening one
		mediav1.VoiceVAInputMode_INPUT_EVENT_DTMF: 2, // one of its own
	} {
		inBubble(t, &server{mode: mode}, Options{Steps: pressed}, func(t *testing.T, r *Result) {
			audio := len(find(r, SentAudio)) > 0
			for _, e := range find(r, SentEvent) {
				if e.Event == eventStartOfDTMF && e.RPC != want {
					t.Errorf("%v: START_OF_DTMF on rpc %d, want %d", mode, e.RPC, want)
				}
			}
			first := find(r, SentAudio)
			if voice := mode == mediav1.VoiceVAInputMode_INPUT_VOICE_DTMF; voice != audio || voice && first[0].RPC != 2 {
				t.Errorf("%v: audio was sent: %v", mode, audio)
			}
		})
	}
}

// TestNoInput holds that silence counts from the end of playback.
func TestNoInput(t *testing.T) {
	s := &server{greeting: tone(2*time.Second, 440), timers: config(20, 3000, 5000)}
	inBubble(t, s, Options{Steps: []Step{Silence(8 * time.Second), WaitAnswer()}}, func(t *testing.T, r *Result) {
		var sent []Entry
		for _, e := range find(r, SentEvent) {
			if e.Event == eventNoInput {
				sent = append(sent, e)
			}
		}
		if len(sent) != 1 || !r.OK() {
			t.Fatalf("%d NO_INPUT, ok %v, want 1 and ok", len(sent), r.OK())
		}
		if took := sent[0].At - find(r, PlayEnd)[0].At; took != 5*time.Second {
			t.Errorf("NO_INPUT %v after playback, want 5s", took)
		}
	})
}

// TestBargeInRefused holds that a prompt without barge-in plays to its end, that
// no RPC listens meanwhile and that speech during it is lost.
func TestBargeInRefused(t *testing.T) {
	s := &server{greeting: tone(3*time.Second, 440)}
	inBubble(t, s, Options{Steps: []Step{Silence(time.Second), Say(hello), WaitAnswer()}}, func(t *testing.T, r *Result) {
		if cut, notes := find(r, PlayCut), find(r, Note); len(cut) > 0 || len(notes) != 1 || !strings.Contains(notes[0].Text, "speech is lost") {
			t.Errorf("cut %v, notes %v, want none cut and a note that speech is lost", cut, notes)
		}
		if opened, end := find(r, Opened)[1], find(r, PlayEnd)[0]; opened.At < end.At-20*time.Millisecond {
			t.Errorf("listening from %v, want after playback at %v", opened.At, end.At)
		}
	})
}

// TestFailures holds that a call which cannot go on says what was expected and
// what came.
func TestFailures(t *testing.T) {
	tests := []struct {
		name    string
		server  *server
		options Options
		want    string
	}{
		{"rpc fails", &server{serve: fails(inputIsSessionStart)}, Options{Steps: spoken},
			`rpc 1 ended with Internal "out of order", want OK`},
		{"no agent", &server{}, Options{Steps: spoken, Agent: "eco"},
			`the server does not offer virtual agent "eco": no such agent`},
		{"limit", &server{}, Options{Steps: []Step{WaitAnswer(), Silence(time.Hour)}, Limit: 10 * time.Second},
			"call is over its limit of 10s; it was to stay silent for 1h0m0s, rpc 2 open"},
		{"never completed", &server{serve: hangs(inputIsSessionStart)}, Options{Steps: spoken},
			"rpc 1 was not completed within 40s after its half-close and last message"},
		{"deaf", &server{serve: completes(inputIsAudio)}, Options{Steps: spoken},
			"rpc 11 is the 10th that the server completed while it was to listen"},
		{"token", &server{}, Options{Steps: spoken, Token: func(context.Context) (string, error) { return "", errors.New("none left") }},
			"get the token for rpc 1: none left"},
		{"flood", &server{greeting: make([]byte, 8000*601)}, Options{Steps: spoken},
			"rpc 1: more than 10m0s of prompts wait to be played"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, test.server, test.options, func(t *testing.T, r *Result) {
				if r.OK() || r.Failure == nil || r.Failure.Error() != test.want {
					t.Errorf("failure %v, want %s", r.Failure, test.want)
				}
				if broken := r.Verdict.With(Broken); errors.Is(r.Failure, ErrNoAgent) && len(broken) > 0 {
					t.Errorf("an agent that is not there breaks %+v", broken)
				}
			})
		})
	}
}

// TestStop holds that a call ends with its context and leaves nothing behind.
func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(2*time.Second, stop)
		r, err := Run(ctx, Options{Addr: "passthrough:///server", Dial: dial(t, &server{}), Steps: []Step{Silence(time.Minute)}})
		if err != nil || r.OK() || !errors.Is(r.Failure, context.Canceled) || r.Length != 2*time.Second {
			t.Errorf("Run = %v, %v", r, err)
		}
	})
}

// TestWrongOptions holds that nothing is dialled for a call that makes no sense.
func TestWrongOptions(t *testing.T) {
	for want, o := range map[string]Options{
		"frame of 5 ms":        {FrameMillis: 5},
		`'X' is not a key`:     {Steps: []Step{Press("1X")}},
		"step 2: say":          {Steps: []Step{WaitAnswer(), Say(nil)}},
		"a time of the call":   {Limit: -1},
		"step 1: silence of -": {Steps: []Step{Silence(-1)}},
	} {
		if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Run = %v, want %q in it", err, want)
		}
	}
}

// TestToken holds that each RPC asks for a token of its own.
func TestToken(t *testing.T) {
	s, n := &server{}, 0
	o := Options{Steps: spoken, Token: func(context.Context) (string, error) { n++; return fmt.Sprint("t", n), nil }}
	inBubble(t, s, o, func(t *testing.T, r *Result) {
		if want := []string{"Bearer t1", "Bearer t2", "Bearer t3", "Bearer t4"}; !slices.Equal(s.tokens, want) {
			t.Errorf("tokens %q, want %q", s.tokens, want)
		}
	})
}

// TestCancel holds that open RPCs are cancelled at hang-up when asked, which is
// not held against the server.
func TestCancel(t *testing.T) {
	inBubble(t, &server{}, Options{Steps: []Step{WaitAnswer(), Silence(time.Second)}, Cancel: true}, func(t *testing.T, r *Result) {
		if len(find(r, Cancelled)) != 1 || !r.OK() {
			t.Errorf("%d RPCs cancelled, ok %v, want 1 and ok", len(find(r, Cancelled)), r.OK())
		}
	})
}

// TestPartial holds that an answer replaces what waits of its filler.
func TestPartial(t *testing.T) {
	s := &server{tweak: func(role string, m *out) []*out {
		if role != "answer chunk" {
			return []*out{m}
		}
		filler := chunkOf(tone(5*time.Second, 200), false)
		filler.ResponseType = mediav1.VoiceVAResponse_PARTIAL
		time.Sleep(500 * time.Millisecond)
		return []*out{filler, m}
	}, answer: tone(200*time.Millisecond, 880)}
	inBubble(t, s, Options{Steps: spoken, AllowPartial: true}, func(t *testing.T, r *Result) {
		played := find(r, PlayEnd)
		if got := played[len(played)-1].Audio; !r.OK() || got > time.Second {
			t.Errorf("played %v, ok %v, want the answer without the rest of the filler", got, r.OK())
		}
	})
}

// TestSpeechFrames holds where speech begins and ends in a file.
func TestSpeechFrames(t *testing.T) {
	quiet := bytes.Repeat([]byte{audio.MuLawSilence}, 160)
	loud := tone(20*time.Millisecond, 300)
	file := slices.Concat(bytes.Repeat(quiet, 3), bytes.Repeat(loud, 2), bytes.Repeat(quiet, 10), loud, bytes.Repeat(quiet, 20), loud)
	var got strings.Builder
	for _, l := range speechFrames(file, 160) {
		got.WriteByte("-X"[map[bool]int{true: 1}[l]])
	}
	if want := "---XXXXXXXXXXXXX" + strings.Repeat("-", 20) + "X"; got.String() != want {
		t.Errorf("speech in frames %s, want %s", got.String(), want)
	}
}
