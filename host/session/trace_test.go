package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/byova-host/byova-host/internal/audio"
	"github.com/byova-host/byova-host/internal/logtest"
)

// chatty repeats a key with a text before it, and asks for a PIN after the key 5: the
// next entry is sensitive. It sends what it hands on when the key is 0.
func chatty(sink Sink, e Event) {
	body, ok := e.Body.(DTMFEntry)
	if !ok {
		repeat(sink, e)
		return
	}
	switch body.Digits {
	case "0":
		sink.Command(Command{Turn: body.Turn, Body: Leave{Event: TransferToAgent, Metadata: map[string]any{"said": "secret metadata"}}})
	case "5":
		sink.Command(Command{Body: SetInput{Sensitive: true}})
	}
	sink.Command(Command{Turn: body.Turn, Prompt: 100 + body.Turn, Body: StartPrompt{Text: "you pressed " + body.Digits}})
}

// written is a trace as it is read, a line an entry.
func written(part TracePart) string {
	var all strings.Builder
	for _, e := range part.Entries {
		late := ""
		if e.Late {
			late = " late"
		}
		fmt.Fprintf(&all, "%s %s %d/%d%s %s", e.From, e.What, e.Turn, e.Prompt, late, e.Detail)
		if e.Content != "" {
			fmt.Fprintf(&all, " = %s", e.Content)
		}
		all.WriteByte('\n')
	}
	return all.String()
}

// readAll reads a trace to its end.
func readAll(t *testing.T, f *Trace) (all TracePart) {
	t.Helper()
	for {
		part, err := f.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all.Missed += part.Missed
		all.Lost += part.Lost
		all.Entries = append(all.Entries, part.Entries...)
		all.Audio = append(all.Audio, part.Audio...)
	}
}

func (l *calls) trace(id string, o TraceOptions) *Trace {
	l.t.Helper()
	f, err := l.sessions.Trace(id, o)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(f.Close)
	return f
}

// TestTrace: what the bot is told and what it asks for is there in order, while the call
// is up and when it has ended, and nobody's words or keys are.
func TestTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := start(t, Config{Voice: spoken100{}}, chatty)
		l.exchange("one", Request{Kind: SessionStart})
		time.Sleep(time.Second)
		follower := l.trace("on", TraceOptions{Follow: true})
		l.exchange("one", Request{Kind: DTMF, Digits: "12"})
		time.Sleep(time.Second)
		l.exchange("one", Request{Kind: SessionEnd})
		want := strings.TrimPrefix(`
host session_start 0/0 agent bot
host turn_started 1/0 start
host input_ended 1/0 
bot prompt 1/1 mu-law 8000 Hz
bot audio 1/1 bot audio 0.10 s
bot done 1/0 
host turn_ended 1/0 answered
host prompt_done 0/1 
host turn_started 2/0 dtmf
host dtmf_input 2/0 2 keys
host input_ended 2/0 
bot say 2/102 14 characters of text
bot prompt 2/2 mu-law 8000 Hz
bot audio 2/2 bot audio 0.10 s
bot done 2/0 
host turn_ended 2/0 answered
host prompt_done 0/102 
host prompt_done 0/2 
host session_end 0/0 caller
`, "\n")
		for name, f := range map[string]*Trace{"followed": follower, "afterwards": l.trace("one", TraceOptions{Follow: true, Content: true})} {
			part := readAll(t, f)
			if got := written(part); got != want || part.Audio != nil {
				t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
			}
			if times := part.Entries; !slices.IsSortedFunc(times, func(a, b TraceEntry) int { return int(a.At - b.At) }) {
				t.Errorf("%s: not in the order of time", name)
			}
		}
		if got := l.trace("one", TraceOptions{}).Call; got.State != OverState || got.Turn != 2 || got.Key != (Key{"org", "one"}) {
			t.Errorf("the call was %+v", got)
		}
	})
}

// spoken100 speaks every text as 100 ms of sound.
type spoken100 struct{}

func (spoken100) Speak(_ context.Context, _ Text, w io.Writer) error {
	_, err := w.Write(make([]byte, 800))
	return err
}

// TestTraceContent: it is told from the moment it was asked for, to who asked for it,
// and nothing sensitive is.
func TestTraceContent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &logtest.Log{}
		l := start(t, Config{Voice: spoken100{}, Log: hclog.New(&hclog.LoggerOptions{Output: log})}, chatty)
		l.exchange("one", Request{Kind: SessionStart})
		l.exchange("one", Request{Kind: DTMF, Digits: "31"})
		if log := log.String(); strings.Contains(log, "content") {
			t.Errorf("before anybody asked, the log says\n%s", log)
		}
		plain, asked := l.trace("one", TraceOptions{Follow: true}), l.trace("one", TraceOptions{Follow: true, Content: true})
		if log := log.String(); strings.Count(log, "[WARN]  the content of a call is being traced: conversation=one") != 1 {
			t.Errorf("the log says\n%s", log)
		}
		for _, digits := range []string{"32", "5", "4711", "33", "0"} {
			time.Sleep(time.Second)
			l.exchange("one", Request{Kind: DTMF, Digits: digits})
		}
		got := written(readAll(t, asked))
		for _, want := range []string{"dtmf_input 3/0 2 keys = 32\n", "= you pressed 32\n", "= you pressed 5\n", "dtmf_input 5/0 sensitive\n",
			"bot say 5/105 16 characters of text = sensitive\n", "= you pressed 33\n", `transfer 7/0  = {"metadata":{"said":"secret metadata"}}`} {
			if !strings.Contains(got, want) {
				t.Errorf("%q is not in\n%s", want, got)
			}
		}
		if strings.Contains(got, "31") || strings.Contains(got, "4711") {
			t.Errorf("what came before, or was sensitive, is in\n%s", got)
		}
		again := l.trace("one", TraceOptions{Content: true})
		for name, f := range map[string]*Trace{"a follower": plain, "one afterwards": again} {
			if got := written(readAll(t, f)); strings.Contains(got, "=") || strings.Contains(got, "33") || strings.Contains(got, "secret") {
				t.Errorf("%s who did not ask for it, or too late, is told\n%s", name, got)
			}
		}
		asked.Close()
		if log := log.String(); !strings.Contains(log, "the content of a call is no longer traced") {
			t.Errorf("the log says\n%s", log)
		}
		tracer := asked.tracer
		plain.Close()
		if again.Close(); tracer.contents != nil || tracer.recording.Load() || len(tracer.followers) > 0 {
			t.Errorf("content is kept when nobody wants it: %v", tracer.contents)
		}
	})
}

// TestTraceContentAlways: a host of its owner's calls keeps content from the beginning, but
// nothing sensitive.
func TestTraceContentAlways(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &logtest.Log{}
		l := start(t, Config{Voice: spoken100{}, Log: hclog.New(&hclog.LoggerOptions{Output: log}), TraceContent: true}, chatty)
		l.exchange("one", Request{Kind: SessionStart})
		for _, digits := range []string{"32", "5", "4711"} {
			l.exchange("one", Request{Kind: DTMF, Digits: digits})
		}
		asked := l.trace("one", TraceOptions{Content: true})
		defer asked.Close()
		got := written(readAll(t, asked))
		if !strings.Contains(got, "= you pressed 32\n") || strings.Contains(got, "4711") {
			t.Errorf("it is told\n%s", got)
		}
		if plain := l.trace("one", TraceOptions{}); strings.Contains(written(readAll(t, plain)), "32") {
			t.Error("who did not ask is told content")
		}
		if log := log.String(); strings.Contains(log, "content") {
			t.Errorf("the log says\n%s", log)
		}
	})
}

// TestTraceAudio: both sides are told to who asked, and no sensitive input.
func TestTraceAudio(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sensitive := false
		l := start(t, Config{}, func(sink Sink, e Event) {
			if _, first := e.Body.(TurnStarted); first && sensitive {
				sink.Command(Command{Body: SetInput{Sensitive: true}})
			}
			repeat(sink, e)
		})
		for _, sensitive = range []bool{false, true} {
			name := fmt.Sprint("sensitive-", sensitive)
			rpc := l.join(Key{"org", name}, Request{Kind: SessionStart})
			f := l.trace(name, TraceOptions{Follow: true, Content: true})
			rpc.HalfClose()
			read(t.Context(), rpc)
			time.Sleep(time.Second)
			rpc = l.join(Key{"org", name}, Request{Kind: Audio, Audio: quiet(20)})
			for range 50 {
				time.Sleep(20 * time.Millisecond)
				if err := rpc.Receive(t.Context(), &Request{Key: Key{"org", name}, Kind: Audio, Audio: audio.EncodeLinear16(nil, make([]int16, 320)),
					Format: audio.Format{Encoding: audio.Linear16, Rate: 16000}}); err != nil {
					t.Fatal(err)
				}
			}
			l.exchange(name, Request{Kind: SessionEnd})
			var heard, said time.Duration
			for _, a := range readAll(t, f).Audio {
				if d := audio.Telephone.Duration(len(a.Data)); a.Bot {
					said += d
				} else {
					heard += d
				}
			}
			rpc.HalfClose()
			read(t.Context(), rpc)
			want := 1020 * time.Millisecond
			if sensitive {
				want = 0
			}
			if said != 100*time.Millisecond || heard < want-10*time.Millisecond || heard > want {
				t.Errorf("%s: %v of the bot and %v of the caller, want 100 ms and %v", name, said, heard, want)
			}
		}
	})
}

// TestTraceBounds: of a long call the last entries are kept, and of calls that have ended
// the last ones.
func TestTraceBounds(t *testing.T) {
	var long tracer
	f := long.follow(Call{}, TraceOptions{Follow: true})
	for i := range maxTraced + 10 {
		long.event(time.Duration(i), Event{Body: NoInput{Turn: uint64(i), Count: 1}}, false)
	}
	if part, _ := f.Next(t.Context()); part.Missed != 10 || len(part.Entries) != maxTraced || part.Entries[0].Turn != 10 {
		t.Errorf("missed %d, then %d entries", part.Missed, len(part.Entries))
	}
	synctest.Test(t, func(t *testing.T) {
		l := start(t, Config{}, nil)
		for i := range maxPast + 2 {
			l.exchange(fmt.Sprint("c", i), Request{Kind: SessionStart})
			l.exchange(fmt.Sprint("c", i), Request{Kind: SessionEnd})
			synctest.Wait()
		}
		if _, err := l.sessions.Trace("c1", TraceOptions{}); err == nil || l.trace("c2", TraceOptions{}).Call.Turn != 1 {
			t.Errorf("the second call is forgotten with %v, and the third is not", err)
		}
	})
}

// TestTraceLosesAudio: audio waits for who asked for it, and only so much of it.
func TestTraceLosesAudio(t *testing.T) {
	var tr tracer
	f := tr.follow(Call{}, TraceOptions{Follow: true, Content: true})
	for range maxTracedAudio/1000 + 2 {
		tr.bot(0, Response{Type: Chunk, Audio: make([]byte, 1000)})
	}
	if part, _ := f.Next(t.Context()); len(part.Audio) != maxTracedAudio/1000 || part.Lost != 2000 {
		t.Errorf("%d pieces are there and %d bytes lost", len(part.Audio), part.Lost)
	}
	tr.bot(0, Response{Type: Final, Clips: []Clip{{Audio: make([]byte, 10)}}})
	if part, _ := f.Next(t.Context()); len(part.Audio) != 1 || part.Lost != 0 {
		t.Errorf("afterwards %d pieces, and %d bytes lost", len(part.Audio), part.Lost)
	}
}

// TestTraceMergesAudio: a stretch of audio is one entry, also when both talk.
func TestTraceMergesAudio(t *testing.T) {
	var both tracer
	f := both.follow(Call{}, TraceOptions{Follow: true})
	both.event(0, Event{Body: Started{Agent: "a", Format: audio.Telephone}}, false)
	both.command(0, Command{Prompt: 1, Body: StartPrompt{Format: audio.Format{Encoding: audio.Linear16, Rate: 16000}}}, false, false)
	frame := make([]byte, 160)
	for i := range 50 {
		at := time.Duration(i) * 20 * time.Millisecond
		both.event(at, Event{Body: CallerAudio{Data: frame}}, false)
		both.command(at, Command{Prompt: 1, Body: PromptAudio{Data: make([]byte, 640)}}, false, false)
		both.event(at, Event{Body: Credit{Bytes: 1}}, false)
	}
	if part, _ := f.Next(t.Context()); len(part.Entries) != 2 {
		t.Errorf("before they end, stretches are told:\n%s", written(part))
	}
	both.event(time.Second, Event{Body: InputEnded{Turn: 1}}, false)
	const want = "host audio_input 0/0 caller audio 1.00 s\nbot audio 0/1 bot audio 1.00 s\nhost input_ended 1/0 \n"
	if part, _ := f.Next(t.Context()); written(part) != want {
		t.Errorf("%s, want %s", written(part), want)
	}
}

// TestCalls: what stands in the list.
func TestCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent := func(sink Sink, e Event) {}
		l := start(t, Config{}, silent)
		l.join(Key{"org", "first"}, Request{Kind: SessionStart}).HalfClose()
		time.Sleep(time.Second)
		l.join(Key{"other", "second"}, Request{Kind: DTMF, Digits: "1"}).HalfClose()
		all := l.sessions.Calls()
		if len(all) != 2 || all[0].Conversation != "first" || all[0].State != Greeting || all[0].Agent != "bot" ||
			all[1].State != Answering || all[1].Turn != 1 || all[1].Began.Sub(all[0].Began) != time.Second || all[1].Org != "other" {
			t.Errorf("the calls are %+v", all)
		}
		for id, says := range map[string]string{
			"":        "neither a conversation nor a session: there are conversation second session ",
			"third":   `"third" is neither a conversation nor a session: there are conversation second session `,
			"s":       "",
			"sec":     "",
			"second":  "",
			"firstly": "conversation first session ",
		} {
			f, err := l.sessions.Trace(id, TraceOptions{})
			if says == "" && (err != nil || f.Call.Conversation != "second") {
				t.Errorf("%q: %v", id, err)
			}
			if says != "" && (!errors.Is(err, ErrNoCall) || !strings.Contains(err.Error(), says)) {
				t.Errorf("%q: %v, want %q", id, err, says)
			}
		}
		l.join(Key{"org", "first-too"}, Request{Kind: SessionStart}).HalfClose()
		if _, err := l.sessions.Trace("fir", TraceOptions{}); !errors.Is(err, ErrNoCall) || !strings.Contains(err.Error(), `several begin with "fir"`) {
			t.Errorf("what is ambiguous: %v", err)
		}
		if f, err := l.sessions.Trace(all[0].SessionID[:20], TraceOptions{}); err != nil || f.Call.Conversation != "first" {
			t.Errorf("by the session: %v", err)
		}
	})
}

// TestTraceLate: what a bot asks for too late is marked, and a lost process is there.
func TestTraceLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := start(t, Config{}, func(sink Sink, e Event) {
			if body, ok := e.Body.(InputEnded); ok {
				sink.Command(Command{Turn: body.Turn, Body: Done{}})
				sink.Command(Command{Turn: body.Turn, Body: Done{}})
				sink.Command(Command{Ref: 1, Body: Unknown{"juggle"}})
				sink.Lost(errors.New("it is gone"))
			}
		})
		l.exchange("one", Request{Kind: SessionStart})
		synctest.Wait()
		got := written(readAll(t, l.trace("one", TraceOptions{})))
		for _, want := range []string{"bot done 1/0 \n", "bot done 1/0 late \n", "bot unknown 0/0 juggle\nhost refused 0/0 juggle: this host",
			"call process_lost 0/0 it is gone\n", "call fallback 0/0 the bot is gone: it is gone\n", "host session_end 0/0 failed: the bot is gone"} {
			if !strings.Contains(got, want) {
				t.Errorf("%q is not in\n%s", want, got)
			}
		}
	})
}

// BenchmarkTrace is what a trace costs for each frame of audio.
func BenchmarkTrace(b *testing.B) {
	t := &tracer{}
	t.event(0, Event{Body: Started{Format: audio.Telephone}}, false)
	var heard EventBody = CallerAudio{Data: make([]byte, 160)}
	var said CommandBody = PromptAudio{Data: make([]byte, 160)}
	b.ReportAllocs()
	for b.Loop() {
		t.event(0, Event{Body: heard}, false)
		t.command(0, Command{Prompt: 1, Body: said}, false, false)
	}
}

// TestTraceAllocatesNothing holds the path of audio to that.
func TestTraceAllocatesNothing(t *testing.T) {
	tr := &tracer{}
	tr.event(0, Event{Body: Started{Format: audio.Telephone}}, false)
	var heard EventBody = CallerAudio{Data: make([]byte, 160)}
	var said CommandBody = PromptAudio{Data: make([]byte, 160)}
	if n := testing.AllocsPerRun(1000, func() {
		tr.event(0, Event{Body: heard}, false)
		tr.command(0, Command{Prompt: 1, Body: said}, false, false)
	}); n != 0 {
		t.Errorf("%v allocations for a frame each way", n)
	}
}

// TestTracePlace: a call's process is named where it begins.
func TestTracePlace(t *testing.T) {
	s := begun(placedAt{})
	s.perform(&action{kind: tell, event: Event{Body: Started{Agent: "bot", Resumed: &Resumed{Cause: ByTakeover}}}})
	f := s.trace.follow(s.describe(), TraceOptions{})
	if got := written(readAll(t, f)); got != "host session_start 0/0 agent bot, plugin p/3, resumed: moved\n" || f.Call.Plugin != "p" || f.Call.Generation != 3 {
		t.Errorf("%s%+v", got, f.Call)
	}
}

// placedAt is a call at generation 3 of a plugin.
type placedAt struct{ nobody }

func (placedAt) Placed() (plugin string, generation int) { return "p", 3 }
